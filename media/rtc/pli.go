package rtc

import (
	"time"

	"tongke/media/packet"
)

const (
	keyframeEvery = packet.Time(time.Second)            // one request fills in this time
	keyframeBurst = 2                                   // requests that may come at once
	keyframeAgain = packet.Time(500 * time.Millisecond) // a request without a keyframe is repeated after this
	keyframeTries = 5
)

// keyframes decides when one layer's publisher is asked for a keyframe: a token bucket, an urgent request past it, and repetition until
// a keyframe is there, because requests are lost like other packets. The zero value has a full bucket.
type keyframes struct {
	used    int // tokens out
	refill  packet.Time
	wanted  bool
	urgent  bool
	tries   int
	sent    packet.Time
	hasSent bool
}

// want notes a request.
func (k *keyframes) want(urgent bool) {
	if !k.wanted {
		k.tries = 0
	}
	k.wanted = true
	k.urgent = k.urgent || urgent
}

// came notes a keyframe.
func (k *keyframes) came() { k.wanted, k.urgent = false, false }

// due reports whether to ask at now, and counts it.
func (k *keyframes) due(now packet.Time) bool {
	for k.used > 0 && now-k.refill >= keyframeEvery {
		k.used--
		k.refill += keyframeEvery
	}
	if !k.wanted {
		return false
	}
	if !k.urgent {
		if k.tries >= keyframeTries {
			k.wanted = false
			return false
		}
		if k.tries > 0 && k.hasSent && now-k.sent < keyframeAgain || k.used >= keyframeBurst {
			return false
		}
	}
	if k.used == 0 {
		k.refill = now
	}
	k.used = min(k.used+1, keyframeBurst)
	k.tries++
	k.urgent, k.sent, k.hasSent = false, now, true
	return true
}
