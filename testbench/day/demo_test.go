package day_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongke/testbench/browser"
)

// TestTeachTheDemo opens the teacher's page of the demo, whose lesson a synthetic teacher gives: the page says so, and goes on with it when
// asked to.
func TestTeachTheDemo(t *testing.T) {
	t.Parallel()
	teacher := chromium(t)
	path, err := program()
	must(t, err)
	dir := t.TempDir()
	cmd := exec.Command(path, "demo", "--dir", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var said strings.Builder
	cmd.Stderr = &said
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	var demo struct {
		Boxes []struct {
			Name  string
			Local string
			Pages map[string]string
		}
	}
	eventually(t, patience, "demo.json", func() bool {
		doc, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		return err == nil && json.Unmarshal(doc, &demo) == nil && len(demo.Boxes) == 3
	})
	class := another(t, teacher)
	open(t, class, demo.Boxes[1].Pages["class"], probe{Camera: &film{320, 180, 5}, Voice: &voice{Tone: 700, Gain: 0.3}})
	wallIs(t, class, "live")
	flows(t, class, 2*time.Second)

	open(t, teacher, demo.Boxes[0].Pages["teach"], probe{Camera: &film{640, 360, 15}, Voice: &voice{Tone: 440, Gain: 0.3}})
	shows(t, teacher, "that it is taught elsewhere", `window.tongke?.phase === "elsewhere" && document.body.innerText.includes("这节课正在另一台电脑上讲")`)
	press(t, teacher, `[...document.querySelectorAll("#ways button")].find((b) => b.textContent === "在这里接着讲")`)
	shows(t, teacher, "the lesson", `tongke.phase === "in" && tongke.publishing === "connected"`)
	shows(t, teacher, "the campuses", `document.querySelectorAll(".tile").length === 2`)
	shows(t, class, "this teacher, without the board that went", `document.querySelector("#teacher video")?.videoWidth > 0 && document.querySelector("#teacher video").videoWidth <= 640 && document.querySelector("#board video") === null`)
	// An assistant's phone, by the code on the wall screen; a box that only has loopback shows none.
	var phone *browser.Tab
	if code := eval[string](t, class, `tongke.facts.room.assist?.code ?? ""`); code != "" {
		phone = another(t, teacher)
		open(t, phone, demo.Boxes[1].Local+"/assist?lang=zh#"+code, probe{})
		must(t, browser.Resize(phone, browser.Size{Width: 390, Height: 844}))
		shows(t, phone, "the lesson on a phone", `document.getElementById("words").innerText === "正在上课" && document.getElementById("big-text").innerText.includes("举")`)
		press(t, phone, `document.getElementById("big")`)
		wallIs(t, class, "hand.up")
		press(t, phone, `document.querySelector("[data-phrase=unclear]")`)
		shows(t, teacher, "what the assistant says", `document.body.innerText.includes("听不清")`)
		must(t, browser.Shoot(phone, "assist/demo-hand"))
	}
	press(t, teacher, tile(demo.Boxes[1].Name)+`.querySelector(".call")`)
	wallIs(t, class, "floor.us")
	if phone != nil {
		shows(t, phone, "its turn", `document.getElementById("words").innerText.includes("轮到我们发言")`)
	}
	time.Sleep(3 * time.Second)
	wallIs(t, class, "floor.us")
	if !eval[bool](t, teacher, `tongke.phase === "in"`) {
		t.Error("the lesson was taken back")
	}
}
