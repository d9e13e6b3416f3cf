package lesson

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// station is a box of a test: registry, hub, and what a page on it was told last.
type station struct {
	*Hub
	t    testing.TB
	dir  string
	stop func()

	mu     sync.Mutex
	told   protocol.State
	levels []protocol.Level
	n      int
}

// at places a box in an alliance: its campus, its children by box id (box id is campus).
func at(t testing.TB, dir, box string, children ...string) *station {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(func(tx *store.Tx) error {
		if err := store.Metas.Put(tx, store.KeyMeta, store.Meta{AllianceID: "a", CampusID: box}); err != nil {
			return err
		}
		for _, c := range children {
			if err := store.Children.Put(tx, c, store.Child{ID: c, Name: c, CampusID: c}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	r, err := New(s, Config{Box: box, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHub(HubConfig{Registry: r, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	st := &station{Hub: h, t: t, dir: dir}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	wg.Go(func() { h.Run(ctx) })
	st.stop = sync.OnceFunc(func() { cancel(); wg.Wait(); s.Close() })
	t.Cleanup(st.stop)
	return st
}

// watch looks at a lesson from a page of this box.
func (s *station) watch(id string) {
	s.Watch(id, func(e protocol.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch e := e.(type) {
		case protocol.State:
			s.told = e
			s.n++
		case protocol.Level:
			s.levels = append(s.levels, e)
		}
	})
}

func (s *station) seen() protocol.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}

func (s *station) room(room string) protocol.RoomState {
	s.t.Helper()
	for _, r := range s.seen().Rooms {
		if r.Room == room {
			return r
		}
	}
	s.t.Errorf("at %s: no room %s in %+v", s.box, room, s.seen().Rooms)
	return protocol.RoomState{}
}

// screen is the /class page of the box's room.
func (s *station) screen(id string) {
	s.Presence(id, protocol.Presence{Room: s.box, Name: s.box, Page: true, Cam: true, Mic: true})
}

func (s *station) do(id string, a Actor, m protocol.Request) error {
	s.t.Helper()
	return s.Act(s.t.Context(), id, a, m)
}

func (s *station) must(id string, a Actor, m protocol.Request) {
	s.t.Helper()
	if err := s.do(id, a, m); err != nil {
		s.t.Fatalf("at %s: %s: %v", s.box, protocol.Kind(m), err)
	}
}

func (s *station) class() Actor {
	return Actor{Role: auth.Classroom, Room: s.box, Session: "class-" + s.box}
}

func (s *station) teacher() Actor {
	return Actor{Role: auth.Teacher, Room: s.box, Session: "teach-" + s.box}
}

// teach has a teacher come to this box and begin.
func (s *station) teach(id string) {
	s.t.Helper()
	s.must(id, s.teacher(), protocol.Hello{Page: protocol.PageTeach})
	s.Presence(id, protocol.Presence{Room: s.box, Name: s.box, Teachers: []string{s.teacher().Session}, Sources: []string{protocol.SourceTeacher, protocol.SourceVoice}})
	s.must(id, s.teacher(), protocol.LessonStart{})
}

func TestLessonThroughTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := at(t, t.TempDir(), "core", "north", "south")
		north, south := at(t, t.TempDir(), "north"), at(t, t.TempDir(), "south")
		defer connect(core.reg, north.reg)()
		defer connect(core.reg, south.reg)()
		core.reg.Create(spec("a"), "admin")
		time.Sleep(time.Second)
		for _, s := range []*station{core, north, south} {
			s.watch("a")
		}
		for _, s := range []*station{north, south} {
			s.must("a", s.class(), protocol.Hello{Page: protocol.PageClass})
			s.screen("a")
		}
		time.Sleep(time.Second)
		if got := south.seen(); got.State != protocol.Waiting || got.Stale || len(got.Rooms) != 2 {
			t.Fatalf("before the lesson: %+v", got)
		}
		core.teach("a")
		north.must("a", north.class(), protocol.HandRaise{})
		time.Sleep(100 * time.Millisecond)
		if r := south.room("north"); r.HandOrder != 1 || r.State != protocol.RoomLive {
			t.Errorf("a hand as seen in another room: %+v", r)
		}
		core.must("a", core.teacher(), protocol.FloorCall{Room: "north"})
		time.Sleep(60 * time.Millisecond)
		for _, s := range []*station{core, north, south} {
			if f := s.seen().Floor; len(f) != 1 || f[0].Room != "north" || s.room("north").Hand != 0 {
				t.Errorf("at %s: floor %+v", s.box, f)
			}
		}
		core.must("a", core.teacher(), protocol.LessonFinish{Confirm: true})
		time.Sleep(100 * time.Millisecond)
		for _, s := range []*station{core, north, south} {
			if got := s.seen(); got.State != protocol.Ended {
				t.Errorf("at %s: %s", s.box, got.State)
			}
		}
	})
}
