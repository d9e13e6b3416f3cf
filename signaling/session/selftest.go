package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// What keeps a self-test from running, or ends it.
var (
	ErrNoScreen = errors.New("the page of the wall screen is not open")
	ErrInLesson = errors.New("a lesson is on in the room, or about to begin")
	ErrTesting  = errors.New("another self-test is under way")
	ErrNoAnswer = errors.New("the wall screen did not answer the self-test")
	ErrFailed   = errors.New("the wall screen could not finish the self-test")
	ErrStopped  = errors.New("the self-test was stopped")
)

// selfTest is one test of the room. It belongs to the loop of the screen's session.
type selfTest struct {
	number   int
	do       []string
	answered bool        // only its test picture is still there
	done     chan tested // 1
}

type tested struct {
	protocol.SelfTested
	err error
}

// How long a page may take: a USB camera opens in up to three seconds, and a person has ten to clap.
var testWithin = map[string]time.Duration{
	protocol.DoChirp: 15 * time.Second, protocol.DoClap: 20 * time.Second, protocol.DoPicture: 15 * time.Second, protocol.DoShow: 5 * time.Second,
}

// SelfTest has the wall screen of the box's own room try the room, and waits for what came of it. It is refused, or stopped, when a lesson is
// on or a minute away. The test picture of DoShow stays until EndSelfTest. On an error the result holds what was tried before it.
func (s *Server) SelfTest(ctx context.Context, do []string) (protocol.SelfTested, error) {
	one := s.screen()
	if one == nil {
		return protocol.SelfTested{}, ErrNoScreen
	}
	limit := 5 * time.Second
	for _, d := range do {
		if testWithin[d] == 0 {
			return protocol.SelfTested{}, fmt.Errorf("no self-test %q", d)
		}
		limit += testWithin[d]
	}
	t := &selfTest{number: int(s.tests.Add(1)), do: slices.Clone(do), done: make(chan tested, 1)}
	one.post(func() { one.beginTest(t, time.Now()) })
	late := time.NewTimer(limit)
	defer late.Stop()
	stop := func(why error) { one.post(func() { one.stopTest(t, why) }) }
	select {
	case r := <-t.done:
		return r.SelfTested, r.err
	case <-one.gone:
		return protocol.SelfTested{}, ErrNoScreen
	case <-late.C:
		stop(ErrNoAnswer)
		return protocol.SelfTested{}, ErrNoAnswer
	case <-ctx.Done():
		stop(ErrStopped)
		return protocol.SelfTested{}, ctx.Err()
	}
}

// EndSelfTest stops what is under way, and takes the test picture from the screen.
func (s *Server) EndSelfTest() {
	if one := s.screen(); one != nil {
		one.post(func() { one.stopTest(one.test, ErrStopped) })
	}
}

// HasScreen reports whether the page of the screen beside the box is there.
func (s *Server) HasScreen() bool { return s.screen() != nil }

// screen is the page on the screen beside the box, nil if there is none.
func (s *Server) screen() *Session {
	room := s.cfg.Place().Room()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil && r.screen != nil && r.screen.facts.attached && r.screen.beside() {
		return r.screen
	}
	return nil
}

// beside reports whether this is the wall screen on the box's own loopback.
func (s *Session) beside() bool {
	return s.page == protocol.PageClass && s.role == auth.Classroom && s.who.TokenID == auth.LocalID
}

// mayTest reports whether the room is free to be tried.
func (s *Session) mayTest(now time.Time) error {
	over := s.state != nil && s.state.State == protocol.Ended
	next := s.next(now)
	switch {
	case s.conn == nil:
		return ErrNoScreen
	case s.lesson != "" && !over, s.follow.joining != "", s.srv.teaches(s.room):
		return ErrInLesson
	case next != nil && next.Start.Sub(now) <= lookFor:
		return ErrInLesson
	}
	if _, ok := s.srv.cfg.Hub.ForRoom(s.campus, s.classroom); ok && s.follow.out == "" {
		return ErrInLesson
	}
	return nil
}

// teaches reports whether somebody has a teacher's page open in a room: it has the camera and the microphone there.
func (s *Server) teaches(room string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.hereLocked(room).present {
		if one.role == auth.Teacher && !one.remote && one.facts.attached && !one.facts.leaving {
			return true
		}
	}
	return false
}

// beginTest asks the page. A test picture that is still there gives way.
func (s *Session) beginTest(t *selfTest, now time.Time) {
	err := s.mayTest(now)
	if err == nil && s.test != nil && !s.test.answered {
		err = ErrTesting
	}
	if err != nil {
		t.done <- tested{err: err}
		return
	}
	s.test = t
	s.log.Info("self-test begins", "do", t.do)
	s.tell(protocol.SelfTest{Test: t.number, Do: t.do})
}

// stopTest ends t if it still is the one under way; nil is none. The page gives camera and microphone up.
func (s *Session) stopTest(t *selfTest, why error) {
	if t == nil || s.test != t {
		return
	}
	s.test = nil
	s.tell(protocol.SelfTest{Test: t.number, Do: []string{}})
	if !t.answered {
		s.log.Info("self-test stopped", "why", why)
		t.done <- tested{err: why}
	}
}

// lookAtTest stops a test that may not go on.
func (s *Session) lookAtTest(now time.Time) {
	if s.test != nil {
		if err := s.mayTest(now); err != nil {
			s.stopTest(s.test, err)
		}
	}
}

// selfTested takes the page's answer.
func selfTested(_ context.Context, s *Session, m protocol.SelfTested) (any, error) {
	t := s.test
	if t == nil || t.answered || t.number != m.Test {
		return nil, protocol.Errorf(protocol.WrongState, "no self-test %d is under way", m.Test)
	}
	err := map[string]error{protocol.StoppedLesson: ErrInLesson, protocol.StoppedAsked: ErrStopped, protocol.StoppedFailed: ErrFailed}[m.Stopped]
	t.answered = true
	if !m.Shown || err != nil {
		s.test = nil
	}
	s.log.Info("self-test done", "chirp", fmt.Sprintf("%+v", m.Chirp), "picture", m.Picture, "stopped", m.Stopped)
	t.done <- tested{m, err}
	return nil, nil
}
