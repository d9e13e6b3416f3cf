package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
		wake: make(chan struct{}, 1), fresh: make(chan struct{}, 1), tests: make(chan struct{}, maxTests), byID: map[string]*netCamera{}, gone: map[track.Key]bool{},
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
	// A test needs no name, and asks for none that is free.
	for _, in := range []api.CameraChange{{}, {Name: text("file")}, {Name: text("test")}} {
		found, err := c.Test(t.Context(), one.ID, in)
		if err != nil || found.OK || found.Fault.Code != rtsp.Unreachable {
			t.Errorf("%+v %v", found, err)
		}
	}
	// What a test of the camera as it is has found is known of it.
	if list, _ := c.List(); list[1].Status.Fault == nil || list[1].Status.Fault.Code != rtsp.Unreachable || list[1].Status.Looked.IsZero() {
		t.Errorf("after the test: %+v", list[1].Status)
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

// TestCameraThatCannotSignIn: it leaves its place to the next one for the same source, and a box with both says so.
func TestCameraThatCannotSignIn(t *testing.T) {
	c, s := newShelf(t, openShelfStore(t, t.TempDir()), CameraConfig{Name: "a", URL: "rtsp://127.0.0.1:9/1", User: "u", PasswordFile: "/nonexistent/password"}, CameraConfig{Name: "b", URL: "rtsp://127.0.0.1:9/2"})
	s.set(func(s *stage) {
		s.state = protocol.State{ID: "l", State: protocol.Live, OwnerBox: "core", Master: protocol.RoomRef{Room: "core"}, Lead: &protocol.Lead{Room: "core", Box: "core", Online: true},
			Rooms: []protocol.RoomState{{Room: "sanhe", Box: "box", State: protocol.RoomLive}}}
		s.scenes = []session.Scene{{Lesson: "l", Screen: true}}
	})
	c.turn(t.Context())
	if a, b := c.keyOf("file-1"), c.keyOf("file-2"); a != (track.Key{}) || b.Source != track.Pupils {
		t.Errorf("publish %v and %v", a, b)
	}
	if list, err := c.List(); err != nil || list[0].Status.Fault == nil || list[0].Status.Fault.Text.ZH != "摄像头的密码文件读不了" || list[1].Status.Fault == list[0].Status.Fault {
		t.Errorf("list %+v %v", list, err)
	}
	c.rest()
	if films := c.films("l", "sanhe"); len(films) != 1 || films[0].Failing {
		t.Errorf("films %+v", films)
	}
	c.drop("file-2")
	if films := c.films("l", "sanhe"); len(films) != 1 || !films[0].Failing {
		t.Errorf("alone: films %+v", films)
	}
}

// noStreams is a camera that has no stream at any address.
func noStreams(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() { // ends with ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // ends with the client
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if n, ok := strings.CutPrefix(lines.Text(), "CSeq: "); ok {
						fmt.Fprintf(conn, "RTSP/1.0 404 Not Found\r\nCSeq: %s\r\n\r\n", n)
					}
				}
			})
		}
	})
	return "rtsp://" + ln.Addr().String() + "/"
}

// TestIdleCamerasAreLookedAt: what is wrong with a camera is known before the first lesson, again after a while, and not while it is used.
func TestIdleCamerasAreLookedAt(t *testing.T) {
	at := noStreams(t)
	c, s := newShelf(t, openShelfStore(t, t.TempDir()), CameraConfig{Name: "a", URL: at + "1"}, CameraConfig{Name: "b", URL: at + "2", User: "u", PasswordFile: "/nonexistent/password"})
	now := time.Now()
	n := c.due(now)
	if n == nil || n.id != "file-1" || c.due(now) != nil {
		t.Fatalf("due: %v", n)
	}
	n.camera.Look(t.Context())
	c.seen(n, now)
	var f doctor.Facts
	if c.facts(&f); f.NetCamera != rtsp.NoPath || f.NetCameraName != "a" {
		t.Errorf("facts %+v", f)
	}
	if c.due(now.Add(lookFailing-time.Second)) != nil || c.due(now.Add(lookFailing)) != n {
		t.Error("a camera that did not answer is not looked at again after a minute")
	}
	s.set(func(s *stage) {
		s.state = protocol.State{ID: "l", State: protocol.Live, Master: protocol.RoomRef{Room: "sanhe"}, Lead: &protocol.Lead{Room: "sanhe", Box: "box", Online: true}}
		s.scenes = []session.Scene{{Lesson: "l"}}
	})
	c.turn(t.Context())
	if c.keyOf("file-1") == (track.Key{}) || c.due(now.Add(time.Hour)) != nil {
		t.Error("a camera is looked at while it is used")
	}
	// The part itself: a camera that is added is looked at, and all ends with the context.
	c.rest()
	s.set(func(s *stage) { s.scenes = nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	one, err := c.Add(api.CameraChange{Name: text("c"), URL: text(at + "3")})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		list, _ := c.List()
		if got := list[len(list)-1]; got.ID == one.ID && got.Status.Fault != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("never looked at: %+v", list)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
