package scenario

import (
	"path"
	"slices"
	"time"

	"tongke/media/packet"
	"tongke/testbench/link"
	"tongke/testbench/report"
)

// figures are what limits are held against beside the streams.
type figures struct {
	whole map[string]float64
	relay map[string]map[string]float64 // by stream, by measure
	ref   report.Stream
	// refRelay are the reference's figures for the measures of relays.
	refRelay map[string]float64

	stalls       []window // of the machine
	calm, passed int      // packets that met none, of so many
}

// result judges the run. Everything has ended, so nothing is locked.
func (r *run) result() *Result {
	out := &Result{Scenario: report.Scenario{Name: r.s.Name, Seconds: r.o.Length.Seconds(), Words: r.s.Words}, Records: map[string][]link.Record{}, Start: r.window.from}
	f := &figures{whole: map[string]float64{}, relay: map[string]map[string]float64{}, stalls: r.ref.stalls()}
	f.ref, f.refRelay = r.ref.figures(r.window)
	out.Reference = f.ref
	out.Plot = newPlot(r)
	crossed := map[string]*crossings{}
	for _, b := range r.boxes {
		var c *crossings
		if l := r.links[b.campus]; l != nil {
			records := l.Records()
			out.Records[b.campus] = records
			made := crossingsOf(records, link.Down)
			c = &made
		}
		crossed[b.campus] = c
	}
	for _, b := range r.boxes {
		for _, source := range []int{r.voiceAt(b.campus), camera, board} {
			c, hops := crossed[b.campus], coreHops()
			switch {
			case source == answer:
				up := crossingsOf(out.Records[Member1], link.Up)
				if hops, c = answerHops(up), &up; b.campus != Core {
					hops = hops[len(hops)-1:] // its way has a second line, which counts as the boxes' own delay
				}
			case c != nil:
				hops = memberHops(*c)
			}
			r.campus(out, f, b.campus, source, c, hops)
		}
	}
	r.whole(out, f)
	r.judge(out, f)
	return out
}

// campus makes the rows of one source at one campus.
func (r *run) campus(out *Result, f *figures, campus string, source int, c *crossings, hops []hop) {
	var rooms [][]passage
	var delays, jitters []sample
	for _, w := range r.rooms {
		if w.campus != campus {
			continue
		}
		ps := passages(r.ledger, source, w.room, c, r.heldTo(w, source))
		rooms = append(rooms, ps)
		d, j, came := relayed(ps, f.stalls, r.window.from)
		delays, jitters = append(delays, d...), append(jitters, j...)
		f.calm, f.passed = f.calm+len(d), f.passed+came
	}
	for _, h := range hops {
		s := measureHop(campus, source, h, rooms)
		if h.name == "total" {
			r.seen(&s, campus, source)
			s.Outage = r.outage(campus, rooms)
			f.relay[s.Name()] = map[string]float64{"relayMs.p50": typical(delays, 0.5), "relayMs.p95": typical(delays, 0.95),
				"relayJitterMs.p95": typical(jitters, 0.95)}
		}
		out.Streams = append(out.Streams, s)
	}
	addLine(out.Plot, r, campus, source, rooms)
}

// outage parts what the outages of a campus's line took from what was lost beside them.
func (r *run) outage(campus string, rooms [][]passage) (out report.Outage) {
	outages := slices.Concat(r.s.Links[campus].Down.Outages, r.s.Links[campus].Up.Outages)
	sent, lost, during := 0, 0, 0
	for _, ps := range rooms {
		for _, p := range ps {
			at := p.sent.Sub(r.window.from)
			switch {
			case slices.ContainsFunc(outages, func(o link.Outage) bool { return at >= o.At && at < o.At+o.For }):
				during++
			case p.arrived == 0:
				lost++
				fallthrough
			default:
				sent++
			}
		}
	}
	if during > 0 {
		out.SharePct = round(100 * float64(during) / float64(during+sent))
		out.LostPct = round(100 * float64(lost) / float64(max(sent, 1)))
	}
	return out
}

// joinGrace is left out at the beginning of a room that came late: the pictures of a replay are old by intent.
const joinGrace = 500 * time.Millisecond

// heldTo is the part of the window in which a room was there to see.
func (r *run) heldTo(w *watching, source int) window {
	if !w.bell {
		return r.window
	}
	for _, a := range w.arrivals {
		if a.source == source {
			return window{max(r.window.from, a.at.Add(joinGrace)), r.window.to}
		}
	}
	return r.window // nothing came: all of it is missing
}

// seen puts what rooms saw and heard into a row: the worst room's.
func (r *run) seen(s *report.Stream, campus string, source int) {
	for _, w := range r.rooms {
		if w.campus != campus {
			continue
		}
		t := w.stats.Voice
		switch source {
		case camera:
			t = w.stats.Camera
		case board:
			t = w.stats.Board
		}
		if kinds[source] == "voice" {
			pct := 100.0
			if t.Voice > 0 {
				pct = round(100 * float64(t.Concealed) / float64(t.Voice))
			}
			s.ConcealedPct = max(s.ConcealedPct, pct)
		} else {
			s.Freezes.Count = max(s.Freezes.Count, t.Freezes)
			s.Freezes.TotalMs = max(s.Freezes.TotalMs, round(ms(t.Frozen)))
			s.Freezes.MaxMs = max(s.Freezes.MaxMs, round(ms(t.Longest)))
		}
		s.RecoveryMs = max(s.RecoveryMs, round(ms(r.recovery(w, source))))
	}
}

// recovery is how long after the end of the last outage of its link a room saw or heard again; the rest of the window when it did not.
func (r *run) recovery(w *watching, source int) time.Duration {
	outages := slices.Concat(r.s.Links[w.campus].Down.Outages, r.s.Links[w.campus].Up.Outages)
	if len(outages) == 0 {
		return 0
	}
	var end packet.Time
	for _, o := range outages {
		end = max(end, r.window.from.Add(o.At+o.For))
	}
	again := r.window.to
	if kinds[source] == "voice" {
		for _, a := range w.arrivals {
			if a.source == source && a.at >= end {
				again = min(again, a.at)
			}
		}
	}
	for _, at := range w.shown[source] {
		if at >= end {
			again = min(again, at)
		}
	}
	return max(again.Sub(end), 0)
}

// whole makes the figures of the scenario as a whole.
func (r *run) whole(out *Result, f *figures) {
	var joins []float64
	for _, w := range r.rooms {
		if w.bell != (r.s.Bell > 0) {
			continue
		}
		if v, c := w.stats.Voice.Join, w.stats.Camera.Join; v > 0 && c > 0 {
			joins = append(joins, ms(max(v, c)))
		}
	}
	slices.Sort(joins)
	f.whole["joined"] = float64(len(joins))
	f.whole["joinMs.p50"], f.whole["joinMs.p99"] = at(joins, 0.5), at(joins, 0.99)
	f.whole["calledMs"] = round(ms(r.calledAfter()))
	sent, crossed := 0, 0
	for u, at := range r.ledger.sent {
		if picture(u.source) && r.window.holds(at) {
			sent++
		}
	}
	var errs []float64
	for _, records := range out.Records {
		seen := map[unit]bool{}
		for _, rec := range records {
			if u, rtx, ok := unitOf(rec.ID); ok && !rtx && picture(u.source) && rec.Kind == link.RTP && rec.Direction == link.Down && rec.Verdict != link.Blocked && !seen[u] &&
				r.window.holds(r.ledger.sent[u]) {
				seen[u] = true
				crossed++
			}
			if rec.Left != 0 && r.window.holds(rec.At) {
				errs = append(errs, ms((rec.Delay() - rec.Wanted).Abs()))
			}
		}
	}
	if sent > 0 {
		f.whole["linkRTP"] = round(100 * float64(crossed) / float64(len(r.links)*sent))
	}
	if f.passed > 0 {
		f.whole["calmPct"] = round(100 * float64(f.calm) / float64(f.passed))
	}
	slices.Sort(errs)
	f.whole["linkErrorMs.p50"] = at(errs, 0.5)
}

// picture says whether a source goes down every line all the time; a voice does not while another has the floor.
func picture(source int) bool { return source == camera || source == board }

// always are the bounds of every scenario: an emulator that is late measures itself, and a machine that hardly ever runs measures nothing.
var always = []Limit{{Measure: "linkErrorMs.p50", Op: "<=", Limit: 1}, {Measure: "calmPct", Op: ">=", Limit: 20}}

// judge holds the limits against what was measured.
func (r *run) judge(out *Result, f *figures) {
	out.Passed = true
	for _, l := range append(slices.Clone(r.s.Limits), always...) {
		j := l.judge(out.Streams, f)
		out.Passed = out.Passed && j.Passed
		out.Limits = append(out.Limits, j)
	}
}

// judge finds the stream that a limit hits hardest. A pattern that fits none is broken: then nothing was measured.
func (l Limit) judge(streams []report.Stream, f *figures) report.Limit {
	out := report.Limit{Measure: l.Measure, Stream: l.Stream, Op: l.Op, Limit: l.Limit}
	if l.Noise > 0 {
		out.Limit = round(l.Limit + l.Noise*f.noise(l.Measure))
	}
	if l.Stream == "" {
		out.Value = f.whole[l.Measure]
		out.Passed = report.Holds(out.Value, l.Op, out.Limit)
		return out
	}
	found := false
	for i := range streams {
		name := streams[i].Name()
		if fits, _ := path.Match(l.Stream, name); !fits { // the pattern was checked when the file was read
			continue
		}
		v, ok := streams[i].Value(l.Measure)
		if !ok {
			if v, ok = f.relay[name][l.Measure]; !ok {
				continue
			}
		}
		if found && (report.Holds(v, l.Op, out.Value) || !report.Holds(out.Value, l.Op, out.Limit) && report.Holds(v, l.Op, out.Limit)) {
			continue // no worse
		}
		out.Stream, out.Value, found = name, v, true
	}
	out.Passed = found && report.Holds(out.Value, l.Op, out.Limit)
	return out
}
