package api

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/library"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
)

// shelf is a box with a library.
type shelf struct {
	*box
	dir  string
	keys *journal.KeyDir
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{box: newBox(t), dir: t.TempDir()}
	var err error
	if s.keys, err = journal.OpenKeys(filepath.Join(s.dir, "keys")); err != nil {
		t.Fatal(err)
	}
	return s
}

// keep makes a recording of four seconds of voices: the teacher's, and south's.
func (s *shelf) keep(id string, info journal.Info) {
	s.t.Helper()
	now := packet.Time(1e18)
	info.Mode, info.Scope, info.Campus, info.Master, info.Names = journal.ModeKeep, journal.ScopePupils, "north", "north", map[string]string{"north": "N", "south": "S"}
	w, err := journal.Create(filepath.Join(s.dir, "recordings", id), info, s.keys, journal.Options{Media: func() packet.Time { return now }})
	if err != nil {
		s.t.Fatal(err)
	}
	for i, campus := range []string{"north", "south"} {
		w.Track(journal.Track{Origin: "box" + campus, Campus: campus, Room: campus, Source: track.Voice, Kind: track.Audio, Codec: codec.Opus, Gen: uint32(i)})
	}
	for n := range uint64(200) {
		now = 1e18 + packet.Time(n)*packet.Time(20*time.Millisecond)
		for id := range uint16(2) {
			if err := w.Packet(journal.Packet{Track: id + 1, Seq: n, Timestamp: uint32(n * 960), Arrival: w.Now(), Capture: w.Now(), Payload: append([]byte{0xf8}, make([]byte, 60)...)}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// open has the library look at the recordings.
func (s *shelf) open() {
	s.t.Helper()
	l, err := library.Open(library.Config{Dir: s.dir, Recordings: filepath.Join(s.dir, "recordings"), Keys: s.keys, Retention: 30 * library.Day, Reserve: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	s.cfg.Library = l
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }() // ends with the test
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
		if err := l.Close(); err != nil {
			s.t.Error(err)
		}
	})
}

// get reads a JSON answer; v may be nil.
func (s *shelf) get(who func(*http.Request), path string, v any) int {
	s.t.Helper()
	w := s.ask(s.Public(), "GET", path, "", who)
	if v != nil && w.Code < 300 {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			s.t.Fatal(err)
		}
	}
	return w.Code
}

// A lesson's id that was used twice: each recording belongs to who taught it, and the lesson's address opens the newest.
func TestOneIDTwoRecordings(t *testing.T) {
	s := newShelf(t)
	old := time.Now().Add(-48 * time.Hour)
	l, err := s.lessons.Create(lesson.Spec{ID: "math", Title: "second", Teacher: "wang"}, "qian")
	if err != nil {
		t.Fatal(err)
	}
	s.keep("math", journal.Info{Lesson: "math", Title: "first", Teacher: "li", By: "sun", Planned: old, Created: old})
	s.keep("math-2", journal.Info{Lesson: "math", Title: "second", Teacher: "wang", By: "qian", Planned: l.Created, Created: time.Now()})
	s.keep("art", journal.Info{Lesson: "art", Title: "first", Planned: old, Created: old}) // of lessons that the registry no longer has
	s.keep("art-2", journal.Info{Lesson: "art", Title: "second", Planned: time.Now(), Created: time.Now()})
	s.open()
	li, wang, qian, sun := s.person("li", auth.Teacher), s.person("wang", auth.Teacher), s.person("qian", auth.Teacher), s.person("sun", auth.Teacher)
	for _, c := range []struct {
		name               string
		who                func(*http.Request)
		first, second      bool // owns
		newest             string
		mayFirst, maySecon bool // may play
	}{
		{"li", li, true, false, "math-2", true, true},
		{"sun", sun, true, false, "math-2", true, true},
		{"wang", wang, false, true, "math-2", true, true},
		{"qian", qian, false, true, "math-2", true, true},
		{"admin", s.signedIn, true, true, "math-2", true, true},
		{"token of the second", s.bearer("math", auth.Teacher), false, true, "math-2", false, true},
	} {
		var d RecordingDetail
		if code := s.get(c.who, "/api/v1/recordings/math", &d); (code == 200) != c.mayFirst || d.May.Delete != c.first {
			t.Errorf("%s: first %d %+v", c.name, code, d.May)
		}
		d = RecordingDetail{}
		if code := s.get(c.who, "/api/v1/recordings/math-2", &d); (code == 200) != c.maySecon || d.May.Delete != c.second {
			t.Errorf("%s: second %d %+v", c.name, code, d.May)
		}
		d = RecordingDetail{}
		if code := s.get(c.who, "/api/v1/recordings/math?newest", &d); code != 200 || d.ID != c.newest || (len(d.Others) == 1) != c.mayFirst || c.mayFirst && d.Others[0].ID != "math" {
			t.Errorf("%s: newest %d %s others %v", c.name, code, d.ID, d.Others)
		}
	}
	// The registry forgets, the recordings do not.
	if _, err := s.lessons.End("math"); err != nil {
		t.Fatal(err)
	}
	e, err := s.cfg.Library.Get("math-2")
	if err != nil || e.By != "qian" || !e.Made.Equal(l.Created) {
		t.Fatalf("%+v %v", e, err)
	}
	e.Lesson = "forgotten"
	if r := s.recordingRights(auth.Principal{Role: auth.Teacher, User: "qian"}, e); !r.own {
		t.Error("who made the lesson lost its recording with the lesson")
	}
	// A token is for the lesson that had the id last, also when that has ended, or nobody but its recording remembers it.
	for id, want := range map[string]int{"math": 404, "math-2": 200, "art": 404, "art-2": 200} {
		token := s.bearer(strings.TrimSuffix(id, "-2"), auth.Teacher)
		if code := s.get(token, "/api/v1/recordings/"+id, nil); code != want {
			t.Errorf("a token for a lesson that is over: %s %d, want %d", id, code, want)
		}
	}
	// With the newest gone the address opens the older one.
	if w := s.ask(s.Public(), "DELETE", "/api/v1/recordings/math-2", "", wang); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	var d RecordingDetail
	if code := s.get(li, "/api/v1/recordings/math?newest", &d); code != 200 || d.ID != "math" || len(d.Others) != 0 {
		t.Errorf("%d %+v", code, d)
	}
}

// Every route of a recording, walked by a teacher, by the administrator, and by everybody who has no business there.
func TestWalkThroughARecording(t *testing.T) {
	s := newShelf(t)
	s.keep("math", journal.Info{Lesson: "math", Title: "x", Teacher: "li", Created: time.Now()})
	s.keep("art", journal.Info{Lesson: "art", Title: "y", Teacher: "li", Created: time.Now()})
	s.open()
	li, zhao, gu := s.person("li", auth.Teacher), s.person("zhao", auth.Teacher), s.person("gu", auth.Technician)
	const sound = `{"format":"sound","streams":["voice"]}`
	routes := [][3]string{
		{"GET", ""}, {"GET", "?newest"}, {"PATCH", "", `{"protected":true}`}, {"DELETE", ""}, {"GET", "/media/voice/init"}, {"GET", "/media/voice/0"},
		{"GET", "/media/voice:south/0"}, {"POST", "/export", sound}, {"GET", "/export/x"}, {"DELETE", "/export/x"}, {"GET", "/export/x/file"},
		{"POST", "/erase", `{"stream":"voice"}`},
	}
	nobody := func(*http.Request) {}
	for who, c := range map[string]struct {
		as   func(*http.Request)
		want []int
	}{
		"a stranger":          {nobody, []int{401}},
		"a stranger's cookie": {func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "tongke", Value: strings.Repeat("a", 64)}) }, []int{401}},
		"a token of another":  {s.bearer("music", auth.Teacher), []int{401, 403, 404}},
		"a technician":        {gu, []int{403, 404}},
		"a publisher":         {s.bearer("math", auth.Publish), []int{403, 404}},
		"a watcher":           {s.bearer("math", auth.Watch), []int{403, 404}},
	} {
		for _, route := range routes {
			w := s.ask(s.Public(), route[0], "/api/v1/recordings/math"+route[1], route[2], c.as)
			if !slices.Contains(c.want, w.Code) {
				t.Errorf("%s: %v: %d %s, want %v", who, route, w.Code, w.Body, c.want)
			}
		}
	}
	// Another teacher may watch the teacher, and nothing more.
	for i, want := range []int{200, 200, 403, 403, 200, 200, 404, 403, 403, 403, 403, 403} {
		route := routes[i]
		w := s.ask(s.Public(), route[0], "/api/v1/recordings/math"+route[1], route[2], zhao)
		if w.Code != want {
			t.Errorf("another teacher: %v: %d %s, want %d", route, w.Code, w.Body, want)
		}
	}
	for id, who := range map[string]func(*http.Request){"math": li, "art": s.signedIn} {
		s.walk(t, "/api/v1/recordings/"+id, who)
	}
	if entries, err := filepath.Glob(filepath.Join(s.dir, "*", "*")); err != nil || len(entries) != 0 {
		t.Errorf("left: %v %v", entries, err)
	}
	rows, err := s.store.Audits(100)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range rows {
		count[r.Action]++
	}
	for _, a := range []string{"recording.play", "recording.download", "recording.protect", "recording.erase", "recording.delete"} {
		if count[a] < 2 {
			t.Errorf("%s is noted %d times: %v", a, count[a], count)
		}
	}
}

// walk plays, protects, exports, fetches and deletes a recording.
func (s *shelf) walk(t *testing.T, path string, who func(*http.Request)) {
	t.Helper()
	do := func(method, to, body string, want int) (out map[string]any) {
		t.Helper()
		w := s.ask(s.Public(), method, path+to, body, who)
		if w.Code != want {
			t.Fatalf("%s %s: %d %s, want %d", method, path+to, w.Code, w.Body, want)
		}
		_ = json.Unmarshal(w.Body.Bytes(), &out) // media are no JSON
		return out
	}
	d := do("GET", "", "", 200)
	until, err := time.Parse(time.RFC3339, d["keepUntil"].(string))
	if days := time.Until(until).Hours() / 24; err != nil || days < 29.9 || days > 30.1 {
		t.Errorf("kept until %v", d["keepUntil"])
	}
	do("GET", "/media/voice/init", "", 200)
	do("GET", "/media/voice:south/0", "", 200)
	if d := do("PATCH", "", `{"protected":true}`, 200); d["protected"] != true || d["keepUntil"] != nil {
		t.Errorf("protected: %v", d)
	}
	do("DELETE", "", "", 409)
	do("PATCH", "", `{"protected":false}`, 200)
	j := do("POST", "/export", `{"format":"sound","streams":["voice"]}`, 202)
	for j["state"] != "done" {
		if j["state"] == "failed" {
			t.Fatal(j)
		}
		time.Sleep(5 * time.Millisecond)
		j = do("GET", "/export/"+j["job"].(string), "", 200)
	}
	do("GET", "/export/"+j["job"].(string)+"/file", "", 200)
	do("POST", "/erase", `{"stream":"voice:south"}`, 204)
	do("GET", "/media/voice:south/0", "", 404)
	do("POST", "/erase", `{"stream":"voice:south"}`, 404)
	do("POST", "/erase", `{}`, 404)
	p := do("DELETE", "", "", 200)
	if p["keys"].(float64) != 3 || p["files"].(float64) < 3 || p["bytes"].(float64) < 1000 || p["by"] == "" || p["at"] == nil {
		t.Errorf("proof %v", p)
	}
	do("GET", "", "", 404)
	do("GET", "/media/voice/0", "", 404)
	do("GET", "/export/"+j["job"].(string)+"/file", "", 404)
}
