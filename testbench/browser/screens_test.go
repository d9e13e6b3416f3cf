package browser_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// pages that can show any of their states without a box, and how long each takes to stand: cameras open, dialogs come.
var pages = []struct {
	name, path string
	settle     time.Duration
}{
	{"class", "/class", 0},
	{"assist", "/assist", 0},
	{"home", "/", 500 * time.Millisecond},
	{"device", "/device", 500 * time.Millisecond},
	{"teach", "/teach/demo", 800 * time.Millisecond},
}

var screens = []browser.Size{{Width: 1920, Height: 1080}, {Width: 3840, Height: 2160}, {Width: 1366, Height: 768}, {Width: 390, Height: 844}}

// chosen leaves what an environment variable names, or everything.
func chosen(all []string, variable string) []string {
	only := os.Getenv(variable)
	if only == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !slices.Contains(strings.Split(only, ","), s) })
}

// TestScreens takes a picture of every state that the pages list of themselves, at every size in both languages, into $SCREENS.
func TestScreens(t *testing.T) {
	dir := os.Getenv("SCREENS")
	if dir == "" {
		t.Skip("SCREENS names no folder: make screens")
	}
	must(t, os.MkdirAll(dir, 0o755))
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	tab := start(t)
	for _, p := range pages {
		if len(chosen([]string{p.name}, "PAGES")) == 0 {
			continue
		}
		visit := func(state, lang string) {
			must(t, tab.Open(fmt.Sprintf("%s%s?state=%s&lang=%s", srv.URL, p.path, url.QueryEscape(state), lang)))
			await(t, tab, `window.tongke?.states !== undefined && document.fonts.status === "loaded"`)
			time.Sleep(p.settle)
		}
		visit("live", "zh")
		states := eval[[]string](t, tab, `[...tongke.states]`)
		count := 0
		for _, size := range screens {
			must(t, browser.Resize(tab, size))
			for _, lang := range []string{"zh", "en"} {
				for _, state := range chosen(states, "STATES") {
					visit(state, lang)
					png, err := browser.Run(tab, chromedp.CaptureScreenshot())
					must(t, err)
					must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%v.png", p.name, state, lang, size)), png, 0o644))
					count++
				}
			}
		}
		t.Logf("%s: %d states, %d pictures", p.name, len(states), count)
	}
}
