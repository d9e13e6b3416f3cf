package session

import (
	"testing"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

func TestMayTake(t *testing.T) {
	known := func(s *protocol.State) { s.Epoch, s.OwnerBox = 1, "owner" }
	b := Child{Box: "box-r2", Campus: "r2"}
	for _, tt := range []struct {
		name           string
		st             *protocol.State
		to             Child
		origin         string
		voice, picture bool
	}{
		{"the teacher's", stateOf(3, "", known), b, "owner", true, true},
		{"a campus without the floor", stateOf(3, "", known), b, "box-r1", false, false},
		{"a campus with the floor", stateOf(3, "r1", known), b, "box-r1", true, true},
		{"one of two", stateOf(2, "", known), b, "box-r1", false, true},
		{"all are shown", stateOf(3, "", known, func(s *protocol.State) { s.Layout = "all" }), b, "box-r1", false, true},
		{"muted", stateOf(3, "r1", known, func(s *protocol.State) { s.Rooms[0].Muted = true }), b, "box-r1", false, true},
		{"before the lesson", stateOf(2, "", known, func(s *protocol.State) { s.State = protocol.Waiting }), b, "box-r1", false, false},
		{"sent out", stateOf(2, "r1", known, func(s *protocol.State) { s.Rooms[0].State = protocol.RoomRemoved }), b, "box-r1", false, false},
		{"to the master classroom", stateOf(3, "", known), Child{Box: "x", Campus: "m"}, "box-r1", true, true},
		{"to the master's campus", stateOf(3, "", known, func(s *protocol.State) { s.Master.Room = "m/1" }), Child{Box: "x", Campus: "m"}, "box-r1", true, true},
		{"to another room of it", stateOf(3, "", known, func(s *protocol.State) { s.Master.Room = "m/1" }), Child{Box: "x", Campus: "m", Classroom: "2"}, "box-r1", false, false},
		{"nothing is known", stateOf(0, "", func(s *protocol.State) { s.OwnerBox = "owner" }), b, "box-r1", false, false},
		{"nothing but the owner", stateOf(0, "", func(s *protocol.State) { s.OwnerBox = "owner" }), b, "owner", true, true},
	} {
		for source, want := range map[string]bool{track.Voice: tt.voice, track.Pupils: tt.picture, track.Teacher: true, track.Board: true} {
			if got := MayTake(*tt.st, tt.to, track.Key{Lesson: "l", Origin: tt.origin, Source: source}); got != want {
				t.Errorf("%s: %s %v, want %v", tt.name, source, got, want)
			}
		}
	}
	if a := stateOf(3, "r1", known); !SameFor(*a, *stateOf(3, "r1", known)) || SameFor(*a, *stateOf(3, "r2", known)) || SameFor(*a, *stateOf(3, "r1 r2", known)) {
		t.Error("SameFor")
	}
}

func TestVoiceFor(t *testing.T) {
	for _, tt := range []struct{ name, floor, room, want string }{
		{"nobody called", "", "r1", ""},
		{"another called", "r2", "r1", "box-r2"},
		{"we are called", "r1", "r1", ""},
		{"the first of two", "r2 r3", "r1", "box-r2"},
		{"in the master classroom", "r2", "m", "box-r2"},
	} {
		if got := VoiceFor(*stateOf(3, tt.floor), tt.room); got != (track.Key{Lesson: "l", Origin: tt.want, Source: track.Voice}) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got := VoiceFor(*stateOf(3, "r2", func(s *protocol.State) { s.State = protocol.Ended }), "r1"); got.Origin != "" {
		t.Errorf("after the end: %+v", got)
	}
}
