package browser_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"tongke/testbench/browser"
	"tongke/testbench/onebox"
	"tongke/testbench/peer"
	"tongke/testbench/peer/bare"
)

// figures is what figures() of the glass page gives.
type figures struct {
	State                                        string
	Bytes, Frames, Packets, Nacks, Plis, Samples float64
	Concealed                                    float64
	Codecs                                       []string
}

// TestGlassToGlass publishes from Chromium to the relay and, at the same time, to a bare pion relay, watches both in the same page and
// compares: whatever the machine is busy with, both suffer alike.
func TestGlassToGlass(t *testing.T) {
	tab := start(t)
	box, err := onebox.Start(nil)
	must(t, err)
	t.Cleanup(func() { _ = box.Close() })
	relay, err := bare.New(nil)
	must(t, err)
	web := httptest.NewServer(relay)
	t.Cleanup(func() { relay.Close(); web.Close() })
	page := httptest.NewServer(browser.GlassPage())
	t.Cleanup(page.Close)

	must(t, tab.Open(page.URL+"/glass.html"))
	eval[string](t, tab, fmt.Sprintf(`publish("publishTongke", %q, "t", "H264")`, box.URL+"/whip/music-3"))
	eval[string](t, tab, fmt.Sprintf(`publish("publishBare", %q, "t", "H264")`, web.URL+"/whip/music-3"))
	time.Sleep(time.Second) // the bare relay serves only what is there
	joined := time.Now()
	eval[string](t, tab, fmt.Sprintf(`watch("tongke", %q, "t")`, box.URL+"/whep/music-3"))
	t.Logf("WHEP answered in %v", time.Since(joined).Round(time.Millisecond))
	eval[string](t, tab, fmt.Sprintf(`watch("bare", %q, "t")`, web.URL+"/whep/music-3"))
	time.Sleep(2 * time.Second) // Chromium's estimate and jitter buffer settle
	must(t, browser.ReadStamps(tab, map[string]string{"tongke": "#tongke", "bare": "#bare"}))
	classroom := listen(t, box.URL)
	time.Sleep(6 * time.Second)
	if s := classroom.Stats(); s.Voice.Codec != "red" || s.Camera.Codec != "h264" {
		t.Errorf("a headless classroom gets %s and %s, want red and h264", s.Voice.Codec, s.Camera.Codec)
	}

	var p50 [2]float64
	for i, name := range []string{"tongke", "bare"} {
		s, err := browser.StampsOf(tab, name)
		must(t, err)
		q := browser.Percentiles(s.GlassLatencies())
		p50[i] = q.P50
		f := eval[figures](t, tab, fmt.Sprintf(`figures(%q)`, name))
		t.Logf("%s: glass to glass p50 %.1f ms, p95 %.1f ms, max %.1f ms over %d pictures; %.0f of %.0f samples concealed; %v",
			name, q.P50, q.P95, q.Max, len(s.Samples), f.Concealed, f.Samples, f.Codecs)
		if len(s.Samples) < 30 {
			t.Errorf("%s: only %d pictures in 6 s, a busy machine draws 60", name, len(s.Samples))
		}
	}
	sent := eval[figures](t, tab, `figures("publishTongke")`)
	t.Logf("published: %.0f packets, %.0f bytes, %v, %.0f NACKs, %.0f PLIs", sent.Packets, sent.Bytes, sent.Codecs, sent.Nacks, sent.Plis)
	t.Logf("ratio of p50 to the bare relay's: %.2f", p50[0]/p50[1])
	// A loaded machine moves both; only a relay that holds pictures back is at fault.
	if p50[0] > p50[1]*1.5+20 {
		t.Errorf("p50 %.1f ms, the bare relay has %.1f ms", p50[0], p50[1])
	}
}

// listen starts a headless classroom; it ends with the test.
func listen(t *testing.T, url string) *peer.Classroom {
	t.Helper()
	classroom, err := peer.NewClassroom(peer.Config{URL: url, Lesson: "music-3", Token: "t"})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		_ = classroom.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return classroom
}
