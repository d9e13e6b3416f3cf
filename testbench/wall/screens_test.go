package wall_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// start starts Chromium with one tab, or skips or fails the test.
func start(t *testing.T, more ...chromedp.ExecAllocatorOption) *browser.Tab {
	t.Helper()
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	tab, err := browser.Start(context.Background(), t.TempDir(), more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return tab
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, tab *browser.Tab, script string) T {
	t.Helper()
	v, err := browser.Eval[T](tab, script)
	must(t, err)
	return v
}

// samples serves the pages with their demo states.
func samples(t *testing.T) *httptest.Server {
	t.Helper()
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// open shows one state of the wall screen.
func open(t *testing.T, tab *browser.Tab, at, state, lang string, scale float64) {
	t.Helper()
	must(t, tab.Open(fmt.Sprintf("%s/class?state=%s&lang=%s&scale=%v", at, state, lang, scale)))
	for end := time.Now().Add(10 * time.Second); !eval[bool](t, tab, `window.tongke !== undefined && document.fonts.status === "loaded"`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: the page draws nothing", state)
		}
	}
}

type screen struct{ w, h int64 }

// faults looks at what is drawn: text that is cut off, a page that scrolls, targets that are too small, and contrast against the ground
// that the style sheets give. It answers with sentences.
const faults = `(() => {
	const out = [];
	const upright = innerHeight > innerWidth; // a phone, read from near
	const u = upright ? innerWidth / 960 : Math.min(innerHeight / 1080, innerWidth / 1920);
	const colour = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
	const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; } return [15, 20, 25, 1]; };
	const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 0;
	if (document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth) out.push("the page scrolls");
	for (const e of document.querySelectorAll("body *")) {
		if (!seen(e)) continue;
		const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== "");
		const name = e.id || e.className?.baseVal || e.className || e.tagName;
		if (text) {
			const size = parseFloat(getComputedStyle(e).fontSize) / u;
			const a = light(colour(getComputedStyle(e).color)), b = light(ground(e));
			const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < (size >= 63.5 ? 4.5 : 7) && e.textContent !== "●") out.push(name + ": contrast " + ratio.toFixed(1) + " at " + size.toFixed(0) + " u");
			if (size < 35.9) out.push(name + ": " + size.toFixed(0) + " u");
			const style = getComputedStyle(e), q = e.getBoundingClientRect();
			// the box of words within a line is as high as the font, not as the line
			const spare = style.display === "inline" ? Math.max(0, (1.448 * parseFloat(style.fontSize) - parseFloat(style.lineHeight)) / 2) : 0;
			const r = {left: q.left, right: q.right, top: q.top + spare, bottom: q.bottom - spare};
			if (r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1) out.push(name + ": outside the screen");
			for (let p = e; p && p !== document.body; p = p.parentElement) {
				const o = p.getBoundingClientRect();
				const cuts = getComputedStyle(p).overflow !== "visible";
				if (cuts && (r.right > o.right + 1 || r.bottom > o.bottom + 1 || r.left < o.left - 1 || r.top < o.top - 1)) out.push(name + " is cut by " + (p.id || p.className || p.tagName) + ": " + e.textContent);
			}
		}
		if (e.matches("button, input")) {
			const r = e.getBoundingClientRect();
			if (upright ? Math.min(r.width, r.height) < 47.5 : Math.min(r.width, r.height) / u < 109.5) out.push(name + ": target of " + (Math.min(r.width, r.height) / u).toFixed(0) + " u");
		}
	}
	return out;
})()`

// TestStates draws every state at every size, in both languages and at the smallest and largest type: nothing is cut, nothing scrolls,
// contrast and targets are as the screens' rules say.
func TestStates(t *testing.T) {
	tab := start(t)
	at := samples(t).URL
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080)))
	open(t, tab, at, "live", "zh", 1)
	states := eval[[]string](t, tab, `tongke.states`)
	if len(states) < 30 {
		t.Fatalf("%d states", len(states))
	}
	type drawn struct {
		State, Shows string
		Faults       []string
	}
	for _, c := range []struct {
		screen
		scale float64
	}{{screen{1920, 1080}, 1}, {screen{1920, 1080}, 1.12}, {screen{1920, 1080}, 1.5}, {screen{1366, 768}, 1.12}, {screen{390, 844}, 1.12}} {
		must(t, tab.Do(chromedp.EmulateViewport(c.w, c.h)))
		for _, lang := range []string{"zh", "en"} {
			open(t, tab, at, "live", lang, c.scale)
			for _, d := range eval[[]drawn](t, tab, `tongke.states.map((state) => ({State: state, Shows: tongke.show(state), Faults: `+faults+`}))`) {
				if want, _, _ := strings.Cut(d.State, "+"); d.Shows != want {
					t.Errorf("%s: shows %s", d.State, d.Shows)
				}
				for _, f := range d.Faults {
					t.Errorf("%s %s %dx%d scale %v: %s", d.State, lang, c.w, c.h, c.scale, f)
				}
			}
		}
	}
}

// Without the flag there are no demo states.
func TestNoDemoStates(t *testing.T) {
	tab := start(t)
	h, err := console.Handler()
	must(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	must(t, tab.Open(s.URL+"/class?state=live"))
	time.Sleep(500 * time.Millisecond)
	if eval[bool](t, tab, `window.tongke?.states !== undefined`) {
		t.Error("the page shows what is not so")
	}
}
