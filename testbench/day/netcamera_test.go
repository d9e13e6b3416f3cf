package day_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
)

// netCamera starts gst-rtsp-server as a network camera on a port, 0 for any, and returns the port and how to end it.
func netCamera(t testing.TB, port string) (string, func()) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", filepath.Join("..", "..", "media", "ingest", "rtsp", "testdata", "camera.py"), port)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(stop)
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "ready %s", &port); err != nil {
		t.Fatalf("the camera says %q", line)
	}
	return port, stop
}

// picture saves what a page shows where NETCAMERA names a folder, for somebody to look at.
func picture(t testing.TB, tab *browser.Tab, name string) {
	t.Helper()
	dir := os.Getenv("NETCAMERA")
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return
	}
	png, err := browser.Run(tab, chromedp.CaptureScreenshot())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

// moving is whether an element plays a picture of that width.
func moving(element string, width int) string {
	return fmt.Sprintf(`(() => { const v = %s; return v && v.videoWidth === %d && v.readyState > 2 && v.currentTime > 0; })()`, element, width)
}

// TestNetworkCameras teaches a lesson whose teacher and whose class are filmed by network cameras: no page opens a camera, the pictures are
// there, a cover takes the class's away and its connection with it, and a camera that was switched off comes back. NETCAMERA=1, or a folder for
// pictures of the pages.
func TestNetworkCameras(t *testing.T) {
	if os.Getenv("NETCAMERA") == "" {
		t.Skip("needs gst-rtsp-server: NETCAMERA=1 go test ./testbench/day -run NetworkCameras")
	}
	h := newHouse(t, schools[0], schools[1])
	port, off := netCamera(t, "0")
	at := "rtsp://127.0.0.1:" + port + "/"
	h.boxes[0].call(t, "POST", "/api/v1/cameras", map[string]any{"name": "讲台", "url": at + "main", "sub": at + "sub"}, nil)
	h.boxes[1].call(t, "POST", "/api/v1/cameras", map[string]any{"name": "后墙", "url": at + "ball"}, nil)
	var found struct {
		OK      bool
		Verdict struct{ ZH string }
		Streams []map[string]any
	}
	h.boxes[0].call(t, "POST", "/api/v1/cameras/test", map[string]any{"url": at + "main"}, &found)
	t.Logf("test: %+v", found)
	if !found.OK {
		t.Errorf("the try says %q", found.Verdict.ZH)
	}

	const id = "filmed"
	h.lesson(id, schools[1])
	teacher := chromium(t)
	class := another(t, teacher)
	open(t, teacher, h.boxes[0].url("/teach/"+id+"#token="+h.boxes[0].token(t, id, "teacher", "")), teacherProbe)
	open(t, class, h.boxes[1].url("/class"), calledProbe)
	shows(t, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	began := time.Now()
	press(t, teacher, `document.querySelector("#start")`)
	wallIs(t, class, "live")
	shows(t, class, "the teacher by the camera", moving(`document.querySelector("#teacher video, video#teacher, #tiles .teacher video") ?? [...document.querySelectorAll("video")].find((v) => v.videoWidth === 1280)`, 1280))
	t.Logf("picture %v after 上课", time.Since(began).Round(10*time.Millisecond))
	shows(t, teacher, "the class by the camera", tile(schools[1])+`?.querySelector("video")?.videoWidth === 640`)
	shows(t, teacher, "the own camera", `[...document.querySelectorAll("#preview video, video#preview, #preview")].some((v) => v.videoWidth > 0)`)
	shows(t, class, "the own picture", `document.querySelector("#own video")?.videoWidth === 640`)
	if eval[bool](t, class, `tongke.camera !== "off"`) || eval[bool](t, class, `tongke.sent.some((s) => s.source === "pupils")`) || eval[bool](t, teacher, `tongke.sent.some((s) => s.source === "teacher")`) {
		t.Error("a page opens its own camera")
	}
	shows(t, class, "the sign", `document.getElementById("signs").innerText.includes("◉") || document.getElementById("signs").innerText.includes("镜头")`)
	shows(t, teacher, "how late the class sees the teacher", `tongke.lesson.rooms[0].delayMs > 0`)
	t.Logf("from capture to the class's screen: %d ms; signs: %q", eval[int](t, teacher, `tongke.lesson.rooms[0].delayMs`), eval[string](t, class, `document.getElementById("signs").innerText`))
	picture(t, teacher, "teach")
	picture(t, class, "class")

	holdC(t, class)
	shows(t, class, "the cover", `document.querySelector("#own").innerText.includes("镜头已遮")`)
	eventually(t, patience, "no connection to the covered camera", func() bool { return cameraState(t, h.boxes[1], "后墙") == "off" })
	shows(t, teacher, "that it is covered", tile(schools[1])+`.innerText.includes("镜头已遮")`)
	picture(t, teacher, "teach-covered")
	holdC(t, class)
	shows(t, teacher, "the class again", tile(schools[1])+`?.querySelector("video")?.videoWidth === 640 && !`+tile(schools[1])+`.innerText.includes("镜头已遮")`)

	off()
	eventually(t, patience, "the camera away", func() bool { return cameraState(t, h.boxes[0], "讲台") != "live" })
	_, _ = netCamera(t, port)
	mended := time.Now()
	eventually(t, patience, "the camera back", func() bool { return cameraState(t, h.boxes[0], "讲台") == "live" })
	t.Logf("live %v after the camera had its power again", time.Since(mended).Round(10*time.Millisecond))
	eval[bool](t, class, `(window.before = tongke.frames.teacher, true)`)
	shows(t, class, "the teacher again", `tongke.frames.teacher > before + 25`)

	h.boxes[0].call(t, "POST", "/api/v1/lessons/"+id+"/end", nil, nil)
	for i, name := range []string{"讲台", "后墙"} {
		eventually(t, patience, "rest after the lesson", func() bool { return cameraState(t, h.boxes[i], name) == "off" })
	}
	for _, b := range h.boxes {
		if log := b.said.String(); strings.Contains(log, "rtsp://") {
			t.Errorf("an address in the log of %s", b.name)
		}
	}
}

// cameraState is what a box says of a camera.
func cameraState(t testing.TB, b *box, name string) string {
	t.Helper()
	var all []struct {
		Name   string
		Status struct{ State string }
	}
	b.call(t, "GET", "/api/v1/cameras", nil, &all)
	for _, c := range all {
		if c.Name == name {
			return c.Status.State
		}
	}
	return ""
}
