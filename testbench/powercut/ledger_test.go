//go:build linux

package powercut

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// ledger is what a worker was told is stored, kept outside of its disk.
type ledger struct {
	mu     sync.Mutex
	facts  map[string]int // "stored 3" → the highest number said
	newest map[string][]taken
}

// taken is when a packet was handed over.
type taken struct {
	seq int
	at  time.Time
}

// page is the ledger at one moment.
type page struct {
	facts map[string]int
	took  map[string][]taken
}

func (l *ledger) note(line string) {
	var word string
	var n, seq int
	fields, _ := fmt.Sscanf(line, "%s %d %d", &word, &n, &seq)
	if word == "erasing" {
		fmt.Sscanf(line, "erasing %s %d", &word, &n)
		word, fields = "erasing-"+word, 2
	}
	if fields < 2 {
		return
	}
	key := fmt.Sprintf("%s %d", word, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	if word == "took" {
		t := append(l.newest[key], taken{seq, time.Now()})
		if len(t) > 4000 {
			t = append([]taken(nil), t[2000:]...)
		}
		l.newest[key] = t
		return
	}
	l.facts[key] = max(l.facts[key], seq)
}

func (l *ledger) page() page {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := map[string][]taken{}
	for k, v := range l.newest {
		took[k] = v[:len(v):len(v)]
	}
	return page{maps.Clone(l.facts), took}
}

func (p page) said(format string, args ...any) bool {
	_, ok := p.facts[fmt.Sprintf(format, args...)]
	return ok
}

// worker is this test binary at work on the disk.
type worker struct {
	cmd *exec.Cmd
	ledger
	done chan struct{}
}

func startWorker(t *testing.T, name, dir string) *worker {
	t.Helper()
	return startWorkerAs(t, name, dir, exec.Command(os.Args[0], dir))
}

// startWorkerAs starts a worker by a command of its own: under strace.
func startWorkerAs(t *testing.T, name, dir string, cmd *exec.Cmd) *worker {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w := &worker{cmd: cmd, done: make(chan struct{})}
	w.facts, w.newest = map[string]int{}, map[string][]taken{}
	w.cmd.Env = append(os.Environ(), workerVar+"="+name)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the worker
		defer close(w.done)
		in := bufio.NewScanner(out)
		for in.Scan() {
			w.note(in.Text())
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return w
}

func (w *worker) stop() {
	_ = w.cmd.Process.Kill()
	<-w.done
	_ = w.cmd.Wait()
}
