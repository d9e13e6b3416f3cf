package session

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"tongke/signaling/protocol"
)

const (
	pingEvery  = 5 * time.Second
	silentFor  = 12 * time.Second // without anything from the page: over
	writeLimit = 5 * time.Second  // one message to the socket
	maxQueue   = 256 << 10        // bytes that wait for a page
	maxAfter   = 64               // frames that are read and dropped after the close frame
	sendBuffer = 64 << 10         // in the kernel: what waits shall wait where it is counted
)

// conn is one websocket. Its reader is the HTTP request's goroutine, its writer one of its own; send and close may be called from anywhere.
type conn struct {
	ws    *websocket.Conn
	limit limiter // of the reader
	wake  chan struct{}

	seated atomic.Bool // a session says bye on it

	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	closed bool // no more is queued
	code   int  // of the close frame
	text   string
}

func newConn(ws *websocket.Conn) *conn {
	ws.SetReadLimit(protocol.MaxFrame)
	under := ws.NetConn()
	if t, ok := under.(interface{ NetConn() net.Conn }); ok { // below TLS
		under = t.NetConn()
	}
	if t, ok := under.(*net.TCPConn); ok {
		_ = t.SetWriteBuffer(sendBuffer) // as the kernel likes
	}
	return &conn{ws: ws, wake: make(chan struct{}, 1)}
}

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send queues one frame. It never blocks; a page that does not take what it is sent is closed and comes back.
func (c *conn) send(frame []byte) {
	c.mu.Lock()
	switch {
	case c.closed:
	case c.bytes+len(frame) > maxQueue:
		c.closed, c.code, c.text = true, websocket.CloseTryAgainLater, "too slow"
		c.queue = nil
		// A writer that is stuck gets no more time than a close frame may take.
		_ = c.ws.NetConn().SetWriteDeadline(time.Now().Add(time.Second))
	default:
		c.queue = append(c.queue, frame)
		c.bytes += len(frame)
	}
	c.mu.Unlock()
	c.poke()
}

// close ends the connection after what is queued. The first reason stays.
func (c *conn) close(code int, text string) {
	c.mu.Lock()
	if !c.closed {
		c.closed, c.code, c.text = true, code, text
	}
	c.mu.Unlock()
	c.poke()
}

// write sends what is queued, and pings, until the connection is closed or broken. Then it gives the reader a moment to see the page's own
// close frame: a socket that is closed with something unread resets, and the page would not learn why.
func (c *conn) write() {
	lingers := time.Duration(0)
	defer func() { _ = c.ws.SetReadDeadline(time.Now().Add(lingers)) }()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-c.wake:
		case <-ping.C:
			if c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeLimit)) != nil {
				return
			}
		}
		c.mu.Lock()
		queue, closed, code, text := c.queue, c.closed, c.code, c.text
		c.queue = nil
		c.mu.Unlock()
		for _, frame := range queue {
			if c.ws.SetWriteDeadline(time.Now().Add(writeLimit)) != nil || c.ws.WriteMessage(websocket.TextMessage, frame) != nil {
				c.close(websocket.CloseAbnormalClosure, "broken")
				return
			}
			c.mu.Lock()
			c.bytes -= len(frame)
			c.mu.Unlock()
		}
		if closed {
			if code != websocket.CloseAbnormalClosure {
				if lingers = time.Second; code == websocket.ClosePolicyViolation {
					lingers /= 5 // who floods has had its moment
				}
				_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
			}
			return
		}
	}
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// read hands each request to f until the connection ends; what comes after this end has closed is dropped.
func (c *conn) read(f func(id int, r protocol.Request, err error)) error {
	alive := func(string) error {
		if c.isClosed() {
			return nil // write sets the last deadline
		}
		return c.ws.SetReadDeadline(time.Now().Add(silentFor))
	}
	c.ws.SetPongHandler(alive)
	_ = alive("")
	faults, after := 0, 0
	for {
		kind, frame, err := c.ws.ReadMessage()
		if err != nil {
			return err
		}
		if c.isClosed() { // waiting for the page's own close frame
			if after++; after > maxAfter {
				return nil
			}
			time.Sleep(time.Millisecond)
			continue
		}
		_ = alive("")
		if kind != websocket.TextMessage {
			c.close(websocket.CloseInvalidFramePayloadData, "text frames only")
			continue
		}
		now := time.Now()
		v := c.limit.frame(now, len(frame))
		var id int
		var r protocol.Request
		if v == take || v == refuse {
			if id, r, err = protocol.Decode(frame); err == nil && v == take {
				v = c.limit.request(now, r)
			}
		}
		switch v {
		case cut:
			c.close(websocket.ClosePolicyViolation, "too many requests")
			continue
		case refuse:
			if id != 0 {
				c.fail(id, protocol.Errorf(protocol.TooMany, "at most %d requests a second", perSecond))
			}
			continue
		case ignore:
			time.Sleep(time.Millisecond) // whoever floods waits in its own socket's buffer; ends at the cut
			continue
		}
		if err != nil {
			if faults++; faults == maxFaults {
				c.close(faultCode(err), "not tongke.v1")
				continue
			}
		}
		f(id, r, err)
	}
}

func faultCode(err error) int {
	if errors.Is(err, &protocol.Error{Code: protocol.UnknownType}) {
		return websocket.ClosePolicyViolation
	}
	return websocket.CloseInvalidFramePayloadData
}

func (c *conn) fail(re int, err error) {
	if frame, err := protocol.EncodeError(re, err); err == nil {
		c.send(frame)
	}
}
