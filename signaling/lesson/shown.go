package lesson

import (
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// View is a state as one actor may see it. Who teaches or runs the lesson sees how every room fares. A room's own pages see that of their
// room alone: of the others what a class sees anyway, who is there, who speaks and whether there is a picture. What is written between a
// room and the teacher is for these two.
func View(s protocol.State, a Actor) protocol.State {
	if a.Role == auth.Teacher {
		return s
	}
	s = clone(s)
	s.Notes = notesFor(s.Notes, a)
	if s.Lead != nil {
		s.Lead.Session = ""
	}
	if oversees(a.Role) {
		return s
	}
	for i, r := range s.Rooms {
		if r.Room != a.Room {
			s.Rooms[i] = protocol.RoomState{Room: r.Room, Campus: r.Campus, Name: r.Name, State: r.State, Since: r.Since, Word: protocol.WordUnknown, Cam: r.Cam, Covered: r.Covered}
		}
	}
	return s
}

// oversees: whoever looks after lessons or boxes sees how every room fares.
func oversees(r auth.Role) bool { return r == auth.Administrator || r == auth.Technician }

// notesFor are the notes that an assistant wrote or was written; nobody else beside the teacher has any.
func notesFor(all []protocol.Note, a Actor) []protocol.Note {
	notes := []protocol.Note{}
	for _, n := range all {
		if a.Role == auth.Assistant && (n.Room == a.Room || n.Room == "") {
			notes = append(notes, n)
		}
	}
	return notes
}

// ViewLevels is how loud rooms are as one actor may see it; ok is false where nothing is left.
func ViewLevels(l protocol.Level, a Actor) (protocol.Level, bool) {
	if a.Role == auth.Teacher || oversees(a.Role) {
		return l, true
	}
	own, ok := l.Rooms[a.Room]
	return protocol.Level{Rooms: map[string]int{a.Room: own}}, ok
}

// LeaveAt is when rooms that have a next lesson leave this one although the teacher goes on: two extensions after the bell. Zero: never.
func LeaveAt(s protocol.State) time.Time {
	if s.End == 0 {
		return time.Time{}
	}
	return s.End.Time().Add(time.Duration(maxExtended-s.Extended) * extension)
}

// Rang reports whether the lesson's bell has rung, whatever was added to it.
func Rang(s protocol.State, now time.Time) bool {
	return s.End != 0 && !now.Before(s.End.Time().Add(-time.Duration(s.Extended)*extension))
}
