// Package report holds what a run of the bench has measured, and shows it: as JSON for programs, as a table for a terminal, as one HTML
// page for people, and beside an older one. It measures nothing and starts nothing.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// Schema is the version of the JSON.
const Schema = 1

// Report is one run of the bench.
type Report struct {
	Schema    int        `json:"schema"`
	Version   string     `json:"version"` // of the program
	Seed      uint64     `json:"seed"`
	Machine   string     `json:"machine"`
	Scenarios []Scenario `json:"scenarios"`
}

// Scenario is what was measured under one set of conditions.
type Scenario struct {
	Name    string   `json:"name"`
	Seconds float64  `json:"seconds"` // that were measured
	Passed  bool     `json:"passed"`
	Streams []Stream `json:"streams"`
	Limits  []Limit  `json:"limits"`
	Real    *Pages   `json:"real,omitempty"` // with --real

	Words     Words  `json:"-"`
	Plot      *Plot  `json:"-"`
	Reference Stream `json:"-"` // the machine itself, measured beside
}

// Words are what a scenario is called for people, in Chinese and English.
type Words struct {
	Title, TitleEn string
	About, AboutEn string
	Link           []string // the conditions, a line a link and direction
}

// Stream is one source on one hop of its way to one campus. Freezes and concealment stand with the hop "total".
type Stream struct {
	Campus        string    `json:"campus"`
	Kind          string    `json:"kind"` // "voice", "camera", "board"
	Hop           string    `json:"hop"`  // "core", "uplink", "member", "total"
	Sent          uint64    `json:"sent"`
	Received      uint64    `json:"received"`
	LossBeforePct float64   `json:"lossBeforePct"`
	LossAfterPct  float64   `json:"lossAfterPct"`
	LatencyMs     Quantiles `json:"latencyMs"`
	JitterMs      Jitter    `json:"jitterMs"` // RFC 3550 §6.4.1
	PDVMs         Variation `json:"pdvMs"`    // RFC 5481 §4.2
	Freezes       Freezes   `json:"freezes"`
	ConcealedPct  float64   `json:"concealedPct"`
	RecoveryMs    float64   `json:"recoveryMs"` // from the end of the last outage until it came again; 0 where there was none

	Outage Outage `json:"-"`
}

// Outage parts what an outage of a campus's line took from what was lost beside it. It stands with the hop "total".
type Outage struct {
	SharePct float64 // of the packets that were sent while the line was out; 0: it never was
	LostPct  float64 // of those that were sent while it was not and never came
}

// Name is campus/kind/hop, as limits name a stream.
func (s *Stream) Name() string { return s.Campus + "/" + s.Kind + "/" + s.Hop }

// Quantiles of a delay in ms.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Jitter are quantiles of the running estimate in ms.
type Jitter struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// Variation is delay above the least one, in ms.
type Variation struct {
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Freezes are the times in which a picture stood.
type Freezes struct {
	Count   int     `json:"count"`
	TotalMs float64 `json:"totalMs"`
	MaxMs   float64 `json:"maxMs"`
}

// Limit is a bound and what was measured.
type Limit struct {
	Measure string  `json:"measure"`
	Stream  string  `json:"stream"` // "" where the measure is of the scenario as a whole
	Op      string  `json:"op"`     // "<=", ">=", "=="
	Limit   float64 `json:"limit"`
	Value   float64 `json:"value"`
	Passed  bool    `json:"passed"`
}

// Passed reports whether every scenario held its limits.
func (r *Report) Passed() bool {
	for _, s := range r.Scenarios {
		if !s.Passed {
			return false
		}
	}
	return true
}

// Write writes the JSON.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Bounds of a report that is read: a file may come from anywhere.
const (
	maxReport    = 16 << 20
	maxScenarios = 256
	maxRows      = 4096
)

// ErrReport says that a file is no report of ours.
var ErrReport = errors.New("no report of tongke bench")

// Read reads the JSON of a report. Fields that it does not know are passed over: a newer program may have written it.
func Read(r io.Reader) (*Report, error) {
	doc, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(doc) > maxReport {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrReport, maxReport)
	}
	var out Report
	d := json.NewDecoder(bytes.NewReader(doc))
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the object", ErrReport)
	}
	if out.Schema != Schema {
		return nil, fmt.Errorf("%w: schema %d, this program reads %d", ErrReport, out.Schema, Schema)
	}
	if len(out.Scenarios) > maxScenarios {
		return nil, fmt.Errorf("%w: %d scenarios", ErrReport, len(out.Scenarios))
	}
	for i := range out.Scenarios {
		s := &out.Scenarios[i]
		if len(s.Streams) > maxRows || len(s.Limits) > maxRows {
			return nil, fmt.Errorf("%w: scenario %.40q has too many rows", ErrReport, s.Name)
		}
	}
	return &out, nil
}

// Value is a figure of a stream by its name in the JSON, as "latencyMs.p95".
func (s *Stream) Value(measure string) (float64, bool) {
	for _, m := range measures {
		if m.name == measure {
			return m.of(s), true
		}
	}
	return 0, false
}

// Measures are the names of a stream's figures.
func Measures() []string {
	out := make([]string, len(measures))
	for i, m := range measures {
		out[i] = m.name
	}
	return out
}

var measures = []struct {
	name string
	of   func(*Stream) float64
}{
	{"sent", func(s *Stream) float64 { return float64(s.Sent) }},
	{"received", func(s *Stream) float64 { return float64(s.Received) }},
	{"lossBeforePct", func(s *Stream) float64 { return s.LossBeforePct }},
	{"lossAfterPct", func(s *Stream) float64 { return s.LossAfterPct }},
	{"latencyMs.p50", func(s *Stream) float64 { return s.LatencyMs.P50 }},
	{"latencyMs.p95", func(s *Stream) float64 { return s.LatencyMs.P95 }},
	{"latencyMs.p99", func(s *Stream) float64 { return s.LatencyMs.P99 }},
	{"latencyMs.max", func(s *Stream) float64 { return s.LatencyMs.Max }},
	{"jitterMs.p50", func(s *Stream) float64 { return s.JitterMs.P50 }},
	{"jitterMs.p95", func(s *Stream) float64 { return s.JitterMs.P95 }},
	{"jitterMs.max", func(s *Stream) float64 { return s.JitterMs.Max }},
	{"pdvMs.p95", func(s *Stream) float64 { return s.PDVMs.P95 }},
	{"pdvMs.p99", func(s *Stream) float64 { return s.PDVMs.P99 }},
	{"freezes.count", func(s *Stream) float64 { return float64(s.Freezes.Count) }},
	{"freezes.totalMs", func(s *Stream) float64 { return s.Freezes.TotalMs }},
	{"freezes.maxMs", func(s *Stream) float64 { return s.Freezes.MaxMs }},
	{"concealedPct", func(s *Stream) float64 { return s.ConcealedPct }},
	{"recoveryMs", func(s *Stream) float64 { return s.RecoveryMs }},
}

// Holds reports whether a value keeps to a bound.
func Holds(value float64, op string, limit float64) bool {
	if math.IsNaN(value) {
		return false
	}
	switch op {
	case "<=":
		return value <= limit
	case ">=":
		return value >= limit
	case "==":
		return value == limit
	}
	return false
}
