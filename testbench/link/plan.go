package link

import (
	"math/rand/v2"
	"time"
)

// Verdict is what became of a packet.
type Verdict uint8

// Passed, or why not.
const (
	Passed   Verdict = iota
	Lost             // by itself
	LostRun          // in a bad time of the burst model
	LostFull         // the queue before the rate was full
	LostOut          // in an outage
	Blocked          // UDP, where none passes
)

func (v Verdict) String() string {
	return [...]string{"passed", "lost", "burst", "queue", "outage", "blocked"}[v]
}

// plan is everything of one direction that depends on time, drawn beforehand on a grid of 1 ms, and the fate of each packet as a function
// of its name. It is pure: whoever has the same seed and asks the same is told the same.
type plan struct {
	c     Conditions
	key   uint64
	extra []int32 // µs of delay beyond Delay, by ms since the start; repeats
	bad   []bool  // by ms since the start; repeats
}

const grid = time.Millisecond

// newPlan draws a plan for a length of time. Directions and links of one seed differ by name.
func newPlan(c Conditions, seed uint64, name string, d Direction, length time.Duration) *plan {
	key := mix(seed ^ 0x9e3779b97f4a7c15)
	for _, b := range []byte(name) {
		key = mix(key ^ uint64(b))
	}
	key = mix(key ^ uint64(d))
	n := max(int(length/grid), 1)
	p := &plan{c: c, key: key}
	if c.Jitter > 0 || c.Stall > 0 {
		p.extra = make([]int32, n)
		p.drawJitter(rand.New(rand.NewPCG(key, 1)))
		p.drawStalls(rand.New(rand.NewPCG(key, 2)))
	}
	if c.Burst.Share > 0 {
		p.bad = make([]bool, n)
		p.drawBursts(rand.New(rand.NewPCG(key, 3)))
	}
	return p
}

// jitterStep is how often the queue that jitter stands for takes another length; between two it changes evenly.
const jitterStep = 25

func (p *plan) drawJitter(r *rand.Rand) {
	top := float64(p.c.Jitter.Microseconds())
	draw := func() float64 { return top * r.Float64() }
	from, to := draw(), draw()
	for i := range p.extra {
		k := i % jitterStep
		if k == 0 {
			from, to = to, draw()
		}
		p.extra[i] = int32(from + (to-from)*float64(k)/jitterStep)
	}
}

func (p *plan) drawStalls(r *rand.Rand) {
	if p.c.Stall == 0 {
		return
	}
	each, stall := int(p.c.StallEach/grid), int(p.c.Stall/grid)
	for from := 0; from < len(p.extra); from += each {
		at := from + r.IntN(each-stall)
		for i := 0; i < stall && at+i < len(p.extra); i++ {
			p.extra[at+i] = max(p.extra[at+i], int32((stall-i)*1000))
		}
	}
}

// drawBursts walks the two states: the chances to leave each make the mean length of a bad time and its share.
func (p *plan) drawBursts(r *rand.Rand) {
	b := p.c.Burst
	leaveBad := float64(grid) / float64(b.Mean)
	leaveGood := leaveBad * b.Share / (1 - b.Share)
	bad := false
	for i := range p.bad {
		if bad {
			bad = r.Float64() >= leaveBad
		} else {
			bad = r.Float64() < leaveGood
		}
		p.bad[i] = bad
	}
}

// delay is what a packet that comes at a time since the start is delayed by, beside the rate. Before the start the plan runs as well.
func (p *plan) delay(at time.Duration) time.Duration {
	if len(p.extra) == 0 {
		return p.c.Delay
	}
	return p.c.Delay + time.Duration(p.extra[index(at, len(p.extra))])*time.Microsecond
}

func index(at time.Duration, n int) int {
	i := int(at/grid) % n
	if i < 0 {
		i += n
	}
	return i
}

// rate is the rate at a time since the start, in bits/s.
func (p *plan) rate(at time.Duration) int64 {
	rate := p.c.RateBPS
	for _, s := range p.c.Rates {
		if at >= s.At {
			rate = s.RateBPS
		}
	}
	return rate
}

// outage reports whether nothing passes at a time since the start, and when that ends.
func (p *plan) outage(at time.Duration) (end time.Duration, out bool) {
	for _, o := range p.c.Outages {
		if at >= o.At && at < o.At+o.For {
			return o.At + o.For, true
		}
	}
	return 0, false
}

// fate says whether a packet of this name is lost at a time since the start. Bursts begin with the start.
func (p *plan) fate(id Identity, at time.Duration) Verdict {
	if p.c.Loss > 0 && p.chance(id, 1) < p.c.Loss {
		return Lost
	}
	if at >= 0 && len(p.bad) > 0 && p.bad[index(at, len(p.bad))] && p.chance(id, 2) < p.c.Burst.Loss {
		return LostRun
	}
	return Passed
}

// reorder and duplicate say the rest of a packet's fate.
func (p *plan) reorder(id Identity) bool { return p.c.Reorder > 0 && p.chance(id, 3) < p.c.Reorder }
func (p *plan) duplicate(id Identity) bool {
	return p.c.Duplicate > 0 && p.chance(id, 4) < p.c.Duplicate
}

// chance is evenly spread over [0, 1) and depends on the seed, the link, the direction, the packet's name and what is asked.
func (p *plan) chance(id Identity, what uint64) float64 {
	h := mix(p.key ^ what)
	h = mix(h ^ uint64(id.Stream))
	h = mix(h ^ id.Number)
	h = mix(h ^ uint64(id.Transmission))
	return float64(h>>11) / (1 << 53)
}

// mix is the finalizer of SplitMix64: each bit of x changes half of the bits of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
