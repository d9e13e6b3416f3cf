package library_test

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
	"tongke/testbench/lesson"
)

//go:embed probe.js
var probeJS string

// shown is what probe.pictures measured.
type shown struct {
	Ms        float64        `json:"ms"`
	Fragments map[string]int `json:"fragments"`
	Most      int            `json:"most"`
}

func chromium(t *testing.T) *browser.Tab {
	t.Helper()
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	tab, err := browser.Start(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(tab.Close)
	must(t, browser.Resize(tab, browser.Sizes[0]))
	return tab
}

func measure(t *testing.T, tab *browser.Tab, from, to float64, act string) shown {
	t.Helper()
	s := eval[shown](t, tab, fmt.Sprintf(`probe.pictures(["#board video", "#teacher video"], %g, %g, () => { %s })`, from, to, act))
	if s.Ms < 0 {
		t.Fatalf("no pictures of %g … %g s after %s: %s", from, to, act, eval[string](t, tab, elements))
	}
	return s
}

func press(t *testing.T, tab *browser.Tab, key string) {
	t.Helper()
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true}))`, key))))
}

const playing = `document.querySelector("#stage").dataset.state === "playing"`

// A lesson of 45 minutes: opening, jumping, the clock, speeds, the hole, the keys.
func TestPlayer(t *testing.T) {
	s := newSchool(t)
	tab := chromium(t)
	began := time.Now()
	script := s.script("music-3", "三年级", 45*time.Minute)
	script.Missing = [][2]time.Duration{{20 * time.Minute, 20*time.Minute + 25*time.Second}}
	script.Floor = map[string][2]time.Duration{"sanhe": {7 * time.Minute, 9 * time.Minute}, "wuyang": {15 * time.Minute, 16 * time.Minute}}
	s.make("music-3", script)
	made := time.Since(began)
	s.known("music-3", true)
	t.Logf("a journal of 45 minutes: written in %v, indexed and in the catalogue after %v", made.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))

	must(t, tab.Open(s.URL+"/library?lang=zh"))
	await(t, tab, `document.querySelectorAll("#list li").length === 1`)
	looks(t, tab, "shelf-zh")
	row := eval[string](t, tab, `document.querySelector("#list li").innerText.replace(/\s+/g, " ")`)
	for _, want := range []string{"音乐 三年级", "李老师", "三河小学", "45 分", "缺 25 秒（补不回来）", "保留到"} {
		if !contains(row, want) {
			t.Errorf("the row says %q, want %q in it", row, want)
		}
	}
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](probeJS)))
	open := measure(t, tab, 0, 3, `document.querySelector("#list a.open").click()`)
	t.Logf("open: first pictures of both after %v ms, fragments %v", open.Ms, open.Fragments)
	await(t, tab, playing)
	opened(t, tab)
	looks(t, tab, "long-zh")
	jumps(t, tab)
	clock(t, tab)
	theHole(t, tab)
	theKeys(t, tab)
	if list := s.since(); len(list) == 0 || slices.ContainsFunc(list, func(p string) bool { return contains(p, "pupils") }) {
		t.Errorf("asked for %d parts", len(list))
	}
}

func opened(t *testing.T, tab *browser.Tab) {
	t.Helper()
	if got := eval[string](t, tab, `document.querySelector("#time").innerText`); !contains(got, "/ 45:00") {
		t.Errorf("time %q", got)
	}
	chapters := eval[[]string](t, tab, `[...document.querySelectorAll("#chapters button")].map((b) => b.innerText.replace(/^\S+\s+/, ""))`)
	if want := []string{"上课", "三河小学发言", "邬阳小学发言", "下课"}; !slices.Equal(chapters, want) {
		t.Errorf("chapters %q, want %q", chapters, want)
	}
	if n := eval[int](t, tab, `document.querySelectorAll("#heard .line").length`); n != 3 {
		t.Errorf("%d rows of who was heard, want 3", n)
	}
	if got := eval[string](t, tab, `document.querySelector("#pupils-note").innerText`); got != "学生画面没有保存（按本班授权）" {
		t.Errorf("of the pupils: %q", got)
	}
}

// jumps all over the lesson, and counts what each reads.
func jumps(t *testing.T, tab *browser.Tab) {
	t.Helper()
	var all []float64
	for _, minute := range []float64{31, 4, 44, 12.5, 25, 38, 1, 19} {
		at := minute * 60
		s := measure(t, tab, at-0.2, at+2, fmt.Sprintf(`{ const b = document.querySelector("#bar").getBoundingClientRect(); const track = document.querySelector("#track");
			const at = {clientX: b.left + b.width * %g / 2700, clientY: b.top, pointerId: 1, bubbles: true};
			track.setPointerCapture = () => {}; track.dispatchEvent(new PointerEvent("pointerdown", at)); track.dispatchEvent(new PointerEvent("pointerup", at)); }`, at))
		all = append(all, s.Ms)
		if s.Most > 2 {
			t.Errorf("a jump to %g min read %v, want at most 2 fragments of each", minute, s.Fragments)
		}
	}
	slices.Sort(all)
	t.Logf("jumps: both pictures after %v ms (median %v), at most 2 fragments of each stream", all, all[len(all)/2])
	await(t, tab, playing)
}

// clock compares what is drawn by the frame stamps, and where the voice is.
func clock(t *testing.T, tab *browser.Tab) {
	t.Helper()
	time.Sleep(1500 * time.Millisecond) // led back after the jump
	must(t, browser.ReadStamps(tab, map[string]string{"board": "#board video", "teacher": "#teacher video"}))
	var voice []float64
	for range 30 {
		time.Sleep(100 * time.Millisecond)
		at := eval[struct{ Board, Teacher, Voice float64 }](t, tab, `probe.times()`)
		voice = append(voice, math.Abs(at.Board-at.Voice)*1000, math.Abs(at.Teacher-at.Voice)*1000)
	}
	skew := apart(t, tab)
	slices.Sort(voice)
	t.Logf("board beside teacher, as drawn: median %.0f ms, p95 %.0f ms of %d pictures; pictures beside the voice: median %.0f ms, p95 %.0f ms",
		skew[len(skew)/2], skew[len(skew)*95/100], len(skew), voice[len(voice)/2], voice[len(voice)*95/100])
	judge(t, skew)
	for _, speed := range []float64{2, 0.5, 1} {
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const s = document.querySelector("#speed"); s.value = "%g"; s.dispatchEvent(new Event("change")); }`, speed))))
		time.Sleep(700 * time.Millisecond)
		got := eval[[]float64](t, tab, `(async () => { const v = document.querySelector("#sounds audio"); const [a, t] = [v.currentTime, performance.now()];
			await new Promise((r) => setTimeout(r, 1000)); return [(v.currentTime - a) / (performance.now() - t) * 1000, v.preservesPitch ? 1 : 0]; })()`)
		at := eval[struct{ Board, Teacher, Voice float64 }](t, tab, `probe.times()`)
		t.Logf("speed %g: the voice runs at %.2f, board %+.0f ms, teacher %+.0f ms", speed, got[0], (at.Board-at.Voice)*1000, (at.Teacher-at.Voice)*1000)
		if got[0] > speed*1.15 || got[0] < speed/4 || got[1] != 1 { // a busy machine waits now and then
			t.Errorf("speed %g: %v", speed, got)
		}
	}
}

// apart pairs each picture of the board with the teacher's picture of that moment, ms.
func apart(t *testing.T, tab *browser.Tab) (out []float64) {
	t.Helper()
	board, err := browser.StampsOf(tab, "board")
	must(t, err)
	teacher, err := browser.StampsOf(tab, "teacher")
	must(t, err)
	const loop = 25.0 // s of the synthetic lesson
	for _, b := range board.Samples {
		content := float64(uint32(b[0])&^lesson.StampBoard) / 12
		i, _ := slices.BinarySearchFunc(teacher.Samples, b[1], func(s [2]float64, at float64) int { return int(math.Copysign(1, s[1]-at)) })
		if i == 0 || i >= len(teacher.Samples) {
			continue
		}
		d := math.Abs(teacher.Samples[i-1][0]/30 - content)
		out = append(out, min(d, loop-d)*1000)
	}
	slices.Sort(out)
	if len(out) == 0 {
		t.Fatalf("no pictures compared: board %d, teacher %d", board.Read, teacher.Read)
	}
	return out
}

// judge wants board and teacher together. A picture of the board stands for 83 ms, so half of that is no skew; and of a machine that draws only
// a few pictures in four seconds nothing can be said.
func judge(t *testing.T, skew []float64) {
	t.Helper()
	if median := skew[len(skew)/2]; len(skew) < 10 {
		t.Logf("only %d pictures: this machine is too busy to judge the clock", len(skew))
	} else if median > 45+42 {
		t.Errorf("board and teacher are %.0f ms apart", median)
	}
}

// theHole is skipped by itself, and played when somebody wants it.
func theHole(t *testing.T, tab *browser.Tab) {
	t.Helper()
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`desk.player.jump(20 * 60 - 1.5)`)))
	await(t, tab, `document.querySelector("#skipped").checkVisibility() && document.querySelector("#skipped").innerText.includes("跳过缺失的 25 秒")`)
	await(t, tab, playing+` && document.querySelector("#sounds audio").currentTime > 20 * 60 + 24.9`)
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#unskip").click()`)))
	await(t, tab, `(() => { const t = desk.player.at; return t > 20 * 60 + 1 && t < 20 * 60 + 20; })()`)
	if eval[bool](t, tab, `document.querySelector("#skipped").checkVisibility()`) {
		t.Error("skipped although it was said not to")
	}
}

// theKeys of the table.
func theKeys(t *testing.T, tab *browser.Tab) {
	t.Helper()
	jump := func(at float64) {
		t.Helper()
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`desk.player.jump(%g)`, at))))
		await(t, tab, playing)
	}
	at := func() float64 { t.Helper(); return eval[float64](t, tab, `desk.player.at`) }
	near := func(what string, want float64) {
		t.Helper()
		if got := at(); got < want-1 || got > want+6 {
			t.Errorf("%s: at %.1f s, want %.1f", what, got, want)
		}
	}
	jump(600)
	press(t, tab, "l")
	near("L", 615)
	jump(600)
	press(t, tab, "j")
	near("J", 585)
	jump(600)
	press(t, tab, "ArrowLeft")
	near("←", 595)
	jump(600)
	press(t, tab, "n")
	near("N", 900)
	press(t, tab, "p")
	near("P", 420)
	press(t, tab, "0")
	near("0", 0)
	press(t, tab, ">")
	press(t, tab, ">")
	if v := eval[string](t, tab, `document.querySelector("#speed").value`); v != "1.5" {
		t.Errorf("> >: speed %s", v)
	}
	press(t, tab, "<")
	press(t, tab, "<")
	for i, layout := range []string{"side", "board", "teacher", "only"} {
		press(t, tab, fmt.Sprint(i+1))
		if v := eval[string](t, tab, `document.querySelector("#stage").dataset.layout`); v != layout {
			t.Errorf("%d: layout %s", i+1, v)
		}
	}
	press(t, tab, "1")
	press(t, tab, "ArrowDown")
	if v := eval[string](t, tab, `document.querySelector("#volume").value`); v != "90" {
		t.Errorf("↓: volume %s", v)
	}
	press(t, tab, " ")
	await(t, tab, `document.querySelector("#stage").dataset.state === "paused"`)
	was := at()
	time.Sleep(300 * time.Millisecond)
	if got := at(); got != was {
		t.Errorf("goes on from %g to %g while paused", was, got)
	}
	press(t, tab, "k")
	await(t, tab, playing)
	press(t, tab, "?")
	await(t, tab, `document.querySelector("#help").open && document.querySelectorAll("#help tr").length > 15`)
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#help").close()`)))
}
