//go:build unix

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongke/testbench/peer"
)

// TestDemo runs the whole demonstration as a person would, watches a member, kills that member's box, and ends it by Ctrl-C.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four processes for some seconds")
	}
	dir := filepath.Join(t.TempDir(), "demo")
	p := launch(t, dir, "demo", "--dir", dir)
	t.Cleanup(func() {
		if t.Failed() {
			for _, b := range []string{"core", "member1"} {
				doc, _ := os.ReadFile(filepath.Join(dir, b, "log"))
				t.Logf("%s:\n%s", b, doc)
			}
		}
	})
	f := waitDemo(t, p)
	if len(f.Boxes) != 3 || f.Boxes[0].Name != "实验小学" || f.Lesson == "" {
		t.Fatalf("demo.json: %+v", f)
	}
	var pids []int
	for _, b := range []string{"core", "member1", "member2"} {
		a, err := readAddresses(filepath.Join(dir, b))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, a.PID)
		for _, l := range a.Listen {
			if strings.HasSuffix(l, ":443") {
				t.Errorf("the demo took %s", l)
			}
		}
	}
	for i, b := range f.Boxes {
		var urls []string
		for name, path := range map[string]string{"class": "/class/" + f.Lesson, "teach": "/teach/" + f.Lesson, "library": "/library"} {
			page, token, ok := strings.Cut(b.Pages[name], "#token=")
			if name == "teach" && i > 0 {
				if page != "" {
					t.Errorf("%s teaches too", b.Name)
				}
				continue
			}
			if !ok || page != b.Local+path || !strings.HasPrefix(token, "tk1.") {
				t.Errorf("%s: %s %q", b.Name, name, b.Pages[name])
			}
			urls = append(urls, page, b.HTTPS+path)
		}
		for _, url := range urls {
			if got := statusOf(url); got != http.StatusOK {
				t.Errorf("%s: %d", url, got)
			}
		}
	}

	room, err := peer.NewClassroom(peer.Config{URL: f.Boxes[1].Local, Lesson: f.Lesson})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = room.Run(ctx) }() // ends with ctx
	defer func() { cancel(); <-done }()
	flowing := func(after peer.ClassroomStats) func() bool {
		return func() bool {
			s := room.Stats()
			return s.Connected && s.Voice.Voice > after.Voice.Voice && s.Camera.Frames > after.Camera.Frames && s.Board.Frames > after.Board.Frames
		}
	}
	eventually(t, 10*time.Second, "voice, teacher and board at the member", flowing(room.Stats()))

	if err := syscall.Kill(pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the member's box started again", func() bool {
		a, err := readAddresses(filepath.Join(dir, "member1"))
		return err == nil && a.PID != pids[1]
	})
	eventually(t, 10*time.Second, "the lesson at the member again", flowing(room.Stats()))
	if !strings.Contains(p.stderr(), "三河小学：设备进程停了") {
		t.Error("nobody was told that the box ended")
	}
	if a, err := readAddresses(filepath.Join(dir, "member1")); err == nil {
		pids[1] = a.PID
	}

	code, took := p.stop(syscall.SIGINT)
	if code != 0 || took > 6*time.Second {
		t.Errorf("Ctrl-C: exit %d after %v", code, took)
	}
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is left", pid)
		}
	}
	t.Logf("Ctrl-C to end: %v", took.Round(time.Millisecond))
}

func waitDemo(t *testing.T, p *process) (f demoFile) {
	t.Helper()
	eventually(t, 15*time.Second, "demo.json", func() bool {
		doc, err := os.ReadFile(filepath.Join(p.dir, "demo.json"))
		return err == nil && json.Unmarshal(doc, &f) == nil
	})
	return f
}
