package day_test

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// sounds notes in window.ear what a page decodes now: the loudest of its sounds, the codec and SSRC that it comes by, and how much of its energy came
// since the last look (W3C webrtc-stats: of what is put out).
const sounds = `(async () => {
	const before = window.energies ??= {};
	let out = { codec: "", ssrc: 0, gained: 0, packets: 0 };
	for (const pc of probe.pcs) {
		const stats = [...(await pc.getStats()).values()];
		for (const s of stats.filter((s) => s.type === "inbound-rtp" && s.kind === "audio")) {
			const gained = (s.totalAudioEnergy ?? 0) - (before[s.ssrc] ?? 0);
			before[s.ssrc] = s.totalAudioEnergy ?? 0;
			if (gained > out.gained) {
				out = { codec: stats.find((c) => c.id === s.codecId)?.mimeType ?? "", ssrc: s.ssrc, gained, packets: s.packetsReceived };
			}
		}
	}
	return window.ear = out;
})()`

type ear struct {
	Codec   string
	SSRC    uint32
	Gained  float64
	Packets int
}

// TestCameraSound: in a class without a microphone the network camera is heard, over the uplink and in the teacher's page, while the class has the
// floor and not otherwise; another class, whose page has a microphone, comes by the same slot before and after it: Opus, G.711, Opus. NETCAMERA=1.
func TestCameraSound(t *testing.T) {
	if os.Getenv("NETCAMERA") == "" {
		t.Skip("needs gst-rtsp-server and a minute: NETCAMERA=1 go test ./testbench/day -run CameraSound")
	}
	h := newHouse(t, schools...)
	port, _ := netCamera(t, "0")
	const id, opus, pcma = "heard", `["audio/red", "audio/opus"]`, `["audio/PCMA"]`
	h.boxes[1].call(t, "POST", "/api/v1/cameras", map[string]any{"name": "后墙", "url": "rtsp://127.0.0.1:" + port + "/sound", "sound": true}, nil)
	h.lesson(id, schools[1], schools[2])
	teacher := chromium(t)
	deaf, other := another(t, teacher), another(t, teacher)
	open(t, teacher, h.boxes[0].url("/teach/"+id+"#token="+h.boxes[0].token(t, id, "teacher", "")), teacherProbe)
	open(t, deaf, h.boxes[1].url("/class"), probe{Deaf: true})
	open(t, other, h.boxes[2].url("/class"), calledProbe)
	shows(t, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	press(t, teacher, `document.querySelector("#start")`)
	wallIs(t, deaf, "live")
	wallIs(t, other, "live")
	shows(t, teacher, "the class by the camera", tile(schools[1])+`?.querySelector("video")?.videoWidth === 640`)
	shows(t, teacher, "that the class can be heard", `tongke.lesson.rooms.every((r) => r.mic === true)`)
	if e := eval[ear](t, teacher, sounds); e.Gained > 0.001 {
		t.Errorf("without the floor the teacher hears %+v", e)
	}
	ssrcs := map[uint32]bool{}
	for _, call := range []struct{ school, codecs string }{{schools[2], opus}, {schools[1], pcma}, {schools[2], opus}, {schools[1], pcma}} {
		began := time.Now()
		press(t, teacher, tile(call.school)+`.querySelector(".call")`)
		shows(t, teacher, call.codecs, fmt.Sprintf(`(%s, %s.includes(window.ear?.codec) && window.ear.gained > 0.003)`, sounds, call.codecs))
		e := eval[ear](t, teacher, `window.ear`)
		t.Logf("%s after %v: %+v", call.school, time.Since(began).Round(10*time.Millisecond), e)
		ssrcs[e.SSRC] = true
		if call.codecs == pcma {
			wallIs(t, deaf, "floor.us")
			shows(t, teacher, "how loud it is", fmt.Sprintf(`tongke.lesson.rooms.some((r) => r.name === %q && r.level > 40 && r.quiet === false)`, schools[1]))
		}
		press(t, teacher, tile(call.school)+`.querySelector(".call")`)
		wallIs(t, deaf, "live")
		wallIs(t, other, "live")
	}
	if len(ssrcs) != 1 {
		t.Errorf("the voices came by %d slots", len(ssrcs))
	}
	for _, b := range h.boxes {
		b.stop(os.Interrupt)
	}
}
