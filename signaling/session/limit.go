package session

import (
	"time"

	"tongke/signaling/protocol"
)

// What one connection may ask. README.md of signaling/protocol tells pages.
const (
	perSecond, burst             = 20, 60 // requests
	statsPerSecond, statsBurst   = 2, 6
	bytesPerSecond, bytesBurst   = 128 << 10, 512 << 10
	overFor                      = 700 * time.Millisecond // of going on beyond the limits: closed
	answersPerSecond             = 10                     // too-many is said so often; more than that is dropped without a word
	offersPerSecond, offersBurst = 1, 10                  // negotiations: each may make a connection
	maxFaults                    = 3                      // messages that are none
)

// bucket is a token bucket that starts full.
type bucket struct {
	level float64
	last  time.Time
}

func (b *bucket) take(now time.Time, n, perSecond, burst float64) bool {
	if b.last.IsZero() {
		b.level = burst
	} else if d := now.Sub(b.last).Seconds(); d > 0 {
		b.level = min(burst, b.level+d*perSecond)
	}
	b.last = now
	if b.level < n {
		return false
	}
	b.level -= n
	return true
}

// verdict is what is done with a frame.
type verdict uint8

const (
	take   verdict = iota
	refuse         // answered too-many
	ignore         // not even that
	cut            // the connection is closed
)

// limiter judges the frames of one connection before they are looked at. It is pure.
type limiter struct {
	requests, stats, bytes, answers bucket

	over     time.Time // since when beyond the limits; zero: not
	lastOver time.Time
}

// frame judges one frame by its size.
func (l *limiter) frame(now time.Time, size int) verdict {
	// Both are counted, so that neither many small nor few large ones get through.
	ok := l.bytes.take(now, float64(size), bytesPerSecond, bytesBurst)
	ok = l.requests.take(now, 1, perSecond, burst) && ok
	return l.judge(now, ok)
}

// request judges a frame that was read, by its kind.
func (l *limiter) request(now time.Time, r protocol.Request) verdict {
	if _, ok := r.(protocol.Stats); !ok {
		return take
	}
	return l.judge(now, l.stats.take(now, 1, statsPerSecond, statsBurst))
}

func (l *limiter) judge(now time.Time, ok bool) verdict {
	if ok {
		if !l.over.IsZero() && now.Sub(l.lastOver) > overFor {
			l.over = time.Time{}
		}
		return take
	}
	l.lastOver = now
	if l.over.IsZero() {
		l.over = now
	}
	switch {
	case now.Sub(l.over) >= overFor:
		return cut
	case l.answers.take(now, 1, answersPerSecond, answersPerSecond):
		return refuse
	}
	return ignore
}
