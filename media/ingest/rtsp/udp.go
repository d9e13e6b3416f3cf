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
// small stream longer than a camera may be silent.
type tap struct {
	mu    sync.Mutex
	from  net.IP
	port  int // of the first packet that counted
	kind  uint8
	order reorder
	give  func(*rtp.Packet)
}

// listen makes the client's sockets.
func (t *tap) listen(network, address string) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return &tapped{pc.(*net.UDPConn), t}, nil
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

// begin has packets of one payload type given, in order.
func (t *tap) begin(kind uint8, give func(*rtp.Packet)) {
	t.mu.Lock()
	t.kind, t.give = kind, give
	t.mu.Unlock()
}

// look takes a datagram; b is not kept.
func (t *tap) look(b []byte, from *net.UDPAddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.give == nil || !from.IP.Equal(t.from) || t.port != 0 && from.Port != t.port {
		return
	}
	var p rtp.Packet
	if p.Unmarshal(b) != nil || p.PayloadType != t.kind || p.Version != 2 {
		return // RTCP, or nothing of ours
	}
	t.port = from.Port
	t.order.take(&p, packet.Now(), t.give)
}

// tapped is a socket whose datagrams tap sees.
type tapped struct {
	*net.UDPConn
	tap *tap
}

// ReadFrom implements net.PacketConn.
func (c *tapped) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	if at, ok := from.(*net.UDPAddr); ok && err == nil {
		c.tap.look(b[:n], at)
	}
	return n, from, err
}
