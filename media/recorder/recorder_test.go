package recorder

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/relay"
	"tongke/media/track"
)

const (
	here  = "box-core"
	there = "box-east"
)

// rig is a relay and a recorder that run until the test ends.
type rig struct {
	*testing.T
	relay *relay.Relay
	rec   *Recorder
	keys  *journal.KeyDir
	dir   string
	stop  func() // of the recorder alone
}

func newRig(t *testing.T, o journal.Options) *rig {
	t.Helper()
	r := &rig{T: t, dir: filepath.Join(t.TempDir(), "recordings")}
	r.relay = relay.New(relay.Config{Log: slog.New(slog.DiscardHandler)})
	run(t, r.relay.Run)
	var err error
	if r.keys, err = journal.OpenKeys(filepath.Join(filepath.Dir(r.dir), "keys")); err != nil {
		t.Fatal(err)
	}
	r.start(o)
	return r
}

func (r *rig) start(o journal.Options) {
	r.rec = New(Config{Relay: r.relay, Dir: r.dir, Keys: r.keys, Box: here, Journal: o, Open: func(string) bool { return false }})
	r.stop = run(r.T, r.rec.Run)
}

// run runs a part until stop, or the test's end.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = f(ctx) }) // ends with cancel
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	return stop
}

func wish(mode, scope string) Wish {
	return Wish{
		Lesson: "l1", Mode: mode, Scope: scope, Active: true, Attends: true, Teaching: here,
		Places: map[string]Place{here: {"core", "core"}, there: {"east", "east/1"}},
		Info:   journal.Info{Title: "音乐", Planned: time.Unix(1, 0)},
	}
}

type noMaker struct{}

func (noMaker) RequestKeyframe(track.Layer, bool) {}
func (noMaker) Want(track.Layer, bool)            {}

// source publishes one source and pushes packets with a payload that names it.
type source struct {
	up  *relay.Up
	key track.Key
	c   codec.Codec
	seq uint64
}

func (r *rig) source(origin, name string) *source {
	r.Helper()
	k := track.Key{Lesson: "l1", Origin: origin, Source: name}
	kind, _ := track.KindOf(name)
	info := relay.SourceInfo{Key: k, Kind: kind, Codec: codec.H264}
	if kind == track.Audio {
		info.Codec = codec.Opus
	}
	if origin != here {
		info.Path, info.Layers = []string{origin}, []track.Layer{""}
	}
	s, err := r.relay.Publish(info, noMaker{})
	if err != nil {
		r.Fatal(err)
	}
	return &source{up: s.Up(""), key: k, c: info.Codec, seq: 1000}
}

func (s *source) push(n int) {
	for range n {
		b := packet.Get()
		b.Seq, b.Timestamp, b.Codec, b.Gen = s.seq, uint32(s.seq)*960, s.c, 7
		b.Arrival = packet.Now()
		b.Capture = b.Arrival.Add(-3 * time.Millisecond)
		b.Flags = packet.Marker | packet.FrameStart
		if s.c.Video() {
			b.Flags |= packet.Keyframe
		}
		b.SetPayload([]byte(s.key.Origin + "/" + s.key.Source))
		s.seq++
		s.up.Push(b)
	}
}

// until waits for a condition of the recorder's, which works by the clock of the disk.
func (r *rig) until(what string, f func() bool) {
	r.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("waited in vain: %s; %+v %+v", what, r.rec.Status("l1"), r.rec.Stats())
		}
	}
}

func (r *rig) stored(n int64) {
	r.Helper()
	r.until("stored packets", func() bool { return r.rec.Stats().Packets >= n })
}

// counts are the packets of a journal by origin and source.
func (r *rig) counts(name string) map[string]int {
	r.Helper()
	j, err := journal.Open(filepath.Join(r.dir, name), r.keys)
	if err != nil {
		r.Fatal(err)
	}
	got := map[string]int{}
	if err := j.Packets(0, 1<<62, nil, func(t journal.Track, p journal.Packet) error {
		if string(p.Payload) != t.Origin+"/"+t.Source {
			r.Errorf("payload %q in the track of %s/%s", p.Payload, t.Origin, t.Source)
		}
		got[string(p.Payload)]++
		return nil
	}); err != nil {
		r.Fatal(err)
	}
	return got
}

func (r *rig) over(w Wish) {
	r.Helper()
	w.Ended, w.Active = true, false
	r.rec.Set(w)
	r.until("the lesson's end", func() bool { return r.rec.Stats().Lessons == 0 })
}

func TestScopeDecidesPerSource(t *testing.T) {
	all := []string{here + "/teacher", here + "/board", here + "/voice", here + "/pupils", there + "/voice", there + "/pupils"}
	tests := []struct {
		name, scope string
		want        []string
	}{
		{"teacher and board", journal.ScopeTeacher, all[:3]},
		{"pupils too", journal.ScopePupils, all},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, journal.Options{})
			var sources []*source
			for _, s := range []string{track.Teacher, track.Board, track.Voice, track.Pupils} {
				sources = append(sources, r.source(here, s))
			}
			sources = append(sources, r.source(there, track.Voice), r.source(there, track.Pupils))
			w := wish(journal.ModeKeep, tt.scope)
			r.rec.Set(w)
			r.until("taps", func() bool { return len(tapsOf(r.rec)) == len(tt.want) })
			for range 5 {
				for _, s := range sources {
					s.push(2)
				}
			}
			r.stored(int64(len(tt.want) * 10))
			if st := r.rec.Status("l1"); st.Mode != journal.ModeKeep || st.Fault != "" {
				t.Errorf("status %+v", st)
			}
			r.over(w)
			got := r.counts("l1")
			if len(got) != len(tt.want) {
				t.Errorf("kept %v, want %v", got, tt.want)
			}
			for _, name := range tt.want {
				if got[name] != 10 {
					t.Errorf("%s: %d packets, want 10", name, got[name])
				}
			}
			if st := r.rec.Status("l1"); st.Mode != journal.ModeKeep || st.Stored == 0 {
				t.Errorf("status after the lesson %+v", st)
			}
		})
	}
}

func tapsOf(r *Recorder) map[track.Key]*tapped {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.jobs["l1"]
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	taps := map[track.Key]*tapped{}
	for k, t := range j.taps {
		taps[k] = t
	}
	return taps
}

func TestOffKeepsNothing(t *testing.T) {
	r := newRig(t, journal.Options{})
	s := r.source(here, track.Teacher)
	w := wish(journal.ModeOff, journal.ScopeTeacher)
	r.rec.Set(w)
	s.push(20)
	time.Sleep(3 * syncEvery)
	r.over(w)
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

func TestBufferIsErasedAtTheEnd(t *testing.T) {
	r := newRig(t, journal.Options{})
	s := r.source(here, track.Teacher)
	w := wish(journal.ModeBuffer, journal.ScopeTeacher)
	r.rec.Set(w)
	r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
	s.push(20)
	r.stored(20)
	r.until("the proof by an empty batch", func() bool { return r.counts("l1" + bufferExt)[here+"/teacher"] == 20 })
	if _, err := r.keys.Open("l1"+bufferExt, here, track.Teacher); err != nil {
		t.Errorf("key: %v", err)
	}
	r.over(w)
	r.until("the erasure", func() bool {
		left, err := os.ReadDir(r.dir)
		return err == nil && len(left) == 0
	})
	if _, err := r.keys.Open("l1"+bufferExt, here, track.Teacher); !errors.Is(err, journal.ErrNoKey) {
		t.Errorf("key after the lesson: %v", err)
	}
}

func TestLessInTheLesson(t *testing.T) {
	r := newRig(t, journal.Options{})
	a, b := r.source(here, track.Teacher), r.source(there, track.Pupils)
	w := wish(journal.ModeKeep, journal.ScopePupils)
	r.rec.Set(w)
	r.until("taps", func() bool { return len(tapsOf(r.rec)) == 2 })
	a.push(10)
	b.push(10)
	r.stored(20)
	w.Scope = journal.ScopeTeacher
	r.rec.Set(w) // holds from this very moment
	b.push(10)
	a.push(10)
	r.stored(30)
	w.Mode = journal.ModeBuffer
	r.rec.Set(w)
	a.push(10)
	r.stored(40)
	r.over(w)
	if got := r.counts("l1"); got[here+"/teacher"] != 20 || got[there+"/pupils"] != 10 {
		t.Errorf("kept %v after the end", got)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "l1"+bufferExt)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("buffer stays: %v", err)
	}
}

func TestSameRecordingAfterARestart(t *testing.T) {
	r := newRig(t, journal.Options{})
	s := r.source(here, track.Voice)
	w := wish(journal.ModeKeep, journal.ScopeTeacher)
	r.rec.Set(w)
	r.rec.Event("l1", journal.Event{Name: journal.EventStart})
	r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
	s.push(10)
	r.stored(10)
	r.stop()
	r.start(journal.Options{})
	r.rec.Set(w)
	r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
	s.push(10)
	r.stored(10)
	r.over(w)
	if got := r.counts("l1"); got[here+"/voice"] != 20 {
		t.Errorf("kept %v", got)
	}
	j, err := journal.Open(filepath.Join(r.dir, "l1"), r.keys)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, e := range j.Events() {
		names[e.Name]++
	}
	if names[journal.EventStart] != 1 || names[journal.EventGap] != 1 || names[journal.EventResume] != 1 {
		t.Errorf("events %v", names)
	}
	w.Info.Planned = time.Unix(2, 0) // another lesson of the same id is another recording
	r.rec.Set(w)
	r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
	s.push(5)
	r.stored(15)
	r.over(w)
	if got := r.counts("l1-2"); got[here+"/voice"] != 5 {
		t.Errorf("kept %v", got)
	}
}

func TestDamagedJournalStopsNoRecording(t *testing.T) {
	for _, mode := range []string{journal.ModeKeep, journal.ModeBuffer} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, journal.Options{})
			name := "l1"
			if mode == journal.ModeBuffer {
				name += bufferExt
			}
			if err := os.MkdirAll(filepath.Join(r.dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := r.keys.Seal(name, "", ""); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(r.dir, name, "00000001.seg"), []byte("what a worm has left"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := r.source(here, track.Teacher)
			r.rec.Set(wish(mode, journal.ScopeTeacher))
			r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
			s.push(5)
			r.stored(5)
		})
	}
}

func TestLeftBufferIsSwept(t *testing.T) {
	r := newRig(t, journal.Options{})
	s := r.source(here, track.Teacher)
	r.rec.Set(wish(journal.ModeBuffer, journal.ScopeTeacher))
	r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
	s.push(5)
	r.stored(5)
	r.stop() // the lesson ends while the box is off
	r.start(journal.Options{})
	r.until("the erasure", func() bool {
		left, err := os.ReadDir(r.dir)
		return err == nil && len(left) == 0
	})
}

func TestRedundancyFillsHoles(t *testing.T) {
	r := newRig(t, journal.Options{})
	s := r.source(here, track.Voice)
	w := wish(journal.ModeKeep, journal.ScopeTeacher)
	r.rec.Set(w)
	r.until("a tap", func() bool { return len(tapsOf(r.rec)) == 1 })
	frame := func(seq uint64) []byte { return []byte{byte(seq), 1, 2, 3} }
	for i := range uint64(30) {
		seq := 1000 + i
		if i%5 == 3 || i == 10 || i == 11 { // lost, also in a row of two
			continue
		}
		b := packet.Get()
		b.Seq, b.Timestamp, b.Codec, b.Arrival = seq, uint32(seq)*960, codec.RED, packet.Now()
		b.SetPayload(codec.REDPack(nil, 111, frame(seq),
			codec.REDBlock{Offset: 1920, Payload: frame(seq - 2)}, codec.REDBlock{Offset: 960, Payload: frame(seq - 1)}))
		s.up.Push(b)
	}
	r.stored(30)
	r.over(w)
	j, err := journal.Open(filepath.Join(r.dir, "l1"), r.keys)
	if err != nil {
		t.Fatal(err)
	}
	var base uint64
	got := map[uint64]journal.Packet{}
	if err := j.Packets(0, 1<<62, nil, func(tr journal.Track, p journal.Packet) error {
		if base == 0 {
			base = p.Seq
		}
		if tr.Codec != codec.Opus || len(p.Payload) != 4 || p.Payload[0] != byte(1000+p.Seq-base) || p.Timestamp != uint32(1000+p.Seq-base)*960 {
			t.Errorf("packet %d: %v codec %v", p.Seq-base, p, tr.Codec)
		}
		if _, twice := got[p.Seq]; twice {
			t.Errorf("%d is there twice", p.Seq-base)
		}
		got[p.Seq] = p
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 30 {
		t.Errorf("%d packets, want 30", len(got))
	}
}
