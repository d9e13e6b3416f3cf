package report

import (
	"fmt"
	"io"
)

// Pages are two Chromium pages over lines of the same conditions and seed, in the same run: the product's classroom page, and one that
// watches a bare pion relay.
type Pages struct {
	Product Page `json:"product"`
	Bare    Page `json:"bare"`
}

// Page is what a Chromium page drew and played.
type Page struct {
	Frames       int       `json:"frames"`    // pictures with a readable stamp, each once
	LatencyMs    Quantiles `json:"latencyMs"` // from the teacher's capture to the presentation
	Freezes      int       `json:"freezes"`   // as the browser counts them
	FreezeMs     float64   `json:"freezeMs"`
	ConcealedPct float64   `json:"concealedPct"` // (concealedSamples − silentConcealedSamples) / totalSamplesReceived, from 5 s after the first sound
}

// pageRow is a line about one page, or the ratio of the two.
type pageRow struct {
	Name  said
	Cells []string
}

func (p *Pages) rows() []pageRow {
	figures := func(x Page) []float64 {
		return []float64{float64(x.Frames), x.LatencyMs.P50, x.LatencyMs.P95, x.LatencyMs.P99, float64(x.Freezes), x.FreezeMs, x.ConcealedPct}
	}
	digits := []int{0, 1, 1, 1, 0, 0, 2}
	product, bare := figures(p.Product), figures(p.Bare)
	out := []pageRow{{Name: said{"同课", "tongke"}}, {Name: said{"只用 pion", "bare pion"}}, {Name: said{"比值", "ratio"}}}
	for i := range product {
		ratio := "–"
		if bare[i] != 0 {
			ratio = fmt.Sprintf("%.2f", product[i]/bare[i])
		}
		out[0].Cells = append(out[0].Cells, fmt.Sprintf("%.*f", digits[i], product[i]))
		out[1].Cells = append(out[1].Cells, fmt.Sprintf("%.*f", digits[i], bare[i]))
		out[2].Cells = append(out[2].Cells, ratio)
	}
	return out
}

// pageHeads are the columns of rows.
var pageHeads = []said{{"画面", "frames"}, {"p50 ms", "p50 ms"}, {"p95", "p95"}, {"p99", "p99"}, {"卡顿", "freezes"}, {"卡顿总长 ms", "frozen ms"}, {"声音补偿 %", "conc%"}}

func (p *Pages) table(w io.Writer) {
	const cells = " %7s %9s %9s %9s %8s %9s %9s\n"
	line := func(name string, text []string) {
		args := make([]any, len(text))
		for i := range text {
			args[i] = text[i]
		}
		fmt.Fprintf(w, "  %-14s"+cells, append([]any{name}, args...)...)
	}
	fmt.Fprintln(w, "  Chromium 里看到的 as drawn by Chromium")
	var heads []string
	for _, h := range pageHeads {
		heads = append(heads, h.EN)
	}
	line("", heads)
	for _, r := range p.rows() {
		line(r.Name.EN, r.Cells)
	}
}
