package session

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tongke/signaling/protocol"
)

// page is a client of the protocol.
type page struct {
	t  testing.TB
	ws *websocket.Conn

	mu      sync.Mutex
	id      int
	answers map[int]chan protocol.Answer
	state   *protocol.State
	states  []protocol.State
	room    protocol.Room
	bound   protocol.Bound
	asks    map[string]protocol.Encoding
	said    []protocol.Say
	tests   []protocol.SelfTest
	bye     protocol.Code
	closed  error
	done    chan struct{}
	ok      protocol.HelloOK
}

// dial opens a websocket; header may be nil.
func dial(t testing.TB, base string, header http.Header, protocols ...string) (*page, *http.Response, error) {
	t.Helper()
	if protocols == nil {
		protocols = []string{protocol.Subprotocol}
	}
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: patience}
	ws, resp, err := d.Dial("ws"+strings.TrimPrefix(base, "http")+"/ws", header)
	if err != nil {
		return nil, resp, err
	}
	p := &page{t: t, ws: ws, answers: map[int]chan protocol.Answer{}, asks: map[string]protocol.Encoding{}, done: make(chan struct{})}
	go p.read() // ends with the connection
	t.Cleanup(func() { ws.Close(); <-p.done })
	return p, resp, nil
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func connect(t testing.TB, base string, header http.Header) *page {
	t.Helper()
	p, _, err := dial(t, base, header)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *page) read() {
	defer close(p.done)
	for {
		_, frame, err := p.ws.ReadMessage()
		if err != nil {
			p.mu.Lock()
			p.closed = err
			p.mu.Unlock()
			return
		}
		m, err := protocol.DecodeDown(frame)
		if err != nil {
			p.t.Errorf("from the box: %v\n%s", err, frame)
			continue
		}
		p.mu.Lock()
		switch m := m.(type) {
		case protocol.Answer:
			if c := p.answers[m.Re]; c != nil {
				c <- m
			}
		case protocol.State:
			p.state = &m
			p.states = append(p.states, m)
		case protocol.Room:
			p.room = m
		case protocol.Bound:
			p.bound = m
		case protocol.Encoding:
			p.asks[m.Source] = m
		case protocol.Say:
			p.said = append(p.said, m)
		case protocol.SelfTest:
			p.tests = append(p.tests, m)
		case protocol.Bye:
			p.bye = m.Code
		}
		p.mu.Unlock()
	}
}

func (p *page) send(r protocol.Request) chan protocol.Answer {
	p.mu.Lock()
	p.id++
	id, c := p.id, make(chan protocol.Answer, 1)
	p.answers[id] = c
	p.mu.Unlock()
	frame, err := protocol.EncodeRequest(id, r)
	if err != nil {
		p.t.Error(err)
	}
	if err := p.ws.WriteMessage(websocket.TextMessage, frame); err != nil {
		c <- protocol.Answer{Err: protocol.Errorf("unsent", "%v", err)}
	}
	return c
}

// ask sends a request and waits for its answer; into may be nil.
func (p *page) ask(r protocol.Request, into any) error {
	select {
	case a := <-p.send(r):
		if a.Err != nil {
			return a.Err
		}
		if into == nil {
			return nil
		}
		return protocol.ReadAnswer(a, into)
	case <-p.done:
		return errors.New("connection closed")
	case <-time.After(patience):
		return errors.New("no answer")
	}
}

func (p *page) must(r protocol.Request, into any) {
	p.t.Helper()
	if err := p.ask(r, into); err != nil {
		p.t.Fatalf("%s: %v", protocol.Kind(r), err)
	}
}

func (p *page) refused(r protocol.Request, code protocol.Code) {
	p.t.Helper()
	if err := p.ask(r, nil); !errors.Is(err, &protocol.Error{Code: code}) {
		p.t.Errorf("%s: %v, want %s", protocol.Kind(r), err, code)
	}
}

func (p *page) hello(h protocol.Hello) *page {
	p.t.Helper()
	p.must(h, &p.ok)
	return p
}

// saw waits until a condition holds of what the page was told.
func (p *page) saw(what string, f func() bool) {
	p.t.Helper()
	eventually(p.t, what, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return f()
	})
}

// live waits for a phase.
func (p *page) phase(want protocol.Phase) {
	p.t.Helper()
	p.saw("lesson is "+string(want), func() bool { return p.state != nil && p.state.State == want })
}

// closeCode waits for the end and tells its code.
func (p *page) closeCode() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("the connection stays open")
	}
	var e *websocket.CloseError
	if errors.As(p.closed, &e) {
		return e.Code
	}
	p.t.Logf("closed: %v", p.closed)
	return 0
}

func class(lesson string) protocol.Hello {
	return protocol.Hello{Page: protocol.PageClass, Lesson: lesson}
}
func teach(lesson string) protocol.Hello {
	return protocol.Hello{Page: protocol.PageTeach, Lesson: lesson}
}
