package browser_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
)

// TestTeachCameras teaches with three cameras: one on the teacher, whose first picture at a class is sharp; one on the own pupils; and one on
// the chalk board, which is pulled out and pushed in again.
func TestTeachCameras(t *testing.T) {
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	teacher, err := browser.Start(t.Context(), t.TempDir(), chromedp.Flag("use-fake-device-for-media-stream", "device-count=3"))
	must(t, err)
	t.Cleanup(teacher.Close)
	d := startDemo(t)
	d.make(t, "cameras")
	path, err := program()
	must(t, err)
	token, err := exec.Command(path, "token", "--data", filepath.Join(d.dir, "core"), "--lesson", "cameras", "--role", "teacher").Output()
	must(t, err)
	class, err := teacher.NewTab()
	must(t, err)
	t.Cleanup(class.Close)
	must(t, browser.Resize(class, browser.Sizes[0]))
	must(t, class.Open(d.Boxes[1].Local+"/class/cameras"))
	must(t, teacher.Open(d.Boxes[0].Local+"/teach/cameras#token="+strings.TrimSpace(string(token))))
	shows(t, teacher, "before the lesson, three cameras", `window.tongke?.phase === "before" && document.querySelectorAll("#camera option").length === 3 && document.querySelector("#mirror video")?.videoWidth > 0`)
	shows(t, class, "the class waits", `window.tongke?.state === "wait.teacher"`)
	shows(t, teacher, "what can be kept", `[...document.querySelectorAll("#record option")].map((o) => o.textContent).join() === "不录,老师和黑板,老师、黑板和学生"`)
	_, err = browser.Eval[bool](teacher, `((s) => { s.value = "pupils"; s.dispatchEvent(new Event("change")); return true; })(document.querySelector("#record"))`)
	must(t, err)
	from := time.Now()
	press(t, teacher, "#start")
	shows(t, class, "the teacher", `document.querySelector("#teacher video")?.videoWidth > 0`)
	first := time.Since(from)
	shows(t, class, "the teacher, sharp", `document.querySelector("#teacher video")?.videoWidth >= 1280`)
	t.Logf("first picture %v after the start, sharp after %v", first.Round(10*time.Millisecond), time.Since(from).Round(10*time.Millisecond))

	for _, tab := range []*browser.Tab{teacher, class} {
		shows(t, tab, "what is kept", `document.querySelector("#signs").innerText.replaceAll("\n", "").includes("●录制 老师、黑板和学生")`)
	}

	choice := func(menu, text string) {
		t.Helper()
		press(t, teacher, menu)
		shows(t, teacher, "a menu with "+text, `[...document.querySelectorAll(".menu button")].some((b) => b.textContent.includes("`+text+`"))`)
		press(t, teacher, `[...document.querySelectorAll(".menu button")].find((b) => b.textContent.includes("`+text+`"))`, "")
	}
	choice("#from", "fake_device_2")
	shows(t, teacher, "the board camera beside the teacher's", `document.querySelector("#preview video")?.videoWidth > 0 && document.querySelector("#inset video")?.videoWidth > 0`)
	shows(t, class, "the board from a camera", `document.querySelector("#board video")?.videoWidth > 0`)
	shows(t, teacher, "text before motion", `document.querySelector("#preview video").srcObject.getVideoTracks()[0].contentHint === "detail"`)

	choice("#layout", "学生镜头")
	shows(t, teacher, "the sign of the second camera", `document.querySelector("#signs").innerText.includes("学生镜头开")`)
	sent := `(tongke.sent.find((s) => s.source === "pupils"))`
	shows(t, teacher, "a third camera on the pupils, in three layers, for the recorder wants it", sent+`?.live && `+sent+`.layers.length === 3 && `+sent+`.layers.some((l) => l.endsWith(":true"))`)
	shows(t, teacher, "three cameras, each for one thing", `new Set(["teacher", "pupils", "board"].map((x) => tongke.sent.find((s) => s.source === x).device)).size === 3`)
	choice("#less", "老师和黑板")
	press(t, teacher, "#sure-yes")
	for _, tab := range []*browser.Tab{teacher, class} {
		shows(t, tab, "less is kept", `document.querySelector("#signs").innerText.replaceAll("\n", "").includes("●录制 老师和黑板")`)
	}
	shows(t, teacher, "layers that rest, for nobody wants them", sent+`.layers.every((l) => l.endsWith(":false"))`)
	choice("#layout", "学生镜头")
	shows(t, teacher, "no sign of it", `!document.querySelector("#signs").innerText.includes("学生镜头开")`)

	choice("#from", "不共享")
	shows(t, class, "the teacher in the board's place", `document.querySelector("#board") === null && document.querySelector("#teacher").getBoundingClientRect().width > 1000`)
	from = time.Now()
	choice("#from", "fake_device_2")
	shows(t, class, "the board again, and it moves", `((v) => v?.videoWidth > 0 && v.getVideoPlaybackQuality().totalVideoFrames > 5)(document.querySelector("#board video"))`)
	t.Logf("a source that rested is back after %v", time.Since(from).Round(10*time.Millisecond))

	press(t, teacher, "#end")
	press(t, teacher, "#sure-yes")
	shows(t, teacher, "what is kept of it", `/^录好了，\d+ 分 \d+ 秒$/.test(document.querySelector("#stored-text").textContent) && document.querySelector("#stored").checkVisibility()`)
	if to, err := browser.Eval[string](teacher, `document.querySelector("#replay").getAttribute("href")`); err != nil || to != "/library#cameras" {
		t.Errorf("看回放 leads to %q (%v)", to, err)
	}
}
