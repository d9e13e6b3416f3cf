package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tongke/media/relay"
)

// linkFigures is one uplink or downlink as /metrics shows it.
type linkFigures struct {
	peer                string // box name
	up                  bool
	tracksIn, tracksOut int
	bytesIn, bytesOut   uint64
	rttSeconds          float64 // 0: not measured yet
}

// figures are the funcs that a scrape reads; they print what the parts say and invent nothing.
type figures struct {
	relay        func() relay.Stats
	links        func() []linkFigures
	participants func() map[string]int // by role
	unsynced     func() float64        // seconds
}

// No figure has a lesson in its labels: a school year would leave thousands of series behind.
var (
	packetsDesc     = prometheus.NewDesc("tongke_relay_packets_total", "Media packets through the relay.", []string{"direction", "kind"}, nil)
	bytesDesc       = prometheus.NewDesc("tongke_relay_bytes_total", "Media payload bytes through the relay.", []string{"direction", "kind"}, nil)
	droppedDesc     = prometheus.NewDesc("tongke_relay_dropped_packets_total", "Media packets not forwarded.", []string{"reason"}, nil)
	forwardDesc     = prometheus.NewDesc("tongke_relay_forward_seconds", "Time of a packet from arrival to the flush of its copies.", nil, nil)
	subscribersDesc = prometheus.NewDesc("tongke_relay_subscribers", "Connections that receive media.", nil, nil)
	upDesc          = prometheus.NewDesc("tongke_cascade_up", "1 while the link to this box is alive.", []string{"peer"}, nil)
	tracksDesc      = prometheus.NewDesc("tongke_cascade_tracks", "Tracks that cross the link to this box.", []string{"peer", "direction"}, nil)
	linkBytesDesc   = prometheus.NewDesc("tongke_cascade_bytes_total", "Media payload bytes over the link to this box.", []string{"peer", "direction"}, nil)
	rttDesc         = prometheus.NewDesc("tongke_cascade_rtt_seconds", "Round trip time to this box.", []string{"peer"}, nil)
	unsyncedDesc    = prometheus.NewDesc("tongke_recorder_unsynced_seconds", "Age of the oldest packet to be kept that is not on the disk.", nil, nil)
	peopleDesc      = prometheus.NewDesc("tongke_lesson_participants", "People and rooms in live lessons.", []string{"role"}, nil)
)

// Describe is prometheus.Collector.
func (f figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		packetsDesc, bytesDesc, droppedDesc, forwardDesc, subscribersDesc, upDesc, tracksDesc, linkBytesDesc, rttDesc, peopleDesc, unsyncedDesc,
	} {
		ch <- d
	}
}

// Collect is prometheus.Collector.
func (f figures) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := f.relay()
	for direction, kinds := range map[string]map[string]relay.Count{"in": s.In, "out": s.Out} {
		for kind, n := range kinds {
			counter(packetsDesc, float64(n.Packets), direction, kind)
			counter(bytesDesc, float64(n.Bytes), direction, kind)
		}
	}
	for reason, n := range s.Dropped {
		counter(droppedDesc, float64(n), reason)
	}
	gauge(subscribersDesc, float64(s.Subscribers))
	gauge(unsyncedDesc, f.unsynced())
	buckets, sum := make(map[float64]uint64, len(relay.ForwardBuckets)), uint64(0)
	for i, le := range relay.ForwardBuckets {
		sum += s.Forward[i]
		buckets[le] = sum // a histogram's buckets count all that is below
	}
	ch <- prometheus.MustNewConstHistogram(forwardDesc, s.ForwardPasses, s.ForwardSum.Seconds(), buckets)

	for _, l := range f.links() {
		up := 0.0
		if l.up {
			up = 1
		}
		gauge(upDesc, up, l.peer)
		gauge(tracksDesc, float64(l.tracksIn), l.peer, "in")
		gauge(tracksDesc, float64(l.tracksOut), l.peer, "out")
		counter(linkBytesDesc, float64(l.bytesIn), l.peer, "in")
		counter(linkBytesDesc, float64(l.bytesOut), l.peer, "out")
		if l.rttSeconds > 0 {
			gauge(rttDesc, l.rttSeconds, l.peer)
		}
	}
	for role, n := range f.participants() {
		gauge(peopleDesc, float64(n), role)
	}
}

// metricsHandler serves /metrics: these figures and those of the process and the Go runtime.
func metricsHandler(f figures) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(f, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
