package scenario

import (
	"errors"
	"fmt"
	"io"

	"tongke/testbench/report"
)

// RealPage is what a Chromium page drew and played.
type RealPage struct {
	Frames       int              // pictures with a readable stamp, each once
	LatencyMs    report.Quantiles // from the teacher's capture to the presentation
	Freezes      int              // as the browser counts them
	FreezeMs     float64
	ConcealedPct float64 // (concealedSamples − silentConcealedSamples) / totalSamplesReceived, from 5 s after the first sound
}

// RealResult is the product's page beside that of a bare pion relay, over lines of the same conditions and seed, in the same run.
type RealResult struct {
	Name          string
	Product, Bare RealPage
}

// ErrRoot says what the real pages need.
var ErrRoot = errors.New("network namespaces need root on Linux: sudo tongke bench --real")

// Write prints the two pages and the ratio.
func (r *RealResult) Write(w io.Writer) error {
	row := func(name string, p RealPage) string {
		return fmt.Sprintf("  %-14s %7d %9.1f %9.1f %9.1f %8d %9.0f %9.2f\n", name, p.Frames, p.LatencyMs.P50, p.LatencyMs.P95, p.LatencyMs.P99, p.Freezes, p.FreezeMs, p.ConcealedPct)
	}
	ratio := func(a, b float64) string {
		if b == 0 {
			return "–"
		}
		return fmt.Sprintf("%.2f", a/b)
	}
	p, b := r.Product, r.Bare
	_, err := fmt.Fprintf(w, "\n%s: Chromium 里看到的 as drawn by Chromium\n  %-14s %7s %9s %9s %9s %8s %9s %9s\n%s%s  %-14s %7s %9s %9s %9s %8s %9s %9s\n", r.Name,
		"", "frames", "p50 ms", "p95", "p99", "freezes", "frozen ms", "conc%", row("tongke", p), row("bare pion", b), "ratio",
		ratio(float64(p.Frames), float64(b.Frames)), ratio(p.LatencyMs.P50, b.LatencyMs.P50), ratio(p.LatencyMs.P95, b.LatencyMs.P95), ratio(p.LatencyMs.P99, b.LatencyMs.P99),
		ratio(float64(p.Freezes), float64(b.Freezes)), ratio(p.FreezeMs, b.FreezeMs), ratio(p.ConcealedPct, b.ConcealedPct))
	return err
}
