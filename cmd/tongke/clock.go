package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"tongke/device/probe"
	"tongke/signaling/join"
	"tongke/signaling/protocol"
)

const (
	clockTolerated = 30 * time.Second // nearer to the parent's a clock is good enough for a timetable
	clockAsked     = time.Second
	heardWithin    = 5 * time.Second // an answer that may be further off is of no use
)

// clockKeeper remembers what this box's clock lacks to its parent's: a board whose battery is empty, before the network has told the time.
type clockKeeper struct {
	mu    sync.Mutex
	known bool      // the clock is wrong, and this is known:
	zero  time.Time // the right time when the steady clock began
}

// take notes the right time as the parent says it; steady is a clock that nobody sets. With synced the box's own clock is kept by somebody
// better: the parent may have been without a time server for as long as it runs.
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

// parentTime is what time it is at the parent.
type parentTime struct {
	mu    sync.Mutex
	id    string // of the parent that was asked
	heard join.Heard
}

// take notes what a parent said; one that said nothing shows the same clock as before.
func (p *parentTime) take(id string, heard join.Heard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id != id {
		p.id, p.heard = id, join.Heard{}
	}
	if !heard.Time.IsZero() && heard.Error <= heardWithin {
		p.heard = heard
	}
}

// right is the time by the parent's clock as it shows it now. media is the link's clock: the parent's wall clock when its process started,
// running on, so wrong for as long as it runs where a time server was heard only later. It counts where asking led to nothing, zero if it
// is not known either; before the parent was asked nothing does.
func (p *parentTime) right(id string, media, now time.Time) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.id != id:
		return time.Time{}, false
	case !p.heard.Time.IsZero():
		return p.heard.Right(now), true
	}
	return media, !media.IsZero()
}
