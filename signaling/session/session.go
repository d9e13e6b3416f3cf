package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

const (
	tickEvery  = 250 * time.Millisecond
	parkFor    = 30 * time.Second // a place is kept for its page
	blinkFor   = 2 * time.Second  // a page that reloads is not missed
	maxWaiting = 64               // acts of one page on their way to the owner
	actWithin  = 4 * time.Second
	keptFor    = 20 * time.Minute // an ended lesson's pages: what there is to say afterwards
)

// Session is a page's place in a room and a lesson.
type Session struct {
	srv *Server
	log *slog.Logger
	id  string

	// Fixed by hello.
	page, room        string
	campus, classroom string
	role              auth.Role
	who               auth.Principal
	remote, lan       bool
	fixed             bool // the page named its lesson; else it follows the room's
	placed            bool // its room is the box's own, wherever that stands

	acts chan job      // worked off by one goroutine, in order
	gone chan struct{} // closed when the loop has ended

	mu   sync.Mutex
	mail []func()
	wake chan struct{}
	over bool // no more mail

	// Owned by the loop.
	ctx     context.Context
	conn    *conn // nil while parked
	parked  time.Time
	lesson  string
	state   *protocol.State
	unwatch func()
	down    *down
	up      *up
	asks    map[string]protocol.Encoding // as last sent, by source
	room0   protocol.Room                // event room as last sent
	follow  follower
	clock   time.Duration   // how far the box's clock was set when the page was last told the time
	wasSet  protocol.Millis // the time that it was told, after hello
	asked   uint64          // Auth.Ends when who was last asked for
	offers  bucket          // of connections that cost
	test    *selfTest
	ended   bool

	// Guarded by srv.mu: what others may know.
	resume   string
	facts    facts
	roomName string
}

// facts are what a session adds to its room's presence.
type facts struct {
	lesson    string
	attached  bool
	leaving   bool      // its place is given to another
	lost      time.Time // when it was parked
	devices   protocol.Devices
	stats     *protocol.Stats
	statsAt   time.Time
	published []string
}

// job is one act and where its answer goes.
type job struct {
	c  *conn
	id int
	do func(ctx context.Context) (any, error)
}

// later is what a handler returns to be done aside, in the order of the page's requests: an act may have to travel to the lesson's owner,
// and the page's media must not wait for it.
type later func(ctx context.Context) (any, error)

// post has f run by the loop. It never blocks.
func (s *Session) post(f func()) {
	s.mu.Lock()
	if !s.over {
		s.mail = append(s.mail, f)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run is the session's goroutine. It ends with the session, or with the server.
func (s *Session) run() {
	defer close(s.gone)
	ctx, cancel := context.WithCancel(s.srv.ctx)
	s.ctx = ctx
	var working sync.WaitGroup
	working.Go(func() { s.work(ctx) }) // ends with ctx
	if s.page == protocol.PageClass && !s.fixed {
		defer s.srv.cfg.Hub.WatchRooms(func() { s.post(func() { s.step(time.Now()) }) })()
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for !s.ended {
		select {
		case <-s.wake:
			s.mu.Lock()
			mail := s.mail
			s.mail = nil
			s.mu.Unlock()
			for _, f := range mail {
				if !s.ended {
					f()
				}
			}
		case <-tick.C:
			s.tick(time.Now())
		case <-ctx.Done():
			s.end(protocol.ByeShutdown)
		}
	}
	s.mu.Lock()
	s.over, s.mail = true, nil
	s.mu.Unlock()
	cancel()
	working.Wait()
}

// work does the acts, one after the other.
func (s *Session) work(ctx context.Context) {
	for {
		select {
		case j := <-s.acts:
			within, cancel := context.WithTimeout(ctx, actWithin)
			answer, err := j.do(within)
			cancel()
			s.answer(j.c, j.id, answer, err)
		case <-ctx.Done():
			return
		}
	}
}

// answer may be called from any goroutine.
func (s *Session) answer(c *conn, id int, body any, err error) {
	if err != nil {
		var known *protocol.Error
		if !errors.As(err, &known) {
			s.log.Warn("request not done", "err", err)
		}
		c.fail(id, err)
		return
	}
	frame, err := protocol.EncodeOK(id, body)
	if err != nil {
		s.log.Error("answer not encoded", "err", err)
		c.fail(id, err)
		return
	}
	c.send(frame)
}

// request does one request of the page.
func (s *Session) request(c *conn, id int, m protocol.Request) {
	if c != s.conn {
		return // of a connection that was taken over
	}
	h := handlers[protocol.Kind(m)]
	if h == nil {
		s.answer(c, id, nil, protocol.Errorf(protocol.UnknownType, "no request %s", protocol.Kind(m)))
		return
	}
	answer, err := h(s.ctx, s, m)
	if do, ok := answer.(later); ok && err == nil {
		select {
		case s.acts <- job{c, id, do}:
		default:
			s.answer(c, id, nil, protocol.Errorf(protocol.TooMany, "%d requests wait for the lesson's owner", maxWaiting))
		}
		return
	}
	s.answer(c, id, answer, err)
}

// tell sends an event to the page, if it is there.
func (s *Session) tell(e protocol.Event) {
	if s.conn == nil {
		return
	}
	frame, err := protocol.Encode(e)
	if err != nil {
		s.log.Error("event not encoded", "event", protocol.Kind(e), "err", err)
		return
	}
	s.conn.send(frame)
}

// attach gives the session its page, for the first time or again, and tells it all there is.
func (s *Session) attach(c *conn, id int, ok protocol.HelloOK) {
	if s.conn != nil {
		s.conn.close(websocket.CloseNormalClosure, "resumed elsewhere")
	}
	s.stopTest(s.test, ErrNoScreen)
	s.conn, s.parked = c, time.Time{}
	s.asks = map[string]protocol.Encoding{}
	s.room0, s.clock, s.wasSet = protocol.Room{}, s.srv.clock(time.Now()), 0
	s.note(func(f *facts) { f.attached = true })
	ok.Lesson = s.lesson
	s.answer(c, id, ok, nil)
	if s.state != nil {
		s.tell(lesson.View(*s.state, s.actor()))
	}
	if s.down != nil {
		s.tell(s.down.table())
	}
	s.ask()
	s.step(time.Now()) // a room whose lesson is on is on its way at once
	s.showRoom(time.Now())
}

// lost parks the session when its page's connection has ended.
func (s *Session) lost(c *conn) {
	if c != s.conn {
		return
	}
	s.conn, s.parked = nil, time.Now()
	s.stopTest(s.test, ErrNoScreen)
	s.note(func(f *facts) { f.attached, f.lost = false, s.parked })
}

func (s *Session) tick(now time.Time) {
	switch {
	case s.conn == nil && now.Sub(s.parked) >= parkFor:
		s.end("")
		return
	case s.signedOut(now):
		s.end(protocol.ByeSignedOut)
		return
	case s.fixed && !s.follow.endedAt.IsZero() && now.Sub(s.follow.endedAt) >= keptFor:
		s.end(protocol.ByeEnded)
		return
	}
	s.step(now)
	s.lookAtTest(now)
	s.showRoom(now)
	s.ask() // a recording may have begun
}

// signedOut reports whether the page's person has no right to be there any more. A sign-in that runs out while a lesson is on holds until
// its end; one that was ended ends at once.
func (s *Session) signedOut(now time.Time) bool {
	if !s.who.Expires.IsZero() && now.After(s.who.Expires) {
		return !s.teaching()
	}
	n := s.srv.cfg.Auth.Ends()
	if n == s.asked {
		return false
	}
	s.asked = n
	return !s.srv.cfg.Auth.StillIn(s.who)
}

// moved ends a session whose box stands in another room now: its page comes back by itself, into that one.
func (s *Session) moved() {
	s.log.Info("the box stands elsewhere now; the page comes anew")
	s.end("")
}

// end gives up the place. code is what the page is told, "" nothing.
func (s *Session) end(code protocol.Code) {
	if s.ended {
		return
	}
	s.ended = true
	s.stopTest(s.test, ErrNoScreen)
	s.enter("")
	if s.conn != nil {
		if code != "" {
			s.tell(protocol.Bye{Code: code})
		}
		s.conn.close(websocket.CloseNormalClosure, string(code))
		s.conn = nil
	}
	s.closeMedia()
	if s.role == auth.Assistant {
		s.srv.cfg.Auth.PhoneWent(s.who)
	}
	s.srv.forget(s)
	s.log.Info("session ended", "code", string(code))
}

// inRoom reports whether the page belongs to a room that can be sent away.
func (s *Session) inRoom() bool { return s.role == auth.Classroom || s.role == auth.Assistant }

func (s *Session) actor() lesson.Actor {
	return lesson.Actor{Role: s.role, Box: s.srv.cfg.Box, Room: s.room, Session: s.id, Remote: s.remote, LAN: s.lan}
}

// note changes what others may know, and has the room's presence said.
func (s *Session) note(f func(*facts)) {
	s.srv.mu.Lock()
	f(&s.facts)
	s.srv.mu.Unlock()
	s.srv.present(s.lesson, s.room)
}
