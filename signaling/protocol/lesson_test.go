package protocol

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func examples() map[string]Message {
	at := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	return map[string]Message{
		"lesson.put.json": LessonPut{Lesson{
			ID: "yinyue-20260901", Title: "《茉莉花》", Subject: "音乐", Teacher: "李芳", Campuses: Campuses{"sanhe", "wuyang/三(1)班"},
			Mode: ModeSame, Record: RecordBuffer, Scope: ScopeTeacherBoard, Start: at, End: at.Add(45 * time.Minute), State: Live,
			Owner: "0123456789abcdef", CreatedBy: "admin", Created: at.Add(-time.Hour), Epoch: 3, Revision: 2,
		}},
		"lesson.put-implicit.json": LessonPut{Lesson{
			ID: "demo", Title: "demo", Campuses: nil, Mode: ModeSame, Record: RecordBuffer, Scope: ScopeTeacherBoard, State: Live,
			Owner: "0123456789abcdef", CreatedBy: "token", Implicit: true, Created: at, Epoch: 1, Revision: 1,
		}},
		"lesson.end.json":    LessonEnd{ID: "demo", Owner: "0123456789abcdef", Epoch: 1, Revision: 2, Ended: at},
		"lesson.ask.json":    LessonAsk{ID: "demo"},
		"lesson.none.json":   LessonNone{ID: "demo"},
		"lesson.synced.json": LessonSynced{},
	}
}

func TestGolden(t *testing.T) {
	for name, m := range examples() {
		path := filepath.Join("testdata", name)
		got, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, bytes.TrimSpace(want)) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		back, err := Decode(want)
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: read back %+v, %v", name, back, err)
		}
	}
}

func TestEveryTypeHasAnExample(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range examples() {
		seen[m.kind()] = true
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range decoders {
		if !seen[kind] {
			t.Errorf("no example of %s", kind)
		}
		if !strings.Contains(string(readme), "`"+kind+" ") {
			t.Errorf("README.md does not tell of %s", kind)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, frame := range map[string]string{
		"empty":         ``,
		"no object":     `[]`,
		"no type":       `{"id":"a"}`,
		"unknown type":  `{"type":"lesson.king","id":"a"}`,
		"unknown field": `{"type":"lesson.ask","id":"a","x":1}`,
		"deep unknown":  `{"type":"lesson.put","lesson":{"id":"a","colour":"red"}}`,
		"two values":    `{"type":"lesson.ask","id":"a"}{}`,
		"wrong type":    `{"type":"lesson.ask","id":1}`,
		"campuses":      `{"type":"lesson.put","lesson":{"campuses":"some"}}`,
		"campuses null": `{"type":"lesson.put","lesson":{"campuses":[null,1]}}`,
		"long":          `{"type":"lesson.ask","id":"` + strings.Repeat("a", MaxFrame) + `"}`,
	} {
		if m, err := Decode([]byte(frame)); err == nil {
			t.Errorf("%s: read %+v", name, m)
		}
	}
}

func TestAttend(t *testing.T) {
	for _, tt := range []struct {
		members      Campuses
		campus, room string
		want         bool
	}{
		{nil, "", "", true},
		{nil, "north", "1", true},
		{Campuses{}, "north", "1", false},
		{Campuses{"north"}, "north", "1", true},
		{Campuses{"north"}, "north", "", true},
		{Campuses{"north"}, "south", "1", false},
		{Campuses{"north/1"}, "north", "1", true},
		{Campuses{"north/1"}, "north", "2", false},
		{Campuses{"north/1"}, "north", "", false},
		{Campuses{"north/1", "south"}, "south", "7", true},
		{Campuses{""}, "", "", false},
	} {
		if got := tt.members.Attend(tt.campus, tt.room); got != tt.want {
			t.Errorf("%v attended by %q/%q: %v", tt.members, tt.campus, tt.room, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range examples() {
		frame, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := Decode(frame)
		if err != nil {
			return
		}
		again, err := Encode(m)
		if err != nil {
			return // grew past the limit by escapes
		}
		if _, err := Decode(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
