package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	partLimit  = 1200 * time.Millisecond // how long one part may take to end before the next one is asked
	partsLimit = 4 * time.Second         // all of them together: a stop may take 5 s, and the store is closed after them
	storeLimit = 500 * time.Millisecond
)

// parts runs the parts of a daemon and ends them in the reverse order of their start, one after the other, so that each still finds
// what it was given when it started.
type parts struct {
	log     *slog.Logger
	running []*part
	failed  chan error // 1: the first part that ended by itself
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
}

func newParts(log *slog.Logger) *parts { return &parts{log: log, failed: make(chan error, 1)} }

// start runs one part in a goroutine, which ends when end cancels its context, or when it fails.
func (p *parts) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	one := &part{name: name, cancel: cancel, done: make(chan struct{})}
	p.running = append(p.running, one)
	go func() {
		defer close(one.done)
		err := run(ctx)
		if ctx.Err() != nil {
			if err != nil {
				p.log.Warn("part ended with an error", "part", name, "err", err)
			}
			return
		}
		if err == nil {
			err = fmt.Errorf("ended by itself")
		}
		select {
		case p.failed <- fmt.Errorf("%s: %w", name, err):
		default:
		}
	}()
}

// end ends all parts, the last started first, and reports whether all did in time.
func (p *parts) end() bool {
	clean := true
	deadline := time.Now().Add(partsLimit)
	for i := len(p.running) - 1; i >= 0; i-- {
		one := p.running[i]
		one.cancel()
		if !inTime(one.done, min(partLimit, time.Until(deadline))) {
			p.log.Error("part does not end", "part", one.name)
			clean = false
		}
	}
	p.running = nil
	return clean
}

// inTime waits for done, but not longer than limit.
func inTime(done <-chan struct{}, limit time.Duration) bool {
	t := time.NewTimer(max(limit, 0))
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
	}
	select {
	case <-done: // both were ready
		return true
	default:
		return false
	}
}
