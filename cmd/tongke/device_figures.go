package main

import (
	"math"
	"time"

	"tongke/device/health"
	"tongke/device/probe"
	"tongke/media/cascade"
	"tongke/signaling/api"
)

// meterEvery is how often the uplink is measured for the page of the device.
const meterEvery = 10 * time.Second

// uplinkMeter makes figures of the links' counters: of each span between two readings. It belongs to one goroutine.
type uplinkMeter struct {
	last []cascade.PeerStats
	at   time.Time
}

// uplinkFigures are the link to the parent over one span. What is not known is NaN.
type uplinkFigures struct {
	kbps, loss, delay, up float64
	rung                  string
}

// read takes the counters of now. root is a box without a parent, whose rate is that of its children together.
func (m *uplinkMeter) read(peers []cascade.PeerStats, root bool, now time.Time) uplinkFigures {
	f := uplinkFigures{kbps: health.Unknown(), loss: health.Unknown(), delay: health.Unknown(), up: health.Unknown()}
	if !root {
		f.up = 0
	}
	span := now.Sub(m.at).Seconds()
	for _, p := range peers {
		if p.Parent == root || !p.Up {
			continue
		}
		if p.Parent {
			f.up, f.rung = 1, p.Rung
			if p.RTT > 0 {
				f.delay = p.RTT * 1000
			}
		}
		before, ok := m.before(p)
		if !ok || span <= 0 || m.at.IsZero() {
			continue
		}
		bytes := p.BytesIn + p.BytesOut - before.BytesIn - before.BytesOut
		f.kbps = float64(bytes)*8/1000/span + zeroIfNaN(f.kbps)
		if p.Parent {
			f.loss = oneWayLoss(p.Checks-before.Checks, p.Answers-before.Answers)
		}
	}
	m.last, m.at = peers, now
	return f
}

// before is the last reading of the same peer; ok is false when its counters began anew.
func (m *uplinkMeter) before(p cascade.PeerStats) (cascade.PeerStats, bool) {
	for _, b := range m.last {
		if b.Peer.ID == p.Peer.ID && b.Parent == p.Parent {
			same := p.BytesIn >= b.BytesIn && p.BytesOut >= b.BytesOut && p.Checks >= b.Checks && p.Answers >= b.Answers
			return b, same
		}
	}
	return cascade.PeerStats{}, false
}

// oneWayLoss is the loss in percent of one way, when asked questions and their answers took the same path both ways.
func oneWayLoss(asked, answered uint64) float64 {
	if asked < 8 { // four seconds: too few to tell
		return health.Unknown()
	}
	back := min(float64(answered)/float64(asked), 1)
	return 100 * (1 - math.Sqrt(back))
}

func zeroIfNaN(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// minuteOf gathers what is kept of one minute.
func minuteOf(now time.Time, u uplinkFigures, m probe.Machine, lessons int) health.Minute {
	out := health.Minute{At: now, RateKbps: u.kbps, LossPercent: u.loss, DelayMs: u.delay, Celsius: health.Unknown(), DiskLessons: health.Unknown(), Up: u.up}
	if m.Thermal.Known {
		out.Celsius = m.Thermal.Celsius
	}
	if lessons >= 0 {
		out.DiskLessons = float64(lessons)
	}
	return out
}

// mostSteps of a plot: more than a phone has pixels are sent to nobody.
const mostSteps = 24 * 60

// plots are the last hours: a value a minute for a day, coarser beyond.
func plots(kept *health.Minutes, hours int, now time.Time) api.DeviceHistory {
	step := time.Minute
	for time.Duration(hours)*time.Hour/step > mostSteps {
		step += time.Minute
	}
	steps := int(time.Duration(hours) * time.Hour / step)
	start := now.Truncate(step).Add(step - time.Duration(steps)*step).UTC()
	h := api.DeviceHistory{Start: start, StepSeconds: int(step / time.Second)}
	s := &h.Series
	for _, m := range kept.Range(start, step, steps) {
		s.RateKbps = append(s.RateKbps, known(m.RateKbps, 1))
		s.LossPercent = append(s.LossPercent, known(m.LossPercent, 100))
		s.DelayMs = append(s.DelayMs, known(m.DelayMs, 1))
		s.Celsius = append(s.Celsius, known(m.Celsius, 10))
		s.DiskLessons = append(s.DiskLessons, known(math.Floor(m.DiskLessons), 1))
		up := m.Up
		if !math.IsNaN(up) {
			up = math.Round(up)
		}
		s.Up = append(s.Up, known(up, 1))
	}
	return h
}

// known is a figure for JSON, in parts of one; null when there is none.
func known(f, parts float64) *float64 {
	if math.IsNaN(f) {
		return nil
	}
	f = math.Round(f*parts) / parts
	return &f
}
