package join

import (
	"net/http"
	"time"
)

// Heard is what another box's clock showed. Its link has a clock too, but that one runs on from the wall clock of the process's start, and
// is wrong for good where the clock was set later; every answer over HTTP carries the time of now (Date, RFC 9110 §6.6.1), from boxes of
// all versions.
type Heard struct {
	Time  time.Time     // what it showed, zero: it did not say
	At    time.Time     // when, by the clock here that nobody sets
	Error time.Duration // at most so much before or after
}

// hear reads the time of an answer to a request that went out at asked and was answered at answered. The header has whole seconds, cut off.
func hear(date string, asked, answered time.Time) Heard {
	shown, err := http.ParseTime(date)
	if err != nil {
		return Heard{}
	}
	half := answered.Sub(asked) / 2
	return Heard{Time: shown.Add(time.Second / 2), At: asked.Add(half), Error: half + time.Second/2}
}

// Right is the time by the other box's clock now.
func (h Heard) Right(now time.Time) time.Time { return h.Time.Add(now.Sub(h.At)) }
