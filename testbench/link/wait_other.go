//go:build !linux

package link

import (
	"time"

	"tongke/media/packet"
)

// waiter sleeps until a moment or until it is woken, as exactly as Go's timers do here.
type waiter struct {
	event chan struct{}
}

func newWaiter() (*waiter, error) { return &waiter{make(chan struct{}, 1)}, nil }

func (w *waiter) begin() {}

// until sleeps until at, for ever if that is 0, or until wake.
func (w *waiter) until(at packet.Time) {
	if at == 0 {
		<-w.event
		return
	}
	d := at.Sub(packet.Now())
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.event:
	}
}

func (w *waiter) wake() {
	select {
	case w.event <- struct{}{}:
	default:
	}
}

func (w *waiter) close() error { return nil }
