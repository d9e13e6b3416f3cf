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

// filmed is a lesson whose teacher and whose class are filmed by network cameras.
type filmed struct {
	*house
	id             string
	at, port       string // of the cameras
	off            func() // takes their power
	teacher, class *browser.Tab
}

// newFilmed starts cameras and boxes. The class's camera is added by the page.
func newFilmed(t *testing.T) *filmed {
	t.Helper()
	f := &filmed{house: newHouse(t, schools[0], schools[1]), id: "filmed"}
	f.port, f.off = netCamera(t, "0")
	f.at = "rtsp://127.0.0.1:" + f.port + "/"
	f.teacher = chromium(t)
	f.class = another(t, f.teacher)
	f.boxes[0].call(t, "POST", "/api/v1/cameras", map[string]any{"name": "讲台", "url": f.at + "main", "sub": f.at + "sub"}, nil)
	addCamera(t, f.class, f.boxes[1], f.at)
	f.lesson(f.id, schools[1])
	return f
}

// typeIn fills fields of a form as a person does.
func typeIn(t testing.TB, tab *browser.Tab, fields map[string]string) {
	t.Helper()
	for id, text := range fields {
		eval[bool](t, tab, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %q; return e.dispatchEvent(new Event("input", { bubbles: true })); })()`, id, text))
	}
}

// addCamera signs in at a box's page with a telephone, tries a camera at a wrong address, then at the right one, adds it, and signs out.
func addCamera(t testing.TB, tab *browser.Tab, b *box, at string) {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(b.dir, "admin-password"))
	must(t, err)
	open(t, tab, b.url("/device?lang=zh"), probe{})
	must(t, tab.Do(chromedp.EmulateViewport(390, 844)))
	key := func(name string) { press(t, tab, fmt.Sprintf(`document.querySelector('[data-key="%s"]')`, name)) }
	shows(t, tab, "the box", `document.querySelector('[data-key="place-settings"]')?.checkVisibility()`)
	if eval[bool](t, tab, `document.querySelector('[data-key="place-cameras"]') !== null`) {
		t.Error("the screen, where nobody has signed in, has the cameras")
	}
	eval[bool](t, tab, fmt.Sprintf(`(fetch("/api/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user: "admin", password: %q }) }).then(() => location.reload()), true)`, strings.TrimSpace(string(password))))
	shows(t, tab, "the places", `document.querySelector('[data-key="place-cameras"]')?.checkVisibility()`)
	key("place-cameras")
	shows(t, tab, "no camera", `document.querySelector('[data-key="camera-add"]')?.checkVisibility() && document.getElementById("cameras").innerText.includes("还没有网络摄像头")`)
	key("camera-add")
	typeIn(t, tab, map[string]string{"cam-name": "后墙", "cam-url": at + "nothing"})
	key("camera-test")
	shows(t, tab, "what is wrong", `document.getElementById("camera-found")?.innerText.includes("摄像头上没有这路画面")`)
	picture(t, tab, "device-wrong")
	typeIn(t, tab, map[string]string{"cam-url": at + "ball"})
	key("camera-test")
	shows(t, tab, "what was seen", `document.getElementById("camera-found")?.innerText.includes("640×360")`)
	picture(t, tab, "device-tried")
	key("camera-save")
	shows(t, tab, "the camera", `document.querySelector(".camera.good h3")?.innerText === "后墙" && document.querySelector(".camera").innerText.includes("连得上")`)
	picture(t, tab, "device-list")
	press(t, tab, `document.querySelector('[data-key^="change-"]')`)
	typeIn(t, tab, map[string]string{"cam-password": "geheim"})
	press(t, tab, `document.getElementById("out")`)
	shows(t, tab, "nothing of it for who comes next", `document.getElementById("cam-password") === null && document.querySelector(".camera") === null`)
}

// TestNetworkCameras teaches a lesson whose teacher and whose class are filmed by network cameras, one of which was added by the page of the
// device: no page opens a camera, the pictures are there, and a cover takes the class's away and its connection with it. With NETCAMERA, which may
// name a folder for pictures of the pages, a camera loses its power as well, and comes back.
func TestNetworkCameras(t *testing.T) {
	if out, err := exec.Command("/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None); assert Gst.ElementFactory.find('x264enc')").CombinedOutput(); err != nil {
		t.Skipf("no gst-rtsp-server here, .ci/run says what it needs: %s", out[max(0, len(out)-200):])
	}
	f := newFilmed(t)
	open(t, f.teacher, f.boxes[0].url("/teach/"+f.id+"#token="+f.boxes[0].token(t, f.id, "teacher", "")), teacherProbe)
	open(t, f.class, f.boxes[1].url("/class"), calledProbe)
	shows(t, f.teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	press(t, f.teacher, `document.querySelector("#start")`)
	wallIs(t, f.class, "live")
	f.pictures(t)

	holdC(t, f.class)
	shows(t, f.class, "the cover", `document.querySelector("#own").innerText.includes("镜头已遮")`)
	eventually(t, patience, "no connection to the covered camera", func() bool { return cameraState(t, f.boxes[1], "后墙") == "off" })
	shows(t, f.teacher, "that it is covered", tile(schools[1])+`.innerText.includes("镜头已遮")`)
	picture(t, f.teacher, "teach-covered")
	if os.Getenv("NETCAMERA") != "" {
		f.power(t)
	}
	f.boxes[0].call(t, "POST", "/api/v1/lessons/"+f.id+"/end", nil, nil)
	for i, name := range []string{"讲台", "后墙"} {
		eventually(t, patience, "rest after the lesson", func() bool { return cameraState(t, f.boxes[i], name) == "off" })
	}
	for _, b := range f.boxes {
		b.stop(os.Interrupt)
		if log := b.said.String(); strings.Contains(log, "rtsp://") {
			t.Errorf("an address in the log of %s", b.name)
		}
	}
}

// pictures looks at what the pages show of the cameras.
func (f *filmed) pictures(t *testing.T) {
	t.Helper()
	shows(t, f.class, "the teacher by the camera", moving(`document.querySelector("#teacher video, video#teacher, #tiles .teacher video") ?? [...document.querySelectorAll("video")].find((v) => v.videoWidth === 1280)`, 1280))
	shows(t, f.teacher, "the class by the camera", tile(schools[1])+`?.querySelector("video")?.videoWidth === 640`)
	shows(t, f.teacher, "the own camera", `[...document.querySelectorAll("#preview video, video#preview, #preview")].some((v) => v.videoWidth > 0)`)
	shows(t, f.class, "the own picture", `document.querySelector("#own video")?.videoWidth === 640`)
	if eval[bool](t, f.class, `tongke.camera !== "off"`) || eval[bool](t, f.class, `tongke.sent.some((s) => s.source === "pupils")`) || eval[bool](t, f.teacher, `tongke.sent.some((s) => s.source === "teacher")`) {
		t.Error("a page opens its own camera")
	}
	shows(t, f.class, "the sign", `document.getElementById("signs").innerText.includes("◉") || document.getElementById("signs").innerText.includes("镜头")`)
	shows(t, f.teacher, "how late the class sees the teacher", `tongke.lesson.rooms[0].delayMs > 0`)
	t.Logf("from capture to the class's screen: %d ms", eval[int](t, f.teacher, `tongke.lesson.rooms[0].delayMs`))
	picture(t, f.teacher, "teach")
	picture(t, f.class, "class")
}

// power uncovers the class's camera, and takes both cameras' power away and gives it back.
func (f *filmed) power(t *testing.T) {
	t.Helper()
	holdC(t, f.class)
	shows(t, f.teacher, "the class again", tile(schools[1])+`?.querySelector("video")?.videoWidth === 640 && !`+tile(schools[1])+`.innerText.includes("镜头已遮")`)
	f.off()
	eventually(t, patience, "the camera away", func() bool { return cameraState(t, f.boxes[0], "讲台") != "live" })
	_, _ = netCamera(t, f.port)
	mended := time.Now()
	eventually(t, patience, "the camera back", func() bool { return cameraState(t, f.boxes[0], "讲台") == "live" })
	t.Logf("live %v after the camera had its power again", time.Since(mended).Round(10*time.Millisecond))
	eval[bool](t, f.class, `(window.before = tongke.frames.teacher, true)`)
	shows(t, f.class, "the teacher again", `tongke.frames.teacher > before + 25`)
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
