package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
)

// socketBuffer is asked for in both directions, in bytes. A keyframe of 50 packets to 50 subscribers is 3 MB; the kernel grants
// what net.core.rmem_max and wmem_max allow.
const socketBuffer = 4 << 20

// Options of Listen.
type Options struct {
	Network string // "udp" (both families on a wildcard, the default), "udp4" or "udp6"
	Buffer  int    // bytes asked for in each direction; 0 means 4 MiB
}

// Conn is one UDP socket, or none, and any number of tunnels. It is a net.PacketConn, and also an ice.AddrPortReaderWriter so that
// addresses need no allocation. All methods may be called from any goroutine.
type Conn struct {
	sock  *net.UDPConn // nil: a Conn of tunnels only
	local *net.UDPAddr
	at    netip.Addr // local's address, unless it is the wildcard
	four  bool       // reaches IPv4 peers
	six   bool       // reaches IPv6 peers
	pins  *pins      // nil unless the socket is on a wildcard and the platform tells local addresses
	out   queue
	in    inbox

	tunnelMu sync.Mutex
	tunnels  atomic.Pointer[map[netip.AddrPort]*Tunnel] // replaced whole

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error

	readErrors, forged, unroutable atomic.Uint64
}

var (
	_ net.PacketConn           = (*Conn)(nil)
	_ ice.AddrPortReaderWriter = (*Conn)(nil)
)

// Listen opens a socket on addr ("host:port"; an empty host is the wildcard and serves IPv4 and IPv6 alike).
func Listen(addr string, o Options) (*Conn, error) {
	if o.Network == "" {
		o.Network = "udp"
	}
	if o.Buffer == 0 {
		o.Buffer = socketBuffer
	}
	at, err := net.ResolveUDPAddr(o.Network, addr)
	if err != nil {
		return nil, fmt.Errorf("resolve %q: %w", addr, err)
	}
	if at.IP.To4() != nil && o.Network == "udp" {
		o.Network = "udp4" // Go opens both families for 0.0.0.0, which is not what was asked
	}
	sock, err := net.ListenUDP(o.Network, at)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", err)
	}
	c := newConn()
	c.sock = sock
	c.local = sock.LocalAddr().(*net.UDPAddr)
	c.six = c.local.IP.To4() == nil
	c.four = !c.six || wildcard(c.local) && o.Network == "udp"
	if err := c.setUp(o.Buffer); err != nil {
		sock.Close()
		return nil, fmt.Errorf("set up UDP socket: %w", err)
	}
	return c, nil
}

// ListenFor opens a socket of its own, on a free port, for dialling remote: of remote's family, and on loopback only when remote is
// loopback. Two peer connections over the same pair of sockets break each other, so each dial takes a fresh one.
func ListenFor(remote netip.Addr, o Options) (*Conn, error) {
	remote = remote.Unmap()
	o.Network = "udp6"
	if remote.Is4() {
		o.Network = "udp4"
	}
	host := ""
	if remote.IsLoopback() {
		host = remote.String()
	}
	return Listen(net.JoinHostPort(host, "0"), o)
}

// NewVirtual returns a Conn without a socket: only tunnels lead out of it. Its LocalAddr is the unspecified address.
func NewVirtual() *Conn {
	c := newConn()
	c.local = &net.UDPAddr{IP: net.IPv6unspecified}
	return c
}

func newConn() *Conn {
	c := &Conn{closed: make(chan struct{})}
	c.tunnels.Store(&map[netip.AddrPort]*Tunnel{})
	c.in.init(c)
	c.out.init()
	return c
}

func (c *Conn) setUp(buffer int) error {
	if wildcard(c.local) {
		c.pins = newPins(c.sock)
	} else {
		c.at = c.local.AddrPort().Addr().Unmap().WithZone("")
	}
	raw, err := c.sock.SyscallConn()
	if err != nil {
		return err
	}
	setBuffers(c.sock, raw, buffer)
	return c.out.open(c.sock, raw, c.pins)
}

// ReadFromAddrPort reads one datagram, from the socket or from a tunnel. A datagram longer than b is cut. The only errors are
// net.ErrClosed after Close and os.ErrDeadlineExceeded when a deadline was set.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, local, err := c.read(b)
	if err == nil && c.pins != nil {
		c.pins.learn(from, local)
	}
	return n, from, err
}

// read is ReadFromAddrPort that also tells on which of our addresses the datagram came: the zero Addr for a tunnel, or where the platform
// does not say.
func (c *Conn) read(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	for failures := 0; ; {
		n, from, ok, err := c.in.pop(b)
		if ok || err != nil {
			return n, from, netip.Addr{}, err
		}
		if c.sock == nil {
			c.in.wait()
			continue
		}
		n, from, local, err := c.readSocket(b)
		switch {
		case err == nil && IsSynthetic(from.Addr()):
			c.forged.Add(1)
		case err == nil:
			return n, from, local, nil
		case c.isClosed():
			return 0, netip.AddrPort{}, netip.Addr{}, net.ErrClosed
		case isTimeout(err): // a tunnel's wake-up or a deadline: pop tells which
		default:
			c.readErrors.Add(1)
			failures++
			c.pause(failures)
		}
	}
}

// pause keeps a socket that fails again and again from spinning; single errors (ICMP) cost nothing.
func (c *Conn) pause(failures int) {
	if failures < 16 {
		return
	}
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.closed:
	}
}

func (c *Conn) readSocket(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error) {
	if c.pins == nil {
		n, from, err = c.sock.ReadFromUDPAddrPort(b)
		local = c.at
	} else {
		n, from, local, err = c.pins.read(b)
	}
	return n, canonical(from), local, err
}

// WriteToAddrPort sends or queues b; it never waits for the network and copies b before it returns. It fails only when the Conn is
// closed or to is not an address.
func (c *Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	var from netip.Addr
	to = canonical(to)
	if c.pins != nil {
		from = c.pins.lookup(to)
	}
	return c.writeFrom(b, from, to)
}

// writeFrom is WriteToAddrPort with our address to send from; the zero Addr leaves it to the kernel. It counts on the wildcard only.
func (c *Conn) writeFrom(b []byte, from netip.Addr, to netip.AddrPort) (int, error) {
	if !to.IsValid() {
		return 0, errAddress
	}
	if c.isClosed() {
		return 0, net.ErrClosed
	}
	if IsSynthetic(to.Addr()) {
		if t := (*c.tunnels.Load())[to]; t != nil {
			t.send(b)
		} else {
			c.unroutable.Add(1)
		}
		return len(b), nil
	}
	if c.sock == nil {
		c.unroutable.Add(1)
		return len(b), nil
	}
	if err := c.out.write(b, from, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

var errAddress = errors.New("not a UDP address")

// ReadFrom is ReadFromAddrPort with an allocated address.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is WriteToAddrPort for a *net.UDPAddr.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errAddress
	}
	return c.WriteToAddrPort(b, a.AddrPort())
}

// Cork holds back datagrams until Uncork; see the package comment.
func (c *Conn) Cork() { c.out.cork() }

// Uncork ends a Cork. The last one sends what was held back, in this goroutine.
func (c *Conn) Uncork() { c.out.uncork() }

// Close ends the socket and its tunnels. Queued datagrams are lost.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		close(c.closed)
		c.out.close() // first: waits for a batch on its way into the kernel, whose descriptor must stay ours
		if c.sock != nil {
			c.closeErr = c.sock.Close()
		}
		c.tunnelMu.Lock() // whoever adds one after this sees that we are closed
		tunnels := *c.tunnels.Load()
		c.tunnelMu.Unlock()
		for _, t := range tunnels {
			t.Close()
		}
	})
	return c.closeErr
}

func (c *Conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// LocalAddr is the socket's address, a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// SetDeadline sets the read deadline; writes need none.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on; the zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.isClosed() {
		return net.ErrClosed
	}
	c.in.setDeadline(t)
	return nil
}

// SetWriteDeadline does nothing, since writes do not wait. pion's mux sets it on the socket that all peers share to free a writer that
// hangs; a deadline that stuck would silence everyone.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Stats are counts since the Conn was opened.
type Stats struct {
	Sent       uint64 // datagrams that the kernel took
	Calls      uint64 // system calls that it took for them
	Refused    uint64 // datagrams refused for their destination (unreachable, filtered, too long)
	Full       uint64 // datagrams dropped because the socket's send buffer was full
	Unroutable uint64 // datagrams for a synthetic address without a tunnel, or without a socket to send from
	Forged     uint64 // datagrams from the network with a synthetic source
	ReadErrors uint64 // errors of the kernel that a read passed over
	InboxFull  uint64 // datagrams from tunnels that the reader was too slow for
}

// Stats returns the counts so far.
func (c *Conn) Stats() Stats {
	return Stats{
		Sent: c.out.sent.Load(), Calls: c.out.calls.Load(), Refused: c.out.refused.Load(), Full: c.out.full.Load(),
		Unroutable: c.unroutable.Load(), Forged: c.forged.Load(), ReadErrors: c.readErrors.Load(), InboxFull: c.in.dropped.Load(),
	}
}

func wildcard(a *net.UDPAddr) bool { return a.IP == nil || a.IP.IsUnspecified() }

// canonical is the one form of an address that keys use: IPv4 not mapped into IPv6.
func canonical(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
