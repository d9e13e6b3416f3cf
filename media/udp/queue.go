package udp

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	// maxBatch is how many datagrams go into one system call: about 1 ms of work, during which Go cannot stop this thread.
	maxBatch = 256
	// slotSize is the room for one datagram; what is longer (loopback only) is copied into memory of its own.
	slotSize = 1500
)

// batch is a list of datagrams with room for their bytes.
type batch struct {
	n    int
	from [maxBatch]netip.Addr // our address, or zero
	to   [maxBatch]netip.AddrPort
	data [maxBatch][]byte
	room []byte // maxBatch slots
}

func (b *batch) add(p []byte, from netip.Addr, to netip.AddrPort) {
	dst := b.room[b.n*slotSize : b.n*slotSize : (b.n+1)*slotSize]
	b.data[b.n] = append(dst, p...)
	b.from[b.n], b.to[b.n] = from, to
	b.n++
}

// queue is the sending side of a Conn. Every write goes through it: the writer that finds nobody sending sends, the others leave their
// datagrams to it. So there is one sender at a time, its arrays need no lock, and no lock is held during a system call.
type queue struct {
	sent, calls, refused, full atomic.Uint64

	mu      sync.Mutex
	changed sync.Cond // sending ended or there is room
	corks   int
	sending bool
	closed  bool
	fill    *batch // takes writes
	spare   *batch // empty, or on its way into the kernel while sending

	sender sender // used by whoever set sending
}

func (q *queue) init() { q.changed.L = &q.mu }

// open makes the queue ready to send through sock.
func (q *queue) open(sock *net.UDPConn, raw syscall.RawConn, p *pins) error {
	q.fill = &batch{room: make([]byte, maxBatch*slotSize)}
	q.spare = &batch{room: make([]byte, maxBatch*slotSize)}
	return q.sender.init(q, sock, raw, p)
}

func (q *queue) write(p []byte, from netip.Addr, to netip.AddrPort) error {
	q.mu.Lock()
	for !q.closed && q.fill.n == maxBatch {
		if q.sending {
			q.changed.Wait() // the sender does not wait for the network, so neither do we
		} else {
			q.flushLocked()
		}
	}
	if q.closed {
		q.mu.Unlock()
		return net.ErrClosed
	}
	q.fill.add(p, from, to)
	if q.corks == 0 && !q.sending {
		q.flushLocked()
	}
	q.mu.Unlock()
	return nil
}

func (q *queue) cork() {
	q.mu.Lock()
	q.corks++
	q.mu.Unlock()
}

func (q *queue) uncork() {
	q.mu.Lock()
	if q.corks > 0 {
		q.corks--
	}
	if q.corks == 0 && !q.sending && !q.closed && q.fill != nil {
		q.flushLocked()
	}
	q.mu.Unlock()
}

// flushLocked sends what is queued, and what is added meanwhile unless somebody corks. It lets go of the lock while it sends.
func (q *queue) flushLocked() {
	q.sending = true
	for again := true; again && q.fill.n > 0 && !q.closed; again = q.corks == 0 {
		b := q.fill
		q.fill, q.spare = q.spare, b
		q.mu.Unlock()
		q.sender.send(b)
		clear(b.data[:b.n])
		b.n = 0
		q.mu.Lock()
		q.changed.Broadcast()
	}
	q.sending = false
	q.changed.Broadcast()
}

// close waits for the sender and refuses further writes.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
	for q.sending {
		q.changed.Wait()
	}
}
