package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/media/packet"
	"tongke/testbench/link"
	"tongke/testbench/report"
)

func TestFilesAreRead(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*.toml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, f := range files {
		doc, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(doc)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if s.Name+".toml" != filepath.Base(f) || s.Words.Title == "" || s.Words.TitleEn == "" || s.Words.About == "" || s.Words.AboutEn == "" || len(s.Limits) < 4 {
			t.Errorf("%s: %+v", f, s)
		}
		if l := s.Links[Member1]; l.Down.Delay == 0 || l.Up.Delay == 0 {
			t.Errorf("%s: no delay at all: %+v", f, l)
		}
		for _, l := range s.Limits { // a limit that can never be found is one that always breaks
			if l.Stream != "" && !strings.HasSuffix(l.Stream, "/total") && !strings.HasSuffix(l.Stream, "/core") && !strings.HasSuffix(l.Stream, "/uplink") && !strings.HasSuffix(l.Stream, "/member") {
				t.Errorf("%s: limit on %s", f, l.Stream)
			}
		}
	}
}

const good = `name = "x"
title = "甲"
seconds = "10s"
[[link]]
down = { delay = "20ms", loss_pct = 5, rate_kbps = 2000, queue_bytes = 30000, outages = [{ at = "1s", for = "2s" }] }
up = { delay = "30ms" }
[[link]]
members = ["member2"]
down = { delay = "1ms" }
[[limit]]
measure = "latencyMs.p95"
stream = "*/voice/total"
op = "<="
limit = 60
noise = 2
`

func TestParse(t *testing.T) {
	s, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	one, two := s.Links[Member1], s.Links[Member2]
	if one.Down.Delay != 20*time.Millisecond || one.Down.Loss != 0.05 || one.Down.RateBPS != 2e6 || one.Up.Delay != 30*time.Millisecond ||
		len(one.Down.Outages) != 1 || one.Down.Outages[0].For != 2*time.Second {
		t.Errorf("member1: %+v", one)
	}
	if two.Down.Delay != time.Millisecond || two.Down.Loss != 0 || two.Up.Delay != 0 {
		t.Errorf("member2: %+v", two)
	}
	if l := s.Limits[0]; l.Limit != 60 || l.Noise != 2 || s.Length != 10*time.Second || s.Rooms != 1 {
		t.Errorf("%+v", s)
	}
	for name, change := range map[string][2]string{
		"an unknown key":      {`title = "甲"`, `colour = "red"`},
		"a bad duration":      {`"20ms"`, `"20"`},
		"an unknown member":   {`"member2"`, `"member9"`},
		"a loss above all":    {"loss_pct = 5", "loss_pct = 500"},
		"an unknown measure":  {"latencyMs.p95", "latencyMs.p96"},
		"an unknown sign":     {`"<="`, `"<"`},
		"a stream of one":     {"*/voice/total", "voice"},
		"no length":           {`seconds = "10s"`, ""},
		"a name with a slash": {`"x"`, `"../x"`},
		"a rate, no queue":    {", queue_bytes = 30000", ""},
		"noise below nothing": {"noise = 2", "noise = -1"},
	} {
		doc := strings.Replace(good, change[0], change[1], 1)
		if doc == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Parse([]byte(doc)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name = \"a\"\nseconds = \"1s\"\n[[link]]\nup = { block_udp = true, rates = [{ at = \"1s\", rate_kbps = 100 }] }"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := Parse(doc)
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Errorf("taken, and not valid: %v", err)
		}
	})
}

func TestLimitHitsTheWorstStream(t *testing.T) {
	streams := []report.Stream{
		{Campus: "core", Kind: "voice", Hop: "total", LatencyMs: report.Quantiles{P95: 5}, Received: 100},
		{Campus: "member1", Kind: "voice", Hop: "total", LatencyMs: report.Quantiles{P95: 70}, Received: 40},
		{Campus: "member2", Kind: "voice", Hop: "total", LatencyMs: report.Quantiles{P95: 50}, Received: 90},
	}
	f := &figures{whole: map[string]float64{"joined": 59}, relay: map[string]map[string]float64{"member2/voice/total": {"relayMs.p95": 3}},
		ref: report.Stream{LatencyMs: report.Quantiles{P95: 4}}}
	for _, c := range []struct {
		limit  Limit
		value  float64
		bound  float64
		stream string
		passed bool
	}{
		{Limit{Measure: "latencyMs.p95", Stream: "*/voice/total", Op: "<=", Limit: 60}, 70, 60, "member1/voice/total", false},
		{Limit{Measure: "latencyMs.p95", Stream: "*/voice/total", Op: "<=", Limit: 60, Noise: 3}, 70, 72, "member1/voice/total", true},
		{Limit{Measure: "latencyMs.p95", Stream: "core/*/total", Op: "<=", Limit: 60}, 5, 60, "core/voice/total", true},
		{Limit{Measure: "received", Stream: "*/voice/total", Op: ">=", Limit: 50}, 40, 50, "member1/voice/total", false},
		{Limit{Measure: "relayMs.p95", Stream: "*/voice/total", Op: "<=", Limit: 4}, 3, 4, "member2/voice/total", true},
		{Limit{Measure: "joined", Op: ">=", Limit: 60}, 59, 60, "", false},
		{Limit{Measure: "latencyMs.p95", Stream: "*/board/total", Op: "<=", Limit: 60}, 0, 60, "*/board/total", false}, // nothing was measured
	} {
		if got := c.limit.judge(streams, f); got.Value != c.value || got.Limit != c.bound || got.Stream != c.stream || got.Passed != c.passed {
			t.Errorf("%+v: %+v", c.limit, got)
		}
	}
}

func at0(n float64) packet.Time {
	return packet.Time(1e18).Add(time.Duration(n * float64(time.Millisecond)))
}

func TestPassagesAndHops(t *testing.T) {
	l := &ledger{sent: map[unit]packet.Time{}}
	r := &room{campus: Member1}
	var records []link.Record
	cross := func(k int64, rtx bool, again uint32, in, out float64) {
		id := link.Identity{Stream: ownStream + camera, Number: uint64(k) << 16, Transmission: again}
		if rtx {
			id.Stream = rtxStream + camera
		}
		rec := link.Record{At: at0(in), Kind: link.RTP, Direction: link.Down, ID: id, Verdict: link.Lost}
		if out > 0 {
			rec.Left, rec.Verdict = at0(out), link.Passed
		}
		records = append(records, rec)
	}
	for k := range int64(10) {
		t0 := float64(40 * k)
		l.sent[unit{camera, k, 0}] = at0(t0)
		switch k {
		case 4: // lost, asked for, repaired
			cross(k, false, 0, t0+1, 0)
			cross(k, true, 0, t0+50, t0+70)
			r.arrivals = append(r.arrivals, arrival{unit: unit{camera, k, 0}, at: at0(t0 + 72)})
		case 7: // lost for good
			cross(k, false, 0, t0+1, 0)
		default:
			cross(k, false, 0, t0+1, t0+21)
			r.arrivals = append(r.arrivals, arrival{unit: unit{camera, k, 0}, at: at0(t0 + 22)})
		}
	}
	c := crossingsOf(records, link.Down)
	ps := passages(l, camera, r, &c, window{at0(0), at0(1000)})
	if len(ps) != 10 || !ps[4].repaired || !ps[4].lost || ps[4].left != at0(160+70) || ps[7].arrived != 0 {
		t.Fatalf("%+v", ps)
	}
	want := map[string]struct {
		sent, received          uint64
		before, after, p50, max float64
	}{
		"core": {10, 10, 0, 0, 1, 1}, "uplink": {10, 9, 20, 10, 20, 69}, "member": {9, 9, 0, 0, 1, 2}, "total": {10, 9, 20, 10, 22, 72},
	}
	for _, h := range memberHops(c) {
		s := measureHop(Member1, camera, h, [][]passage{ps})
		w := want[h.name]
		if s.Sent != w.sent || s.Received != w.received || s.LossBeforePct != w.before || s.LossAfterPct != w.after || s.LatencyMs.P50 != w.p50 || s.LatencyMs.Max != w.max {
			t.Errorf("%s: %+v, want %+v", h.name, s, w)
		}
		if s.JitterMs.Max != 0 {
			t.Errorf("%s: jitter %v of an even stream, repairs left out", h.name, s.JitterMs)
		}
	}
	delays, jitters, came := relayed(ps, nil, at0(0))
	if came != 8 || len(delays) != 8 || delays[0].value != 2 || len(jitters) != 7 {
		t.Errorf("%v %v %d: the boxes took 2 ms each time", delays, jitters, came)
	}
	if delays, _, _ := relayed(ps, []window{{at0(30), at0(45)}}, at0(0)); len(delays) != 7 {
		t.Errorf("%d packets met no stall, want 7", len(delays))
	}
}

// RFC 3550 §6.4.1 by hand: transit times 10, 12, 9, 9 make differences of 2, 3, 0.
func TestJitterByHand(t *testing.T) {
	var j jitter
	var got []float64
	for _, transit := range []float64{10, 12, 9, 9} {
		if v, ok := j.next(transit); ok {
			got = append(got, v)
		}
	}
	j1 := 2.0 / 16
	j2 := j1 + (3-j1)/16
	j3 := j2 - j2/16
	if len(got) != 3 || got[0] != j1 || got[1] != j2 || got[2] != j3 {
		t.Errorf("%v, want %v %v %v", got, j1, j2, j3)
	}
}

func TestQuantilesAreNearestRank(t *testing.T) {
	var all []float64
	for i := 100; i > 0; i-- {
		all = append(all, float64(i))
	}
	q, v := quantilesOf(all)
	if q.P50 != 50 || q.P95 != 95 || q.P99 != 99 || q.Max != 100 || v.P95 != 94 || v.P99 != 98 {
		t.Errorf("%+v %+v", q, v)
	}
	if q, v := quantilesOf(nil); q != (report.Quantiles{}) || v != (report.Variation{}) {
		t.Errorf("of nothing: %+v %+v", q, v)
	}
}

func TestStallsOfTheMachine(t *testing.T) {
	r := &reference{asked: []question{
		{at0(0), at0(0), at0(0.2)}, {at0(10), at0(10), at0(40)}, {at0(20), at0(38), at0(41)}, {at0(50), at0(50), at0(50.1)}, {at0(60), at0(60), 0},
	}}
	got := r.stalls()
	if len(got) != 2 || got[0] != (window{at0(10), at0(41)}) || got[1] != (window{at0(60), at0(1060)}) {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		a, b float64
		want bool
	}{{0, 9, false}, {0, 10, true}, {20, 30, true}, {41, 42, true}, {42, 59, false}, {42, 61, true}, {1061, 1070, false}} {
		if touches(got, at0(c.a), at0(c.b)) != c.want {
			t.Errorf("%v to %v: want %v", c.a, c.b, c.want)
		}
	}
}

func TestTypicalForgivesAStallAndNoUnsteadyRelay(t *testing.T) {
	var calm, unsteady []sample
	for i := range 1000 { // 20 s
		at := float64(i) / 50
		one := sample{at, 1}
		if at > 3 && at < 5 { // the machine stood still
			one.value = 150
		}
		calm = append(calm, one)
		if i%10 == 0 { // each tenth packet is held
			one.value += 40
		}
		unsteady = append(unsteady, one)
	}
	if got := typical(calm, 0.95); got != 1 {
		t.Errorf("with a stall of 2 s: %v, want 1", got)
	}
	if got := typical(unsteady, 0.95); got != 41 {
		t.Errorf("with each tenth packet held: %v, want 41", got)
	}
	if typical(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}
