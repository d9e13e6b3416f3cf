package library_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	medialib "tongke/media/library"
	"tongke/media/recorder/journal"
	"tongke/signaling/api"
	"tongke/signaling/auth"
	"tongke/signaling/console"
	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
	"tongke/testbench/browser"
	"tongke/testbench/library"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const boxID = "0123456789abcdef"

// school is a core's store, recordings, API and pages, reached over its loopback door.
type school struct {
	*httptest.Server
	t        testing.TB
	dir      string
	keys     *journal.KeyDir
	lib      *medialib.Library
	auth     *auth.Auth
	store    *store.Store
	password string

	mu    sync.Mutex
	asked []string // paths of media
	hold  func(path string)
}

func newSchool(t testing.TB) *school {
	t.Helper()
	s := &school{t: t, dir: t.TempDir()}
	st, err := store.Open(s.dir)
	must(t, err)
	must(t, st.UpdateMeta(func(m *store.Meta) {
		m.AllianceID, m.CampusID, m.CampusName, m.Classroom = "a-1", "core", "实验小学", "录播室"
	}))
	s.store = st
	s.auth, err = auth.New(st, auth.Config{BoxID: boxID, Place: func() (string, string) { return "core", "录播室" }})
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	lessons, err := lesson.New(st, lesson.Config{Box: boxID, Keep: true, Log: log})
	must(t, err)
	s.keys, err = journal.OpenKeys(filepath.Join(s.dir, "keys"))
	must(t, err)
	s.lib, err = medialib.Open(medialib.Config{Dir: s.dir, Recordings: s.path(""), Keys: s.keys, Retention: 30 * medialib.Day, Reserve: 1, Log: log})
	must(t, err)
	pages, err := console.Handler()
	must(t, err)
	name := func() string { return "tk-core" }
	handlers := api.New(api.Config{
		Log: log, Auth: s.auth, Store: st, Lessons: lessons, BoxID: boxID, Name: name, Version: "1", Library: s.lib,
		Host:      join.NewHost(join.Host{Store: st, Identity: jointest.New(t).Identity, Name: name, URLs: func() []string { return nil }, Log: log}),
		Timetable: timetable.NewKeeper(timetable.Config{Store: st, Lessons: lessons, Log: log}),
		Mounts:    map[string]http.Handler{"/": pages},
	})
	local := handlers.Local()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/media/") {
			s.mu.Lock()
			s.asked = append(s.asked, r.URL.Path)
			hold := s.hold
			s.mu.Unlock()
			if hold != nil {
				hold(r.URL.Path)
			}
		}
		local.ServeHTTP(w, r)
	}))
	data, err := os.ReadFile(filepath.Join(s.dir, auth.PasswordFile))
	must(t, err)
	s.password = strings.TrimSpace(string(data))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.lib.Run(ctx) })
	t.Cleanup(func() {
		s.Server.Close()
		cancel()
		wg.Wait()
		s.lib.Close()
		st.Close()
	})
	return s
}

// signIn makes the page's person the administrator.
func (s *school) signIn(tab *browser.Tab) {
	s.t.Helper()
	must(s.t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`fetch("/api/v1/session", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({user: "admin", password: %q})}).then((a) => (window.in = a.status))`, s.password), chromedp.EvalAwaitPromise)))
	await(s.t, tab, `window.in === 204`)
}

func (s *school) path(id string) string { return filepath.Join(s.dir, "recordings", id) }

var campuses = map[string]string{"core": "实验小学", "sanhe": "三河小学", "wuyang": "邬阳小学"}

func (s *school) script(id, title string, length time.Duration) library.Script {
	return library.Script{
		Info: journal.Info{
			Lesson: id, Title: title, Subject: "音乐", Teacher: "李老师", Campus: "core", Master: "core", Box: boxID, Names: campuses,
			Mode: journal.ModeKeep, Scope: journal.ScopeTeacher,
		},
		Length: length, Begin: time.Now().Add(-length - time.Hour), Board: true,
	}
}

func (s *school) make(id string, script library.Script) *library.Recording {
	s.t.Helper()
	r, err := library.Make(s.path(id), s.keys, script)
	must(s.t, err)
	s.lib.Poke()
	return r
}

// known waits until the shelf has a recording.
func (s *school) known(id string, over bool) {
	s.t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if e, err := s.lib.Get(id); err == nil && (!over || !e.Live) {
			return
		}
	}
	s.t.Fatalf("%s never comes onto the shelf", id)
}

// since are the media paths asked for since the last call.
func (s *school) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.asked
	s.asked = nil
	return list
}

func eval[T any](t testing.TB, tab *browser.Tab, script string) T {
	t.Helper()
	v, err := browser.Eval[T](tab, script)
	must(t, err)
	return v
}

func await(t testing.TB, tab *browser.Tab, script string) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok, err := browser.Eval[bool](tab, script); err == nil && ok {
			return
		}
	}
	t.Fatalf("never: %s\n%s", script, eval[string](t, tab, `document.body.innerText + `+elements))
}

// elements is what the media elements do, for whoever reads why a test failed.
const elements = `JSON.stringify([...document.querySelectorAll("video,audio")].map((m) => ({
	at: m.currentTime, state: m.readyState, paused: m.paused, seeking: m.seeking, rate: m.playbackRate, error: m.error?.message,
	buffered: Array.from({length: m.buffered.length}, (_, i) => [m.buffered.start(i), m.buffered.end(i)])})))`

func contains(s, part string) bool { return strings.Contains(s, part) }

func cancelable(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
