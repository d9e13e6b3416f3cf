package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/signaling/console"
	"tongke/testbench"
	"tongke/testbench/browser"
	"tongke/testbench/lesson"
	"tongke/testbench/onebox"
	"tongke/testbench/peer"
	"tongke/testbench/peer/bare"
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

// box is the least that the page needs: the pages, a bare relay for media, and a switch.
type box struct {
	*httptest.Server

	mu    sync.Mutex
	relay *bare.Relay // nil: the box is down
}

func newBox(t *testing.T) *box {
	t.Helper()
	pages, err := console.Handler()
	if err != nil {
		t.Fatal(err)
	}
	b := &box{}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	media := func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		relay := b.relay
		b.mu.Unlock()
		if relay == nil {
			panic(http.ErrAbortHandler) // the connection is closed without an answer
		}
		relay.ServeHTTP(w, r)
	}
	mux.HandleFunc("/whip/", media)
	mux.HandleFunc("/whep/", media)
	b.Server = httptest.NewServer(mux)
	b.start(t)
	t.Cleanup(func() { b.stop(); b.Close() })
	return b
}

func (b *box) start(t *testing.T) {
	t.Helper()
	relay, err := bare.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.relay = relay
	b.mu.Unlock()
}

func (b *box) stop() {
	b.mu.Lock()
	relay := b.relay
	b.relay = nil
	b.mu.Unlock()
	if relay != nil {
		relay.Close()
	}
}

// teach runs a teacher until the returned function is called.
func teach(t *testing.T, url string) (stop func()) {
	t.Helper()
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: url, Lesson: "music-3"}, l, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		_ = teacher.Run(ctx)
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
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
func shot(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	dir := os.Getenv("SCREENS")
	if dir == "" {
		return
	}
	png, err := browser.Run(tab, chromedp.CaptureScreenshot())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

func TestClassPageShowsAndSoundsTheLesson(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.URL+"/class/music-3#token=secret")))
	until(t, tab, 5*time.Second, "waits for the teacher", is("wait.teacher"))
	shot(t, tab, "wait")
	stopTeacher := teach(t, b.URL)
	p := until(t, tab, 10*time.Second, "live", is("live"))
	if p.Words != "正在上课" {
		t.Errorf("it says %q", p.Words)
	}
	judge(t, tab, 4*time.Second)
	shot(t, tab, "live")
	if address := eval[string](t, tab, `location.href`); address != b.URL+"/class/music-3" {
		t.Errorf("the address still is %s", address)
	}
	if eval[bool](t, tab, `document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth`) {
		t.Error("the page scrolls")
	}
	stopTeacher()
	until(t, tab, 5*time.Second, "teacher.down", is("teacher.down"))
	shot(t, tab, "teacher-down")
	teach(t, b.URL)
	until(t, tab, 10*time.Second, "live again", is("live"))
	b.stop()
	until(t, tab, 5*time.Second, "box.restart", is("box.restart"))
	shot(t, tab, "box-restart")
	b.start(t)
	frames := look(t, tab).Frames
	until(t, tab, 10*time.Second, "pictures from the restarted box", func(p page) bool { return p.Frames.Teacher > frames.Teacher+5 })
	until(t, tab, 5*time.Second, "live at last", is("live"))
	must(t, tab.Do(chromedp.EmulateViewport(390, 844)))
	time.Sleep(300 * time.Millisecond)
	shot(t, tab, "phone")
	must(t, tab.Do(chromedp.EmulateViewport(1366, 768)))
	time.Sleep(300 * time.Millisecond)
	shot(t, tab, "laptop")
}

// judge reads what the page draws and sounds until it was good for a while: stamps that advance, and a voice. A machine that is busy with
// other things gets several tries.
func judge(t *testing.T, tab *browser.Tab, span time.Duration) {
	t.Helper()
	must(t, browser.ReadStamps(tab, map[string]string{"teacher": "#teacher video", "board": "#board video"}))
	var faults []string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if faults = watchFor(t, tab, span); len(faults) == 0 {
			return
		}
	}
	t.Errorf("not good for %v within 30 s; at last: %s", span, strings.Join(faults, "; "))
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
func TestClassPageOnTheRelay(t *testing.T) {
	tab := start(t)
	b, err := onebox.Start(nil)
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	teach(t, b.URL)
	time.Sleep(time.Second)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.URL+"/class/music-3?lang=en")))
	opened := time.Now()
	p := until(t, tab, 10*time.Second, "live", is("live"))
	t.Logf("live %v after the page was loaded", time.Since(opened).Round(time.Millisecond))
	if p.Words != "Lesson in progress" {
		t.Errorf("it says %q", p.Words)
	}
	judge(t, tab, 4*time.Second)
}

// Where the browser wants a gesture before sound, the page says so, shows the pictures meanwhile, and a tap is enough.
func TestTapOpensTheSound(t *testing.T) {
	tab := start(t, chromedp.Flag("autoplay-policy", "user-gesture-required"))
	b, err := onebox.Start(nil)
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	teach(t, b.URL)
	time.Sleep(time.Second)
	must(t, tab.Do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(b.URL+"/class/music-3")))
	p := until(t, tab, 10*time.Second, "tap, with pictures", func(p page) bool { return p.State == "tap" && p.Frames.Teacher > 0 })
	if p.Words != "点一下屏幕，打开声音" {
		t.Errorf("it says %q", p.Words)
	}
	shot(t, tab, "tap")
	must(t, tab.Do(chromedp.MouseClickXY(200, 200)))
	until(t, tab, 5*time.Second, "live", is("live"))
	if paused := eval[bool](t, tab, `document.getElementById("sound").paused`); paused {
		t.Error("no sound after the tap")
	}
}

// A monkey at the keyboard leaves the lesson as it was.
func TestKeysChangeNothing(t *testing.T) {
	tab := start(t)
	b, err := onebox.Start(nil)
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	teach(t, b.URL)
	time.Sleep(time.Second)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.URL+"/class/music-3")))
	until(t, tab, 10*time.Second, "live", is("live"))
	eval[bool](t, tab, `window.untouched = true`)
	for _, key := range []string{kb.Escape, kb.F5, kb.F11, kb.Backspace, kb.Enter, kb.PageDown, kb.Tab, kb.ArrowDown, " ", "h", "p"} {
		must(t, tab.Do(chromedp.KeyEvent(key)))
	}
	must(t, tab.Do(chromedp.KeyEvent("r", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent("p", chromedp.KeyModifiers(chromedp.ModifierCtrl)),
		chromedp.KeyEvent(kb.ArrowLeft, chromedp.KeyModifiers(chromedp.ModifierAlt)),
		chromedp.MouseClickXY(700, 400, chromedp.ButtonRight), chromedp.MouseClickXY(1600, 900)))
	time.Sleep(500 * time.Millisecond)
	if !eval[bool](t, tab, `window.untouched === true && getSelection().toString() === "" && scrollY === 0 && innerWidth === 1920`) {
		t.Error("the page was loaded again, scrolled, or has a selection")
	}
	if p := look(t, tab); p.State != "live" {
		t.Errorf("the page is %+v", p)
	}
}

// The choice of the sentence, as a table, in the engine that runs it.
func TestSentences(t *testing.T) {
	tab := start(t)
	b, err := onebox.Start(nil)
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	must(t, tab.Open(b.URL+"/"))
	const now = 1_000_000
	for _, c := range []struct {
		name   string
		facts  string // what differs from a lesson that has run well for long
		before string
		want   string
	}{
		{"runs well", ``, "live", "live"},
		{"just opened", `started: false, answered: false, dataAt: 0, flowingSince: 0`, "joining", "joining"},
		{"no teacher yet", `started: false, dataAt: 0, flowingSince: 0`, "joining", "wait.teacher"},
		{"1.9 s without data", `dataAt: now - 1900`, "live", "live"},
		{"2 s without data", `dataAt: now - 2000`, "live", "teacher.down"},
		{"2 s without data, the lesson's box cannot be heard", `dataAt: now - 2000, stale: true`, "live", "link.down"},
		{"a minute without data, the lesson's box cannot be heard", `dataAt: now - 60000, stale: true`, "link.down", "link.long"},
		{"the lesson is over", `dataAt: now - 2000, ended: true`, "live", "ended"},
		{"over before it was opened", `started: false, dataAt: 0, flowingSince: 0, refusedStatus: 404, ended: true`, "joining", "ended"},
		{"data for 2.9 s again", `flowingSince: now - 2900`, "teacher.down", "teacher.down"},
		{"data for 3 s again", `flowingSince: now - 3000`, "teacher.down", "live"},
		{"first data after waiting", `flowingSince: now - 100`, "wait.teacher", "live"},
		{"own box away for 1 s, data still comes", `unreachableSince: now - 1000`, "live", "live"},
		{"own box away for 2 s", `unreachableSince: now - 2000, dataAt: now - 2500`, "live", "box.restart"},
		{"another box away for 2 s", `unreachableSince: now - 2000, dataAt: now - 2500, beside: false`, "live", "link.down"},
		{"another box away for a minute", `unreachableSince: now - 60000, dataAt: 0, beside: false`, "link.down", "link.long"},
		{"token refused", `started: false, refusedStatus: 401`, "joining", "refused"},
		{"cannot decode", `started: false, refusedStatus: 422`, "joining", "codec"},
		{"unknown lesson", `started: false, dataAt: 0, flowingSince: 0, refusedStatus: 404`, "joining", "wait.teacher"},
		{"sound blocked", `soundBlocked: true`, "live", "tap"},
	} {
		got := eval[string](t, tab, fmt.Sprintf(`(async () => {
			const { sentence } = await import("/console/state.js");
			const now = %d;
			const good = {now, started: true, dataAt: now - 100, flowingSince: now - 60000, answered: true, unreachableSince: 0, beside: true,
				refusedStatus: 0, stale: false, ended: false, soundBlocked: false};
			return sentence({...good, %s}, {state: %q, since: 0}).state;
		})()`, now, c.facts, c.before))
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
