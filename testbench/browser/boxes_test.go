package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tongke/testbench/browser"
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
	dir, err := os.MkdirTemp("", "tongke-browser-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// demo is a running `tongke demo`: three boxes as processes, and a teacher.
type demo struct {
	cmd    *exec.Cmd
	dir    string
	ended  chan error
	stderr bytes.Buffer
	Boxes  []struct {
		Name  string
		Local string
		Pages map[string]string
	}
}

func startDemo(t *testing.T) *demo {
	t.Helper()
	path, err := program()
	must(t, err)
	d := &demo{dir: t.TempDir(), ended: make(chan error, 1)}
	d.cmd = exec.Command(path, "demo", "--dir", d.dir)
	d.cmd.Stderr = &d.stderr
	must(t, d.cmd.Start())
	go func() { d.ended <- d.cmd.Wait() }() // ends with the process
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Signal(os.Interrupt)
			select {
			case <-d.ended:
			case <-time.After(10 * time.Second):
				_ = d.cmd.Process.Kill()
			}
		}
		if t.Failed() {
			t.Logf("demo said: %s", tail(d.stderr.String(), 2000))
			for _, b := range []string{"core", "member1", "member2"} {
				if log, err := os.ReadFile(filepath.Join(d.dir, b, "log")); err == nil {
					t.Logf("%s said: %s", b, tail(string(log), 3000))
				}
			}
		}
	})
	file := filepath.Join(d.dir, "demo.json")
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		raw, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(raw, d) == nil && len(d.Boxes) == 3 {
			return d
		}
		select {
		case err := <-d.ended:
			t.Fatalf("the demo ended: %v: %s", err, d.stderr.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("no demo.json in 40 s: %s", d.stderr.String())
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// process finds the box whose data stand in dir/name among the demo's own children.
func (d *demo) process(t *testing.T, name string) *os.Process {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	for _, p := range dirs {
		stat, err1 := os.ReadFile(filepath.Join(p, "stat"))
		args, err2 := os.ReadFile(filepath.Join(p, "cmdline"))
		if err1 != nil || err2 != nil {
			continue // it has ended meanwhile
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after) // state, parent, ...
		if len(fields) < 2 || fields[1] != strconv.Itoa(d.cmd.Process.Pid) || !strings.Contains(string(args), filepath.Join(d.dir, name)+"\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(p))
		must(t, err)
		process, err := os.FindProcess(pid)
		must(t, err)
		return process
	}
	t.Fatalf("no process of %s", name)
	return nil
}

// screen is one member's page with its stamps being read.
type screen struct {
	tab  *browser.Tab
	name string
}

// settle forgets earlier pauses.
func (s screen) settle(t *testing.T) {
	t.Helper()
	eval[bool](t, s.tab, `(() => { for (const s of Object.values(stamps)) { s.longest = 0; } return true; })()`)
}

// back waits until new teacher frames are drawn after an outage that began at since, and tells the longest pause meanwhile.
func (s screen) back(t *testing.T, since time.Time, within time.Duration) time.Duration {
	t.Helper()
	for time.Since(since) < within {
		st, err := browser.StampsOf(s.tab, "teacher")
		must(t, err)
		if n := len(st.Samples); st.Longest > 0 && n > 0 && st.Samples[n-1][1] > float64(since.UnixMilli())+st.Longest/2 && !s.stalled(t) {
			return time.Duration(st.Longest * float64(time.Millisecond))
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s: no picture within %v; the page is %+v", s.name, within, look(t, s.tab))
	return 0
}

// stalled reports whether nothing new was drawn for half a second.
func (s screen) stalled(t *testing.T) bool {
	t.Helper()
	return eval[bool](t, s.tab, `performance.now() - stamps.teacher.at > 500`)
}

// TestDemoInTwoMemberClassrooms is the promise of the README: three boxes as processes, one lesson, and real browsers that see and hear it
// at both members; then boxes are killed and frozen, and no page is ever loaded again.
func TestDemoInTwoMemberClassrooms(t *testing.T) {
	first := start(t)
	d := startDemo(t)
	second, err := first.NewTab()
	must(t, err)
	t.Cleanup(second.Close)
	screens := []screen{{first, d.Boxes[1].Name}, {second, d.Boxes[2].Name}}
	for i, s := range screens {
		opened := time.Now()
		must(t, s.tab.Open(d.Boxes[1+i].Pages["class"]))
		until(t, s.tab, 15*time.Second, "live", is("live"))
		t.Logf("%s: live %v after opening the page", s.name, time.Since(opened).Round(10*time.Millisecond))
		if address := eval[string](t, s.tab, `location.href`); strings.Contains(address, "token") {
			t.Errorf("%s: the token still stands in the address", s.name)
		}
		judge(t, s.tab, 4*time.Second)
	}

	kill := func(what, box string, within time.Duration, affected ...screen) {
		t.Helper()
		for _, s := range screens {
			s.settle(t)
		}
		time.Sleep(time.Second)
		began := time.Now()
		must(t, d.process(t, box).Kill())
		time.Sleep(1500 * time.Millisecond)
		for _, s := range affected {
			t.Logf("%s: %s: %v without new pictures", what, s.name, s.back(t, began, within).Round(10*time.Millisecond))
		}
	}
	kill("member's box killed", "member1", 30*time.Second, screens[0])
	s, err := browser.StampsOf(second, "teacher")
	must(t, err)
	t.Logf("meanwhile at the other member: longest pause %.0f ms", s.Longest)
	if sessions := eval[int](t, second, `tongke.sessions`); sessions != 1 {
		t.Errorf("the other member connected %d times", sessions)
	}
	kill("core's box killed", "core", 30*time.Second, screens...)

	for _, s := range screens {
		s.settle(t)
	}
	core := d.process(t, "core")
	must(t, core.Signal(syscall.SIGSTOP)) // an outage of the core for 5 s
	began := time.Now()
	time.Sleep(4 * time.Second)
	state := look(t, first)
	t.Logf("core frozen: the page says %q", state.Words)
	if state.State == "live" {
		t.Errorf("it says %q though nothing comes", state.Words)
	}
	time.Sleep(time.Until(began.Add(5 * time.Second)))
	must(t, core.Signal(syscall.SIGCONT))
	for _, s := range screens {
		t.Logf("core frozen for 5 s: %s: %v without new pictures", s.name, s.back(t, began, 30*time.Second).Round(10*time.Millisecond))
	}
	for _, s := range screens {
		until(t, s.tab, 10*time.Second, "live again", is("live"))
	}

	must(t, d.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("the demo ended with %v: %s", err, tail(d.stderr.String(), 1000))
		}
	case <-time.After(10 * time.Second):
		t.Error("the demo does not end")
	}
}
