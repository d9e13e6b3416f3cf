package lesson

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

var update = flag.Bool("update", false, "write the golden files anew")

var allRoles = []auth.Role{auth.Teacher, auth.Assistant, auth.Classroom, auth.Inspector, auth.Technician, auth.Administrator, auth.Watch, auth.Publish, auth.Nobody}

// sensible fills in what a request needs to be about something that exists.
func sensible(m protocol.Request) protocol.Request {
	switch m.(type) {
	case protocol.Hello:
		return protocol.Hello{Page: protocol.PageTeach}
	case protocol.LessonFinish:
		return protocol.LessonFinish{Confirm: true}
	case protocol.FloorCall:
		return protocol.FloorCall{Room: "north"}
	case protocol.RoomMute:
		return protocol.RoomMute{Room: "north", Muted: true}
	case protocol.RoomRemove:
		return protocol.RoomRemove{Room: "north"}
	case protocol.RoomCode:
		return protocol.RoomCode{Room: "north"}
	case protocol.RoomAdmit:
		return protocol.RoomAdmit{Room: "north"}
	case protocol.NotePhrase:
		return protocol.NotePhrase{Code: protocol.PhraseBoard}
	case protocol.NoteText:
		return protocol.NoteText{Text: "看不清"}
	case protocol.NoteSeen:
		return protocol.NoteSeen{Note: 1}
	}
	return m
}

// inPhase is a lesson with a lead, north with the floor if it can have it, a note from north and one to it.
func inPhase(phase protocol.Phase, now time.Time) *Live {
	l := newLive(Lesson{ID: "x", Title: "x", Record: protocol.RecordBuffer, Scope: protocol.ScopeTeacherBoard, Mode: protocol.ModeSame, End: now.Add(time.Hour)}, nil,
		protocol.RoomRef{Room: "core", Name: "core"}, now.Add(-time.Minute))
	l.Presence(protocol.Presence{Room: "north", Name: "north", Box: "n", Page: true}, now)
	s := &l.kept.State
	s.Lead = &protocol.Lead{Session: "lead", Room: "core", Online: true}
	s.State = phase
	l.room("north").State = protocol.RoomLive
	l.note(protocol.Note{From: protocol.FromAssistant, Room: "north"}, now)
	l.note(protocol.Note{From: protocol.FromTeacher, Room: "north"}, now)
	if phase == protocol.Live || phase == protocol.Over {
		s.Floor = []protocol.Holder{{Room: "north", Since: protocol.At(now.Add(-time.Minute))}}
	}
	return l
}

// TestRights walks every request of the protocol × role × phase. What comes out stands in testdata/rights.txt, for a person to read: ok,
// code of the refusal, or ok* for what the box of the room does by itself. A request without a rule fails.
func TestRights(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	var got bytes.Buffer
	for _, m := range protocol.Requests() {
		kind := protocol.Kind(m)
		r, ok := rules[kind]
		if !ok {
			t.Errorf("%s has no rule", kind)
			continue
		}
		if r.local == (r.do != nil) {
			t.Errorf("%s: either it stays in the room or the owner does it", kind)
		}
		fmt.Fprintf(&got, "%s\n", kind)
		for _, role := range allRoles {
			fmt.Fprintf(&got, "  %-14s", roleName(role))
			for _, phase := range always {
				fmt.Fprintf(&got, " %s=%s", phase, outcome(t, r, role, phase, sensible(m), now))
			}
			got.WriteByte('\n')
		}
	}
	for kind := range rules {
		if !slices.ContainsFunc(protocol.Requests(), func(m protocol.Request) bool { return protocol.Kind(m) == kind }) {
			t.Errorf("a rule for %s, which is no request", kind)
		}
	}
	path := filepath.Join("testdata", "rights.txt")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("rights changed; look at the difference after -update:\n%s", got.Bytes())
	}
}

// outcome acts in a lesson of that phase, and holds the answer against the rule.
func outcome(t *testing.T, r rule, role auth.Role, phase protocol.Phase, m protocol.Request, now time.Time) string {
	t.Helper()
	l := inPhase(phase, now)
	a := Actor{Role: role, Box: "n", Room: "north", Session: "s"}
	switch role {
	case auth.Teacher:
		a = Actor{Role: role, Box: "core", Room: "core", Session: "lead"}
	case auth.Assistant:
		if _, ok := m.(protocol.NoteSeen); ok {
			m = protocol.NoteSeen{Note: 2}
		}
	case auth.Technician, auth.Administrator:
		a.Room = "core"
	}
	if _, ok := m.(protocol.HandRaise); ok {
		l.endFloor("north")
	}
	was := l.State()
	err := l.Apply(a, m, now)
	var e *protocol.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: %T", protocol.Kind(m), err)
	}
	want := protocol.Code("")
	switch {
	case r.who[role] == never:
		want = protocol.Forbidden
	case !slices.Contains(r.when, phase):
		want = protocol.WrongState
	}
	if _, ok := m.(protocol.RoomCover); ok && role == auth.Assistant {
		want = protocol.Forbidden // uncovers from outside the box's network
	}
	got := protocol.Code("")
	if e != nil {
		got = e.Code
		if l.State().Rev != was.Rev {
			t.Errorf("%s by %s while %s: refused and changed something", protocol.Kind(m), role, phase)
		}
	}
	if got != want {
		t.Errorf("%s by %s while %s: %q, want %q", protocol.Kind(m), role, phase, got, want)
	}
	if role == auth.Teacher && r.who[role] == leads && want == "" {
		a.Session = "another"
		if err := inPhase(phase, now).Apply(a, m, now); !errors.Is(err, &protocol.Error{Code: protocol.NotYours}) {
			t.Errorf("%s by a page that does not lead: %v", protocol.Kind(m), err)
		}
		a.Remote = true
		if err := inPhase(phase, now).Apply(a, m, now); err != nil {
			t.Errorf("%s by the lead's remote: %v", protocol.Kind(m), err)
		}
	}
	switch {
	case e != nil:
		return string(got)
	case r.local:
		return "ok*"
	}
	return "ok"
}

func TestTransition(t *testing.T) {
	const p, w, l, o, e = protocol.Planned, protocol.Waiting, protocol.Live, protocol.Over, protocol.Ended
	for h, want := range map[happening][5]protocol.Phase{
		somebodyCame: {w, w, l, o, e},
		begun:        {l, l, l, o, e},
		bellRang:     {p, w, o, o, e},
		extended:     {p, w, l, l, e},
		finished:     {e, e, e, e, e},
	} {
		for i, from := range always {
			if got := transition(from, h); got != want[i] {
				t.Errorf("%s: %s becomes %s, want %s", h, from, got, want[i])
			}
		}
	}
}
