package browser_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

var (
	han = regexp.MustCompile(`\p{Han}`)
	// what is the same in every language: keys of a code, devices, names
	either = regexp.MustCompile(`^(.|English|中文|fake_.*|Fake .*|[a-z0-9.:/-]+)$`)
	// Chromium's own words inside a field for a date or a file
	foreign = regexp.MustCompile(`^(Show date picker|Month|Day|Year|Choose File)\b`)
)

// told are the controls of a page.
func told(t *testing.T, tab *browser.Tab) []browser.Control {
	t.Helper()
	all, err := browser.Controls(tab)
	must(t, err)
	return all
}

// read waits for that many controls, and looks whether each has a name in the page's language.
func read(t *testing.T, tab *browser.Tab, what, lang string, least int) {
	t.Helper()
	all := told(t, tab)
	for end := time.Now().Add(15 * time.Second); len(all) < least && time.Now().Before(end); all = told(t, tab) {
		time.Sleep(50 * time.Millisecond)
	}
	if len(all) < least {
		t.Errorf("%s in %s has %d controls, want %d: %q", what, lang, len(all), least, all)
	}
	for _, c := range all {
		switch {
		case strings.TrimSpace(c.Name) == "":
			t.Errorf("%s in %s: a %s without a name", what, lang, c.Role)
		case either.MatchString(c.Name) || foreign.MatchString(c.Name):
		case han.MatchString(c.Name) != (lang == "zh"):
			t.Errorf("%s in %s: a %s is called %q", what, lang, c.Role, c.Name)
		}
	}
}

// TestScreenReader walks the pages as a screen reader is given them.
func TestScreenReader(t *testing.T) {
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	tab := start(t)
	for _, p := range []struct {
		path  string
		least int    // controls
		langs string // where they differ by more than words
	}{
		{"/class?state=live", 1, "zh en"}, {"/class?state=fresh", 30, "zh"}, {"/teach/demo?state=before", 8, "zh en"}, {"/teach/demo?state=live", 17, "zh en"}, {"/teach/demo?state=stopped", 19, "zh"},
		{"/teach/demo?state=write", 4, "en"}, {"/teach/demo?state=stored", 3, "zh"}, {"/assist?state=live", 13, "zh en"}, {"/assist?state=wrong", 2, "zh"}, {"/?state=signin", 3, "en"},
		{"/?state=today", 10, "zh en"}, {"/?state=rooms", 8, "en"}, {"/?state=plan", 8, "zh"},
	} {
		for _, lang := range strings.Fields(p.langs) {
			must(t, tab.Open(srv.URL+p.path+"&lang="+lang))
			await(t, tab, `window.tongke?.states !== undefined`)
			read(t, tab, p.path, lang, p.least)
		}
	}
}

// overhear notes what live regions of a page tell from now on.
const overhear = `window.heard = [];
new MutationObserver((changes) => {
	for (const c of changes) {
		const at = c.target.nodeType === 1 ? c.target : c.target.parentElement;
		const live = at?.closest("[aria-live], [role=status], [role=alert]");
		if (live && live.getAttribute("aria-live") !== "off" && (c.type === "characterData" || c.addedNodes.length > 0)) {
			heard.push(c.type === "characterData" ? at.textContent : [...c.addedNodes].map((n) => n.textContent).join(""));
		}
	}
}).observe(document.body, { subtree: true, childList: true, characterData: true });`

// TestTeachUnseen teaches a whole lesson by Tab, Enter and the keys of the list, and hears what a screen reader tells of it.
func TestTeachUnseen(t *testing.T) {
	tab := start(t)
	p := newPodium(t, 2)
	p.lesson["state"] = "waiting"
	must(t, tab.Open(p.url+"/teach/music?lang=zh"))
	shows(t, tab, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#mirror video")`)
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](overhear)))
	reach := func(what, script string) {
		t.Helper()
		for range 40 {
			must(t, tab.Do(chromedp.KeyEvent("\t")))
			if eval[bool](t, tab, `document.activeElement !== document.body && `+script) {
				if ring := eval[string](t, tab, `getComputedStyle(document.activeElement).outlineWidth`); ring != "3px" {
					t.Errorf("%s has a focus ring of %s", what, ring)
				}
				return
			}
		}
		t.Fatalf("Tab does not come to %s", what)
	}
	hears := func(what string) {
		t.Helper()
		shows(t, tab, "to those who listen: "+what, fmt.Sprintf(`heard.filter((s) => s.includes(%q)).length > 0`, what))
		if n := eval[int](t, tab, fmt.Sprintf(`heard.filter((s) => s.includes(%q)).length`, what)); n != 1 {
			t.Errorf("%q was told %d times", what, n)
		}
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`heard.length = 0`)))
	}
	reach("上课", `document.activeElement.id === "start"`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	p.requested(t, `{"type":"lesson.start"}`)
	p.change(map[string]any{"state": "live"}, 0, nil)
	shows(t, tab, "the lesson", `tongke.phase === "in"`)

	p.change(nil, 1, map[string]any{"hand": time.Now().UnixMilli(), "handOrder": 1})
	hears("第2小学：① 举手")
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	p.requested(t, `{"room":"r1","type":"floor.call"}`)
	hears("第2小学：正在发言")
	p.change(nil, 1, map[string]any{"hand": 0})
	must(t, tab.Do(chromedp.KeyEvent(kb.Escape)))
	p.requested(t, `{"type":"floor.release"}`)
	hears("第2小学：发言结束")
	reach("a tile", `document.activeElement.matches(".tile .call")`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	p.requested(t, `{"room":"r0","type":"floor.call"}`)
	hears("第1小学：正在发言")
	must(t, tab.Do(chromedp.KeyEvent(" ")))
	p.requested(t, `{"room":"r0","type":"floor.release"}`)
	hears("第1小学：发言结束")
	must(t, tab.Do(chromedp.KeyEvent("s")))
	shows(t, tab, "the board", `!document.querySelector("#inset").classList.contains("empty")`)
	p.change(map[string]any{"notes": []any{map[string]any{"id": 1, "from": "assistant", "room": "r0", "kind": "phrase", "code": "board", "at": time.Now().UnixMilli(), "seen": false}}}, 0, nil)
	hears("第1小学：看不清黑板")
	p.change(nil, 0, map[string]any{"state": "lost"})
	hears("第1小学：掉线")
	p.change(nil, 0, map[string]any{"state": "live"})
	hears("第1小学：回来了")
	p.change(map[string]any{"stale": true}, 0, nil)
	shows(t, tab, "how long it has been", `/（[4-9] 秒）|（2 秒）/.test(document.querySelector("#lesson .message").innerText)`)
	hears("和课堂断开了")
	p.change(map[string]any{"stale": false}, 0, nil)

	reach("下课", `document.activeElement.id === "end"`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	shows(t, tab, "the question, with the safe answer", `document.querySelector("#sure").open && document.activeElement.id === "sure-no"`)
	read(t, tab, "the question", "zh", 2)
	reach("下课 of the question", `document.activeElement.id === "sure-yes"`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	p.requested(t, `{"confirm":true,"type":"lesson.end"}`)
	p.change(map[string]any{"state": "ended", "endedAt": time.Now().UnixMilli()}, 0, nil)
	shows(t, tab, "the end", `tongke.phase === "after"`)
}
