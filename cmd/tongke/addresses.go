package main

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"tongke/signaling/join"
	"tongke/signaling/store"
)

const (
	callFirst = 3 * time.Second  // after the start: who knows the address is back by then
	callMost  = 10 * time.Minute // between two calls of one box: most that are away are switched off
	callWait  = 8 * time.Second  // for one box with all its addresses
	callsMost = 8                // at a time
)

// swapAddresses tells the parent where this box answers, and hears what time it is there. With learn it keeps where the parent answers, which
// waits for the disk.
func (d *daemon) swapAddresses(ctx context.Context, dial join.Dial, learn bool) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	told, at, heard, err := join.TellAddresses(ctx, dial, d.urls())
	d.theirs.take(dial.Parent.ID, heard)
	if err != nil || !learn {
		return err
	}
	changed, err := join.Learn(d.store, dial.Parent.ID, told, at)
	if changed {
		d.parentMoved()
	}
	return err
}

// parentMoved has the node dial the addresses that stand in the store now; a link that is up stays.
func (d *daemon) parentMoved() {
	if err := d.useParent(); err != nil {
		d.log.Warn("parent's addresses not taken", "err", err)
	}
}

// keepCalling calls the boxes below that do not come, each after longer and longer, until ctx ends.
func (d *daemon) keepCalling(ctx context.Context) error {
	due := map[string]nextCall{}
	tick := time.NewTicker(callFirst)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		children, err := d.store.Children()
		if err != nil {
			d.log.Warn("boxes below not read", "err", err)
			continue
		}
		if len(children) == 0 {
			continue
		}
		up := map[string]bool{}
		for _, p := range d.node.Stats().Peers {
			up[p.Peer.ID] = up[p.Peer.ID] || p.Up
		}
		d.callBelow(ctx, whomToCall(due, children, up, time.Now()))
	}
}

// nextCall is when a box is called again, and how long after the last time that is.
type nextCall struct {
	at    time.Time
	pause time.Duration
}

// whomToCall takes those that are due and away, and notes when they are again.
func whomToCall(due map[string]nextCall, children []store.Child, up map[string]bool, now time.Time) (list []store.Child) {
	for _, c := range children {
		if len(c.URLs) == 0 || up[c.ID] {
			delete(due, c.ID)
			continue
		}
		at, waits := due[c.ID]
		if waits && now.Before(at.at) {
			continue
		}
		pause := min(max(2*at.pause, 2*callFirst), callMost)
		due[c.ID] = nextCall{now.Add(pause), pause}
		list = append(list, c)
	}
	return list
}

// callBelow tells boxes below where this one is, and waits for all of them, however many do not answer: the last must have their turn.
func (d *daemon) callBelow(ctx context.Context, list []store.Child) {
	var calls sync.WaitGroup
	free := make(chan struct{}, callsMost)
	for _, c := range list {
		free <- struct{}{}
		calls.Go(func() { // ends after callWait at the latest
			defer func() { <-free }()
			ctx, cancel := context.WithTimeout(ctx, callWait)
			defer cancel()
			if err := join.Call(ctx, c, d.box.ClientTLS(c.Pin), d.urls()); err != nil {
				d.log.Debug("box below not called", "peer", c.Name, "err", err)
				return
			}
			d.log.Info("box below told where this one is", "peer", c.Name)
		})
	}
	calls.Wait()
}

// stoppedURLs are where a box that does not run would answer, as far as its file says.
func stoppedURLs(cfg Config) []string {
	var ends []netip.AddrPort
	listen := cfg.Listen
	if len(listen) == 0 {
		listen = []string{":" + join.DefaultPort}
	}
	for _, at := range listen {
		if at != "" && at[0] == ':' {
			at = "0.0.0.0" + at
		}
		if end, err := netip.ParseAddrPort(at); err == nil && end.Port() != 0 {
			ends = append(ends, end)
		}
	}
	return boxURLs(cfg.Box.Hosts, ends)
}
