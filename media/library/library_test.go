package library

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house is a data directory with recordings.
type house struct {
	t    testing.TB
	dir  string
	keys *journal.KeyDir

	mu      sync.Mutex
	deleted []Proof
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	h.keys, err = journal.OpenKeys(filepath.Join(h.dir, "keys"))
	must(t, err)
	must(t, os.MkdirAll(h.path(""), 0o700))
	return h
}

func (h *house) path(id string) string { return filepath.Join(h.dir, "recordings", id) }

func (h *house) config() Config {
	return Config{
		Dir: h.dir, Recordings: h.path(""), Keys: h.keys, Retention: 30 * Day, Reserve: 1, Log: slog.New(slog.DiscardHandler),
		Deleted: func(p Proof) { h.mu.Lock(); defer h.mu.Unlock(); h.deleted = append(h.deleted, p) },
	}
}

func (h *house) open() *Library {
	h.t.Helper()
	l, err := Open(h.config())
	must(h.t, err)
	return l
}

// run opens the library, lets it look once, does f, and closes it.
func (h *house) run(f func(l *Library)) {
	h.t.Helper()
	l := h.open()
	l.scan(context.Background())
	f(l)
	l.exports.end()
	must(h.t, l.Close())
}

// lesson is being recorded; its clock is the test's.
type lesson struct {
	t      testing.TB
	w      *journal.Writer
	now    packet.Time
	voice  uint16
	seq    uint64
	length time.Duration
}

var first = time.Date(2026, 11, 21, 0, 40, 0, 0, time.UTC)

func (h *house) begin(id string, change ...func(*journal.Info)) *lesson {
	h.t.Helper()
	info := journal.Info{
		Lesson: id, Title: "三年级", Subject: "音乐", Teacher: "李老师", Campus: "core", Master: "core", Names: map[string]string{"core": "实验小学", "sanhe": "三河小学"},
		Mode: journal.ModeKeep, Scope: journal.ScopeTeacher, Created: first,
	}
	for _, c := range change {
		c(&info)
	}
	l := &lesson{t: h.t, now: 1e18}
	boot := l.now
	w, err := journal.Create(h.path(id), info, h.keys, journal.Options{
		Media: func() packet.Time { return l.now },
		Wall:  func() time.Time { return first.Add(l.now.Sub(boot)) },
		Boot:  func() ([16]byte, time.Duration) { return [16]byte{1}, l.now.Sub(boot) + time.Hour },
	})
	must(h.t, err)
	l.w = w
	l.voice = w.Track(journal.Track{Origin: "box1", Campus: "core", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus})
	return l
}

// speak records d of voice; quiet packets are small.
func (l *lesson) speak(d time.Duration, bytes int) *lesson {
	l.t.Helper()
	for end := l.length + d; l.length < end; l.length += 20 * time.Millisecond {
		payload := make([]byte, bytes)
		payload[0] = 0xf8 // 20 ms, fullband
		at := l.length
		l.now = 1e18 + packet.Time(at)
		must(l.t, l.w.Packet(journal.Packet{Track: l.voice, Seq: l.seq, Timestamp: uint32(l.seq * 960), Capture: at, Arrival: at, Payload: payload}))
		l.seq++
		if l.seq%12 == 0 {
			must(l.t, l.w.Sync())
		}
	}
	must(l.t, l.w.Sync())
	return l
}

// pause lets time pass without a packet.
func (l *lesson) pause(d time.Duration) *lesson {
	l.length += d
	l.seq += uint64(d / (20 * time.Millisecond))
	return l
}

func (l *lesson) event(name, campus string) *lesson {
	l.t.Helper()
	must(l.t, l.w.Event(journal.Event{At: l.length + 1, Name: name, Campus: campus}))
	return l
}

func (l *lesson) end() {
	l.t.Helper()
	l.event(journal.EventEnd, "")
	must(l.t, l.w.Close())
}

func ids(l *Library) (out []string) {
	for _, e := range l.List() {
		out = append(out, e.ID)
	}
	return out
}

func TestEntryOfALesson(t *testing.T) {
	h := newHouse(t)
	les := h.begin("music-3").event(journal.EventStart, "").speak(20*time.Second, 80)
	les.event(journal.EventFloor, "sanhe").speak(10*time.Second, 12).event(journal.EventRelease, "sanhe").speak(6*time.Second, 80)
	les.pause(25*time.Second).speak(10*time.Second, 80)

	h.run(func(l *Library) {
		e, err := l.Get("music-3")
		if err != nil || !e.Live || e.Title != "三年级" || len(e.Chapters) != 2 {
			t.Fatalf("running: %+v %v", e, err)
		}
		if _, ends := l.KeepUntil(e); ends {
			t.Error("a running lesson has an end")
		}
		if _, err := l.Delete("music-3", "li"); !errors.Is(err, ErrLive) {
			t.Errorf("deleted while it runs: %v", err)
		}
		for _, what := range []Erasure{{Stream: "voice"}, {From: time.Second, To: 2 * time.Second}} {
			if err := l.Erase("music-3", what); !errors.Is(err, ErrLive) {
				t.Errorf("%+v erased while it runs: %v", what, err)
			}
		}
		les.speak(2*time.Second, 80).end()
		l.mu.Lock()
		r := l.records["music-3"]
		r.looked = time.Time{} // some seconds later
		l.records["music-3"] = r
		l.mu.Unlock()
		l.scan(t.Context())
		e, err = l.Get("music-3")
		must(t, err)
		if e.Live || e.Duration < 72*time.Second || e.Duration > 75*time.Second {
			t.Errorf("over: live %v, %v", e.Live, e.Duration)
		}
		var kinds []string
		for _, c := range e.Chapters {
			kinds = append(kinds, c.Kind+c.Name)
		}
		if want := []string{"start", "floor三河小学", "end"}; !slices.Equal(kinds, want) {
			t.Errorf("chapters %v, want %v", kinds, want)
		}
		if m := e.Missing().Round(time.Second); m != 25*time.Second || len(e.Gaps) != 1 || e.Gaps[0].From.Round(time.Second) != 36*time.Second {
			t.Errorf("missing %v: %v", m, e.Gaps)
		}
		if len(e.Heard) != 2 || e.Heard[0].Name != "李老师" || e.Heard[1].Name != "三河小学" || e.Heard[1].Spans[0].Length().Round(time.Second) != 10*time.Second {
			t.Errorf("heard %+v", e.Heard)
		}
		if !e.Attended("sanhe") || !e.Attended("core") || e.Attended("wuyang") || e.Attended("") {
			t.Error("who attended")
		}
		if until, ends := l.KeepUntil(e); !ends || time.Until(until).Round(Day) != 30*Day {
			t.Errorf("kept until %v %v", until, ends)
		}
		if data, err := l.Fragment("music-3", "voice", 0); err != nil || len(data) < 100 {
			t.Errorf("fragment: %d bytes, %v", len(data), err)
		}
		if _, err := l.Fragment("music-3", "voice", 999); err == nil {
			t.Error("a fragment that is not there")
		}
		if _, err := l.Streams("../music-3"); !errors.Is(err, ErrUnknown) {
			t.Errorf("a path for an id: %v", err)
		}
	})
}

// Who opens a recording before anybody looked finds it.
func TestFindBeforeTheFirstLook(t *testing.T) {
	h := newHouse(t)
	l := h.open()
	h.begin("m1").speak(2*time.Second, 50).end()
	if e, err := l.Find("m1"); err != nil || e.Live || e.Title == "" {
		t.Errorf("%+v %v", e, err)
	}
	for _, id := range []string{"m2", "..", "../keys", ""} {
		if _, err := l.Find(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	must(t, l.Close())
}

func TestBufferIsNoRecording(t *testing.T) {
	h := newHouse(t)
	les := h.begin("b1", func(i *journal.Info) { i.Mode = journal.ModeBuffer }).speak(time.Second, 50)
	h.run(func(l *Library) {
		if got := ids(l); len(got) != 0 {
			t.Errorf("listed: %v", got)
		}
	})
	les.end()
}

func TestCatalogueIsMadeAnew(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"a", "b", "c"} {
		h.begin(id).speak(2*time.Second, 50).end()
	}
	path := filepath.Join(h.dir, FileName)
	h.run(func(l *Library) {
		_, err := l.Protect("b", true)
		must(t, err)
		l.mu.Lock()
		l.aged.Age = 20 * Day
		l.mu.Unlock()
		h.begin("d").speak(2*time.Second, 50).end()
		l.scan(t.Context())
	})
	whole, err := os.ReadFile(path)
	must(t, err)
	for _, c := range []struct {
		name   string
		damage func()
	}{
		{"lost", func() { must(t, os.Remove(path)) }},
		{"empty", func() { must(t, os.WriteFile(path, nil, 0o600)) }},
		{"text", func() { must(t, os.WriteFile(path, []byte("not a database\n"), 0o600)) }},
		{"cut to a third", func() { must(t, os.WriteFile(path, whole[:len(whole)/3], 0o600)) }},
		{"cut in the last page", func() { must(t, os.WriteFile(path, whole[:len(whole)-100], 0o600)) }},
		{"zeros behind the head", func() {
			bad := slices.Clone(whole)
			clear(bad[8192:])
			must(t, os.WriteFile(path, bad, 0o600))
		}},
		{"another bit in a record", func() {
			bad := slices.Clone(whole)
			for i := range bad[:len(bad)-8] {
				if string(bad[i:i+7]) == `"title"` {
					bad[i+9] ^= 1
				}
			}
			must(t, os.WriteFile(path, bad, 0o600))
		}},
		{"from another version", func() {
			db, err := bolt.Open(path, 0o600, nil)
			must(t, err)
			must(t, db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketState).Put(keyVersion, []byte("99")) }))
			must(t, db.Close())
		}},
		{"half made", func() {
			must(t, os.Remove(path))
			must(t, os.WriteFile(path+".half", whole[:4096], 0o600))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.damage()
			h.run(func(l *Library) {
				got := ids(l)
				slices.Sort(got)
				if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
					t.Fatalf("%v, want %v", got, want)
				}
				if e, _ := l.Get("b"); !e.Protected {
					t.Error("the protection is lost")
				}
				d, _ := l.Get("d")
				if left, _ := remains(d, l.aged.Age, 30*Day); left < 29*Day || left > 30*Day {
					t.Errorf("the newest has %v left", left)
				}
				a, _ := l.Get("a")
				if left, _ := remains(a, l.aged.Age, 30*Day); left < 9*Day || left > 11*Day {
					t.Errorf("the oldest has %v left, want 10 days", left)
				}
			})
		})
	}
}

func TestDeleteWithProof(t *testing.T) {
	h := newHouse(t)
	h.begin("a").speak(3*time.Second, 50).end()
	h.begin("b").speak(3*time.Second, 50).end()
	h.run(func(l *Library) {
		_, err := l.Protect("b", true)
		must(t, err)
		if _, err := l.Delete("b", "li"); !errors.Is(err, ErrProtected) {
			t.Errorf("a protected one: %v", err)
		}
		for _, what := range []Erasure{{Stream: "voice"}, {From: time.Second, To: 2 * time.Second}} {
			if err := l.Erase("b", what); !errors.Is(err, ErrProtected) {
				t.Errorf("%+v erased from a protected one: %v", what, err)
			}
		}
		if _, err := l.Delete("x", "li"); !errors.Is(err, ErrUnknown) {
			t.Errorf("an unknown one: %v", err)
		}
		p, err := l.Delete("a", "li")
		must(t, err)
		if p.Keys != 2 || p.Files < 3 || p.Bytes < 1000 || p.By != "li" || p.Reason != ReasonAsked || time.Since(p.At) > time.Minute {
			t.Errorf("proof %+v", p)
		}
		if _, err := os.Stat(h.path("a")); !os.IsNotExist(err) {
			t.Errorf("the folder: %v", err)
		}
		if _, err := h.keys.Open("a", "box1", "voice"); err == nil {
			t.Error("the key is still there")
		}
		if got := ids(l); !slices.Equal(got, []string{"b"}) {
			t.Errorf("left: %v", got)
		}
		if len(h.deleted) != 1 || h.deleted[0] != p {
			t.Errorf("told: %+v", h.deleted)
		}
	})
}

// Power cuts in a deletion: after it was noted, after the journal's mark, after the files went. The next start finishes it and tells of it once.
func TestDeletionGoesOnAfterAPowerCut(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(h *house, l *Library)
		by   string
	}{
		{"noted", func(h *house, l *Library) { must(h.t, l.cat.begin(Proof{ID: "a", By: "li", Reason: ReasonAsked})) }, "li"},
		{"marked", func(h *house, l *Library) {
			must(h.t, l.cat.begin(Proof{ID: "a", By: "li", Reason: ReasonAsked}))
			must(h.t, os.WriteFile(filepath.Join(h.path("a"), deletedMark), nil, 0o600))
		}, "li"},
		{"gone", func(h *house, l *Library) {
			must(h.t, l.cat.begin(Proof{ID: "a", By: "li", Reason: ReasonAsked}))
			must(h.t, journal.Remove(h.path("a"), h.keys))
		}, "li"},
		{"marked by the journal alone", func(h *house, l *Library) {
			must(h.t, os.WriteFile(filepath.Join(h.path("a"), deletedMark), nil, 0o600))
			l.scan(context.Background())
			if _, err := l.Streams("a"); err == nil {
				h.t.Error("a recording that is being deleted can be played")
			}
		}, ByBox},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.begin("a").speak(3*time.Second, 50).end()
			h.begin("b").speak(3*time.Second, 50).end()
			h.run(func(l *Library) { c.cut(h, l) })
			for range 2 {
				h.run(func(l *Library) {
					if got := ids(l); !slices.Equal(got, []string{"b"}) {
						t.Errorf("left: %v", got)
					}
				})
			}
			if _, err := os.Stat(h.path("a")); !os.IsNotExist(err) {
				t.Errorf("the folder: %v", err)
			}
			if len(h.deleted) != 1 || h.deleted[0].By != c.by || !h.deleted[0].Late {
				t.Errorf("told: %+v", h.deleted)
			}
		})
	}
}

func TestOverAgeAndPressure(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		h.begin(id).speak(3*time.Second, 50).end()
		h.run(func(l *Library) {
			l.mu.Lock()
			l.aged.Age += 5 * Day
			l.mu.Unlock()
		})
	}
	h.run(func(l *Library) {
		_, err := l.Protect("a", true)
		must(t, err)
		l.mu.Lock()
		l.aged.Age = 30*Day + 6*Day
		l.mu.Unlock()
		l.expire(t.Context())
		if got := ids(l); len(got) != 3 || slices.Contains(got, "b") {
			t.Errorf("after 36 days: %v, want all but b", got)
		}
		l.cfg.Reserve = 1 << 62 // not even all recordings would free that much
		l.makeRoom(t.Context())
		if got := ids(l); len(got) != 3 {
			t.Errorf("something else fills the disk: %v", got)
		}
		_, free, err := space(h.dir)
		must(t, err)
		l.mu.Lock()
		r := l.records["c"]
		r.Entry.Bytes = 1e12 // so that the oldest would help
		l.records["c"] = r
		l.mu.Unlock()
		l.cfg.Reserve = free + 1e9
		l.makeRoom(t.Context())
		if got := ids(l); len(got) != 2 || slices.Contains(got, "c") || !slices.Contains(got, "a") {
			t.Errorf("under pressure: %v, want the protected one and the youngest", got)
		}
		if h.deleted[0].Reason != ReasonAge || h.deleted[1].Reason != ReasonDisk || h.deleted[1].ID != "c" {
			t.Errorf("deleted %+v", h.deleted)
		}
	})
}

func TestExportJobs(t *testing.T) {
	dir := t.TempDir()
	l := &Library{}
	x := &l.exports
	must(t, x.open(filepath.Join(dir, "exports")))
	release := make(chan struct{})
	begun := make(chan string, 8)
	start := func(id string) Job {
		one := &job{Job: Job{ID: id, Recording: "r", State: JobWaiting}}
		j, err := x.start(one, func(ctx context.Context, path string) error {
			begun <- id
			x.progress(one, 30*time.Second, time.Minute)
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
			return os.WriteFile(path, binary.BigEndian.AppendUint64(nil, 1), 0o600)
		})
		must(t, err)
		return j
	}
	for _, id := range []string{"1", "2", "3"} {
		start(id)
	}
	<-begun
	<-begun
	waiting := 0
	for _, id := range []string{"1", "2", "3"} {
		j, err := l.Job("r", id)
		must(t, err)
		if j.State == JobWaiting {
			waiting++
		}
		if _, _, err := l.OpenJob("r", id); !errors.Is(err, ErrNotReady) {
			t.Errorf("opened early: %v", err)
		}
		if _, err := l.Job("other", id); !errors.Is(err, ErrNoJob) {
			t.Errorf("another recording's job: %v", err)
		}
	}
	if waiting != 1 {
		t.Errorf("%d wait, want 1", waiting)
	}
	close(release)
	x.wg.Wait()
	for _, id := range []string{"1", "2", "3"} {
		j, f, err := l.OpenJob("r", id)
		must(t, err)
		if j.State != JobDone || j.Bytes != 8 || j.Done != 1 {
			t.Errorf("%+v", j)
		}
		f.Close()
	}
	must(t, l.CancelJob("r", "1"))
	if _, err := l.Job("r", "1"); !errors.Is(err, ErrNoJob) {
		t.Errorf("removed: %v", err)
	}
	x.tidy(time.Now().Add(3 * time.Hour))
	if left, _ := os.ReadDir(x.dir); len(left) != 0 {
		t.Errorf("%d files left", len(left))
	}
	x.end()
	if _, err := x.start(&job{}, nil); err == nil {
		t.Error("began after the end")
	}
}

func TestFileNames(t *testing.T) {
	for title, want := range map[string]string{
		"三年级":                "2026-11-21-三年级-board",
		"../../etc/passwd":   "2026-11-21-etcpasswd-board",
		`a"b\c:d*e?f<g>h|i`:  "2026-11-21-abcdefghi-board",
		"\x00\x1b[31m":       "2026-11-21-[31m-board",
		"...":                "2026-11-21-id-board",
		"$(rm -rf ~)`x`;y&z": "2026-11-21-(rm--rf-~)xyz-board",
	} {
		if got := fileName(Entry{ID: "id", Title: title, Start: first}, []string{"board", "voice"}); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
	for id, ok := range map[string]bool{"music-3": true, "": false, "..": false, "a/b": false, "A": false, "a.b": false} {
		if ValidID(id) != ok {
			t.Errorf("%q: %v", id, !ok)
		}
	}
}
