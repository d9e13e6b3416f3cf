package mux

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
)

// played is what the page tells of one codec.
type played struct {
	Error  string       `json:"error"`
	Ranges [][2]float64 `json:"ranges"` // buffered, of picture and sound together
	Sizes  []string     `json:"sizes"`  // of the pictures that were sought
	Drawn  int          `json:"drawn"`
	Seeks  []float64    `json:"seeks"` // ms from a seek to its picture
	Stalls int          `json:"stalls"`
	At     float64      `json:"at"`
}

const mseScript = `async (names) => Promise.all(names.map(async (name) => {
	const out = {error: "", ranges: [], sizes: [], drawn: 0, seeks: [], stalls: 0, at: 0};
	try {
		const list = await (await fetch("/" + name)).json();
		const video = document.body.appendChild(document.createElement("video"));
		video.muted = true;
		video.onerror = () => { out.error = video.error.message; };
		const source = new MediaSource();
		video.src = URL.createObjectURL(source);
		await new Promise((done) => source.addEventListener("sourceopen", done, {once: true}));
		await Promise.all(list.map(async (s) => {
			if (!MediaSource.isTypeSupported(s.mime)) throw new Error("not supported: " + s.mime);
			const buffer = source.addSourceBuffer(s.mime);
			for (let n = -1; n < s.fragments; n++) {
				const data = await (await fetch("/" + name + "/" + s.name + "/" + n)).arrayBuffer();
				buffer.appendBuffer(data);
				await new Promise((done) => buffer.addEventListener("updateend", done, {once: true}));
				if (out.error) throw new Error(s.name + " " + n + ": " + out.error);
			}
		}));
		source.endOfStream();
		const frame = () => {
			out.drawn++;
			video.requestVideoFrameCallback(frame);
		};
		for (const [at, width] of [[9.7, 640], [5.5, 320], [7.5, 640], [12.2, 320], [1.1, 640]]) { // in the gap, and in each size
			const from = performance.now();
			video.currentTime = at;
			await new Promise((done) => video.addEventListener("seeked", done, {once: true}));
			out.seeks.push(performance.now() - from);
			for (let n = 0; video.videoWidth !== width && n < 200; n++) await new Promise((done) => setTimeout(done, 50));
			out.sizes.push(video.videoWidth + "x" + video.videoHeight);
		}
		video.currentTime = 0.1;
		video.requestVideoFrameCallback(frame);
		video.onwaiting = () => out.stalls++;
		video.playbackRate = 3;
		await video.play();
		await new Promise((done) => { video.onended = done; setTimeout(done, 60000); });
		for (let i = 0; i < video.buffered.length; i++) out.ranges.push([video.buffered.start(i), video.buffered.end(i)]);
		out.at = video.currentTime;
	} catch (e) { out.error ||= String(e); }
	return out;
}))`

// TestMediaSource plays fragments in Chromium, over changes of size, a publisher that starts anew, a gap, and lost packets.
func TestMediaSource(t *testing.T) {
	if os.Getenv("BROWSER") == "0" {
		t.Skip("BROWSER=0")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium: apt-get install chromium (or leave out the browser tests with BROWSER=0)")
	}
	handler := http.NewServeMux()
	handler.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>MSE</title><body>")
	})
	codecs := []codec.Codec{codec.H264, codec.VP8}
	names := []string{}
	for _, c := range codecs {
		serve(t, handler, c)
		names = append(names, c.String())
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	alloc, stop := chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.NoSandbox,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("mute-audio", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	defer stop()
	tab, closeTab := chromedp.NewContext(alloc)
	defer closeTab()
	must(t, chromedp.Do(tab, chromedp.Navigate(server.URL)))
	arg, err := json.Marshal(names)
	must(t, err)
	got, err := chromedp.Run(tab, chromedp.Evaluate[[]played](fmt.Sprintf("(%s)(%s)", mseScript, arg), chromedp.EvalAwaitPromise))
	must(t, err)
	for i, p := range got {
		t.Logf("%v: %+v", codecs[i], p)
		if p.Error != "" {
			t.Errorf("%v: %s", codecs[i], p.Error)
		}
		if len(p.Ranges) != 1 || p.Ranges[0][0] > 0.1 || p.Ranges[0][1] < 13.9 {
			t.Errorf("%v: buffered %v", codecs[i], p.Ranges)
		}
		if p.At < 13.8 || p.Drawn < 1 {
			t.Errorf("%v: played up to %.1f s, %d pictures drawn", codecs[i], p.At, p.Drawn)
		}
		if want := []string{"640x360", "320x180", "640x360", "320x180", "640x360"}; !slices.Equal(p.Sizes, want) {
			t.Errorf("%v: sizes %v", codecs[i], p.Sizes)
		}
	}
}

// serve records a lesson of 14 s and serves it under the codec's name.
func serve(t *testing.T, handler *http.ServeMux, c codec.Codec) {
	t.Helper()
	s := newStudio(t)
	large, small := encoded(t, c, "640x360"), encoded(t, c, "320x180")
	low, again := teacherTrack, teacherTrack
	low.Layer, again.Gen = "l", 1
	s.record(t,
		&maker{track: teacherTrack, clip: large, to: 4 * time.Second},
		&maker{track: low, clip: small, from: 4 * time.Second, to: 7 * time.Second, lose: func(n int, _ journal.Packet) bool { return n == 70 }},
		&maker{track: teacherTrack, clip: large, from: 7 * time.Second, to: 8 * time.Second, seq: 9000, ts: 7 * 90000},
		&maker{track: again, clip: small, from: 11 * time.Second, to: 14 * time.Second},
		&maker{track: voiceTrack, clip: readClip(t, "voice"), to: 14 * time.Second, ppm: 300, lose: func(n int, p journal.Packet) bool {
			return n%40 == 9 || p.Capture > 9*time.Second && p.Capture < 10500*time.Millisecond
		}},
		&maker{track: cameraTrack, clip: g711Clip(codec.PCMA, 160, 4*time.Second), to: 14 * time.Second, ppm: -300, lose: func(n int, p journal.Packet) bool {
			return n%40 == 9 || p.Capture > 9*time.Second && p.Capture < 10500*time.Millisecond
		}},
	)
	m := index(t, s.end(t))
	type entry struct {
		Name      string `json:"name"`
		MIME      string `json:"mime"`
		Fragments int    `json:"fragments"`
	}
	var list []entry
	for _, st := range m.Streams() {
		list = append(list, entry{st.Name, st.MIME, len(st.Fragments)})
	}
	handler.HandleFunc("/"+c.String(), func(w http.ResponseWriter, _ *http.Request) { must(t, json.NewEncoder(w).Encode(list)) })
	handler.HandleFunc("/"+c.String()+"/{stream}/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		var data []byte
		if n < 0 {
			data, err = m.Init(r.PathValue("stream"))
		} else if err == nil {
			data, err = m.Fragment(r.PathValue("stream"), n)
		}
		if err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(data)
	})
}
