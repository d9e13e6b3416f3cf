package main

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"tongke/media/relay"
)

// TestMetricNames holds the names, types and labels that other programs rely on.
func TestMetricNames(t *testing.T) {
	h := metricsHandler(figures{
		relay: func() relay.Stats {
			s := relay.Stats{
				In: map[string]relay.Count{"audio": {Packets: 1, Bytes: 2}}, Out: map[string]relay.Count{"video": {Packets: 3, Bytes: 4}},
				Dropped: map[string]uint64{"late": 5}, Subscribers: 6, ForwardSum: 1500 * time.Microsecond, ForwardPasses: 3,
			}
			s.Forward[2], s.Forward[len(s.Forward)-1] = 2, 1
			return s
		},
		links: func() []linkFigures {
			return []linkFigures{{peer: "三河", up: true, tracksIn: 1, tracksOut: 2, bytesIn: 3, bytesOut: 4, rttSeconds: 0.05}, {peer: "邬阳"}}
		},
		participants: func() map[string]int { return map[string]int{"publisher": 1} },
		unsynced:     func() float64 { return 0.25 },
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	got := regexp.MustCompile(`(?m)^tongke_.*$`).FindAllString(w.Body.String(), -1)
	for _, want := range []string{
		`tongke_relay_packets_total{direction="in",kind="audio"} 1`,
		`tongke_relay_packets_total{direction="out",kind="video"} 3`,
		`tongke_relay_bytes_total{direction="in",kind="audio"} 2`,
		`tongke_relay_dropped_packets_total{reason="late"} 5`,
		`tongke_relay_subscribers 6`,
		`tongke_relay_forward_seconds_bucket{le="0.00025"} 0`,
		`tongke_relay_forward_seconds_bucket{le="0.0005"} 2`,
		`tongke_relay_forward_seconds_bucket{le="0.1"} 2`,
		`tongke_relay_forward_seconds_bucket{le="+Inf"} 3`,
		`tongke_relay_forward_seconds_sum 0.0015`,
		`tongke_relay_forward_seconds_count 3`,
		`tongke_cascade_up{peer="三河"} 1`,
		`tongke_cascade_up{peer="邬阳"} 0`,
		`tongke_cascade_tracks{direction="in",peer="三河"} 1`,
		`tongke_cascade_bytes_total{direction="out",peer="三河"} 4`,
		`tongke_cascade_rtt_seconds{peer="三河"} 0.05`,
		`tongke_lesson_participants{role="publisher"} 1`,
		`tongke_recorder_unsynced_seconds 0.25`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	for _, line := range got {
		if regexp.MustCompile(`lesson="|rtt_seconds\{peer="邬阳"`).MatchString(line) {
			t.Errorf("should not be there: %s", line)
		}
	}
}
