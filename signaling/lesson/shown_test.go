package lesson

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// fullState has something to see in every field of three rooms, and notes of two of them and for all.
func fullState() protocol.State {
	room := func(name string) protocol.RoomState {
		return protocol.RoomState{Room: name, Campus: name, Name: name, Box: "box-" + name, State: protocol.RoomLive, Since: 1, Word: protocol.WordHard, WordSince: 2, Hand: 3, HandOrder: 1,
			Covered: true, Cam: true, Mic: true, CamMissing: true, MicMissing: true, Level: 4, Quiet: true, Muted: true, Phones: 2, LastSeen: 5, Step: protocol.StepVoice, Layout: protocol.LayoutBoard, DelayMs: 150}
	}
	return protocol.State{
		ID: "x", Lead: &protocol.Lead{Session: "s-lead", Room: "core", Box: "core", Online: true}, Master: protocol.RoomRef{Room: "core", Name: "core"},
		Floor: []protocol.Holder{{Room: "b"}}, Rooms: []protocol.RoomState{room("a"), room("b"), room("c")},
		Notes: []protocol.Note{{ID: 1, From: protocol.FromAssistant, Room: "a"}, {ID: 2, From: protocol.FromTeacher, Room: "a"}, {ID: 3, From: protocol.FromAssistant, Room: "b"},
			{ID: 4, From: protocol.FromTeacher, Room: "b"}, {ID: 5, From: protocol.FromTeacher}},
	}
}

// TestView: what each role is shown of a lesson. A role that is not in this table fails it.
func TestView(t *testing.T) {
	all := []int{1, 2, 3, 4, 5}
	for role, want := range map[auth.Role]struct {
		notes     []int
		own, rest bool // how its own room fares, and the others
		session   bool // which page teaches
	}{
		auth.Teacher:       {all, true, true, true},
		auth.Administrator: {nil, true, true, false},
		auth.Technician:    {nil, true, true, false},
		auth.Assistant:     {[]int{1, 2, 5}, true, false, false},
		auth.Classroom:     {nil, true, false, false},
		auth.Inspector:     {nil, true, false, false},
		auth.Watch:         {nil, true, false, false},
		auth.Publish:       {nil, true, false, false},
		auth.Nobody:        {nil, true, false, false},
	} {
		st := fullState()
		got := View(st, Actor{Role: role, Room: "a"})
		if !reflect.DeepEqual(st, fullState()) {
			t.Fatalf("%s: the state itself was changed", role)
		}
		var notes []int
		for _, n := range got.Notes {
			notes = append(notes, n.ID)
		}
		if !reflect.DeepEqual(notes, want.notes) {
			t.Errorf("%s sees the notes %v, want %v", role, notes, want.notes)
		}
		if (got.Lead.Session != "") != want.session || !got.Lead.Online || got.Lead.Room != "core" {
			t.Errorf("%s sees the lead %+v", role, got.Lead)
		}
		for i, r := range got.Rooms {
			whole := reflect.DeepEqual(r, st.Rooms[i])
			bare := protocol.RoomState{Room: r.Room, Campus: r.Room, Name: r.Room, State: protocol.RoomLive, Since: 1, Word: protocol.WordUnknown, Cam: true, Covered: true}
			if shown := r.Room == "a" && want.own || want.rest; whole != shown || !shown && r != bare {
				t.Errorf("%s of a sees of %s: %+v", role, r.Room, r)
			}
		}
	}
	for _, role := range allRoles {
		loud := protocol.Level{Rooms: map[string]int{"a": 1, "b": 2}}
		l, ok := ViewLevels(loud, Actor{Role: role, Room: "a"})
		all := role == auth.Teacher || oversees(role)
		if want := map[bool]int{true: 2, false: 1}[all]; !ok || len(l.Rooms) != want || l.Rooms["a"] != 1 {
			t.Errorf("%s hears %v", role, l.Rooms)
		}
		if _, ok := ViewLevels(loud, Actor{Role: role, Room: "c"}); ok != all {
			t.Errorf("%s is told levels of others", role)
		}
	}
}

func TestOverran(t *testing.T) {
	now := time.Date(2026, 9, 1, 9, 30, 0, 0, time.UTC)
	minutes := func(start, end int) Lesson {
		return Lesson{ID: "next", Start: now.Add(time.Duration(start) * time.Minute), End: now.Add(time.Duration(end) * time.Minute)}
	}
	for _, tt := range []struct {
		name string
		end  int // of the lesson that goes on, minutes from now; 99: none
		next Lesson
		want bool
	}{
		{"before the bell", 1, minutes(0, 40), false},
		{"without an end", 99, minutes(0, 40), false},
		{"the bell rang, the next is far", -5, minutes(5, 45), false},
		{"the next begins", -5, Lesson{ID: "next", Start: now.Add(20 * time.Second), End: now.Add(time.Hour)}, true},
		{"the next has begun", -5, minutes(-1, 45), true},
		{"the next is over too", -5, minutes(-4, -1), false},
		{"the minutes are up, one follows", -10, minutes(30, 70), true},
		{"the minutes are up, one follows in the night", -10, minutes(600, 640), false},
		{"an earlier one", -10, minutes(-70, 50), false},
	} {
		l := Lesson{ID: "x", Start: now.Add(-time.Hour)}
		if tt.end != 99 {
			l.End = now.Add(time.Duration(tt.end) * time.Minute)
		}
		if got := overran(l, []Lesson{l, tt.next}, now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestSilenceAfterTheBell(t *testing.T) {
	start := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	c := begin(t, Lesson{End: start.Add(10 * time.Minute)}, "a")
	for _, tt := range []struct {
		at    time.Duration
		phase protocol.Phase
		times int
	}{
		{10 * time.Minute, protocol.Over, 0}, {10*time.Minute + 29*time.Second, protocol.Over, 0}, {10*time.Minute + 30*time.Second, protocol.Live, 1},
		{15 * time.Minute, protocol.Over, 1}, {15*time.Minute + 30*time.Second, protocol.Live, 2}, {20 * time.Minute, protocol.Over, 2}, {50 * time.Minute, protocol.Over, 2},
	} {
		c.pass(start.Add(tt.at).Sub(c.now))
		if s := c.State(); s.State != tt.phase || s.Extended != tt.times {
			t.Errorf("after %v: %s, extended %d, want %s, %d", tt.at, s.State, s.Extended, tt.phase, tt.times)
		}
	}
	if !Rang(c.State(), start.Add(10*time.Minute)) || Rang(c.State(), start.Add(10*time.Minute-1)) {
		t.Error("Rang")
	}
	if c.abandoned(c.now) {
		t.Error("abandoned while the teacher is there")
	}
	delete(c.there, "core")
	c.pass(30 * time.Second)
	if c.abandoned(c.now) {
		t.Error("abandoned at once")
	}
	if c.pass(40 * time.Second); !c.abandoned(c.now) {
		t.Error("rooms wait for a teacher who left after the bell")
	}
	// A box that was off at the bell catches up with the clock.
	late := newLive(Lesson{ID: "x", End: start.Add(10 * time.Minute)}, &c.kept, protocol.RoomRef{}, start)
	late.kept.State.Extended, late.kept.State.End, late.kept.State.State = 0, protocol.At(start.Add(10*time.Minute)), protocol.Live
	late.Tick(start.Add(17 * time.Minute))
	if s := late.State(); s.State != protocol.Live || s.Extended != 2 {
		t.Errorf("%s, extended %d", s.State, s.Extended)
	}
}

func TestDelayOfARoom(t *testing.T) {
	c := begin(t, Lesson{}, "a")
	for _, tt := range []struct{ ms, want int }{{140, 150}, {180, 150}, {210, 150}, {260, 250}, {200, 250}, {30, 50}, {0, 0}, {90, 100}, {-20, 0}, {400, 400}} {
		c.there["a"].Stats.DelayMs = tt.ms
		if c.pass(time.Second); c.tile("a").DelayMs != tt.want {
			t.Errorf("%d ms are shown as %d, want %d", tt.ms, c.tile("a").DelayMs, tt.want)
		}
	}
	rev := c.State().Rev
	if c.pass(3 * time.Second); c.State().Rev != rev {
		t.Error("nothing changed, and the lesson did")
	}
	delete(c.there, "a")
	if c.pass(4 * time.Second); c.tile("a").DelayMs != 0 {
		t.Error("of a room that is lost")
	}
}

func TestAbandonedWithoutAnEnd(t *testing.T) {
	c := begin(t, Lesson{Owner: "core"}, "a")
	delete(c.there, "core")
	c.pass(3 * time.Second)
	for d, want := range map[time.Duration]bool{time.Hour: false, 3 * time.Hour: true} {
		if got := c.abandoned(c.now.Add(d)); got != want {
			t.Errorf("without a teacher for %v: %v", d, got)
		}
	}
	c.Published([]string{protocol.SourceBoard}, c.now)
	if c.abandoned(c.now.Add(3 * time.Hour)) {
		t.Error("an encoder teaches")
	}
	c.kept.State.Lead.Box = "north"
	if !c.abandoned(c.now.Add(3 * time.Hour)) {
		t.Error("the owner's own room attends, and is taken for the teacher")
	}
	if w := newClass(t, Lesson{}); w.abandoned(w.now.Add(48 * time.Hour)) {
		t.Error("a lesson that was made for the day after tomorrow")
	}
}

// A box that begins anew knows that the session of its own teacher's page has ended, and lets the page in at once.
func TestLeadOfABoxThatBeganAnew(t *testing.T) {
	c := begin(t, Lesson{Owner: "core"}, "a")
	for owner, online := range map[string]bool{"core": false, "elsewhere": true} {
		k := c.kept.clone()
		l := newLive(Lesson{ID: "x", Owner: owner}, &k, protocol.RoomRef{}, c.now.Add(time.Second))
		if s := l.State(); s.Lead == nil || s.Lead.Online != online {
			t.Fatalf("owner %s: lead %+v", owner, s.Lead)
		}
		again := lead
		again.Session = "lead-2"
		err := l.Apply(again, protocol.Hello{Page: protocol.PageTeach}, c.now.Add(time.Second))
		if (err == nil) == online {
			t.Errorf("owner %s: its page comes back: %v", owner, err)
		}
	}
}

// Members choose their names: however long and however they are written in JSON, the state of a full lesson fits into a frame.
func TestStateOfLongNamesFits(t *testing.T) {
	long := func(n int) string {
		return strings.Repeat("<", 60) + "/" + strings.Repeat("&", 64) + fmt.Sprintf("%03d", n)
	}
	c := begin(t, Lesson{}, "a")
	for i := range protocol.MaxRooms {
		room := strings.Repeat("<", i%protocol.MaxCampuses+50) + "/" + strings.Repeat("&", 64) + fmt.Sprintf("%03d", i)
		c.Presence(protocol.Presence{Room: room, Name: long(i), Box: "0123456789abcdef", Page: true}, c.now)
	}
	for i := range 2 * maxNotes {
		rooms := c.kept.State.Rooms
		c.note(protocol.Note{From: protocol.FromAssistant, Room: rooms[i%len(rooms)].Room, Kind: protocol.NoteKindText, Text: strings.Repeat("<", protocol.MaxText)}, c.now)
	}
	if _, err := protocol.Encode(c.State()); err == nil {
		t.Fatal("the test is too easy")
	}
	s := c.State().Fit()
	frame, err := protocol.Encode(protocol.StateFrame{Lesson: s, Hops: protocol.MaxHops})
	if err != nil || len(s.Notes) == 0 || s.Notes[len(s.Notes)-1].ID != c.kept.NextNote {
		t.Errorf("%d rooms, %d notes, %d bytes: %v", len(s.Rooms), len(s.Notes), len(frame), err)
	}
	t.Logf("%d rooms, %d notes, %d bytes", len(s.Rooms), len(s.Notes), len(frame))
}

// TestAbandonedThoughTheClockWasSet: how long the teacher is gone is not read off a clock that was set meanwhile.
func TestAbandonedThoughTheClockWasSet(t *testing.T) {
	for _, set := range []time.Duration{-8 * time.Hour, 8 * time.Hour} {
		c := begin(t, Lesson{Owner: "core"}, "a")
		c.began = c.now.Add(-3 * time.Hour) // the teacher was there for long
		delete(c.there, "core")
		c.pass(3 * time.Second)
		if c.kept.State.Lead.Online {
			t.Fatal("the lead is still there")
		}
		c.kept.State.Lead.Since -= protocol.Millis(set.Milliseconds()) // as the moment stands by the clock that is set now
		for d, want := range map[time.Duration]bool{time.Minute: false, 3 * time.Hour: true} {
			if got := c.abandoned(c.now.Add(d)); got != want {
				t.Errorf("the clock was set by %v, without a teacher for %v: %v", set, d, got)
			}
		}
	}
}
