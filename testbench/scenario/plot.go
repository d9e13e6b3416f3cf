package scenario

import (
	"math"
	"slices"

	"tongke/testbench/link"
	"tongke/testbench/report"
)

const (
	plotBucket = 0.5 // s
	plotSpread = 200 // points of a distribution
)

func newPlot(r *run) *report.Plot {
	p := &report.Plot{Seconds: r.o.Length.Seconds(), Bucket: plotBucket}
	n := buckets(p.Seconds)
	for _, m := range Members {
		for _, o := range r.s.Links[m].Down.Outages {
			p.Outages = append(p.Outages, [2]float64{o.At.Seconds(), (o.At + o.For).Seconds()})
		}
		rates := [2][]float64{make([]float64, n), make([]float64, n)}
		for _, rec := range r.links[m].Records() {
			if rec.Verdict == link.Passed && r.window.holds(rec.Left) {
				rates[rec.Direction][min(int(rec.Left.Sub(r.window.from).Seconds()/plotBucket), n-1)] += float64(rec.Size) * 8 / 1000 / plotBucket
			}
		}
		p.Rates = append(p.Rates, report.Rate{Link: m, Direction: "down", KBPS: rates[link.Down]}, report.Rate{Link: m, Direction: "up", KBPS: rates[link.Up]})
	}
	return p
}

func buckets(seconds float64) int { return max(int(math.Ceil(seconds/plotBucket)), 1) }

// addLine draws one source at one campus, end to end, over all its rooms.
func addLine(p *report.Plot, r *run, campus string, source int, rooms [][]passage) {
	n := buckets(p.Seconds)
	delays, jitters := make([][]float64, n), make([]float64, n)
	lost, sent := make([]float64, n), make([]float64, n)
	var all []float64
	for _, ps := range rooms {
		var j jitter
		for _, x := range ps {
			b := min(int(x.sent.Sub(r.window.from).Seconds()/plotBucket), n-1)
			sent[b]++
			if x.lost {
				lost[b]++
			}
			if x.arrived == 0 {
				continue
			}
			d := ms(x.arrived.Sub(x.sent))
			delays[b], all = append(delays[b], d), append(all, d)
			if x.index == 0 && !x.repaired {
				if v, ok := j.next(d); ok {
					jitters[b] = max(jitters[b], v)
				}
			}
		}
	}
	line := report.Line{Campus: campus, Kind: kinds[source], Jitter: jitters}
	for b := range n {
		slices.Sort(delays[b])
		p50, p95, share := math.NaN(), math.NaN(), 0.0
		if len(delays[b]) > 0 {
			p50, p95 = at(delays[b], 0.5), at(delays[b], 0.95)
		}
		if sent[b] > 0 {
			share = round(100 * lost[b] / sent[b])
		}
		line.P50, line.P95, line.Loss = append(line.P50, p50), append(line.P95, p95), append(line.Loss, share)
	}
	slices.Sort(all)
	for i := range plotSpread {
		if len(all) > 0 {
			line.Spread = append(line.Spread, at(all, float64(i+1)/plotSpread))
		}
	}
	p.Lines = append(p.Lines, line)
}
