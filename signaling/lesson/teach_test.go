package lesson

import (
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// A lesson is taught from a member's box where the owner was told so, and from no other member's; its administrators run nothing.
func TestTaughtAtAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := at(t, t.TempDir(), "core", "north", "south")
		north, south := at(t, t.TempDir(), "north"), at(t, t.TempDir(), "south")
		defer connect(core.reg, north.reg)()
		defer connect(core.reg, south.reg)()
		if err := core.Hub.do(t.Context(), func() {
			core.Hub.cfg.MayTeach = func(lesson, box string) bool { return lesson == "a" && box == "north" }
		}); err != nil {
			t.Fatal(err)
		}
		core.reg.Create(spec("a"), "admin")
		time.Sleep(time.Second)
		for _, s := range []*station{core, north, south} {
			s.watch("a")
		}
		south.must("a", south.class(), protocol.Hello{Page: protocol.PageClass})
		south.screen("a")
		isCode(t, "a teacher at another member", south.do("a", south.teacher(), protocol.Hello{Page: protocol.PageTeach}), protocol.Forbidden)
		boss := Actor{Role: auth.Administrator, Room: "north", Session: "boss"}
		isCode(t, "a member's administrator", north.do("a", boss, protocol.LessonStart{}), protocol.Forbidden)
		north.teach("a")
		time.Sleep(time.Second)
		for _, s := range []*station{core, north, south} {
			got := s.seen()
			if got.State != protocol.Live || got.Lead == nil || got.Lead.Box != "north" || !got.Lead.Online || got.Master.Room != "north" || !got.Sources.Teacher || got.Stale {
				t.Errorf("at %s: %s, lead %+v, master %+v, sources %+v", s.box, got.State, got.Lead, got.Master, got.Sources)
			}
		}
		north.must("a", north.teacher(), protocol.FloorCall{Room: "south"})
		isCode(t, "the floor from another member", south.do("a", south.teacher(), protocol.FloorRelease{}), protocol.Forbidden)
		isCode(t, "the end from a member's administrator", north.do("a", boss, protocol.LessonFinish{Confirm: true}), protocol.Forbidden)
		north.must("a", north.teacher(), protocol.LessonFinish{Confirm: true})
	})
}

// A page of a room that came to another box than the room's own does not take the room from it.
func TestOwnBoxSpeaksForItsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutNorth()
		defer cutSouth()
		s.core.Presence("a", protocol.Presence{Room: "north", Name: "north", Phones: 1})
		time.Sleep(2500 * time.Millisecond)
		s.core.must("a", Actor{Role: auth.Assistant, Room: "north", Session: "phone"}, protocol.HandRaise{})
		s.north.must("a", s.north.class(), protocol.HandLower{})
		time.Sleep(100 * time.Millisecond)
		if r := s.south.room("north"); r.State != protocol.RoomLive || r.Box != "north" || r.Hand != 0 {
			t.Errorf("%+v", r)
		}
		// The other way round: the phone was there first.
		s.core.Presence("a", protocol.Presence{Room: "south/2", Name: "south", Phones: 1})
		time.Sleep(time.Second)
		s.south.must("a", Actor{Role: auth.Classroom, Room: "south/2", Session: "screen"}, protocol.Hello{Page: protocol.PageClass})
		s.south.Presence("a", protocol.Presence{Room: "south/2", Name: "south", Page: true})
		time.Sleep(1500 * time.Millisecond)
		if r := s.core.room("south/2"); r.State != protocol.RoomLive || r.Box != "south" {
			t.Errorf("%+v", r)
		}
	})
}

// How a lesson went is kept with its record, from a member's phone too.
func TestFeedbackIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		phone := Actor{Role: auth.Assistant, Room: "north", Session: "phone"}
		isCode(t, "before the end", s.north.do("a", phone, protocol.Feedback{OK: true}), protocol.WrongState)
		s.core.must("a", s.core.teacher(), protocol.LessonFinish{Confirm: true})
		time.Sleep(100 * time.Millisecond)
		s.north.must("a", phone, protocol.Feedback{OK: true})
		s.north.must("a", phone, protocol.Feedback{OK: false}) // the last word counts
		core := s.core.kill("north", "south")
		cutNorth()
		cutSouth()
		if got := core.reg.Feedback("a"); len(got) != 1 || got["north"] {
			t.Errorf("%v", got)
		}
	})
}
