package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Framer carries whole datagrams over something that is not UDP. ReadDatagram is called by one goroutine, WriteDatagram by another;
// both may block. Close must end both; it may be called twice and while they run.
type Framer interface {
	// ReadDatagram fills b with the next datagram. One that does not fit is an error or is skipped, never cut.
	ReadDatagram(b []byte) (int, error)
	// WriteDatagram sends b, which it may not keep.
	WriteDatagram(b []byte) error
	Close() error
}

// Errors of AddTunnel.
var (
	ErrAddressTaken = errors.New("a tunnel with this address exists")
	ErrNotSynthetic = errors.New("not a synthetic address")
)

// Tunnel makes a Framer an address of a Conn. Its owner calls Run.
type Tunnel struct {
	conn   *Conn
	framer Framer
	remote netip.AddrPort
	out    outbox

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error

	received, sent atomic.Uint64
}

// AddTunnel registers f under the synthetic address remote: ParentAddr on a child, the address that the child presents on a parent,
// or the zero AddrPort for a fresh one when the child presents none (ICE then learns it from the first check). classify says what a
// datagram is worth when the tunnel is slower than the sender; nil means Classify. Until the owner calls Run nothing flows.
func (c *Conn) AddTunnel(f Framer, remote netip.AddrPort, classify func([]byte) Class) (*Tunnel, error) {
	if !remote.IsValid() {
		remote = RandomAddr()
	}
	if !IsSynthetic(remote.Addr()) {
		return nil, fmt.Errorf("add tunnel %s: %w", remote, ErrNotSynthetic)
	}
	if classify == nil {
		classify = Classify
	}
	t := &Tunnel{conn: c, framer: f, remote: remote, closed: make(chan struct{})}
	t.out.init(classify)
	c.tunnelMu.Lock()
	defer c.tunnelMu.Unlock()
	if c.isClosed() {
		return nil, net.ErrClosed
	}
	old := *c.tunnels.Load()
	if old[remote] != nil {
		return nil, fmt.Errorf("add tunnel %s: %w", remote, ErrAddressTaken)
	}
	all := make(map[netip.AddrPort]*Tunnel, len(old)+1)
	for a, t := range old {
		all[a] = t
	}
	all[remote] = t
	c.tunnels.Store(&all)
	return t, nil
}

// Addr is the address under which the tunnel's other end is reached.
func (t *Tunnel) Addr() netip.AddrPort { return t.remote }

// Run moves datagrams in both directions until ctx ends, the Framer fails, or the Tunnel or its Conn is closed. The error is the
// Framer's, or nil. When it returns the Framer is closed and the address is free.
func (t *Tunnel) Run(ctx context.Context) error {
	defer t.Close()
	stop := context.AfterFunc(ctx, func() { t.Close() })
	defer stop()
	var wg sync.WaitGroup
	var writeErr error
	wg.Go(func() { // ends with t.closed or when a write fails
		writeErr = t.writeLoop()
		t.Close()
	})
	readErr := t.readLoop()
	asked := t.isClosed()
	t.Close()
	wg.Wait()
	switch {
	case writeErr != nil:
		return fmt.Errorf("write to tunnel: %w", writeErr)
	case asked:
		return nil
	}
	return fmt.Errorf("read from tunnel: %w", readErr)
}

func (t *Tunnel) readLoop() error {
	b := make([]byte, datagramSize)
	for {
		n, err := t.framer.ReadDatagram(b)
		if err != nil {
			return err
		}
		t.received.Add(1)
		t.conn.in.put(b[:n], t.remote)
	}
}

func (t *Tunnel) writeLoop() error {
	for {
		d := t.out.take()
		if d == nil {
			select {
			case <-t.out.ready:
				continue
			case <-t.closed:
				return nil
			}
		}
		err := t.framer.WriteDatagram(d.data[:d.n])
		datagrams.Put(d)
		if err != nil {
			if t.isClosed() {
				return nil
			}
			return err
		}
		t.sent.Add(1)
	}
}

// send queues b; it never blocks.
func (t *Tunnel) send(b []byte) { t.out.put(b) }

// Close ends Run and frees the address.
func (t *Tunnel) Close() error {
	t.closeOnce.Do(func() {
		close(t.closed)
		t.conn.removeTunnel(t)
		t.closeErr = t.framer.Close()
	})
	return t.closeErr
}

func (t *Tunnel) isClosed() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

func (c *Conn) removeTunnel(t *Tunnel) {
	c.tunnelMu.Lock()
	defer c.tunnelMu.Unlock()
	old := *c.tunnels.Load()
	all := make(map[netip.AddrPort]*Tunnel, len(old))
	for a, o := range old {
		if o != t {
			all[a] = o
		}
	}
	c.tunnels.Store(&all)
}

// TunnelStats are counts since the tunnel was added.
type TunnelStats struct {
	Received, Sent uint64 // datagrams
	Dropped        uint64 // datagrams that found no room, belonged to a broken frame, or waited too long
}

// Stats returns the counts so far.
func (t *Tunnel) Stats() TunnelStats {
	return TunnelStats{Received: t.received.Load(), Sent: t.sent.Load(), Dropped: t.out.dropped.Load()}
}
