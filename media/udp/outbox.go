package udp

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// Class says what a datagram is worth when there is no room for all.
type Class uint8

const (
	Control Class = iota // STUN, DTLS, RTCP: without it the connection dies
	Voice                // sent before video, and kept longer
	Video
)

// voiceSize is the longest RTP packet taken for voice, in bytes: 20 ms of Opus at 64 kb/s doubled by RED is 340, while a video packet
// below it is the tail of a frame and cheap to keep.
const voiceSize = 400

// Classify tells classes by the first bytes (RFC 7983 §7) and RTP's two kinds by their length: the payload is encrypted, and which
// payload type is what only the session knows.
func Classify(b []byte) Class {
	if !isRTP(b) {
		return Control
	}
	if len(b) <= voiceSize {
		return Voice
	}
	return Video
}

// isRTP reports RTP but not RTCP, which shares the range of first bytes (RFC 5761 §4).
func isRTP(b []byte) bool {
	return len(b) >= 12 && b[0] >= 128 && b[0] <= 191 && (b[1] < 192 || b[1] > 223)
}

const (
	// fastLane holds control and voice: over a second of voice of several people.
	fastLane = 256
	// videoLane holds two large keyframes.
	videoLane = 256
	// staleAfter is how long voice and video may wait for a tunnel that stalls; later than that a player has no use for them.
	staleAfter = 500 * time.Millisecond
	// maxSkipped bounds the SSRCs whose frame is being dropped.
	maxSkipped = 64
)

// outbox is a tunnel's bounded send queue: control and voice in front, then video. When video finds no room it is dropped to the end of
// its frame, so that what goes through is whole frames.
type outbox struct {
	dropped  atomic.Uint64
	classify func([]byte) Class
	ready    chan struct{} // something was put

	mu      sync.Mutex
	fast    ring
	video   ring
	skipped map[uint32]struct{} // SSRCs of which a frame is being dropped
}

func (o *outbox) init(classify func([]byte) Class) {
	o.classify = classify
	o.ready = make(chan struct{}, 1)
	o.skipped = map[uint32]struct{}{}
}

// put copies b into its lane or drops it. It never blocks.
func (o *outbox) put(b []byte) {
	if len(b) > datagramSize {
		o.dropped.Add(1)
		return
	}
	class := o.classify(b)
	d := datagrams.Get().(*datagram)
	d.n, d.at = copy(d.data[:], b), time.Now()
	if class == Control {
		d.at = time.Time{} // never stale
	}
	o.mu.Lock()
	ok := false
	if class == Video {
		if ok = o.admitLocked(b); ok {
			o.video.push(d)
		}
	} else {
		// Voice leaves the last quarter to control.
		limit := fastLane
		if class == Voice {
			limit = fastLane * 3 / 4
		}
		if ok = o.fast.grow(limit); ok {
			o.fast.push(d)
		}
	}
	o.mu.Unlock()
	if !ok {
		o.dropped.Add(1)
		datagrams.Put(d)
		return
	}
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// admitLocked decides about one video packet. The marker bit ends a frame (RFC 6184 §5.1, RFC 7741 §4.1).
func (o *outbox) admitLocked(b []byte) bool {
	if !isRTP(b) {
		return o.video.grow(videoLane)
	}
	ssrc, marker := binary.BigEndian.Uint32(b[8:]), b[1]&0x80 != 0
	if _, skipping := o.skipped[ssrc]; skipping {
		if marker {
			delete(o.skipped, ssrc)
		}
		return false
	}
	if o.video.grow(videoLane) {
		return true
	}
	if !marker && len(o.skipped) < maxSkipped {
		o.skipped[ssrc] = struct{}{}
	}
	return false
}

// take returns the next datagram to send, or nil. The caller gives it back to the pool.
func (o *outbox) take() *datagram {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		var d *datagram
		switch {
		case o.fast.n > 0:
			d = o.fast.pop()
		case o.video.n > 0:
			d = o.video.pop()
		default:
			return nil
		}
		if d.at.IsZero() || time.Since(d.at) < staleAfter {
			return d
		}
		o.dropped.Add(1)
		datagrams.Put(d)
	}
}
