package wall_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/signaling/protocol"
	"tongke/testbench/browser"
	"tongke/testbench/lesson"
)

// page is what a wall screen shows.
type page struct {
	State, Words, Signs, Hand string
	Frames                    struct{ Teacher, Board int }
	Audio                     struct{ Concealed, Total float64 }
}

func look(t *testing.T, tab *browser.Tab) page {
	t.Helper()
	return eval[page](t, tab, `!window.tongke || !document.getElementById("hand") ? {} : ({State: tongke.state, Frames: tongke.frames, Audio: tongke.audio, Words: document.getElementById("text").textContent,
		Signs: document.getElementById("signs").innerText, Hand: document.getElementById("hand").hidden ? "" : document.getElementById("handwords").textContent})`)
}

// patience is how much longer than it should a page may take: a busy machine says nothing of the page.
const patience = 30 * time.Second

// until waits for what a page shows. What takes longer than it should is told.
func until(t *testing.T, tab *browser.Tab, within time.Duration, what string, ok func(page) bool) page {
	t.Helper()
	var p page
	for from := time.Now(); time.Since(from) < within+patience; time.Sleep(50 * time.Millisecond) {
		if p = look(t, tab); ok(p) {
			if took := time.Since(from); took > within {
				t.Logf("%s: after %v, should be %v", what, took.Round(10*time.Millisecond), within)
			}
			return p
		}
	}
	t.Fatalf("not within %v: %s; the page is %+v; %s", within+patience, what, p, eval[string](t, tab, `JSON.stringify(tongke.facts)`))
	return p
}

func is(state string) func(page) bool { return func(p page) bool { return p.State == state } }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in 10 s: %s", what)
		}
	}
}

// floor gives a room the floor, or nobody.
func floor(rooms ...string) func(*protocol.State) {
	return func(s *protocol.State) {
		s.Floor = []protocol.Holder{}
		for i, r := range rooms {
			s.Floor = append(s.Floor, protocol.Holder{Room: r, Since: protocol.At(time.Now()), Second: i > 0})
		}
	}
}

// TestWall walks a classroom's wall screen through a lesson, with real media and nobody at it.
func TestWall(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	p := until(t, tab, 10*time.Second, "idle", is("idle"))
	if p.Words != "今天没有同步课了" || p.Signs != "" || p.Hand != "" {
		t.Errorf("between lessons it shows %+v", p)
	}
	b.teach(t)
	b.call(true)
	entered := time.Now()
	p = until(t, tab, 10*time.Second, "live by itself", is("live"))
	t.Logf("live %v after the lesson named the room", time.Since(entered).Round(time.Millisecond))
	if p.Hand != "举手" || !strings.Contains(p.Signs, "不录制") || !strings.Contains(p.Signs, "话筒关") {
		t.Errorf("in the lesson it shows %+v", p)
	}
	judge(t, tab, 4*time.Second)
	eventually(t, "the room's picture and voice are sent", func() bool {
		b.lessons.mu.Lock()
		defer b.lessons.mu.Unlock()
		return b.presence.Cam && b.presence.Mic
	})

	must(t, tab.Do(chromedp.KeyEvent("h")))
	p = until(t, tab, 2*time.Second, "hand up", is("hand.up"))
	if p.Hand != "放下" {
		t.Errorf("with the hand up the button says %q", p.Hand)
	}
	must(t, tab.Do(chromedp.KeyEvent(kb.PageDown))) // too early
	time.Sleep(1600 * time.Millisecond)
	must(t, tab.Do(chromedp.KeyEvent(kb.PageDown)))
	until(t, tab, 2*time.Second, "hand down", is("live"))
	if up, down := b.asked(protocol.HandRaise{}), b.asked(protocol.HandLower{}); up != 1 || down != 1 {
		t.Errorf("%d times up, %d down", up, down)
	}

	b.change(floor(room))
	p = until(t, tab, 2*time.Second, "our turn", is("floor.us"))
	if p.Hand != "说完了" || !strings.Contains(p.Signs, "话筒开") || p.Words != "轮到我们发言，请讲！" {
		t.Errorf("with the floor it shows %+v", p)
	}
	if w := eval[float64](t, tab, `document.getElementById("teacher").getBoundingClientRect().width`); w != 960 {
		t.Errorf("with the floor the teacher is %v wide", w)
	}
	b.change(func(s *protocol.State) { s.Rooms[0].Quiet = true })
	until(t, tab, 2*time.Second, "too quiet", is("floor.quiet"))
	b.change(func(s *protocol.State) { s.Rooms[0].Quiet = false })
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter))) // before 3 s it is not given back
	time.Sleep(3 * time.Second)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	until(t, tab, 2*time.Second, "given back", is("live"))

	b.change(floor("wuyang"))
	if p = until(t, tab, 2*time.Second, "another's turn", is("floor.other")); p.Words != "正在发言：邬阳小学" {
		t.Errorf("it says %q", p.Words)
	}
	b.change(floor())

	b.change(func(s *protocol.State) { s.State = protocol.Ended; s.EndedAt = protocol.At(time.Now()) })
	until(t, tab, 2*time.Second, "ended", is("ended"))
	if eval[bool](t, tab, `tongke.facts.captures`) {
		t.Error("the lesson is over and the camera runs")
	}
	b.call(false)
	until(t, tab, 30*time.Second, "idle again", is("idle"))
}

// judge reads what the page draws and sounds for a while: stamps that advance, and a voice.
func judge(t *testing.T, tab *browser.Tab, span time.Duration) {
	t.Helper()
	before := look(t, tab)
	must(t, browser.ReadStamps(tab, map[string]string{"teacher": "#teacher video", "board": "#board video"}))
	time.Sleep(span)
	for name, want := range map[string]struct {
		fps float64
		bit uint32
	}{"teacher": {30, 0}, "board": {12, lesson.StampBoard}} {
		s, err := browser.StampsOf(tab, name)
		must(t, err)
		t.Logf("%s: %d drawn, %d read, %d distinct, longest pause %.0f ms, %d px wide", name, s.Drawn, s.Read, s.Distinct, s.Longest, s.Width)
		// A quarter of the frame rate: a busy machine draws fewer.
		if float64(s.Distinct) < want.fps*span.Seconds()/4 || s.Last&lesson.StampBoard != want.bit {
			t.Errorf("%s: %+v", name, s)
		}
	}
	after := look(t, tab)
	total, concealed := after.Audio.Total-before.Audio.Total, after.Audio.Concealed-before.Audio.Concealed
	t.Logf("voice: %v of %v samples concealed", concealed, total)
	if total < 48000*span.Seconds()/2 || concealed > total*0.1 {
		t.Errorf("voice: %v of %v samples concealed in %v", concealed, total, span)
	}
}

// The same page when things break: each is told, and heals without anybody.
func TestWallHeals(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	stop := b.teach(t)
	b.call(true)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 15*time.Second, "live", is("live"))
	eval[bool](t, tab, `window.untouched = true`)

	b.change(func(s *protocol.State) { s.Rooms[0].Step = protocol.StepStill })
	until(t, tab, 2*time.Second, "a thin link", is("board.still"))
	b.change(func(s *protocol.State) { s.Rooms[0].Step = protocol.StepFull })
	until(t, tab, 5*time.Second, "and better", is("live"))

	stop()
	b.change(func(s *protocol.State) { s.Lead.Online, s.Lead.Since = false, protocol.At(time.Now()) })
	until(t, tab, 5*time.Second, "the teacher is away", is("teacher.down"))
	b.set(func(b *box) { b.uplink = protocol.Uplink{Since: protocol.At(time.Now())} })
	b.change(func(s *protocol.State) { s.Stale = true })
	until(t, tab, 5*time.Second, "the link is away", is("link.down"))
	b.set(func(b *box) { b.uplink = protocol.Uplink{Up: true, Since: protocol.At(time.Now())} })
	b.change(func(s *protocol.State) { s.Stale, s.Lead.Online = false, true })
	b.teach(t)
	until(t, tab, 15*time.Second, "live again", is("live"))

	b.set(func(b *box) { b.away = true })
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`void 0`)))
	b.cut()
	until(t, tab, 6*time.Second, "the box is away", is("box.restart"))
	b.set(func(b *box) { b.away = false })
	frames := look(t, tab).Frames
	until(t, tab, 10*time.Second, "live after the box", is("live"))
	until(t, tab, 10*time.Second, "new pictures", func(p page) bool { return p.Frames.Teacher > frames.Teacher+5 })
	if !eval[bool](t, tab, `window.untouched === true`) {
		t.Error("the page was loaded again")
	}
}

// The camera is covered in the room: black pictures, and the sign; only a long press does it.
func TestCover(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	b.teach(t)
	b.call(true)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 15*time.Second, "filmed", func(p page) bool { return strings.Contains(p.Signs, "镜头开") })
	press := func(hold time.Duration) {
		t.Helper()
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true, cancelable: true}))`)))
		time.Sleep(hold)
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`dispatchEvent(new KeyboardEvent("keyup", {key: "c", bubbles: true, cancelable: true}))`)))
	}
	press(500 * time.Millisecond)
	if b.asked(protocol.RoomCover{Covered: true}) != 0 || strings.Contains(look(t, tab).Signs, "已遮") {
		t.Error("a short press covers the camera")
	}
	press(2300 * time.Millisecond)
	p := until(t, tab, 2*time.Second, "covered", func(p page) bool { return strings.Contains(p.Signs, "镜头已遮") })
	if p.State != "live" {
		t.Errorf("covered, it shows %s", p.State)
	}
	must(t, tab.Open(b.url+"/class"))
	until(t, tab, 15*time.Second, "covered after loading anew", func(p page) bool {
		return p.State == "live" && strings.Contains(p.Signs, "镜头已遮") && eval[bool](t, tab, `tongke.sent.some((s) => s.source === "pupils")`)
	})
	if seen := eval[string](t, tab, `tongke.camera`); seen != "off" {
		t.Errorf("covered, the camera is %s", seen)
	}
	press(2300 * time.Millisecond)
	until(t, tab, 5*time.Second, "uncovered", func(p page) bool { return strings.Contains(p.Signs, "镜头开") })
}

// TestToTheBox: between lessons OK leads on from the particulars to the page of the box, and a screen that nobody uses goes back by itself.
func TestToTheBox(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 10*time.Second, "idle", is("idle"))
	for _, key := range []string{"i", "Enter"} {
		if at := eval[string](t, tab, `location.pathname`); at != "/class" {
			t.Fatalf("at %s before OK", at)
		}
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true}))`, key))))
	}
	at := func(path string) func() bool {
		return func() bool {
			there, err := browser.Eval[bool](tab, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, path))
			return err == nil && there // a page that is just left answers nothing
		}
	}
	eventually(t, "the page of the box", at("/device"))
	eventually(t, "its script", func() bool {
		begun, err := browser.Eval[bool](tab, `document.title !== "tongke"`)
		return err == nil && begun
	})
	eval[bool](t, tab, `(() => { const now = performance.now.bind(performance); performance.now = () => now() + 175000; return true; })()`)
	if time.Sleep(1500 * time.Millisecond); !at("/device")() {
		t.Error("it goes back too early")
	}
	eval[bool](t, tab, `(() => { const now = performance.now.bind(performance); performance.now = () => now() + 10000; return true; })()`)
	eventually(t, "the wall again", at("/class"))
}

// The room's particulars and the loudness, by keys.
func TestInfoAndVolume(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	b.teach(t)
	b.call(true)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 15*time.Second, "live", is("live"))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`dispatchEvent(new KeyboardEvent("keydown", {key: "i", bubbles: true, cancelable: true}))`)))
	if text := eval[string](t, tab, `document.getElementById("info").hidden ? "" : document.getElementById("info").innerText`); !strings.Contains(text, "三河小学") || !strings.Contains(text, "K7M3PX") || !strings.Contains(text, "正常") {
		t.Errorf("the panel says %q", text)
	}
	if faults := eval[[]string](t, tab, faults); len(faults) > 0 {
		t.Error(faults)
	}
	// A remote without letters: the arrow upwards, held.
	key := func(what string) {
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`dispatchEvent(new KeyboardEvent(%q, {key: "ArrowUp", bubbles: true, cancelable: true}))`, what))))
	}
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("info").hidden = true`)))
	key("keydown")
	until(t, tab, 10*time.Second, "the panel by the arrow", func(page) bool { return eval[bool](t, tab, `!document.getElementById("info").hidden`) })
	key("keyup")
	must(t, tab.Do(chromedp.KeyEvent("-"), chromedp.KeyEvent("-")))
	if bars := eval[int](t, tab, `document.querySelectorAll("#volume:not([hidden]) .on").length`); bars != 8 {
		t.Errorf("%d bars", bars)
	}
	if v := eval[float64](t, tab, `document.getElementById("sound").volume`); v != 0.8 {
		t.Errorf("volume %v", v)
	}
	time.Sleep(2200 * time.Millisecond)
	if eval[bool](t, tab, `!document.getElementById("volume").hidden`) {
		t.Error("the bars stay")
	}
}

// unplug lets a test pull the cable of a device and push it in again, as a page sees it.
const unplug = `(() => {
	const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	const tracks = [];
	const out = {};
	navigator.mediaDevices.getUserMedia = async (c) => {
		if (out[c.video ? "video" : "audio"]) throw new DOMException("", "NotFoundError");
		const s = await original(c);
		tracks.push(...s.getTracks());
		return s;
	};
	window.pull = (kind) => {
		out[kind] = true;
		for (const t of tracks.filter((t) => t.kind === kind && t.readyState === "live")) { t.stop(); t.dispatchEvent(new Event("ended")); }
	};
	window.push = (kind) => { out[kind] = false; navigator.mediaDevices.dispatchEvent(new Event("devicechange")); };
})()`

// A cable is pulled and pushed in again: the page says so, and sends again by itself; the camera is back in 3 s, the microphone in 2 s.
func TestHotPlug(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	b.teach(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 10*time.Second, "idle", is("idle"))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](unplug)))
	b.call(true)
	sends := func(source string) func(page) bool {
		return func(page) bool {
			return eval[bool](t, tab, fmt.Sprintf(`tongke.sent.some((s) => s.source === %q && s.live)`, source))
		}
	}
	until(t, tab, 15*time.Second, "live", is("live"))
	until(t, tab, 15*time.Second, "sends both", func(p page) bool { return sends("voice")(p) && sends("pupils")(p) })
	for _, d := range []struct {
		kind, source, state string
		within              time.Duration
	}{{"video", "pupils", "cam.missing", 3 * time.Second}, {"audio", "voice", "mic.missing", 2 * time.Second}} {
		eval[bool](t, tab, fmt.Sprintf(`(pull(%q), true)`, d.kind))
		until(t, tab, 5*time.Second, d.state, is(d.state))
		pushed := time.Now()
		eval[bool](t, tab, fmt.Sprintf(`(push(%q), true)`, d.kind))
		until(t, tab, d.within, "sends again", sends(d.source))
		t.Logf("%s: sends again %v after it was pushed in", d.source, time.Since(pushed).Round(10*time.Millisecond))
		until(t, tab, 6*time.Second, "live", is("live"))
	}
	eventually(t, "layers that nobody wants rest", func() bool {
		return eval[bool](t, tab, `tongke.sent.find((s) => s.source === "pupils").layers.every((l) => l.endsWith(":false"))`)
	})
}

// Before a lesson the page ticks what it has looked at, and says the cure of what is not well.
func TestSoon(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	b.lessons.start = time.Now().Add(4 * time.Minute)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](unplug)))
	until(t, tab, 15*time.Second, "soon", is("soon"))
	ticks := func(what string, want ...string) {
		t.Helper()
		var got string
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if got = eval[string](t, tab, `[...document.querySelectorAll("#checks li")].map((e) => e.textContent).join(" ")`); got == strings.Join(want, " ") {
				return
			}
		}
		t.Errorf("%s: the page says %q, want %q", what, got, want)
	}
	ticks("all is well", "✓ 摄像头", "✓ 话筒", "✓ 声音", "✓ 网络")
	if eval[bool](t, tab, `tongke.sent.length > 0`) {
		t.Error("something is sent before the lesson")
	}
	// The devices are there, and nothing comes of them: a cap on the camera, a microphone that is switched off.
	eval[bool](t, tab, `(() => {
		const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
		const paint = canvas.getContext("2d");
		setInterval(() => paint.fillRect(0, 0, 640, 360), 100);
		const sound = new AudioContext().createMediaStreamDestination();
		navigator.mediaDevices.getUserMedia = async (c) => (c.video ? canvas.captureStream(10) : sound.stream.clone());
		for (const kind of ["video", "audio"]) pull(kind);
		return true;
	})()`)
	ticks("black and silent", "✕ 摄像头：取下镜头盖，打开灯", "✕ 话筒：看它的开关和电池", "✓ 声音", "✓ 网络")
	eval[bool](t, tab, `(navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotFoundError"); }, pull("video"), pull("audio"), true)`)
	eval[bool](t, tab, `(() => { for (const s of [tongke.preview]) for (const x of s.getTracks()) { x.stop(); x.dispatchEvent(new Event("ended")); } return true; })()`)
	b.set(func(b *box) { b.uplink = protocol.Uplink{Since: protocol.At(time.Now())} })
	for range 10 {
		must(t, tab.Do(chromedp.KeyEvent("-")))
	}
	ticks("nothing is well", "✕ 摄像头：请插紧它的线", "✕ 话筒：看它的开关和电池", "✕ 声音：音量是 0，请按 + 键", "✕ 网络：正在重连，不用管")
}

// A monkey at keyboard and screen leaves the lesson as it was.
func TestMonkey(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	b.teach(t)
	b.call(true)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 15*time.Second, "live", is("live"))
	eval[bool](t, tab, `window.untouched = true`)
	keys := []string{kb.Escape, kb.F5, kb.F11, kb.Backspace, kb.Enter, kb.PageDown, kb.PageUp, kb.Tab, kb.ArrowDown, kb.Home, " ", "h", "p", "c", "i", "-", "+", "a", "1"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		switch random.IntN(4) {
		case 0:
			must(t, tab.Do(chromedp.MouseClickXY(float64(random.IntN(1920)), float64(random.IntN(1080)))))
		case 1:
			must(t, tab.Do(chromedp.MouseClickXY(float64(random.IntN(1920)), float64(random.IntN(1080)), chromedp.ButtonRight)))
		case 2:
			must(t, tab.Do(chromedp.KeyEvent(string(rune('a'+random.IntN(26))), chromedp.KeyModifiers(chromedp.ModifierCtrl))))
		default:
			must(t, tab.Do(chromedp.KeyEvent(keys[random.IntN(len(keys))])))
		}
	}
	if !eval[bool](t, tab, `window.untouched === true && getSelection().toString() === "" && scrollY === 0 && innerWidth === 1920 && location.pathname === "/class"`) {
		t.Error("the page was loaded again, scrolled, has a selection, or is another")
	}
	until(t, tab, 5*time.Second, "live, or the hand up", func(p page) bool { return p.State == "live" || p.State == "hand.up" })
}

// Where the browser wants a gesture before sound, the page says so, shows the pictures meanwhile, and a tap is enough.
func TestTapOpensTheSound(t *testing.T) {
	tab := start(t, chromedp.Flag("autoplay-policy", "user-gesture-required"), chromedp.Flag("deny-permission-prompts", true), chromedp.Flag("use-fake-ui-for-media-stream", false))
	b := newBox(t)
	b.teach(t)
	b.call(true)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 15*time.Second, "tap, with pictures", func(p page) bool { return p.State == "tap" && p.Frames.Teacher > 0 })
	must(t, tab.Do(chromedp.MouseClickXY(200, 200)))
	until(t, tab, 5*time.Second, "the sound", func(p page) bool { return p.State != "tap" })
	if eval[bool](t, tab, `document.getElementById("sound").paused`) {
		t.Error("no sound after the tap")
	}
}

// A box that belongs to nobody is joined at its screen, with a keyboard or with the arrows of a remote.
func TestFresh(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	b.set(func(b *box) { b.fresh = true })
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class?core=192.0.2.1:8443")))
	until(t, tab, 10*time.Second, "fresh", is("fresh"))
	for _, c := range "o123abcd4567wxy" { // the letter O is meant as 0
		must(t, tab.Do(chromedp.KeyEvent(string(c))))
	}
	for range 12 { // with the arrows to a key of the screen
		if eval[string](t, tab, `document.activeElement.textContent`) == "5" {
			break
		}
		must(t, tab.Do(chromedp.KeyEvent(kb.ArrowRight)))
	}
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("#join button")].find((b) => b.textContent === "Z").click()`)))
	for i, want := range []string{"码不对", "已加入"} {
		if i == 0 {
			must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#join .code").focus()`), chromedp.KeyEvent(kb.Enter)))
		} else {
			must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#join .go").click()`)))
		}
		for end := time.Now().Add(5 * time.Second); !strings.Contains(eval[string](t, tab, `document.querySelector("#join .answer").textContent`), want); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it does not say %s", want)
			}
		}
	}
	b.set(func(b *box) { b.fresh = false })
	until(t, tab, 10*time.Second, "idle", is("idle"))
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := `{"url":"https://192.0.2.1:8443","code":"0123-ABCD-4567-WXYZ"}`; b.posted[0] != want {
		t.Errorf("posted %s", b.posted[0])
	}
}

// One sound per room: a second screen is refused and stays silent.
func TestSecondScreen(t *testing.T) {
	first := start(t)
	b := newBox(t)
	b.teach(t)
	b.call(true)
	must(t, first.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, first, 15*time.Second, "live", is("live"))
	second, err := first.NewTab()
	must(t, err)
	t.Cleanup(second.Close)
	must(t, second.Open(b.url+"/class"))
	p := until(t, second, 10*time.Second, "refused", is("room.taken"))
	time.Sleep(time.Second)
	if eval[bool](t, second, `tongke.facts.captures || tongke.sessions > 0`) || p.Words != "这间教室已经有一块屏在上课" {
		t.Errorf("the second screen: %+v", p)
	}
	if p = look(t, first); p.State != "live" {
		t.Errorf("the first screen: %+v", p)
	}
	must(t, first.Open(b.url+"/class")) // the same screen, loaded anew
	opened := time.Now()
	until(t, first, 15*time.Second, "live again", is("live"))
	t.Logf("loaded anew, live after %v", time.Since(opened).Round(time.Millisecond))
}
