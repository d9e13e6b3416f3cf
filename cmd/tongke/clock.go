package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"tongke/device/probe"
	"tongke/signaling/protocol"
)

const (
	clockTolerated = 30 * time.Second // nearer to the parent's a clock is good enough for a timetable
	clockAsked     = time.Second
)

// clockKeeper remembers what this box's clock lacks to its parent's: a board whose battery is empty, before the network has told the time.
type clockKeeper struct {
	mu    sync.Mutex
	known bool      // the clock is wrong, and this is known:
	zero  time.Time // the right time when the steady clock began
}

// take notes the right time as the parent says it; steady is a clock that nobody sets. With synced the box's own clock is kept by somebody
// better: a parent tells the time of its start running on, which is wrong for good where its own clock was put right after that.
func (c *clockKeeper) take(wall, right time.Time, steady time.Duration, synced bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	zero := right.Round(0).Add(-steady)
	if !c.known || zero.Sub(c.zero).Abs() > time.Second { // not at each flicker of a link's delay
		c.zero = zero
	}
	c.known = !synced && right.Round(0).Sub(wall.Round(0)).Abs() >= clockTolerated
}

// offset is what the box's clock lacks. What was noted last holds while the parent is away. Nothing is said of a clock that is near enough.
func (c *clockKeeper) offset(wall time.Time, steady time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if by := c.zero.Add(steady).Sub(wall.Round(0)); c.known && by.Abs() >= clockTolerated {
		return by
	}
	return 0
}

// keepClock asks each second what the parent's clock says, until ctx ends.
func (d *daemon) keepClock(ctx context.Context) error {
	tick := time.NewTicker(clockAsked)
	defer tick.Stop()
	for {
		if right, ok := d.rightTime(); ok {
			now := time.Now()
			d.clock.take(now, right, now.Sub(steadySince), runtime.GOOS == "linux" && probe.System().Synchronised()) // others do not say
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// steadySince is any moment with a reading of the steady clock.
var steadySince = time.Now()

// clockOffset is what this box's clock lacks to the right time, as far as that is known. It never blocks.
func (d *daemon) clockOffset() time.Duration {
	now := time.Now()
	return d.clock.offset(now, now.Sub(steadySince))
}

// told is a moment as pages are told it: by the right time, whatever this box's clock showed then.
func (d *daemon) told(at time.Time) protocol.Millis {
	now := time.Now()
	return protocol.At(now.Add(d.clockOffset() - now.Sub(at)))
}
