package day_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/testbench/browser"
)

// tapPupils shows the class's camera, as the teacher's page receives it, a second time, and notes of each picture how light its lightest
// point is: whatever the page makes of a picture, nothing of the class may be in it.
const tapPupils = `(() => {
	const video = document.createElement("video");
	Object.assign(video, { id: "tap", muted: true, autoplay: true });
	video.style = "position: fixed; left: 0; top: 0; width: 64px; height: 36px; z-index: 9";
	document.body.append(video);
	const canvas = document.createElement("canvas");
	[canvas.width, canvas.height] = [64, 36];
	const pen = canvas.getContext("2d", { willReadFrequently: true });
	const seen = window.seen = [];
	const says = () => document.querySelector(".tile").innerText.includes("镜头已遮");
	const each = (now) => {
		pen.drawImage(video, 0, 0, 64, 36);
		const data = pen.getImageData(0, 0, 64, 36).data;
		let most = 0;
		for (let i = 0; i < data.length; i += 4) {
			most = Math.max(most, data[i], data[i + 1], data[i + 2]);
		}
		seen.push({ At: performance.timeOrigin + now, Light: most, Says: says() });
		video.requestVideoFrameCallback(each);
	};
	video.requestVideoFrameCallback(each);
	setInterval(() => {
		const slot = probe.bound.find((s) => s.source === "pupils");
		for (const pc of probe.pcs) {
			const t = slot && pc.connectionState === "connected" ? pc.getTransceivers().find((t) => t.mid === slot.mid && t.currentDirection === "recvonly") : undefined;
			if (t && video.srcObject?.getTracks()[0] !== t.receiver.track) {
				video.srcObject = new MediaStream([t.receiver.track]);
			}
		}
	}, 20);
	return true;
})()`

// TestCover holds C at a wall screen: the far end gets black pictures and says so, from the first to the last, and nothing of the class is
// seen between.
func TestCover(t *testing.T) {
	t.Parallel()
	h := newHouse(t, schools[0], schools[1])
	const id = "cover"
	h.lesson(id, schools[1])
	teacher := chromium(t)
	class := another(t, teacher)
	open(t, teacher, h.boxes[0].url("/teach/"+id+"#token="+h.boxes[0].token(t, id, "teacher", "")), teacherProbe)
	open(t, class, h.boxes[1].url("/class"), calledProbe)
	shows(t, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	press(t, teacher, `document.querySelector("#start")`)
	wallIs(t, class, "live")
	shows(t, teacher, "the class", tile(schools[1])+`?.querySelector("video")?.videoWidth > 0`)
	eval[bool](t, teacher, tapPupils)
	must(t, browser.ReadStamps(teacher, map[string]string{"tap": "#tap"}))
	shows(t, teacher, "pictures", `seen.filter((s) => s.Light > 100).length > 5 && stamps.tap.read > 5`)

	eval[bool](t, class, `(window.turned = [], setInterval(() => { if (tongke.facts.covered !== (turned.length % 2 === 1)) { turned.push(probe.wall()); } }, 2), true)`)
	holdC(t, class)
	shows(t, class, "the cover", `tongke.facts.covered && document.getElementById("signs").innerText.includes("镜头已遮") && document.querySelector("#own").innerText.includes("镜头已遮")`)
	shows(t, teacher, "black pictures, and what they are", `seen.filter((s) => s.Light < 40 && s.Says).length > 2`)
	time.Sleep(3 * time.Second)
	if eval[bool](t, class, `tongke.camera !== "off"`) {
		t.Error("the camera runs behind its cover")
	}
	holdC(t, class)
	shows(t, class, "the camera open", `turned.length === 2`)
	turned := eval[[]float64](t, class, `turned`)
	covered, opening := turned[0], turned[1]
	shows(t, teacher, "pictures again", `seen.slice(-5).every((s) => s.Light > 100 && !s.Says)`)

	type picture struct {
		At, Light float64
		Says      bool
	}
	all := eval[[]picture](t, teacher, `seen`)
	first, last := -1, -1
	for i, p := range all {
		if p.Light < 40 && p.At >= covered { // a decoder can begin with a black one
			if last = i; first < 0 {
				first = i
			}
		}
	}
	if first < 0 || last <= first {
		t.Fatalf("black pictures from %d to %d of %d", first, last, len(all))
	}
	for i, p := range all[first : last+1] {
		if p.Light >= 40 {
			t.Errorf("between black pictures number %d of %d shows something (%v)", i, last-first+1, p.Light)
		}
	}
	s, err := browser.StampsOf(teacher, "tap")
	must(t, err)
	const modulo = 1 << 23
	after := func(value, wall float64) bool { // whether a picture was drawn after a moment
		d := value - float64(int64(wall)%modulo)
		return d > 0 && d < modulo/2 || d < -modulo/2
	}
	for _, p := range s.Samples {
		if after(p[0], covered) && !after(p[0], opening-2000) { // a canvas that becomes a camera begins with its last picture
			t.Errorf("a picture of the class was drawn %.0f ms after it was covered, and was seen", p[0]-float64(int64(covered)%modulo))
		}
	}

	// A power cut opens nothing: the room covered it.
	holdC(t, class)
	h.boxes[1].stop(os.Kill)
	must(t, class.Do(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear()`), chromedp.Navigate("about:blank"))) // a kiosk opens a new window
	h.start(h.boxes[1])
	must(t, class.Do(chromedp.Navigate(h.boxes[1].url("/class"))))
	wallIs(t, class, "live")
	shows(t, class, "the cover after a power cut", `tongke.facts.covered && tongke.camera === "off" && document.getElementById("signs").innerText.includes("镜头已遮")`)

	t.Logf("%d black pictures; the first %.0f ms after the cover, with it said: %v", last-first+1, all[first].At-covered, all[first].Says)
}
