package rtc

import (
	"time"

	"tongke/media/packet"
)

// offsetFor is half of the sliding window in which the smallest delay is looked for. Long enough that a queue somewhere drains within it,
// short enough that two clocks of 50 ppm drift less than 3 ms.
const offsetFor = packet.Time(30 * time.Second)

// clockOffset estimates what must be added to the other side's clock to get ours: the smallest difference between the arrival of a
// sender report and the time written in it. It is wrong by the shortest way here, which only a two-way measurement can tell; whoever has
// one sets it. The zero value knows nothing.
type clockOffset struct {
	known, prevKnown bool
	now, prev        time.Duration // smallest in this half of the window and in the one before
	since            packet.Time
	fixed            bool
	value            time.Duration
}

// sample notes that a report written at sent (on their clock) came at arrival (on ours).
func (c *clockOffset) sample(sent, arrival packet.Time) {
	if c.fixed {
		return
	}
	d := arrival.Sub(sent)
	switch {
	case !c.known:
		c.known, c.now, c.since = true, d, arrival
	case arrival-c.since > offsetFor:
		c.prevKnown, c.prev = true, c.now
		c.now, c.since = d, arrival
	default:
		c.now = min(c.now, d)
	}
	c.value = c.now
	if c.prevKnown {
		c.value = min(c.now, c.prev)
	}
}

// fix sets the offset from outside, for good.
func (c *clockOffset) fix(d time.Duration) { c.fixed, c.known, c.value = true, true, d }

// captureClock maps the RTP timestamps of one stream to the other side's clock. abs-capture-time tells when a frame was captured; sender
// reports tell what the sender says of its timestamps, and count while there is nothing better. The zero value knows nothing.
type captureClock struct {
	known    bool
	absolute bool
	rtp      uint32
	at       packet.Time // their clock
}

// report takes a sender report.
func (c *captureClock) report(rtp uint32, at packet.Time) {
	if !c.absolute {
		c.known, c.rtp, c.at = true, rtp, at
	}
}

// extension takes an abs-capture-time: 8 bytes of NTP time, and where the capture clock is not the sender's, 8 bytes of the difference
// (Q32.32). False when b is no such extension.
func (c *captureClock) extension(rtp uint32, b []byte) bool {
	if len(b) != 8 && len(b) != 16 {
		return false
	}
	at := packet.FromNTP(be64(b))
	if len(b) == 16 {
		d := int64(be64(b[8:]))
		at += packet.Time(d>>32*1e9 + (d&0xffffffff)*1e9>>32)
	}
	if at <= 0 {
		return false
	}
	c.known, c.absolute, c.rtp, c.at = true, true, rtp, at
	return true
}

// time is when the packet of a timestamp was captured, on their clock.
func (c *captureClock) time(rtp, clock uint32) (packet.Time, bool) {
	if !c.known {
		return 0, false
	}
	return c.at + packet.Time(int64(int32(rtp-c.rtp))*int64(time.Second)/int64(clock)), true
}

func be64(b []byte) uint64 {
	var v uint64
	for _, x := range b[:8] {
		v = v<<8 | uint64(x)
	}
	return v
}
