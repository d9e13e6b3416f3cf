package udp

import (
	"net"
	"net/netip"
	"sync"
)

// maxPins bounds each of the two generations of a table.
const maxPins = 2048

// pins remembers on which of our addresses each remote last reached us. It holds two generations: when the young one is full it becomes
// the old one, so whoever is heard from stays. A flood of forged sources can at most push entries out, and then the kernel chooses
// the source by its routes, as it would without us.
type pins struct {
	sock *net.UDPConn
	oob  []byte // for read; one reader at a time holds readMu

	readMu sync.Mutex

	mu         sync.RWMutex
	young, old map[netip.AddrPort]netip.Addr
}

// learn notes that remote reached us at local.
func (p *pins) learn(remote netip.AddrPort, local netip.Addr) {
	if !local.IsValid() || local.IsUnspecified() || local.IsMulticast() {
		return
	}
	p.mu.RLock()
	known := p.young[remote] == local
	p.mu.RUnlock()
	if known {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.young) >= maxPins {
		p.old = p.young
		p.young = make(map[netip.AddrPort]netip.Addr)
	}
	p.young[remote] = local
}

// lookup returns the address to send from, or the zero Addr.
func (p *pins) lookup(remote netip.AddrPort) netip.Addr {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if a, ok := p.young[remote]; ok {
		return a
	}
	return p.old[remote]
}

// forget drops what is known of remote.
func (p *pins) forget(remote netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.young, remote)
	delete(p.old, remote)
}
