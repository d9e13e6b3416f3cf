package browser_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// frame says what a page lacks for those who do not see it: a language, landmarks, a heading, a place where sentences are told.
const frame = `(() => {
	const out = [];
	if (!/^(zh-CN|en)$/.test(document.documentElement.lang)) out.push("lang " + document.documentElement.lang);
	if (document.title.trim() === "") out.push("no title");
	if (document.querySelectorAll("main").length !== 1) out.push("not one main");
	if (document.querySelector("[aria-live], [role=status]") === null) out.push("nothing is told");
	for (const e of document.querySelectorAll("[aria-labelledby]")) if (e.checkVisibility() && !e.getAttribute("aria-labelledby").split(" ").every((id) => document.getElementById(id))) out.push("a label that is not there: " + e.id);
	for (const e of document.querySelectorAll("button, a[href], input, select, textarea, [tabindex='0']")) {
		if (!e.checkVisibility()) continue;
		const name = e.getAttribute("aria-label") || [...(e.labels ?? [])].map((l) => l.textContent).join("") || e.textContent || e.title;
		if (name.trim().length === 0 || /^[⋯?]$/.test(name.trim())) out.push("no name that says the effect: " + (e.id || e.className));
		if (e.tabIndex > 0) out.push("an order of its own: " + e.id);
	}
	return out;
})()`

// TestFrames looks at the bones of every page: language, landmarks, names.
func TestFrames(t *testing.T) {
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	tab := start(t)
	for _, path := range []string{"/class?state=hand.up", "/class?state=fresh", "/teach/demo?state=live", "/teach/demo?state=before", "/teach/demo?state=stored", "/assist?state=live", "/assist?state=enter", "/?state=today", "/?state=rooms", "/?state=people"} {
		for _, lang := range []string{"zh", "en"} {
			must(t, tab.Open(srv.URL+path+"&lang="+lang))
			await(t, tab, `window.tongke?.states !== undefined`)
			time.Sleep(100 * time.Millisecond)
			for _, f := range eval[[]string](t, tab, frame) {
				t.Errorf("%s in %s: %s", path, lang, f)
			}
		}
	}
	must(t, tab.Open(srv.URL+"/assist?state=live&lang=zh"))
	await(t, tab, `window.tongke?.states !== undefined`)
	if got, want := strings.Join(reached(t, tab), " "), "say-unclear say-board say-fast say-done say-question write cover big board quieter louder help language"; got != want {
		t.Errorf("on the assistant's phone Tab comes to %q, want %q", got, want)
	}
}

// TestTeachByKeyboard prepares and teaches a lesson without a pointer, at twice the size.
func TestTeachByKeyboard(t *testing.T) {
	tab := start(t)
	must(t, browser.Resize(tab, browser.Size{Width: 683, Height: 384})) // 1366 × 768 at twice the size
	p := newPodium(t, 2)
	p.lesson["state"] = "waiting"
	must(t, tab.Open(p.url+"/teach/music"))
	shows(t, tab, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#mirror video")`)
	if got, want := strings.Join(reached(t, tab), " "), "share-first camera microphone source music with-pupils record start /teach/music?lang=en"; got != want {
		t.Errorf("before the lesson Tab comes to %q, want %q", got, want)
	}
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#start").focus()`), chromedp.KeyEvent(kb.Enter)))
	p.requested(t, `{"type":"lesson.start"}`)
	p.change(map[string]any{"state": "live"}, 1, map[string]any{"hand": time.Now().UnixMilli(), "handOrder": 1})
	shows(t, tab, "the lesson", `tongke.phase === "in"`)
	names := eval[[]string](t, tab, `[...document.querySelectorAll("#tiles button, #first button")].filter((e) => e.checkVisibility()).map((e) => e.getAttribute("aria-label") ?? e.textContent)`)
	if got, want := strings.Join(names, " | "), "点名 第2小学 | 点名 第1小学, 听得清 | 更多：第1小学 | 点名 第2小学, ① 举手 | 更多：第2小学"; got != want {
		t.Errorf("the names are %q, want %q", got, want)
	}
	if got := strings.Join(reached(t, tab), " "); !strings.HasPrefix(got, "点名 end mute share from layout") || !strings.Contains(got, "第1小学") {
		t.Errorf("in the lesson Tab comes to %q", got)
	}
	faults, err := browser.Audit(tab)
	must(t, err)
	for _, f := range faults {
		t.Errorf("at twice the size: %s", f)
	}
	focus := func(selector string) {
		t.Helper()
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).focus()`, selector))))
	}
	focus(".tile .call")
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	p.requested(t, `{"room":"r0","type":"floor.call"}`)
	shows(t, tab, "the tile keeps the focus and says that it takes the floor back", `document.activeElement.getAttribute("aria-label").startsWith("请坐") && document.activeElement.getAttribute("aria-pressed") === "true"`)
	must(t, tab.Do(chromedp.KeyEvent(" ")))
	p.requested(t, `{"room":"r0","type":"floor.release"}`)
	focus(".tile .more")
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	shows(t, tab, "a menu with the focus in it", `document.activeElement.getAttribute("role") === "menuitem" && document.activeElement.textContent === "只静音"`)
	must(t, tab.Do(chromedp.KeyEvent(kb.ArrowUp)))
	shows(t, tab, "the last of it", `document.activeElement.textContent === "请本教室离开"`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	shows(t, tab, "the question, with the safe answer", `document.querySelector("#sure").open && document.activeElement.id === "sure-no"`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Escape)))
	p.requested(t)
	focus(".tile .more")
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter)))
	shows(t, tab, "the menu", `document.querySelector("[role=menu]") !== null`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Escape)))
	shows(t, tab, "no menu, the focus where it was", `document.querySelector("[role=menu]") === null && document.activeElement.className === "more"`)
	p.requested(t)
}
