//go:build linux

package powercut

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// programDir holds tongke, built once for all boxes; TestMain makes and removes it.
var programDir string

var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "tongke")
	if out, err := exec.Command("go", "build", "-o", path, "tongke/cmd/tongke").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tongke: %w: %s", err, out)
	}
	return path, nil
})

// box is a running tongke.
type box struct {
	cmd  *exec.Cmd
	dir  string
	done chan struct{}

	mu  sync.Mutex
	id  string // once it said that it is ready
	log []string
}

var readyLine = regexp.MustCompile(`msg=ready .*box=(\S+)`)

func startBox(t *testing.T, dir string) *box {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	b := &box{dir: dir, done: make(chan struct{})}
	b.cmd = exec.Command(path, "run", "--config", os.DevNull, "--data", dir, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	errs, err := b.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the box
		defer close(b.done)
		for in := bufio.NewScanner(errs); in.Scan(); {
			b.mu.Lock()
			b.log = append(b.log, in.Text())
			if m := readyLine.FindStringSubmatch(in.Text()); m != nil {
				b.id = m[1]
			}
			b.mu.Unlock()
		}
	}()
	return b
}

func (b *box) stop() {
	_ = b.cmd.Process.Kill()
	<-b.done
	_ = b.cmd.Wait()
}

func (b *box) said() (id string, log []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.id, b.log
}

// ready waits until the box answers.
func (b *box) ready() error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var at struct {
			PID   int
			Local string
		}
		data, err := os.ReadFile(filepath.Join(b.dir, addressFile))
		if err != nil || json.Unmarshal(data, &at) != nil || at.PID != b.cmd.Process.Pid {
			continue
		}
		res, err := http.Get("http://" + at.Local + "/readyz")
		if err != nil {
			continue
		}
		res.Body.Close()
		if id, _ := b.said(); id != "" && res.StatusCode == http.StatusOK {
			return nil
		}
	}
	_, log := b.said()
	return fmt.Errorf("not ready in 30 s: %q", log)
}

const addressFile = "addresses.json"

// TestPowerCutsOfABox pulls the plug in the first second of a box's life: the next start must need no hand, and a box that had been ready
// must still be the same one.
func TestPowerCutsOfABox(t *testing.T) {
	r := newRig(t)
	n := max(1, cuts(t)*8/100)
	for i := range n {
		dir := filepath.Join(r.Disk(), "box")
		b := startBox(t, dir)
		time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
		id, _ := b.said()
		c, err := r.Cut()
		b.stop()
		if err != nil {
			t.Fatal(err)
		}
		if err := checkBox(t, c, id); err != nil {
			t.Errorf("cut %d, %v: %v", i, c.After.Sub(c.Before), err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("box: %d cuts", n)
}

func checkBox(t *testing.T, c *Cut, id string) error {
	t.Helper()
	if err := c.Mount(); err != nil {
		return err
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	dir := filepath.Join(c.Dir, "box")
	if err := soundBolts(dir); err != nil {
		return err
	}
	b := startBox(t, dir)
	defer b.stop()
	if err := b.ready(); err != nil {
		return err
	}
	if now, _ := b.said(); id != "" && now != id {
		return fmt.Errorf("box %s became %s", id, now)
	}
	return nil
}

// TestTheRigFindsALiar makes sure that the rig would tell: a writer that does not wait for the disk is caught.
func TestTheRigFindsALiar(t *testing.T) {
	r := newRig(t)
	dir := filepath.Join(r.Disk(), "liar")
	w := startWorker(t, "liar", dir)
	defer w.stop()
	caught := 0
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		was := w.page()
		c, err := r.Cut()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Mount(); err != nil {
			t.Fatal(err)
		}
		data, _ := os.ReadFile(filepath.Join(c.Dir, "liar", "lines"))
		lines := 0
		for _, b := range data {
			if b == '\n' {
				lines++
			}
		}
		if lines < was.facts["stored 1"] {
			caught++
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if caught == 0 {
		t.Error("a writer that never syncs lost nothing in 5 cuts: this rig proves nothing")
	}
}
