package lesson

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

func open(t testing.TB, dir, box string) *Registry {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r, err := New(s, Config{Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run starts the registry's clock within a bubble.
func run(t *testing.T, r *Registry) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }() // ends with the test
	t.Cleanup(func() { cancel(); <-done })
}

// connect links two registries as an uplink does: in order, without loss, from a goroutine of its own on each side.
func connect(parent, child *Registry) (cut func()) {
	pipe := func(to *Registry, from string) (send func([]byte) error, stop func()) {
		frames := make(chan []byte, 4096)
		done := make(chan struct{})
		go func() { // ends by stop
			defer close(done)
			for f := range frames {
				to.Frame(from, f)
			}
		}()
		closed := false
		return func(f []byte) error {
			if closed {
				return errors.New("closed")
			}
			frames <- append([]byte(nil), f...)
			return nil
		}, func() { closed = true; close(frames); <-done }
	}
	toChild, stopChild := pipe(child, parent.cfg.Box)
	toParent, stopParent := pipe(parent, child.cfg.Box)
	ready := make(chan func())
	go func() { ready <- parent.LinkUp(child.cfg.Box, false, toChild) }()
	downChild := child.LinkUp(parent.cfg.Box, true, toParent)
	downParent := <-ready
	return func() { downParent(); downChild(); synctest.Wait(); stopChild(); stopParent() }
}

func spec(id string) Spec { return Spec{ID: id, Title: id} }

func state(r *Registry, id string) protocol.Phase {
	l, _ := r.Get(id)
	return l.State
}

func TestLessonLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := open(t, dir, "core")
		var told []protocol.Phase
		cancel := r.Watch(func(l Lesson) { told = append(told, l.State) })
		run(t, r)
		l, err := r.Create(Spec{ID: "math", Title: "数学", Campuses: protocol.Campuses{"north"}, Start: time.Now().Add(time.Minute)}, "admin")
		if err != nil {
			t.Fatal(err)
		}
		if l.State != protocol.Planned || l.Owner != "core" || l.Teacher != "admin" || l.Mode != "same" || l.Record != "buffer" || l.Scope != "teacher+board" {
			t.Errorf("%+v", l)
		}
		if _, err := r.Create(spec("math"), "admin"); !errors.Is(err, ErrExists) {
			t.Errorf("again: %v", err)
		}
		time.Sleep(62 * time.Second)
		if got := state(r, "math"); got != protocol.Live {
			t.Errorf("a minute later %s", got)
		}
		// On disk before the answer: another life of the box knows it.
		r.store.Close()
		again := open(t, dir, "core")
		if got := state(again, "math"); got != protocol.Live {
			t.Errorf("after a restart %s", got)
		}
		first, err := again.End("math")
		if err != nil || first.State != protocol.Ended {
			t.Errorf("%+v, %v", first, err)
		}
		if twice, err := again.End("math"); err != nil || !twice.Ended.Equal(first.Ended) {
			t.Errorf("twice: %+v, %v", twice, err)
		}
		if _, err := again.End("art"); !errors.Is(err, ErrUnknown) {
			t.Errorf("unknown: %v", err)
		}
		anew, err := again.Create(spec("math"), "admin")
		if err != nil || anew.Epoch <= first.Epoch {
			t.Errorf("id used anew: %+v, %v", anew, err)
		}
		cancel()
		if len(told) != 2 || told[0] != protocol.Planned || told[1] != protocol.Live {
			t.Errorf("told %v", told)
		}
		if got := again.Stats(); got != (Stats{Live: 1}) {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestImplicitLessonEndsAfterItsPublishers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, t.TempDir(), "core")
		run(t, r)
		ctx := t.Context()
		l, err := r.OpenForPublisher(ctx, "demo", "token")
		if err != nil || !l.Implicit || l.Campuses != nil || l.Record != "buffer" || l.State != protocol.Live {
			t.Fatalf("%+v, %v", l, err)
		}
		r.PublisherJoined("demo", "a/teacher")
		r.PublisherJoined("demo", "a/teacher") // the same again
		r.PublisherJoined("demo", "a/board")
		time.Sleep(time.Hour)
		r.PublisherLeft("demo", "a/teacher")
		time.Sleep(time.Hour)
		if got := state(r, "demo"); got != protocol.Live {
			t.Fatalf("with one publisher: %s", got)
		}
		r.PublisherLeft("demo", "a/board")
		time.Sleep(59 * time.Second)
		if got := state(r, "demo"); got != protocol.Live {
			t.Errorf("59 s after the last: %s", got)
		}
		r.PublisherJoined("demo", "a/teacher") // back in time
		time.Sleep(time.Hour)
		r.PublisherLeft("demo", "a/teacher")
		time.Sleep(62 * time.Second)
		if got := state(r, "demo"); got != protocol.Ended {
			t.Errorf("62 s after the last: %s", got)
		}
		if _, err := r.OpenForPublisher(ctx, "demo", "token"); err != nil {
			t.Errorf("the next day: %v", err)
		}
		// Ended by a person: an encoder that redials does not bring it back at once.
		if _, err := r.End("demo"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.OpenForPublisher(ctx, "demo", "token"); !errors.Is(err, ErrEnded) {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(61 * time.Second)
		if _, err := r.OpenForPublisher(ctx, "demo", "token"); err != nil {
			t.Errorf("a minute later: %v", err)
		}
		// One that was made by hand is never made anew by a publisher.
		r.Create(spec("math"), "admin")
		r.End("math")
		time.Sleep(time.Hour)
		if _, err := r.OpenForPublisher(ctx, "math", "token"); !errors.Is(err, ErrEnded) {
			t.Errorf("made by hand: %v", err)
		}
	})
}

func TestPublishersAreForgotten(t *testing.T) {
	r := open(t, t.TempDir(), "core")
	r.PublisherJoined("nothing", "a")
	r.PublisherLeft("nothing", "a")
	r.PublisherLeft("nothing", "b")
	r.OpenForPublisher(t.Context(), "demo", "token")
	r.PublisherJoined("demo", "a")
	r.End("demo")
	r.PublisherLeft("demo", "a")
	if len(r.publishers) != 0 || len(r.idle) != 0 {
		t.Errorf("left: %v %v", r.publishers, r.idle)
	}
}

func TestPublisherMustComeBackAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := open(t, dir, "core")
		r.OpenForPublisher(t.Context(), "demo", "token")
		r.PublisherJoined("demo", "a")
		r.store.Close()
		r = open(t, dir, "core")
		run(t, r)
		time.Sleep(58 * time.Second)
		if got := state(r, "demo"); got != protocol.Live {
			t.Errorf("58 s after the restart: %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := state(r, "demo"); got != protocol.Ended {
			t.Errorf("63 s after the restart: %s", got)
		}
	})
}

func TestLessonWithAnEndIsNotCutWhileOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, t.TempDir(), "core")
		run(t, r)
		s := spec("math")
		s.End = time.Now().Add(time.Minute)
		if _, err := r.Create(s, "admin"); err != nil {
			t.Fatal(err)
		}
		r.PublisherJoined("math", "a")
		time.Sleep(24 * time.Hour)
		if got := state(r, "math"); got != protocol.Live {
			t.Errorf("with a publisher: %s", got)
		}
		r.PublisherLeft("math", "a")
		time.Sleep(62 * time.Second)
		if got := state(r, "math"); got != protocol.Ended {
			t.Errorf("without: %s", got)
		}
	})
}

func TestSpecsThatCannotBe(t *testing.T) {
	r := open(t, t.TempDir(), "core")
	now := time.Now()
	for _, tt := range []struct {
		field string
		s     Spec
	}{
		{"id", Spec{ID: "Math", Title: "x"}},
		{"id", Spec{ID: strings.Repeat("a", 41), Title: "x"}},
		{"title", Spec{ID: "a"}},
		{"title", Spec{ID: "a", Title: strings.Repeat("题", 121)}},
		{"title", Spec{ID: "a", Title: "a\nb"}},
		{"title", Spec{ID: "a", Title: "\xff"}},
		{"mode", Spec{ID: "a", Title: "x", Mode: "meeting"}},
		{"record", Spec{ID: "a", Title: "x", Record: "always"}},
		{"scope", Spec{ID: "a", Title: "x", Scope: "all"}},
		{"campuses", Spec{ID: "a", Title: "x", Campuses: protocol.Campuses{""}}},
		{"campuses", Spec{ID: "a", Title: "x", Campuses: protocol.Campuses{"a/"}}},
		{"campuses", Spec{ID: "a", Title: "x", Campuses: protocol.Campuses{"a/b/c"}}},
		{"campuses", Spec{ID: "a", Title: "x", Campuses: make(protocol.Campuses, 65)}},
		{"end", Spec{ID: "a", Title: "x", Start: now, End: now}},
	} {
		_, err := r.Create(tt.s, "admin")
		var invalid *Invalid
		if !errors.As(err, &invalid) || invalid.Field != tt.field {
			t.Errorf("%+v: %v, want a fault in %s", tt.s, err, tt.field)
		}
	}
	if _, err := r.Create(Spec{Title: "x", Record: "keep"}, "admin"); !errors.Is(err, ErrNoRecorder) {
		t.Errorf("keep: %v", err)
	}
	if l, err := r.Create(Spec{Title: "x"}, "admin"); err != nil || l.ID == "" {
		t.Errorf("drawn id: %+v, %v", l, err)
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	r := open(t, t.TempDir(), "core")
	if _, err := r.Create(spec("math"), "admin"); err != nil {
		t.Fatal(err)
	}
	r.store.Close()
	if _, err := r.End("math"); err == nil {
		t.Error("ended without a disk")
	}
	if got := state(r, "math"); got != protocol.Live {
		t.Errorf("state %s", got)
	}
	if _, err := r.Create(spec("art"), "admin"); err == nil {
		t.Error("created without a disk")
	}
	if _, ok := r.Get("art"); ok {
		t.Error("a lesson that is not on disk")
	}
}

func TestVisible(t *testing.T) {
	r := open(t, t.TempDir(), "core")
	l := Lesson{Owner: "core", Campuses: protocol.Campuses{"north"}}
	if !r.Visible(l, "core-campus", "1") {
		t.Error("the master classroom does not see its lesson")
	}
	l.Owner = "other"
	if r.Visible(l, "core-campus", "1") || !r.Visible(l, "north", "1") {
		t.Error("membership")
	}
}

func TestOldLessonsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, t.TempDir(), "core")
		for i := range maxEnded + 20 {
			id := fmt.Sprintf("l-%d", i)
			if _, err := r.Create(spec(id), "admin"); err != nil {
				t.Fatal(err)
			}
			r.End(id)
			time.Sleep(time.Second)
		}
		if n := len(r.List()); n > maxEnded+1 {
			t.Errorf("%d lessons", n)
		}
		if _, ok := r.Get("l-0"); ok {
			t.Error("the oldest is still there")
		}
	})
}
