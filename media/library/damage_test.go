package library

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/mux"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// spoil overwrites a part of a recording's segment.
func (h *house) spoil(id string, segment int, from, to float64) {
	h.t.Helper()
	paths, err := filepath.Glob(filepath.Join(h.path(id), "*.seg"))
	must(h.t, err)
	data, err := os.ReadFile(paths[segment])
	must(h.t, err)
	clear(data[int(from*float64(len(data))):int(to*float64(len(data)))])
	must(h.t, os.WriteFile(paths[segment], data, 0o600))
}

// What rots is named in the catalogue, with its time and its cause, whether the catalogue was made before or after.
func TestDamageIsInTheCatalogue(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool
	}{{"found when it is entered", false}, {"found later", true}} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.begin("music").speak(100*time.Second, 80).end()
			if c.known {
				h.run(func(*Library) {})
			}
			h.spoil("music", 0, 0.5, 0.75)
			h.run(func(l *Library) {
				e, err := l.Get("music")
				must(t, err)
				if len(e.Gaps) != 1 || e.Gaps[0].Cause != journal.CauseDamaged || e.Gaps[0].Length() < 12*time.Second || e.Gaps[0].Length() > 18*time.Second || e.Gaps[0].From < 28*time.Second {
					t.Errorf("gaps %v", e.Gaps)
				}
				if len(e.Damaged) != 1 || e.Missing() < 12*time.Second {
					t.Errorf("damaged %v, missing %v", e.Damaged, e.Missing())
				}
				list := marks(e)
				if !slices.ContainsFunc(list, func(m mux.Mark) bool { return m.Text == "缺 15 秒（文件损坏）" && m.At == e.Gaps[0].From }) {
					t.Errorf("marks %v", list)
				}
			})
		})
	}
}

// What rots unseen is found by whoever plays it, and the file that is being made is made of what is left.
func TestDamageIsFoundByPlaying(t *testing.T) {
	h := newHouse(t)
	h.begin("music").speak(100*time.Second, 80).end()
	h.run(func(l *Library) {
		list, err := l.Streams("music")
		must(t, err)
		path := filepath.Join(h.path("music"), "00000001.seg")
		st, err := os.Stat(path)
		must(t, err)
		h.spoil("music", 0, 0.5, 0.55)
		must(t, os.Chtimes(path, st.ModTime(), st.ModTime())) // bits rot in silence
		j, err := l.Export("music", mux.Sound, []string{"voice"}, "li")
		must(t, err)
		for j.State != JobDone {
			if j, err = l.Job("music", j.ID); err != nil || j.State == JobFailed {
				t.Fatal(j, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		e, err := l.Get("music")
		must(t, err)
		if len(e.Gaps) != 1 || e.Gaps[0].Cause != journal.CauseDamaged {
			t.Errorf("gaps %v", e.Gaps)
		}
		// And by a fragment.
		path = filepath.Join(h.path("music"), "00000002.seg")
		st, err = os.Stat(path)
		must(t, err)
		h.spoil("music", 1, 0.3, 0.5)
		must(t, os.Chtimes(path, st.ModTime(), st.ModTime()))
		gone := 0
		for n := range list[0].Fragments {
			if _, err := l.Fragment("music", "voice", n); errors.Is(err, mux.ErrGone) {
				gone++
				break
			}
		}
		if gone == 0 {
			t.Fatal("no fragment is gone")
		}
		l.look("music")
		if e, err = l.Get("music"); err != nil || len(e.Gaps) != 2 || len(e.Damaged) != 2 {
			t.Errorf("gaps %v, damaged %v, %v", e.Gaps, e.Damaged, err)
		}
	})
}

// A last segment that goes leaves no trace in the journal, but the catalogue knows that there was more.
func TestALostEndIsNamed(t *testing.T) {
	h := newHouse(t)
	h.begin("music").speak(100*time.Second, 80).end()
	h.run(func(*Library) {})
	must(t, os.Remove(filepath.Join(h.path("music"), "00000002.seg")))
	for range 2 {
		h.run(func(l *Library) {
			e, err := l.Get("music")
			must(t, err)
			if len(e.Gaps) != 1 || e.Gaps[0].Cause != journal.CauseDamaged || e.Gaps[0].To != e.Duration || e.Duration < 99*time.Second || e.Gaps[0].From > 61*time.Second {
				t.Errorf("%v, gaps %v", e.Duration, e.Gaps)
			}
		})
	}
}

// Nothing of it can be read, so it is in the list and says why; it can be deleted, and it comes back with its keys.
func TestUnreadableIsListed(t *testing.T) {
	h := newHouse(t)
	h.begin("music").speak(10*time.Second, 80).end()
	h.begin("math").speak(10*time.Second, 80).end()
	h.run(func(*Library) {})
	keys := filepath.Join(h.dir, "keys", "music.keys")
	kept, err := os.ReadFile(keys)
	must(t, err)
	must(t, os.Remove(keys))
	h.spoil("math", 0, 0, 1)
	again := func() {
		h.keys, err = journal.OpenKeys(filepath.Join(h.dir, "keys"))
		must(t, err)
		must(t, os.Remove(filepath.Join(h.dir, FileName)))
	}
	again() // the catalogue is lost too
	h.run(func(l *Library) {
		for id, want := range map[string]string{"music": FaultKeys, "math": FaultDamaged} {
			e, err := l.Get(id)
			if err != nil || e.Fault != want || e.Bytes == 0 {
				t.Errorf("%s: %+v %v", id, e, err)
			}
			if _, err := l.Streams(id); !errors.Is(err, ErrUnreadable) {
				t.Errorf("%s: %v", id, err)
			}
		}
		_, err := l.Delete("math", "li")
		must(t, err)
	})
	must(t, os.WriteFile(keys, kept, 0o600))
	again()
	h.run(func(l *Library) {
		if e, err := l.Get("music"); err != nil || e.Fault != "" || e.Title != "三年级" || len(l.List()) != 1 {
			t.Errorf("%+v %v", e, err)
		}
	})
}

// The index is kept when the lesson is over, and goes with what is erased: no file but the segments repeats anything of it.
func TestErasedLeavesNothingDerived(t *testing.T) {
	h := newHouse(t)
	les := h.begin("music")
	sanhe := les.w.Track(journal.Track{Origin: "box2", Campus: "sanhe", Room: "sanhe", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus})
	for n := range uint64(500) {
		at := time.Duration(n) * 20 * time.Millisecond
		must(t, les.w.Packet(journal.Packet{Track: sanhe, Seq: n, Timestamp: uint32(n * 960), Capture: at, Arrival: at, Payload: append([]byte{0xf8}, bytes.Repeat([]byte{7}, 90+int(n%7))...)}))
	}
	les.speak(20*time.Second, 80)
	h.run(func(l *Library) {
		_, err := l.Streams("music") // somebody watches while it runs
		must(t, err)
		les.end()
		l.again("music")
		l.look("music")
		index := filepath.Join(h.path("music"), mux.IndexName)
		before, err := os.ReadFile(index)
		if err != nil {
			t.Fatal("no index at the lesson's end:", err)
		}
		held, err := os.Open(index) // to see what is left of its blocks
		must(t, err)
		defer held.Close()
		j, err := l.Export("music", mux.Sound, []string{"voice:sanhe"}, "li")
		must(t, err)
		must(t, l.Erase("music", Erasure{Stream: "voice:sanhe"}))
		if _, err := l.Job("music", j.ID); !errors.Is(err, ErrNoJob) {
			t.Errorf("its file: %v", err)
		}
		if left, err := io.ReadAll(held); err != nil || len(left) != len(before) || len(bytes.Trim(left, "\x00")) != 0 {
			t.Errorf("%d bytes of the old index are left on the disk, %v", len(bytes.Trim(left, "\x00")), err)
		}
		after, err := os.ReadFile(index)
		if err != nil || bytes.Contains(after, []byte("sanhe")) || !bytes.Contains(before, []byte("sanhe")) || len(after) >= len(before) {
			t.Errorf("the new index: %d bytes of %d, %v", len(after), len(before), err)
		}
		e, err := l.Get("music")
		if err != nil || slices.Contains(e.Streams, "voice:sanhe") || !slices.Contains(e.Streams, "voice") || !slices.Equal(e.Erased, []string{"voice"}) {
			t.Errorf("%+v %v", e, err)
		}
		for _, err := range []error{l.Erase("music", Erasure{Stream: "voice:sanhe"}), l.Erase("music", Erasure{})} {
			if !errors.Is(err, ErrNoStream) {
				t.Error(err)
			}
		}
		must(t, l.Erase("music", Erasure{From: 12 * time.Second, To: 15 * time.Second}))
		if e, err = l.Get("music"); err != nil || len(e.Gaps) != 1 || e.Gaps[0].Cause != mux.WhyErased || len(e.Damaged) != 0 || e.Duration < 19*time.Second {
			t.Errorf("gaps %v damaged %v %v", e.Gaps, e.Damaged, err)
		}
	})
}
