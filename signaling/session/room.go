package session

import (
	"slices"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// roomHere is what this box knows of one of its rooms, whatever the lesson. It is guarded by Server.mu.
type roomHere struct {
	covered bool
	layout  string
	volume  int
	screen  *Session // the room's /class page: one at a time
	present map[*Session]struct{}
}

const (
	fullVolume = 100
	maxOfOne   = 16 // pages of one person or token in one room
)

// hereLocked finds or makes a room.
func (s *Server) hereLocked(id string) *roomHere {
	r := s.rooms[id]
	if r == nil {
		r = &roomHere{volume: fullVolume, present: map[*Session]struct{}{}}
		s.rooms[id] = r
	}
	return r
}

// seat starts a new session's goroutine and gives it its room. A room has one screen: a second one is refused while the first is there,
// unless it takes the place.
func (s *Server) seat(one *Session, take bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return protocol.Errorf(protocol.Full, "the box is stopping")
	}
	r := s.hereLocked(one.room)
	if !r.bounded(one) {
		return protocol.Errorf(protocol.Full, "%d pages of one person or token are open", maxOfOne)
	}
	if one.page == protocol.PageClass {
		if old := r.screen; old != nil {
			if old.facts.attached && !take {
				return protocol.Errorf(protocol.RoomTaken, "another screen of this room is in the lesson")
			}
			old.post(func() { old.end(protocol.ByeTakenOver) })
		}
		r.screen = one
	}
	if one.role == auth.Teacher && r.screen != nil && !one.remote {
		screen := r.screen
		screen.post(func() { screen.stopTest(screen.test, ErrInLesson) })
	}
	r.present[one] = struct{}{}
	one.facts.attached = true
	s.wg.Go(one.run) // ends with the session
	return nil
}

// bounded keeps the pages of one person or token to a number: beyond it the one that has been away longest gives up its place.
func (r *roomHere) bounded(one *Session) bool {
	n := 0
	var away *Session
	for old := range r.present {
		if old.facts.leaving || !same(old.who, one.who) {
			continue
		}
		n++
		if !old.facts.attached && (away == nil || old.facts.lost.Before(away.facts.lost)) {
			away = old
		}
	}
	switch {
	case n < maxOfOne:
		return true
	case away == nil:
		return false
	}
	away.facts.leaving = true
	away.post(func() { away.end("") })
	return true
}

// forget takes an ended session out of all tables.
func (s *Server) forget(one *Session) {
	s.mu.Lock()
	if s.sessions[one.resume] == one {
		delete(s.sessions, one.resume)
	}
	r := s.hereLocked(one.room)
	delete(r.present, one)
	if r.screen == one {
		r.screen = nil
	}
	lesson := one.facts.lesson
	one.facts.lesson, one.facts.attached = "", false
	s.mu.Unlock()
	s.present(lesson, one.room)
}

// holds reports whether a page is its room's one screen.
func (s *Session) holds() bool {
	s.srv.mu.Lock()
	defer s.srv.mu.Unlock()
	return s.srv.hereLocked(s.room).screen == s
}

// here is a copy of what is local to the session's room.
func (s *Session) here() roomHere {
	s.srv.mu.Lock()
	defer s.srv.mu.Unlock()
	return *s.srv.hereLocked(s.room)
}

// name is what people call the session's room now.
func (s *Session) name() string {
	s.srv.mu.Lock()
	defer s.srv.mu.Unlock()
	return s.roomName
}

// setHere changes what is local to the room, and tells all its pages.
func (s *Session) setHere(f func(*roomHere)) {
	s.srv.mu.Lock()
	r := s.srv.hereLocked(s.room)
	f(r)
	var pages []*Session
	for p := range r.present {
		pages = append(pages, p)
	}
	s.srv.mu.Unlock()
	for _, p := range pages {
		p.post(func() {
			p.bind()
			p.showRoom(time.Now())
		})
	}
	s.srv.present(s.lesson, s.room)
}

// presenceLocked is a room's presence in a lesson, made of all its pages; ok is false where there is none.
func (s *Server) presenceLocked(lesson, room string, now time.Time) (p protocol.Presence, ok bool) {
	r := s.rooms[room]
	if r == nil {
		return p, false
	}
	p = protocol.Presence{Room: room, Box: s.cfg.Box, Teachers: []string{}, Covered: r.covered, Layout: r.layout}
	for one := range r.present {
		f := &one.facts
		if f.lesson != lesson {
			continue
		}
		ok = true
		p.Name = one.roomName
		there := f.attached || now.Sub(f.lost) < blinkFor
		switch {
		case one.role == auth.Assistant:
			if f.attached {
				p.Phones++
			}
		case one.role == auth.Teacher && !one.remote:
			if there {
				p.Teachers = append(p.Teachers, one.id)
			}
			if len(f.published) > 0 {
				p.Sources = f.published
				p.Cam, p.Mic = f.devices.Cam, f.devices.Mic
				p.CamMissing, p.MicMissing = f.devices.CamMissing, f.devices.MicMissing
			}
		case one == r.screen && there:
			p.Page = true
			p.Cam, p.Mic = f.devices.Cam, f.devices.Mic
			p.CamMissing, p.MicMissing = f.devices.CamMissing, f.devices.MicMissing
			if f.stats != nil && now.Sub(f.statsAt) < 3*time.Second {
				stats := *f.stats
				p.Stats, p.Level = &stats, stats.Level
			}
		}
	}
	slices.Sort(p.Teachers)
	if len(p.Teachers) > 8 {
		p.Teachers = p.Teachers[:8]
	}
	return p, ok
}

// present says a room's presence in a lesson now. When the last page has left it is said once more, empty.
func (s *Server) present(lesson, room string) {
	if lesson == "" {
		return
	}
	s.telling.Lock() // what is newer is told later
	defer s.telling.Unlock()
	films := s.films(lesson, room)
	key := lesson + "\x00" + room
	s.mu.Lock()
	p, ok := s.presenceLocked(lesson, room, time.Now())
	film(&p, films)
	_, was := s.spoken[key]
	if ok {
		s.spoken[key] = struct{}{}
	} else {
		delete(s.spoken, key)
	}
	s.mu.Unlock()
	if s.cfg.Changed != nil {
		s.cfg.Changed()
	}
	switch {
	case ok:
		s.cfg.Hub.Presence(lesson, p)
	case was:
		s.cfg.Hub.Presence(lesson, protocol.Presence{Room: room, Box: s.cfg.Box, Teachers: []string{}, Name: s.cfg.Place().NameOf(room)})
	}
}

// restate says the presence of all rooms.
func (s *Server) restate() {
	type at struct{ lesson, room string }
	seen := map[at]bool{}
	s.mu.Lock()
	for _, one := range s.sessions {
		if one.facts.lesson != "" {
			seen[at{one.facts.lesson, one.room}] = true
		}
	}
	s.mu.Unlock()
	for k := range seen {
		s.present(k.lesson, k.room)
	}
}

// replace follows a box that was put somewhere else, or given a name: it joined a parent, or its administrator said so.
func (s *Server) replace(p Place) {
	room, name := p.Room(), p.roomName(p.Campus, p.Classroom)
	var moved []*Session
	s.mu.Lock()
	for _, one := range s.sessions {
		switch {
		case one.placed && one.room != room:
			moved = append(moved, one)
		case one.room == room:
			one.roomName = name
		}
	}
	s.mu.Unlock()
	for _, one := range moved {
		one.post(one.moved)
	}
}
