package browser_test

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/testbench/browser"
)

// make makes a lesson at the core over its control socket, as its operator.
func (d *demo) make(t *testing.T, id string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(d.dir, "core", "control.sock"))
	}}}
	answer, err := c.Post("http://box/api/v1/lessons", "application/json", strings.NewReader(`{"id":"`+id+`","title":"音乐","campuses":"all"}`))
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("make a lesson: %s", answer.Status)
	}
}

// TestTeachACampus is an exchange as a teacher and a class see it: the teacher starts the lesson and calls on a campus with one tap, and the
// class reads that it is its turn; the same tile takes the floor back.
func TestTeachACampus(t *testing.T) {
	teacher := start(t)
	d := startDemo(t)
	d.make(t, "exchange")
	path, err := program()
	must(t, err)
	token, err := exec.Command(path, "token", "--data", filepath.Join(d.dir, "core"), "--lesson", "exchange", "--role", "teacher").Output()
	must(t, err)
	must(t, teacher.Open(d.Boxes[0].Local+"/teach/exchange#token="+strings.TrimSpace(string(token))))
	shows(t, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	class, err := teacher.NewTab()
	must(t, err)
	t.Cleanup(class.Close)
	must(t, class.Open(d.Boxes[1].Local+"/class"))
	press(t, teacher, "#start")
	shows(t, teacher, "the lesson", `tongke.phase === "in"`)
	shows(t, teacher, "media going out", `tongke.publishing === "connected"`)
	tile := `[...document.querySelectorAll(".tile")].find((e) => e.textContent.includes("` + d.Boxes[1].Name + `"))`
	shows(t, teacher, "a campus that can be called", tile+`?.querySelector(".call").getAttribute("aria-disabled") === "false"`)
	shows(t, class, "the lesson at the class", `window.tongke?.state === "live"`)

	from := time.Now()
	press(t, teacher, tile, `.querySelector(".call")`)
	shows(t, class, "its turn", `tongke.state === "floor.us"`)
	t.Logf("its turn %v after the tap", time.Since(from).Round(time.Millisecond))
	shows(t, teacher, "who speaks", tile+`.classList.contains("floor")`)
	shows(t, teacher, "the class's picture", tile+`.querySelector("video")?.videoWidth > 0`)
	must(t, browser.Shoot(teacher, "teach/exchange-floor"))
	must(t, browser.Shoot(class, "class/exchange-floor"))
	press(t, teacher, tile, `.querySelector(".call")`)
	shows(t, class, "the lesson again", `tongke.state === "live"`)

	press(t, teacher, "#share")
	shows(t, class, "the board", `document.querySelector("[aria-label='黑板']")?.videoWidth > 0`)

	phone, err := teacher.NewTab()
	must(t, err)
	t.Cleanup(phone.Close)
	must(t, phone.Open(d.Boxes[0].Local+"/teach/exchange?remote=1"))
	shows(t, phone, "the remote", `window.tongke?.phase === "in" && `+tile+` !== undefined`)
	press(t, phone, tile, `.querySelector(".call")`)
	shows(t, class, "its turn", `["floor.us", "floor.quiet"].includes(tongke.state)`)
	shows(t, phone, "whose turn it is", tile+`.querySelector(".call").ariaPressed === "true"`) // else the next press calls once more
	press(t, phone, tile, `.querySelector(".call")`)
	shows(t, class, "the lesson once more", `tongke.state === "live"`)

	// The core's box is killed: the lesson goes on by itself, and no page is loaded again.
	_, err = browser.Eval[bool](teacher, `window.kept = true`)
	must(t, err)
	from = time.Now()
	must(t, d.process(t, "core").Kill())
	shows(t, teacher, "that the lesson is away", `document.querySelector("#lesson .message").dataset.look === "bad" || tongke.publishing !== "connected"`)
	shows(t, teacher, "the lesson after the box came back", `kept && tongke.phase === "in" && tongke.publishing === "connected" && !document.querySelector("#lesson .message").innerText`)
	shows(t, class, "the lesson after the box came back", `tongke.state === "live"`)
	t.Logf("the lesson goes on %v after the box was killed", time.Since(from).Round(100*time.Millisecond))

	must(t, phone.Open(d.Boxes[0].Local+"/teach/exchange"))
	shows(t, phone, "that it is taught elsewhere", `window.tongke?.phase === "elsewhere"`)
	press(t, phone, "#ways button:last-child")
	shows(t, phone, "what the rooms see, and no pupils", `document.querySelector("#preview video")?.videoWidth > 0 && document.querySelector("#tiles video") === null`)
	must(t, phone.Open(d.Boxes[0].Local+"/teach/exchange"))
	shows(t, phone, "that it is taught elsewhere still", `window.tongke?.phase === "elsewhere"`)
	from = time.Now()
	press(t, phone, "#ways button")
	shows(t, phone, "the lesson on the other computer", `tongke.phase === "in" && tongke.publishing === "connected"`)
	t.Logf("taught from another page %v after the press", time.Since(from).Round(time.Millisecond))
	shows(t, teacher, "that it was taken over", `tongke.phase === "elsewhere"`)
	shows(t, class, "the lesson all the while", `tongke.state === "live"`)
	teacher = phone
	press(t, teacher, "#end")
	shows(t, teacher, "the question", `document.querySelector("#sure").open && document.activeElement.id === "sure-no"`)
	press(t, teacher, "#sure-yes")
	shows(t, teacher, "the end", `tongke.phase === "after"`)
	shows(t, class, "the end at the class", `["ended", "idle"].includes(tongke.state)`)
}

// shows waits until a page shows something.
func shows(t *testing.T, tab *browser.Tab, what, script string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ok, err := browser.Eval[bool](tab, `(() => !!(`+script+`))()`)
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			said, _ := browser.Eval[string](tab, `document.body.innerText.slice(0, 800)`)
			t.Fatalf("not shown: %s (%v); the page says %q", what, err, said)
		}
	}
}

// press presses what a selector, or an expression and what follows it, names.
func press(t *testing.T, tab *browser.Tab, what ...string) {
	t.Helper()
	script := `document.querySelector(` + "`" + what[0] + "`" + `)`
	if len(what) > 1 {
		script = strings.Join(what, "")
	}
	_, err := browser.Eval[bool](tab, `(() => { `+script+`.click(); return true; })()`)
	must(t, err)
}
