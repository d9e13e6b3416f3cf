package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// told adds to the error of a step that took longer than its ctx what the browser's processes were doing meanwhile.
func (t *Tab) told(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w after %v: %s", err, patience, t.Busy())
	}
	return err
}

// Busy says in one line how busy the machine is, and what each process of this browser did in half a second: its CPU time in % of a core, and
// the threads that wait for a disk. It reads /proc and says less where there is none.
func (t *Tab) Busy() string {
	var said []string
	for _, file := range []string{"/proc/loadavg", "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io"} {
		if raw, err := os.ReadFile(file); err == nil {
			first, _, _ := strings.Cut(string(raw), "\n")
			said = append(said, filepath.Base(file)+" "+first)
		}
	}
	c := chromedp.FromContext(t.ctx)
	if c == nil || c.Browser == nil || c.Browser.Process() == nil {
		return strings.Join(said, "; ")
	}
	began := time.Now()
	before := processes(c.Browser.Process().Pid)
	time.Sleep(500 * time.Millisecond)
	after := processes(c.Browser.Process().Pid)
	for pid, p := range before {
		now, lives := after[pid]
		if !lives {
			said = append(said, fmt.Sprintf("%s %d ended", p.kind, pid))
			continue
		}
		const tick = 10 * time.Millisecond // of utime and stime: USER_HZ is 100 on all of Linux's architectures that Chromium runs on
		share := 100 * float64(time.Duration(now.ticks-p.ticks)*tick) / float64(time.Since(began))
		said = append(said, fmt.Sprintf("%s %d %.0f %% %s", now.kind, pid, share, now.waits))
	}
	return strings.Join(said, "; ")
}

// process is what /proc tells of one.
type process struct {
	parent int
	kind   string // what Chromium calls it: renderer, gpu-process, ...
	ticks  int    // of CPU time
	waits  string // names of threads that wait for a disk
}

// processes are a process and all below it.
func processes(root int) map[int]process {
	all := map[int]process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		name, _, parent, ticks, ok := stat(filepath.Join(dir, "stat"))
		if !ok {
			continue // it has ended meanwhile
		}
		p := process{parent: parent, kind: name, ticks: ticks}
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		for a := range bytes.SplitSeq(args, []byte{0}) {
			if kind, is := bytes.CutPrefix(a, []byte("--type=")); is {
				p.kind = string(kind)
			}
		}
		all[pid] = p
	}
	below := map[int]process{}
	for grew := true; grew; {
		grew = false
		for pid, p := range all {
			_, has := below[p.parent]
			if _, known := below[pid]; known || (pid != root && !has) {
				continue
			}
			threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			var waits []string
			for _, file := range threads {
				if name, state, _, _, ok := stat(file); ok && state == "D" {
					waits = append(waits, name)
				}
			}
			slices.Sort(waits)
			p.waits = strings.Join(waits, ",")
			below[pid] = p
			grew = true
		}
	}
	return below
}

// stat reads name, state, parent and the ticks of CPU time of a process or thread: proc_pid_stat(5).
func stat(file string) (name, state string, parent, ticks int, ok bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", "", 0, 0, false
	}
	open, end := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if open < 0 || end < open {
		return "", "", 0, 0, false
	}
	fields := strings.Fields(string(raw[end+1:]))
	if len(fields) < 13 {
		return "", "", 0, 0, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	user, err2 := strconv.Atoi(fields[11])
	system, err3 := strconv.Atoi(fields[12])
	return string(raw[open+1 : end]), fields[0], parent, user + system, err1 == nil && err2 == nil && err3 == nil
}
