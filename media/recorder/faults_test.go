package recorder

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/recorder/journal/journaltest"
	"tongke/media/relay"
	"tongke/media/track"
)

// viewer counts what a subscriber gets and how late. Packets carry the time they were pushed as their timestamp, in microseconds.
type viewer struct {
	mu   sync.Mutex
	late []time.Duration
}

func (v *viewer) WriteRTP(_ *rtp.Header, p []byte) error {
	var at packet.Time
	for i := range 8 {
		at |= packet.Time(p[4+i]) << (8 * i)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.late = append(v.late, packet.Now().Sub(at))
	return nil
}

func (v *viewer) WriteRTCP([]rtcp.Packet) error { return nil }

func (v *viewer) result() (n int, p99 time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.late) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(v.late))
	return len(sorted), sorted[len(sorted)*99/100]
}

// warnings counts lines of level Warn and above.
type warnings struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines = append(w.lines, r.Message)
	}
	return nil
}

func (w *warnings) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines)
}

// watch subscribes to the teacher.
func (r *rig) watch() *viewer {
	r.Helper()
	v := &viewer{}
	sub, err := r.relay.Subscribe(relay.SubscriberConfig{Name: "viewer", Slots: []relay.SlotConfig{{
		Kind: track.Video, SSRC: 1, PayloadTypes: map[codec.Codec]uint8{codec.H264: 96}, Sink: v,
	}}})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(sub.Close)
	sub.Bind(0, track.Key{Lesson: "l1", Origin: here, Source: track.Teacher}, relay.BindOptions{})
	return v
}

// live pushes 4 Mb/s for a while: 20 packets of 1000 bytes each 40 ms.
func (s *source) live(d time.Duration) (n int) {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for range d / (40 * time.Millisecond) {
		<-tick.C
		for range 20 {
			b := packet.Get()
			b.Seq, b.Timestamp, b.Codec, b.Arrival = s.seq, uint32(s.seq/20*3600), s.c, packet.Now()
			if s.seq%20 == 0 {
				b.Flags = packet.Keyframe | packet.FrameStart
			}
			p := make([]byte, 1000)
			p[0] = 0x41
			for i := range 8 {
				p[4+i] = byte(b.Arrival >> (8 * i))
			}
			b.SetPayload(p)
			s.seq++
			n++
			s.up.Push(b)
		}
	}
	return n
}

// faulty is a lesson with one viewer whose recording is on a disk that fails.
type faulty struct {
	*rig
	disk *journaltest.Disk
	warn *warnings
	src  *source
	view *viewer
	wish Wish
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{disk: &journaltest.Disk{}, warn: &warnings{Handler: slog.DiscardHandler}}
	f.rig = newRig(t, journal.Options{Disk: f.disk})
	f.rec.cfg.Log = slog.New(f.warn)
	f.src, f.view = f.source(here, track.Teacher), f.watch()
	f.wish = wish(journal.ModeKeep, journal.ScopeTeacher)
	f.rec.Set(f.wish)
	f.until("a tap", func() bool { return len(tapsOf(f.rec)) == 1 })
	return f
}

// got waits until the viewer has all packets.
func (f *faulty) got(n int) {
	f.Helper()
	f.until("all packets at the viewer", func() bool {
		got, _ := f.view.result()
		return got == n
	})
}

// ends the lesson and reads its journal: how many packets, and the gaps.
func (f *faulty) ends() (n int, gaps []journal.Event) {
	f.Helper()
	f.over(f.wish)
	j, err := journal.Open(f.dir+"/l1", f.keys)
	if err != nil {
		f.Fatal(err)
	}
	seen := map[uint64]bool{}
	if err := j.Packets(0, 1<<62, nil, func(_ journal.Track, p journal.Packet) error {
		seen[p.Seq] = true
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	for _, e := range j.Events() {
		if e.Name == journal.EventGap {
			gaps = append(gaps, e)
		}
	}
	return len(seen), gaps
}

func TestSlowDiskTouchesNothing(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	n := f.src.live(time.Second)
	f.until("stored packets", func() bool { return f.rec.Stats().Packets > 0 })
	_, quiet := f.view.result()
	f.disk.Stall(4 * time.Second)
	n += f.src.live(3 * time.Second)
	if u := f.rec.Stats().UnsyncedSeconds; u < 1 {
		t.Errorf("%v s are said not to be on the disk", u)
	}
	f.disk.Heal()
	n += f.src.live(time.Second)
	f.until("all stored", func() bool { return f.rec.Stats().Packets == int64(n) })
	f.got(n)
	_, p99 := f.view.result()
	t.Logf("p99 of the relay: %v before, %v in all, with a disk that stalls 4 s", quiet, p99)
	if kept, gaps := f.ends(); kept != n || len(gaps) != 0 {
		t.Errorf("%d of %d packets kept, gaps %v", kept, n, gaps)
	}
}

func TestFullDiskTouchesNothingButTheRecording(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fail  func(*journaltest.Disk)
		fault string
	}{
		{"full", (*journaltest.Disk).Full, DiskFull},
		{"read-only", (*journaltest.Disk).ReadOnly, DiskFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t)
			n := f.src.live(time.Second)
			f.until("stored packets", func() bool { return f.rec.Status("l1").Stored > 0 })
			tt.fail(f.disk)
			n += f.src.live(time.Second)
			f.until("the fault", func() bool { return f.rec.Status("l1").Fault == tt.fault })
			stored := f.rec.Status("l1").Stored
			n += f.src.live(time.Second)
			if st := f.rec.Status("l1"); st.Mode != journal.ModeOff || st.Stored != stored {
				t.Errorf("status %+v while nothing can be stored", st)
			}
			f.disk.Heal()
			f.until("the fault's end", func() bool { return f.rec.Status("l1").Fault == "" })
			n += f.src.live(time.Second)
			f.got(n)
			if f.warn.count() != 1 {
				t.Errorf("warnings %q, want one", strings.Join(f.warn.lines, "; "))
			}
			if kept, gaps := f.ends(); kept != n || len(gaps) != 0 { // the queue held them all
				t.Errorf("%d of %d packets kept, gaps %v", kept, n, gaps)
			}
		})
	}
}

func TestDiskThatTakesNothingAtFirst(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	f.disk.Full()
	n := f.src.live(time.Second)
	f.until("the fault", func() bool { return f.rec.Status("l1").Fault == DiskFull })
	f.disk.Heal()
	f.until("stored packets", func() bool { return f.rec.Stats().Packets > 0 })
	f.got(n)
	if kept, _ := f.ends(); kept != n {
		t.Errorf("%d of %d packets kept", kept, n)
	}
}
