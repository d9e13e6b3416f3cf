package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tongke/device/doctor"
	"tongke/media/ingest/rtsp"
	"tongke/media/relay"
	"tongke/media/track"
	"tongke/signaling/api"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/signaling/store"
)

// stage is a room whose lesson the test plays.
type stage struct {
	mu     sync.Mutex
	state  protocol.State
	scenes []session.Scene
}

func (s *stage) set(f func(*stage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// newShelf are the cameras of a box on a stage. Nothing answers at the cameras' addresses.
func newShelf(t *testing.T, st *store.Store, file ...CameraConfig) (*cameras, *stage) {
	t.Helper()
	r := relay.New(relay.Config{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	s := &stage{}
	c := &cameras{
		log: slog.New(slog.DiscardHandler), store: st, relay: r, box: "box", room: func() string { return "sanhe" },
		scenes: func(string) []session.Scene { s.mu.Lock(); defer s.mu.Unlock(); return s.scenes },
		state: func(id string) (protocol.State, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.state, id == s.state.ID
		},
		wake: make(chan struct{}, 1), tests: make(chan struct{}, maxTests), byID: map[string]*netCamera{}, gone: map[track.Key]bool{},
	}
	if err := c.load(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.rest)
	return c, s
}

func openShelfStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func text(s string) *string { return &s }

// keyOf is what a camera publishes.
func (c *cameras) keyOf(id string) track.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id].key
}

// TestCamerasFollowTheRoom: a camera is asked for while its room may send it, and no longer.
func TestCamerasFollowTheRoom(t *testing.T) {
	c, s := newShelf(t, openShelfStore(t, t.TempDir()), CameraConfig{Name: "a", URL: "rtsp://127.0.0.1:9/1"}, CameraConfig{Name: "b", URL: "rtsp://127.0.0.1:9/2", As: "board"})
	master := func(s *stage) {
		s.state = protocol.State{ID: "l", State: protocol.Live, OwnerBox: "core", Master: protocol.RoomRef{Room: "core"}, Lead: &protocol.Lead{Room: "core", Box: "core", Online: true},
			Rooms: []protocol.RoomState{{Room: "sanhe", Box: "box", State: protocol.RoomLive}}}
	}
	pupils := track.Key{Lesson: "l", Origin: "box", Source: track.Pupils}
	for _, step := range []struct {
		name   string
		change func(*stage)
		a, b   track.Key
		films  int
	}{
		{"no lesson", func(*stage) {}, track.Key{}, track.Key{}, 0},
		{"a lesson, and no page of it here", master, track.Key{}, track.Key{}, 1},
		{"the screen is there", func(s *stage) { s.scenes = []session.Scene{{Lesson: "l", Screen: true}} }, pupils, track.Key{}, 1},
		{"covered", func(s *stage) { s.scenes[0].Covered = true }, track.Key{}, track.Key{}, 1},
		{"uncovered", func(s *stage) { s.scenes[0].Covered = false }, pupils, track.Key{}, 1},
		{"taught here", func(s *stage) {
			s.state.Master.Room, s.state.Lead = "sanhe", &protocol.Lead{Room: "sanhe", Box: "box", Online: true}
		}, track.Key{Lesson: "l", Origin: "box", Source: track.Teacher}, track.Key{Lesson: "l", Origin: "box", Source: track.Board}, 2},
		{"the teacher shares a window", func(s *stage) { s.scenes[0].Sources = []string{track.Board} }, track.Key{Lesson: "l", Origin: "box", Source: track.Teacher}, track.Key{}, 2},
		{"over", func(s *stage) { s.state.State = protocol.Ended }, track.Key{}, track.Key{}, 2},
	} {
		s.set(step.change)
		c.turn(t.Context())
		if a, b := c.keyOf("file-1"), c.keyOf("file-2"); a != step.a || b != step.b {
			t.Errorf("%s: %v and %v, want %v and %v", step.name, a, b, step.a, step.b)
		}
		if got := c.films("l", "sanhe"); len(got) != step.films {
			t.Errorf("%s: films %v", step.name, got)
		}
		if got := c.films("l", "elsewhere"); got != nil {
			t.Errorf("%s: films another room: %v", step.name, got)
		}
	}
}

// TestCamerasByThePage: what is added by the page is there after a restart, its password is told to nobody and goes nowhere else.
func TestCamerasByThePage(t *testing.T) {
	dir := t.TempDir()
	st := openShelfStore(t, dir)
	c, _ := newShelf(t, st, CameraConfig{Name: "file", URL: "rtsp://192.0.2.1/1"})
	one, err := c.Add(api.CameraChange{Name: text("后墙"), URL: text("rtsp://admin:geheim1@127.0.0.1:9/user=x_password=geheim2_channel=1"), As: text("camera")})
	if err != nil || one.User != "admin" || !one.PasswordSet || one.URL != "rtsp://127.0.0.1:9/user=x_password=***_channel=1" {
		t.Fatalf("%+v %v", one, err)
	}
	for _, bad := range []struct {
		field string
		in    api.CameraChange
	}{
		{"url", api.CameraChange{Name: text("b"), URL: text("http://x/")}},
		{"name", api.CameraChange{Name: text("file"), URL: text("rtsp://192.0.2.1/1")}},
		{"as", api.CameraChange{Name: text("b"), URL: text("rtsp://192.0.2.1/1"), As: text("door")}},
		{"transport", api.CameraChange{Name: text("b"), URL: text("rtsp://192.0.2.1/1"), Transport: text("x")}},
	} {
		var told *api.DeviceError
		if _, err := c.Add(bad.in); !errors.As(err, &told) || told.Field != bad.field || told.Text.ZH == "" {
			t.Errorf("%s: %v", bad.field, err)
		}
	}
	password := func() string {
		all, err := st.ListCameras()
		if err != nil || len(all) != 1 {
			t.Fatalf("%v %v", all, err)
		}
		return all[0].Password
	}
	// The address with stars is the one that is kept; another name leaves the password.
	if _, err := c.Change(one.ID, api.CameraChange{Name: text("前面"), URL: text(one.URL), Sub: text("rtsp://127.0.0.1:9/2")}); err != nil || password() != "geheim1" {
		t.Errorf("%v, password %q", err, password())
	}
	if all, err := st.ListCameras(); err != nil || !strings.Contains(all[0].URL, "geheim2") {
		t.Errorf("the address was replaced by its stars: %v %v", all, err)
	}
	list, err := c.List()
	doc, _ := json.Marshal([]any{list, c.figures()})
	if err != nil || len(list) != 2 || !list[0].File || list[1].Name != "前面" || strings.Contains(string(doc), "geheim") {
		t.Errorf("%s %v", doc, err)
	}
	for name, err := range map[string]error{"camera-in-file": c.Remove("file-1"), "camera-unknown": c.Remove("c-none")} {
		var told *api.DeviceError
		if !errors.As(err, &told) || told.Code != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	found, err := c.Test(t.Context(), one.ID, api.CameraChange{})
	if err != nil || found.OK || found.Fault.Code != rtsp.Unreachable {
		t.Errorf("%+v %v", found, err)
	}
	// Another camera does not get the password of this one.
	if _, err := c.Change(one.ID, api.CameraChange{URL: text("rtsp://192.0.2.66/1")}); err != nil || password() != "" {
		t.Errorf("%v, password %q", err, password())
	}
	st.Close()
	again, _ := newShelf(t, openShelfStore(t, dir))
	if list, _ := again.List(); len(list) != 1 || list[0].Name != "前面" || list[0].ID != one.ID {
		t.Errorf("after a restart: %+v", list)
	}
	if err := again.Remove(one.ID); err != nil {
		t.Error(err)
	}
}

// TestCameraPasswordFile: one line, and a camera whose file cannot be read is told of.
func TestCameraPasswordFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("se cret\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (CameraConfig{PasswordFile: file}).password(); got != "se cret" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	c, _ := newShelf(t, openShelfStore(t, t.TempDir()), CameraConfig{Name: "a", URL: "rtsp://192.0.2.1/1", User: "u", PasswordFile: file + "x"})
	var f doctor.Facts
	if c.facts(&f); f.NetCameras != 1 || f.NetCamera != rtsp.NoPassword || f.NetCameraName != "a" {
		t.Errorf("%+v", f)
	}
}
