// Package browser starts a real Chromium for tests and judges what it has drawn: the frame stamps of the synthetic lesson, read from the
// decoded pictures themselves.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"tongke/testbench/lesson"
)

// ErrMissing says that there is no Chromium, and what to do.
var ErrMissing = errors.New("no chromium: apt-get install chromium (or leave out the browser tests with BROWSER=0)")

// LeftOut reports whether the tests that need a browser are to be skipped.
func LeftOut() bool { return os.Getenv("BROWSER") == "0" }

// Tab is one tab of a running Chromium.
type Tab struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// patience is how long one step in a page may take on a busy machine.
const patience = 60 * time.Second

// Start runs Chromium with a fresh profile under dir and opens an empty tab. Close of that tab ends the browser. Further options come after
// the house's own and win.
func Start(ctx context.Context, dir string, more ...chromedp.ExecAllocatorOption) (*Tab, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrMissing
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.NoFirstRun,
		chromedp.NoSandbox,
		chromedp.WindowSize(1920, 1080),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("hide-scrollbars", false),
		chromedp.Flag("mute-audio", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	}
	alloc, stopAlloc := chromedp.NewExecAllocator(ctx, append(options, more...)...)
	first, stopTab := chromedp.NewContext(alloc)
	tab := &Tab{first, func() { stopTab(); stopAlloc() }}
	if err := chromedp.Do(first); err != nil {
		tab.Close()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return tab, nil
}

// NewTab opens another tab of the same browser.
func (t *Tab) NewTab() (*Tab, error) {
	ctx, cancel := chromedp.NewContext(t.ctx)
	tab := &Tab{ctx, cancel}
	if err := chromedp.Do(ctx); err != nil {
		tab.Close()
		return nil, fmt.Errorf("open tab: %w", err)
	}
	return tab, nil
}

// Close closes the tab.
func (t *Tab) Close() { t.cancel() }

// Do runs steps one after the other.
func (t *Tab) Do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return t.told(ctx, chromedp.Do(ctx, steps...))
}

// Open loads a page.
func (t *Tab) Open(url string) error { return t.Do(chromedp.Navigate(url)) }

// Run runs one step and gives its value.
func Run[T any](t *Tab, a chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	return v, t.told(ctx, err)
}

// Alone closes the browser's other tabs and brings this one to the front, as `tongke kiosk` does on a wall. It gives the addresses of the closed.
func (t *Tab) Alone() (closed []string, err error) {
	err = t.Do(chromedp.Func(func(ctx context.Context, own *chromedp.Target) error {
		all, err := chromedp.Call(ctx, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			return err
		}
		for _, i := range all.TargetInfos {
			if i.Type != "page" || i.TargetID == own.TargetID {
				continue
			}
			if _, err := chromedp.Call(ctx, target.CloseTarget, target.CloseTargetParams{TargetID: i.TargetID}); err != nil {
				return err
			}
			closed = append(closed, i.URL)
		}
		_, err = chromedp.Call(ctx, page.BringToFront, cdp.Empty{})
		return err
	}))
	return closed, err
}

// Eval evaluates a script in the page; a promise is waited for.
func Eval[T any](t *Tab, script string) (T, error) {
	return Run(t, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// ReadStamps makes the page of this tab read the frame stamps of the videos that the selectors name, from now on. A page may replace its
// video elements as it likes.
func ReadStamps(t *Tab, selectors map[string]string) error {
	arg, err := json.Marshal(selectors)
	if err != nil {
		return err
	}
	return t.Do(chromedp.Evaluate[chromedp.Void](lesson.StampsJS + "\nreadStamps(" + string(arg) + ");"))
}

// Stamps is what was read of one video since ReadStamps.
type Stamps struct {
	Drawn    int     `json:"drawn"`    // pictures presented
	Read     int     `json:"read"`     // of these, with a readable stamp
	Distinct int     `json:"distinct"` // changes of the value
	Last     uint32  `json:"last"`     // value of the latest one
	At       float64 `json:"at"`       // when that was, in ms of the page's clock
	Longest  float64 `json:"longest"`  // longest time between two changes of the value, in ms
	Width    int     `json:"width"`    // of the decoded picture
	// Samples are pairs of value and wall time (Unix ms) at which the picture was presented, the latest 2000.
	Samples [][2]float64 `json:"samples"`
}

// StampsOf asks the page for what it has read so far.
func StampsOf(t *Tab, name string) (Stamps, error) {
	return Eval[Stamps](t, fmt.Sprintf("window.stamps[%q]", name))
}
