package day_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/testbench/browser"
	"tongke/testbench/peer"
)

// clockTicks are the ticks a second of utime and stime in /proc/PID/stat (proc(5)); 100 on every Linux that we run on.
const clockTicks = 100

// spent is the processor time of processes until now.
func spent(pids ...int) (d time.Duration) {
	for _, pid := range pids {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		d += time.Duration(user+system) * time.Second / clockTicks
	}
	return d
}

// BenchmarkClassroom prints, of a lesson with one teacher and five member schools, how long after opening a wall screen shows its first
// picture and plays its first sound, and how much of one core the page, the core's box and a member's box take. One school has a real page;
// in the others headless peers take the same streams.
func BenchmarkClassroom(b *testing.B) {
	names := []string{schools[0]}
	for i := range 5 {
		names = append(names, fmt.Sprintf("第%d小学", i+1))
	}
	h := newHouse(b, names...)
	const id = "classroom"
	h.lesson(id, names[1:]...)
	h.synthetic(id)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var rooms []*peer.Classroom
	for _, m := range h.boxes[2:] {
		r, err := peer.NewClassroom(peer.Config{URL: "http://" + m.Local, Lesson: id})
		must(b, err)
		rooms = append(rooms, r)
		wg.Go(func() { _ = r.Run(ctx) }) // ends with ctx
	}
	eventually(b, 30*time.Second, "the other schools", func() bool {
		for _, r := range rooms {
			if s := r.Stats(); s.Camera.Frames == 0 || s.Board.Frames == 0 || s.Voice.Voice == 0 {
				return false
			}
		}
		return true
	})
	var picture, sound []time.Duration
	var tab *browser.Tab
	pid := 0
	for range max(b.N, 5) {
		if tab != nil {
			tab.Close()
			time.Sleep(4 * time.Second) // the room's layers are let go
		}
		var known []int
		if pid != 0 {
			known = []int{pid}
		}
		tab = chromium(b)
		pid = started(b, known)
		open(b, tab, h.boxes[1].url("/class"), probe{Camera: &film{1280, 720, 25}, Voice: &voice{Tone: 700, Gain: 0.1}, Listen: true, Look: "老师"})
		shows(b, tab, "picture and sound", `probe.seen.small > 0 && Object.values(probe.heard).some((e) => e.first > 0)`)
		ms := func(script string) time.Duration {
			return time.Duration(eval[float64](b, tab, script+` - performance.timeOrigin`) * float64(time.Millisecond))
		}
		picture = append(picture, ms(`probe.seen.small`))
		sound = append(sound, ms(`Math.min(...Object.values(probe.heard).map((e) => e.first || Infinity))`))
		b.Logf("picture after %v, sound after %v", picture[len(picture)-1].Round(time.Millisecond), sound[len(sound)-1].Round(time.Millisecond))
	}
	p, s := browser.Percentiles(picture), browser.Percentiles(sound)
	b.ReportMetric(p.P50, "picture-p50-ms")
	b.ReportMetric(p.Max, "picture-max-ms")
	b.ReportMetric(s.P50, "sound-p50-ms")
	b.ReportMetric(s.Max, "sound-max-ms")

	wallIs(b, tab, "live")
	time.Sleep(5 * time.Second) // layers and estimates settle
	const span = 20 * time.Second
	page := append(children(pid), pid)
	core, member := h.boxes[0].PID, h.boxes[1].PID
	before := []time.Duration{spent(page...), spent(core), spent(member)}
	time.Sleep(span)
	for i, x := range []struct {
		name string
		pids []int
	}{{"page", page}, {"core-box", []int{core}}, {"member-box", []int{member}}} {
		b.ReportMetric(100*float64(spent(x.pids...)-before[i])/float64(span), x.name+"-%core")
	}
}
