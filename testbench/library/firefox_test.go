package library_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tongke/testbench/browser"
	"tongke/testbench/foreign"
)

// report makes the page tell how it plays.
const report = `
setInterval(() => {
	const d = window.desk;
	if (d !== undefined) {
		const media = [...document.querySelectorAll("#board video, #teacher video, #sounds audio")];
		void fetch("/report", {method: "POST", body: JSON.stringify({at: d.player.at, state: document.querySelector("#stage").dataset.state, times: media.map((m) => m.currentTime), trouble: document.querySelector("#trouble").textContent, bad: [...document.querySelectorAll("video")].map((v) => v.error?.message ?? "").join("")})});
		if (d.player.at > 3 && d.player.at < 20) {
			d.player.jump(40);
		}
	}
}, 250);
`

// Firefox plays a recording too, and jumps.
func TestFirefox(t *testing.T) {
	if browser.LeftOut() || os.Getenv("SCREENS") == "" {
		t.Skip("by hand: make screens")
	}
	if _, err := exec.LookPath("firefox-esr"); err != nil {
		t.Fatal(foreign.ErrNoFirefox)
	}
	s := newSchool(t)
	s.make("music-3", s.script("music-3", "三年级", time.Minute))
	s.known("music-3", true)
	at, err := url.Parse(s.URL)
	must(t, err)
	results := make(chan string, 1)
	last := ""
	proxy := httputil.NewSingleHostReverseProxy(at)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/report":
			body := make([]byte, 1000)
			n, _ := r.Body.Read(body)
			last = string(body[:n])
			if strings.Contains(last, `"playing"`) && strings.Contains(last, `{"at":42`) {
				select {
				case results <- last:
				default:
				}
			}
		case "/console/library.js":
			rec := httptest.NewRecorder()
			proxy.ServeHTTP(rec, r)
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(append(rec.Body.Bytes(), report...))
		default:
			r.Host = at.Host
			r.Header.Del("Origin")
			proxy.ServeHTTP(w, r)
		}
	}))
	defer web.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	got, err := foreign.Browse(ctx, t.TempDir(), web.URL+"/library?lang=zh#music-3", results)
	if err != nil {
		t.Fatalf("%v; last %s", err, last)
	}
	t.Log(got) // without a sound device the voice cannot be played, and the page says so
	if !strings.Contains(got, `"bad":""`) || strings.Contains(got, "放不了") {
		t.Error("the pictures have a fault")
	}
}
