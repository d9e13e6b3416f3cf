package lesson

import (
	"slices"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// WatchRooms calls f when ForRoom may answer anew, from the hub's goroutine; f must not block.
func (h *Hub) WatchRooms(f func()) (cancel func()) {
	var n int
	h.post(func() { n = h.nextRoom; h.nextRoom++; h.rooms[n] = f })
	return func() { h.post(func() { delete(h.rooms, n) }) }
}

// ForRoom is the lesson that a room of this box belongs in now: it is open or begins within 20 s, names the room, has not asked it to leave,
// and has not run into the room's next one. Of two it is the newer.
func (h *Hub) ForRoom(campus, classroom string) (id string, ok bool) {
	room := campus
	if classroom != "" {
		room += "/" + classroom
	}
	now := h.right()
	all := h.ofRoom(campus, classroom)
	var best Lesson
	for _, l := range all {
		if l.State == protocol.Planned && l.Start.Sub(now) > joinBefore || h.out(l.ID, room) || overran(l, all, now) {
			continue
		}
		if best.ID == "" || newer(l, best) {
			best = l
		}
	}
	return best.ID, best.ID != ""
}

// right is the right time, as far as this box knows it.
func (h *Hub) right() time.Time {
	now := time.Now()
	if h.cfg.ClockOffset != nil {
		now = now.Add(h.cfg.ClockOffset())
	}
	return now
}

// Overran reports whether a room leaves a lesson although its teacher goes on, because the room's next one calls.
func (h *Hub) Overran(lesson, campus, classroom string) bool {
	all := h.ofRoom(campus, classroom)
	i := slices.IndexFunc(all, func(l Lesson) bool { return l.ID == lesson })
	return i >= 0 && overran(all[i], all, h.right())
}

// ofRoom are the lessons that a room attends and that have not ended.
func (h *Hub) ofRoom(campus, classroom string) []Lesson {
	return slices.DeleteFunc(h.reg.List(), func(l Lesson) bool { return l.State == protocol.Ended || !h.reg.Visible(l, campus, classroom) })
}

// overran reports whether a room's lesson has run beyond its bell and into what the room has next: it begins in 20 s, or it begins today
// and the teacher was given all the minutes there are. It is pure; all are the room's lessons.
func overran(l Lesson, all []Lesson, now time.Time) bool {
	if l.End.IsZero() || now.Before(l.End) {
		return false
	}
	before := joinBefore
	if now.Sub(l.End) >= maxExtended*extension {
		before = nextWithin
	}
	return slices.ContainsFunc(all, func(n Lesson) bool {
		return n.ID != l.ID && n.Start.After(l.Start) && n.Start.Sub(now) <= before && (n.End.IsZero() || now.Before(n.End))
	})
}

// newer: the one that began later, by the timetable or by being made.
func newer(a, b Lesson) bool {
	began := func(l Lesson) time.Time {
		if l.Start.IsZero() {
			return l.Created
		}
		return l.Start
	}
	return began(a).After(began(b))
}

func (h *Hub) out(lesson, room string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.snapshots[lesson]
	if !ok {
		return false
	}
	return s.State == protocol.Ended || slices.ContainsFunc(s.Rooms, func(r protocol.RoomState) bool { return r.Room == room && r.State == protocol.RoomRemoved })
}

// place is where this box and its children stand, read from the store now and then.
type place struct {
	campus, classroom, name string
	children                []store.Child
	at                      time.Time
}

func (p *place) read(s *store.Store, now time.Time) {
	if !p.at.IsZero() && now.Sub(p.at).Abs() < time.Second {
		return
	}
	p.at = now
	if m, err := s.Meta(); err == nil {
		p.campus, p.classroom, p.name = m.CampusID, m.Classroom, m.CampusName
	}
	if c, err := s.Children(); err == nil {
		p.children = c
	}
}

// here is this box's own room.
func (p *place) here(name func(string) string) protocol.RoomRef {
	r := protocol.RoomRef{Room: p.campus}
	if p.classroom != "" {
		r.Room += "/" + p.classroom
	}
	if name != nil {
		r.Name = name(r.Room)
	}
	r.Name = def(r.Name, def(p.name, r.Room))
	return r
}

// campusOf is the campus of a child; "" if there is no such child.
func (p *place) campusOf(box string) string {
	for _, c := range p.children {
		if c.ID == box {
			return c.CampusID
		}
	}
	return ""
}

func (p *place) seen(room string) (at time.Time) {
	for _, c := range p.children {
		if (c.CampusID == room || roomOf(c) == room) && c.LastSeen.After(at) {
			at = c.LastSeen
		}
	}
	return at
}
