package library_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/testbench/browser"
)

// choose sets the dialog: the piece whose name is what, and from when to when; "" is the whole lesson.
func choose(t *testing.T, tab *browser.Tab, what, from, to string) {
	t.Helper()
	do(t, tab, `document.querySelector("#other").click(); [...document.querySelectorAll("#menu button")].find((b) => b.innerText === "删掉一部分").click()`)
	await(t, tab, `document.querySelector("#erase").open`)
	do(t, tab, `[...document.querySelectorAll("#erase-what label")].find((l) => l.innerText.trim() === "`+what+`").click()`)
	if from == "" {
		do(t, tab, `document.querySelector("#erase-whole").click()`)
	} else {
		do(t, tab, `document.querySelector("#erase-from").value = "`+from+`"; document.querySelector("#erase-to").value = "`+to+`"`)
	}
	do(t, tab, `document.querySelector("#erase-do").click()`)
}

const streams = `desk.detail.streams.map((s) => s.name)`

// Somebody's voice goes, then a stretch of everything: asked once more, told, and gone from the box.
func TestErase(t *testing.T) {
	s := newSchool(t)
	tab := chromium(t)
	script := s.script("music-3", "三年级", 3*time.Minute)
	script.Floor, script.Pupils, script.Info.Scope = map[string][2]time.Duration{"sanhe": {time.Minute, 2 * time.Minute}}, []string{"sanhe"}, "+pupils"
	s.make("music-3", script)
	s.known("music-3", true)

	must(t, tab.Open(s.URL+"/library?lang=zh#music-3"))
	await(t, tab, playing)
	complaints(t, tab)
	if items := eval[string](t, tab, `(document.querySelector("#other").click(), document.querySelector("#menu").innerText)`); contains(items, "删") {
		t.Errorf("who only may watch is offered %q", items)
	}
	s.signIn(tab)
	must(t, tab.Open("about:blank"))
	must(t, tab.Open(s.URL+"/library?lang=zh#music-3"))
	await(t, tab, playing+` && document.querySelectorAll("#pupils figure").length === 1`)
	complaints(t, tab)

	choose(t, tab, "三河小学的声音", "", "")
	await(t, tab, `document.querySelector("#sure").open`)
	if text := eval[string](t, tab, `document.querySelector("#sure-text").innerText`); text != "整节课删掉三河小学的声音？删掉就再也找不回来" {
		t.Errorf("asks %q", text)
	}
	do(t, tab, `document.querySelector("#sure-no").click()`) // not yet
	if list := eval[[]string](t, tab, streams); !slices.Contains(list, "voice:sanhe") || !eval[bool](t, tab, `document.querySelector("#erase").open`) {
		t.Fatalf("no is no: %q", list)
	}
	do(t, tab, `document.querySelector("#erase-do").click(); document.querySelector("#sure-yes").click()`)
	await(t, tab, `document.querySelector("#note").innerText === "已删掉整节课的三河小学的声音"`)
	if list := eval[[]string](t, tab, streams); slices.Contains(list, "voice:sanhe") || !slices.Contains(list, "voice") || !slices.Contains(list, "pupils:sanhe") {
		t.Errorf("left %q", list)
	}

	choose(t, tab, "所有的画面和声音", "0:50", "0:40")
	await(t, tab, `document.querySelector("#erase .error").innerText.includes("12:31")`) // the wrong way round
	do(t, tab, `document.querySelector("#erase-to").value = "1:20"; document.querySelector("#erase-do").click(); document.querySelector("#sure-yes").click()`)
	await(t, tab, `document.querySelector("#note").innerText === "已删掉 0:50 到 1:20：所有的画面和声音"`)
	if gaps := eval[[]string](t, tab, `desk.detail.gaps.map((g) => g.cause + " " + Math.round(g.fromMs / 1000) + " " + Math.round(g.toMs / 5000) * 5)`); !slices.ContainsFunc(gaps, func(g string) bool { return strings.HasPrefix(g, "erased 50 8") }) {
		t.Errorf("gaps %q", gaps)
	}
	do(t, tab, `desk.player.jump(45); desk.player.play()`)
	await(t, tab, playing)
	do(t, tab, `desk.player.jump(49)`)
	await(t, tab, `desk.player.at > 80 && document.querySelector("#skipped span").innerText.startsWith("跳过删掉的")`)
	if list := eval[[]string](t, tab, `window.complaints`); len(list) > 0 {
		t.Errorf("%q", list)
	}
}
