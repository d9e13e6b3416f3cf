package browser_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// TestAPageThatDidNotBegin: where one script, the styles or the words were given up while they came, the page loads itself again.
func TestAPageThatDidNotBegin(t *testing.T) {
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	pages, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	tab, err := browser.Start(t.Context(), t.TempDir())
	must(t, err)
	defer tab.Close()
	for _, missing := range []string{"/console/class-view.js", "/console/class.css", "/console/text/zh.json"} {
		var loads atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/class" {
				loads.Add(1)
			}
			if r.URL.Path == missing && loads.Load() == 1 { // however often the browser itself asks again
				panic(http.ErrAbortHandler) // the connection is closed without an answer
			}
			pages.ServeHTTP(w, r)
		}))
		must(t, tab.Open(s.URL+"/class?state=idle"))
		shows(t, tab, "the page after "+missing+" did not come", `"began" in document.documentElement.dataset && getComputedStyle(document.body).backgroundColor !== "rgba(0, 0, 0, 0)" && document.getElementById("words").innerText.length > 2`)
		if n := loads.Load(); n != 2 {
			t.Errorf("without %s the page was loaded %d times", missing, n)
		}
		s.Close()
	}
}
