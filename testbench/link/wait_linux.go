package link

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/packet"
)

// waiter sleeps until a moment or until it is woken. Go's own timers come up to a millisecond late, because its network poller waits in
// whole milliseconds; ppoll(2) is asked for nanoseconds by a thread of our own.
type waiter struct {
	event int // eventfd(2)
}

func newWaiter() (*waiter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &waiter{event: fd}, nil
}

// begin takes the thread for the caller's goroutine, for good: it ends with the goroutine, and with it what is set here. Where it is allowed
// (root) the thread runs before ordinary ones, because an emulator that is late measures itself; it works for microseconds at a time.
func (w *waiter) begin() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // ns; the usual 50 µs without it
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}, 0)
}

// until sleeps until at, for ever if that is 0, or until wake.
func (w *waiter) until(at packet.Time) {
	var left *unix.Timespec
	if at != 0 {
		d := at.Sub(packet.Now())
		if d <= 0 {
			return
		}
		t := unix.NsecToTimespec(int64(d))
		left = &t
	}
	fds := []unix.PollFd{{Fd: int32(w.event), Events: unix.POLLIN}}
	n, err := unix.Ppoll(fds, left, nil)
	if n > 0 {
		var b [8]byte
		_, _ = unix.Read(w.event, b[:]) // empties it; that another did so before is no fault
	}
	if err != nil && !errors.Is(err, unix.EINTR) {
		time.Sleep(grid) // does not happen; without the descriptor this would spin
	}
}

func (w *waiter) wake() { _, _ = unix.Write(w.event, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (w *waiter) close() error { return unix.Close(w.event) }
