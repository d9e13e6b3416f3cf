package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tongke/media/packet"
	"tongke/testbench/lesson"
	"tongke/testbench/peer"
	"tongke/testbench/report"
)

// openPages opens the member's classroom page and the bare relay's.
func (r *real) openPages(ctx context.Context) ([]string, error) {
	r.o.Progress("打开两个 Chromium 页面 opening two pages")
	profile := filepath.Join(r.dir, "chromium")
	log, err := os.Create(profile + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if r.browser, err = startChromium(r.space.prefix(), profile, log); err != nil {
		return nil, err
	}
	var pages []string
	for _, url := range []string{"http://" + r.boxes[1].local + "/class/" + lessonID, "http://" + r.links["bare"].Addr().String() + "/"} {
		page, err := r.browser.open(ctx, url, hookJS)
		if err != nil {
			return nil, err
		}
		if err := r.whole(ctx, page, url); err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	for i, page := range pages {
		if err := r.browser.eval(ctx, page, lesson.StampsJS+"\nreadStamps({teacher: \"#teacher video\"});", nil); err != nil {
			return nil, err
		}
		if err := r.drawing(ctx, i, page); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// whole waits until all of a page has come. Chromium gives up what it is loading when an address comes to an interface or goes, which one of a
// new namespace does for some seconds, and a page without some of its scripts stays empty.
func (r *real) whole(ctx context.Context, page, url string) error {
	const loaded = `new Promise((done) => document.readyState === "complete" ? done() : addEventListener("load", () => done()))
		.then(() => performance.getEntriesByType("resource").every((e) => e.responseStatus !== 0))`
	for range 5 {
		var all bool
		if err := r.browser.eval(ctx, page, loaded, &all); err != nil {
			return err
		}
		if all {
			return nil
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
		if err := r.browser.call(ctx, page, "Page.navigate", map[string]any{"url": url}, nil); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s does not load", url)
}

// drawing waits until a page shows pictures and plays sound.
func (r *real) drawing(ctx context.Context, i int, page string) error {
	var last struct{ Distinct, Samples int }
	for end := time.Now().Add(flowWithin); time.Now().Before(end); {
		err := r.browser.eval(ctx, page, "benchFigures().then((f) => ({Distinct: window.stamps?.teacher?.distinct ?? 0, Samples: f.samples}))", &last)
		if err != nil {
			return err
		}
		if last.Distinct > 10 && last.Samples > 0 {
			return nil
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	var where string
	_ = r.browser.eval(ctx, page, "location.href + ' ' + document.body.innerText.slice(0, 300)", &where)
	return fmt.Errorf("page %d shows and plays nothing after %v (%d pictures, %d samples): %s; %s", i, flowWithin, last.Distinct, last.Samples, where, r.boxes[len(r.boxes)-1].lastWords())
}

// afterSound is how long after the first sound concealment begins to count: browsers fill their buffer until then.
const afterSound = 5 * time.Second

// pageFigures is what hook.js and stamps.js tell.
type pageFigures struct {
	Samples, Concealed, FreezeMs float64
	Freezes                      int
	Stamps                       [][2]float64
}

const askFigures = `benchFigures().then((f) => ({Samples: f.samples, Concealed: f.concealed, Freezes: f.freezes, FreezeMs: f.freezeMs, Stamps: window.stamps.teacher.samples}))`

func (r *real) watchPages(ctx context.Context, pages []string) (*report.Pages, error) {
	if err := wait(ctx, afterSound); err != nil {
		return nil, err
	}
	r.window.from = packet.Now()
	for _, l := range r.links {
		l.Start(r.window.from)
	}
	var before, after [2]pageFigures
	seen := [2]map[[2]float64]bool{{}, {}}
	note := func(to *[2]pageFigures) error {
		for i, page := range pages {
			var f pageFigures
			if err := r.browser.eval(ctx, page, askFigures, &f); err != nil {
				return err
			}
			for _, s := range f.Stamps {
				seen[i][s] = true
			}
			f.Stamps = nil
			to[i] = f
		}
		return nil
	}
	if err := note(&before); err != nil {
		return nil, err
	}
	seen = [2]map[[2]float64]bool{{}, {}}
	for left := r.o.Length; left > 0; left -= 10 * time.Second { // a page keeps its latest 2000 samples: 60 s
		r.o.Progress(fmt.Sprintf("真实页面：测量 measuring real pages, %.0f s left", left.Seconds()))
		if err := wait(ctx, min(left, 10*time.Second)); err != nil {
			return nil, err
		}
		if err := note(&after); err != nil {
			return nil, err
		}
	}
	out := &report.Pages{}
	for i, p := range []*report.Page{&out.Product, &out.Bare} {
		*p = r.page(r.teachers[i], seen[i], before[i], after[i])
	}
	return out, nil
}

// page makes a page's figures. A stamp says when its picture was captured; both clocks are this machine's.
func (r *real) page(t *peer.Teacher, seen map[[2]float64]bool, before, after pageFigures) report.Page {
	p := report.Page{Freezes: after.Freezes - before.Freezes, FreezeMs: round(after.FreezeMs - before.FreezeMs)}
	if total := after.Samples - before.Samples; total > 0 {
		p.ConcealedPct = round(100 * (after.Concealed - before.Concealed) / total)
	}
	var delays []float64
	for s := range seen {
		shown := packet.Time(s[1] * 1e6)
		if shown < r.window.from {
			continue
		}
		delays = append(delays, ms(shown.Sub(t.CaptureTime(uint32(s[0]), shown))))
	}
	slices.Sort(delays)
	p.Frames = len(delays)
	p.LatencyMs, _ = quantilesOf(delays)
	return p
}
