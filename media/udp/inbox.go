package udp

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// inboxSize is how many datagrams from tunnels wait for the reader, which needs about a microsecond for each.
const inboxSize = 512

// past wakes a reader out of the kernel.
var past = time.Unix(1, 0)

// inbox holds datagrams that tunnels brought. The reader sleeps in the kernel, on the socket, so a datagram put here wakes it by a
// read deadline in the past; the reader takes that back once the inbox is empty.
type inbox struct {
	dropped atomic.Uint64

	c     *Conn
	ready chan struct{} // wakes the reader of a Conn without a socket

	mu       sync.Mutex
	unread   ring
	waking   bool      // the socket's read deadline is in the past for us
	deadline time.Time // the user's
}

func (in *inbox) init(c *Conn) {
	in.c = c
	in.ready = make(chan struct{}, 1)
}

// put copies b in as coming from from, or counts it as dropped when the reader is far behind.
func (in *inbox) put(b []byte, from netip.AddrPort) {
	d := datagrams.Get().(*datagram)
	d.n, d.from = copy(d.data[:], b), from
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.unread.grow(inboxSize) {
		in.dropped.Add(1)
		datagrams.Put(d)
		return
	}
	in.unread.push(d)
	if !in.waking {
		in.waking = true
		in.wakeLocked(past)
	}
}

func (in *inbox) wakeLocked(deadline time.Time) {
	if in.c.sock != nil {
		in.c.sock.SetReadDeadline(deadline)
		return
	}
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

// pop copies the oldest datagram to b. With none there, the socket may be read again; err says that it must not.
func (in *inbox) pop(b []byte) (n int, from netip.AddrPort, ok bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.c.isClosed():
		return 0, from, false, net.ErrClosed
	case !in.deadline.IsZero() && !time.Now().Before(in.deadline):
		return 0, from, false, os.ErrDeadlineExceeded
	case in.unread.n == 0:
		if in.waking {
			in.waking = false
			if in.c.sock != nil {
				in.c.sock.SetReadDeadline(in.deadline)
			}
		}
		return 0, from, false, nil
	}
	d := in.unread.pop()
	n, from = copy(b, d.data[:d.n]), d.from
	datagrams.Put(d)
	return n, from, true, nil
}

// wait blocks the reader of a Conn without a socket until something may have changed.
func (in *inbox) wait() {
	in.mu.Lock()
	deadline := in.deadline
	in.mu.Unlock()
	var due <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-in.ready:
	case <-in.c.closed:
	case <-due:
	}
}

func (in *inbox) setDeadline(t time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.deadline = t
	if !in.waking {
		in.wakeLocked(t)
	}
}
