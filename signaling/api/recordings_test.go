package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tongke/media/library"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
)

// What each may do with a recording of lesson "math", taught by li, made at north with south and west attending.
func TestRightsToRecordings(t *testing.T) {
	b := newBox(t)
	if _, err := b.lessons.Create(lesson.Spec{ID: "math", Title: "x", Teacher: "li"}, "wang"); err != nil {
		t.Fatal(err)
	}
	b.cfg.Outdated = func(p auth.Principal) bool { return p.Phone == 1 }
	e := library.Entry{ID: "math", Lesson: "math", Start: time.Now(), Teacher: "li", Campus: "north", Campuses: []library.Campus{{ID: "north"}, {ID: "south"}, {ID: "west"}}}
	for _, c := range []struct {
		who  auth.Principal
		want string // own play pupils:north pupils:south download keep remove
	}{
		{auth.Principal{Role: auth.Administrator, User: "admin"}, "play north south download keep remove"},
		{auth.Principal{Role: auth.Operator, User: "operator"}, "play north south download keep remove"},
		{auth.Principal{Role: auth.Teacher, User: "li"}, "own play north south download keep remove"},
		{auth.Principal{Role: auth.Teacher, User: "wang"}, "own play north south download keep remove"}, // made the lesson
		{auth.Principal{Role: auth.Teacher, User: "zhao"}, "play"},
		{auth.Principal{Role: auth.Teacher, Lesson: "math"}, "own play north south download keep remove"},
		{auth.Principal{Role: auth.Teacher, Lesson: "music"}, ""},
		{auth.Principal{Role: auth.Inspector, User: "he"}, "play"},
		{auth.Principal{Role: auth.Technician, User: "gu"}, ""},
		{auth.Principal{Role: auth.Classroom, Campus: "south", Classroom: "1"}, "play south"},
		{auth.Principal{Role: auth.Classroom, Campus: "south", Lesson: "music"}, ""},
		{auth.Principal{Role: auth.Classroom, Campus: "east"}, ""},
		{auth.Principal{Role: auth.Classroom}, ""},
		{auth.Principal{Role: auth.Assistant, Campus: "south", Lesson: "math"}, "play south"},
		{auth.Principal{Role: auth.Assistant, Campus: "east", Lesson: "math"}, ""},
		{auth.Principal{Role: auth.Assistant, Campus: "south", Lesson: "math", Phone: 1}, ""}, // its code was withdrawn
		{auth.Principal{Role: auth.Assistant, Campus: "south", Lesson: "math", Phone: 2}, "play south"},
		{auth.Principal{Role: auth.Watch, Lesson: "math"}, ""},
		{auth.Principal{Role: auth.Publish, Lesson: "math"}, ""},
		{auth.Principal{}, ""},
	} {
		r := b.recordingRights(c.who, e)
		var got []string
		for _, f := range []struct {
			name string
			on   bool
		}{{"own", r.own}, {"play", r.stream("")}, {"north", r.stream("north")}, {"south", r.stream("south")}, {"download", r.download}, {"keep", r.keep}, {"remove", r.remove}} {
			if f.on {
				got = append(got, f.name)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %q, want %q", c.who, s, c.want)
		}
	}
}

// Who teaches a later lesson of the same id has nothing to do with the earlier one's recording.
func TestALaterLessonOfTheSameIDOpensNothing(t *testing.T) {
	b := newBox(t)
	if _, err := b.lessons.Create(lesson.Spec{ID: "math", Title: "x"}, "wang"); err != nil {
		t.Fatal(err)
	}
	e := library.Entry{ID: "math", Lesson: "math", Start: time.Now().Add(-24 * time.Hour), Teacher: "li"}
	for _, p := range []auth.Principal{{Role: auth.Teacher, User: "wang"}, {Role: auth.Teacher, Lesson: "math"}} {
		if r := b.recordingRights(p, e); r.own || r.download || r.remove {
			t.Errorf("%+v: %+v", p, r)
		}
	}
	if r := b.recordingRights(auth.Principal{Role: auth.Teacher, User: "li"}, e); !r.own {
		t.Errorf("li: %+v", r)
	}
}

func TestPupilsAreNotedOnceAnHour(t *testing.T) {
	b := newBox(t)
	e := library.Entry{ID: "math"}
	li := auth.Principal{Role: auth.Teacher, User: "li", TokenID: "t1"}
	for range 50 {
		if err := b.notePupils(li, e, "pupils:south"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.notePupils(li, e, "voice:south"); err != nil {
		t.Fatal(err)
	}
	rows, err := b.store.Audits(10)
	if err != nil || len(rows) != 2 || rows[1].Who != "li" || rows[1].Action != "recording.play" || rows[1].Detail["stream"] != "pupils:south" {
		t.Errorf("%v %v", rows, err)
	}
	for i := range 2 * mostPlayed { // stays bounded
		b.played.due(fmt.Sprint(i), rows[0].At)
	}
	if n := len(b.played.last); n > mostPlayed {
		t.Errorf("%d remembered", n)
	}
}
