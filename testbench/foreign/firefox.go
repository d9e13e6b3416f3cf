package foreign

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tongke/testbench/browser"
)

//go:embed drive.html drive.js
var pages embed.FS

// ErrNoFirefox says that there is no Firefox, and what to do.
var ErrNoFirefox = errors.New("no firefox-esr: apt-get install firefox-esr (or leave out the browser tests with BROWSER=0)")

// Job is what a driven browser does with a lesson.
type Job struct {
	Publish string  `json:"publish,omitempty"` // WHIP endpoint; "" to publish nothing
	Watch   string  `json:"watch,omitempty"`   // WHEP endpoint; "" to watch nothing
	Token   string  `json:"token"`
	Codec   string  `json:"codec"` // H264 or VP8, for publishing
	Seconds float64 `json:"seconds"`
}

// Figures are a connection's statistics.
type Figures struct {
	State              string
	Frames, Packets    float64
	Samples, Concealed float64
	Codecs             []string
}

// Result is what came of a Job.
type Result struct {
	Agent, Error string
	Published    Figures
	Watched      Figures
	Stamps       browser.Stamps
}

// prefs make a fresh profile quiet, let it use loopback, and let it play without a gesture. The two permissions are for ICE: to a page that
// may not capture, Firefox uses no address but that of its default route.
var prefs = map[string]any{
	"media.navigator.streams.fake":                      true,
	"media.navigator.permission.disabled":               true,
	"permissions.default.camera":                        1,
	"permissions.default.microphone":                    1,
	"media.peerconnection.ice.loopback":                 true,
	"media.peerconnection.ice.obfuscate_host_addresses": false,
	"media.autoplay.default":                            0,
	"media.autoplay.blocking_policy":                    0,
	"browser.shell.checkDefaultBrowser":                 false,
	"browser.aboutwelcome.enabled":                      false,
	"browser.startup.homepage_override.mstone":          "ignore",
	"datareporting.policy.dataSubmissionEnabled":        false,
	"toolkit.telemetry.reportingpolicy.firstRun":        false,
	"app.update.auto":                                   false,
	"app.normandy.enabled":                              false,
	"extensions.update.enabled":                         false,
	"network.captive-portal-service.enabled":            false,
	"network.connectivity-service.enabled":              false,
	"media.gmp-manager.updateEnabled":                   false,
	"media.gmp-provider.enabled":                        false,
	"browser.safebrowsing.update.enabled":               false,
	"services.settings.server":                          "http://127.0.0.1:1",
	"dom.min_background_timeout_value":                  4,
	"widget.windows.window_occlusion_tracking.enabled":  false,
}

// Firefox runs one job in a headless Firefox with a fresh profile under dir. It ends the browser, at the latest with ctx.
func Firefox(ctx context.Context, dir string, job Job) (*Result, error) {
	results := make(chan *Result, 1)
	web := httptest.NewServer(driver(job, results))
	defer web.Close()
	return Browse(ctx, dir, web.URL+"/drive.html", results)
}

// Browse shows a page in a headless Firefox with a fresh profile under dir until something comes through results. It ends the browser, at
// the latest with ctx.
func Browse[R any](ctx context.Context, dir, url string, results <-chan R) (none R, err error) {
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		return none, ErrNoFirefox
	}
	var user strings.Builder
	for k, v := range prefs {
		value, err := json.Marshal(v)
		if err != nil {
			return none, err
		}
		fmt.Fprintf(&user, "user_pref(%q, %s);\n", k, value)
	}
	if err := os.WriteFile(filepath.Join(dir, "user.js"), []byte(user.String()), 0o600); err != nil {
		return none, err
	}
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", dir, url)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "HOME="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return none, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the browser
	select {
	case r := <-results:
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(cmd.WaitDelay):
			_ = cmd.Process.Kill()
			<-ended
		}
		return r, nil
	case err := <-ended:
		return none, fmt.Errorf("firefox ended without a result: %w: %s", err, stderr.String())
	}
}

// driver serves the pages, the job, and takes the result.
func driver(job Job, results chan<- *Result) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", browser.GlassPage())
	mux.Handle("/drive.html", http.FileServerFS(pages))
	mux.Handle("/drive.js", http.FileServerFS(pages))
	mux.HandleFunc("/job", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(job) // a browser that went away has no use for it
	})
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		var result Result
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err == nil {
			err = json.Unmarshal(body, &result)
		}
		if err != nil {
			result.Error = err.Error()
		}
		select {
		case results <- &result:
		default: // a second result of a page that was loaded twice
		}
	})
	return mux
}
