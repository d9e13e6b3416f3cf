package day_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programDir holds the built program; TestMain makes and removes it.
var programDir string

// program builds the program once for all tests of this package.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "tongke")
	out, err := exec.Command("go", "build", "-o", path, "tongke/cmd/tongke").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tongke-day-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// schools are the names of the boxes that tests run, the core first.
var schools = []string{"实验小学", "三河小学", "邬阳小学"}

// box is one box as a process.
type box struct {
	name, dir     string
	Listen        []string `json:"listen"`
	Local         string   `json:"local"`
	PID           int      `json:"pid"`
	cmd           *exec.Cmd
	ended         chan struct{}
	said          bytes.Buffer // standard error of all its lives; read after ended
	control, page http.Client
}

// house is an alliance: a core and its members.
type house struct {
	t     testing.TB
	boxes []*box
}

// newHouse starts boxes and joins all to the first.
func newHouse(t testing.TB, names ...string) *house {
	t.Helper()
	h := &house{t: t}
	dir := t.TempDir()
	for i, name := range names {
		b := &box{name: name, dir: filepath.Join(dir, fmt.Sprint("box", i))}
		must(t, os.MkdirAll(b.dir, 0o700))
		must(t, os.WriteFile(filepath.Join(b.dir, "tongke.toml"), fmt.Appendf(nil, "[box]\nname = %q\n", name), 0o600))
		b.control.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(b.dir, "control.sock"))
		}}
		h.boxes = append(h.boxes, b)
		h.start(b)
		if i == 0 {
			b.call(t, "PUT", "/api/v1/box", map[string]any{"school": name}, nil)
			continue
		}
		core := h.boxes[0]
		var invited struct{ Code string }
		core.call(t, "POST", "/api/v1/invitations", map[string]any{"campus": name, "name": name}, &invited)
		b.call(t, "POST", "/api/v1/parent", map[string]any{"url": "https://" + core.Listen[0], "code": invited.Code}, nil)
	}
	t.Cleanup(func() {
		for _, b := range h.boxes {
			b.stop(os.Interrupt)
			if t.Failed() {
				log := b.said.String()
				t.Logf("%s said: %s", b.name, log[max(0, len(log)-4000):])
			}
		}
	})
	return h
}

// start starts a box, on the ports it had before.
func (h *house) start(b *box) {
	h.t.Helper()
	path, err := program()
	must(h.t, err)
	listen, local := "127.0.0.1:0", "127.0.0.1:0"
	if b.Local != "" {
		listen, local = b.Listen[0], b.Local
	}
	b.cmd = exec.Command(path, "run", "--config", filepath.Join(b.dir, "tongke.toml"), "--data", b.dir, "--listen", listen, "--local", local)
	b.cmd.Stderr = &b.said
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // whatever ends the test ends its boxes
	must(h.t, b.cmd.Start())
	cmd, ended := b.cmd, make(chan struct{})
	b.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }() // ends with the process, which the cleanup ends
	eventually(h.t, 30*time.Second, "a box that is ready", func() bool {
		doc, err := os.ReadFile(filepath.Join(b.dir, "addresses.json"))
		if err != nil || json.Unmarshal(doc, b) != nil || b.PID != cmd.Process.Pid {
			return false
		}
		res, err := b.page.Get("http://" + b.Local + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// stop ends a box, by force when it does not go.
func (b *box) stop(how os.Signal) {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(how)
	select {
	case <-b.ended:
	case <-time.After(10 * time.Second):
		_ = b.cmd.Process.Kill()
		<-b.ended
	}
	b.page.CloseIdleConnections()
	b.control.CloseIdleConnections()
}

// call asks a box as its operator, over its control socket.
func (b *box) call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	must(t, b.try(method, path, in, out))
}

func (b *box) try(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, "http://box"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := b.control.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	return err
}

// url is a page of a box, beside it.
func (b *box) url(path string) string { return "http://" + b.Local + path }

// token opens a lesson at a box.
func (b *box) token(t testing.TB, lesson, role, campus string) string {
	t.Helper()
	var made struct{ Token string }
	in := map[string]any{"lesson": lesson, "role": role, "ttl": "1h"}
	if campus != "" {
		in["campus"] = campus
	}
	b.call(t, "POST", "/api/v1/tokens", in, &made)
	return made.Token
}

// lesson makes a lesson at the core for these campuses. Names of campuses without a box are rooms that nobody is in.
func (h *house) lesson(id string, campuses ...string) {
	h.t.Helper()
	h.boxes[0].call(h.t, "POST", "/api/v1/lessons", map[string]any{"id": id, "title": "音乐 三年级", "subject": "音乐", "teacher": "李老师", "campuses": campuses}, nil)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok, which processes and browsers take their time for.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
