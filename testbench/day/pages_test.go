package day_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
)

//go:embed hooks.js
var hooksJS string

// film is a camera or a board.
type film struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	FPS    int `json:"fps"`
}

// voice is a microphone.
type voice struct {
	Tone   float64 `json:"tone,omitempty"` // Hz
	Speech bool    `json:"speech,omitempty"`
	Gain   float64 `json:"gain"`
}

// probe is what hooks.js gives a page. What is nil is Chromium's own fake device.
type probe struct {
	Camera *film  `json:"camera,omitempty"`
	Voice  *voice `json:"voice,omitempty"`
	Board  *film  `json:"board,omitempty"`
	Listen bool   `json:"listen"`         // to all that comes
	Deaf   bool   `json:"deaf,omitempty"` // no microphone
	Look   string `json:"look,omitempty"` // at the pictures of this name
}

// chromium starts Chromium, or skips or fails the test.
func chromium(t testing.TB, more ...chromedp.ExecAllocatorOption) *browser.Tab {
	t.Helper()
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	var tab *browser.Tab
	var err error
	for range 3 { // a busy machine is slow to start it
		if tab, err = browser.Start(context.Background(), t.TempDir(), append([]chromedp.ExecAllocatorOption{chromedp.Flag("accept-lang", "zh-CN")}, more...)...); err == nil {
			break
		}
	}
	must(t, err)
	t.Cleanup(tab.Close)
	return tab
}

// another opens one more tab.
func another(t testing.TB, tab *browser.Tab) *browser.Tab {
	t.Helper()
	next, err := tab.NewTab()
	must(t, err)
	t.Cleanup(next.Close)
	return next
}

// open loads a page as a wall screen or a desk of 1920 × 1080 sees it, with what p gives it.
func open(t testing.TB, tab *browser.Tab, url string, p probe) {
	t.Helper()
	config, err := json.Marshal(p)
	must(t, err)
	source := fmt.Sprintf("window.probeConfig = %s;\n%s", config, hooksJS)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
		return err
	}), chromedp.Navigate(url)))
}

func eval[T any](t testing.TB, tab *browser.Tab, script string) T {
	t.Helper()
	v, err := browser.Eval[T](tab, script)
	must(t, err)
	return v
}

// patience is how long a page may take to show what it must; the machine is busy with other things.
const patience = 40 * time.Second

// shows waits until a page shows something.
func shows(t testing.TB, tab *browser.Tab, what, script string) {
	t.Helper()
	showsIn(t, tab, patience, what, script)
}

func showsIn(t testing.TB, tab *browser.Tab, within time.Duration, what, script string) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(30 * time.Millisecond) {
		ok, err := browser.Eval[bool](tab, `(() => !!(`+script+`))()`)
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			said, _ := browser.Eval[string](tab, `document.body.innerText.slice(0, 800) + " | " + (window.tongke?.state ?? window.tongke?.phase ?? "")`)
			t.Fatalf("not within %v: %s (%v); the page says %q", within, what, err, said)
		}
	}
}

// wallIs waits until a wall screen is in a state.
func wallIs(t testing.TB, tab *browser.Tab, state string) {
	t.Helper()
	shows(t, tab, state, fmt.Sprintf(`window.tongke?.state === %q`, state))
}

// press clicks what an expression names, and gives the page's time of it, in ms since 1970.
func press(t testing.TB, tab *browser.Tab, element string) float64 {
	t.Helper()
	return eval[float64](t, tab, `(() => { const e = `+element+`; const at = probe.wall(); e.click(); return at; })()`)
}

// tile is a campus's tile on the teacher's page.
func tile(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".tile")].find((e) => e.textContent.includes(%q))`, name)
}
