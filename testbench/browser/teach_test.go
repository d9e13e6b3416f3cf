package browser_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// Every state of the teacher's page, in both languages and every size: targets, contrast, names, nothing clipped. With SCREENS pictures of
// all of them are kept; without, the sizes and numbers of campuses that differ most are looked at.
func TestTeachLooks(t *testing.T) {
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	srv := httptest.NewServer(h)
	defer srv.Close()
	tab, err := browser.Start(t.Context(), t.TempDir())
	must(t, err)
	defer tab.Close()
	states := strings.Fields("opening elsewhere refused before live floor two quiet notes bell away failed stopped monitor muted blocked end menu layouts info keys phone write remote ended")
	for _, size := range browser.Sizes {
		must(t, browser.Resize(tab, size))
		for _, lang := range []string{"zh", "en"} {
			for _, state := range states {
				campuses := []int{5}
				if state == "two" || state == "before" || state == "live" {
					campuses = []int{1, 2, 5, 11}
				}
				for _, n := range campuses {
					few := (state == "live" || state == "before" || state == "monitor") && (n == 5 || n == 11) && (size.Width == 390) == (lang == "en")
					if os.Getenv("SCREENS") == "" && (!few || size.Width == 1920) {
						continue
					}
					name := fmt.Sprintf("teach/%s-%d-%s-%s", state, n, lang, size)
					t.Run(name, func(t *testing.T) {
						glance(t, tab, fmt.Sprintf("%s/teach/demo?state=%s&n=%d&lang=%s", srv.URL, state, n, lang), name, size)
					})
				}
			}
		}
	}
}

// TestTeachOnItsSide looks at a phone that lies on its side, and at a podium's page at 200 %.
func TestTeachOnItsSide(t *testing.T) {
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	tab := start(t)
	for _, look := range []struct {
		size  browser.Size
		state string
		n     int
	}{{browser.Size{Width: 844, Height: 390}, "live", 11}, {browser.Size{Width: 844, Height: 390}, "remote", 5}, {browser.Size{Width: 844, Height: 390}, "notes", 5}, {browser.Size{Width: 683, Height: 384}, "live", 5}, {browser.Size{Width: 683, Height: 384}, "ended", 5}} {
		must(t, browser.Resize(tab, look.size))
		name := fmt.Sprintf("teach/side-%s-%d-%s", look.state, look.n, look.size)
		t.Run(name, func(t *testing.T) {
			glance(t, tab, fmt.Sprintf("%s/teach/demo?state=%s&n=%d&lang=zh", srv.URL, look.state, look.n), name, look.size)
			if wide := eval[bool](t, tab, `document.documentElement.scrollWidth > innerWidth`); wide {
				t.Error("the page is wider than its window")
			}
		})
	}
}

func glance(t *testing.T, tab *browser.Tab, url, name string, size browser.Size) {
	t.Helper()
	must(t, tab.Open(url))
	time.Sleep(900 * time.Millisecond) // cameras open, dialogs come, sentences stand
	must(t, browser.Shoot(tab, name))
	faults, err := browser.Audit(tab)
	must(t, err)
	for _, f := range faults {
		t.Error(f)
	}
	if size.Width >= 1366 && !strings.Contains(name, "/before") {
		if tall, err := browser.Eval[bool](tab, `document.documentElement.scrollHeight > innerHeight`); err != nil || tall {
			t.Errorf("the page scrolls (%v)", err)
		}
	}
}
