package session

import (
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// enter makes the session's lesson another one; "" is none.
func (s *Session) enter(id string) {
	if id == s.lesson {
		return
	}
	if s.unwatch != nil {
		s.unwatch()
		s.unwatch = nil
	}
	if s.lesson != "" {
		s.closeMedia()
	}
	if id != "" {
		s.stopTest(s.test, ErrInLesson)
	}
	left := s.lesson
	s.lesson, s.state = id, nil
	s.note(func(f *facts) { f.lesson, f.stats, f.published = id, nil, nil })
	s.srv.present(left, s.room) // else it would be there for ever: what is said of a room is restated
	if id != "" {
		s.unwatch = s.srv.cfg.Hub.Watch(id, func(e protocol.Event) { s.post(func() { s.heard(id, e) }) })
	}
}

// heard takes an event of the lesson from the hub.
func (s *Session) heard(id string, e protocol.Event) {
	if id != s.lesson {
		return
	}
	switch e := e.(type) {
	case protocol.State:
		s.stated(e)
	case protocol.Level:
		if l, ok := lesson.ViewLevels(e, s.actor()); ok {
			s.tell(l)
		}
	}
}

// stated takes a state of the lesson: it is shown as far as the page may see it, and what follows from it is done.
func (s *Session) stated(st protocol.State) {
	if s.state != nil && (st.Epoch < s.state.Epoch || st.Epoch == s.state.Epoch && st.Rev < s.state.Rev) {
		return
	}
	before := s.state
	s.state = &st
	s.tell(lesson.View(st, s.actor()))
	s.readBy(before)
	if before != nil && before.Lead != nil && before.Lead.Session == s.id && !s.leads() {
		s.end(protocol.ByeTakenOver)
		return
	}
	if r, ok := roomOf(&st, s.room); ok && r.State == protocol.RoomRemoved && s.inRoom() {
		s.removed()
		return
	}
	if s.outdated(st) {
		s.end(protocol.ByeSignedOut)
		return
	}
	if st.State == protocol.Ended {
		s.closeMedia()
	}
	s.gate(before)
	s.bind()
	s.showRoom(time.Now())
}

// outdated reports whether a phone came by a code that the teacher has withdrawn since. How the lesson went it may still say.
func (s *Session) outdated(st protocol.State) bool {
	r, ok := roomOf(&st, s.room)
	return ok && s.who.Phone > 0 && s.who.Phone <= r.Codes && st.State != protocol.Ended
}

// teaching reports whether the lesson is on: then nobody is sent away because a token has run out.
func (s *Session) teaching() bool {
	return s.state != nil && (s.state.State == protocol.Live || s.state.State == protocol.Over)
}

// removed leaves the lesson that the teacher sent this room out of. The wall screen goes on waiting; a phone has nothing left to do.
func (s *Session) removed() {
	if s.role == auth.Assistant || s.fixed {
		s.end(protocol.ByeRemoved)
		return
	}
	s.follow.out, s.follow.retry = s.lesson, time.Now().Add(joinAgain)
	s.enter("")
	s.showRoom(time.Now())
}

// leads reports whether this page teaches.
func (s *Session) leads() bool {
	return s.role == auth.Teacher && s.state != nil && s.state.Lead != nil && s.state.Lead.Session == s.id
}

// inMaster reports whether the page is in the master classroom.
func (s *Session) inMaster() bool { return s.state != nil && s.state.Master.Room == s.room }
