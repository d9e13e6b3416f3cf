package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tongke/signaling/protocol"
)

const (
	clockTolerated = 30 * time.Second // nearer to the parent's a clock is good enough for a timetable
	clockAsked     = time.Second
)

// clockKeeper remembers what this box's clock lacks to its parent's: a board whose battery is empty, before the network has told the time.
type clockKeeper struct {
	mu    sync.Mutex
	made  time.Time
	asked time.Duration // when, by the steady clock
	known bool          // the clock is wrong, and this is known:
	zero  time.Time     // the right time when the steady clock began

	heard atomic.Pointer[heardTime] // the parent's last word
}

// heardTime is the right time at a moment.
type heardTime struct{ right, at time.Time }

// steady is a clock that nobody sets.
func (c *clockKeeper) steady(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made.IsZero() {
		c.made = now.Add(-clockAsked)
	}
	return now.Sub(c.made)
}

// offset is what the box's clock lacks; right says the time where that is known. What was said last holds while the parent is away. Nothing
// is said of a clock that is near enough.
func (c *clockKeeper) offset(wall time.Time, steady time.Duration, right func() (time.Time, bool)) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if steady-c.asked >= clockAsked {
		c.asked = steady
		if at, ok := right(); ok {
			wrong, zero := at.Round(0).Sub(wall.Round(0)).Abs() >= clockTolerated, at.Round(0).Add(-steady)
			if !c.known || zero.Sub(c.zero).Abs() > clockAsked { // not at each flicker of a link's delay
				c.zero = zero
			}
			c.known = wrong
		}
	}
	if by := c.zero.Add(steady).Sub(wall.Round(0)); c.known && by.Abs() >= clockTolerated {
		return by
	}
	return 0
}

// clockOffset is what this box's clock lacks to the right time, as far as that is known.
func (d *daemon) clockOffset() time.Duration {
	now := time.Now()
	return d.clock.offset(now, d.clock.steady(now), d.clock.right)
}

// right is the time that the parent said last. It waits for nobody: the node itself asks, when a link comes up.
func (c *clockKeeper) right() (time.Time, bool) {
	h := c.heard.Load()
	if h == nil {
		return time.Time{}, false
	}
	return h.right.Add(time.Since(h.at)), true
}

// keepClock asks the parent's clock, until ctx ends.
func (d *daemon) keepClock(ctx context.Context) error {
	tick := time.NewTicker(clockAsked)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if now, ok := d.rightTime(); ok {
				d.clock.heard.Store(&heardTime{now, time.Now()})
			} else {
				d.clock.heard.Store(nil)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// told is a moment as pages are told it: by the right time, whatever this box's clock showed then.
func (d *daemon) told(at time.Time) protocol.Millis {
	now := time.Now()
	return protocol.At(now.Add(d.clockOffset() - now.Sub(at)))
}
