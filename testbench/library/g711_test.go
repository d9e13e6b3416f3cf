package library_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/media/codec"
	"tongke/testbench/lesson"
)

// tone is a second of a square wave of 500 Hz in G.711, in packets of 20 ms.
func tone() *lesson.Clip {
	c := &lesson.Clip{Codec: codec.PCMA, Step: 160}
	for range 50 {
		var data []byte
		for i := range 160 {
			data = append(data, 0x15|byte(i/8%2)<<7)
		}
		c.Units = append(c.Units, lesson.Unit{Data: data, Keyframe: true})
	}
	return c
}

// listens is how loud the voice's element is for a second: the highest sample, and how many of the looks found sound.
const listens = `(async () => {
	const c = new AudioContext();
	const look = c.createAnalyser();
	c.createMediaStreamSource(document.querySelector("#sounds audio").captureStream()).connect(look);
	await c.resume();
	const samples = new Float32Array(look.fftSize);
	const out = { peak: 0, loud: 0 };
	for (let i = 0; i < 20; i++) {
		await new Promise((done) => setTimeout(done, 50));
		look.getFloatTimeDomainData(samples);
		const peak = Math.max(...samples.map(Math.abs));
		out.peak = Math.max(out.peak, peak);
		out.loud += peak > 0.01 ? 1 : 0;
	}
	return out;
})()`

// A lesson whose voice was heard by a network camera plays: FLAC beside H264, and after a jump.
func TestCameraVoiceLesson(t *testing.T) {
	s := newSchool(t)
	tab := chromium(t)
	script := s.script("camera-1", "三年级", 60*time.Second)
	script.Voice = tone()
	s.make("camera-1", script)
	s.known("camera-1", true)
	must(t, tab.Open(s.URL+"/library?lang=zh"))
	await(t, tab, `document.querySelectorAll("#list li").length === 1`)
	do(t, tab, probeJS)
	measure(t, tab, 0, 4, `document.querySelector("#list a.open").click()`)
	await(t, tab, playing)
	if mime := eval[string](t, tab, `desk.detail.streams.map((s) => s.mime).join()`); !contains(mime, `audio/mp4; codecs="flac"`) {
		t.Errorf("types %s", mime)
	}
	type heard struct {
		Peak float64
		Loud int
	}
	for _, at := range []string{"", `desk.player.jump(42)`} {
		if at != "" {
			must(t, tab.Do(chromedp.Evaluate[chromedp.Void](at)))
			await(t, tab, playing+` && document.querySelector("#sounds audio").currentTime > 42.5`)
		}
		h := eval[heard](t, tab, listens)
		t.Logf("after %q: %+v", at, h)
		if h.Peak < 0.01 || h.Loud < 3 {
			t.Errorf("after %q the voice is %+v", at, h)
		}
	}
	if got := eval[string](t, tab, `document.querySelector("#sounds audio").error?.message ?? ""`); got != "" {
		t.Error(got)
	}
}
