package link

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"tongke/media/packet"
)

const (
	segment    = 1448      // bytes of data in a full IPv4 packet with TCP time stamps
	tcpHeaders = 52        // IPv4, TCP and its time stamps
	tcpWindow  = 256 << 10 // bytes of one connection on their way
	tcpBuffer  = 64 << 10  // bytes of each socket: what a sender has in flight shall wait at the sender
	firstRetry = 200 * time.Millisecond
	firstSYN   = time.Second // RFC 6298 §2
)

// accept relays TCP connections until the listener is closed.
func (l *Link) accept(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for n := uint32(1); ; n++ {
		c, err := l.tcp.Accept()
		if err != nil {
			return
		}
		wg.Go(func() { l.relay(ctx, c.(*net.TCPConn), n) }) // ends with its ends, or with ctx
	}
}

// relay carries one TCP connection. In an outage it is opened when the sender's next try would get through.
func (l *Link) relay(ctx context.Context, child *net.TCPConn, number uint32) {
	defer child.Close()
	now := packet.Now()
	opens := l.pipes[Up].retry(now, firstSYN).Add(l.pipes[Up].plan.c.Delay + l.pipes[Down].plan.c.Delay)
	if !sleep(ctx, opens.Sub(now)) {
		return
	}
	conn, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(l.parent.AddrPort()))
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { child.Close(); conn.Close() })
	defer stop()
	for _, c := range []*net.TCPConn{child, conn} {
		_ = c.SetReadBuffer(tcpBuffer)
		_ = c.SetWriteBuffer(tcpBuffer)
	}
	var wg sync.WaitGroup
	up := &stream{p: l.pipes[Up], from: child, to: conn, number: 2*number + 0}
	down := &stream{p: l.pipes[Down], from: conn, to: child, number: 2*number + 1}
	wg.Go(func() { up.run(ctx) }) // both end when an end closes
	wg.Go(func() { down.run(ctx) })
	wg.Wait()
}

// stream is one direction of a TCP connection. The kernel has acknowledged its bytes, so nothing is lost any more: what the link loses
// comes a retransmission later, and all behind it waits.
type stream struct {
	p        *pipe
	from, to *net.TCPConn
	number   uint32
	last     packet.Time // when the newest piece leaves
}

func (s *stream) run(ctx context.Context) {
	ready := make(chan []byte, tcpWindow/segment+1) // cap: what may be on its way, so that send never blocks
	credit := make(chan struct{}, tcpWindow/segment)
	done := make(chan struct{})
	go func() { // ends with ready, which is closed below once all is delivered, or with ctx
		defer close(done)
		s.write(ctx, ready, credit)
	}()
	s.read(ctx, ready, credit)
	for range cap(credit) { // all that is on its way has come
		select {
		case credit <- struct{}{}:
		case <-ctx.Done(): // the pipe may still hold parcels that send to ready: it stays open
			<-done
			return
		}
	}
	close(ready)
	<-done
}

// write brings what is due to the other end.
func (s *stream) write(ctx context.Context, ready <-chan []byte, credit <-chan struct{}) {
	broken := false
	for {
		select {
		case b, open := <-ready:
			switch {
			case !open:
				return
			case b == nil:
				_ = s.to.CloseWrite()
			case !broken:
				if _, err := s.to.Write(b); err != nil {
					broken = true
					_ = s.from.Close()
				}
			}
			<-credit
		case <-ctx.Done():
			return
		}
	}
}

func (s *stream) read(ctx context.Context, ready chan<- []byte, credit chan<- struct{}) {
	for number := uint64(0); ; number++ {
		b := make([]byte, segment)
		n, err := s.from.Read(b)
		if n > 0 {
			at := packet.Now()
			for wait := s.p.full(n+tcpHeaders, at); wait > 0; wait = s.p.full(n+tcpHeaders, packet.Now()) {
				if !sleep(ctx, wait) {
					return
				}
			}
			if !s.put(ctx, b[:n], number, at, ready, credit) {
				return
			}
		}
		if err != nil {
			if err == io.EOF {
				s.put(ctx, nil, number+1, packet.Now(), ready, credit)
			} else {
				_ = s.to.Close()
			}
			return
		}
	}
}

// put sends a piece on its way; nil is the end of the stream.
func (s *stream) put(ctx context.Context, b []byte, number uint64, at packet.Time, ready chan<- []byte, credit chan<- struct{}) bool {
	select {
	case credit <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	p := s.p
	id := Identity{Stream: 1<<30 | s.number, Number: number}
	rec := Record{At: at, Direction: p.dir, Kind: TCP, Size: len(b) + tcpHeaders, ID: id}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := packet.Now()
	departs, fits := p.admit(rec.Size, now, p.since(now))
	if !fits {
		departs = max(p.free, now) // another was quicker; it waits as if it stood behind
	}
	due := p.retry(departs, firstRetry)
	for again := uint32(0); p.plan.fate(Identity{id.Stream, id.Number, again}, p.since(due)) != Passed && again < 8; again++ {
		due = p.retry(due.Add(2*p.plan.c.Delay+10*time.Millisecond), firstRetry) // told of the hole by what comes behind it (RFC 5681 §3.2)
	}
	due = max(due.Add(p.plan.delay(p.since(due))), s.last)
	s.last = due
	rec.Wanted = due.Sub(at)
	p.putLocked(&parcel{due: due, send: func() { ready <- b }, rec: rec})
	return true
}

// retry is when something sent at a moment gets through: at once, or in an outage with the first try after it, tries being twice as far
// apart each time (RFC 6298 §5.5).
func (p *pipe) retry(at packet.Time, first time.Duration) packet.Time {
	for pause := first; ; pause *= 2 {
		if _, out := p.plan.outage(p.since(at)); !out {
			return at
		}
		at = at.Add(pause)
	}
}

// sleep waits, and reports false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
