package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
)

// Mux gives each ICE candidate its share of a Conn. It differs from pion's UDPMuxDefault in what a wildcard socket needs: every pair
// of (ufrag, own address) has a connection of its own, found by the address that a datagram came to and sent from. pion's candidates of
// one family share one, so that several goroutines read it and media arrives out of order, and checks are answered from the wrong
// address. Its list of own addresses is fresh each time and filtered, and no error but the end of the Conn ends it.
//
// A request goes to the candidate that its USERNAME names, everything else to the last that wrote to its sender.
type Mux struct {
	conn *Conn
	done chan struct{} // the reader has ended

	unknown, dropped atomic.Uint64

	mu      sync.RWMutex
	closed  bool
	byUfrag map[string][]*muxed
	flows   map[flow]*muxed // by the last writer; the zero local stands for any
}

// flow is a remote address and the own address it talks to.
type flow struct {
	remote netip.AddrPort
	local  netip.Addr
}

var (
	_ ice.UDPMux = (*Mux)(nil)
	_ ice.UDPMux = tunnelView{}
)

var errCandidateTaken = errors.New("a candidate with this ufrag and address exists")

// NewMux puts a mux on c and takes c over. It starts the one goroutine that reads c; Close ends it and c.
func NewMux(c *Conn) *Mux {
	m := &Mux{conn: c, done: make(chan struct{}), byUfrag: map[string][]*muxed{}, flows: map[flow]*muxed{}}
	go m.readLoop() // ends when c is closed; Close waits for it
	return m
}

func (m *Mux) readLoop() {
	defer close(m.done)
	d := datagrams.Get().(*datagram)
	for {
		n, from, local, err := m.conn.read(d.data[:])
		if err != nil {
			break // the Conn is closed; nobody sets its deadline
		}
		d.n, d.from = n, from
		to, stray := m.find(d.data[:n], from, local)
		if to == nil {
			m.unknown.Add(1)
			continue
		}
		if m.conn.pins != nil {
			if stray {
				to.strays.Store(true)
				to.last.Store(nil) // so that its next write claims this way too
			}
			if to.strays.Load() {
				m.conn.pins.learn(from, local)
			}
		}
		if !to.push(d) {
			m.dropped.Add(1)
			continue
		}
		d = datagrams.Get().(*datagram)
	}
	datagrams.Put(d)
	m.mu.Lock()
	m.closed = true
	var all []*muxed
	for _, l := range m.byUfrag {
		all = append(all, l...)
	}
	m.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

// find returns the connection that a datagram is for, or nil. stray says that it came to another address than the connection's.
func (m *Mux) find(b []byte, remote netip.AddrPort, local netip.Addr) (c *muxed, stray bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if ufrag := requestUfrag(b); ufrag != nil {
		for _, o := range m.byUfrag[string(ufrag)] {
			if o.local == local {
				return o, false
			}
			if c == nil && o.reaches(remote.Addr()) {
				c = o
			}
		}
		return c, local.IsValid()
	}
	if c = m.flows[flow{remote, local}]; c != nil {
		return c, false
	}
	c = m.flows[flow{remote: remote}]
	return c, local.IsValid()
}

// GetConn opens the connection of a candidate: ufrag with the own address addr, a *net.UDPAddr from GetListenAddresses. Its user closes
// it.
func (m *Mux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, errAddress
	}
	c := newMuxed(m, ufrag, a)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, net.ErrClosed
	}
	for _, o := range m.byUfrag[ufrag] {
		if o.local == c.local {
			return nil, errCandidateTaken
		}
	}
	m.byUfrag[ufrag] = append(m.byUfrag[ufrag], c)
	return c, nil
}

// RemoveConnByUfrag forgets the connections of an ICE session. They stay open for who has them, but get nothing more.
func (m *Mux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.byUfrag[ufrag] {
		m.dropFlowsLocked(c)
	}
	delete(m.byUfrag, ufrag)
}

func (m *Mux) dropFlowsLocked(c *muxed) {
	for f := range c.flows {
		delete(m.flows, f)
	}
	clear(c.flows)
	c.removed = true
}

// remove forgets one connection.
func (m *Mux) remove(c *muxed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropFlowsLocked(c)
	l := m.byUfrag[c.ufrag]
	for i, o := range l {
		if o == c {
			l = append(l[:i], l[i+1:]...)
			m.byUfrag[c.ufrag] = l
			break
		}
	}
	if len(l) == 0 {
		delete(m.byUfrag, c.ufrag)
	}
}

// GetListenAddresses lists the host candidates as the box's addresses are now: of a socket on the wildcard all usable ones, else that of
// the socket; of a Conn without a socket none.
func (m *Mux) GetListenAddresses() []net.Addr {
	switch {
	case m.conn.sock == nil:
		return nil
	case m.conn.at.IsValid():
		return []net.Addr{m.conn.local}
	}
	addrs, err := usable(m.conn.four, m.conn.six)
	if err != nil {
		return nil // no candidates now; the next call may have more luck
	}
	list := make([]net.Addr, len(addrs))
	for i, a := range addrs {
		list[i] = net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(m.conn.local.Port)))
	}
	return list
}

// Close ends the Conn and all connections and waits for the reader.
func (m *Mux) Close() error {
	err := m.conn.Close()
	<-m.done
	return err
}

// MuxStats are counts since NewMux.
type MuxStats struct {
	Unknown uint64 // datagrams that belong to no connection
	Dropped uint64 // datagrams whose connection did not read
}

// Stats returns the counts so far.
func (m *Mux) Stats() MuxStats {
	return MuxStats{Unknown: m.unknown.Load(), Dropped: m.dropped.Load()}
}

// Tunnel is a view of m for connections that go through a tunnel and no other way: its only candidate is local, the synthetic address of
// our end (ParentAddr on a parent, the drawn one on a child). Such connections share the Conn with those over UDP. Closing a view does
// nothing.
func (m *Mux) Tunnel(local netip.AddrPort) (ice.UDPMux, error) {
	if !IsSynthetic(local.Addr()) {
		return nil, fmt.Errorf("tunnel candidate %s: %w", local, ErrNotSynthetic)
	}
	return tunnelView{m, local}, nil
}

type tunnelView struct {
	*Mux
	local netip.AddrPort
}

func (v tunnelView) GetListenAddresses() []net.Addr {
	return []net.Addr{net.UDPAddrFromAddrPort(v.local)}
}

func (v tunnelView) Close() error { return nil }
