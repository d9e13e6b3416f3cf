package day_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"tongke/testbench"
	"tongke/testbench/browser"
	"tongke/testbench/lesson"
	"tongke/testbench/peer"
)

var (
	monkeyFor  = flag.Duration("monkey", 3*time.Minute, "how long the monkey plays with the wall screen")
	monkeySeed = flag.Uint64("seed", 0, "of the monkey; 0: another one each time")
)

// synthetic publishes the synthetic lesson at the core until the test ends.
func (h *house) synthetic(id string) *peer.Teacher {
	t := h.t
	t.Helper()
	clips, err := testbench.Lesson()
	must(t, err)
	core := h.boxes[0]
	teacher, err := peer.NewTeacher(peer.Config{URL: "http://" + core.Local, Lesson: id, Token: core.token(t, id, "publish", "")}, clips, true)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = teacher.Run(ctx) }) // ends with ctx
	t.Cleanup(func() { cancel(); wg.Wait() })
	return teacher
}

// monkey is hands at a wall screen that do anything.
type monkey struct {
	t      testing.TB
	tab    *browser.Tab
	random *rand.Rand
	did    []string // the latest
	lost   int      // inputs that the browser never said to be done: a wheel with Ctrl, for one
}

// monkeyKeys are keys with names; letters, digits and signs come beside them.
var monkeyKeys = []string{"Escape", "F1", "F3", "F5", "F6", "F7", "F10", "F11", "F12", "Backspace", "Enter", "PageDown", "PageUp", "Tab", "ArrowDown", "ArrowUp", "ArrowLeft",
	"Home", "End", "Delete", "Insert", "ContextMenu", "PrintScreen", "Pause", "BrowserBack", "BrowserForward", "BrowserRefresh", "BrowserHome", "AudioVolumeUp", "AudioVolumeDown",
	"MediaPlayPause", "Select", "Process", "Unidentified", "Power", "Sleep"}

var monkeyCodes = map[string]int64{"Escape": 27, "F1": 112, "F5": 116, "F11": 122, "F12": 123, "Backspace": 8, "Enter": 13, "PageDown": 34, "PageUp": 33, "Tab": 9, "ArrowDown": 40,
	"ArrowUp": 38, "ArrowLeft": 37, "Home": 36, "End": 35, "Delete": 46}

func (m *monkey) send(what string, f func(ctx context.Context) error) {
	m.t.Helper()
	if m.did = append(m.did, what); len(m.did) > 40 {
		m.did = m.did[1:]
	}
	err := m.tab.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		return f(ctx)
	}))
	if errors.Is(err, context.DeadlineExceeded) {
		m.lost++
		return
	}
	if err != nil {
		m.t.Fatalf("%s: %v; before it: %s", what, err, strings.Join(m.did, ", "))
	}
}

// seen does for a page that was hidden what `tongke kiosk` does for a wall's every 3 s: a browser may open a tab for what was dropped on it.
func (m *monkey) seen() {
	m.t.Helper()
	if eval[string](m.t, m.tab, `document.visibilityState`) == "visible" {
		return
	}
	closed, err := m.tab.Alone()
	must(m.t, err)
	m.t.Logf("the page was hidden; other tabs that were closed: %q; after %s", closed, strings.Join(m.did, ", "))
	shows(m.t, m.tab, "the page seen again", `document.visibilityState === "visible"`)
}

func (m *monkey) at() (x, y float64) {
	return float64(m.random.IntN(1920)), float64(m.random.IntN(1080))
}

// once does one thing.
func (m *monkey) once() {
	switch m.random.IntN(10) {
	case 0, 1, 2, 3:
		m.key()
	case 4, 5:
		m.mouse()
	case 6, 7:
		m.touch()
	case 8:
		x, y := m.at()
		m.send("wheel", func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: "mouseWheel", X: x, Y: y, DeltaX: float64(m.random.IntN(800)) - 399.5, DeltaY: float64(m.random.IntN(2000)) - 999.5,
				Modifiers: int64(m.random.IntN(3) * m.random.IntN(2))})
			return err
		})
	case 9:
		x, y := m.at()
		data := &input.DragData{Items: []*input.DragDataItem{{MimeType: "text/uri-list", Data: "https://example.com/"}}, DragOperationsMask: 1}
		m.send("drop", func(ctx context.Context) error {
			for _, kind := range []input.DispatchDragEventType{"dragEnter", "dragOver", "drop"} {
				if _, err := chromedp.Call(ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: x, Y: y, Data: data}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// key presses a key, with Ctrl, Alt, Shift or Meta or none, and mostly lets it go at once.
func (m *monkey) key() {
	key := monkeyKeys[m.random.IntN(len(monkeyKeys))]
	code, text := monkeyCodes[key], ""
	if m.random.IntN(2) == 0 {
		c := rune(' ' + m.random.IntN(95))
		key, text, code = string(c), string(c), int64(strings.ToUpper(string(c))[0])
	}
	modifiers := int64(0)
	if m.random.IntN(3) == 0 {
		modifiers, text = int64(m.random.IntN(16)), ""
	}
	hold := time.Duration(0)
	if m.random.IntN(20) == 0 {
		hold = time.Duration(m.random.IntN(2500)) * time.Millisecond
	}
	m.send(fmt.Sprintf("key %s+%d for %v", key, modifiers, hold), func(ctx context.Context) error {
		down := input.DispatchKeyEventParams{Type: "keyDown", Key: key, Text: text, WindowsVirtualKeyCode: code, Modifiers: modifiers}
		up := input.DispatchKeyEventParams{Type: "keyUp", Key: key, WindowsVirtualKeyCode: code, Modifiers: modifiers}
		if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, down); err != nil {
			return err
		}
		time.Sleep(hold)
		_, err := chromedp.Call(ctx, input.DispatchKeyEvent, up)
		return err
	})
}

// mouse clicks, drags or holds, with any button.
func (m *monkey) mouse() {
	x, y := m.at()
	x2, y2 := x, y
	if m.random.IntN(2) == 0 {
		x2, y2 = m.at()
	}
	button := []input.MouseButton{"left", "left", "right", "middle", "back", "forward"}[m.random.IntN(6)]
	clicks := int64(1 + m.random.IntN(3))
	hold := time.Duration(m.random.IntN(60)) * time.Millisecond
	m.send(fmt.Sprintf("%s at %.0f,%.0f to %.0f,%.0f ×%d", button, x, y, x2, y2, clicks), func(ctx context.Context) error {
		for i, e := range []input.DispatchMouseEventParams{{Type: "mouseMoved", X: x, Y: y}, {Type: "mousePressed", X: x, Y: y, Button: button, ClickCount: clicks},
			{Type: "mouseMoved", X: (x + x2) / 2, Y: (y + y2) / 2, Button: button}, {Type: "mouseMoved", X: x2, Y: y2, Button: button},
			{Type: "mouseReleased", X: x2, Y: y2, Button: button, ClickCount: clicks}} {
			if i == 4 {
				time.Sleep(hold)
			}
			if _, err := chromedp.Call(ctx, input.DispatchMouseEvent, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// touch taps, swipes or pinches with one finger to three.
func (m *monkey) touch() {
	var from, to []*input.TouchPoint
	for i := range 1 + m.random.IntN(3) {
		x, y := m.at()
		x2, y2 := m.at()
		if m.random.IntN(2) == 0 {
			x2, y2 = x, y
		}
		id := float64(i)
		from = append(from, &input.TouchPoint{X: x, Y: y, ID: &id})
		to = append(to, &input.TouchPoint{X: x2, Y: y2, ID: &id})
	}
	m.send(fmt.Sprintf("%d fingers", len(from)), func(ctx context.Context) error {
		for _, e := range []input.DispatchTouchEventParams{{Type: "touchStart", TouchPoints: from}, {Type: "touchMove", TouchPoints: to}, {Type: "touchEnd", TouchPoints: []*input.TouchPoint{}}} {
			if _, err := chromedp.Call(ctx, input.DispatchTouchEvent, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// flows reads what a wall screen draws and sounds until it was good for a span: stamps that advance, and a voice.
func flows(t testing.TB, tab *browser.Tab, span time.Duration) {
	t.Helper()
	must(t, browser.ReadStamps(tab, map[string]string{"teacher": "#teacher video", "board": "#board video"}))
	type audio struct{ Concealed, Total float64 }
	var faults []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); { // a busy machine gets several tries
		faults = nil
		stamps := func(name string) browser.Stamps {
			s, err := browser.StampsOf(tab, name)
			must(t, err)
			return s
		}
		before := map[string]browser.Stamps{"teacher": stamps("teacher"), "board": stamps("board")}
		heard := eval[audio](t, tab, `tongke.audio`)
		time.Sleep(span)
		for name, want := range map[string]struct {
			fps float64
			bit uint32
		}{"teacher": {30, 0}, "board": {12, lesson.StampBoard}} {
			s := stamps(name)
			if n := s.Distinct - before[name].Distinct; float64(n) < want.fps*span.Seconds()/4 || s.Last&lesson.StampBoard != want.bit {
				faults = append(faults, fmt.Sprintf("%s: %d pictures", name, n))
			}
		}
		now := eval[audio](t, tab, `tongke.audio`)
		if total, concealed := now.Total-heard.Total, now.Concealed-heard.Concealed; total < 48000*span.Seconds()/2 || concealed > total/10 {
			faults = append(faults, fmt.Sprintf("voice: %.0f of %.0f samples concealed", concealed, total))
		}
		if len(faults) == 0 {
			return
		}
	}
	t.Errorf("not good for %v within a minute: %s; the page is %s; %s", span, strings.Join(faults, "; "), eval[string](t, tab, `document.visibilityState`), tab.Busy())
}

// standing is what must be as before after any input: where pictures stand, what is sent and played, and that it is the same page.
const standing = `JSON.stringify({
	kept: window.kept, at: location.pathname, size: [innerWidth, innerHeight], scroll: [scrollX, scrollY], zoom: visualViewport.scale, selection: getSelection().toString(),
	places: [...document.querySelectorAll("#pictures > *")].map((e) => { const r = e.getBoundingClientRect(); return [e.id, Math.round(r.x), Math.round(r.y), Math.round(r.width), Math.round(r.height)]; }).sort(),
	sent: tongke.sent.map((s) => [s.source, s.live]), captures: tongke.facts.captures, covered: tongke.facts.covered,
	sessions: tongke.sessions, playing: [...document.querySelectorAll("audio")].map((a) => [a.paused, a.muted]), full: document.fullscreenElement?.tagName ?? "",
	lesson: [tongke.facts.lesson.id, tongke.facts.lesson.state, tongke.facts.lesson.layout], windows: document.querySelectorAll("dialog, [popover]:popover-open").length,
})`

// TestMonkey lets anything happen to a wall screen in a lesson. Afterwards the lesson, what is sent, what is heard and where it stands are as
// before; only the hand may be up, the volume another, and the camera covered, which the room itself may do.
func TestMonkey(t *testing.T) {
	t.Parallel()
	seed := *monkeySeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", seed)
	h := newHouse(t, schools[0], schools[1])
	h.lesson("monkey", schools[1])
	h.synthetic("monkey")
	tab := chromium(t)
	open(t, tab, h.boxes[1].url("/class"), probe{Camera: &film{640, 360, 10}, Voice: &voice{Tone: 700, Gain: 0.1}})
	wallIs(t, tab, "live")
	eval[bool](t, tab, `window.kept = true`)
	flows(t, tab, 3*time.Second)
	shows(t, tab, "what it sends", `tongke.sent.length === 2 && tongke.sent.every((s) => s.live)`)
	before := eval[string](t, tab, standing)
	m := &monkey{t: t, tab: tab, random: rand.New(rand.NewPCG(seed, 1))}
	n, lost := 0, 0
	for end := time.Now().Add(*monkeyFor); time.Now().Before(end); n++ {
		m.once()
		if n%50 == 49 || m.lost > lost {
			lost = m.lost
			m.seen()
			if at := eval[string](t, tab, `window.kept === true ? "" : location.href`); at != "" {
				t.Fatalf("-seed %d: the page is %s after: %s", seed, at, strings.Join(m.did, ", "))
			}
			if eval[bool](t, tab, `tongke.facts.covered`) {
				uncover(t, tab)
			}
		}
		time.Sleep(time.Duration(m.random.IntN(60)) * time.Millisecond)
	}
	if t.Logf("%d inputs, %d unanswered", n, m.lost); m.lost > 3+n/50 {
		t.Errorf("%d of %d inputs were not answered", m.lost, n)
	}
	time.Sleep(2 * time.Second)
	m.seen()
	if eval[bool](t, tab, `tongke.facts.covered`) {
		uncover(t, tab)
	}
	shows(t, tab, "the lesson, or the hand up", `["live", "hand.up"].includes(tongke.state)`)
	var after string
	for range 100 { // what was pressed last may still be told
		if after = eval[string](t, tab, standing); after == before {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if after != before {
		t.Errorf("-seed %d: after %s\nbefore %s\nthe last inputs: %s", seed, after, before, strings.Join(m.did, ", "))
	}
	flows(t, tab, 3*time.Second)
	var l struct{ State string }
	h.boxes[0].call(t, "GET", "/api/v1/lessons/monkey", nil, &l)
	if l.State != "live" {
		t.Errorf("the lesson is %s", l.State)
	}
}

// holdC holds the key C until the camera is covered, or uncovered: 2 s by the page's clock, which a busy machine makes longer.
func holdC(t testing.TB, tab *browser.Tab) {
	t.Helper()
	press := func(kind input.DispatchKeyEventType, text string) {
		must(t, tab.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "c", Text: text, WindowsVirtualKeyCode: 67})
			return err
		})))
	}
	before := eval[bool](t, tab, `tongke.facts.covered`)
	press("keyDown", "c")
	defer press("keyUp", "")
	began := time.Now()
	shows(t, tab, "what holding C does", fmt.Sprintf(`tongke.facts.covered === %v`, !before))
	if held := time.Since(began); held < 1500*time.Millisecond {
		t.Errorf("held for %v", held)
	}
}

func uncover(t testing.TB, tab *browser.Tab) {
	t.Helper()
	holdC(t, tab)
	shows(t, tab, "the camera open", `!tongke.facts.covered`)
}
