package session

import (
	"context"
	"errors"
	"reflect"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

const (
	soonFor   = 5 * time.Minute
	lookFor   = time.Minute
	endedFor  = 20 * time.Second // 下课了，谢谢大家
	clockStep = 2 * time.Second  // of a clock that was set
	joinAgain = 5 * time.Second  // after a refusal; the teacher may have thought again
)

// follower is how a wall screen without a lesson of its own finds one.
type follower struct {
	joining string
	retry   time.Time
	out     string    // the lesson that the teacher sent this room out of
	endedAt time.Time // when the present one was seen to be over

	next   *protocol.Lesson // as found at looked
	looked time.Time
}

// step lets a wall screen follow its room's lessons.
func (s *Session) step(now time.Time) {
	if s.lesson == "" || s.state == nil || s.state.State != protocol.Ended {
		s.follow.endedAt = time.Time{}
	} else if s.follow.endedAt.IsZero() {
		s.follow.endedAt = now
	}
	if s.page != protocol.PageClass || s.fixed {
		return
	}
	if !s.follow.endedAt.IsZero() && now.Sub(s.follow.endedAt) >= endedFor {
		s.enter("")
		s.follow.endedAt = time.Time{}
	}
	if s.tooEarly(now) {
		s.log.Info("room leaves a lesson of later: the clock was ahead", "lesson", s.lesson)
		s.enter("")
	}
	if s.overran(now) {
		s.log.Info("room leaves for its next lesson", "lesson", s.lesson)
		s.enter("")
	}
	if s.follow.out != "" {
		if st, known := s.srv.cfg.Hub.State(s.follow.out); !known || st.State == protocol.Ended {
			s.follow.out = ""
		}
	}
	if s.lesson != "" || s.follow.joining != "" || now.Before(s.follow.retry) || s.conn == nil {
		return
	}
	id, ok := s.srv.cfg.Hub.ForRoom(s.campus, s.classroom)
	if ok {
		s.join(id)
	}
}

// overran reports whether the room has to leave its lesson for the next one. Where the teacher is, the screen stays with him.
func (s *Session) overran(now time.Time) bool {
	st := s.state
	if st == nil || st.State == protocol.Ended || !lesson.Rang(*st, s.srv.right(now)) || s.inMaster() && st.Lead != nil && st.Lead.Online {
		return false
	}
	return s.srv.cfg.Hub.Overran(s.lesson, s.campus, s.classroom)
}

// tooEarly reports whether the room came into a lesson that begins much later: the clock has been set back since.
func (s *Session) tooEarly(now time.Time) bool {
	l, ok := s.srv.cfg.Records.Get(s.lesson)
	return ok && s.lesson != "" && l.State == protocol.Planned && l.Start.Sub(s.srv.right(now)) > soonFor
}

// join enters a lesson when the hub lets us in.
func (s *Session) join(id string) {
	s.stopTest(s.test, ErrInLesson)
	s.follow.joining = id
	who := s.actor()
	s.srv.aside(func(ctx context.Context) {
		err := s.srv.cfg.Hub.Act(ctx, id, who, protocol.Hello{Page: s.page, Lesson: id})
		s.post(func() { s.joined(id, err) })
	})
}

func (s *Session) joined(id string, err error) {
	s.follow.joining = ""
	switch {
	case err == nil || errors.Is(err, &protocol.Error{Code: protocol.OwnerAway}):
		s.follow.out, s.follow.endedAt = "", time.Time{}
		s.enter(id)
	case errors.Is(err, &protocol.Error{Code: protocol.Removed}):
		s.follow.out, s.follow.retry = id, time.Now().Add(joinAgain)
	default:
		s.follow.retry = time.Now().Add(joinAgain)
		s.log.Info("lesson not joined", "lesson", id, "err", err)
	}
	s.showRoom(time.Now())
}

// aside runs f within the time of an act; Run waits for it.
func (s *Server) aside(f func(ctx context.Context)) {
	s.wg.Go(func() { // ends with f, at the latest with the time
		ctx, cancel := context.WithTimeout(s.ctx, actWithin)
		defer cancel()
		f(ctx)
	})
}

// lookEvery is how old the room's next lesson may be: a term's lessons are many.
const lookEvery = 2 * time.Second

// next is the room's next planned lesson; nil if there is none.
func (s *Session) next(now time.Time) *protocol.Lesson {
	if now.Sub(s.follow.looked) < lookEvery {
		return s.follow.next
	}
	s.follow.next, s.follow.looked = nil, now
	right := s.srv.right(now)
	for _, l := range s.srv.cfg.Records.List() {
		if l.State != protocol.Planned || l.Start.Before(right) || !s.srv.cfg.Records.Visible(l, s.campus, s.classroom) {
			continue
		}
		if s.follow.next == nil || l.Start.Before(s.follow.next.Start) {
			s.follow.next = &l
		}
	}
	return s.follow.next
}

// showRoom tells a page of the room what concerns the room alone, when that has changed. A teacher's page learns so what is kept of the lesson.
func (s *Session) showRoom(now time.Time) {
	if s.conn == nil || !s.inRoom() && s.page != protocol.PageTeach {
		return
	}
	here, cfg := s.here(), s.srv.cfg
	e := protocol.Room{Room: s.room, Name: s.name(), State: protocol.RoomIdle, Covered: here.covered, Layout: here.layout, Volume: here.volume}
	if cfg.Installed != nil {
		e.Installed = cfg.Installed()
	}
	if cfg.Uplink != nil {
		e.Uplink = cfg.Uplink()
	}
	next := s.next(now)
	var until time.Duration
	if next != nil {
		until = next.Start.Sub(s.srv.right(now))
		e.Next = &protocol.NextLesson{ID: next.ID, Title: next.Title, Subject: next.Subject, Teacher: next.Teacher, Start: protocol.At(next.Start)}
	}
	switch {
	case s.lesson != "" && s.state != nil && s.state.State == protocol.Ended:
		e.State = protocol.RoomEnded
	case s.lesson != "":
		e.State = protocol.RoomIn
	case s.follow.out != "":
		e.State = protocol.RoomOut
	case s.follow.joining != "":
		e.State = protocol.RoomJoining
	case cfg.Fresh != nil && cfg.Fresh():
		e.State = protocol.RoomFresh
	case next != nil && until <= lookFor:
		e.State = protocol.RoomLook
	case next != nil && until <= soonFor:
		e.State = protocol.RoomSoon
	}
	if s.role == auth.Classroom && e.State == protocol.RoomIn && cfg.Assist != nil && s.state != nil && !s.inMaster() {
		own, _ := roomOf(s.state, s.room)
		e.Assist = cfg.Assist(s.lesson, s.campus, s.classroom, own.Codes)
	}
	if clock := s.srv.clock(now); (clock - s.clock).Abs() > clockStep {
		s.clock, s.wasSet = clock, protocol.At(s.srv.right(now))
	}
	e.Now = s.wasSet
	e.Films = s.films()
	if cfg.Recording != nil && s.lesson != "" {
		rec := cfg.Recording(s.lesson)
		if e.State != protocol.RoomEnded {
			rec.Seconds -= rec.Seconds % 10
		}
		e.Recording = &rec
	}
	if !reflect.DeepEqual(e, s.room0) {
		s.room0 = e
		s.tell(e)
	}
}
