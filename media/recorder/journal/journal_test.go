package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// clock is every clock of a Writer, moved by hand.
type clock struct {
	media packet.Time
	wall  time.Time
	boot  byte
	up    time.Duration
}

func newClock() *clock {
	return &clock{media: 1_000_000, wall: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), boot: 1, up: time.Hour}
}

func (c *clock) pass(d time.Duration) {
	c.media, c.wall, c.up = c.media.Add(d), c.wall.Add(d), c.up+d
}

func (c *clock) options() Options {
	return Options{
		Wall:  func() time.Time { return c.wall },
		Media: func() packet.Time { return c.media },
		Boot:  func() ([16]byte, time.Duration) { return [16]byte{c.boot}, c.up },
	}
}

// box is a journal under test.
type box struct {
	*testing.T
	root string
	keys *KeyDir
	*clock
}

func newBox(t *testing.T) *box {
	t.Helper()
	root := t.TempDir()
	keys, err := OpenKeys(filepath.Join(root, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return &box{t, root, keys, newClock()}
}

func (b *box) dir() string { return filepath.Join(b.root, "recordings", "l1") }

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *box) create(o Options) *Writer {
	b.Helper()
	w, err := Create(b.dir(), Info{Lesson: "l1", Title: "数学", Mode: ModeKeep, Scope: ScopeTeacher}, b.keys, o)
	b.must(err)
	b.Cleanup(func() { w.Close() })
	return w
}

func (b *box) resume(o Options) *Writer {
	b.Helper()
	w, err := Resume(b.dir(), b.keys, o)
	b.must(err)
	b.Cleanup(func() { w.Close() })
	return w
}

func (b *box) open() *Reader {
	b.Helper()
	r, err := Open(b.dir(), b.keys)
	b.must(err)
	return r
}

func teacher() Track {
	return Track{Origin: "box1", Campus: "core", Source: track.Teacher, Kind: track.Video, Codec: codec.H264, Layer: "h", Gen: 1}
}

func voice() Track {
	return Track{Origin: "box1", Campus: "core", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus, Gen: 1}
}

func payload(source string, seq uint64) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%s-%d;", source, seq)), 40)
}

// lesson writes n packets of teacher and voice, 10 ms apart, and syncs every 250 ms.
func (b *box) lesson(w *Writer, from, n int) {
	b.Helper()
	tt, vt := w.Track(teacher()), w.Track(voice())
	for i := from; i < from+n; i++ {
		b.pass(10 * time.Millisecond)
		at := w.Now()
		seq := uint64(i)
		b.must(w.Packet(Packet{Track: tt, Seq: seq, Timestamp: uint32(seq * 900), Capture: at - 5*time.Millisecond, Arrival: at,
			Flags: packet.Marker, Payload: payload("teacher", seq)}))
		b.must(w.Packet(Packet{Track: vt, Seq: seq, Timestamp: uint32(seq * 480), Capture: at, Arrival: at, Payload: payload("voice", seq)}))
		if i%25 == 24 {
			b.must(w.Sync())
		}
	}
}

// seqs reads the sequences of a source and checks every payload.
func seqs(t *testing.T, r *Reader, source string) []uint64 {
	t.Helper()
	var got []uint64
	err := r.Packets(0, 1<<62, func(tr Track) bool { return tr.Source == source }, func(tr Track, p Packet) error {
		if !bytes.Equal(p.Payload, payload(source, p.Seq)) {
			t.Errorf("payload of %s %d is another", source, p.Seq)
		}
		got = append(got, p.Seq)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantRun(t *testing.T, got []uint64, from, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d packets, want %d", len(got), n)
	}
	for i, s := range got {
		if s != uint64(from+i) {
			t.Fatalf("packet %d is %d, want %d", i, s, from+i)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	b.must(w.Event(Event{Name: EventStart}))
	b.lesson(w, 0, 15_000) // 150 s: three segments
	b.must(w.Event(Event{Name: EventFloor, Campus: "east"}))
	b.must(w.Close())

	r := b.open()
	wantRun(t, seqs(t, r, track.Teacher), 0, 15_000)
	wantRun(t, seqs(t, r, track.Voice), 0, 15_000)
	if r.Live() {
		t.Error("live after Close")
	}
	if got := r.Info(); got.Title != "数学" || got.Created.IsZero() {
		t.Errorf("info %+v", got)
	}
	if e := r.Events(); len(e) != 2 || e[0].Name != EventStart || e[1].Campus != "east" {
		t.Errorf("events %+v", e)
	}
	if len(r.Tracks()) != 2 {
		t.Errorf("tracks %+v", r.Tracks())
	}
	if d := r.Duration(); d != 150*time.Second {
		t.Errorf("duration %v", d)
	}
	numbers, err := segments(b.dir())
	if err != nil || len(numbers) != 3 {
		t.Errorf("segments %v, %v", numbers, err)
	}
	if c := r.Count(r.Tracks()[0].ID); c.Packets != 15_000 || c.LastSeq != 14_999 {
		t.Errorf("count %+v", c)
	}
}

func TestPacketsOfATime(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	b.lesson(w, 0, 9_000)
	b.must(w.Close())
	r := b.open()
	var first, last uint64
	n := 0
	b.must(r.Packets(45*time.Second, 46*time.Second, func(tr Track) bool { return tr.Kind == track.Video }, func(_ Track, p Packet) error {
		if n == 0 {
			first = p.Seq
		}
		last, n = p.Seq, n+1
		return nil
	}))
	if n != 100 || first != 4499 || last != 4598 { // packet i arrives at (i+1) × 10 ms
		t.Errorf("%d packets, %d … %d", n, first, last)
	}
	stop := errors.New("enough")
	if err := r.Packets(0, time.Hour, nil, func(Track, Packet) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of f came back as %v", err)
	}
}

func TestReadBesideTheWriter(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	b.lesson(w, 0, 100) // four batches
	r := b.open()
	if !r.Live() {
		t.Skip("locks cannot be asked for on this system")
	}
	wantRun(t, seqs(t, r, track.Voice), 0, 75) // the last one is not proven
	b.must(w.Sync())                           // nothing new: proves it
	b.must(r.Refresh())
	wantRun(t, seqs(t, r, track.Voice), 0, 100)
	b.lesson(w, 100, 10) // not synced
	b.must(r.Refresh())
	wantRun(t, seqs(t, r, track.Voice), 0, 100)
	b.must(w.Close())
	b.must(r.Refresh())
	wantRun(t, seqs(t, r, track.Voice), 0, 110)
}

// abandon leaves the journal as a kill would: nothing more is written, the lock is gone.
func abandon(w *Writer) {
	w.closed = true
	w.lock.Close()
	if w.seg != nil {
		w.seg.file.Close()
	}
}

func TestResumeAfterAKill(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	b.lesson(w, 0, 7_000)
	synced := w.Synced()
	b.lesson(w, 7_000, 10) // never synced
	abandon(w)
	b.pass(2 * time.Second)

	w = b.resume(b.options())
	if got, want := w.Now(), synced+100*time.Millisecond+2*time.Second; got != want {
		t.Errorf("goes on at %v, want %v", got, want)
	}
	id := w.Track(teacher())
	if id != 1 {
		t.Errorf("the same track became %d", id)
	}
	b.lesson(w, 8_000, 1_000)
	b.must(w.Close())

	r := b.open()
	got := seqs(t, r, track.Teacher)
	wantRun(t, got[:7_000], 0, 7_000)
	wantRun(t, got[7_000:], 8_000, 1_000)
	var names []string
	for _, e := range r.Events() {
		names = append(names, e.Name)
	}
	if fmt.Sprint(names) != "[gap resume]" || r.Events()[0].At != synced {
		t.Errorf("events %+v", r.Events())
	}
}

func TestResumeWithClocksThatJump(t *testing.T) {
	tests := []struct {
		name   string
		reboot bool
		wall   time.Duration
		want   time.Duration
	}{
		{"same machine start, wall clock ten years on", false, 87_600 * time.Hour, 2 * time.Second},
		{"same machine start, wall clock back to 1970", false, -490_000 * time.Hour, 2 * time.Second},
		{"restart, wall clock right", true, 0, 2 * time.Second},
		{"restart, ten years on", true, 87_600 * time.Hour, unknownDown},
		{"restart, an hour back", true, -time.Hour, unknownDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t)
			w := b.create(b.options())
			b.lesson(w, 0, 100)
			last := w.Synced()
			abandon(w)
			b.pass(2 * time.Second)
			b.wall = b.wall.Add(tt.wall)
			if tt.reboot {
				b.boot, b.up, b.media = 2, 30*time.Second, 77
			}
			w = b.resume(b.options())
			if got := w.Now() - last; got != tt.want {
				t.Errorf("%v passed, want %v", got, tt.want)
			}
			b.lesson(w, 100, 100)
			b.must(w.Close())
			var before time.Duration
			b.must(b.open().Packets(0, 1<<62, nil, func(_ Track, p Packet) error {
				if p.Arrival < before {
					t.Fatalf("time goes back from %v to %v", before, p.Arrival)
				}
				before = p.Arrival
				return nil
			}))
			wantRun(t, seqs(t, b.open(), track.Voice), 0, 200)
		})
	}
}

func TestCreateRefusesWhatIsThere(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	if _, err := Resume(b.dir(), b.keys, b.options()); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v", err)
	}
	b.must(w.Close())
	if _, err := Create(b.dir(), Info{Lesson: "l1"}, b.keys, b.options()); !errors.Is(err, ErrExists) {
		t.Errorf("create over a journal: %v", err)
	}
	if _, err := Resume(filepath.Join(b.root, "none"), b.keys, b.options()); !errors.Is(err, ErrNotJournal) {
		t.Errorf("resume of nothing: %v", err)
	}
	if err := os.WriteFile(filepath.Join(b.dir(), deletedMark), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(b.dir(), b.keys); !errors.Is(err, ErrErased) {
		t.Errorf("open while it is deleted: %v", err)
	}
}
