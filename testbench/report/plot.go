package report

// Plot is what the page draws of a scenario. Times are seconds since the start.
type Plot struct {
	Seconds float64
	Bucket  float64 // s between points
	Outages [][2]float64
	Lines   []Line
	Rates   []Rate
}

// Line is one stream at one campus, end to end.
type Line struct {
	Campus, Kind string
	P50, P95     []float64 // ms by bucket; NaN where nothing came
	Jitter       []float64
	Loss         []float64 // share of first transmissions lost by bucket, in percent
	Spread       []float64 // sorted latencies, thinned
}

// Rate is what passed a link in one direction, in kb/s of IP packets by bucket.
type Rate struct {
	Link, Direction string
	KBPS            []float64
}
