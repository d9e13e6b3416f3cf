package browser_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// TestAssistantsStates draws every state that the page itself lists, at phone sizes, twice as large, and on a desk.
func TestAssistantsStates(t *testing.T) {
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	tab := start(t)
	for _, lang := range []string{"zh", "en"} {
		must(t, tab.Open(fmt.Sprintf("%s/assist?state=live&lang=%s", s.URL, lang)))
		complaints(t, tab)
		await(t, tab, `window.tongke !== undefined`)
		states := eval[[]string](t, tab, `tongke.states`)
		if want := []string{"covered", "ended", "enter", "floor", "full", "hand", "helped", "joining", "link", "live", "notraised", "over", "phone", "ready", "removed", "seen", "sent", "thanks", "waiting", "writes", "written", "wrong"}; !slices.Equal(slices.Sorted(slices.Values(states)), want) {
			t.Errorf("states %q, want %q", states, want)
		}
		for _, size := range []browser.Size{{Width: 360, Height: 640}, {Width: 390, Height: 844}, {Width: 195, Height: 422}, {Width: 1366, Height: 768}, {Width: 1920, Height: 1080}, {Width: 3840, Height: 2160}} {
			must(t, browser.Resize(tab, size))
			for _, state := range states {
				if got := eval[string](t, tab, fmt.Sprintf(`tongke.show(%q)`, state)); got != state {
					t.Errorf("%s shows %s", state, got)
				}
				faults, err := browser.Audit(tab)
				must(t, err)
				for _, f := range faults {
					t.Errorf("%s %s at %v: %s", state, lang, size, f)
				}
				must(t, browser.Shoot(tab, fmt.Sprintf("assist-demo-%s-%s-%v", state, lang, size)))
			}
		}
		if list := eval[[]string](t, tab, `complaints`); len(list) > 0 {
			t.Errorf("%s: %q", lang, list)
		}
	}
}

// reached are the controls that Tab comes to, from the top of the page until it comes round.
func reached(t *testing.T, tab *browser.Tab) []string {
	t.Helper()
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex")`)))
	var list []string
	for range 60 {
		must(t, tab.Do(chromedp.KeyEvent("\t")))
		id := eval[string](t, tab, `((e) => e === document.body ? "" : e.id || e.getAttribute("href") || (e.dataset.phrase && "say-" + e.dataset.phrase) || e.textContent.trim().slice(0, 20))(document.activeElement)`)
		if id == "" || slices.Contains(list, id) {
			break
		}
		if ring := eval[string](t, tab, `getComputedStyle(document.activeElement).outlineWidth`); ring != "3px" {
			t.Errorf("%s has a focus ring of %s", id, ring)
		}
		list = append(list, id)
	}
	return list
}

// TestKeyboardOnly signs in, walks through the places and makes a lesson without a pointer.
func TestKeyboardOnly(t *testing.T) {
	s := newSchool(t, nil)
	s.child("b1", "三河小学", "三(2)班", time.Now())
	tab := start(t)
	must(t, browser.Resize(tab, browser.Size{Width: 683, Height: 384})) // 1366 × 768 at twice the size
	must(t, tab.Open(s.URL+"/?lang=zh"))
	complaints(t, tab)
	await(t, tab, `document.activeElement.id === "user"`)
	must(t, tab.Do(chromedp.KeyEvent("admin\t"), chromedp.KeyEvent(s.password), chromedp.KeyEvent("\r")))
	await(t, tab, shown("#make"))
	if got := strings.Join(reached(t, tab), " "); got != "films box key out #today #rooms #people #plan warn-key make language" {
		t.Errorf("Tab comes to %s", got)
	}
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#make").focus()`), chromedp.KeyEvent("\r")))
	await(t, tab, `document.activeElement.id === "title"`)
	must(t, tab.Do(chromedp.KeyEvent("科学")))
	for _, size := range []browser.Size{{Width: 683, Height: 384}, {Width: 320, Height: 480}} {
		must(t, browser.Resize(tab, size))
		faults, err := browser.Audit(tab)
		must(t, err)
		for _, f := range faults {
			t.Errorf("at %v: %s", size, f)
		}
	}
	must(t, tab.Do(chromedp.KeyEvent("\x1b"))) // Esc leaves without making
	await(t, tab, `!document.querySelector("#maker").open`)
	must(t, tab.Do(chromedp.KeyEvent("\r")))
	await(t, tab, `document.activeElement.id === "title"`)
	must(t, tab.Do(chromedp.KeyEvent("科学"), chromedp.KeyEvent("\r")))
	await(t, tab, says("#lessons", "科学")+` && document.activeElement.className === "go"`)
	if n := len(s.lessons.List()); n != 1 {
		t.Errorf("%d lessons", n)
	}
	for _, place := range []string{"rooms", "people", "plan"} {
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector('#places a[href="#%s"]').focus()`, place)), chromedp.KeyEvent("\r")))
		await(t, tab, shown("#"+place+" form"))
		for _, size := range []browser.Size{{Width: 683, Height: 384}, {Width: 320, Height: 480}} {
			must(t, browser.Resize(tab, size))
			faults, err := browser.Audit(tab)
			must(t, err)
			for _, f := range faults {
				t.Errorf("%s at %v: %s", place, size, f)
			}
		}
	}
	if list := eval[[]string](t, tab, `complaints`); len(list) > 0 {
		t.Errorf("%q", list)
	}
}
