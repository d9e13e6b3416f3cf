package rtsp

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/pion/rtp"

	"tongke/media/packet"
)

const (
	heldMost = 8                     // packets that wait for one before them
	heldFor  = 20 * time.Millisecond // a school's own network reorders by less
)

// reorder puts packets into the order of their numbers and waits but shortly for a missing one: a camera cannot send it again. The zero
// value is ready. It is pure.
type reorder struct {
	started bool
	next    uint16
	held    []*rtp.Packet // by number
	since   packet.Time   // of the oldest that is held
}

// take adds a packet and gives those whose turn it is. p is copied where it has to wait.
func (r *reorder) take(p *rtp.Packet, now packet.Time, give func(*rtp.Packet)) {
	if !r.started {
		r.started, r.next = true, p.SequenceNumber
	}
	switch d := int16(p.SequenceNumber - r.next); {
	case d == 0:
		give(p)
		r.next++
	case d < 0 && d >= -tooLate:
		return // too late, or there already
	default:
		r.hold(p, now)
	}
	r.release(give)
	if len(r.held) > heldMost || len(r.held) > 0 && now.Sub(r.since) > heldFor {
		r.next = r.held[0].SequenceNumber
		r.release(give)
		r.since = now
	}
}

func (r *reorder) hold(p *rtp.Packet, now packet.Time) {
	at := len(r.held)
	for at > 0 && int16(p.SequenceNumber-r.held[at-1].SequenceNumber) < 0 {
		at--
	}
	if at > 0 && r.held[at-1].SequenceNumber == p.SequenceNumber {
		return
	}
	if len(r.held) == 0 {
		r.since = now
	}
	r.held = append(r.held, nil)
	copy(r.held[at+1:], r.held[at:])
	r.held[at] = p.Clone()
}

// release gives what follows without a gap.
func (r *reorder) release(give func(*rtp.Packet)) {
	for len(r.held) > 0 && r.held[0].SequenceNumber == r.next {
		give(r.held[0])
		r.held = r.held[1:]
		r.next++
	}
}

// tap looks at what comes by UDP before the library does, which would wait for 64 packets after each one that is missing: at the rate of a
// small stream longer than a camera may be silent. nil where the library's own callback is used.
type tap struct {
	mu    sync.Mutex
	from  net.IP
	now   int // which flow sockets are made for
	flows [2]flow
}

// flow is one of a camera's streams: pictures, then sound. Each has sockets of its own: their payload types may be the same number.
type flow struct {
	port  int // of the first packet that counted
	kind  uint8
	order reorder
	give  func(*rtp.Packet)
}

// next has the sockets that are made from now on belong to a flow.
func (t *tap) next(flow int) {
	if t != nil {
		t.mu.Lock()
		t.now = flow
		t.mu.Unlock()
	}
}

// listen makes the client's sockets.
func (t *tap) listen(network, address string) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return &tapped{pc.(*net.UDPConn), t, t.now}, nil
}

// dial notes which address the camera has.
func (t *tap) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if at, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		t.mu.Lock()
		t.from = at.IP
		t.mu.Unlock()
	}
	return conn, nil
}

// instead has a flow's packets of one payload type given in order, and returns what is left for the library's callback.
func (t *tap) instead(flow int, kind uint8, give func(*rtp.Packet)) func(*rtp.Packet) {
	if t == nil {
		return give
	}
	t.mu.Lock()
	t.flows[flow].kind, t.flows[flow].give = kind, give
	t.mu.Unlock()
	return func(*rtp.Packet) {}
}

// look takes a datagram of a flow; b is not kept.
func (t *tap) look(flow int, b []byte, from *net.UDPAddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &t.flows[flow]
	if f.give == nil || !from.IP.Equal(t.from) || f.port != 0 && from.Port != f.port {
		return
	}
	var p rtp.Packet
	if p.Unmarshal(b) != nil || p.PayloadType != f.kind || p.Version != 2 {
		return // RTCP, or nothing of ours
	}
	f.port = from.Port
	f.order.take(&p, packet.Now(), f.give)
}

// tapped is a socket whose datagrams tap sees.
type tapped struct {
	*net.UDPConn
	tap  *tap
	flow int
}

// ReadFrom implements net.PacketConn.
func (c *tapped) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	if at, ok := from.(*net.UDPAddr); ok && err == nil {
		c.tap.look(c.flow, b[:n], at)
	}
	return n, from, err
}
