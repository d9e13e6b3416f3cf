package relay

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongke/media/packet"
	"tongke/media/track"
)

// tapped notes what a tap hands over.
type tapped struct {
	mu   sync.Mutex
	seqs []uint64
	size []byte
	key  []bool
}

func (s *tapped) Write(batch []*packet.Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range batch {
		s.seqs = append(s.seqs, b.Seq)
		s.size = append(s.size, b.Payload()[1])
		s.key = append(s.key, b.Is(packet.Keyframe))
	}
}

func (s *tapped) got() ([]uint64, []byte, []bool) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint64(nil), s.seqs...), append([]byte(nil), s.size...), append([]bool(nil), s.key...)
}

func tapOf(t *testing.T, r *Relay, cfg TapConfig) (*Tap, *tapped) {
	t.Helper()
	d := &tapped{}
	cfg.Key, cfg.Down = teacher, d
	p, err := r.Tap(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, d
}

func TestTapBeginsWithTheCachedKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		u := publish(t, r, teacherInfo(), m).Up("")
		p := &sender{seq: 65500, gop: 90}
		p.push(u, 75) // 2.5 s, older than a joiner would be given
		_, d := tapOf(t, r, TapConfig{})
		p.push(u, 5)
		seqs, _, key := d.got()
		if len(seqs) != 240 || !key[0] {
			t.Fatalf("%d packets, want 240 from the keyframe on", len(seqs))
		}
		for i := 1; i < len(seqs); i++ {
			if seqs[i] != seqs[i-1]+1 {
				t.Fatalf("%d follows %d", seqs[i], seqs[i-1])
			}
		}
		if m.asked() != 0 {
			t.Errorf("asked for %d keyframes", m.asked())
		}
	})
}

func TestTapOutlivesItsPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		tap, d := tapOf(t, r, TapConfig{}) // before there is one
		s := publish(t, r, teacherInfo(), m)
		u := s.Up("")
		p := &sender{seq: 1, gop: 30}
		p.push(u, 10)
		s.Close()
		again := publish(t, r, teacherInfo(), m).Up("")
		q := &sender{seq: 1, gop: 30}
		q.push(again, 10)
		if seqs, _, _ := d.got(); len(seqs) != 60 {
			t.Errorf("%d packets of two publishers, want 60", len(seqs))
		}
		tap.Close()
		q.push(again, 10)
		if seqs, _, _ := d.got(); len(seqs) != 60 {
			t.Error("packets after Close")
		}
		r.EndLesson("l")
		if got := r.Sources(); len(got) != 0 {
			t.Errorf("sources %v after the lesson", got)
		}
	})
}

func TestPassiveTapTakesWhatFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		src := publish(t, r, teacherInfo("l", "m", "h"), m)
		low, mid := src.Up("l"), src.Up("m")
		sub := subscribe(t, r, &sink{})
		sub.Bind(0, teacher, BindOptions{Layer: "l", FixedLayer: true})
		_, d := tapOf(t, r, TapConfig{Passive: true})
		synctest.Wait()
		p := &sender{seq: 1, gop: 30, size: 'l'}
		p.push(low, 60)
		if m.wants("h") || m.wants("m") {
			t.Error("a passive tap wants a layer while another one flows")
		}
		seqs, _, key := d.got()
		if len(seqs) != 180 || !key[0] {
			t.Fatalf("%d packets, want 180", len(seqs))
		}
		sub.Unbind(0)
		time.Sleep(passiveAfter + time.Second)
		if !m.wants("m") || m.wants("h") {
			t.Errorf("nobody wants anything: the middle layer is wanted, not the highest")
		}
		q := &sender{seq: 1, gop: 30, size: 'm'}
		q.push(mid, 60)
		_, size, _ := d.got()
		if n := len(size); size[n-1] != 'm' {
			t.Error("the middle layer is not handed over")
		}
	})
}

func TestTapChangesLayersAtKeyframes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		src := publish(t, r, teacherInfo("l", "h"), m)
		low, high := src.Up("l"), src.Up("h")
		_, d := tapOf(t, r, TapConfig{})
		var wg sync.WaitGroup
		wg.Go(func() { (&sender{seq: 1, gop: 40, size: 'l'}).push(low, 200) })  // ends by itself
		wg.Go(func() { (&sender{seq: 1, gop: 40, size: 'h'}).push(high, 200) }) // ends by itself
		wg.Wait()
		_, size, key := d.got()
		for i := 1; i < len(size); i++ {
			if size[i] != size[i-1] && !key[i] {
				t.Fatalf("layer changes from %c to %c without a keyframe", size[i-1], size[i])
			}
		}
		if n := len(size); n == 0 || size[n-1] != 'h' {
			t.Error("the highest layer is not taken")
		}
		if !m.wants("h") {
			t.Error("the highest layer is not wanted")
		}
	})
}

func TestTapNeedsAnOrigin(t *testing.T) {
	r := start(t)
	if _, err := r.Tap(TapConfig{Key: track.Key{Lesson: "l", Source: track.Teacher}}); err == nil {
		t.Error("a tap without an origin")
	}
}
