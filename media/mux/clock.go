package mux

import (
	"slices"
	"time"
)

const (
	clockWindow  = 9                     // seconds that the offset is a median over
	clockSamples = 32                    // looked at in a second
	clockJump    = time.Second           // further off than this is another clock, not jitter
	clockCoarse  = 40 * time.Millisecond // further off than this is put right faster
	maxEarly     = 10 * time.Second      // a capture time further from the arrival is not believed
)

// rtpClock maps the RTP timestamps of one track to the journal's timeline. What it knows are pairs of timestamp and capture time, and where
// the capture time is not known the arrival, which is late by the path and its queues. It follows their difference slowly: jitter does
// not show, and a clock that runs some hundred ppm wrong is followed within a millisecond.
type rtpClock struct {
	rate int64 // Hz

	seen bool
	last int64 // newest timestamp, unwrapped

	set     bool
	offset  time.Duration // journal time − RTP time
	at      time.Duration // RTP time of the latest step of offset
	seconds []clockSecond // oldest first
}

// clockSecond collects the differences of one second of RTP time.
type clockSecond struct {
	second  int64
	capture []time.Duration // capture − RTP time, where it is known
	arrival time.Duration   // the smallest arrival − RTP time
}

// pair is what one packet says.
type pair struct {
	ts               int64 // unwrapped
	capture, arrival time.Duration
}

// known says whether the capture time is one: where it is not, the journal repeats the arrival.
func (p pair) known() bool {
	return p.capture != p.arrival && p.capture > p.arrival-maxEarly && p.capture < p.arrival+maxEarly
}

// unwrap finds the full timestamp nearest to the newest one.
func (c *rtpClock) unwrap(ts uint32) int64 {
	if !c.seen {
		c.seen, c.last = true, int64(ts)
		return c.last
	}
	full := c.last + int64(int32(ts-uint32(c.last)))
	c.last = max(c.last, full)
	return full
}

// span is an unwrapped timestamp as a time.
func (c *rtpClock) span(ts int64) time.Duration {
	return time.Duration(ts/c.rate)*time.Second + time.Duration(ts%c.rate)*time.Second/time.Duration(c.rate)
}

// place gives the journal time of a frame. Frames come in the order of their numbers; ahead are the pairs of the frames behind this one, which
// are only looked at where the clock begins or jumps.
func (c *rtpClock) place(p pair, ahead func(yield func(pair) bool)) time.Duration {
	rtp := c.span(p.ts)
	if c.set {
		said := p.arrival
		if p.known() {
			said = p.capture
		}
		if d := said - rtp - c.offset; d > clockJump || d < -clockJump {
			c.set = false
		}
	}
	if !c.set {
		c.begin(p, ahead)
	}
	c.note(p)
	c.step(rtp)
	return rtp + c.offset
}

// begin takes the offset from what comes next, as far as it is of the same clock.
func (c *rtpClock) begin(p pair, ahead func(yield func(pair) bool)) {
	var captures []time.Duration
	smallest := p.arrival - c.span(p.ts)
	if p.known() {
		captures = append(captures, p.capture-c.span(p.ts))
	}
	n := 0
	for q := range ahead {
		if n++; n > 200 || q.ts-p.ts > 5*c.rate {
			break
		}
		d := q.arrival - c.span(q.ts)
		if d-smallest > 5*clockJump || smallest-d > 5*clockJump {
			break
		}
		smallest = min(smallest, d)
		if q.known() {
			captures = append(captures, q.capture-c.span(q.ts))
		}
	}
	c.set, c.offset, c.at, c.seconds = true, smallest, c.span(p.ts), nil
	if len(captures) > 0 {
		c.offset = median(captures)
	}
}

func (c *rtpClock) note(p pair) {
	second := p.ts / c.rate
	n := len(c.seconds)
	if n == 0 || c.seconds[n-1].second < second {
		if n > 0 && second-c.seconds[n-1].second > 2*clockWindow {
			c.seconds, n = c.seconds[:0], 0
		}
		if n == clockWindow {
			first := c.seconds[0]
			copy(c.seconds, c.seconds[1:])
			first.capture = first.capture[:0]
			c.seconds[n-1] = first
		} else {
			c.seconds = append(c.seconds, clockSecond{})
			n++
		}
		s := &c.seconds[n-1]
		s.second, s.arrival = second, p.arrival-c.span(p.ts)
	}
	s := &c.seconds[len(c.seconds)-1]
	s.arrival = min(s.arrival, p.arrival-c.span(p.ts))
	if p.known() && len(s.capture) < clockSamples {
		s.capture = append(s.capture, p.capture-c.span(p.ts))
	}
}

// step moves the offset toward what the window says: by at most 2 ms a second, or 20 while it is far off.
func (c *rtpClock) step(rtp time.Duration) {
	passed := rtp - c.at
	if passed < 100*time.Millisecond {
		return
	}
	c.at = rtp
	d := c.target() - c.offset
	limit := min(passed, time.Second) / 500
	if d > clockCoarse || d < -clockCoarse {
		limit *= 10
	}
	c.offset += max(-limit, min(limit, d))
}

// target is the median of the seconds' medians, and where no capture times are known the smallest difference of all.
func (c *rtpClock) target() time.Duration {
	var medians [clockWindow]time.Duration
	n := 0
	smallest := c.seconds[0].arrival
	var scratch [clockSamples]time.Duration
	for i := range c.seconds {
		s := &c.seconds[i]
		smallest = min(smallest, s.arrival)
		if len(s.capture) > 0 {
			medians[n] = median(scratch[:copy(scratch[:], s.capture)])
			n++
		}
	}
	if n == 0 {
		return smallest
	}
	return median(medians[:n])
}

// median sorts d.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
