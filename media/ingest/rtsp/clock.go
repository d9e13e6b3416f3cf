package rtsp

import (
	"sync"
	"time"

	"tongke/media/packet"
)

const (
	offsetFor  = packet.Time(30 * time.Second) // half of the window in which the shortest way is looked for
	clockSteps = 2 * time.Second               // a report further off than this is of a clock that was set
	tooOld     = 5 * time.Second               // no frame takes longer from the lens to us; beyond it the camera is wrong
)

// deviceClock is what must be added to a camera's wall clock to get ours. A camera's clock may be decades off, drift, and be set while it
// runs; both of its streams share it, and so their layers can be told apart by capture time. The offset is wrong by the shortest way
// from the camera to here, a few milliseconds on a school's own network.
type deviceClock struct {
	mu    sync.Mutex
	known bool
	now   time.Duration // least difference in this half of the window
	prev  time.Duration
	had   bool // prev is known
	since packet.Time
}

// sample notes that a sender report written at sent, by the camera's clock, came at arrival.
func (c *deviceClock) sample(sent, arrival packet.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := arrival.Sub(sent)
	switch {
	case !c.known, (d - c.now).Abs() > clockSteps:
		c.known, c.had, c.now, c.since = true, false, d, arrival
	case arrival-c.since > offsetFor:
		c.prev, c.had, c.now, c.since = c.now, true, d, arrival
	default:
		c.now = min(c.now, d)
	}
}

func (c *deviceClock) offset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.had {
		return min(c.now, c.prev), c.known
	}
	return c.now, c.known
}

// captureClock maps the RTP timestamps of one stream to the camera's wall clock, by its last sender report (RFC 3550 §6.4.1).
type captureClock struct {
	rate      uint32 // Hz
	known     bool
	timestamp uint32
	at        packet.Time
}

// report takes a sender report. One without a time of day (NTP 0) says nothing.
func (c *captureClock) report(timestamp uint32, ntp uint64) (at packet.Time, ok bool) {
	if ntp>>32 == 0 {
		return 0, false
	}
	c.known, c.timestamp, c.at = true, timestamp, packet.FromNTP(ntp)
	return c.at, true
}

// capture is when a frame was captured on our clock, 0 where that is not known or cannot be.
func (c *captureClock) capture(timestamp uint32, device *deviceClock, arrival packet.Time) packet.Time {
	offset, ok := device.offset()
	if !c.known || !ok {
		return 0
	}
	at := c.at.Add(offset + ticks(int32(timestamp-c.timestamp), c.rate))
	if arrival.Sub(at) > tooOld || at.Sub(arrival) > tooOld {
		return 0
	}
	return min(at, arrival)
}

// ticks is how long n ticks of a clock of so many Hz are.
func ticks(n int32, rate uint32) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(rate)
}
