package day_test

import (
	"fmt"
	"testing"
	"time"

	"tongke/testbench/browser"
)

// exchange is a lesson that runs: a teacher's page at the core, a class that is called, and a class that looks on.
type exchange struct {
	*house
	teacher, called, third *browser.Tab
}

var (
	teacherProbe = probe{Camera: &film{640, 360, 15}, Voice: &voice{Tone: 500, Gain: 0}, Board: &film{1280, 720, 5}}
	calledProbe  = probe{Camera: &film{1280, 720, 25}, Voice: &voice{Tone: 1000, Gain: 0.3}}
	thirdProbe   = probe{Camera: &film{320, 180, 5}, Voice: &voice{Tone: 700, Gain: 0}, Listen: true}
)

// begin brings a lesson to where the teacher can call a campus; more are members of which nobody comes.
func begin(t testing.TB, h *house, id string, more ...string) *exchange {
	t.Helper()
	x := &exchange{house: h, teacher: chromium(t)}
	h.lesson(id, append([]string{schools[1], schools[2]}, more...)...)
	x.called, x.third = another(t, x.teacher), another(t, x.teacher)
	open(t, x.teacher, h.boxes[0].url("/teach/"+id+"#token="+h.boxes[0].token(t, id, "teacher", "")), teacherProbe)
	open(t, x.called, h.boxes[1].url("/class"), calledProbe)
	open(t, x.third, h.boxes[2].url("/class"), thirdProbe)
	shows(t, x.teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	press(t, x.teacher, `document.querySelector("#start")`)
	shows(t, x.teacher, "media going out", `tongke.phase === "in" && tongke.publishing === "connected"`)
	press(t, x.teacher, `document.querySelector("#share")`)
	for _, tab := range []*browser.Tab{x.called, x.third} {
		wallIs(t, tab, "live")
		shows(t, tab, "the board", `document.querySelector("#board video")?.videoWidth > 0`)
	}
	shows(t, x.teacher, "a campus that can be called", tile(schools[1])+`?.querySelector(".call").getAttribute("aria-disabled") === "false"`)
	eval[bool](t, x.third, fmt.Sprintf(`(probe.look(%q), true)`, schools[1]))
	return x
}

// delays are from the teacher's press, at the third page.
type delays struct {
	Voice time.Duration // sound was decoded
	Large time.Duration // a picture stood in the large place
	Sharp time.Duration // it was a large one
}

// call calls the campus, waits until the third page hears and sees it, and takes the floor back.
func (x *exchange) call() delays {
	t := x.t
	t.Helper()
	eval[bool](t, x.third, `(probe.forget(), true)`)
	at := press(t, x.teacher, tile(schools[1])+`.querySelector(".call")`)
	type seen struct{ Voice, Large, Sharp float64 }
	const ask = `({Voice: Math.min(...Object.values(probe.heard).map((e) => e.first || Infinity), 1e15), Large: probe.seen.large, Sharp: probe.seen.sharp})`
	var s seen
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		s = eval[seen](t, x.third, ask)
		if s.Voice < 1e15 && s.Large > 0 && s.Sharp > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after the call the third page has %+v; it shows %s", s, eval[string](t, x.third, `JSON.stringify([probe.seen, probe.heard, tongke.table.filter((s) => s.source)])`))
		}
	}
	since := func(ms float64) time.Duration { return time.Duration((ms - at) * float64(time.Millisecond)) }
	d := delays{since(s.Voice), since(s.Large), since(s.Sharp)}
	press(t, x.teacher, tile(schools[1])+`.querySelector(".call")`)
	wallIs(t, x.third, "live")
	shows(t, x.third, "silence again", `tongke.table.every((s) => s.source !== "voice" || s.room !== tongke.facts.lesson.rooms[0].room)`)
	return d
}

// TestCallOn calls a campus a few times. The bounds are wide: figures come from the benchmark, on a machine that does nothing else.
func TestCallOn(t *testing.T) {
	h := newHouse(t, schools...)
	x := begin(t, h, "exchange", "观音小学")
	for i := range 4 {
		time.Sleep([]time.Duration{time.Second, 4 * time.Second}[i%2])
		d := x.call()
		t.Logf("voice after %v, picture after %v, sharp after %v", d.Voice.Round(time.Millisecond), d.Large.Round(time.Millisecond), d.Sharp.Round(time.Millisecond))
		if d.Voice > 5*time.Second || d.Large > 5*time.Second {
			t.Errorf("voice after %v, picture after %v", d.Voice, d.Large)
		}
	}
}

// BenchmarkCallOn prints how long after the teacher's press a third page hears and sees the campus.
func BenchmarkCallOn(b *testing.B) {
	for _, c := range []struct {
		name string
		more []string
	}{{"N=2", nil}, {"N=3", []string{"观音小学"}}} {
		b.Run(c.name, func(b *testing.B) {
			h := newHouse(b, schools...)
			x := begin(b, h, "exchange", c.more...)
			var voice, large, sharp []time.Duration
			for i := range max(b.N, 20) {
				time.Sleep(time.Duration(500+700*(i%8)) * time.Millisecond) // layers that nobody wants rest after 3 s
				d := x.call()
				voice, large, sharp = append(voice, d.Voice), append(large, d.Large), append(sharp, d.Sharp)
				b.Logf("%d: voice %v, picture %v, sharp %v", i, d.Voice.Round(time.Millisecond), d.Large.Round(time.Millisecond), d.Sharp.Round(time.Millisecond))
			}
			for name, list := range map[string][]time.Duration{"voice": voice, "picture": large, "sharp": sharp} {
				q := browser.Percentiles(list)
				b.ReportMetric(q.P50, name+"-p50-ms")
				b.ReportMetric(q.P95, name+"-p95-ms")
				b.ReportMetric(q.Max, name+"-max-ms")
			}
		})
	}
}
