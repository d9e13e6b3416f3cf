//go:build linux

package powercut

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
	"tongke/signaling/store"
)

// cuts is how many cuts a run makes in all: 50, or what POWERCUT says.
func cuts(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("POWERCUT"))
	if os.Getenv("POWERCUT") != "" && err != nil {
		t.Fatalf("POWERCUT: %v", err)
	}
	if n <= 0 {
		return 50
	}
	return n
}

// newRig sets up a rig for a test, or skips it.
func newRig(t *testing.T) *Rig {
	t.Helper()
	if why := Missing(); why != "" {
		t.Skip("power cuts: " + why)
	}
	dir, err := os.MkdirTemp("", "powercut-")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(dir)
	if err != nil {
		os.RemoveAll(dir)
		if strings.Contains(err.Error(), "loop") {
			t.Skipf("power cuts: no loop devices here: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
			return // what is still mounted is not removed
		}
		os.RemoveAll(dir)
	})
	return r
}

// judged is what came out of the cuts.
type judged struct {
	cuts, bad int
	loss      time.Duration // worst
}

// TestPowerCuts pulls the plug while lessons are recorded, rotated, erased and the store is made and written.
func TestPowerCuts(t *testing.T) {
	r := newRig(t)
	n := cuts(t)
	for _, c := range []struct {
		name  string
		share int // of 100
		check func(*testing.T, string, page, *Cut) (time.Duration, error)
	}{
		{"lesson", 28, checkLessons},
		{"rotation", 28, checkLessons},
		{"erase", 16, checkErased},
		{"store", 20, checkStores}, // the rest are of whole boxes
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(r.Disk(), c.name)
			w := startWorker(t, c.name, dir)
			defer w.stop()
			var j judged
			for range max(1, n*c.share/100) {
				time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
				loss, err := pull(t, r, w, c.name, c.check)
				j.cuts++
				j.loss = max(j.loss, loss)
				if err != nil {
					j.bad++
					t.Errorf("cut %d: %v", j.cuts, err)
				}
			}
			select {
			case <-w.done:
				t.Error("the writer has ended")
			default:
			}
			t.Logf("%s: %d cuts, %d bad, at most %d ms lost", c.name, j.cuts, j.bad, j.loss.Milliseconds())
		})
	}
}

// pull makes one cut and judges it.
func pull(t *testing.T, r *Rig, w *worker, name string, check func(*testing.T, string, page, *Cut) (time.Duration, error)) (loss time.Duration, err error) {
	t.Helper()
	was := w.page() // what was answered for before the cut must be there
	c, err := r.Cut()
	if err != nil {
		t.Fatal(err)
	}
	now := w.page() // what was begun by then may have happened
	if err := c.Mount(); err != nil {
		return 0, errors.Join(err, c.Close())
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	is := page{was.facts, now.took}
	for k, v := range now.facts {
		if strings.HasPrefix(k, "erasing-") {
			is.facts[k] = v
		}
	}
	return check(t, filepath.Join(c.Dir, name), is, c)
}

// lessons are the numbers of the journals on a disk.
func lessons(dir string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "recordings"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []int
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "lesson-%d", &n); err == nil {
			out = append(out, n)
		}
	}
	return out, err
}

// checkLessons opens what is left of each lesson as it is, then goes on with the last one as the next start would.
func checkLessons(t *testing.T, dir string, p page, c *Cut) (loss time.Duration, err error) {
	keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return 0, err
	}
	for k, stored := range p.facts {
		var n int
		if _, e := fmt.Sscanf(k, "stored %d", &n); e != nil || p.said("erasing-removed %d", n) || p.said("closed %d", n+1) {
			continue // it may be on its way out
		}
		got, e := read(lessonDir(dir, n), keys)
		if e != nil {
			return 0, fmt.Errorf("lesson %d: %w", n, e)
		}
		for seq := range uint64(stored) + 1 {
			if !got[seq] {
				return 0, fmt.Errorf("lesson %d: packet %d was stored (up to %d) and is not there (%d are)", n, seq, stored, len(got))
			}
		}
		if !p.said("closed %d", n) {
			loss = max(loss, lost(p.took[fmt.Sprintf("took %d", n)], got, c.Before))
		}
		if e := goOn(lessonDir(dir, n), keys, got); e != nil {
			return loss, fmt.Errorf("lesson %d: %w", n, e)
		}
	}
	if limit := time.Second + slowest(p); loss > limit {
		err = fmt.Errorf("%v of the lesson lost, more than %v", loss, limit)
	}
	return loss, errors.Join(err, tidied(dir, keys))
}

// slowest is the longest that the disk has let a sync wait: a loaded machine's part of a loss.
func slowest(p page) (d time.Duration) {
	for k, ms := range p.facts {
		if strings.HasPrefix(k, "slow ") {
			d = max(d, time.Duration(ms)*time.Millisecond)
		}
	}
	return d
}

// lost is how much of a lesson is not there: from the first packet missing, that was handed over before the cut, to the cut.
func lost(took []taken, got map[uint64]bool, cut time.Time) time.Duration {
	for _, t := range took {
		if t.at.Before(cut) && !got[uint64(t.seq)] {
			return cut.Sub(t.at)
		}
	}
	return 0
}

// read gives the sequences in a journal, all with the payload that was written.
func read(dir string, keys journal.Keys) (map[uint64]bool, error) {
	r, err := journal.Open(dir, keys)
	if err != nil {
		return nil, err
	}
	got := map[uint64]bool{}
	last := time.Duration(0)
	err = r.Packets(0, 1<<62, nil, func(_ journal.Track, p journal.Packet) error {
		if p.Seq < 1<<40 && !bytes.Equal(p.Payload, body(p.Seq, sizeOf(p.Seq))) {
			return fmt.Errorf("payload of packet %d is another", p.Seq)
		}
		if p.Arrival < last {
			return fmt.Errorf("time goes back at packet %d", p.Seq)
		}
		got[p.Seq], last = true, p.Arrival
		return nil
	})
	return got, err
}

// goOn resumes a journal after the cut: nothing of what was read before may be gone, and what is added must be there.
func goOn(dir string, keys journal.Keys, before map[uint64]bool) error {
	w, err := journal.Resume(dir, keys, journal.Options{})
	if err != nil {
		return err
	}
	id := w.Track(journal.Track{Origin: "core", Source: track.Teacher, Kind: track.Video, Codec: codec.H264, Gen: 2})
	const mark = 1 << 40
	for i := range uint64(20) {
		if err := w.Packet(journal.Packet{Track: id, Seq: mark + i, Arrival: w.Now(), Payload: []byte("after the cut")}); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	after, err := read(dir, keys)
	if err != nil {
		return fmt.Errorf("after going on: %w", err)
	}
	for seq := range before {
		if !after[seq] {
			return fmt.Errorf("packet %d is gone after going on", seq)
		}
	}
	for i := range uint64(20) {
		if !after[mark+i] {
			return fmt.Errorf("packet %d after the cut is not there", i)
		}
	}
	return nil
}

// tidied finishes what the cut interrupted, and looks for leftovers.
func tidied(dir string, keys journal.Keys) error {
	root := filepath.Join(dir, "recordings")
	if err := journal.Tidy(root, keys); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && (strings.HasSuffix(path, ".half") || strings.HasSuffix(path, ".dead") || d.Name() == "deleted") {
			return fmt.Errorf("left behind: %s", path)
		}
		return err
	})
}

// checkErased looks whether what was said to be erased is, and nothing else.
func checkErased(t *testing.T, dir string, p page, _ *Cut) (time.Duration, error) {
	keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return 0, err
	}
	if err := tidied(dir, keys); err != nil {
		return 0, err
	}
	there, err := lessons(dir)
	if err != nil {
		return 0, err
	}
	for _, n := range there {
		if p.said("removed %d", n) {
			return 0, fmt.Errorf("lesson %d was removed and is there", n)
		}
	}
	for k, stored := range p.facts {
		var n int
		if _, e := fmt.Sscanf(k, "closed %d", &n); e != nil || p.said("erasing-removed %d", n) {
			continue
		}
		if err := checkOneErased(dir, keys, p, n, stored); err != nil {
			return 0, fmt.Errorf("lesson %d: %w", n, err)
		}
	}
	return 0, nil
}

func checkOneErased(dir string, keys journal.Keys, p page, n, stored int) error {
	r, err := journal.Open(lessonDir(dir, n), keys)
	if err != nil {
		return err
	}
	got := map[uint64]bool{}
	if err := r.Packets(0, 1<<62, nil, func(tr journal.Track, pk journal.Packet) error {
		if !bytes.Equal(pk.Payload, body(pk.Seq, sizeOf(pk.Seq))) {
			return fmt.Errorf("payload of packet %d is another", pk.Seq)
		}
		if p.said("range %d", n) && pk.Arrival >= 100*time.Millisecond && pk.Arrival < 200*time.Millisecond {
			return fmt.Errorf("packet %d at %v was erased and is there", pk.Seq, pk.Arrival)
		}
		if p.said("source %d", n) && tr.Source == track.Voice {
			return fmt.Errorf("packet %d of an erased source is there", pk.Seq)
		}
		got[pk.Seq] = true
		return nil
	}); err != nil {
		return err
	}
	if !p.said("erasing-range %d", n) && !p.said("erasing-source %d", n) {
		if len(got) != stored+1 {
			return fmt.Errorf("%d packets of %d, and nothing was erased", len(got), stored+1)
		}
		return nil
	}
	for seq := range stored + 1 {
		at := time.Duration(seq) * 2 * time.Millisecond
		erased := at >= 100*time.Millisecond && at < 200*time.Millisecond || seq%10 == 0 // the range, the voice
		if !erased && !got[uint64(seq)] {
			return fmt.Errorf("packet %d of %d is gone with what was erased", seq, stored)
		}
	}
	return nil
}

// checkStores opens every store of the box and asks bbolt whether its file is sound.
func checkStores(t *testing.T, dir string, p page, _ *Cut) (time.Duration, error) {
	for k := range p.facts {
		var n int
		if _, e := fmt.Sscanf(k, "opened %d", &n); e != nil || p.said("opened %d", n+2) {
			continue // it may be on its way out
		}
		if err := checkStore(filepath.Join(dir, fmt.Sprintf("box-%d", n)), p, n); err != nil {
			return 0, fmt.Errorf("store %d: %w", n, err)
		}
	}
	return 0, soundBolts(dir)
}

func checkStore(dir string, p page, n int) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	put := p.facts[fmt.Sprintf("put %d", n)]
	for i := 1; i <= put; i++ {
		if err := s.View(func(tx *store.Tx) error {
			got, err := facts.Get(tx, fmt.Sprint(i))
			if err == nil && got.N != i {
				err = fmt.Errorf("is %d", got.N)
			}
			return err
		}); err != nil {
			return fmt.Errorf("record %d of %d: %w", i, put, err)
		}
	}
	file := p.facts[fmt.Sprintf("file %d", n)]
	data, err := os.ReadFile(filepath.Join(dir, "config"))
	if file == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var got int
	if _, e := fmt.Sscanf(string(data), "whole %d whole", &got); err != nil || e != nil || got < file {
		return fmt.Errorf("file says %q (%v), %d was written", data, err, file)
	}
	return nil
}

// soundBolts runs bbolt's own check over every database below dir. Half made ones have never held anything that was promised.
func soundBolts(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // cut before the first folder
			return nil
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".db" {
			return err
		}
		db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, ReadOnly: true})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer db.Close()
		return db.View(func(tx *bolt.Tx) error {
			var errs []error
			for e := range tx.Check() {
				errs = append(errs, fmt.Errorf("%s: %w", path, e))
			}
			return errors.Join(errs...)
		})
	})
}
