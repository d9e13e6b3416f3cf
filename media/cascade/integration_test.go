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
		if s.Delay < 0.004 || s.Delay > 0.1 {
			t.Errorf("%s: delay from capture %v s, want 5 ms and a little", s.Source, s.Delay)
		}
	}
	w.sub.Close()
	w2.sub.Close()
	took = eventually(t, 6*time.Second, "demand falls", func() bool { return !teacher.want.Load() })
	if took < 2500*time.Millisecond {
		t.Errorf("demand fell after %s, want 3 s", took)
	}
}
