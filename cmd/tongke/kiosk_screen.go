package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"tongke/device/probe"
)

// errScreen: the wall's screen is another one, or it is back. The compositor ends with its browser, the unit starts both anew, and they find
// the screen as it is: its mode, its size. Compositors differ in what they make of a screen that comes back, and browsers in what they draw.
var errScreen = errors.New("the screen has changed")

// screens watches the sockets of the graphics cards: somebody pulls the HDMI cable, switches the panel off for the night, hangs up another.
type screens struct {
	root   fs.FS         // of the machine
	every  time.Duration // between two looks; the kernel is told by the cable, a look reads some small files
	blip   time.Duration // shorter than that a screen was not away: it negotiates anew when its source is changed
	settle time.Duration // how long it stays as it is before it counts
}

func thisScreen() *screens {
	return &screens{root: os.DirFS("/"), every: time.Second, blip: 3 * time.Second, settle: 2 * time.Second}
}

// sign is which screens are connected, "" none; watched is false on a machine whose graphics say nothing of that, such as a virtual one.
func (s *screens) sign() (sign string, watched bool) {
	all := probe.ReadDisplays(s.root)
	var on []string
	for _, d := range all {
		if d.Connected {
			on = append(on, fmt.Sprintf("%s %s %d×%d %d", d.Name, d.Screen, d.Width, d.Height, d.InchTenth))
		}
	}
	return strings.Join(on, ", "), len(all) > 0
}

// await gives a screen that is switched on with the box time to come, so that the browser starts once. Without one it starts all the same.
func (s *screens) await(ctx context.Context, limit time.Duration) {
	end := time.Now().Add(limit)
	for sign, watched := s.sign(); watched && sign == "" && time.Now().Before(end); sign, _ = s.sign() {
		select {
		case <-time.After(s.every):
		case <-ctx.Done():
			return
		}
	}
}

// watch ends with errScreen once the screens are others than at its start, or are the same and were away; nil when ctx ends.
func (s *screens) watch(ctx context.Context, log *slog.Logger) error {
	began, watched := s.sign()
	last, since := began, time.Now() // what was seen, and since when it is so
	var away time.Time               // since when no screen is connected; zero: one is
	if began == "" {
		away = since
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for watched {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := time.Now()
		sign, _ := s.sign()
		if sign != last {
			log.Info("screen", "connected", sign)
			last, since = sign, now
		}
		switch {
		case sign == "":
			if away.IsZero() {
				away = now
			}
		case sign == began && (away.IsZero() || since.Sub(away) < s.blip):
			away = time.Time{}
		case now.Sub(since) >= s.settle:
			return fmt.Errorf("%w: %s", errScreen, sign)
		}
	}
	<-ctx.Done()
	return nil
}

// scale is how large the type of the wall is drawn for a screen, "" as the page thinks. A character that is read from 8 m has 47 mm, on an
// 86-inch screen 47/1080 of its height; below, type grows. A screen of less than 40 inches hangs on no classroom's wall.
func (s *screens) scale() string {
	for _, d := range probe.ReadDisplays(s.root) {
		switch inch := d.InchTenth / 10; {
		case !d.Connected || inch < 40:
		case inch >= 84:
			return "1"
		case inch >= 72:
			return "1.12"
		case inch >= 62:
			return "1.3"
		default:
			return "1.5"
		}
	}
	return ""
}
