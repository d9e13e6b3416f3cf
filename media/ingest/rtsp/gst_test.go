package rtsp

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// gst starts gst-rtsp-server as a camera, or skips the test, and returns the address of its streams.
func gst(t *testing.T, login ...string) string {
	t.Helper()
	const needs = "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
	if out, err := exec.Command("/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None); assert Gst.ElementFactory.find('x264enc')").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("no gst-rtsp-server here (%s); for this test: %s", lines[len(lines)-1], needs)
	}
	cmd := exec.Command("/usr/bin/python3", append([]string{"testdata/camera.py", "0"}, login...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var port int
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "ready %d", &port); err != nil {
		t.Fatalf("the camera says %q", line)
	}
	return fmt.Sprintf("rtsp://127.0.0.1:%d/", port)
}

// TestGstreamer: a camera that we did not write, with pictures of a real encoder.
func TestGstreamer(t *testing.T) {
	open, closed := gst(t), gst(t, "admin", "geheim")
	for _, c := range []struct {
		name string
		cfg  Config
		want string // fault; "" works
	}{
		{"tcp", Config{Main: open + "main", Sub: open + "sub", Transport: TCP}, ""},
		{"udp", Config{Main: open + "ball", Transport: UDP}, ""},
		{"digest", Config{Main: closed + "ball", User: "admin", Password: "geheim"}, ""},
		{"wrong password", Config{Main: closed + "ball", User: "admin", Password: "falsch"}, NoPassword},
		{"no password", Config{Main: closed + "ball"}, NoPassword},
		{"B-frames", Config{Main: open + "bframes"}, BFrames},
		{"MJPEG", Config{Main: open + "mjpeg"}, MJPEG},
		{"no such stream", Config{Main: open + "other"}, NoPath},
		{"sound", Config{Main: open + "sound", Transport: TCP, Sound: true}, ""},
		{"sound by udp", Config{Main: open + "ulaw", Transport: UDP, Sound: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Name = c.name
			r := newRoom(t)
			cam := New(c.cfg, r.logger())
			cam.Voice(voiceKey, true)
			ear := r.listens()
			stop := r.publish(cam)
			if c.want != "" {
				until(t, c.want, func() bool { f := cam.Status().Fault; return f != nil && f.Code == c.want })
				return
			}
			until(t, "two keyframes", func() bool { return keyframesIn(r.packets()) >= 2 })
			if c.cfg.Sub != "" {
				until(t, "both layers", func() bool { s := r.said(); return s[len(s)-1] == "[sub main]" })
			}
			s := cam.Status()
			t.Logf("%+v", s.Streams)
			for _, st := range s.Streams {
				if !st.Live || st.Width == 0 || st.Lost != 0 || st.Fault != nil {
					t.Errorf("%+v", st)
				}
				if (st.Sound == g711) != c.cfg.Sound {
					t.Errorf("sound %q", st.Sound)
				}
			}
			for _, p := range r.packets() {
				if len(p.payload) > maxPayload {
					t.Fatalf("payload of %d bytes", len(p.payload))
				}
			}
			if c.cfg.Sound {
				until(t, "sound", func() bool { return ear.count() > 25 })
				if l := cam.Loudness(); l < 60 { // a tone at 0.8 of full scale
					t.Errorf("loudness %d", l)
				}
			}
			stop()
			if got := cam.Status().State; got != Off {
				t.Errorf("state %s", got)
			}
		})
	}
}
