package scenario

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tongke/media/packet"
	"tongke/testbench/link"
	"tongke/testbench/report"
)

// window is the time that is measured: what was sent in it counts.
type window struct {
	from, to packet.Time
}

func (w window) holds(t packet.Time) bool { return t >= w.from && t < w.to }

// passage is one packet on its way to a campus. Times are 0 where it did not come.
type passage struct {
	unit
	sent     packet.Time
	entered  packet.Time // the emulator: its first transmission
	left     packet.Time // the emulator: the transmission that arrived
	arrived  packet.Time // at the room
	held     time.Duration
	lost     bool // the first transmission, on any hop
	repaired bool
}

// crossings are what a link saw of each packet.
type crossings struct {
	first  map[unit]link.Record
	passed map[unit]link.Record   // first transmission of them that passed
	again  map[unit][]link.Record // retransmissions that passed, by unit with index 0
}

// crossingsOf sorts the records of one direction.
func crossingsOf(records []link.Record, d link.Direction) crossings {
	c := crossings{map[unit]link.Record{}, map[unit]link.Record{}, map[unit][]link.Record{}}
	for _, r := range records {
		if r.Direction != d || r.Kind != link.RTP || r.Copy {
			continue
		}
		u, rtx, ok := unitOf(r.ID)
		switch {
		case !ok:
		case rtx && r.Verdict == link.Passed:
			c.again[u] = append(c.again[u], r)
		case rtx:
		default:
			if have, seen := c.first[u]; !seen || r.At < have.At {
				c.first[u] = r
			}
			if have, seen := c.passed[u]; r.Verdict == link.Passed && (!seen || r.Left < have.Left) {
				c.passed[u] = r
			}
		}
	}
	return c
}

// through tells when the transmission left the emulator that arrived at a room at a moment, and how long it was held.
func (c crossings) through(u unit, a arrival) (packet.Time, time.Duration) {
	if r, ok := c.passed[u]; ok && r.Left <= a.at {
		return r.Left, r.Delay()
	}
	var best link.Record
	consider := func(r link.Record) {
		if r.Left <= a.at && r.Left > best.Left {
			best = r
		}
	}
	for _, r := range c.again[unit{u.source, u.k, 0}] {
		consider(r)
	}
	if a.carried {
		for n := int64(1); n <= 3; n++ {
			if r, ok := c.passed[unit{u.source, u.k + n, 0}]; ok {
				consider(r)
				break
			}
		}
	}
	if best.Left == 0 {
		return 0, 0
	}
	return best.Left, best.Delay()
}

// passages follows what was sent in the window to one room. c is nil at the teacher's own campus, and empty where the link carried a tunnel.
func passages(l *ledger, source int, r *room, c *crossings, w window) []passage {
	first, whole := map[unit]arrival{}, map[unit]bool{} // the earliest of each, and those whose own first transmission came
	for _, a := range r.arrivals {
		if a.source != source {
			continue
		}
		whole[a.unit] = whole[a.unit] || !a.repair && !a.carried
		if have, seen := first[a.unit]; !seen || a.at < have.at {
			first[a.unit] = a
		}
	}
	var out []passage
	for u, at := range l.sent {
		if u.source != source || !w.holds(at) {
			continue
		}
		p := passage{unit: u, sent: at}
		a, came := first[u]
		if came {
			p.arrived, p.repaired = a.at, a.repair || a.carried
		}
		p.lost = !whole[u]
		if c != nil {
			if r, ok := c.first[u]; ok {
				p.entered = r.At
				p.lost = p.lost || r.Verdict != link.Passed
			}
			if came {
				p.left, p.held = c.through(u, a)
			}
			p.repaired = p.repaired || came && p.entered != 0 && c.first[u].Verdict != link.Passed // by the member's box
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b passage) int { return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.index, b.index)) })
	return out
}

// hop is one part of the way: between two of a passage's times.
type hop struct {
	name     string
	from, to func(passage) packet.Time
	lost     func(passage) bool // its first transmission on this hop
}

func sentAt(p passage) packet.Time    { return p.sent }
func enteredAt(p passage) packet.Time { return p.entered }
func leftAt(p passage) packet.Time    { return p.left }
func arrivedAt(p passage) packet.Time { return p.arrived }

// memberHops are those of a packet to a member, coreHops those to the teacher's own campus.
func memberHops(c crossings) []hop {
	return []hop{
		{"core", sentAt, enteredAt, func(p passage) bool { return p.entered == 0 }},
		{"uplink", enteredAt, leftAt, func(p passage) bool { return c.first[p.unit].Verdict != link.Passed }},
		{"member", leftAt, arrivedAt, func(p passage) bool { return p.arrived == 0 }},
		{"total", sentAt, arrivedAt, func(p passage) bool { return p.lost }},
	}
}

func coreHops() []hop {
	lost := func(p passage) bool { return p.lost }
	return []hop{{"core", sentAt, arrivedAt, lost}, {"total", sentAt, arrivedAt, lost}}
}

// measureHop makes the figures of one hop from the passages of all rooms of a campus, each room's in order of sending.
func measureHop(campus string, source int, h hop, rooms [][]passage) report.Stream {
	s := report.Stream{Campus: campus, Kind: kinds[source], Hop: h.name}
	var delays, jitters []float64
	var lost, missing uint64
	for _, ps := range rooms {
		var j jitter
		for _, p := range ps {
			from, to := h.from(p), h.to(p)
			if from == 0 {
				continue
			}
			s.Sent++
			if h.lost(p) {
				lost++
			}
			if to == 0 {
				missing++
				continue
			}
			d := ms(to.Sub(from))
			delays = append(delays, d)
			if p.index == 0 && !p.repaired {
				if v, ok := j.next(d); ok {
					jitters = append(jitters, v)
				}
			}
		}
	}
	s.Received = s.Sent - missing
	if s.Sent > 0 {
		s.LossBeforePct = round(100 * float64(lost) / float64(s.Sent))
		s.LossAfterPct = round(100 * float64(missing) / float64(s.Sent))
	}
	s.LatencyMs, s.PDVMs = quantilesOf(delays)
	slices.Sort(jitters)
	s.JitterMs = report.Jitter{P50: at(jitters, 0.5), P95: at(jitters, 0.95), Max: at(jitters, 1)}
	return s
}

// jitter is RFC 3550 §6.4.1 over the first packets of pictures. The moment at which the bench sent a packet stands for its RTP timestamp, so
// that the bench's own lateness is not the boxes' jitter.
type jitter struct {
	known bool
	last  float64
	value float64
}

// next takes a transit time in ms and gives the estimate; false for the first one.
func (j *jitter) next(transit float64) (float64, bool) {
	if !j.known {
		j.known, j.last = true, transit
		return 0, false
	}
	d := math.Abs(transit - j.last)
	j.last = transit
	j.value += (d - j.value) / 16
	return j.value, true
}

func quantilesOf(delays []float64) (report.Quantiles, report.Variation) {
	slices.Sort(delays)
	q := report.Quantiles{P50: at(delays, 0.5), P95: at(delays, 0.95), P99: at(delays, 0.99), Max: at(delays, 1)}
	least := at(delays, 0)
	return q, report.Variation{P95: round(q.P95 - least), P99: round(q.P99 - least)}
}

// at is a quantile of sorted values: the least one that so many do not pass (nearest rank).
func at(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return round(sorted[min(max(i, 0), len(sorted)-1)])
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// round keeps microseconds: more is noise.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// sample is a value at a time since the start, in seconds.
type sample struct{ at, value float64 }

// relayed are the delays without what the emulator held a packet, of those that were not repaired and did not meet a stall of the machine, in
// order of sending, and their jitter. came counts all that arrived.
func relayed(ps []passage, stalls []window, zero packet.Time) (delays, jitters []sample, came int) {
	var j jitter
	for _, p := range ps {
		if p.arrived == 0 || p.repaired || p.entered != 0 && p.left == 0 {
			continue
		}
		came++
		if touches(stalls, p.sent, p.arrived) {
			continue
		}
		at, d := p.sent.Sub(zero).Seconds(), ms(p.arrived.Sub(p.sent)-p.held)
		delays = append(delays, sample{at, d})
		if p.index == 0 {
			if v, ok := j.next(d); ok {
				jitters = append(jitters, sample{at, v})
			}
		}
	}
	return delays, jitters, came
}

// typical is the median over seconds of the quantile q in each second. A machine that stood still for a moment spoils a second; a relay that
// is slow or unsteady spoils them all.
func typical(all []sample, q float64) float64 {
	seconds := map[int][]float64{}
	for _, s := range all {
		seconds[int(s.at)] = append(seconds[int(s.at)], s.value)
	}
	var each []float64
	for _, values := range seconds {
		slices.Sort(values)
		each = append(each, at(values, q))
	}
	slices.Sort(each)
	return at(each, 0.5)
}
