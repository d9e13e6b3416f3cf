package udp

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
)

const (
	// maxUnread datagrams wait for a candidate's reader: three large keyframes.
	maxUnread = 1024
	// maxFlows bounds what one candidate can claim; a session has a handful.
	maxFlows = 256
)

// muxed is the connection of one candidate. One goroutine reads it.
type muxed struct {
	mux   *Mux
	ufrag string
	addr  *net.UDPAddr // as the candidate says it
	local netip.Addr   // its address, as a key
	from  netip.Addr   // local where the source of a datagram can be chosen, else zero

	ended  atomic.Bool                    // Close was called
	strays atomic.Bool                    // some remote reached us elsewhere than at local: the Conn's pins know
	last   atomic.Pointer[netip.AddrPort] // written to last and known to be ours in flows

	// under mux.mu
	flows   map[flow]struct{} // claimed
	removed bool

	mu      sync.Mutex
	arrived sync.Cond
	unread  ring
	closed  bool
}

var (
	_ net.PacketConn           = (*muxed)(nil)
	_ ice.AddrPortReaderWriter = (*muxed)(nil)
)

func newMuxed(m *Mux, ufrag string, addr *net.UDPAddr) *muxed {
	local := canonical(addr.AddrPort()).Addr().WithZone("")
	c := &muxed{mux: m, ufrag: ufrag, addr: addr, local: local, flows: map[flow]struct{}{}}
	if m.conn.pins != nil && !IsSynthetic(local) {
		c.from = local
	}
	c.arrived.L = &c.mu
	return c
}

// reaches reports whether remote is of local's kind: IPv4, IPv6 or synthetic.
func (c *muxed) reaches(remote netip.Addr) bool {
	return c.local.Is4() == remote.Is4() && IsSynthetic(c.local) == IsSynthetic(remote)
}

// push hands d over, or refuses it when too many wait.
func (c *muxed) push(d *datagram) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.unread.grow(maxUnread) {
		return false
	}
	c.unread.push(d)
	c.arrived.Signal()
	return true
}

// ReadFromAddrPort waits for a datagram. After Close it returns net.ErrClosed.
func (c *muxed) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	for c.unread.n == 0 && !c.closed {
		c.arrived.Wait()
	}
	if c.closed {
		c.mu.Unlock()
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	d := c.unread.pop()
	c.mu.Unlock()
	n, from := copy(b, d.data[:d.n]), d.from
	datagrams.Put(d)
	return n, from, nil
}

// WriteToAddrPort sends from the candidate's own address, and makes to one of its flows. After Close it returns io.ErrClosedPipe, which
// pion expects.
func (c *muxed) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if c.ended.Load() {
		return 0, io.ErrClosedPipe
	}
	to = canonical(to)
	if last := c.last.Load(); last == nil || *last != to {
		c.claim(to)
	}
	from := c.from
	if c.strays.Load() {
		if a := c.mux.conn.pins.lookup(to); a.IsValid() {
			from = a
		}
	}
	return c.mux.conn.writeFrom(b, from, to)
}

// claim makes c the one that gets what comes from remote: to c's address, to the one that remote was last seen at, and to any that
// nobody else claims.
func (c *muxed) claim(remote netip.AddrPort) {
	m := c.mux
	claimed := [3]flow{{remote, c.local}, {remote: remote}, {remote: remote}}
	if c.strays.Load() {
		claimed[2].local = m.conn.pins.lookup(remote)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.removed {
		return
	}
	for _, f := range claimed {
		if _, ok := c.flows[f]; !ok && len(c.flows) >= maxFlows {
			continue
		}
		if o := m.flows[f]; o != nil && o != c {
			delete(o.flows, f)
			o.last.Store(nil)
		}
		c.flows[f] = struct{}{}
		m.flows[f] = c
	}
	c.last.Store(&remote)
}

// ReadFrom is ReadFromAddrPort with an allocated address.
func (c *muxed) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is WriteToAddrPort for a *net.UDPAddr.
func (c *muxed) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errAddress
	}
	return c.WriteToAddrPort(b, a.AddrPort())
}

// Close ends reads and gives up the candidate's place.
func (c *muxed) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.ended.Store(true)
	for c.unread.n > 0 {
		datagrams.Put(c.unread.pop())
	}
	c.arrived.Broadcast()
	c.mu.Unlock()
	c.mux.remove(c)
	return nil
}

// LocalAddr is the candidate's address.
func (c *muxed) LocalAddr() net.Addr { return c.addr }

// SetDeadline does nothing: pion sets it only on its way to Close, and writes do not wait.
func (c *muxed) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing; see SetDeadline.
func (c *muxed) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing; see SetDeadline.
func (c *muxed) SetWriteDeadline(time.Time) error { return nil }

// requestUfrag returns our ufrag in a STUN binding request, the part of its USERNAME before the colon (RFC 8445 §7.2.2), or nil.
func requestUfrag(b []byte) []byte {
	const header, cookie, username = 20, 0x2112A442, 0x0006
	if len(b) < header || binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint32(b[4:]) != cookie {
		return nil
	}
	for b = b[header:]; len(b) >= 4; {
		kind, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[4:]
		if size > len(b) {
			return nil
		}
		if kind == username {
			for i, c := range b[:size] {
				if c == ':' {
					return b[:i:i]
				}
			}
			return nil
		}
		b = b[min((size+3)&^3, len(b)):] // RFC 8489 §14: padded to 4 bytes
	}
	return nil
}
