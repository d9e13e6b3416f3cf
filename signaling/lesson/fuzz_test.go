package lesson

import (
	"testing"
	"time"

	"tongke/signaling/protocol"
)

// FuzzMember plays a member's box that sends anything: the lesson of its owner stays whole, and what is not the member's stays as it was.
func FuzzMember(f *testing.F) {
	core := at(f, f.TempDir(), "core", "north", "south")
	l, err := core.reg.Create(spec("a"), "admin")
	if err != nil {
		f.Fatal(err)
	}
	core.watch("a")
	core.reg.LinkUp("south", false, func([]byte) error { return nil })
	core.teach("a")
	for _, m := range []protocol.Message{
		protocol.Act{ID: "1", Lesson: "a", From: "south", Hops: 1, Who: protocol.Who{Role: "classroom", Room: "south", Session: "s"}, Request: []byte(`{"type":"hand.raise","id":1}`)},
		protocol.Act{ID: "1", Lesson: "a", From: "south", Hops: 1, Who: protocol.Who{Role: "teacher", Room: "south", Session: "teach-core"}, Request: []byte(`{"type":"lesson.end","id":1,"confirm":true}`)},
		protocol.PresenceFrame{Lesson: "a", Hops: 1, Room: protocol.Presence{Room: "south", Box: "south", Page: true, Teachers: []string{"teach-core"}, Known: &protocol.Known{Epoch: 1, Rev: 1, Floor: 1}}},
		protocol.Watch{Lesson: "a"}, protocol.Acted{ID: "1", Lesson: "a", To: "core", Hops: 1}, protocol.Pulse{Lesson: "a", Epoch: 1, Rev: 1, Hops: 1},
		protocol.StateFrame{Lesson: protocol.State{ID: "a", Epoch: 1 << 40, Floor: []protocol.Holder{}, Rooms: []protocol.RoomState{}, Notes: []protocol.Note{}}, Hops: 1},
		protocol.LessonPut{Lesson: l},
	} {
		frame, err := protocol.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		_ = core.reg.Frame("south", frame)
		var s protocol.State
		if err := core.Hub.do(t.Context(), func() {
			v := core.views["a"]
			v.tick(core.Hub, time.Now())
			s = v.live.State()
		}); err != nil {
			t.Fatal(err)
		}
		if s.State != protocol.Live || s.Lead.Session != "teach-core" || len(s.Floor) > 0 || len(s.Rooms) > protocol.MaxRooms || s.Master.Room != "core" || len(s.Notes) > maxNotes {
			t.Errorf("%s did this: %+v", frame, s)
		}
		if _, err := protocol.Encode(s); err != nil {
			t.Errorf("%s: %v", frame, err)
		}
	})
}
