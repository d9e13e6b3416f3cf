package browser_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// brief are the states of the technician's page that are looked at each time, one of each make; with SCREENS set all are.
var brief = []string{"down", "muted.refused", "silent", "signin.wrong", "check.screen", "check.bad", "join.keys", "digits.compare", "settings.static", "core.called", "call.waiting", "invited", "cameras.bad", "camera.typed.fault"}

// devicePage serves the pages with their demonstrations and opens one state of the technician's page.
func devicePage(t *testing.T) (tab *browser.Tab, show func(state, lang string)) {
	t.Helper()
	h, err := console.New(console.Options{DemoStates: true})
	must(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	tab = start(t)
	// Without a window nobody's focus is anywhere, and no page hears of it.
	must(t, tab.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})))
	return tab, func(state, lang string) {
		t.Helper()
		must(t, tab.Open(fmt.Sprintf("%s/device?state=%s&lang=%s", s.URL, url.QueryEscape(state), lang)))
		complaints(t, tab)
		await(t, tab, fmt.Sprintf(`document.querySelector("#main")?.dataset.state === %q`, state))
	}
}

// stands waits until what a state does by itself has been done.
func stands(t *testing.T, tab *browser.Tab, state string) {
	t.Helper()
	if slices.Contains([]string{"reset", "settings.static", "settings.pending", "settings.wrong", "poweroff", "reset.lesson"}, state) {
		await(t, tab, shown("#settings .card"))
	}
	var seen string
	await(t, tab, `new Promise((done) => setTimeout(() => done(true), 350))`)
	for range 20 { // until two looks are the same
		now := eval[string](t, tab, `document.body.innerText.replace(/\d+/g, "")`)
		if now == seen {
			return
		}
		seen = now
	}
}

// TestDevice looks at states that the page itself lists, and walks over some by the arrow keys of a remote.
func TestDevice(t *testing.T) {
	tab, show := devicePage(t)
	t.Run("states", func(t *testing.T) { deviceStates(t, tab, show) })
	t.Run("remote", func(t *testing.T) { deviceByRemote(t, tab, show) })
	t.Run("calls", func(t *testing.T) { deviceCalls(t, tab, show) })
}

// deviceStates looks at targets, contrast, names, and that nothing is clipped, at phone, desk and wall size.
func deviceStates(t *testing.T, tab *browser.Tab, show func(state, lang string)) {
	t.Helper()
	show("good", "zh")
	all := eval[[]string](t, tab, `[...tongke.states]`)
	states := brief
	if os.Getenv("SCREENS") != "" {
		states = chosen(all, "STATES")
	}
	sizes := []browser.Size{{Width: 390, Height: 844}, {Width: 1366, Height: 768}, {Width: 1920, Height: 1080}}
	for i, state := range states {
		if !slices.Contains(all, state) {
			t.Errorf("the page has no state %s", state)
			continue
		}
		langs := []string{"zh", "en"}
		if os.Getenv("SCREENS") == "" {
			langs = langs[i%2 : i%2+1]
		}
		for _, lang := range langs {
			must(t, browser.Resize(tab, sizes[0]))
			show(state, lang)
			stands(t, tab, state)
			for _, size := range sizes {
				must(t, browser.Resize(tab, size))
				faults, err := browser.Audit(tab)
				must(t, err)
				for _, f := range faults {
					t.Errorf("%s %s at %v: %s", state, lang, size, f)
				}
				must(t, browser.Shoot(tab, fmt.Sprintf("device-%s-%s-%v", state, lang, size)))
			}
			if list := eval[[]string](t, tab, `complaints`); len(list) > 0 {
				t.Errorf("%s %s: %q", state, lang, list)
			}
		}
	}
}

// deviceCalls presses 叫人看一眼, and at the core what answers it: each tells the box what it should, once.
func deviceCalls(t *testing.T, tab *browser.Tab, show func(state, lang string)) {
	t.Helper()
	const listen = `(() => { const was = fetch; window.said = []; window.fetch = (to, init) => {
		if ((init?.method ?? "GET") !== "GET") { said.push([init.method, String(to), init.body ?? ""].join(" ")); } return was(to, init); }; })()`
	said := func(what string, want ...string) {
		t.Helper()
		await(t, tab, fmt.Sprintf(`said.length >= %d`, len(want)))
		if got := eval[[]string](t, tab, `said`); !slices.Equal(got, want) {
			t.Errorf("%s: the box was told %q, want %q", what, got, want)
		}
	}
	show("works", "zh")
	await(t, tab, shown(`[data-key="call"]`))
	eval[any](t, tab, listen)
	click(t, tab, `[data-key="call"]`)
	said("a call", `POST /api/v1/device/call {"code":"camera-unplugged"}`)
	show("call.waiting", "zh")
	await(t, tab, says("#call", "还没送到，连上后自动送"))
	if eval[bool](t, tab, shown(`[data-key="call"]`)) {
		t.Error("a room that waits can call again")
	}
	eval[any](t, tab, listen)
	click(t, tab, `[data-key="call-back"]`)
	said("taken back", `DELETE /api/v1/device/call `)
	show("core.called", "zh")
	await(t, tab, says("#calls .open", "请人看一眼"))
	eval[any](t, tab, listen)
	click(t, tab, `[data-key="seen-3f20"]`)
	said("知道了", `POST /api/v1/boxes/3f20/call {"call":"c","state":"seen"}`)
	click(t, tab, `[data-key="done-3f21"]`)
	said("已处理", `POST /api/v1/boxes/3f20/call {"call":"c","state":"seen"}`, `POST /api/v1/boxes/3f21/call {"call":"d","state":"done"}`)
}

// deviceByRemote walks over pages by arrow keys alone: everything that can be pressed is reached.
func deviceByRemote(t *testing.T, tab *browser.Tab, show func(state, lang string)) {
	t.Helper()
	must(t, browser.Resize(tab, browser.Size{Width: 1920, Height: 1080}))
	for _, state := range []string{"down", "muted", "settings.static", "pairing"} {
		show(state, "zh")
		stands(t, tab, state)
		// Every control says where each arrow leads; what no path from the first one comes to is out of reach.
		missed := eval[[]string](t, tab, `(() => {
			const name = (e) => e.id || e.dataset.key || e.textContent.trim().slice(0, 20);
			const all = [...document.querySelectorAll("button, a[href], input, summary, select")].filter((e) => e.checkVisibility() && !e.matches(":disabled"));
			const met = new Set([all[0]]);
			for (const e of met) {
				for (const key of ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"]) {
					e.focus();
					document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
					met.add(document.activeElement);
				}
			}
			return all.filter((e) => e.isConnected && e.checkVisibility() && !met.has(e)).map(name);
		})()`)
		if len(missed) > 0 {
			t.Errorf("%s: arrows do not come to %s", state, strings.Join(missed, ", "))
		}
	}
	for _, what := range []string{"speaker", "microphone"} { // one tap, and it says what it did
		show("muted", "zh")
		stands(t, tab, "muted")
		eval[bool](t, tab, fmt.Sprintf(`(document.querySelector('[data-key="volume-%s"]').click(), true)`, what))
		await(t, tab, `document.querySelector("#said").textContent.includes("70")`)
	}
	show("join.keys", "zh")
	await(t, tab, shown("#pad"))
	must(t, tab.Do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent("\r"), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent("\r")))
	if got := eval[string](t, tab, `document.querySelector("#join-address").value`); len(got) != 2 {
		t.Errorf("two keys of the remote wrote %q", got)
	}
}
