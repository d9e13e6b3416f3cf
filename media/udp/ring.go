package udp

import (
	"net/netip"
	"sync"
	"time"
)

// datagram is one datagram in memory from the pool.
type datagram struct {
	n    int
	from netip.AddrPort // where it came from; in a tunnel's queue unused
	at   time.Time      // in a tunnel's queue: when it was put there; zero for what never grows stale
	data [datagramSize]byte
}

// datagramSize is above what any peer sends: WebRTC keeps to 1200 bytes or so, Ethernet to 1472.
const datagramSize = 2048

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// ring is a first-in first-out queue that grows up to a limit.
type ring struct {
	slot    []*datagram // its length is a power of two
	head, n int
}

// grow makes room for one more and reports false when limit are queued.
func (r *ring) grow(limit int) bool {
	switch {
	case r.n >= limit:
		return false
	case r.n < len(r.slot):
		return true
	}
	slot := make([]*datagram, max(16, 2*len(r.slot)))
	for i := range r.n {
		slot[i] = r.slot[(r.head+i)&(len(r.slot)-1)]
	}
	r.slot, r.head = slot, 0
	return true
}

// push appends d; the caller has called grow.
func (r *ring) push(d *datagram) {
	r.slot[(r.head+r.n)&(len(r.slot)-1)] = d
	r.n++
}

func (r *ring) pop() *datagram {
	d := r.slot[r.head]
	r.slot[r.head] = nil
	r.head = (r.head + 1) & (len(r.slot) - 1)
	r.n--
	return d
}
