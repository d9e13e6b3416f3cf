package session

import (
	"context"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// handler does one type of request, in the session's loop. What it returns is the answer: nil, a body, or later.
type handler func(ctx context.Context, s *Session, m protocol.Request) (any, error)

// on makes a handler of a typed function, behind the table of who may do what when.
func on[M protocol.Request](f func(context.Context, *Session, M) (any, error)) handler {
	return func(ctx context.Context, s *Session, m protocol.Request) (any, error) {
		if err := s.allowed(m); err != nil {
			return nil, err
		}
		return f(ctx, s, m.(M))
	}
}

// allowed looks up the table of signaling/lesson. Without a lesson a page may only leave, and say what its room is like.
func (s *Session) allowed(m protocol.Request) error {
	if s.state != nil {
		return lesson.Check(s.actor(), m, s.state.State)
	}
	if st, ok := s.srv.cfg.Hub.State(s.lesson); ok && s.lesson != "" { // its owner has not been heard yet
		return lesson.Check(s.actor(), m, st.State)
	}
	switch m.(type) {
	case protocol.Leave:
		return nil
	case protocol.Devices, protocol.RoomVolume, protocol.RoomCover, protocol.Help:
		return lesson.Check(s.actor(), m, protocol.Planned)
	case protocol.SelfTested:
		return lesson.Check(s.actor(), m, protocol.Ended)
	}
	return protocol.Errorf(protocol.WrongState, "no lesson is on in this room")
}

// handlers is every request but hello, which makes the session.
var handlers = map[string]handler{
	"bye": on(leave),

	"lesson.start":  on(act[protocol.LessonStart]),
	"lesson.end":    on(act[protocol.LessonFinish]),
	"lesson.extend": on(act[protocol.LessonExtend]),
	"lesson.set":    on(act[protocol.LessonSet]),
	"lesson.take":   on(act[protocol.LessonTake]),

	"floor.call":    on(act[protocol.FloorCall]),
	"floor.release": on(act[protocol.FloorRelease]),
	"floor.done":    on(act[protocol.FloorDone]),
	"hand.raise":    on(act[protocol.HandRaise]),
	"hand.lower":    on(act[protocol.HandLower]),

	"room.mute":   on(act[protocol.RoomMute]),
	"room.remove": on(act[protocol.RoomRemove]),
	"room.admit":  on(act[protocol.RoomAdmit]),
	"room.code":   on(act[protocol.RoomCode]),
	"room.ready":  on(act[protocol.RoomReady]),
	"room.cover":  on(cover),
	"room.layout": on(roomLayout),
	"room.volume": on(volume),
	"self.mute":   on(act[protocol.SelfMute]),

	"note.phrase": on(act[protocol.NotePhrase]),
	"note.text":   on(act[protocol.NoteText]),
	"note.seen":   on(act[protocol.NoteSeen]),
	"help":        on(help),
	"feedback":    on(act[protocol.Feedback]),

	"media.up":        on(mediaUp),
	"media.down":      on(mediaDown),
	"media.candidate": on(mediaCandidate),
	"media.restart":   on(mediaRestart),
	"encoded":         on(encoded),
	"stats":           on(stats),
	"devices":         on(devices),
	"self-test":       on(selfTested),
}

// act is what the lesson's owner does: here, or over the uplink.
func act[M protocol.Request](_ context.Context, s *Session, m M) (any, error) {
	id, who, hub := s.lesson, s.actor(), s.srv.cfg.Hub
	return later(func(ctx context.Context) (any, error) { return nil, hub.Act(ctx, id, who, m) }), nil
}

// leave ends the session; its place is not kept. The answer has to go out before.
func leave(_ context.Context, s *Session, _ protocol.Leave) (any, error) {
	if s.lesson != "" {
		id, who, hub := s.lesson, s.actor(), s.srv.cfg.Hub
		s.srv.aside(func(ctx context.Context) { _ = hub.Act(ctx, id, who, protocol.Leave{}) }) // else the owner finds out by itself
	}
	s.post(func() { s.end("") })
	return nil, nil
}

func cover(_ context.Context, s *Session, m protocol.RoomCover) (any, error) {
	s.setHere(func(r *roomHere) { r.covered = m.Covered })
	return nil, nil
}

func roomLayout(_ context.Context, s *Session, m protocol.RoomLayout) (any, error) {
	s.setHere(func(r *roomHere) { r.layout = m.Layout })
	return nil, nil
}

func volume(_ context.Context, s *Session, m protocol.RoomVolume) (any, error) {
	s.setHere(func(r *roomHere) { r.volume = m.Volume })
	return nil, nil
}

func help(_ context.Context, s *Session, m protocol.Help) (any, error) {
	if s.srv.cfg.Help == nil {
		return nil, protocol.Errorf(protocol.WrongState, "nobody is there to be called")
	}
	s.srv.cfg.Help(s.lesson, s.room, m.Code)
	return nil, nil
}

// encoded is the page's word of what it makes; the relay sees it by the packets.
func encoded(_ context.Context, s *Session, m protocol.Encoded) (any, error) {
	if s.up == nil {
		return nil, protocol.Errorf(protocol.WrongState, "nothing is sent")
	}
	s.log.Debug("page encodes", "source", m.Source, "layers", len(m.Layers), "limited", m.Limited)
	return nil, nil
}

// stats are the room's only from the page that plays it.
func stats(_ context.Context, s *Session, m protocol.Stats) (any, error) {
	if s.role == auth.Classroom && !s.holds() {
		return nil, protocol.Errorf(protocol.RoomTaken, "another screen plays this room")
	}
	s.note(func(f *facts) { f.stats, f.statsAt = &m, time.Now() })
	return nil, nil
}

func devices(_ context.Context, s *Session, m protocol.Devices) (any, error) {
	s.note(func(f *facts) { f.devices = m })
	return nil, nil
}

// readBy tells a phone, once, of each note of its room that the teacher has read since the state before.
func (s *Session) readBy(before *protocol.State) {
	if s.role != auth.Assistant || before == nil {
		return
	}
	read := map[int]bool{}
	for _, n := range before.Notes {
		read[n.ID] = n.Seen
	}
	for _, n := range s.state.Notes {
		if n.From == protocol.FromAssistant && n.Room == s.room && n.Seen && !read[n.ID] {
			s.tell(protocol.Say{Code: protocol.SayPhraseSeen, Note: n.ID})
		}
	}
}
