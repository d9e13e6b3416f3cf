package lesson

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// school is core ← north, south, and a lesson "a" of the core's that is on, with both members in it.
type school struct{ core, north, south *station }

func newSchool(t *testing.T) (s school, cutNorth, cutSouth func()) {
	t.Helper()
	s = school{at(t, t.TempDir(), "core", "north", "south"), at(t, t.TempDir(), "north"), at(t, t.TempDir(), "south")}
	cutNorth, cutSouth = connect(s.core.reg, s.north.reg), connect(s.core.reg, s.south.reg)
	s.core.reg.Create(spec("a"), "admin")
	time.Sleep(time.Second)
	for _, b := range []*station{s.core, s.north, s.south} {
		b.watch("a")
	}
	for _, b := range []*station{s.north, s.south} {
		b.must("a", b.class(), protocol.Hello{Page: protocol.PageClass})
		b.screen("a")
	}
	s.core.teach("a")
	time.Sleep(time.Second)
	return s, cutNorth, cutSouth
}

func isCode(t *testing.T, what string, err error, code protocol.Code) {
	t.Helper()
	if !errors.Is(err, &protocol.Error{Code: code}) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestCutAndHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutSouth()
		s.north.must("a", s.north.class(), protocol.HandRaise{})
		time.Sleep(100 * time.Millisecond)
		cutNorth()
		start := time.Now()
		isCode(t, "an act while cut", s.north.do("a", s.north.class(), protocol.HandLower{}), protocol.OwnerAway)
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("said after %v", d)
		}
		if err := s.north.do("a", s.north.class(), protocol.RoomCover{Covered: true}); err != nil {
			t.Errorf("what stays in the room: %v", err)
		}
		time.Sleep(1500 * time.Millisecond)
		if s.north.seen().Stale {
			t.Error("stale before 2 s")
		}
		time.Sleep(1500 * time.Millisecond)
		if got := s.north.seen(); !got.Stale || got.State != protocol.Live || s.north.room("north").Hand == 0 {
			t.Errorf("after 3 s: stale %v, %s", got.Stale, got.State)
		}
		if r := s.south.room("north"); r.State != protocol.RoomLost || r.Word != protocol.WordOffline || r.Hand == 0 {
			t.Errorf("as the others see it: %+v", r)
		}
		if s.south.seen().Stale {
			t.Error("a cut of one stales another")
		}
		heal := connect(s.core.reg, s.north.reg)
		defer heal()
		time.Sleep(60 * time.Millisecond)
		if got := s.north.seen(); got.Stale || s.south.room("north").State != protocol.RoomLive || s.north.room("north").HandOrder != 1 {
			t.Errorf("healed: stale %v, %+v", got.Stale, s.south.room("north"))
		}
	})
}

func TestActIsGivenThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		north := at(t, t.TempDir(), "north")
		defer north.reg.LinkUp("core", true, func([]byte) error { return nil })() // up, and mute
		l := Lesson{ID: "a", Title: "a", Owner: "core", Mode: "same", Record: "buffer", Scope: "teacher+board", State: protocol.Live, Epoch: 1, Revision: 1}
		frame, _ := protocol.Encode(protocol.LessonPut{Lesson: l})
		if err := north.reg.Frame("core", frame); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		isCode(t, "no answer", north.do("a", north.class(), protocol.HandRaise{}), protocol.OwnerAway)
		if d := time.Since(start); d < actWait || d > actWait+100*time.Millisecond {
			t.Errorf("after %v", d)
		}
		isCode(t, "an unknown lesson", north.do("b", north.class(), protocol.HandRaise{}), protocol.UnknownLesson)
		isCode(t, "a forbidden act needs no owner", north.do("a", north.class(), protocol.FloorCall{Room: "north"}), protocol.Forbidden)
	})
}

func TestOwnerKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		s.south.must("a", s.south.class(), protocol.HandRaise{})
		s.core.must("a", s.core.teacher(), protocol.RoomMute{Room: "south", Muted: true})
		time.Sleep(time.Second)
		was := s.core.seen()
		s.north.must("a", s.north.class(), protocol.HandRaise{})
		time.Sleep(60 * time.Millisecond) // this is written, what follows within half a second is not
		s.core.must("a", s.core.teacher(), protocol.FloorCall{Room: "north"})
		s.south.must("a", s.south.class(), protocol.HandLower{})
		time.Sleep(110 * time.Millisecond) // told to the members, not written
		if s.north.room("north").Hand != 0 || len(s.south.seen().Floor) != 1 {
			t.Fatalf("before the kill: %+v", s.north.seen().Floor)
		}
		core := s.core.kill("north", "south")
		cutNorth()
		cutSouth()
		if k, err := core.saver.load(func(string) bool { return true }); err != nil || len(k["a"].State.Floor) != 0 {
			t.Fatalf("the floor was written already: %v", err)
		}
		core.watch("a")
		defer connect(core.reg, s.north.reg)()
		defer connect(core.reg, s.south.reg)()
		core.must("a", s.core.teacher(), protocol.Hello{Page: protocol.PageTeach}) // its page resumes
		core.Presence("a", protocol.Presence{Room: "core", Name: "core", Teachers: []string{"teach-core"}})
		time.Sleep(1500 * time.Millisecond)
		for _, b := range []*station{core, s.north, s.south} {
			got := b.seen()
			if got.Stale || got.State != protocol.Live || got.StartedAt != was.StartedAt || got.Epoch <= was.Epoch || got.Lead == nil || !got.Lead.Online {
				t.Errorf("at %s: stale %v %s epoch %d (was %d) lead %+v", b.box, got.Stale, got.State, got.Epoch, was.Epoch, got.Lead)
			}
			if len(got.Floor) != 1 || got.Floor[0].Room != "north" || b.room("south").Hand != 0 || !b.room("south").Muted || b.room("north").State != protocol.RoomLive {
				t.Errorf("at %s: floor %+v, rooms %+v", b.box, got.Floor, got.Rooms)
			}
		}
	})
}

// kill ends a box without letting it write, as SIGKILL does, and starts it anew on what lies on its disk.
func (s *station) kill(children ...string) *station {
	s.t.Helper()
	s.reg.store.Close() // from here on nothing reaches the disk
	s.stop()
	return at(s.t, s.dir, s.box, children...)
}

func TestWhatIsAnsweredIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		yes, off := true, protocol.RecordOff
		s.core.must("a", s.core.teacher(), protocol.RoomRemove{Room: "south"})
		s.core.must("a", s.core.teacher(), protocol.LessonSet{Closed: &yes, Record: &off})
		core := s.core.kill("north", "south")
		cutNorth()
		cutSouth()
		core.watch("a")
		time.Sleep(100 * time.Millisecond)
		if got := core.seen(); !got.Closed || got.Record != off || core.room("south").State != protocol.RoomRemoved {
			t.Errorf("%+v", got)
		}
		if l, _ := core.reg.Get("a"); l.Record != off {
			t.Errorf("record %s", l.Record)
		}
		core.must("a", s.core.teacher(), protocol.Hello{Page: protocol.PageTeach})
		core.must("a", s.core.teacher(), protocol.LessonFinish{Confirm: true})
		again := core.kill("north", "south")
		if _, open := again.reg.Open("a"); open {
			t.Error("the end was not on disk")
		}
		isCode(t, "after the end", again.do("a", s.core.teacher(), protocol.LessonStart{}), protocol.UnknownLesson)
	})
}

func TestDiskThatDoesNotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := at(t, t.TempDir(), "core")
		core.reg.Create(spec("a"), "admin")
		core.watch("a")
		core.must("a", core.teacher(), protocol.Hello{Page: protocol.PageTeach})
		core.reg.store.Close()
		isCode(t, "上课", core.do("a", core.teacher(), protocol.LessonStart{}), protocol.Internal)
		time.Sleep(100 * time.Millisecond)
		if got := core.seen(); got.State != protocol.Waiting {
			t.Errorf("not written and %s", got.State)
		}
	})
}

func TestMemberKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutSouth()
		s.core.must("a", s.core.teacher(), protocol.FloorCall{Room: "north"})
		time.Sleep(100 * time.Millisecond)
		north := s.north.kill()
		cutNorth()
		defer connect(s.core.reg, north.reg)()
		north.watch("a")
		north.must("a", north.class(), protocol.Hello{Page: protocol.PageClass})
		north.screen("a")
		time.Sleep(time.Second)
		if got := north.seen(); got.Stale || len(got.Floor) != 1 || north.room("north").State != protocol.RoomLive {
			t.Errorf("%+v", got)
		}
	})
}

// hostile is a member's box that says whatever it likes.
func hostile(t *testing.T, core *station, m protocol.Message) error {
	t.Helper()
	frame, err := protocol.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return core.reg.Frame("south", frame)
}

func TestHostileMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutNorth()
		cutSouth()
		var answers []protocol.Acted
		down := s.core.reg.LinkUp("south", false, func(frame []byte) error {
			if m, err := protocol.DecodeFrame(frame); err == nil {
				if a, ok := m.(protocol.Acted); ok {
					answers = append(answers, a)
				}
			}
			return nil
		})
		defer down()
		s.north.must("a", s.north.class(), protocol.HandRaise{})
		time.Sleep(100 * time.Millisecond)
		was := s.core.seen()
		request := func(m protocol.Request) json.RawMessage {
			frame, err := protocol.EncodeRequest(1, m)
			if err != nil {
				t.Fatal(err)
			}
			return frame
		}
		act := func(from string, role auth.Role, room string, m protocol.Request) protocol.Act {
			return protocol.Act{ID: "x", Lesson: "a", From: from, Hops: 1, Who: protocol.Who{Role: string(role), Room: room, Session: "teach-core"}, Request: request(m)}
		}
		for name, m := range map[string]protocol.Message{
			"for another campus":              act("south", auth.Classroom, "north", protocol.HandLower{}),
			"as another box":                  act("north", auth.Classroom, "north", protocol.HandLower{}),
			"as a box behind it":              act("deep", auth.Classroom, "north", protocol.HandLower{}),
			"for a room of another campus":    act("deep", auth.Classroom, "north/2", protocol.HandRaise{}),
			"for the master's room":           act("south", auth.Teacher, "core", protocol.FloorCall{Room: "south"}),
			"as the teacher's session":        act("south", auth.Teacher, "south", protocol.FloorCall{Room: "south"}),
			"as an administrator":             act("south", auth.Administrator, "south", protocol.LessonFinish{Confirm: true}),
			"as this very box":                act("core", auth.Teacher, "core", protocol.LessonFinish{Confirm: true}),
			"as a room that calls itself":     act("south", auth.Classroom, "south", protocol.FloorCall{Room: "south"}),
			"as a role that is none":          act("south", "king", "south", protocol.FloorCall{Room: "south"}),
			"what stays in a room":            act("south", auth.Classroom, "south", protocol.Devices{}),
			"another campus's presence":       protocol.PresenceFrame{Lesson: "a", Hops: 1, Room: protocol.Presence{Room: "north", Box: "south", Teachers: []string{}}},
			"another's presence, as its box":  protocol.PresenceFrame{Lesson: "a", Hops: 1, Room: protocol.Presence{Room: "north", Box: "north", Teachers: []string{}}},
			"the lead's presence":             protocol.PresenceFrame{Lesson: "a", Hops: 1, Room: protocol.Presence{Room: "core", Box: "south", Teachers: []string{}}},
			"a state from below":              protocol.StateFrame{Hops: 1, Lesson: protocol.State{ID: "a", Epoch: 1 << 50, Rev: 1, State: protocol.Ended, Floor: []protocol.Holder{}, Rooms: []protocol.RoomState{}, Notes: []protocol.Note{}}},
			"a pulse from below":              protocol.Pulse{Lesson: "a", Epoch: 1 << 50, Rev: 1, Hops: 1},
			"an answer to nobody":             protocol.Acted{ID: "x", Lesson: "a", To: "core", Hops: 1},
			"a watch of what is not":          protocol.Watch{Lesson: "b"},
			"a request that is none":          protocol.Act{ID: "x", Lesson: "a", From: "south", Hops: 1, Who: protocol.Who{Role: "classroom", Room: "south"}, Request: json.RawMessage(`{"type":"king","id":1}`)},
			"a floor that it says it had":     protocol.PresenceFrame{Lesson: "a", Hops: 1, Room: protocol.Presence{Room: "south", Box: "south", Page: true, Teachers: []string{}, Known: &protocol.Known{Epoch: was.Epoch, Rev: 1 << 50, Floor: 1}}},
			"teachers that it says are there": protocol.PresenceFrame{Lesson: "a", Hops: 1, Room: protocol.Presence{Room: "south", Box: "south", Page: true, Teachers: []string{"teach-core"}, Sources: []string{"board"}}},
		} {
			answers = nil
			_ = hostile(t, s.core, m)
			synctest.Wait()
			time.Sleep(time.Second)
			if a, ok := m.(protocol.Act); ok && (len(answers) != 1 || answers[0].Code == "" || answers[0].To != a.From) {
				t.Errorf("%s: answers %+v", name, answers)
			}
			got := s.core.seen()
			if len(got.Floor) != 0 || s.core.room("north").Hand == 0 || s.core.room("north").State != protocol.RoomLive || got.State != protocol.Live ||
				got.Lead.Session != "teach-core" || !got.Lead.Online || got.Sources.Board {
				t.Fatalf("%s: did something: %+v", name, got)
			}
		}
	})
}

// TestThreeLevels: county ← core ← campus ← room, and a second campus; the lesson is the county's, then the core's, then a room's.
func TestThreeLevels(t *testing.T) {
	for _, owner := range []string{"county", "core", "room"} {
		synctest.Test(t, func(t *testing.T) {
			boxes := map[string]*station{
				"county": at(t, t.TempDir(), "county", "core"), "core": at(t, t.TempDir(), "core", "campus", "south"),
				"campus": at(t, t.TempDir(), "campus", "room"), "room": at(t, t.TempDir(), "room"), "south": at(t, t.TempDir(), "south"),
			}
			for _, l := range [][2]string{{"county", "core"}, {"core", "campus"}, {"core", "south"}, {"campus", "room"}} {
				defer connect(boxes[l[0]].reg, boxes[l[1]].reg)()
			}
			if _, err := boxes[owner].reg.Create(spec("a"), "admin"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			for _, b := range boxes {
				b.watch("a")
			}
			boxes[owner].teach("a")
			for name, b := range boxes {
				if name != owner {
					b.must("a", b.class(), protocol.Hello{Page: protocol.PageClass})
					b.screen("a")
				}
			}
			time.Sleep(time.Second)
			far := "room"
			if owner == "room" {
				far = "south"
			}
			boxes[far].must("a", boxes[far].class(), protocol.HandRaise{})
			boxes[owner].must("a", boxes[owner].teacher(), protocol.FloorCall{Room: far})
			time.Sleep(100 * time.Millisecond)
			for name, b := range boxes {
				if got := b.seen(); got.Stale || len(got.Floor) != 1 || got.Floor[0].Room != far || b.room(far).State != protocol.RoomLive {
					t.Errorf("owner %s, at %s: %+v", owner, name, got)
				}
			}
			p := protocol.Presence{Room: far, Name: far, Page: true, Level: 55}
			boxes[far].Presence("a", p)
			time.Sleep(time.Second)
			for name, b := range boxes {
				b.mu.Lock()
				if n := len(b.levels); n == 0 || b.levels[n-1].Rooms[far] != 55 {
					t.Errorf("owner %s, at %s: levels %+v", owner, name, b.levels)
				}
				b.mu.Unlock()
			}
		})
	}
}

func TestFramesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, north := at(t, t.TempDir(), "core", "north"), at(t, t.TempDir(), "north")
		core.reg.Create(spec("a"), "admin")
		var down, up, bytes atomic.Int64
		toNorth, toCore := make(chan []byte, 4096), make(chan []byte, 4096)
		pump := func(to *station, from string, c chan []byte) {
			for f := range c {
				to.reg.Frame(from, f)
			}
		}
		go pump(north, "core", toNorth)
		go pump(core, "north", toCore)
		defer func() { // who sends ends first
			core.stop()
			north.stop()
			close(toNorth)
			close(toCore)
		}()
		defer core.reg.LinkUp("north", false, func(f []byte) error { down.Add(1); bytes.Add(int64(len(f))); toNorth <- f; return nil })()
		defer north.reg.LinkUp("core", true, func(f []byte) error { up.Add(1); toCore <- f; return nil })()
		time.Sleep(time.Second)
		north.watch("a")
		north.must("a", north.class(), protocol.Hello{Page: protocol.PageClass})
		north.screen("a")
		core.teach("a")
		time.Sleep(2 * time.Second)
		down.Store(0)
		up.Store(0)
		bytes.Store(0)
		time.Sleep(10 * time.Second)
		if down.Load() > 11 || up.Load() > 22 || bytes.Load() > 1000 {
			t.Errorf("ten quiet seconds: %d frames down (%d bytes), %d up", down.Load(), bytes.Load(), up.Load())
		}
		down.Store(0)
		for i := range 100 { // a second of a teacher who plays with the button
			core.must("a", core.teacher(), protocol.LessonSet{Mirror: new(i%2 == 0)})
			time.Sleep(10 * time.Millisecond)
		}
		if down.Load() > 25 { // 20 states, and a pulse now and then
			t.Errorf("a busy second: %d frames", down.Load())
		}
	})
}

func TestForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, north := at(t, t.TempDir(), "core", "north"), at(t, t.TempDir(), "north")
		defer connect(core.reg, north.reg)()
		calls := 0
		cancel := north.WatchRooms(func() { calls++ })
		want := func(id string) {
			t.Helper()
			time.Sleep(100 * time.Millisecond)
			if got, ok := north.ForRoom("north", "1"); got != id || ok != (id != "") {
				t.Errorf("%q %v, want %q", got, ok, id)
			}
		}
		want("")
		core.reg.Create(Spec{ID: "a", Title: "a", Campuses: protocol.Campuses{"north"}}, "admin")
		core.reg.Create(Spec{ID: "s", Title: "s", Campuses: protocol.Campuses{"south"}}, "admin")
		want("a")
		core.reg.Create(Spec{ID: "b", Title: "b", Campuses: protocol.Campuses{"north/1"}, Start: time.Now().Add(time.Minute)}, "admin")
		want("a")
		time.Sleep(41 * time.Second)
		want("b")
		north.watch("b")
		north.must("b", Actor{Role: auth.Classroom, Room: "north/1"}, protocol.Hello{Page: protocol.PageClass})
		core.must("b", core.teacher(), protocol.Hello{Page: protocol.PageTeach})
		core.must("b", core.teacher(), protocol.RoomRemove{Room: "north/1"})
		want("a")
		core.must("b", core.teacher(), protocol.RoomAdmit{Room: "north/1"})
		want("b")
		core.reg.End("b")
		want("a")
		if calls == 0 {
			t.Error("nobody was told")
		}
		cancel()
	})
}

func TestSistersInOneCampus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, one, two := at(t, t.TempDir(), "core"), at(t, t.TempDir(), "one"), at(t, t.TempDir(), "two")
		for _, c := range []string{"one", "two"} {
			core.reg.store.Update(func(tx *store.Tx) error {
				return store.Children.Put(tx, c, store.Child{ID: c, CampusID: "north", Classroom: c})
			})
		}
		cut := sync.OnceFunc(connect(core.reg, two.reg))
		defer cut()
		defer connect(core.reg, one.reg)()
		core.reg.Create(spec("a"), "admin")
		core.teach("a")
		time.Sleep(time.Second)
		as := func(room string) Actor { return Actor{Role: auth.Classroom, Room: room} }
		isCode(t, "for a sister that has not come", one.do("a", as("north/two"), protocol.HandRaise{}), protocol.Forbidden)
		for room, b := range map[string]*station{"north/one": one, "north/two": two} {
			b.must("a", as(room), protocol.Hello{Page: protocol.PageClass})
			b.must("a", as(room), protocol.HandRaise{})
		}
		two.Presence("a", protocol.Presence{Room: "north/two", Page: true})
		isCode(t, "for a sister that is there", one.do("a", as("north/two"), protocol.HandLower{}), protocol.Forbidden)
		cut()
		time.Sleep(3 * time.Second)
		one.must("a", as("north/two"), protocol.HandLower{}) // it took the place of a box that is gone
	})
}

// TestBusyHub: a box that is asked all the time still lets time pass.
func TestBusyHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutNorth()
		cutSouth()
		for range 500 {
			s.core.must("a", s.core.teacher(), protocol.FloorRelease{})
			time.Sleep(10 * time.Millisecond)
		}
		if s.north.seen().Stale || s.north.room("south").State != protocol.RoomLost {
			t.Errorf("stale %v, %s", s.north.seen().Stale, s.north.room("south").State)
		}
	})
}

func TestTeachingBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, north := at(t, t.TempDir(), "core", "north"), at(t, t.TempDir(), "north")
		var mu sync.Mutex
		told := map[string]string{}
		for _, b := range []*station{core, north} {
			b.Hub.post(func() {
				b.Hub.cfg.Teaching = func(lesson, box string) {
					mu.Lock()
					defer mu.Unlock()
					told[b.box] += lesson + "@" + box + " "
				}
			})
		}
		defer connect(core.reg, north.reg)()
		north.reg.Create(spec("n"), "admin") // the member's own lesson, taught from the core
		time.Sleep(time.Second)
		core.watch("n")
		core.teach("n")
		time.Sleep(time.Second)
		north.must("n", Actor{Role: auth.Teacher, Room: "north", Session: "t"}, protocol.LessonTake{})
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if want := "n@core n@north "; told["core"] != want || told["north"] != want {
			t.Errorf("%q", told)
		}
	})
}

func TestDiskIsNotWornOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutNorth()
		defer cutSouth()
		flood := func() (refused int) {
			for i := range 100 {
				err := s.core.do("a", s.core.teacher(), protocol.RoomMute{Room: "north", Muted: i%2 == 0})
				if errors.Is(err, &protocol.Error{Code: protocol.TooMany}) {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			return refused
		}
		if n := flood(); n < 30 || n > 80 { // each second refused mute leaves an unmute with nothing to do
			t.Errorf("%d of 100 in a second refused", n)
		}
		for range 100 {
			s.core.must("a", s.core.teacher(), protocol.RoomMute{Room: "south", Muted: false}) // as it is
			s.core.must("a", s.core.teacher(), protocol.LessonSet{Layout: new(protocol.LayoutAll)})
		}
		time.Sleep(4 * time.Second)
		s.core.must("a", s.core.teacher(), protocol.RoomRemove{Room: "south"})
	})
}

// TestAnswerAfterState: what an act did is seen where it began before it is answered, for a page that asks for the next thing at once.
func TestAnswerAfterState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cutNorth, cutSouth := newSchool(t)
		defer cutNorth()
		defer cutSouth()
		for i := range 5 {
			s.core.must("a", s.core.teacher(), protocol.FloorCall{Room: []string{"north", "south"}[i%2]})
			if f := s.core.seen().Floor; len(f) != 1 || f[0].Room != []string{"north", "south"}[i%2] {
				t.Errorf("floor %+v", f)
			}
		}
		time.Sleep(4 * time.Second)
		s.north.must("a", s.north.class(), protocol.FloorDone{})
		if f := s.north.seen().Floor; len(f) != 0 {
			t.Errorf("at the member: floor %+v", f)
		}
		s.core.must("a", s.core.teacher(), protocol.LessonFinish{Confirm: true})
		if got := s.core.seen().State; got != protocol.Ended {
			t.Errorf("%s", got)
		}
	})
}
