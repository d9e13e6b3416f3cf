package peer

import (
	"time"

	"tongke/media/packet"
)

// frames models what a decoder can show: a frame counts when all its packets and everything back to a keyframe are there. It is pure.
type frames struct {
	ring    [ringPackets]slot
	started bool
	next    uint64 // the first packet not yet part of a whole frame; valid unless waiting
	waiting bool   // for a keyframe: the chain is broken or has not begun

	last         packet.Time // when the newest frame was whole
	lastTS       uint32
	intervals    [16]time.Duration // between the latest frames, by RTP time
	intervalN    int
	shown        uint64
	keyframes    uint64
	freezes      int
	frozen       time.Duration
	longest      time.Duration
	firstShownAt packet.Time
}

const (
	ringPackets = 2048
	leastFreeze = 150 * time.Millisecond
)

// slot is one packet as the decoder model needs it.
type slot struct {
	seq       uint64
	timestamp uint32
	have      bool
	marker    bool
	keyframe  bool
}

// restart forgets the packets of an earlier stream and keeps the figures.
func (f *frames) restart() {
	f.ring = [ringPackets]slot{}
	f.started = false
}

// push takes one packet, first transmission or repaired.
func (f *frames) push(s slot, now packet.Time) {
	if !f.started {
		f.started, f.waiting = true, true
	}
	s.have = true
	f.ring[s.seq%ringPackets] = s
	if f.waiting || s.seq > f.next && f.behind(s) {
		if start, ok := f.wholeKeyframe(s); ok && (f.waiting || start > f.next) {
			f.waiting = false
			f.next = start
		}
	}
	if f.waiting {
		return
	}
	f.show(now)
}

// behind reports whether s belongs to a later frame than the one that is still incomplete: only then may a keyframe be jumped to.
func (f *frames) behind(s slot) bool {
	p := f.at(f.next)
	return !p.have || p.timestamp != s.timestamp
}

func (f *frames) at(seq uint64) slot {
	s := f.ring[seq%ringPackets]
	if s.seq != seq {
		return slot{}
	}
	return s
}

// wholeKeyframe looks whether s completes a keyframe, and where that begins.
func (f *frames) wholeKeyframe(s slot) (uint64, bool) {
	start := s.seq
	for n := 0; !f.at(start).keyframe; n++ {
		prev := f.at(start - 1)
		if !prev.have || prev.timestamp != s.timestamp || n > ringPackets/2 {
			return 0, false
		}
		start--
	}
	for seq := s.seq; ; seq++ {
		p := f.at(seq)
		if !p.have || p.timestamp != s.timestamp {
			return 0, false
		}
		if p.marker {
			return start, true
		}
	}
}

// show counts every frame that is whole from next on.
func (f *frames) show(now packet.Time) {
	for seq := f.next; f.at(seq).have; seq++ {
		s := f.at(seq)
		if !s.marker {
			continue
		}
		if f.at(f.next).keyframe {
			f.keyframes++
		}
		f.next = seq + 1
		f.count(s.timestamp, now)
	}
}

func (f *frames) count(timestamp uint32, now packet.Time) {
	f.shown++
	if f.last == 0 {
		f.firstShownAt = now
	} else {
		limit := max(3*f.interval(), leastFreeze)
		if gap := now.Sub(f.last); gap > limit {
			f.freezes++
			f.frozen += gap
			f.longest = max(f.longest, gap)
		}
		if d := int32(timestamp - f.lastTS); d > 0 && d < 90000/2 {
			f.intervals[f.intervalN%len(f.intervals)] = time.Duration(d) * time.Second / 90000
			f.intervalN++
		}
	}
	f.last, f.lastTS = now, timestamp
}

// still is how long a freeze lasts that has not ended; 0 when there is none.
func (f *frames) still(now, window packet.Time) time.Duration {
	if f.last == 0 {
		return 0
	}
	if gap := now.Sub(max(f.last, window)); gap > max(3*f.interval(), leastFreeze) {
		return gap
	}
	return 0
}

// interval is the mean distance of the latest frames.
func (f *frames) interval() time.Duration {
	n := min(f.intervalN, len(f.intervals))
	if n == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range f.intervals[:n] {
		sum += d
	}
	return sum / time.Duration(n)
}

// needsKeyframe reports whether nothing can be shown until a keyframe comes.
func (f *frames) needsKeyframe() bool { return f.started && f.waiting }

// giveUp declares the packets before a gap that was not repaired as lost: from now on only a keyframe helps.
func (f *frames) giveUp() { f.waiting = true }
