package day_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
)

// started is a process that a test has started since it knew of these: the main process of a Chromium.
func started(t testing.TB, known []int) int {
	t.Helper()
	for _, pid := range children(os.Getpid()) {
		args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && strings.Contains(string(args), "--user-data-dir=") && !strings.Contains(string(args), "--type=") && !slices.Contains(known, pid) {
			return pid
		}
	}
	t.Fatal("no new Chromium")
	return 0
}

// killPage kills what runs the pages of a Chromium, and loads one anew, as a kiosk does.
func killPage(t testing.TB, tab *browser.Tab, chromium int, address string) {
	t.Helper()
	for _, pid := range children(chromium) {
		args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && strings.Contains(string(args), "--type=renderer") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	time.Sleep(100 * time.Millisecond)
	must(t, tab.Do(chromedp.Navigate(address)))
}

// children are all processes below one, of the whole tree.
func children(of int) (all []int) {
	parents := map[int][]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		stat, err := os.ReadFile(filepath.Join(d, "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		pid, err1 := strconv.Atoi(filepath.Base(d))
		parent, err2 := strconv.Atoi(fields[1])
		if err1 == nil && err2 == nil {
			parents[parent] = append(parents[parent], pid)
		}
	}
	for next := []int{of}; len(next) > 0; next = next[1:] {
		all = append(all, parents[next[0]]...)
		next = append(next, parents[next[0]]...)
	}
	return all
}

// pictures is how many pictures of the teacher a wall screen has drawn.
const pictures = `(window.stamps?.teacher?.distinct ?? 0)`

// back waits until a wall screen draws new pictures and plays voice again, and tells how long after since that was, by the page's own clock.
func back(t testing.TB, class *browser.Tab, since time.Time) time.Duration {
	t.Helper()
	type moment struct{ At, Longest float64 }
	from := float64(since.UnixMilli())
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// The first picture after a pause that began after the kill, in a page that is in the lesson.
		m, err := browser.Eval[moment](class, fmt.Sprintf(`(() => {
			const list = (window.stamps?.teacher?.samples ?? []).map((s) => s[1]);
			for (let i = 1; i < list.length; i++) {
				if (list[i] > %f && list[i] - list[i - 1] > 300 && list.length > i + 3) {
					return { At: list[i], Longest: list[i] - list[i - 1] };
				}
			}
			return { At: list.length > 3 && list[0] > %f ? list[0] : 0, Longest: 0 };
		})()`, from, from))
		if err == nil && m.At > 0 {
			return time.Duration((m.At - from) * float64(time.Millisecond))
		}
	}
	t.Fatalf("no pictures in 60 s; the page says %s", eval[string](t, class, words))
	return 0
}

// BenchmarkKill prints how long after kill -9 of each kind of process the class sees the teacher's new pictures again. Boxes are started again
// 300 ms after their end, as systemd does; of pages the kiosk and the teacher load the page anew.
func BenchmarkKill(b *testing.B) {
	h := newHouse(b, schools[0], schools[1])
	const id = "kill"
	h.lesson(id, schools[1])
	teacher := chromium(b)
	ofTeacher := started(b, nil)
	class := chromium(b)
	ofClass := started(b, []int{ofTeacher})
	address := h.boxes[0].url("/teach/" + id + "#token=" + h.boxes[0].token(b, id, "teacher", ""))
	open(b, teacher, address, teacherProbe)
	open(b, class, h.boxes[1].url("/class"), thirdProbe)
	shows(b, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	press(b, teacher, `document.querySelector("#start")`)
	settle := func() {
		b.Helper()
		wallIs(b, class, "live")
		shows(b, class, "the teacher", `document.querySelector("#teacher video")?.videoWidth > 0`)
		must(b, browser.ReadStamps(class, map[string]string{"teacher": "#teacher video"}))
		shows(b, class, "pictures", pictures+` > 20`)
		eval[bool](b, class, `(stamps.teacher.samples.length = 0, window.kept = true)`)
		time.Sleep(2 * time.Second)
	}
	restart := func(one *box) func() {
		return func() {
			_ = one.cmd.Process.Kill()
			<-one.ended
			time.Sleep(300 * time.Millisecond)
			h.start(one)
		}
	}
	for _, k := range []struct {
		what   string
		kill   func()
		reload bool
	}{
		{"owner-box", restart(h.boxes[0]), false},
		{"member-box", restart(h.boxes[1]), false},
		{"teacher-page", func() {
			killPage(b, teacher, ofTeacher, h.boxes[0].url("/teach/"+id))
			shows(b, teacher, "the lesson, without being asked", `window.tongke?.phase === "in"`)
		}, false},
		{"class-page", func() {
			killPage(b, class, ofClass, h.boxes[1].url("/class"))
		}, true},
	} {
		b.Run(k.what, func(b *testing.B) {
			var took []time.Duration
			for range max(b.N, 3) {
				settle()
				from := time.Now()
				k.kill()
				if k.reload {
					shows(b, class, "the lesson", `document.querySelector("#teacher video")?.videoWidth > 0`)
					must(b, browser.ReadStamps(class, map[string]string{"teacher": "#teacher video"}))
				}
				d := back(b, class, from)
				took = append(took, d)
				wallIs(b, class, "live")
				if kept := eval[bool](b, class, `window.kept === true`); kept == k.reload {
					b.Errorf("the class's page was loaded anew: %v", !kept)
				}
				b.Logf("%v", d.Round(10*time.Millisecond))
			}
			q := browser.Percentiles(took)
			b.ReportMetric(q.P50, "p50-ms")
			b.ReportMetric(q.Max, "max-ms")
		})
	}
}
