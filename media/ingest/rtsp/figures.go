package rtsp

import (
	"math"
	"time"

	"tongke/media/packet"
)

const (
	rateOver   = 2 * time.Second // frames and bits are counted over this
	keyframes  = 4               // the longest of the last few distances counts
	rareAfter  = 4 * time.Second // from which keyframes are too rare: who joins waits so long
	maxBFrames = 3               // slices are enough to know; one could be a misread
	large      = 1920 * 1088     // pixels
)

// figures is what was seen of a stream since it was connected. Its zero value is ready.
type figures struct {
	width, height int
	frames        uint64
	bFrames       int
	backwards     int // timestamps that went back: pictures that are not in the order in which they are shown

	last     uint32 // timestamp
	lastKey  packet.Time
	apart    [keyframes]time.Duration
	keys     int
	heard    packet.Time   // the first frame
	first    time.Duration // from there to the first keyframe
	since    packet.Time   // of the present count
	count    int
	bytes    int
	fps      float64
	kbps     int
	keyTaken bool
}

// see takes a frame. bytes is its size.
func (f *figures) see(one *frame, bytes int, now packet.Time) {
	if f.frames > 0 {
		if d := int32(one.timestamp - f.last); d < 0 && d > -90000 {
			f.backwards++
		}
	}
	if f.frames == 0 {
		f.heard = now
	}
	f.frames++
	f.last = one.timestamp
	if one.bFrame {
		f.bFrames++
	}
	if one.key {
		if f.keyTaken && now > f.lastKey {
			f.apart[f.keys%keyframes] = now.Sub(f.lastKey)
			f.keys++
		}
		if !f.keyTaken {
			f.first = now.Sub(f.heard)
		}
		f.keyTaken, f.lastKey = true, now
	}
	if f.since == 0 {
		f.since = now
		return // its time began before
	}
	f.count++
	f.bytes += bytes
	if d := now.Sub(f.since); d >= rateOver {
		f.fps = float64(f.count) / d.Seconds()
		f.kbps = int(float64(f.bytes) * 8 / d.Seconds() / 1000)
		f.since, f.count, f.bytes = now, 0, 0
	}
}

// between is the longest distance of the last keyframes, or how long one has been waited for if that is longer; 0: not known.
func (f *figures) between(now packet.Time) time.Duration {
	var most time.Duration
	if f.keys == 0 && f.first > rareAfter {
		most = f.first
	}
	for _, d := range f.apart {
		most = max(most, d)
	}
	if f.keyTaken {
		if d := now.Sub(f.lastKey); d > rareAfter && d > most {
			return d
		}
	}
	return most
}

// reordered reports whether the camera sends what browsers would show in the wrong order.
func (f *figures) reordered() bool { return f.bFrames >= maxBFrames || f.backwards >= maxBFrames }

// round keeps one digit.
func round(v float64) float64 { return math.Round(v*10) / 10 }
