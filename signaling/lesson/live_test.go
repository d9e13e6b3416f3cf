package lesson

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// class is a live lesson with a clock that only the test moves.
type class struct {
	*Live
	t   *testing.T
	now time.Time
	// rooms that are there and what their pages played
	there map[string]*protocol.Presence
}

func newClass(t *testing.T, l Lesson) *class {
	l.ID, l.Title, l.Mode, l.Record, l.Scope = "x", "x", protocol.ModeSame, def(l.Record, protocol.RecordBuffer), protocol.ScopeTeacherBoard
	l.Owner = def(l.Owner, "core")
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	return &class{newLive(l, nil, protocol.RoomRef{Room: "core", Name: "core"}, now), t, now, map[string]*protocol.Presence{}}
}

// come has rooms come in.
func (c *class) come(rooms ...string) {
	for _, r := range rooms {
		c.there[r] = &protocol.Presence{Room: r, Name: r, Box: "box-" + r, Page: true, Cam: true, Mic: true, Stats: &protocol.Stats{}}
		c.Presence(*c.there[r], c.now)
	}
}

// pass lets time pass as the hub does: rooms speak each second, each second of voice is 48000 samples.
func (c *class) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(250 * time.Millisecond)
		if c.now.Nanosecond() == 0 {
			for _, p := range c.there {
				if p.Stats != nil {
					s := *p.Stats
					s.Total += 48000
					s.BoardFrames++
					p.Stats = &s
				}
				c.Presence(*p, c.now)
			}
		}
		c.Tick(c.now)
	}
}

func (c *class) as(a Actor, m protocol.Request) error { return c.Apply(a, m, c.now) }

func (c *class) want(code protocol.Code, a Actor, m protocol.Request) {
	c.t.Helper()
	err := c.as(a, m)
	var e *protocol.Error
	switch errors.As(err, &e); {
	case code == "" && err != nil, code != "" && (e == nil || e.Code != code):
		c.t.Errorf("%s %+v: %v, want %q", protocol.Kind(m), m, err, code)
	}
}

var lead = Actor{Role: auth.Teacher, Box: "core", Room: "core", Session: "lead"}

func screenOf(room string) Actor {
	return Actor{Role: auth.Classroom, Box: "box-" + room, Room: room, Session: "s-" + room}
}
func phoneOf(room string) Actor {
	return Actor{Role: auth.Assistant, Box: "box-" + room, Room: room, Session: "p-" + room}
}

// begin is a lesson that is on, with these rooms in it.
func begin(t *testing.T, l Lesson, rooms ...string) *class {
	t.Helper()
	c := newClass(t, l)
	c.come(rooms...)
	c.there["core"] = &protocol.Presence{Room: "core", Box: "core", Teachers: []string{"lead", "other"}, Sources: []string{protocol.SourceTeacher}}
	c.want("", lead, protocol.Hello{Page: protocol.PageTeach})
	c.want("", lead, protocol.LessonStart{})
	c.pass(time.Second)
	return c
}

func (c *class) tile(room string) protocol.RoomState {
	c.t.Helper()
	for _, r := range c.State().Rooms {
		if r.Room == room {
			return r
		}
	}
	c.t.Fatalf("no room %s", room)
	return protocol.RoomState{}
}

func (c *class) floor() (s string) {
	for _, h := range c.State().Floor {
		s += h.Room + map[bool]string{true: "+ ", false: " "}[h.Second]
	}
	return strings.TrimSpace(s)
}

func TestBeforeTheLesson(t *testing.T) {
	c := newClass(t, Lesson{Campuses: protocol.Campuses{"north", "south/1"}})
	c.expect([]expected{{room: "north", name: "北校", seen: c.now.Add(-2 * time.Hour)}, {room: "south/1"}}, c.now)
	if c.Phase() != protocol.Planned || c.tile("north").Word != protocol.WordAbsent || c.tile("north").LastSeen == 0 {
		t.Errorf("%+v", c.State())
	}
	c.expect([]expected{{room: "north", name: "北校", seen: c.now.Add(-2 * time.Hour), online: true}, {room: "south/1"}}, c.now)
	if c.tile("north").LastSeen != 0 {
		t.Error("a box that is on is said to be off, for its page has not come yet")
	}
	c.expect([]expected{{room: "north", name: "北校", seen: c.now}, {room: "south/1"}}, c.now)
	if c.tile("north").LastSeen != protocol.At(c.now) {
		t.Error("a box that has just gone")
	}
	c.come("north/3")
	if r := c.tile("north/3"); c.Phase() != protocol.Waiting || r.State != protocol.RoomHere || len(c.State().Rooms) != 2 || c.State().Rooms[0].Room != "north/3" {
		t.Errorf("a campus that is named whole keeps its place: %+v", c.State().Rooms)
	}
	c.want("", phoneOf("north/3"), protocol.RoomReady{})
	if r := c.tile("north/3"); r.State != protocol.RoomPrepared {
		t.Errorf("ready: %s", r.State)
	}
	c.pass(2 * time.Second)
	if r := c.tile("north/3"); r.State != protocol.RoomPrepared {
		t.Errorf("ready for good: %s", r.State)
	}
	c.want(protocol.Forbidden, screenOf("west"), protocol.Hello{Page: protocol.PageClass})
	c.want("", screenOf("south/1"), protocol.Hello{Page: protocol.PageClass})
	c.want(protocol.NotYours, lead, protocol.LessonStart{})
	c.want("", lead, protocol.Hello{Page: protocol.PageTeach})
	c.want("", lead, protocol.LessonStart{})
	if r := c.tile("north/3"); c.Phase() != protocol.Live || r.State != protocol.RoomLive || c.State().StartedAt == 0 {
		t.Errorf("after 上课: %s", r.State)
	}
}

func TestHandsAndFloor(t *testing.T) {
	c := begin(t, Lesson{}, "a", "b", "d")
	c.want("", screenOf("b"), protocol.HandRaise{})
	c.want("", phoneOf("a"), protocol.HandRaise{}) // the same millisecond
	c.pass(time.Second)
	c.want("", screenOf("a"), protocol.HandRaise{}) // twice is once
	if a, b := c.tile("a"), c.tile("b"); b.HandOrder != 1 || a.HandOrder != 2 || a.Hand <= b.Hand {
		t.Errorf("order: a %d b %d", a.HandOrder, b.HandOrder)
	}
	c.want("", lead, protocol.FloorCall{Room: "b"})
	if a, b := c.tile("a"), c.tile("b"); a.HandOrder != 1 || b.Hand != 0 || c.floor() != "b" {
		t.Errorf("called: a %d, b %d, floor %q", a.HandOrder, b.Hand, c.floor())
	}
	c.want(protocol.WrongState, screenOf("b"), protocol.HandRaise{})
	c.want(protocol.WrongState, screenOf("b"), protocol.FloorDone{})
	c.want(protocol.NotYours, screenOf("a"), protocol.FloorDone{})
	c.pass(3 * time.Second)
	c.want("", phoneOf("b"), protocol.FloorDone{})
	c.want("", phoneOf("a"), protocol.HandLower{})
	for _, step := range []struct {
		m    protocol.Request
		want string
	}{
		{protocol.FloorCall{Room: "a"}, "a"},
		{protocol.FloorCall{Room: "b", Second: true}, "a b+"},
		{protocol.FloorCall{Room: "d", Second: true}, "a d+"},
		{protocol.FloorCall{Room: "d", Second: true}, "a d+"},
		{protocol.FloorRelease{Room: "a"}, "d"},
		{protocol.FloorCall{Room: "a", Second: true}, "d a+"},
		{protocol.FloorCall{Room: "a"}, "a"},
		{protocol.FloorCall{Room: "b"}, "b"},
		{protocol.FloorRelease{Room: "a"}, "b"},
		{protocol.FloorCall{Room: "a", Second: true}, "b a+"},
		{protocol.FloorRelease{}, ""},
		{protocol.FloorCall{Room: "a", Second: true}, "a"},
	} {
		c.want("", lead, step.m)
		if got := c.floor(); got != step.want {
			t.Errorf("%+v: floor %q, want %q", step.m, got, step.want)
		}
	}
	c.want(protocol.UnknownRoom, lead, protocol.FloorCall{Room: "nowhere"})
	c.want("", lead, protocol.RoomMute{Room: "a", Muted: true})
	if !c.tile("a").Muted || c.floor() != "a" {
		t.Error("muted with the floor")
	}
}

func TestHandAndFloorOfALostRoom(t *testing.T) {
	c := begin(t, Lesson{}, "a", "b")
	c.want("", screenOf("a"), protocol.HandRaise{})
	c.want("", lead, protocol.FloorCall{Room: "b"})
	delete(c.there, "a")
	delete(c.there, "b")
	c.pass(1750 * time.Millisecond)
	if r := c.tile("a"); r.State != protocol.RoomLive {
		t.Errorf("after 1.75 s: %s", r.State)
	}
	c.pass(500 * time.Millisecond)
	if r := c.tile("a"); r.State != protocol.RoomLost || r.Word != protocol.WordOffline || r.Hand == 0 || r.LastSeen == 0 {
		t.Errorf("after 2.25 s: %+v", r)
	}
	c.want(protocol.WrongState, lead, protocol.FloorCall{Room: "a"})
	c.pass(27 * time.Second)
	if c.tile("a").Hand == 0 || c.floor() != "b" {
		t.Error("after 29 s: hand or floor gone")
	}
	c.come("b")
	c.pass(2 * time.Second)
	if c.tile("a").Hand != 0 || c.floor() != "b" || c.tile("b").State != protocol.RoomLive {
		t.Errorf("after 31 s: hand %d floor %q b %s", c.tile("a").Hand, c.floor(), c.tile("b").State)
	}
	c.there["b"].Page = false // the page is loaded anew, and its box says so
	c.pass(4 * time.Second)
	if r := c.tile("b"); r.State != protocol.RoomAbsent || r.LastSeen == 0 || c.floor() != "b" {
		t.Errorf("for 4 s without a page: %+v, floor %q", r, c.floor())
	}
	c.come("b")
	c.pass(10 * time.Second)
	if r := c.tile("b"); r.State != protocol.RoomLive || c.floor() != "b" {
		t.Errorf("loaded anew: %+v, floor %q", r, c.floor())
	}
	c.there["b"].Page = false // closed
	c.pass(time.Second)
	delete(c.there, "b") // its box has nothing more to say
	c.pass(3 * time.Second)
	if c.floor() != "b" {
		t.Errorf("after 4 s: floor %q", c.floor())
	}
	c.pass(2 * time.Second)
	if r := c.tile("b"); r.State != protocol.RoomAbsent || c.floor() != "" {
		t.Errorf("closed: %+v, floor %q", r, c.floor())
	}
}

func TestRemoveAndClose(t *testing.T) {
	c := begin(t, Lesson{}, "a", "b")
	c.want("", lead, protocol.FloorCall{Room: "a"})
	c.want("", lead, protocol.RoomRemove{Room: "a"})
	c.pass(5 * time.Second) // its box goes on saying that it is there
	if r := c.tile("a"); r.State != protocol.RoomRemoved || c.floor() != "" {
		t.Errorf("removed: %s, floor %q", r.State, c.floor())
	}
	c.want(protocol.Removed, screenOf("a"), protocol.HandRaise{})
	c.want(protocol.Removed, screenOf("a"), protocol.Hello{Page: protocol.PageClass})
	c.want(protocol.Removed, phoneOf("a"), protocol.NotePhrase{Code: protocol.PhraseBoard})
	yes := true
	c.want("", lead, protocol.LessonSet{Closed: &yes})
	c.want(protocol.Closed, screenOf("d"), protocol.Hello{Page: protocol.PageClass})
	c.come("d")
	if len(c.State().Rooms) != 2 {
		t.Error("a new room came into a closed lesson")
	}
	c.want("", screenOf("b"), protocol.Hello{Page: protocol.PageClass})
	c.want("", lead, protocol.RoomAdmit{Room: "a"})
	c.want("", screenOf("a"), protocol.Hello{Page: protocol.PageClass})
	c.pass(time.Second)
	if r := c.tile("a"); r.State != protocol.RoomLive {
		t.Errorf("admitted: %s", r.State)
	}
}

func TestTwoScreensInOneRoom(t *testing.T) {
	c := begin(t, Lesson{}, "a")
	other := screenOf("a")
	other.Box = "box-2"
	c.want(protocol.RoomTaken, other, protocol.Hello{Page: protocol.PageClass})
	c.want("", other, protocol.Hello{Page: protocol.PageClass, Take: protocol.TakePlay})
	c.want("", screenOf("a"), protocol.Hello{Page: protocol.PageClass})
}

func TestLead(t *testing.T) {
	c := begin(t, Lesson{}, "a")
	other := Actor{Role: auth.Teacher, Box: "core", Room: "core", Session: "other"}
	c.want(protocol.Elsewhere, other, protocol.Hello{Page: protocol.PageTeach})
	c.want("", other, protocol.Hello{Page: protocol.PageTeach, Remote: true})
	c.want(protocol.NotYours, other, protocol.FloorCall{Room: "a"})
	c.want("", lead, protocol.Hello{Page: protocol.PageTeach}) // the same session again
	c.want("", lead, protocol.SelfMute{Muted: true})
	c.want("", other, protocol.LessonTake{})
	if s := c.State(); s.Lead.Session != "other" || s.Sources.Muted {
		t.Errorf("taken: %+v %+v", s.Lead, s.Sources)
	}
	c.want(protocol.NotYours, lead, protocol.FloorCall{Room: "a"})
	c.there["core"].Teachers = []string{"lead"} // its session is lost
	c.pass(time.Second)
	if s := c.State(); s.Lead.Online || s.Sources.Teacher {
		t.Errorf("lost: %+v %+v", s.Lead, s.Sources)
	}
	home := Actor{Role: auth.Teacher, Box: "home", Room: "home", Session: "laptop"}
	c.want("", home, protocol.Hello{Page: protocol.PageTeach}) // at once, no question
	c.want("", home, protocol.FloorCall{Room: "a"})
	if s := c.State(); s.Lead.Session != "laptop" || s.Master.Room != "home" {
		t.Errorf("taken over: %+v %+v", s.Lead, s.Master)
	}
	c.pass(3 * time.Second) // nothing is heard of its box
	if s := c.State(); s.Lead.Online {
		t.Error("the lead's box is lost and its page online")
	}
	remote := Actor{Role: auth.Teacher, Box: "core", Room: "core", Session: "phone", Remote: true}
	c.want(protocol.Forbidden, remote, protocol.LessonTake{})
	c.want("", remote, protocol.FloorRelease{})
}

func TestNotes(t *testing.T) {
	c := begin(t, Lesson{}, "a", "b")
	c.want("", phoneOf("a"), protocol.NotePhrase{Code: protocol.PhraseBoard})
	c.want("", phoneOf("b"), protocol.NoteText{Text: strings.Repeat("字", protocol.MaxText)})
	c.want("", lead, protocol.NoteText{Text: "马上", Room: "a"})
	c.want("", lead, protocol.NoteText{Text: "下课前交"})
	c.want(protocol.Forbidden, phoneOf("a"), protocol.NoteText{Text: "喂", Room: "b"})
	c.want(protocol.UnknownRoom, lead, protocol.NoteText{Text: "喂", Room: "z"})
	c.want("", lead, protocol.NoteSeen{Note: 1})
	c.want(protocol.NotYours, lead, protocol.NoteSeen{Note: 3})
	c.want(protocol.NotYours, phoneOf("b"), protocol.NoteSeen{Note: 3})
	c.want("", phoneOf("a"), protocol.NoteSeen{Note: 3})
	c.want(protocol.NotYours, phoneOf("a"), protocol.NoteSeen{Note: 99})
	s := c.State()
	if !s.Notes[0].Seen || s.Notes[1].Seen || !s.Notes[2].Seen {
		t.Errorf("%+v", s.Notes)
	}
	for who, want := range map[Actor]int{lead: 4, phoneOf("a"): 3, phoneOf("b"): 2, screenOf("a"): 0} {
		if got := len(View(s, who).Notes); got != want {
			t.Errorf("%s in %s sees %d notes, want %d", who.Role, who.Room, got, want)
		}
	}
	for range 100 {
		c.want("", phoneOf("a"), protocol.NotePhrase{Code: protocol.PhraseFast})
	}
	if n := c.State().Notes; len(n) != maxNotes || n[maxNotes-1].ID != 104 {
		t.Errorf("%d notes, last %d", len(n), n[len(n)-1].ID)
	}
}

func TestRecordOnlyLess(t *testing.T) {
	off, buffer, keep, pupils, less := protocol.RecordOff, protocol.RecordBuffer, protocol.RecordKeep, protocol.ScopePupils, protocol.ScopeTeacherBoard
	c := newClass(t, Lesson{})
	c.want("", lead, protocol.Hello{Page: protocol.PageTeach})
	c.want(protocol.NoRecording, lead, protocol.LessonSet{Record: &keep})
	c.want("", lead, protocol.LessonSet{Record: &off})
	c.want("", lead, protocol.LessonSet{Record: &buffer, Scope: &pupils})
	c.want("", lead, protocol.LessonStart{})
	c.want(protocol.NoRecording, lead, protocol.LessonSet{Record: &keep})
	c.want("", lead, protocol.LessonSet{Scope: &less})
	c.want(protocol.WrongState, lead, protocol.LessonSet{Scope: &pupils})
	c.want("", lead, protocol.LessonSet{Record: &off})
	c.want(protocol.WrongState, lead, protocol.LessonSet{Record: &buffer})
	if s := c.State(); s.Record != off || s.Kept {
		t.Errorf("%s %v", s.Record, s.Kept)
	}
}

func TestBell(t *testing.T) {
	start := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	c := begin(t, Lesson{End: start.Add(10 * time.Minute)}, "a")
	at := func(d time.Duration, phase protocol.Phase, times int) {
		t.Helper()
		c.pass(start.Add(d).Sub(c.now))
		if s := c.State(); s.State != phase || s.Extended != times || !LeaveAt(s).Equal(start.Add(20*time.Minute)) {
			t.Errorf("at %v: %s, extended %d, leave at %v", d, s.State, s.Extended, LeaveAt(s))
		}
	}
	at(9*time.Minute, protocol.Live, 0)
	at(10*time.Minute, protocol.Over, 0)
	c.want("", screenOf("a"), protocol.HandRaise{})
	c.want("", lead, protocol.FloorCall{Room: "a"})
	c.want("", lead, protocol.LessonExtend{})
	at(11*time.Minute, protocol.Live, 1)
	at(15*time.Minute, protocol.Over, 1)
	at(20*time.Minute, protocol.Over, 2) // silence is five more minutes
	c.want(protocol.WrongState, lead, protocol.LessonExtend{})
	at(40*time.Minute, protocol.Over, 2)
	c.want("", lead, protocol.LessonFinish{Confirm: true})
	if s := c.State(); s.State != protocol.Ended || s.EndedAt == 0 || len(s.Floor) != 0 {
		t.Errorf("%+v", s)
	}
	c.want("", phoneOf("a"), protocol.Feedback{OK: true})
	c.want(protocol.WrongState, lead, protocol.FloorCall{Room: "a"})
	none := begin(t, Lesson{}, "a")
	none.want(protocol.WrongState, lead, protocol.LessonExtend{})
	if !LeaveAt(none.State()).IsZero() {
		t.Error("a lesson without an end")
	}
}

func TestElevenCampuses(t *testing.T) {
	c := begin(t, Lesson{})
	for i := range 11 {
		c.come(fmt.Sprintf("c%d/1", i))
	}
	c.come("c11", "c3/2")
	c.want(protocol.Full, screenOf("c12"), protocol.Hello{Page: protocol.PageClass})
	for i := range 3 {
		c.want([]protocol.Code{"", "", protocol.Full}[i], screenOf(fmt.Sprintf("c3/%d", i+3)), protocol.Hello{Page: protocol.PageClass})
	}
	c.pass(3 * time.Second)
	rooms := c.State().Rooms
	if len(rooms) != 14 || rooms[11].Room != "c3/2" {
		t.Errorf("%d rooms", len(rooms))
	}
	order := func() (s []string) {
		for _, r := range c.State().Rooms {
			s = append(s, r.Room)
		}
		return s
	}
	was := order()
	for i := range 11 {
		c.want("", screenOf(fmt.Sprintf("c%d/1", 10-i)), protocol.HandRaise{})
		c.pass(250 * time.Millisecond)
	}
	if !slices.Equal(was, order()) {
		t.Error("tiles changed places")
	}
	if r := c.tile("c0/1"); r.HandOrder != 11 || r.State != protocol.RoomLive || r.Word != protocol.WordHears {
		t.Errorf("%+v", r)
	}
	if frame, err := protocol.Encode(protocol.StateFrame{Lesson: c.State(), Hops: 1}); err != nil || len(frame) > 6000 {
		t.Errorf("a state of %d bytes, %v", len(frame), err)
	}
}

func TestQuiet(t *testing.T) {
	c := begin(t, Lesson{}, "a")
	c.there["a"].Level = 3
	c.pass(5 * time.Second)
	if c.tile("a").Quiet {
		t.Error("quiet without the floor")
	}
	c.want("", lead, protocol.FloorCall{Room: "a"})
	c.pass(2750 * time.Millisecond)
	if c.tile("a").Quiet {
		t.Error("before 3 s")
	}
	c.pass(time.Second)
	if !c.tile("a").Quiet {
		t.Error("after 3 s")
	}
	c.there["a"].Level = 40
	c.pass(time.Second)
	if c.tile("a").Quiet || c.Levels()["a"] != 40 {
		t.Error("speaks up")
	}
	c.there["a"].Level = 0
	c.pass(4 * time.Second)
	c.want("", lead, protocol.FloorRelease{})
	if c.tile("a").Quiet {
		t.Error("quiet after the floor")
	}
}

func TestCoverIsTheRoomsOwn(t *testing.T) {
	c := begin(t, Lesson{}, "a")
	c.there["a"].Covered = true
	c.pass(time.Second)
	if r := c.tile("a"); !r.Covered || r.Cam {
		t.Errorf("%+v", r)
	}
	c.want(protocol.Forbidden, phoneOf("a"), protocol.RoomCover{})
	near := phoneOf("a")
	near.LAN = true
	c.want("", near, protocol.RoomCover{})
	c.want(protocol.Forbidden, lead, protocol.RoomCover{})
	if !c.tile("a").Covered {
		t.Error("uncovered by somebody else than the room")
	}
}

func TestPublishedWithoutAPage(t *testing.T) {
	c := newClass(t, Lesson{})
	c.Published([]string{protocol.SourceVoice}, c.now)
	if c.Phase() != protocol.Planned {
		t.Error("begun by a voice")
	}
	c.Published([]string{protocol.SourceTeacher, protocol.SourceVoice}, c.now)
	if s := c.State(); s.State != protocol.Live || !s.Sources.Teacher || !s.Sources.Voice {
		t.Errorf("%+v", s)
	}
	c.want(protocol.Elsewhere, lead, protocol.Hello{Page: protocol.PageTeach}) // a page does not take it unasked
	watching := lead
	watching.Session, watching.Remote = "watching", true
	c.want("", watching, protocol.Hello{Page: protocol.PageTeach, Remote: true})
	c.want("", lead, protocol.Hello{Page: protocol.PageTeach, Take: protocol.TakeLead})
	if s := c.State(); s.Lead == nil || s.Lead.Session != lead.Session {
		t.Errorf("taken: %+v", s.Lead)
	}
	c.Published(nil, c.now)
	if s := c.State(); s.Sources.Teacher {
		t.Errorf("%+v", s)
	}
	led := newClass(t, Lesson{})
	led.want("", lead, protocol.Hello{Page: protocol.PageTeach})
	led.Published([]string{protocol.SourceBoard}, c.now)
	if led.Phase() != protocol.Waiting || !led.State().Sources.Board {
		t.Error("a lesson with a lead begins by its button")
	}
}
