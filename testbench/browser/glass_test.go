package browser_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
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
	classroom := listen(t, box.URL)
	glass(t, tab, route{box.URL + "/whip/music-3", "t"}, route{box.URL + "/whep/music-3", "t"})
	if s := classroom.Stats(); s.Voice.Codec != "red" || s.Camera.Codec != "h264" {
		t.Errorf("a headless classroom gets %s and %s, want red and h264", s.Voice.Codec, s.Camera.Codec)
	}
}

// TestGlassToGlassAtAMember publishes at the core and watches at a member, through two boxes and the uplink between them.
func TestGlassToGlassAtAMember(t *testing.T) {
	tab := start(t)
	d := startDemo(t)
	token := func(box, role string) string {
		path, err := program()
		must(t, err)
		out, err := exec.Command(path, "token", "--data", filepath.Join(d.dir, box), "--lesson", "glass", "--role", role).Output()
		must(t, err)
		return strings.TrimSpace(string(out))
	}
	glass(t, tab, route{d.Boxes[0].Local + "/whip/glass", token("core", "publish")}, route{d.Boxes[1].Local + "/whep/glass", token("member1", "watch")})
}

// route is one end of a way through the product.
type route struct{ url, token string }

// glass publishes to in and to a bare relay, watches out and the bare relay, and compares.
func glass(t *testing.T, tab *browser.Tab, in, out route) {
	t.Helper()
	relay, err := bare.New(nil)
	must(t, err)
	web := httptest.NewServer(relay)
	t.Cleanup(func() { relay.Close(); web.Close() })
	page := httptest.NewServer(browser.GlassPage())
	t.Cleanup(page.Close)

	must(t, tab.Open(page.URL+"/glass.html"))
	eval[string](t, tab, fmt.Sprintf(`publish("publishTongke", %q, %q, "H264")`, in.url, in.token))
	eval[string](t, tab, fmt.Sprintf(`publish("publishBare", %q, "t", "H264")`, web.URL+"/whip/glass"))
	time.Sleep(time.Second) // the bare relay serves only what is there
	eval[string](t, tab, fmt.Sprintf(`watch("tongke", %q, %q)`, out.url, out.token))
	eval[string](t, tab, fmt.Sprintf(`watch("bare", %q, "t")`, web.URL+"/whep/glass"))
	time.Sleep(2 * time.Second) // Chromium's estimate and jitter buffer settle
	must(t, browser.ReadStamps(tab, map[string]string{"tongke": "#tongke", "bare": "#bare"}))
	time.Sleep(6 * time.Second)

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
	// A loaded machine moves both, one more than the other (171 against 97 ms was seen); only a relay that holds pictures back is at fault.
	if p50[0] > p50[1]*2+200 {
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
