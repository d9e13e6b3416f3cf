package lesson

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/protocol"
)

func TestJudge(t *testing.T) {
	l := func(owner string, epoch, revision uint64, s protocol.Phase) Lesson {
		return Lesson{ID: "x", Owner: owner, Epoch: epoch, Revision: revision, State: s}
	}
	const live, over = protocol.Live, protocol.Ended
	known := func(l Lesson, via string) record { return record{Lesson: l, Via: via} }
	for _, tt := range []struct {
		name       string
		known      record
		ok         bool
		got        Lesson
		fromParent bool
		heard      bool
		want       verdict
	}{
		{"new", record{}, false, l("a", 1, 1, live), true, false, accept},
		{"new from a child", record{}, false, l("a", 1, 1, live), false, false, accept},
		{"unknown and over", record{}, false, l("a", 1, 1, over), true, false, ignore},
		{"our own, forgotten", record{}, false, l("me", 1, 1, live), false, false, answer},
		{"our own, the same", known(l("me", 1, 1, live), ""), true, l("me", 1, 1, live), false, false, ignore},
		{"our own, older", known(l("me", 2, 1, live), ""), true, l("me", 1, 9, live), false, false, ignore},
		{"our own, from another life", known(l("me", 1, 1, live), ""), true, l("me", 2, 1, live), false, false, answer},
		{"newer", known(l("a", 1, 1, live), "p"), true, l("a", 1, 2, live), true, false, accept},
		{"the same", known(l("a", 1, 1, live), "p"), true, l("a", 1, 1, live), true, false, ignore},
		{"older", known(l("a", 1, 2, live), "p"), true, l("a", 1, 1, live), true, false, ignore},
		{"over, then an old put", known(l("a", 1, 2, over), "p"), true, l("a", 1, 1, live), true, false, ignore},
		{"given up, then heard again", known(l("a", 1, givenUp, over), "p"), true, l("a", 1, 1, live), true, false, accept},
		{"used anew", known(l("a", 1, 2, over), "p"), true, l("a", 2, 1, live), true, false, accept},
		{"an older epoch from a child", known(l("a", 2, 1, live), "c2"), true, l("a", 1, 5, live), false, false, answer},
		{"heard from elsewhere", known(l("a", 1, 1, live), "c2"), true, l("a", 9, 9, live), false, true, ignore},
		{"moved to another direction", known(l("a", 1, 1, live), "c2"), true, l("a", 1, 1, live), false, false, accept},
		{"two owners, from above", known(l("me", 1, 1, live), ""), true, l("a", 1, 1, live), true, false, accept},
		{"two owners, from below", known(l("me", 1, 1, live), ""), true, l("a", 9, 9, live), false, false, answer},
		{"two owners, both below", known(l("b", 1, 1, live), "c2"), true, l("a", 1, 1, live), false, true, answer},
		{"another owner, over", known(l("b", 1, 1, live), "c2"), true, l("a", 1, 1, over), true, false, ignore},
		{"another owner after the end", known(l("b", 5, 5, over), "c2"), true, l("a", 1, 1, live), false, false, accept},
		{"another owner by the same link", known(l("b", 5, 5, live), "p"), true, l("a", 1, 1, live), false, false, accept},
	} {
		if got := judge(tt.known, tt.ok, tt.got, "me", "p", tt.fromParent, tt.heard); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// tree is county ← core ← north, south; north ← room.
type tree struct{ county, core, north, south, room *Registry }

func newTree(t *testing.T) tree {
	at := func(box string) *Registry { return open(t, t.TempDir(), box) }
	return tree{at("county"), at("core"), at("north"), at("south"), at("room")}
}

func (tr tree) all() []*Registry { return []*Registry{tr.county, tr.core, tr.north, tr.south, tr.room} }

func (tr tree) connect() (cut func()) {
	cuts := []func(){connect(tr.county, tr.core), connect(tr.core, tr.north), connect(tr.core, tr.south), connect(tr.north, tr.room)}
	synctest.Wait()
	return func() {
		for _, c := range cuts {
			c()
		}
	}
}

func (tr tree) want(t *testing.T, what, id, owner string, s protocol.Phase) {
	t.Helper()
	synctest.Wait()
	for _, r := range tr.all() {
		if l, ok := r.Get(id); !ok || l.Owner != owner || l.State != s {
			t.Errorf("%s: at %s: %v owner %q state %q, want %s %s", what, r.cfg.Box, ok, l.Owner, l.State, owner, s)
		}
	}
}

func TestMirrorsThroughTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		tr.core.Create(spec("early"), "admin")
		cut := tr.connect()
		defer cut()
		tr.want(t, "made before the links", "early", "core", protocol.Live)
		tr.room.Create(spec("deep"), "admin")
		tr.want(t, "made at the bottom", "deep", "room", protocol.Live)
		if _, err := tr.county.End("deep"); !errors.Is(err, ErrElsewhere) {
			t.Errorf("ended by another box: %v", err)
		}
		tr.room.End("deep")
		tr.want(t, "ended", "deep", "room", protocol.Ended)
		tr.room.Create(spec("deep"), "admin")
		tr.want(t, "id used anew", "deep", "room", protocol.Live)
		if tr.county.Stale("deep") || tr.county.Stats().Mirrors != 2 {
			t.Errorf("county %+v", tr.county.Stats())
		}
	})
}

func TestCutAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		for _, r := range tr.all() {
			run(t, r)
		}
		cut := tr.connect()
		tr.core.Create(spec("a"), "admin")
		tr.core.Create(spec("b"), "admin")
		tr.want(t, "up", "a", "core", protocol.Live)
		cut()
		if !tr.north.Stale("a") || tr.core.Stale("a") {
			t.Error("stale")
		}
		tr.core.End("a")
		tr.north.Create(spec("north-only"), "admin")
		time.Sleep(10 * time.Minute)
		if got := state(tr.north, "a"); got != protocol.Live {
			t.Errorf("in the cut: %s", got)
		}
		cut = tr.connect()
		tr.want(t, "ended in the cut", "a", "core", protocol.Ended)
		tr.want(t, "went on in the cut", "b", "core", protocol.Live)
		tr.want(t, "made in the cut", "north-only", "north", protocol.Live)
		cut()
		time.Sleep(13 * time.Hour) // nobody heard the owner
		for _, r := range []*Registry{tr.north, tr.south, tr.room, tr.county} {
			if got := state(r, "b"); got != protocol.Ended {
				t.Errorf("at %s after 13 h: %s", r.cfg.Box, got)
			}
		}
		if got := state(tr.core, "b"); got != protocol.Live {
			t.Errorf("at its owner: %s", got)
		}
		cut = tr.connect()
		tr.want(t, "heard again", "b", "core", protocol.Live)
		cut()
	})
}

func TestTwoOwnersOfOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		for _, r := range []*Registry{tr.room, tr.south, tr.north, tr.core} {
			r.OpenForPublisher(t.Context(), "demo", "token")
			time.Sleep(time.Second) // the lower the earlier: no order by time would help
		}
		cut := tr.connect()
		defer cut()
		tr.want(t, "from above", "demo", "core", protocol.Live)
	})
}

func TestForgottenLessonIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		cut := tr.connect()
		tr.core.Create(spec("a"), "admin")
		synctest.Wait()
		cut()
		tr.core = open(t, t.TempDir(), "core") // its data was replaced
		cut = tr.connect()
		defer cut()
		synctest.Wait()
		for _, r := range []*Registry{tr.north, tr.south, tr.room, tr.county} {
			if got := state(r, "a"); got != protocol.Ended {
				t.Errorf("at %s: %s", r.cfg.Box, got)
			}
		}
	})
}

func TestChildCannotTakeALesson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		cut := tr.connect()
		defer cut()
		tr.core.Create(spec("a"), "admin")
		tr.north.Create(spec("n"), "admin")
		synctest.Wait()
		for _, id := range []string{"a", "n"} {
			l, _ := tr.core.Get(id)
			l.Epoch += 10
			l.Title = "taken"
			for _, owner := range []string{l.Owner, "south"} {
				l.Owner = owner
				frame, _ := protocol.Encode(protocol.LessonPut{Lesson: l})
				tr.core.Frame("south", frame)
				frame, _ = protocol.Encode(protocol.LessonEnd{ID: id, Owner: owner, Epoch: l.Epoch, Revision: 99, Ended: time.Now()})
				tr.core.Frame("south", frame)
				synctest.Wait()
				if got, _ := tr.core.Get(id); got.Title == "taken" || got.State != protocol.Live {
					t.Errorf("%s by %s: %+v", id, owner, got)
				}
			}
		}
	})
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		county, core, room := open(t, t.TempDir(), "county"), open(t, t.TempDir(), "core"), open(t, t.TempDir(), "room")
		if _, err := room.Ask(t.Context(), "a"); !errors.Is(err, ErrUnknown) {
			t.Errorf("a root: %v", err)
		}
		defer connect(county, core)()
		defer connect(core, room)()
		synctest.Wait()
		start := time.Now()
		if _, err := room.Ask(t.Context(), "a"); !errors.Is(err, ErrUnknown) {
			t.Errorf("nobody knows it: %v", err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("a no took %v", d)
		}
		// Known above, and the put has not come: as if it were lost.
		county.mu.Lock()
		county.records["b"] = record{Lesson: Lesson{ID: "b", Title: "b", Owner: "county", Mode: "same", Record: "buffer", Scope: "teacher+board", State: protocol.Live, Epoch: 1, Revision: 1}}
		county.mu.Unlock()
		if l, err := room.Ask(t.Context(), "b"); err != nil || l.Owner != "county" {
			t.Errorf("two links up: %+v, %v", l, err)
		}
	})
}

func TestAskIsGivenTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, t.TempDir(), "room")
		run(t, r)
		down := r.LinkUp("mute", true, func([]byte) error { return nil })
		start := time.Now()
		if _, err := r.Ask(t.Context(), "a"); !errors.Is(err, ErrUnknown) || time.Since(start) != askWait {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := r.Ask(ctx, "a"); !errors.Is(err, ErrUnknown) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.AfterFunc(500*time.Millisecond, down)
		start = time.Now()
		if _, err := r.Ask(t.Context(), "a"); !errors.Is(err, ErrUnknown) || time.Since(start) != 500*time.Millisecond {
			t.Errorf("link down: %v after %v", err, time.Since(start))
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.waiting) != 0 {
			t.Errorf("%d still wait", len(r.waiting))
		}
	})
}

func TestOldLinkEndsAfterTheNewBegan(t *testing.T) {
	r := open(t, t.TempDir(), "room")
	first := r.LinkUp("core", true, func([]byte) error { return nil })
	r.LinkUp("core", true, func([]byte) error { return nil })
	first()
	if r.peers["core"] == nil {
		t.Error("the new link was taken down")
	}
}

func TestMirrorsOfOneLinkAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, t.TempDir(), "core")
		r.LinkUp("north", false, func([]byte) error { return nil })
		l := Lesson{Title: "x", Owner: "north", Mode: "same", Record: "buffer", Scope: "teacher+board", State: protocol.Live, Epoch: 1, Revision: 1}
		for range maxMirrors + 10 {
			l.ID = newID()
			frame, _ := protocol.Encode(protocol.LessonPut{Lesson: l})
			r.Frame("north", frame)
		}
		if n := r.Stats().Mirrors; n != maxMirrors {
			t.Errorf("%d mirrors", n)
		}
	})
}

func FuzzFrame(f *testing.F) {
	good, err := protocol.Encode(protocol.LessonPut{Lesson: Lesson{ID: "x", Title: "x", Owner: "north", Mode: "same", Record: "buffer", Scope: "teacher+board", State: protocol.Live, Epoch: 1, Revision: 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"type":"lesson.put","lesson":null}`))
	f.Add([]byte(`{"type":"lesson.synced"}`))
	f.Add([]byte(`{"type":"lesson.end","id":"x","owner":"north","epoch":1,"revision":0,"ended":"2026-09-01T08:00:00Z"}`))
	r := open(f, f.TempDir(), "core")
	r.LinkUp("north", false, func([]byte) error { return nil })
	f.Fuzz(func(t *testing.T, frame []byte) {
		r.Frame("north", frame)
		for _, l := range r.List() {
			if err := valid(l); err != nil {
				t.Errorf("kept %+v: %v", l, err)
			}
		}
	})
}
