package wall_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tongke/testbench/browser"
	"tongke/testbench/foreign"
)

// probe is what a page in a browser that no test can look into tells of itself.
type probe struct {
	Agent, State, Words string
	Frames              struct{ Teacher, Board int }
	Audio               struct{ Concealed, Total float64 }
	Sent                []struct {
		Source string
		Live   bool
	}
}

// probeJS tells what the page is once it has drawn and heard something, or after a while what it is instead.
const probeJS = `const began = performance.now();
const timer = setInterval(() => {
	const t = window.tongke;
	if (!t) return;
	const shows = t.state === "codec" || (t.state === "live" && t.frames.teacher >= 30 && t.frames.board >= 10);
	if ((!shows || t.audio.total < 240000 || t.sent.length < 1) && performance.now() - began < 40000) return;
	clearInterval(timer);
	fetch("/probe/result", {method: "POST", body: JSON.stringify({Agent: navigator.userAgent, State: t.state, Words: document.getElementById("text").textContent, Frames: t.frames, Audio: t.audio, Sent: t.sent})});
}, 200);`

// probed serves the wall screen with a script that tells of it, and takes what it tells.
func (b *box) probed(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/probe/class":
		page := httptest.NewRecorder()
		b.pages.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/class", nil))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", page.Header().Get("Content-Security-Policy"))
		_, _ = w.Write(bytes.Replace(page.Body.Bytes(), []byte("</body>"), []byte(`<script type="module" src="/probe/probe.js"></script></body>`), 1))
	case "/probe/probe.js":
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(probeJS))
	case "/probe/result":
		var p probe
		if json.NewDecoder(r.Body).Decode(&p) == nil {
			select {
			case b.probes <- p:
			default:
			}
		}
	}
}

// The wall screen in Firefox ESR, without the plug-in that it fetches from afar: it hears, is heard, and says that it cannot show the pictures of
// a lesson in H264.
func TestFirefox(t *testing.T) {
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	b := newBox(t)
	b.teach(t)
	b.call(true)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	p, err := foreign.Browse(ctx, t.TempDir(), b.url+"/probe/class", b.probes)
	must(t, err)
	t.Logf("%+v", p)
	shows := p.State == "live" && p.Frames.Teacher >= 30 && p.Frames.Board >= 10
	if !shows && p.State != "codec" || p.Audio.Total == 0 || p.Audio.Concealed > p.Audio.Total*0.2 || len(p.Sent) == 0 || !p.Sent[0].Live {
		t.Errorf("in Firefox the page is %+v", p)
	}
}
