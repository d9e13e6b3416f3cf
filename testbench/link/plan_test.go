package link

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestLossByItself(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05, 0.2, 0.5} {
		p := newPlan(Conditions{Loss: loss}, 1, "a", Down, time.Second)
		const n = 200_000
		lost, pairs, before := 0, 0, false
		for i := range n {
			now := p.fate(Identity{Stream: 3, Number: uint64(i)}, 0) == Lost
			if now {
				lost++
				if before {
					pairs++
				}
			}
			before = now
		}
		if got := float64(lost) / n; math.Abs(got-loss) > 4*math.Sqrt(loss*(1-loss)/n) {
			t.Errorf("loss %v: %v", loss, got)
		}
		if got := float64(pairs) / float64(lost); math.Abs(got-loss) > 0.05*loss+0.005 {
			t.Errorf("loss %v: after a lost packet %v: not each by itself", loss, got)
		}
	}
}

func TestLossDependsOnEachPartOfTheName(t *testing.T) {
	fates := func(seed uint64, name string, d Direction, stream, again uint32) []bool {
		p := newPlan(Conditions{Loss: 0.5}, seed, name, d, time.Second)
		out := make([]bool, 400)
		for i := range out {
			out[i] = p.fate(Identity{stream, uint64(i), again}, 0) == Lost
		}
		return out
	}
	base := fates(1, "member1", Down, 1, 0)
	if !slices.Equal(base, fates(1, "member1", Down, 1, 0)) {
		t.Error("the same name has another fate")
	}
	for what, other := range map[string][]bool{
		"seed": fates(2, "member1", Down, 1, 0), "link": fates(1, "member2", Down, 1, 0), "direction": fates(1, "member1", Up, 1, 0),
		"stream": fates(1, "member1", Down, 2, 0), "transmission": fates(1, "member1", Down, 1, 1),
	} {
		same := 0
		for i := range base {
			if base[i] == other[i] {
				same++
			}
		}
		if same < 140 || same > 260 { // 200 of 400 by chance, 6 sigma
			t.Errorf("with another %s %d of 400 packets have the same fate", what, same)
		}
	}
}

func TestBurstsAsGilbertAndElliott(t *testing.T) {
	for _, b := range []Burst{{Share: 0.05, Mean: 100 * time.Millisecond, Loss: 1}, {Share: 0.2, Mean: 50 * time.Millisecond, Loss: 0.8}} {
		const length = 4000 * time.Second
		p := newPlan(Conditions{Burst: b}, 11, "a", Down, length)
		bad, runs, squares := 0, 0, 0.0
		run := 0
		for i, now := range p.bad {
			if now {
				bad++
				run++
			}
			if run > 0 && (!now || i == len(p.bad)-1) {
				runs++
				squares += float64(run) * float64(run)
				run = 0
			}
		}
		mean := float64(bad) / float64(runs)
		if got := float64(bad) / float64(len(p.bad)); math.Abs(got-b.Share) > 0.1*b.Share {
			t.Errorf("%+v: %.4f of the time is bad", b, got)
		}
		if want := float64(b.Mean / grid); math.Abs(mean-want) > 0.1*want {
			t.Errorf("%+v: a bad time lasts %.1f ms", b, mean)
		}
		// The lengths are geometric: their mean square is 2 m² − m.
		if want := 2*mean*mean - mean; math.Abs(squares/float64(runs)-want) > 0.2*want {
			t.Errorf("%+v: mean square %.0f, want %.0f", b, squares/float64(runs), want)
		}
		lost := 0
		for i := range p.bad {
			if p.fate(Identity{Number: uint64(i)}, time.Duration(i)*grid) == LostRun {
				lost++
			}
		}
		if got, want := float64(lost)/float64(len(p.bad)), b.Share*b.Loss; math.Abs(got-want) > 0.12*want {
			t.Errorf("%+v: %.4f lost, want %.4f", b, got, want)
		}
		if p.fate(Identity{Number: 1}, -time.Second) != Passed {
			t.Error("bursts before the start")
		}
	}
}

func TestJitterAndStalls(t *testing.T) {
	p := newPlan(Conditions{Delay: ms(10), Jitter: ms(40), Stall: ms(300), StallEach: 5 * time.Second}, 2, "a", Up, time.Minute)
	stalls, high := 0, time.Duration(0)
	var all []time.Duration
	for i := range 60_000 {
		d := p.delay(time.Duration(i) * grid)
		if d < ms(10) || d > ms(310) {
			t.Fatalf("at %d ms: %v", i, d)
		}
		if d > ms(50) && p.delay(time.Duration(i-1)*grid) <= ms(50) && i > 0 {
			stalls++
			high = max(high, d)
		}
		all = append(all, d)
	}
	if stalls != 12 || high < ms(299) {
		t.Errorf("%d stalls of up to %v, want 12 of 300 ms", stalls, high)
	}
	slices.Sort(all)
	if m := all[len(all)/2]; m < ms(25) || m > ms(35) {
		t.Errorf("median %v, want about 30 ms", m)
	}
	again := newPlan(p.c, 2, "a", Up, time.Minute)
	if !slices.Equal(p.extra, again.extra) {
		t.Error("the same seed draws another plan")
	}
	if p.delay(-time.Millisecond) != p.delay(time.Minute-time.Millisecond) {
		t.Error("the plan does not repeat before the start")
	}
}

func TestRateSteps(t *testing.T) {
	p := newPlan(Conditions{RateBPS: 4e6, Queue: 9000, Rates: []RateStep{{10 * time.Second, 1e6}, {20 * time.Second, 2e6}}}, 1, "a", Down, time.Second)
	for at, want := range map[time.Duration]int64{-1: 4e6, 0: 4e6, 10*time.Second - 1: 4e6, 10 * time.Second: 1e6, 25 * time.Second: 2e6} {
		if got := p.rate(at); got != want {
			t.Errorf("at %v: %d, want %d", at, got, want)
		}
	}
}

func TestConditionsAreChecked(t *testing.T) {
	for name, c := range map[string]Conditions{
		"negative":         {Delay: -1},
		"loss above all":   {Loss: 1.1},
		"rate, no queue":   {RateBPS: 1e6},
		"tiny rate":        {RateBPS: 10, Queue: 9000},
		"burst of nothing": {Burst: Burst{Share: 0.1}},
		"steps fall":       {RateBPS: 1e6, Queue: 9000, Rates: []RateStep{{5, 1e6}, {4, 1e6}}},
		"endless stall":    {Stall: time.Second, StallEach: time.Second},
		"outages overlap":  {Outages: []Outage{{0, 10}, {5, 10}}},
		"no number":        {Loss: math.NaN()},
	} {
		if c.Validate() == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := (Conditions{Delay: ms(20), Loss: 0.05, RateBPS: 4e6, Queue: 30000, Outages: []Outage{{0, 10}, {11, 10}}}).Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})
	f.Add([]byte{0x80, 200, 0, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, h := Inspect(b); k != RTP && h != (Header{}) {
			t.Errorf("%v with header %+v", k, h)
		}
	})
}
