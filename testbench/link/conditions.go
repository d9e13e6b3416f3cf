package link

import (
	"errors"
	"fmt"
	"time"
)

// Direction of a packet on a link.
type Direction uint8

// A child dials its parent: what the parent sends goes down.
const (
	Down Direction = iota
	Up
)

func (d Direction) String() string { return [...]string{"down", "up"}[d] }

// Conditions are what one direction of a link does to packets. The zero value passes everything at once.
type Conditions struct {
	Delay     time.Duration // of every packet
	Jitter    time.Duration // up to so much more, changing slowly enough to keep the order
	Stall     time.Duration // now and then nothing leaves for so long, then all of it together
	StallEach time.Duration // one stall in each such time, at a moment that the seed draws

	RateBPS int64      // bits/s of IP packets; 0: no bound
	Queue   int        // bytes of IP packets that may wait for the rate; what comes then is dropped
	Rates   []RateStep // later rates, in order of time

	Loss      float64       // share of packets lost, each by itself
	Burst     Burst         // and lost in bursts
	Reorder   float64       // share of packets that are overtaken
	ReorderBy time.Duration // how much later these leave
	Duplicate float64       // share of packets that come twice

	Outages  []Outage
	BlockUDP bool // nothing but TCP passes
}

// RateStep is a rate from some moment on.
type RateStep struct {
	At      time.Duration // since Start
	RateBPS int64
}

// Burst is the model of Gilbert and Elliott on a grid of 1 ms: a good state without loss and a bad one.
type Burst struct {
	Share float64       // of the time that is bad
	Mean  time.Duration // how long a bad time lasts
	Loss  float64       // share of packets lost in it
}

// Outage is a time in which nothing passes.
type Outage struct {
	At  time.Duration // since Start
	For time.Duration
}

// Validate reports every impossible value.
func (c Conditions) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"delay", c.Delay}, {"jitter", c.Jitter}, {"stall", c.Stall}, {"stall_each", c.StallEach}, {"reorder_by", c.ReorderBy}, {"burst.mean", c.Burst.Mean}} {
		if d.value < 0 || d.value > time.Minute {
			wrong("%s: %v is not in 0 to 1m", d.name, d.value)
		}
	}
	for _, s := range []struct {
		name  string
		value float64
	}{{"loss", c.Loss}, {"reorder", c.Reorder}, {"duplicate", c.Duplicate}, {"burst.share", c.Burst.Share}, {"burst.loss", c.Burst.Loss}} {
		if !(s.value >= 0 && s.value <= 1) {
			wrong("%s: %v is not a share between nothing and all", s.name, s.value)
		}
	}
	if c.Burst.Share > 0 && (c.Burst.Share >= 1 || c.Burst.Mean < time.Millisecond) {
		wrong("burst: a share below 1 and a mean of at least 1ms are needed")
	}
	if c.Stall > 0 && c.StallEach <= c.Stall {
		wrong("stall_each: %v must be longer than a stall of %v", c.StallEach, c.Stall)
	}
	const leastRate, mostRate = 8_000, 10_000_000_000
	if c.RateBPS != 0 && (c.RateBPS < leastRate || c.RateBPS > mostRate) {
		wrong("rate: %d bit/s is not in 8 kb/s to 10 Gb/s", c.RateBPS)
	}
	if c.Queue < 0 || c.Queue > 1<<30 || (c.RateBPS > 0 || len(c.Rates) > 0) && c.Queue < 1500 {
		wrong("queue: %d bytes; a rate needs one of at least 1500", c.Queue)
	}
	last := time.Duration(-1)
	for i, s := range c.Rates {
		if s.At <= last || s.RateBPS < leastRate || s.RateBPS > mostRate {
			wrong("rates[%d]: times must rise, rates be in 8 kb/s to 10 Gb/s", i)
		}
		last = s.At
	}
	last = -1
	for i, o := range c.Outages {
		if o.At <= last || o.For <= 0 {
			wrong("outages[%d]: they must last, and follow each other", i)
		}
		last = o.At + o.For
	}
	return errors.Join(errs...)
}
