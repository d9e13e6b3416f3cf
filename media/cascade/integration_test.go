package cascade

import (
	"testing"
	"time"

	"tongke/media/track"
)

func TestTwoBoxes(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	teacher := core.publish("l1", track.Teacher)
	voice := core.publish("l1", track.Voice)
	member.join(core)
	took := eventually(t, 5*time.Second, "link is up", func() bool { return core.stats(member).Up && member.stats(core).Up })
	t.Logf("up after %s", took)
	if r := member.stats(core).Rung; r != "udp" {
		t.Errorf("rung %q, want udp", r)
	}
	if teacher.want.Load() {
		t.Error("the teacher's layer is wanted though nobody watches")
	}
	w, v := member.watch(teacher.key), member.watch(voice.key)
	took = eventually(t, 3*time.Second, "media arrives", func() bool { return w.count() > 50 && v.count() > 10 })
	t.Logf("50 packets after %s", took)
	w2 := member.watch(teacher.key)
	eventually(t, 3*time.Second, "second watcher", func() bool { return w2.count() > 50 })
	if n := core.stats(member).TracksOut; n != 2 {
		t.Errorf("%d tracks cross the link, want 2", n)
	}
	for _, s := range member.node.Stats().Sources {
		t.Logf("%+v", s)
		if s.Delay < 0.004 || s.Delay > 0.1*slack {
			t.Errorf("%s: delay from capture %v s, want 5 ms and a little", s.Source, s.Delay)
		}
	}
	w.sub.Close()
	w2.sub.Close()
	took = eventually(t, 6*time.Second, "the picture leaves the link", func() bool { return core.stats(member).TracksOut == 1 })
	if took < 2500*time.Millisecond {
		t.Errorf("demand fell after %s, want 3 s", took)
	}
	if v.count() == 0 || member.stats(core).TracksIn != 1 {
		t.Errorf("%d tracks in, want the voice alone", member.stats(core).TracksIn)
	}
}

// settle waits until a child's link is up on both sides.
func settle(t *testing.T, child, parent *testBox) time.Duration {
	t.Helper()
	return eventually(t, 8*time.Second, child.name+" is up", func() bool { return child.stats(parent).Up && parent.stats(child).Up })
}

func TestThreeLevels(t *testing.T) {
	core, campus, room, other := newBox(t, "core"), newBox(t, "campus"), newBox(t, "room"), newBox(t, "other")
	campus.join(core)
	room.join(campus)
	other.join(core)
	settle(t, campus, core)
	settle(t, room, campus)
	settle(t, other, core)

	teacher := core.publish("l1", track.Teacher)
	pupils := room.publish("l1", track.Pupils)
	down := room.watch(teacher.key)
	down2 := campus.watch(teacher.key)
	up := other.watch(pupils.key) // room → campus → core → other
	took := eventually(t, 5*time.Second, "media both ways", func() bool { return down.count() > 50 && down2.count() > 50 && up.count() > 50 })
	t.Logf("media both ways after %s", took)
	if n := core.stats(campus).TracksOut; n != 1 {
		t.Errorf("%d tracks from core to campus, want 1", n)
	}
	for _, b := range []*testBox{core, campus, room, other} {
		for _, s := range b.rel.Sources() {
			if s.Key == teacher.key && b == room && (len(s.Path) != 2 || s.Path[0] != core.key.id || s.Path[1] != campus.key.id) {
				t.Errorf("path of the teacher at room: %v", s.Path)
			}
			if s.Key == pupils.key && b == other && len(s.Path) != 3 {
				t.Errorf("path of the pupils at other: %v", s.Path)
			}
		}
		if n := len(b.rel.Sources()); n != 2 {
			t.Errorf("%s knows %d sources, want 2", b.name, n)
		}
	}

	// Lesson frames pass both ways, unseen.
	if err := core.node.SendLesson(campus.key.id, []byte("hello")); err != nil {
		t.Error(err)
	}
	if err := campus.node.SendLesson(core.key.id, []byte("answer")); err != nil {
		t.Error(err)
	}
	eventually(t, time.Second, "lesson frames", func() bool {
		campus.mu.Lock()
		defer campus.mu.Unlock()
		core.mu.Lock()
		defer core.mu.Unlock()
		return len(campus.frames) == 1 && campus.frames[0] == "core:hello" && len(core.frames) == 1 && core.frames[0] == "campus:answer"
	})
	if err := core.node.SendLesson(room.key.id, nil); err == nil {
		t.Error("a frame went to a box two links away")
	}
}

func TestLoopRefused(t *testing.T) {
	a, b, c := newBox(t, "a"), newBox(t, "b"), newBox(t, "c")
	b.join(a)
	settle(t, b, a)
	c.join(b)
	settle(t, c, b)
	a.join(c) // a is the root of both
	time.Sleep(1500 * time.Millisecond)
	if a.stats(c).Up || c.stats(a).Up {
		t.Error("a loop was made")
	}
	if !b.stats(a).Up || !c.stats(b).Up {
		t.Error("the links that were there are gone")
	}
}

func TestUnknownChild(t *testing.T) {
	core, stranger, thief := newBox(t, "core"), newBox(t, "stranger"), newBox(t, "thief")
	stranger.node.SetParents([]Parent{{Peer: core.peer(), Pin: core.key.pin, URLs: []string{core.url}}})
	core.invite(thief)
	thief.node.SetParents([]Parent{{Peer: core.peer(), Pin: stranger.key.pin, URLs: []string{core.url}}}) // the parent is not who it should be
	time.Sleep(time.Second)
	if stranger.stats(core).Up || thief.stats(core).Up {
		t.Error("linked without an invitation or to a wrong key")
	}
}

func TestOrderlyEnd(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	member.join(core)
	settle(t, member, core)
	core.stop()
	took := eventually(t, time.Second, "member knows", func() bool { return !member.stats(core).Up })
	t.Logf("bye noticed after %s", took)
	member.mu.Lock()
	defer member.mu.Unlock()
	if len(member.events) != 2 || !member.events[0].Up || member.events[1].Up || !member.events[0].Parent {
		t.Errorf("events %+v", member.events)
	}
}
