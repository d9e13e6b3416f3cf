package library_test

import (
	"encoding/binary"
	"os/exec"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/testbench/browser"
	"tongke/testbench/lesson"
)

// vp8 encodes a few seconds with ffmpeg's test pictures.
func vp8(t *testing.T, size string) *lesson.Clip {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size="+size+":rate=15", "-t", "4", "-pix_fmt", "yuv420p",
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-b:v", "300k", "-f", "ivf", "-").Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	c := &lesson.Clip{Codec: codec.VP8, Step: 6000}
	for b := out[32:]; len(b) > 12; {
		n := binary.LittleEndian.Uint32(b)
		c.Units = append(c.Units, lesson.Unit{Data: b[12 : 12+n], Keyframe: b[12]&1 == 0})
		b = b[12+n:]
	}
	return c
}

// A lesson of a browser without H264 plays as WebM, through changes of the fragments and a jump.
func TestVP8Lesson(t *testing.T) {
	s := newSchool(t)
	tab := chromium(t)
	script := s.script("vp8-1", "三年级", 90*time.Second)
	script.Camera, script.Slides = vp8(t, "640x360"), vp8(t, "320x180")
	s.make("vp8-1", script)
	s.known("vp8-1", true)
	must(t, tab.Open(s.URL+"/library?lang=zh"))
	await(t, tab, `document.querySelectorAll("#list li").length === 1`)
	do(t, tab, probeJS)
	open := measure(t, tab, 0, 4, `document.querySelector("#list a.open").click()`)
	await(t, tab, playing)
	jump := measure(t, tab, 61.8, 64, `desk.player.jump(62)`)
	await(t, tab, playing+` && document.querySelector("#sounds audio").currentTime > 62.5`)
	t.Logf("opened in %v ms, jumped in %v ms, fragments %v", open.Ms, jump.Ms, jump.Fragments)
	if mime := eval[string](t, tab, `desk.detail.streams.map((s) => s.mime).join()`); !contains(mime, "video/webm") || !contains(mime, "audio/webm") {
		t.Errorf("types %s", mime)
	}
	must(t, browser.Shoot(tab, "vp8"))
}
