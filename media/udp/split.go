package udp

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// decideWithin is how long a connection may take to show what it is, to be taken by its side, or to read our refusal.
	decideWithin = 5 * time.Second
	// maxUndecided connections are looked at at the same time. One more closes the oldest, so that silent ones cannot keep others out.
	maxUndecided = 256
	// peekSize is what tells STUN in RFC 4571 framing: the frame's length, then type, length and magic cookie (RFC 8489 §5).
	peekSize = 10
)

// Splitter makes one TCP port serve TLS and ICE-TCP (RFC 6544), by the first bytes of each connection. Whoever speaks plain HTTP is
// told to use https://, everything else is closed.
type Splitter struct {
	ln       net.Listener
	tls, ice side

	mu        sync.Mutex
	undecided []net.Conn // oldest first

	refused, evicted atomic.Uint64
}

// Split divides what comes in at ln. Run does the work; until then, nobody is accepted. It takes ln over and closes it when Run ends.
func Split(ln net.Listener) *Splitter {
	s := &Splitter{ln: ln}
	s.tls.init(ln.Addr())
	s.ice.init(ln.Addr())
	return s
}

// TLS is the side that gets connections beginning with a TLS handshake record. Closing a side ends its Accept with net.ErrClosed and
// closes such connections from then on; the other side goes on.
func (s *Splitter) TLS() net.Listener { return &s.tls }

// ICE is the side that gets connections beginning with a framed STUN message. Close it when there is no ICE-TCP.
func (s *Splitter) ICE() net.Listener { return &s.ice }

// Run accepts connections until ctx ends or the listener fails for good. Then the listener, both sides and all undecided connections are
// closed; connections already handed over live on.
func (s *Splitter) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.ln.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer s.closeUndecided()
	defer s.ice.Close()
	defer s.tls.Close()
	defer s.ln.Close()
	for failures := 0; ; {
		c, err := s.ln.Accept()
		switch {
		case err == nil:
			failures = 0
			s.admit(c)
			wg.Go(func() { s.decide(c) }) // ends within twice decideWithin, or when closeUndecided closes c
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of descriptors, or the peer was gone before we came
			failures++
			if !sleep(ctx, min(time.Duration(failures)*5*time.Millisecond, time.Second)) {
				return nil
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// admit enters c among the undecided and closes the oldest when there are too many.
func (s *Splitter) admit(c net.Conn) {
	s.mu.Lock()
	var oldest net.Conn
	if len(s.undecided) >= maxUndecided {
		oldest = s.undecided[0]
		s.undecided = append(s.undecided[:0], s.undecided[1:]...)
	}
	s.undecided = append(s.undecided, c)
	s.mu.Unlock()
	if oldest != nil {
		s.evicted.Add(1)
		oldest.Close()
	}
}

// leave takes c out of the undecided and reports whether it was still there.
func (s *Splitter) leave(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range s.undecided {
		if o == c {
			s.undecided = append(s.undecided[:i], s.undecided[i+1:]...)
			return true
		}
	}
	return false
}

func (s *Splitter) closeUndecided() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.undecided {
		c.Close()
	}
}

// decide reads the first bytes of c and hands it to the side they belong to.
func (s *Splitter) decide(c net.Conn) {
	deadline := time.Now().Add(decideWithin)
	c.SetDeadline(deadline)
	head := make([]byte, 0, peekSize)
	kind := undecided
	for kind == undecided {
		n, err := c.Read(head[len(head):peekSize])
		head = head[:len(head)+n]
		kind = sniff(head)
		if err != nil && kind == undecided {
			kind = unknown
		}
	}
	var to *side
	switch kind {
	case isTLS:
		to = &s.tls
	case isICE:
		to = &s.ice
	case isHTTP:
		s.refused.Add(1)
		refuseHTTP(c)
	default:
		s.refused.Add(1)
	}
	if to != nil {
		c.SetDeadline(time.Time{})
		if to.offer(&peeked{Conn: c, head: head}, deadline) {
			s.leave(c)
			return
		}
	}
	s.leave(c)
	c.Close()
}

// protocol is what the first bytes of a connection tell.
type protocol int

const (
	undecided protocol = iota // more bytes are needed
	isTLS
	isICE
	isHTTP
	unknown
)

// sniff tells the protocol from the first bytes, at most peekSize of them.
func sniff(b []byte) protocol {
	switch {
	case len(b) == 0:
		return undecided
	case b[0] == 0x16: // RFC 8446 §5.1: handshake
		return isTLS
	case b[0] >= 'A' && b[0] <= 'Z': // RFC 9110 §9.1: all registered methods are upper case
		return isHTTP
	case b[0] > 2: // a first STUN message beyond 767 bytes is none
		return unknown
	case len(b) < peekSize:
		return undecided
	}
	// RFC 8489 §5: two zero bits, a length that is a multiple of 4, the cookie. A peer begins with a binding request.
	frame, length := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[4:])
	if binary.BigEndian.Uint16(b[2:]) != 1 || binary.BigEndian.Uint32(b[6:]) != 0x2112A442 || length%4 != 0 || frame != length+20 {
		return unknown
	}
	return isICE
}

const httpsAdvice = "请改用 https:// 打开这个地址。\nThis port speaks HTTPS: use https:// instead of http://.\n"

// refuseHTTP answers a plain-text request. It reads on for a moment, since closing with unread bytes resets the connection and the
// browser would show that instead of our sentence.
func refuseHTTP(c net.Conn) {
	answer := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
		strconv.Itoa(len(httpsAdvice)) + "\r\n\r\n" + httpsAdvice
	if _, err := c.Write([]byte(answer)); err != nil {
		return
	}
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
	}
	c.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 4096)
	for range 4 {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// peeked gives back the bytes that were looked at.
type peeked struct {
	net.Conn
	head []byte
}

// Read is called by one goroutine at a time, as for any stream.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// NetConn is the connection below, for its socket options.
func (p *peeked) NetConn() net.Conn { return p.Conn }

// side is one of a Splitter's listeners.
type side struct {
	addr   net.Addr
	ready  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (s *side) init(addr net.Addr) {
	s.addr, s.ready, s.closed = addr, make(chan net.Conn), make(chan struct{})
}

// offer waits until c is accepted; false means that the caller keeps it.
func (s *side) offer(c net.Conn, deadline time.Time) bool {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-s.closed:
		return false
	default:
	}
	select {
	case s.ready <- c:
		return true
	case <-s.closed:
	case <-t.C:
	}
	return false
}

func (s *side) Accept() (net.Conn, error) {
	select {
	case <-s.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-s.ready:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *side) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *side) Addr() net.Addr { return s.addr }

// SplitStats are counts since Split.
type SplitStats struct {
	Refused uint64 // connections that were neither TLS nor ICE, or showed nothing in time
	Evicted uint64 // undecided connections closed because there were too many
}

// Stats returns the counts so far.
func (s *Splitter) Stats() SplitStats {
	return SplitStats{Refused: s.refused.Load(), Evicted: s.evicted.Load()}
}
