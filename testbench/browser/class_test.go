package browser_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
	"tongke/testbench/lesson"
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

// page is window.tongke.
type page struct {
	State  string `json:"state"`
	Frames struct{ Teacher, Board int }
	Audio  struct{ Concealed, Total float64 }
	Words  string
}

func look(t *testing.T, tab *browser.Tab) page {
	t.Helper()
	return eval[page](t, tab, `({state: tongke.state, frames: tongke.frames, audio: tongke.audio, words: document.getElementById("words").textContent})`)
}

func until(t *testing.T, tab *browser.Tab, within time.Duration, what string, ok func(page) bool) page {
	t.Helper()
	var p page
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if p = look(t, tab); ok(p) {
			return p
		}
	}
	t.Fatalf("not within %v: %s; the page is %+v", within, what, p)
	return p
}

func is(state string) func(page) bool { return func(p page) bool { return p.State == state } }

// shot keeps a screenshot in $SCREENS for a person to look at, if that is set.
// judge reads what the page draws and sounds until it was good for a while: stamps that advance, and a voice. A machine that is busy with
// other things gets several tries.
func judge(t *testing.T, tab *browser.Tab, span time.Duration) {
	t.Helper()
	must(t, browser.ReadStamps(tab, map[string]string{"teacher": "#teacher video", "board": "#board video"}))
	var faults []string
	const patience = time.Minute
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if faults = watchFor(t, tab, span); len(faults) == 0 {
			return
		}
	}
	t.Errorf("not good for %v within %v; at last: %s; %s", span, patience, strings.Join(faults, "; "), tab.Busy())
}

// watchFor tells what is wrong with the pictures and the voice of the next span.
func watchFor(t *testing.T, tab *browser.Tab, span time.Duration) (faults []string) {
	t.Helper()
	names := map[string]struct {
		fps float64
		bit uint32
	}{"teacher": {30, 0}, "board": {12, lesson.StampBoard}}
	stamps := func(name string) browser.Stamps {
		s, err := browser.StampsOf(tab, name)
		must(t, err)
		s.Samples = nil
		return s
	}
	page := look(t, tab)
	before := map[string]browser.Stamps{"teacher": stamps("teacher"), "board": stamps("board")}
	time.Sleep(span)
	for name, want := range names {
		s, b := stamps(name), before[name]
		drawn, read, distinct := s.Drawn-b.Drawn, s.Read-b.Read, s.Distinct-b.Distinct
		t.Logf("%s: %d drawn, %d read, %d distinct in %v, longest pause %.0f ms, %d px wide", name, drawn, read, distinct, span, s.Longest, s.Width)
		// A third of the frame rate: a busy machine draws fewer.
		if float64(distinct) < want.fps*span.Seconds()/3 || read < drawn*95/100 || s.Last&lesson.StampBoard != want.bit {
			faults = append(faults, fmt.Sprintf("%s: %+v", name, s))
		}
	}
	after := look(t, tab)
	total, concealed := after.Audio.Total-page.Audio.Total, after.Audio.Concealed-page.Audio.Concealed
	t.Logf("voice: %v of %v samples concealed", concealed, total)
	if total < 48000*span.Seconds()/2 || concealed > total*0.05 {
		faults = append(faults, fmt.Sprintf("voice: %v of %v samples concealed in %v", concealed, total, span))
	}
	return faults
}

// The same page on the product's own relay instead of a bare one.
// Where the browser wants a gesture before sound, the page says so, shows the pictures meanwhile, and a tap is enough.
// A monkey at the keyboard leaves the lesson as it was.
// The choice of the sentence, as a table, in the engine that runs it.
