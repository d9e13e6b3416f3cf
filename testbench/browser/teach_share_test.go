package browser_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/testbench/browser"
)

// TestTeachShares shares the whole screen, which earns a warning, opens the small window over it, and plays music.
func TestTeachShares(t *testing.T) {
	tab := start(t)
	p := newPodium(t, 11)
	must(t, tab.Open(p.url+"/teach/music"))
	shows(t, tab, "the lesson", `window.tongke?.phase === "in" && document.querySelectorAll(".tile").length === 11`)
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`window.wanted = []; const open = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices);
		navigator.mediaDevices.getDisplayMedia = (o) => {
			wanted.push(o);
			return open(o).then((s) => { const [t] = s.getVideoTracks(), real = t.getSettings.bind(t); t.getSettings = () => ({ ...real(), displaySurface: "monitor" }); return s; });
		}`)))
	must(t, tab.Do(chromedp.Click("#share")))
	shows(t, tab, "the warning", `document.querySelectorAll("#lesson .message .acts button").length === 2 && document.querySelector("#lesson .message").dataset.look === "warn"`)
	shows(t, tab, "the board", `document.querySelector("#preview video")?.videoWidth > 0 && document.querySelector("#inset video")?.videoWidth > 0`)
	shows(t, tab, "a window is asked for, without this tab", `wanted[0].video.displaySurface === "window" && wanted[0].selfBrowserSurface === "exclude"`)
	must(t, tab.Do(chromedp.Click("#lesson .message .acts button:last-child")))
	shows(t, tab, "no warning", `document.querySelector("#lesson .message").innerText === ""`)

	// A page that is loaded anew has lost its board, and says so until somebody answers.
	must(t, tab.Do(chromedp.Reload()))
	shows(t, tab, "what was lost", `window.tongke?.phase === "in" && document.querySelector("#lesson .message").innerText.includes("共享已停止")`)
	must(t, tab.Do(chromedp.Click("#lesson .message .acts button:first-child")))
	shows(t, tab, "the board again", `document.querySelector("#preview video")?.videoWidth > 0 && !document.querySelector("#lesson .message").innerText.includes("共享已停止")`)
	must(t, tab.Do(chromedp.Reload()))
	shows(t, tab, "what was lost again", `window.tongke?.phase === "in" && document.querySelector("#lesson .message").innerText.includes("共享已停止")`)
	must(t, tab.Do(chromedp.Click("#lesson .message .acts button:last-child")))
	shows(t, tab, "that it is known", `document.querySelector("#lesson .message").innerText === ""`)
	must(t, tab.Do(chromedp.Reload()))
	shows(t, tab, "the lesson, and not that again", `window.tongke?.phase === "in" && document.querySelectorAll(".tile").length === 11 && document.querySelector("#lesson .message").innerText === ""`)
	must(t, tab.Do(chromedp.Click("#share")))
	shows(t, tab, "the board once more", `document.querySelector("#preview video")?.videoWidth > 0`)

	must(t, tab.Do(chromedp.Click("#small")))
	shows(t, tab, "the small window", `documentPictureInPicture.window?.document.querySelectorAll(".tile").length === 11`)
	shows(t, tab, "its rows", `(() => { const d = documentPictureInPicture.window.document; const r = d.querySelector(".call").getBoundingClientRect(); return r.height >= 48 && r.height <= 64 && getComputedStyle(d.querySelector(".picture")).display === "none"; })()`)
	_, err := browser.Eval[bool](tab, `(() => { documentPictureInPicture.window.document.querySelectorAll(".call")[4].click(); return true; })()`)
	must(t, err)
	p.requested(t, `{"room":"r4","type":"floor.call"}`)
	must(t, tab.Do(chromedp.KeyEvent("s")))
	shows(t, tab, "nothing shared", `document.querySelector("#inset").classList.contains("empty")`)

	// Music goes out as it is, until a campus is called: then its echo must be taken out.
	shows(t, tab, "a voice without echo", `tongke.echoFree`)
	p.change(map[string]any{"floor": []any{}, "music": true}, 0, nil)
	shows(t, tab, "music as it is", `!tongke.echoFree`)
	time.Sleep(500 * time.Millisecond) // both microphones are open
	took, err := browser.Eval[float64](tab, `new Promise((done) => { const from = performance.now(); document.querySelector(".call").click(); const t = setInterval(() => { if (tongke.echoFree) { clearInterval(t); done(performance.now() - from); } }, 5); })`)
	must(t, err)
	if took > 200 {
		t.Errorf("echo is taken out %.0f ms after the call, want at most 200", took)
	}
	must(t, tab.Do(chromedp.KeyEvent(kb.Escape)))
	shows(t, tab, "music again", `!tongke.echoFree`)
}
