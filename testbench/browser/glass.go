package browser

import (
	"embed"
	"io"
	"net/http"
	"sort"
	"time"

	"tongke/testbench/lesson"
	"tongke/testbench/peer"
)

//go:embed glass.html glass.js
var pages embed.FS

// GlassPage serves /glass.html, a page that publishes stamped pictures and watches lessons; see glass.js for what a test may call in it.
func GlassPage() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(pages))
	mux.HandleFunc("/stamps.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, lesson.StampsJS) // a page that went away reads nothing
	})
	return mux
}

// glassModulo is where the stamps of the glass page wrap, in ms.
const glassModulo = 1 << 23

// GlassLatencies is the time from drawing to presenting, of each sample.
func (s Stamps) GlassLatencies() []time.Duration {
	var out []time.Duration
	for _, p := range s.Samples {
		ms := p[1] - p[0]
		ms -= float64(int64(ms)/glassModulo) * glassModulo
		if ms > glassModulo/2 {
			ms -= glassModulo
		}
		out = append(out, time.Duration(ms*float64(time.Millisecond)))
	}
	return out
}

// Percentiles of durations in ms; zero when there are none.
func Percentiles(d []time.Duration) peer.Quantiles {
	if len(d) == 0 {
		return peer.Quantiles{}
	}
	sorted := append([]time.Duration(nil), d...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	at := func(q float64) float64 {
		return float64(sorted[int(q*float64(len(sorted)-1))]) / float64(time.Millisecond)
	}
	return peer.Quantiles{P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1)}
}
