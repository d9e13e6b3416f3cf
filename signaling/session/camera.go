package session

import (
	"slices"
	"time"

	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// Film is a source of a room that a camera of the box itself makes, in the place of a page's camera or, where no page speaks, its microphone.
type Film struct {
	Source  string
	On      bool // its pictures are at the relay
	Failing bool // it was tried, and gives none
	Level   int  // of a voice, as pages measure theirs
}

// Scene is what a camera of the box must know of its room in a lesson before it may send.
type Scene struct {
	Lesson  string
	Covered bool     // the room's camera is covered
	Screen  bool     // the wall screen is in the lesson and shows what is sent
	Sources []string // what a teacher's page of the room sends
	Voice   bool     // a page of the room has a microphone, and sends what it hears
}

// Scenes are the lessons that pages of a room are in.
func (s *Server) Scenes(room string) []Scene {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[room]
	if r == nil {
		return nil
	}
	now := time.Now()
	var out []Scene
	for one := range r.present {
		f := &one.facts
		if f.lesson == "" {
			continue
		}
		i := slices.IndexFunc(out, func(x Scene) bool { return x.Lesson == f.lesson })
		if i < 0 {
			i, out = len(out), append(out, Scene{Lesson: f.lesson, Covered: r.covered})
		}
		there := f.attached || now.Sub(f.lost) < blinkFor
		out[i].Screen = out[i].Screen || there && one == r.screen
		out[i].Voice = out[i].Voice || slices.Contains(f.published, track.Voice)
		if one.role == auth.Teacher {
			out[i].Sources = append(out[i].Sources, f.published...)
		}
	}
	return out
}

// Stage says which source a camera of the box makes in a lesson, and whether it may send now. A camera on the classroom is the teacher's where
// the teacher is, and the pupils' in every other room; the board's is the board where the teacher is, while his page shares none. It sends
// while the lesson is on and either its own room's teacher leads or the wall screen that shows the sign is there, and never while it is
// covered. It is pure.
func Stage(st protocol.State, box, room, as string, at Scene) (source string, may bool) {
	on := (st.State == protocol.Live || st.State == protocol.Over) && !at.Covered
	if room == st.Master.Room {
		on = on && st.Lead != nil && st.Lead.Online && st.Lead.Box == box
		switch as {
		case AsBoard:
			return track.Board, on && !slices.Contains(at.Sources, track.Board)
		case AsPupils:
			return track.Pupils, on
		}
		return track.Teacher, on
	}
	r, ok := roomOf(&st, room)
	if as == AsBoard || !ok || taughtAt(&st) == box {
		return "", false // the board is the teacher's; and a box sends for one room
	}
	return track.Pupils, on && at.Screen && r.State != protocol.RoomRemoved
}

// StageVoice says whether what a camera of the box hears is its room's voice in a lesson, and whether that may leave the box now. It is where the
// camera's pictures may be sent and no page of the room has a microphone: a camera has no echo cancellation, and gives way. What may leave is what
// may of a page's voice: the teacher's unless he has muted himself, a classroom's with the floor and not muted. It is pure.
func StageVoice(st protocol.State, box, room string, at Scene) (is, open bool) {
	if _, may := Stage(st, box, room, AsCamera, at); !may || at.Voice {
		return false, false
	}
	if room == st.Master.Room {
		return true, !st.Sources.Muted
	}
	r, _ := roomOf(&st, room)
	return true, hasFloor(&st, room) && !r.Muted
}

// What a camera of the box is for.
const (
	AsCamera = "camera"
	AsPupils = "pupils"
	AsBoard  = "board"
)

// films are the sources of the session's room for which its pages open no camera.
func (s *Session) films() (sources []string) {
	for _, f := range s.srv.films(s.lesson, s.room) {
		if f.Source != track.Board && f.Source != track.Voice { // a page may have these all the same
			sources = append(sources, f.Source)
		}
	}
	return sources
}

// filmed are the sources that the page may not send: sources are known by their box, so another room of this box cannot send what its own
// room's camera does either.
func (s *Session) filmed() []string {
	out := s.films()
	if own := s.srv.cfg.Place().Room(); own != s.room {
		for _, f := range s.srv.films(s.lesson, own) {
			if f.Source == track.Pupils {
				out = append(out, f.Source)
			}
		}
	}
	return out
}

func (s *Server) films(lesson, room string) []Film {
	if s.cfg.Films == nil || lesson == "" {
		return nil
	}
	return s.cfg.Films(lesson, room)
}

// film adds what the box's own cameras make to a room's presence.
func film(p *protocol.Presence, films []Film) {
	for _, f := range films {
		if f.Source == track.Voice && f.On {
			p.Mic, p.MicMissing, p.Level = true, false, f.Level
		}
		if f.Source == track.Pupils && len(p.Teachers) == 0 {
			p.Cam, p.CamMissing = f.On, f.Failing
		}
		if len(p.Teachers) == 0 {
			continue
		}
		if f.Source == track.Teacher {
			p.Cam, p.CamMissing = f.On, f.Failing
		}
		if f.On && !slices.Contains(p.Sources, f.Source) && len(p.Sources) < 4 {
			p.Sources = append(slices.Clone(p.Sources), f.Source)
		}
	}
}
