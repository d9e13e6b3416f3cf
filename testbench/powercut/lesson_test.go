//go:build linux

package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/recorder/journal"
	"tongke/testbench"
	"tongke/testbench/peer"
)

// TestDiskFaultsInALesson lets the disk of a real box be full, stall for ten seconds and fail for good while a lesson is on, and compares
// what a classroom sees then with what it saw before.
func TestDiskFaultsInALesson(t *testing.T) {
	if os.Getenv("POWERCUT") == "" {
		t.Skip("make powercut: a lesson on a disk that fails, 40 s")
	}
	r := newRig(t)
	b := startBox(t, filepath.Join(r.Disk(), "box"))
	defer b.stop()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, b)
	c.call(http.MethodPost, "/api/v1/lessons", map[string]any{"id": "l1", "title": "音乐", "campuses": "all", "record": "keep"}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seat := c.lesson(ctx)
	time.Sleep(3 * time.Second)

	before := c.phase(seat, "a disk that works", 8*time.Second, peer.ClassroomStats{})
	if s := c.recorder(); s.Packets == 0 || s.Faults != 0 {
		t.Fatalf("nothing is recorded: %+v", s)
	}

	filler := filepath.Join(r.Disk(), "filler")
	fill(t, filler)
	c.phase(seat, "a full disk", 6*time.Second, before)
	full := c.recorder()
	t.Logf("on a full disk %d packets more, lessons that cannot be stored: %d (the segment's room is asked for beforehand)", full.Packets, full.Faults)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the recording goes on", func() bool { return c.recorder().Faults == 0 })

	disk, err := os.Open(r.Disk())
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	const freeze, thaw, shutdown = 0xc0045877, 0xc0045878, 0x8004587d // FIFREEZE, FITHAW, EXT4_IOC_SHUTDOWN (linux/fs.h, ext4.h)
	if err := unix.IoctlSetInt(int(disk.Fd()), freeze, 0); err != nil {
		t.Fatal(err)
	}
	c.phase(seat, "a disk that stalls 10 s", 10*time.Second, before)
	if err := unix.IoctlSetInt(int(disk.Fd()), thaw, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything on the disk", func() bool { return c.recorder().Unsynced < 1 })
	if s := c.recorder(); s.Refused > 0 {
		t.Errorf("%d packets found no room in a stall of 10 s", s.Refused)
	}

	keys, err := journal.OpenKeys(filepath.Join(b.dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(b.dir, "recordings", "l1"), keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("kept until here: %v, events %v", j.Duration(), j.Events())

	if err := unix.IoctlSetPointerInt(int(disk.Fd()), shutdown, 2); err != nil { // everything is EIO from here on
		t.Fatal(err)
	}
	c.phase(seat, "a disk that fails for good", 8*time.Second, before)
	if n := strings.Count(strings.Join(c.b.log, "\n"), "recording stops"); n != full.Faults+1 {
		t.Errorf("%d warnings of %d faults", n, full.Faults+1)
	}
}

// client speaks with a box as its administrator.
type client struct {
	*testing.T
	b    *box
	http *http.Client
	base string
}

func newClient(t *testing.T, b *box) *client {
	t.Helper()
	var at struct{ Local string }
	data, err := os.ReadFile(filepath.Join(b.dir, addressFile))
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t, b, &http.Client{Jar: jar, Timeout: 5 * time.Second}, "http://" + at.Local}
	password, err := os.ReadFile(filepath.Join(b.dir, "admin-password"))
	if err != nil {
		t.Fatal(err)
	}
	c.call(http.MethodPost, "/api/v1/session", map[string]any{"user": "admin", "password": strings.TrimSpace(string(password))}, nil)
	return c
}

func (c *client) call(method, path string, in, out any) {
	c.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.Fatal(err)
	}
	req, err := http.NewRequest(method, c.base+path, bytes.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		c.Fatalf("%s %s: %s %s %v", method, path, res.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			c.Fatal(err)
		}
	}
}

// recorder is what the box says of its recorder.
func (c *client) recorder() (r struct {
	Faults   int     `json:"faults"`
	Packets  int64   `json:"packets"`
	Refused  int64   `json:"refused"`
	Unsynced float64 `json:"unsyncedSeconds"`
}) {
	c.Helper()
	var status struct {
		Parts struct{ Recorder json.RawMessage }
	}
	c.call(http.MethodGet, "/api/v1/status", nil, &status)
	if err := json.Unmarshal(status.Parts.Recorder, &r); err != nil {
		c.Fatal(err)
	}
	return r
}

// lesson has a teacher and a classroom in the lesson until ctx ends.
func (c *client) lesson(ctx context.Context) *peer.Classroom {
	c.Helper()
	path, err := program()
	if err != nil {
		c.Fatal(err)
	}
	token, err := exec.Command(path, "token", "--data", c.b.dir, "--lesson", "l1", "--role", "publish").Output()
	if err != nil {
		c.Fatal(err)
	}
	clips, err := testbench.Lesson()
	if err != nil {
		c.Fatal(err)
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: c.base, Lesson: "l1", Token: strings.TrimSpace(string(token))}, clips, true)
	if err != nil {
		c.Fatal(err)
	}
	seat, err := peer.NewClassroom(peer.Config{URL: c.base, Lesson: "l1"})
	if err != nil {
		c.Fatal(err)
	}
	for _, run := range []func(context.Context) error{teacher.Run, seat.Run} {
		done := make(chan struct{})
		go func() { defer close(done); _ = run(ctx) }() // ends with ctx
		c.Cleanup(func() { <-done })
	}
	return seat
}

// phase measures a classroom for a while beside what it saw before.
func (c *client) phase(seat *peer.Classroom, name string, lasts time.Duration, before peer.ClassroomStats) peer.ClassroomStats {
	c.Helper()
	seat.Anew()
	time.Sleep(lasts)
	s := seat.Stats()
	for _, t := range []struct {
		name     string
		now, was peer.TrackStats
	}{{"voice", s.Voice, before.Voice}, {"camera", s.Camera, before.Camera}} {
		c.Logf("%-28s %-7s %5d packets, lost %.2f %%, latency p50 %.1f p99 %.1f max %.1f ms, %d freezes, %d concealed of %d",
			name, t.name, t.now.Packets, t.now.LossAfterPercent, t.now.LatencyMs.P50, t.now.LatencyMs.P99, t.now.LatencyMs.Max, t.now.Freezes, t.now.Concealed, t.now.Voice)
		if t.now.Packets == 0 || t.now.LossAfterPercent > t.was.LossAfterPercent+0.1 {
			c.Errorf("%s: %s lost %.2f %%, %.2f before", name, t.name, t.now.LossAfterPercent, t.was.LossAfterPercent)
		}
	}
	return s
}

// fill takes all room that the disk has.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	for size := len(chunk); size >= 4096; {
		if _, err := f.Write(chunk[:size]); err != nil {
			size /= 2
		}
	}
	_ = f.Sync()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
