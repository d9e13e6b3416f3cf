package session

import (
	"strings"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

// Child is a box below as the invitation made it known.
type Child struct {
	Box, Campus, Classroom string
}

// MayTake reports whether a child may have a source of a lesson: what the layouts of its pages keep to, kept also against a child that
// does not. A campus's voice goes to no child without the floor, and from three members on its picture to none but the master
// classroom's, unless it has the floor or the teacher shows all to all. Toward the parent there is no such rule: the teacher may be there,
// and a voice without the floor does not leave its own box. It is pure.
func MayTake(st protocol.State, c Child, k track.Key) bool {
	if k.Source != track.Voice && k.Source != track.Pupils {
		return true
	}
	if st.Epoch == 0 { // the lesson's owner has not been heard: only what the owner itself sends is known to be the teacher's
		return k.Origin == st.OwnerBox
	}
	var room protocol.RoomState
	for _, r := range st.Rooms {
		if r.Box == k.Origin && r.Room != st.Master.Room {
			room = r
		}
	}
	campus, _, _ := strings.Cut(st.Master.Room, "/")
	switch {
	case room.Room == "", st.Master.Room == roomID(c.Campus, c.Classroom), c.Classroom == "" && c.Campus == campus:
		return true // the teacher's own, or it goes to the master classroom
	case st.State != protocol.Live && st.State != protocol.Over, room.State == protocol.RoomRemoved:
		return false
	case k.Source == track.Voice:
		return hasFloor(&st, room.Room) && !room.Muted
	}
	return hasFloor(&st, room.Room) || st.Layout == protocol.LayoutAll || len(members(&st)) <= 2
}

// SameFor reports whether MayTake answers the same for two states of a lesson.
func SameFor(a, b protocol.State) bool {
	if a.Epoch != b.Epoch || a.State != b.State || a.Layout != b.Layout || a.Master != b.Master || len(a.Floor) != len(b.Floor) || len(a.Rooms) != len(b.Rooms) {
		return false
	}
	for i := range a.Floor {
		if a.Floor[i].Room != b.Floor[i].Room {
			return false
		}
	}
	for i := range a.Rooms {
		x, y := a.Rooms[i], b.Rooms[i]
		if x.Room != y.Room || x.Box != y.Box || x.Muted != y.Muted || (x.State == protocol.RoomRemoved) != (y.State == protocol.RoomRemoved) {
			return false
		}
	}
	return true
}

// VoiceFor is whose voice a player without a page hears in a room of the lesson: that of who was called on, unless it is the room's own,
// else the teacher's. It is pure.
func VoiceFor(st protocol.State, room string) track.Key {
	key := track.Key{Lesson: st.ID, Source: track.Voice}
	if st.State != protocol.Live && st.State != protocol.Over {
		return key
	}
	for _, h := range st.Floor {
		r, ok := roomOf(&st, h.Room)
		if ok && !h.Second && h.Room != room && h.Room != st.Master.Room && r.Box != "" && !r.Muted {
			key.Origin = r.Box
		}
	}
	return key
}
