package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/recorder/journal/journaltest"
	"tongke/media/track"
)

// bench is a journal on a disk that fails, and a clock moved by hand.
type bench struct {
	*testing.T
	dir  string
	keys *journal.KeyDir
	disk journaltest.Disk
	now  packet.Time
	wall time.Time
	w    *journal.Writer
	id   uint16
	seq  uint64
}

func newBench(t *testing.T, pending int) *bench {
	t.Helper()
	b := &bench{T: t, dir: filepath.Join(t.TempDir(), "l1"), now: 1, wall: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	var err error
	if b.keys, err = journal.OpenKeys(filepath.Join(filepath.Dir(b.dir), "keys")); err != nil {
		t.Fatal(err)
	}
	o := journal.Options{
		Media: func() packet.Time { return b.now }, Wall: func() time.Time { return b.wall },
		Boot: func() ([16]byte, time.Duration) { return [16]byte{1}, time.Duration(b.now) }, Disk: &b.disk, Pending: pending,
	}
	if b.w, err = journal.Create(b.dir, journal.Info{Lesson: "l1", Mode: journal.ModeKeep}, b.keys, o); err != nil {
		t.Fatal(err)
	}
	b.id = b.w.Track(journal.Track{Origin: "o", Source: track.Teacher, Kind: track.Video, Codec: codec.H264, Gen: 1})
	t.Cleanup(func() { b.w.Close() })
	return b
}

func body(seq uint64) []byte { return bytes.Repeat([]byte{byte(seq), byte(seq >> 8)}, 500) }

// quarter takes 25 packets in 250 ms and syncs.
func (b *bench) quarter() error {
	b.Helper()
	for range 25 {
		b.now = b.now.Add(10 * time.Millisecond)
		p := journal.Packet{Track: b.id, Seq: b.seq, Timestamp: uint32(b.seq), Capture: b.w.Now(), Arrival: b.w.Now(), Payload: body(b.seq)}
		if err := b.w.Packet(p); err != nil {
			b.Fatal(err)
		}
		b.seq++
	}
	return b.w.Sync()
}

// read gives the sequences in the journal, each once, and the gaps' causes.
func (b *bench) read() (seqs map[uint64]bool, gaps []journal.Event) {
	b.Helper()
	r, err := journal.Open(b.dir, b.keys)
	if err != nil {
		b.Fatal(err)
	}
	seqs = map[uint64]bool{}
	if err := r.Packets(0, 1<<62, nil, func(_ journal.Track, p journal.Packet) error {
		if !bytes.Equal(p.Payload, body(p.Seq)) {
			b.Errorf("payload of %d is another", p.Seq)
		}
		seqs[p.Seq] = true
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	for _, e := range r.Events() {
		if e.Name == journal.EventGap {
			gaps = append(gaps, e)
		}
	}
	return seqs, gaps
}

func TestOneErrorOfTheDiskLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name                string
		create, write, sync error
	}{
		{name: "sync", sync: syscall.EIO},
		{name: "write", write: syscall.EIO},
		{name: "no room once", write: syscall.ENOSPC},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, 0)
			for i := range 20 {
				if i == 7 || i == 13 {
					b.disk.Fail(1, tt.create, tt.write, tt.sync)
				}
				before := b.w.Synced()
				err := b.quarter()
				var fault *journal.FaultError
				if err != nil && (!errors.As(err, &fault) || b.w.Synced() != before) {
					t.Fatalf("%v, synced %v", err, b.w.Synced())
				}
				if err == nil && b.w.Synced() != b.w.Now() {
					t.Fatalf("synced %v of %v", b.w.Synced(), b.w.Now())
				}
				b.now = b.now.Add(time.Second) // past the wait for another try
			}
			if err := b.w.Close(); err != nil {
				t.Fatal(err)
			}
			if b.disk.Failed() != 2 {
				t.Fatalf("%d faults, want 2", b.disk.Failed())
			}
			seqs, gaps := b.read()
			if len(seqs) != 500 || len(gaps) != 0 {
				t.Errorf("%d packets of 500, gaps %v", len(seqs), gaps)
			}
		})
	}
}

func TestLongFaultIsAGap(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(*journaltest.Disk)
		full bool
	}{
		{"full", (*journaltest.Disk).Full, true},
		{"read-only", (*journaltest.Disk).ReadOnly, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, 100_000) // a second of packets
			for range 8 {
				if err := b.quarter(); err != nil {
					t.Fatal(err)
				}
			}
			tt.fail(&b.disk)
			synced := b.w.Synced()
			for i := range 40 { // 10 s
				var fault *journal.FaultError
				if err := b.quarter(); !errors.As(err, &fault) || fault.Full != tt.full {
					t.Fatalf("batch %d: %v", i, err)
				}
				if b.w.Synced() != synced {
					t.Fatal("claims what is not stored")
				}
			}
			b.disk.Heal()
			b.now = b.now.Add(2 * time.Second)
			for range 8 {
				if err := b.quarter(); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.w.Close(); err != nil {
				t.Fatal(err)
			}
			seqs, gaps := b.read()
			if len(gaps) != 1 || gaps[0].Detail["cause"] != journal.CauseDisk {
				t.Fatalf("gaps %v", gaps)
			}
			var lost int
			fmt.Sscan(gaps[0].Detail["packets"], &lost)
			if len(seqs)+lost != int(b.seq) || lost < 800 {
				t.Errorf("%d there, %d named as lost, of %d", len(seqs), lost, b.seq)
			}
			for s := range uint64(175) { // those of the first batch that was taken again came before it
				if !seqs[s] || !seqs[s+25] || !seqs[b.seq-1-s] {
					t.Fatalf("%d is missing", s)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(b.dir, "*.half")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestWallClockThatJumps(t *testing.T) {
	b := newBench(t, 0)
	for i := range 400 { // 100 s: two segments
		switch i {
		case 50:
			b.wall = b.wall.AddDate(10, 0, 0)
		case 150:
			b.wall = time.Unix(0, 0)
		case 300:
			b.wall = b.wall.AddDate(56, 0, 0)
		}
		if err := b.quarter(); err != nil {
			t.Fatal(err)
		}
		if err := b.w.Forget(b.w.Now() - 15*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Open(b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	var before uint64
	n := 0
	if err := r.Packets(0, 1<<62, nil, func(_ journal.Track, p journal.Packet) error {
		if n > 0 && p.Seq != before+1 {
			t.Fatalf("%d follows %d", p.Seq, before)
		}
		before, n = p.Seq, n+1
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != 10_000 || r.Duration() != 100*time.Second {
		t.Errorf("%d packets in %v", n, r.Duration())
	}
}

func TestRollingJournalForgets(t *testing.T) {
	b := newBench(t, 0)
	if err := b.w.SetInfo(journal.Info{Mode: journal.ModeBuffer}); err != nil {
		t.Fatal(err)
	}
	for range 20 * 240 { // 20 minutes
		if err := b.quarter(); err != nil {
			t.Fatal(err)
		}
		if err := b.w.Forget(b.w.Now() - 15*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	r, err := journal.Open(b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	if kept := r.Duration() - r.First(); kept < 15*time.Minute || kept > 16*time.Minute+time.Second {
		t.Errorf("%v are kept", kept)
	}
	if len(r.Events()) != 0 {
		t.Errorf("what was let go is no gap: %v", r.Events())
	}
}

// whole reads every byte that a folder holds.
func whole(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEraseRange(t *testing.T) {
	b := newBench(t, 0)
	voice := b.w.Track(journal.Track{Origin: "o", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus, Gen: 1})
	for range 300 { // 75 s
		if err := b.w.Packet(journal.Packet{Track: voice, Seq: b.seq, Arrival: b.w.Now(), Payload: body(b.seq)}); err != nil {
			t.Fatal(err)
		}
		if err := b.quarter(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.w.Event(journal.Event{Name: journal.EventEnd}); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(whole(t, filepath.Dir(b.dir)), body(300)) {
		t.Fatal("a payload lies on the disk in the clear")
	}
	old, err := os.ReadFile(filepath.Join(b.dir, "00000001.seg"))
	if err != nil {
		t.Fatal(err)
	}
	e := journal.ErasedRange{From: 50 * time.Second, To: 65 * time.Second, Origin: "o", Source: track.Teacher}
	if err := journal.EraseRange(b.dir, b.keys, e); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Open(b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	if err := r.Packets(0, 1<<62, nil, func(tr journal.Track, p journal.Packet) error {
		if tr.Source == track.Teacher && p.Arrival >= e.From && p.Arrival < e.To {
			t.Fatalf("a packet at %v", p.Arrival)
		}
		if !bytes.Equal(p.Payload, body(p.Seq)) {
			t.Errorf("payload of %d is another", p.Seq)
		}
		count[tr.Source]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if count[track.Teacher] != 7500-1500 || count[track.Voice] != 300 {
		t.Errorf("left: %v", count)
	}
	if got := r.Erased(); len(got) != 1 || got[0] != e {
		t.Errorf("erased %v", got)
	}
	if ev := r.Events(); len(ev) != 1 || ev[0].Name != journal.EventEnd {
		t.Errorf("events %v", ev)
	}
	if r.Duration() < 75*time.Second {
		t.Errorf("duration %v", r.Duration())
	}
	// No sealed body of the former segment is left, not even of what stays: ids and keys are new.
	now := whole(t, b.dir)
	for at := 4096; at+64 < len(old); at += 9973 {
		if chunk := old[at : at+64]; !bytes.Equal(chunk, make([]byte, 64)) && bytes.Contains(now, chunk) {
			t.Fatalf("bytes at %d of the former segment are still there", at)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "*.dead")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEraseSource(t *testing.T) {
	b := newBench(t, 0)
	for range 8 {
		if err := b.quarter(); err != nil {
			t.Fatal(err)
		}
	}
	key, err := b.keys.Open("l1", "o", track.Teacher)
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.EraseSource(b.dir, b.keys, "o", track.Teacher); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Close(); err != nil {
		t.Fatal(err)
	}
	if seqs, _ := b.read(); len(seqs) != 0 {
		t.Errorf("%d packets of an erased source", len(seqs))
	}
	r, err := journal.Open(b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Erased(); len(got) != 1 || got[0].Source != track.Teacher || got[0].To != 0 {
		t.Errorf("erased %v", got)
	}
	all := whole(t, filepath.Dir(b.dir))
	if bytes.Contains(all, key) || bytes.Contains(all, fmt.Appendf(nil, "%x", key)) {
		t.Error("the key is still on the disk")
	}
	again, err := journal.OpenKeys(filepath.Join(filepath.Dir(b.dir), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Open("l1", "o", track.Teacher); !errors.Is(err, journal.ErrErased) {
		t.Errorf("after a restart: %v", err)
	}
	if _, err := again.Seal("l1", "o", track.Teacher); !errors.Is(err, journal.ErrErased) {
		t.Errorf("a new key for it: %v", err)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	b := newBench(t, 0)
	if err := b.quarter(); err != nil {
		t.Fatal(err)
	}
	if err := journal.Remove(b.dir, b.keys); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("while it is written: %v", err)
	}
	if err := b.w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := journal.Remove(b.dir, b.keys); err != nil {
		t.Fatal(err)
	}
	if err := journal.Remove(b.dir, b.keys); err != nil {
		t.Errorf("twice: %v", err)
	}
	if left := whole(t, filepath.Dir(b.dir)); len(left) != 0 {
		t.Errorf("%d bytes left", len(left))
	}
}
