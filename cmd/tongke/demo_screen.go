package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"tongke/testbench/peer"
)

const (
	liveEvery = 500 * time.Millisecond // on a terminal, where the lines are drawn anew in place
	tellEvery = 5 * time.Second        // otherwise, one line a campus
)

// screen is what a person sees of the demo: sentences, and below them lines that change.
type screen struct {
	con *console

	mu    sync.Mutex
	lines int // live lines at the bottom now
}

func newScreen(con *console) *screen { return &screen{con: con} }

// say prints one sentence above the live lines.
func (s *screen) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked()
	fmt.Fprintln(s.con.err, text)
}

// live replaces the live lines; where there is no terminal they are printed as they come.
func (s *screen) live(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked()
	fmt.Fprintln(s.con.err, strings.Join(lines, "\n"))
	if s.con.terminal {
		s.lines = len(lines)
	}
}

func (s *screen) clearLocked() {
	if s.lines > 0 {
		fmt.Fprintf(s.con.err, "\x1b[%dA\x1b[J", s.lines) // ECMA-48: cursor up, erase to the end of the screen
		s.lines = 0
	}
}

// pages prints what to open, the result of the demo.
func (s *screen) pages(f demoFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked()
	out := s.con.out
	fmt.Fprintf(out, "\n%s的%s正在上%s，%s一起听。\n", demoCore, demoTeacher, demoTitle, strings.Join(demoMembers, "和"))
	fmt.Fprintln(out, "A teacher at the core school teaches; two member schools attend. Open these pages in a browser:")
	for i, b := range f.Boxes {
		for _, p := range []struct{ name, say string }{
			{"teach", "讲：老师的电脑。课由演示在讲，选“在这里接着讲”就由你来讲，可以点名。Teach: the demo teaches; choose to go on here and you do, and can call on schools."},
			{"class", watches(i)},
			{"library", "看录像：这节课正在录，可以从头看。Recordings: this lesson, from its beginning, while it runs."},
		} {
			if page := b.Pages[p.name]; page != "" {
				fmt.Fprintf(out, "\n  %s  %s\n    %s\n", b.Name, page, p.say)
			}
		}
	}
	fmt.Fprintln(out, "\n从别的电脑看，用 https（先接受证书提示），# 后面照抄。From another computer use https (accept the certificate), with the same path and token:")
	for _, b := range f.Boxes {
		fmt.Fprintf(out, "  %s  %s\n", b.Name, strings.Replace(b.HTTPS, "127.0.0.1", "<本机地址>", 1))
	}
	fmt.Fprintln(out, "\n按 Ctrl-C 结束。Press Ctrl-C to end.")
	fmt.Fprintln(out)
}

// watches says what the wall screen of a box shows; the first box is the core's.
func watches(box int) string {
	if box == 0 {
		return "看：老师所在的教室，这块屏看听课的班（先打开两所成员校的大屏）。The teacher's own classroom: its screen shows the classes that attend (open the member schools' screens first)."
	}
	return "看：老师的画面、黑板和声音；黑板上的时钟在走，经过本校自己的设备。The teacher, the board with a moving clock, and the voice, through this school's own box."
}

// liveHead says what stands in campusLine.
const liveHead = "各校：采集到教室的延迟（中位），丢包，码率  Latency from capture to classroom, loss, bit rate"

// campusLine is how one campus is doing: latency from the moment of capture to the classroom, loss after repair, bit rate. It fits a
// terminal of 80 columns, where a wider line would break the redrawing.
func campusLine(name string, s peer.ClassroomStats) string {
	if !s.Connected {
		return shorten(fmt.Sprintf("%s  还没连上 not connected%s", name, reason(s.LastError)), 79)
	}
	var b strings.Builder
	b.WriteString(name)
	bps, worst, loss := 0.0, 0.0, 0.0
	for _, x := range []struct {
		name string
		t    peer.TrackStats
	}{{"声音", s.Voice}, {"老师", s.Camera}, {"黑板", s.Board}} {
		if x.t.Packets == 0 {
			fmt.Fprintf(&b, "  %s —", x.name)
			continue
		}
		fmt.Fprintf(&b, "  %s %.1f", x.name, x.t.LatencyMs.P50)
		bps += x.t.BitrateBPS
		worst = max(worst, x.t.LatencyMs.P95)
		loss = max(loss, x.t.LossAfterPercent)
	}
	fmt.Fprintf(&b, " ms (p95 %.1f)  丢包 %.2f %%  %.2f Mb/s", worst, loss, bps/1e6)
	return b.String()
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

// shorten cuts s to so many columns; Chinese characters take two.
func shorten(s string, columns int) string {
	for i, r := range s {
		columns--
		if r >= 0x1100 { // where East Asian wide characters begin (UAX #11); a narrow one beyond costs a column too many, no harm
			columns--
		}
		if columns < 0 || r == '\n' {
			return s[:i]
		}
	}
	return s
}
