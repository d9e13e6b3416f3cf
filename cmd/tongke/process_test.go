package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a tongke that a test started.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string
	done chan struct{} // closed when it has ended

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes its standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// command is a tongke that has not been started.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self(t), args...)
	cmd.Args[0] = "tongke"
	return cmd
}

// launch starts a tongke and makes sure that it is gone after the test.
func launch(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return begin(t, dir, command(t, args...))
}

// begin starts a command that is tongke, or becomes it, with its data in dir.
func begin(t *testing.T, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, dir: dir, done: make(chan struct{})}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.done) }() // ends with the process, which the cleanup kills
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("standard error of %s:\n%s", strings.Join(cmd.Args, " "), p.stderr())
		}
	})
	return p
}

// runBox starts a daemon on free loopback ports and waits until it is ready.
func runBox(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := launch(t, dir, append([]string{"run", "--config", os.DevNull, "--data", dir, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0"}, args...)...)
	p.waitReady()
	return p
}

func (p *process) waitReady() addresses {
	p.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if a, err := readAddresses(p.dir); err == nil && a.PID == p.cmd.Process.Pid && statusOf("http://"+a.Local+"/readyz") == http.StatusOK {
			return a
		}
		select {
		case <-p.done:
			p.t.Fatalf("ended before it was ready: %v", p.cmd.ProcessState)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatal("not ready in 10 s")
		}
	}
}

// stop sends a signal and returns the exit code and how long the end took.
func (p *process) stop(sig syscall.Signal) (code int, took time.Duration) {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.t.Fatal("still running 10 s after the signal")
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// statusOf returns the status of a GET, 0 when nobody answers.
func statusOf(url string) int {
	res, err := noKeepAlive.Get(url)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// tongke runs a command to its end, which must come soon.
func tongke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// eventually waits until ok, which real processes take their time for.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// under joins a box to a parent; how is what the invitation says.
func under(t *testing.T, parent, child *process, how ...string) {
	t.Helper()
	at, err := readAddresses(parent.dir)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := tongke(t, append([]string{"invite", "--data", parent.dir}, how...)...)
	if code != 0 {
		t.Fatalf("invite: exit %d: %s", code, errs)
	}
	if code, _, errs = tongke(t, "join", "--data", child.dir, "https://"+at.Listen[0], strings.TrimSpace(out)); code != 0 {
		t.Fatalf("join: exit %d: %s", code, errs)
	}
	eventually(t, 10*time.Second, "the uplink", func() bool { return uplinkUp(child.dir) })
}

// local is the loopback address of a box.
func local(t *testing.T, p *process) string {
	t.Helper()
	a, err := readAddresses(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + a.Local
}

// scrape reads a box's figures.
func scrape(t *testing.T, base string) string {
	t.Helper()
	res, err := noKeepAlive.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// background runs a peer until the test ends.
func background(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }() // ends with ctx
	t.Cleanup(func() { cancel(); <-done })
}
