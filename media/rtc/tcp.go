package rtc

import (
	"net"
	"sync"
	"time"
)

const (
	// tcpWriteBuffer bounds what waits for a TCP peer that stops reading; past it packets are dropped, so nobody else waits. Bytes; about
	// 1.5 s of a 2.5 Mb/s stream.
	tcpWriteBuffer = 512 << 10
	tcpReadBuffer  = 64 // packets

	// tcpFirst is how long a connection may take to say which peer it is of; a stranger's is kept no longer.
	tcpFirst = 5 * time.Second
)

// listener remembers the connections that it gave out and closes them with itself: pion's mux waits at its end for those that have said
// nothing yet.
type listener struct {
	net.Listener

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
}

type conn struct {
	net.Conn
	l *listener
}

func newListener(ln net.Listener) *listener {
	return &listener{Listener: ln, conns: map[*conn]struct{}{}}
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	kept := &conn{c, l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	l.conns[kept] = struct{}{}
	return kept, nil
}

// Close ends Accept and every connection.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close()
	}
	return l.Listener.Close()
}

// Close ends one connection.
func (c *conn) Close() error {
	c.l.mu.Lock()
	delete(c.l.conns, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}
