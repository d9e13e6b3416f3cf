package session

import (
	"slices"
	"testing"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

// TestStage: a camera of the box sends what its room may send, and only while somebody in the room can know.
func TestStage(t *testing.T) {
	const here, there = "box-m", "box-r1"
	led := func(s *protocol.State) {
		s.OwnerBox, s.Lead = here, &protocol.Lead{Room: "m", Box: here, Online: true}
	}
	seen, covered := Scene{Lesson: "l", Screen: true}, Scene{Lesson: "l", Screen: true, Covered: true}
	for _, tt := range []struct {
		name          string
		st            *protocol.State
		box, room, as string
		at            Scene
		source        string
		may           bool
	}{
		{"the teacher's room", stateOf(2, "", led), here, "m", AsCamera, Scene{}, track.Teacher, true},
		{"its second camera", stateOf(2, "", led), here, "m", AsPupils, Scene{}, track.Pupils, true},
		{"its blackboard", stateOf(2, "", led), here, "m", AsBoard, Scene{}, track.Board, true},
		{"the page shares a board", stateOf(2, "", led), here, "m", AsBoard, Scene{Sources: []string{track.Voice, track.Board}}, track.Board, false},
		{"covered", stateOf(2, "", led), here, "m", AsCamera, covered, track.Teacher, false},
		{"the teacher is away", stateOf(2, "", led, func(s *protocol.State) { s.Lead.Online = false }), here, "m", AsCamera, seen, track.Teacher, false},
		{"nobody leads", stateOf(2, ""), here, "m", AsCamera, seen, track.Teacher, false},
		{"taught from another box", stateOf(2, "", led, func(s *protocol.State) { s.Lead.Box = "other" }), here, "m", AsCamera, seen, track.Teacher, false},
		{"not begun", stateOf(2, "", led, func(s *protocol.State) { s.State = protocol.Waiting }), here, "m", AsCamera, seen, track.Teacher, false},
		{"ended", stateOf(2, "", led, func(s *protocol.State) { s.State = protocol.Ended }), here, "m", AsCamera, seen, track.Teacher, false},
		{"after the bell", stateOf(2, "", led, func(s *protocol.State) { s.State = protocol.Over }), here, "m", AsCamera, seen, track.Teacher, true},

		{"a member", stateOf(2, "", led), there, "r1", AsCamera, seen, track.Pupils, true},
		{"a member without its screen", stateOf(2, "", led), there, "r1", AsCamera, Scene{}, track.Pupils, false},
		{"a covered member", stateOf(2, "", led), there, "r1", AsPupils, covered, track.Pupils, false},
		{"a member's blackboard", stateOf(2, "", led), there, "r1", AsBoard, seen, "", false},
		{"sent away", stateOf(2, "", led, func(s *protocol.State) { s.Rooms[0].State = protocol.RoomRemoved }), there, "r1", AsCamera, seen, track.Pupils, false},
		{"does not attend", stateOf(2, "", led), there, "r9", AsCamera, seen, "", false},
		{"a member's room at the box that teaches", stateOf(2, "", led), here, "r1", AsCamera, seen, "", false},
	} {
		if source, may := Stage(*tt.st, tt.box, tt.room, tt.as, tt.at); source != tt.source || may != tt.may {
			t.Errorf("%s: %q %v, want %q %v", tt.name, source, may, tt.source, tt.may)
		}
	}
}

// TestStageVoice: what a camera hears is its room's voice while its pictures may be sent and no page speaks; it leaves as a page's voice would.
func TestStageVoice(t *testing.T) {
	const here, there = "box-m", "box-r1"
	led := func(s *protocol.State) {
		s.OwnerBox, s.Lead = here, &protocol.Lead{Room: "m", Box: here, Online: true}
	}
	seen := Scene{Lesson: "l", Screen: true}
	for _, tt := range []struct {
		name      string
		st        *protocol.State
		box, room string
		at        Scene
		is, open  bool
	}{
		{"the teacher's room", stateOf(2, "", led), here, "m", Scene{}, true, true},
		{"the teacher has muted himself", stateOf(2, "", led, func(s *protocol.State) { s.Sources.Muted = true }), here, "m", Scene{}, true, false},
		{"the teacher's page speaks", stateOf(2, "", led), here, "m", Scene{Voice: true}, false, false},
		{"covered", stateOf(2, "", led), here, "m", Scene{Covered: true}, false, false},
		{"the teacher is away", stateOf(2, "", led, func(s *protocol.State) { s.Lead.Online = false }), here, "m", Scene{}, false, false},
		{"ended", stateOf(2, "", led, func(s *protocol.State) { s.State = protocol.Ended }), here, "m", Scene{}, false, false},

		{"a member", stateOf(2, "", led), there, "r1", seen, true, false},
		{"a member that was called on", stateOf(2, "r1", led), there, "r1", seen, true, true},
		{"another was called on", stateOf(2, "r2", led), there, "r1", seen, true, false},
		{"muted", stateOf(2, "r1", led, func(s *protocol.State) { s.Rooms[0].Muted = true }), there, "r1", seen, true, false},
		{"its page speaks", stateOf(2, "r1", led), there, "r1", Scene{Screen: true, Voice: true}, false, false},
		{"without its screen", stateOf(2, "r1", led), there, "r1", Scene{}, false, false},
		{"covered, with the floor", stateOf(2, "r1", led), there, "r1", Scene{Screen: true, Covered: true}, false, false},
		{"sent away", stateOf(2, "r1", led, func(s *protocol.State) { s.Rooms[0].State = protocol.RoomRemoved }), there, "r1", seen, false, false},
		{"does not attend", stateOf(2, "", led), there, "r9", seen, false, false},
	} {
		if is, open := StageVoice(*tt.st, tt.box, tt.room, tt.at); is != tt.is || open != tt.open {
			t.Errorf("%s: %v %v, want %v %v", tt.name, is, open, tt.is, tt.open)
		}
	}
}

// TestFilmedLayout: a room that a network camera films gets its own picture back, after all others.
func TestFilmedLayout(t *testing.T) {
	for _, tt := range []struct {
		v    viewer
		want string
	}{
		{viewer{page: protocol.PageClass, room: "r1", plays: true, films: []string{track.Pupils}}, "voice:m board:m/large teacher:m/medium pupils:r1/small"},
		{viewer{page: protocol.PageTeach, room: "m", lead: true, films: []string{track.Teacher}}, "pupils:r1/medium teacher:m/small"},
	} {
		got := layout(stateOf(1, ""), tt.v)
		if short(got) != tt.want || !got[len(got)-1].own {
			t.Errorf("%s: %s, want %s", tt.v.page, short(got), tt.want)
		}
	}
}

// TestFilm: what the box's own cameras make is in the room's presence.
func TestFilm(t *testing.T) {
	p := protocol.Presence{Cam: true}
	film(&p, []Film{{Source: track.Pupils, Failing: true}})
	if p.Cam || !p.CamMissing || p.Sources != nil {
		t.Errorf("%+v", p)
	}
	p = protocol.Presence{Teachers: []string{"s"}, Sources: []string{track.Voice}}
	film(&p, []Film{{Source: track.Teacher, On: true}, {Source: track.Board, On: true}, {Source: track.Pupils}})
	if !p.Cam || p.CamMissing || !slices.Equal(p.Sources, []string{track.Voice, track.Teacher, track.Board}) {
		t.Errorf("%+v", p)
	}
	p = protocol.Presence{MicMissing: true, Level: 3}
	film(&p, []Film{{Source: track.Voice, On: true, Level: 55}})
	if !p.Mic || p.MicMissing || p.Level != 55 || p.Cam {
		t.Errorf("%+v", p)
	}
	film(&p, []Film{{Source: track.Voice}})
	if p.Level != 55 {
		t.Errorf("a camera that is not heard changes the room: %+v", p)
	}
}
