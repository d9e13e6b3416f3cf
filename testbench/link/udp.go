package link

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
)

const (
	maxDatagram = 2048
	maxFlows    = 1024    // sockets of children that were seen
	udpBuffer   = 4 << 20 // bytes of each socket: the emulator itself must not lose
)

// flows are the UDP side of a link: each socket of a child has a socket of its own toward the parent, as behind a NAT.
type flows struct {
	l *Link

	mu     sync.Mutex
	byFrom map[netip.AddrPort]*net.UDPConn
	closed bool
	wg     sync.WaitGroup
}

// run reads what children send until the link's socket is closed.
func (f *flows) run(ctx context.Context) {
	defer f.wg.Wait()
	defer f.close()
	b, control := make([]byte, maxDatagram), make([]byte, stampSpace)
	for {
		n, on, _, from, err := f.l.udp.ReadMsgUDPAddrPort(b, control)
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // an ICMP error about an earlier packet
		}
		at := arrival(control[:on])
		parent := f.toward(from)
		if parent == nil {
			continue
		}
		data := bytes.Clone(b[:n])
		f.l.pipes[Up].datagram(data, at, func() { _, _ = parent.Write(data) })
	}
}

// toward is the socket for a child's socket; nil when there are too many, or the link ends.
func (f *flows) toward(from netip.AddrPort) *net.UDPConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.byFrom[from]; c != nil || f.closed || len(f.byFrom) >= maxFlows {
		return c
	}
	c, err := net.DialUDP("udp", nil, f.l.parent)
	if err != nil {
		return nil
	}
	_ = c.SetReadBuffer(udpBuffer)
	if err := stamped(c); err != nil {
		_ = c.Close()
		return nil
	}
	f.byFrom[from] = c
	f.wg.Go(func() { f.back(c, from) }) // ends when c is closed
	return c
}

// back reads what the parent sends to one child's socket.
func (f *flows) back(c *net.UDPConn, to netip.AddrPort) {
	b, control := make([]byte, maxDatagram), make([]byte, stampSpace)
	for {
		n, on, _, _, err := c.ReadMsgUDPAddrPort(b, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the parent is not there yet, or not any more
		}
		at, data := arrival(control[:on]), bytes.Clone(b[:n])
		f.l.pipes[Down].datagram(data, at, func() { _, _ = f.l.udp.WriteToUDPAddrPort(data, to) })
	}
}

func (f *flows) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, c := range f.byFrom {
		_ = c.Close()
	}
}
