package report

import "math"

// campusWords are what campuses are called for people.
var campusWords = map[string][2]string{"core": {"核心校", "core"}, "member1": {"成员校一", "member 1"}, "member2": {"成员校二", "member 2"}}

var kindWords = map[string][2]string{"voice": {"声音", "voice"}, "camera": {"老师画面", "camera"}, "board": {"板书", "board"}}

var hopWords = map[string][2]string{"core": {"核心校设备", "core box"}, "uplink": {"线路", "line"}, "member": {"成员校设备", "member box"}, "total": {"全程", "all the way"}}

func word(m map[string][2]string, key string) [2]string {
	if w, ok := m[key]; ok {
		return w
	}
	return [2]string{key, key}
}

var campusClass = map[string]string{"core": "c1", "member1": "c2", "member2": "c3"}

// charts are the drawings of a scenario.
func (s *Scenario) charts() []chart {
	p := s.Plot
	if p == nil || p.Bucket <= 0 {
		return nil
	}
	var out []chart
	over := func(zh, en, unit string) chart {
		return chart{ZH: zh, EN: en, Unit: unit, MaxX: p.Seconds, XUnit: "s", Shades: p.Outages}
	}
	for _, kind := range []string{"voice", "camera", "board"} {
		k := word(kindWords, kind)
		c := over(k[0]+"延迟：粗线是中位数，细线是 95%", "Latency of "+k[1]+": median, thin 95 %", "ms")
		c.Log = true
		for _, l := range p.Lines {
			if l.Kind == kind {
				c.Series = append(c.Series, p.series(l.Campus, "thin", l.P95), p.series(l.Campus, "", l.P50))
			}
		}
		out = append(out, c)
	}
	for _, one := range []struct {
		zh, en, unit, kind string
		of                 func(Line) []float64
	}{
		{"声音抖动（RFC 3550）", "Jitter of voice (RFC 3550)", "ms", "voice", func(l Line) []float64 { return l.Jitter }},
		{"老师画面抖动（RFC 3550）", "Jitter of the camera (RFC 3550)", "ms", "camera", func(l Line) []float64 { return l.Jitter }},
		{"老师画面丢包（修复之前）", "Loss of the camera before repair", "%", "camera", func(l Line) []float64 { return l.Loss }},
	} {
		c := over(one.zh, one.en, one.unit)
		for _, l := range p.Lines {
			if l.Kind == one.kind {
				c.Series = append(c.Series, p.series(l.Campus, "", one.of(l)))
			}
		}
		out = append(out, c)
	}
	return append(out, p.spread("voice"), p.spread("camera"), p.rates())
}

// series is a line over time.
func (p *Plot) series(campus, class string, y []float64) series {
	x := make([]float64, len(y))
	for i := range x {
		x[i] = (float64(i) + 0.5) * p.Bucket
	}
	w := word(campusWords, campus)
	return series{ZH: w[0], EN: w[1], Class: campusClass[campus] + " " + class, X: x, Y: y}
}

// spread is the distribution of latencies: which share of the packets took no longer.
func (p *Plot) spread(kind string) chart {
	k := word(kindWords, kind)
	c := chart{ZH: k[0] + "延迟分布：多少包不超过这个时间", EN: "Distribution of latency of " + k[1], Unit: "ms", MaxX: 100, XUnit: "%", Log: true}
	for _, l := range p.Lines {
		if l.Kind != kind || len(l.Spread) == 0 {
			continue
		}
		s := p.series(l.Campus, "", l.Spread)
		for i := range s.X {
			s.X[i] = 100 * float64(i+1) / float64(len(s.X))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func (p *Plot) rates() chart {
	c := chart{ZH: "线路上的速率：粗线下行，细线上行", EN: "Rate on the line: down, thin up", Unit: "kb/s", MaxX: p.Seconds, XUnit: "s", Shades: p.Outages}
	for _, r := range p.Rates {
		class := ""
		if r.Direction == "up" {
			class = "thin"
		}
		y := r.KBPS
		for i, v := range y {
			if math.IsNaN(v) {
				y[i] = 0
			}
		}
		c.Series = append(c.Series, p.series(r.Link, class, y))
	}
	return c
}
