//go:build linux

// Command vm runs inside the virtual machine of make vmtest, as root beside the installed package. Each boot it looks at what the lesson's
// recording still holds, goes on teaching into it and tells how many packets the box has made durable, until the machine's plug is pulled.
// With `tongke.last` on the kernel's command line it ends the lesson, exports the recording and turns the machine off.
//
// Its report goes to the console, a line each: "vm: ready MS", "vm: found N", "vm: stored N" (of this boot), "vm: exported BYTES",
// "vm: doctor VERDICT CODES", "vm: fault TEXT".
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
	"tongke/testbench"
	"tongke/testbench/peer"
)

const (
	box     = "http://127.0.0.1:8080"
	state   = "/var/lib/tongke"
	name    = "vm" // of the lesson
	tellGap = 100 * time.Millisecond
)

func main() {
	out, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		out = os.Stdout
	}
	tell := func(format string, args ...any) { fmt.Fprintf(out, "vm: "+format+"\n", args...) }
	if err := run(tell); err != nil {
		tell("fault %v", err)
		os.Exit(1)
	}
}

func run(tell func(string, ...any)) error {
	ctx := context.Background()
	c, err := signIn(ctx)
	if err != nil {
		return err
	}
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return err
	}
	seconds, _, _ := strings.Cut(string(up), " ")
	tell("ready %s s after the kernel", seconds)
	doctor(tell)
	found, err := count()
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	tell("found %d", found)
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	if bytes.Contains(line, []byte("tongke.last")) {
		return last(ctx, c, tell)
	}
	if found == 0 {
		if err := c.call(ctx, http.MethodPost, "/api/v1/lessons", map[string]any{"id": name, "title": "音乐", "campuses": "all", "record": "keep"}, nil); err != nil {
			return err
		}
	}
	if err := teach(ctx); err != nil {
		return err
	}
	for ; ; time.Sleep(tellGap) {
		var s struct {
			Parts struct {
				Recorder struct {
					Faults  int   `json:"faults"`
					Packets int64 `json:"packets"`
				}
			}
		}
		if err := c.call(ctx, http.MethodGet, "/api/v1/status", nil, &s); err != nil {
			return err
		}
		if s.Parts.Recorder.Faults > 0 {
			return errors.New("the recorder met a fault")
		}
		tell("stored %d", s.Parts.Recorder.Packets)
	}
}

// doctor tells the verdict of the box and the codes of its findings.
func doctor(tell func(string, ...any)) {
	out, err := exec.Command("tongke", "doctor", "--json").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		tell("fault doctor: %v", err)
		return
	}
	var r struct {
		Verdict  string
		Findings []struct{ Code string }
	}
	if err := json.Unmarshal(out, &r); err != nil {
		tell("fault doctor: %v", err)
		return
	}
	codes := make([]string, len(r.Findings))
	for i, f := range r.Findings {
		codes[i] = f.Code
	}
	tell("doctor %s %s", r.Verdict, strings.Join(codes, " "))
}

// count reads every packet of the recording that is there; none is no error before the first lesson.
func count() (n int64, err error) {
	j, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = j.Packets(0, 1<<62, nil, func(journal.Track, journal.Packet) error { n++; return nil })
	return n, err
}

func open() (*journal.Reader, error) {
	dir := filepath.Join(state, "recordings", name)
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	keys, err := journal.OpenKeys(filepath.Join(state, "keys"))
	if err != nil {
		return nil, err
	}
	return journal.Open(dir, keys)
}

// teach publishes the synthetic lesson and watches it from the classroom, both until the machine stops.
func teach(ctx context.Context) error {
	token, err := exec.Command("tongke", "token", "--lesson", name, "--role", "publish").Output()
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	clips, err := testbench.Lesson()
	if err != nil {
		return err
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: box, Lesson: name, Token: strings.TrimSpace(string(token))}, clips, true)
	if err != nil {
		return err
	}
	seat, err := peer.NewClassroom(peer.Config{URL: box, Lesson: name})
	if err != nil {
		return err
	}
	go func() { _ = teacher.Run(ctx) }()
	go func() { _ = seat.Run(ctx) }()
	return nil
}

// last ends the lesson, writes what was recorded as a film to /srv/lesson.mp4 and turns the machine off.
func last(ctx context.Context, c *client, tell func(string, ...any)) error {
	if err := c.call(ctx, http.MethodPost, "/api/v1/lessons/"+name+"/end", nil, nil); err != nil {
		return err
	}
	j, err := open()
	if err != nil {
		return err
	}
	f, err := os.Create("/srv/lesson.mp4")
	if err != nil {
		return err
	}
	if err := mux.Export(ctx, f, j, mux.ExportOptions{Format: "mp4", Streams: []string{"teacher", "board", "voice"}}); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	tell("exported %d bytes of %s", at, j.Duration().Round(time.Second))
	return exec.Command("poweroff").Run()
}

type client struct{ http *http.Client }

// signIn waits until the box is ready and signs its administrator in.
func signIn(ctx context.Context) (*client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &client{&http.Client{Jar: jar, Timeout: time.Minute}}
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(tellGap) {
		res, err := c.http.Get(box + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(end) {
			return nil, errors.New("the box is not ready")
		}
	}
	password, err := os.ReadFile(filepath.Join(state, "admin-password"))
	if err != nil {
		return nil, err
	}
	return c, c.call(ctx, http.MethodPost, "/api/v1/session", map[string]any{"user": "admin", "password": strings.TrimSpace(string(password))}, nil)
}

func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, box+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", method, path, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
