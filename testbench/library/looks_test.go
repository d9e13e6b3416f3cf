package library_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
)

// looks audits a state of the page in every window and keeps its pictures.
func looks(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	sizes := browser.Sizes
	if os.Getenv("SCREENS") == "" { // each state in one window: which differs by language
		sizes = sizes[len(sizes)-1:]
		if strings.HasSuffix(name, "zh") {
			sizes = browser.Sizes[:1]
		}
	}
	for _, size := range sizes {
		must(t, browser.Resize(tab, size))
		do(t, tab, `new Promise((r) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => r())), 50))`) // what a new width moves
		faults, err := browser.Audit(tab)
		must(t, err)
		for _, f := range faults {
			t.Errorf("%s at %v: %s", name, size, f)
		}
		must(t, browser.Shoot(tab, name+"-"+size.String()))
	}
	controls, err := browser.Controls(tab)
	must(t, err)
	for _, c := range controls {
		if c.Name == "" {
			t.Errorf("%s: a %s without a name", name, c.Role)
		}
	}
	must(t, browser.Resize(tab, browser.Sizes[0]))
	if list := eval[[]string](t, tab, `window.complaints ?? []`); len(list) > 0 {
		t.Errorf("%s: %q", name, list)
	}
}

func complaints(t *testing.T, tab *browser.Tab) {
	t.Helper()
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`window.complaints = [];
		addEventListener("securitypolicyviolation", (e) => complaints.push(e.violatedDirective + " " + e.blockedURI));
		addEventListener("error", (e) => complaints.push(String(e.message)));
		addEventListener("unhandledrejection", (e) => complaints.push(String(e.reason)));`)))
}

func do(t *testing.T, tab *browser.Tab, script string) {
	t.Helper()
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise)))
}

// Every state of the page, in both languages and three windows.
func TestLooks(t *testing.T) {
	s := newSchool(t)
	tab := chromium(t)
	must(t, tab.Open(s.URL+"/library?lang=zh"))
	await(t, tab, `document.querySelector("#none").innerText.includes("还没有录像")`)
	looks(t, tab, "empty-zh")

	whole := s.script("shuxue-2", "分数的初步认识", 12*time.Minute)
	whole.Info.Subject, whole.Info.Teacher, whole.Begin = "数学", "王老师", whole.Begin.Add(-50*time.Hour)
	s.make("shuxue-2", whole)
	gap := s.script("music-3", "三年级", 10*time.Minute)
	gap.Missing = [][2]time.Duration{{5 * time.Minute, 5*time.Minute + 25*time.Second}}
	gap.Floor = map[string][2]time.Duration{"sanhe": {time.Minute, 2 * time.Minute}, "wuyang": {4 * time.Minute, 5 * time.Minute}}
	gap.Pupils = []string{"sanhe", "wuyang"}
	gap.Info.Scope = "+pupils"
	s.make("music-3", gap)
	alone := s.script("yuwen-1", "荷塘月色", 3*time.Minute)
	alone.Info.Subject, alone.Board = "语文", false
	s.make("yuwen-1", alone)
	for _, id := range []string{"shuxue-2", "music-3", "yuwen-1"} {
		s.known(id, true)
	}
	_, err := s.lib.Protect("shuxue-2", true)
	must(t, err)
	live := s.script("english-5", "My day", 2*time.Minute)
	live.Info.Subject, live.Open, live.Begin = "英语", true, time.Now().Add(-2*time.Minute)
	running := s.make("english-5", live)
	s.known("english-5", false)

	languages := []string{"en"} // the longer words; TestPlayer looks at the others
	if os.Getenv("SCREENS") != "" {
		languages = []string{"zh", "en"}
	}
	for _, lang := range languages {
		s.states(tab, lang)
	}
	must(t, running.Close())
}

// states walks through the page as the screen beside the box, then as the administrator.
func (s *school) states(tab *browser.Tab, lang string) {
	t := s.t.(*testing.T)
	t.Helper()
	open := func(hash string) {
		t.Helper()
		must(t, tab.Open("about:blank"))
		must(t, tab.Open(s.URL+"/library?lang="+lang+hash))
		complaints(t, tab)
	}
	open("")
	await(t, tab, `document.querySelectorAll("#list li").length === 4`)
	looks(t, tab, "list-"+lang)
	open("#music-3")
	await(t, tab, playing)
	do(t, tab, `desk.player.jump(65)`)
	await(t, tab, playing)
	looks(t, tab, "player-"+lang)
	for i, layout := range []string{"board", "teacher", "only"} {
		press(t, tab, fmt.Sprint(i+2))
		looks(t, tab, "layout-"+layout+"-"+lang)
	}
	press(t, tab, "1")
	do(t, tab, `desk.player.jump(298.5)`)
	await(t, tab, `document.querySelector("#skipped").checkVisibility()`)
	looks(t, tab, "skipped-"+lang)
	do(t, tab, `document.querySelector("#other").click()`)
	looks(t, tab, "menu-"+lang)
	do(t, tab, `document.querySelector("#menu button").click()`)
	await(t, tab, `document.querySelector("#download").open`)
	looks(t, tab, "download-forbidden-"+lang)
	do(t, tab, `document.querySelector("#download").close(); desk.player.pause()`)
	press(t, tab, "?")
	looks(t, tab, "keys-"+lang)
	do(t, tab, `document.querySelector("#help").close()`)
	do(t, tab, `desk.trouble("recording-preparing")`)
	looks(t, tab, "trouble-"+lang)
	do(t, tab, `desk.trouble(""); desk.block()`)
	looks(t, tab, "begin-"+lang)
	open("#yuwen-1")
	await(t, tab, playing)
	looks(t, tab, "no-board-"+lang)
	open("#english-5")
	await(t, tab, `document.querySelector("#live-keys").checkVisibility() && ["playing", "waiting"].includes(document.querySelector("#stage").dataset.state) && document.querySelector("#board video").readyState >= 2`)
	looks(t, tab, "live-"+lang)
	open("#nothing")
	await(t, tab, `document.querySelector("#said").innerText !== ""`)
	looks(t, tab, "unknown-"+lang)

	s.signIn(tab)
	open("")
	await(t, tab, `document.querySelector("#disk").checkVisibility()`)
	looks(t, tab, "admin-list-"+lang)
	open("#music-3")
	await(t, tab, playing+` && document.querySelectorAll("#pupils figure").length === 2`)
	do(t, tab, `desk.player.jump(65)`)
	await(t, tab, playing)
	looks(t, tab, "pupils-"+lang)
	must(t, browser.Resize(tab, browser.Sizes[len(browser.Sizes)-1]))
	await(t, tab, `[...document.querySelectorAll("#pupils video")].every((v) => Math.abs(v.clientWidth / v.clientHeight - 16 / 9) < 0.05)`) // also where they are below the keys
	must(t, browser.Resize(tab, browser.Sizes[0]))
	do(t, tab, `desk.player.pause(); document.querySelector("#other").click()`)
	looks(t, tab, "admin-menu-"+lang)
	do(t, tab, `document.querySelector("#menu button").click()`)
	await(t, tab, `document.querySelectorAll("#choices label").length === 3`)
	looks(t, tab, "download-"+lang)
	do(t, tab, `document.querySelector("#download-do").click()`)
	await(t, tab, `document.querySelectorAll("#jobs a").length === 2`)
	looks(t, tab, "downloaded-"+lang)
	do(t, tab, `document.querySelector("#download").close(); document.querySelector("#other").click(); [...document.querySelectorAll("#menu button")].at(-2).click()`)
	await(t, tab, `document.querySelectorAll("#erase-what label").length > 5`)
	looks(t, tab, "erase-"+lang)
	do(t, tab, `document.querySelector("#erase-to").value = "0:01"; document.querySelector("#erase-do").click()`)
	looks(t, tab, "erase-times-"+lang)
	do(t, tab, `document.querySelector("#erase-to").value = "1:20"; document.querySelector("#erase-do").click()`)
	looks(t, tab, "erase-sure-"+lang)
	do(t, tab, `document.querySelector("#sure-no").click(); document.querySelector("#erase").close(); document.querySelector("#other").click(); [...document.querySelectorAll("#menu button")].at(-1).click()`)
	await(t, tab, `document.querySelector("#sure").open`)
	looks(t, tab, "delete-"+lang)
	do(t, tab, `document.querySelector("#sure-no").click(); fetch("/api/v1/session", {method: "DELETE"}).then(() => (window.out = true))`)
	await(t, tab, `window.out`)
}
