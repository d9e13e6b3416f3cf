package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// Mux is pion's UDP mux over a Conn, telling the right addresses: a socket on the wildcard lists the addresses that the box has now, a
// socket on one address lists that one, and a Conn without a socket none. (pion's own list on a wildcard passes over network types and
// filters, and its loopback rule is for its own type only.)
type Mux struct {
	ice.UDPMux
	conn *Conn
}

// NewMux puts a mux on c and takes c over: Close of either ends both. pion starts a goroutine here, which reads c until it is closed.
// log may be nil.
func NewMux(c *Conn, log logging.LeveledLogger) *Mux {
	if log == nil {
		log = logging.NewDefaultLoggerFactory().NewLogger("ice")
	}
	quiet := &muxLogger{LeveledLogger: log}
	inner := ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: quiet, UDPConn: muxConn{c}, Net: NewNet()})
	quiet.started.Store(true)
	return &Mux{UDPMux: inner, conn: c}
}

// GetListenAddresses lists the host candidates, fresh each time.
func (m *Mux) GetListenAddresses() []net.Addr {
	switch {
	case m.conn.sock == nil:
		return nil
	case !wildcard(m.conn.local):
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

// muxConn is a Conn that says it is on the wildcard: otherwise pion's mux refuses every candidate but the socket's own address, and with
// it the tunnels.
type muxConn struct{ *Conn }

func (c muxConn) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv6unspecified, Port: c.local.Port}
}

// muxLogger leaves out pion's warning that a mux should not listen on the wildcard, whose reasons this package takes care of.
type muxLogger struct {
	logging.LeveledLogger
	started atomic.Bool
}

func (l *muxLogger) Warn(msg string) {
	if l.started.Load() {
		l.LeveledLogger.Warn(msg)
	}
}
