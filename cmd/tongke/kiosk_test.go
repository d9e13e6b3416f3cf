//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tongke/device/profile"
)

// withChromium skips the test where browsers are left out.
func withChromium(t *testing.T) {
	t.Helper()
	if os.Getenv("BROWSER") == "0" {
		t.Skip("BROWSER=0")
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
}

// headless is what the kiosk's flags lack where there is no screen.
var headless = []string{"--headless=new", "--no-sandbox", "--disable-gpu"}

// TestKiosk: a real browser on a page that lives, then hangs. The watcher ends the browser when it has been silent for the limit.
func TestKiosk(t *testing.T) {
	withChromium(t)
	loads := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/class" && r.URL.Path != "/alive" {
			http.NotFound(w, r)
			return
		}
		loads <- r.URL.Path
		// Alive for two seconds, then the page's thread never comes back.
		fmt.Fprint(w, `<title>x</title><script>setTimeout(() => { fetch("/alive").then(() => { for (;;); }) }, 2000)</script>`)
	}))
	defer s.Close()
	page := s.URL + "/class"
	k := kioskCmd{Limit: 3 * time.Second}
	flags := append(append(kioskFlags(t.TempDir(), profile.Profile{Kiosk: profile.Kiosk{Zoom: 1}}), headless...), page)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	began := time.Now()
	err := k.show(ctx, page, flags, &screens{root: fstest.MapFS{}, every: time.Second}, slog.New(slog.DiscardHandler))
	if !errors.Is(err, errPageSilent) {
		t.Fatalf("ended by %v after %v, want that the page is silent", err, time.Since(began))
	}
	if got := <-loads; got != "/class" {
		t.Errorf("first asked for %s", got)
	}
	t.Logf("ended %v after the start", time.Since(began).Round(100*time.Millisecond))
}

// TestKioskAlone: another tab that comes before the wall's page is closed, and the page is seen again without being loaded again.
func TestKioskAlone(t *testing.T) {
	withChromium(t)
	asked := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			http.NotFound(w, r)
			return
		}
		asked <- r.URL.Path
		if r.URL.Path == "/class" {
			fmt.Fprint(w, `<title>x</title><script>
				document.documentElement.dataset.began = "";
				document.addEventListener("visibilitychange", () => fetch("/" + document.visibilityState));
				setTimeout(() => open("/stray"), 1000);
			</script>`)
		}
	}))
	defer s.Close()
	page := s.URL + "/class"
	k := kioskCmd{Limit: 60 * time.Second}
	flags := append(append(kioskFlags(t.TempDir(), profile.Profile{Kiosk: profile.Kiosk{Zoom: 1}}), headless...), "--disable-popup-blocking", page)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { // ends with ctx
		ended <- k.show(ctx, page, flags, &screens{root: fstest.MapFS{}, every: time.Second}, slog.New(slog.DiscardHandler))
	}()
	var all []string
	for want := "/stray"; ; {
		select {
		case got := <-asked:
			all = append(all, got)
			if got == want && want == "/stray" {
				want = "/visible"
			} else if got == want {
				cancel()
				<-ended
				if slices.Contains(all[slices.Index(all, "/stray"):], "/class") {
					t.Errorf("the page was loaded again: %q", all)
				}
				return
			}
		case err := <-ended:
			t.Fatalf("ended by %v; asked for %q, waited for %s", err, all, want)
		}
	}
}

func TestKioskFlags(t *testing.T) {
	all, err := profiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		seen := map[string]bool{}
		for _, f := range kioskFlags("/x", p) {
			name, _, _ := strings.Cut(f, "=")
			if seen[name] {
				t.Errorf("%s: %s stands there twice, the browser takes the last only", p.Name, name)
			}
			seen[name] = true
		}
		for _, must := range []string{"--kiosk", "--no-first-run", "--noerrdialogs", "--autoplay-policy", "--auto-accept-camera-and-microphone-capture", "--allow-loopback-in-peer-connection"} {
			if !seen[must] {
				t.Errorf("%s: no %s", p.Name, must)
			}
		}
	}
}

// TestKioskZoom: a profile's zoom is the browser's, and 1 needs no flag.
func TestKioskZoom(t *testing.T) {
	for zoom, want := range map[float64]string{1: "", 1.25: "--force-device-scale-factor=1.25", 2: "--force-device-scale-factor=2"} {
		got := ""
		for _, f := range kioskFlags("/x", profile.Profile{Kiosk: profile.Kiosk{Zoom: zoom}}) {
			if strings.HasPrefix(f, "--force-device-scale-factor") {
				got = f
			}
		}
		if got != want {
			t.Errorf("zoom %v: %q, want %q", zoom, got, want)
		}
	}
}

func TestSamePlace(t *testing.T) {
	const page = "http://127.0.0.1:8080/class"
	for where, want := range map[string]bool{
		page: true, page + "/music-1": true, page + "?scale=1.3": true, "http://127.0.0.1:8080/": true,
		"chrome-error://chromewebdata/": false, "http://127.0.0.1:9090/class": false, "about:blank": false, "": false,
	} {
		if got := samePlace(where, page); got != want {
			t.Errorf("%q: %v", where, got)
		}
	}
}
