package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	lookFirst   = 5 * time.Second // after the start of the box
	lookEvery   = 5 * time.Minute // at a camera that nobody uses, so that what is wrong is known before the lesson
	lookFailing = time.Minute     // at one that did not answer
	lookPoll    = 5 * time.Second // how often it is seen whether one is due
)

// watch asks cameras that nobody uses what they offer, one after the other, until ctx ends. No picture is taken.
func (c *cameras) watch(ctx context.Context) {
	tick := time.NewTicker(lookPoll)
	defer tick.Stop()
	for {
		if n := c.due(time.Now()); n != nil {
			n.camera.Look(ctx)
			c.seen(n, time.Now())
			continue
		}
		select {
		case <-c.fresh:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// due is a camera that should be looked at now, nil when there is none.
func (c *cameras) due(now time.Time) *netCamera {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.all, func(n *netCamera) bool { return n.idle() && !now.Before(n.look) })
	if at < 0 {
		return nil
	}
	c.all[at].look = now.Add(lookEvery)
	return c.all[at]
}

// seen notes when a camera that was just looked at is looked at again.
func (c *cameras) seen(n *netCamera, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.look = now.Add(lookEvery)
	if n.camera.Status().Fault != nil {
		n.look = now.Add(lookFailing)
	}
}

// idle reports whether a camera could be asked and nobody uses it. Called with cameras.mu held.
func (n *netCamera) idle() bool { return n.stop == nil && n.broken == nil }

// tryAll connects all cameras that nobody uses at once, for some seconds: the full check. Where pictures is false, because the room has
// covered its camera, none is taken.
func (c *cameras) tryAll(ctx context.Context, pictures bool) {
	c.mu.Lock()
	var idle []*netCamera
	for _, n := range c.all {
		if n.idle() {
			idle = append(idle, n)
		}
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, n := range idle {
		wg.Go(func() { // ends with ctx, or after some seconds
			if !pictures {
				n.camera.Look(ctx)
				return
			}
			n.camera.Try(ctx)
		})
	}
	wg.Wait()
}
