package cascade

import (
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
)

const (
	maxHeld     = 256                    // packets of a slot that wait for their bind
	holdFor     = 500 * time.Millisecond // and how long
	maxBindings = 4                      // of a slot that late packets can still belong to
	restartGap  = 10 * time.Second       // a timestamp this far off means that the publisher has begun anew
)

// binding is one bind message as the receiver uses it. first is in the receiver's own count once aligned.
type binding struct {
	first, origin uint64
	tsOffset      uint32
	gen           uint32
	rate          uint32 // Hz
	up            pusher // nil: what comes is dropped
	key           layerKey

	lastTS uint32 // of the newest packet, slot time
	lastAt packet.Time
	seen   bool
}

// pusher takes packets over; *relay.Up is one.
type pusher interface{ Push(b *packet.Buffer) }

// bindings turns what arrives in one slot into packets of sources: number, timestamp, generation. It is pure but for the pushers; one
// goroutine or lock owns it.
type bindings struct {
	list    []binding // oldest first, by first
	pending *binding  // a bind before the first packet of the slot: nothing to align it to yet
	highest uint64    // newest number received
	started bool
	sealed  bool // unbind came: numbers above seal belong to the next binding
	seal    uint64

	held []held
	lost uint64 // packets that no bind came for
}

type held struct {
	b       *packet.Buffer
	at      packet.Time
	suspect bool // covered, but seems to be of the next binding
}

// align moves first, counted by the sender, by the multiple of 65536 that brings it nearest to highest, counted here.
func align(first, highest uint64) uint64 {
	d := int64(int16(uint16(first) - uint16(highest)))
	if d < 0 && highest < uint64(-d) {
		return highest + uint64(d+1<<16) // would lie before the beginning of the count
	}
	return highest + uint64(d)
}

// bind takes a bind message in and pushes what waited for it.
func (s *bindings) bind(b binding, now packet.Time) {
	if !s.started {
		if len(s.held) == 0 {
			s.pending = &b
			return
		}
		s.highest, s.started = s.held[0].b.Seq, true
	}
	s.add(b)
	s.flush(now)
}

func (s *bindings) add(b binding) {
	b.first = align(b.first, s.highest)
	s.sealed = false
	if n := len(s.list); n > 0 && s.list[n-1].first == b.first {
		s.list[n-1] = b
		return
	}
	if len(s.list) == maxBindings {
		s.list = append(s.list[:0], s.list[1:]...)
	}
	s.list = append(s.list, b)
}

// unbind ends the newest binding at what has been received.
func (s *bindings) unbind() {
	s.sealed, s.seal = true, s.highest
	s.pending = nil
}

// push takes over one packet that arrived in the slot: it goes to its source, waits, or is dropped.
func (s *bindings) push(b *packet.Buffer, now packet.Time) {
	if s.pending != nil && !s.started {
		p := *s.pending
		s.highest, s.started, s.pending = b.Seq, true, nil
		s.add(p)
	}
	if s.started {
		s.highest = max(s.highest, b.Seq)
	}
	if len(s.held) > 0 {
		s.expire(now)
	}
	in := s.find(b.Seq)
	switch {
	case in == nil && s.tooOld(b.Seq):
		s.lost++
		b.Release()
	case in == nil:
		s.hold(b, now, false)
	case s.suspect(in, b):
		s.hold(b, now, true)
	default:
		s.deliver(in, b)
	}
}

// tooOld reports a number from before every binding that is remembered, which no later bind will cover.
func (s *bindings) tooOld(seq uint64) bool { return len(s.list) > 0 && seq < s.list[0].first }

// find is the binding with the greatest first ≤ seq, nil where none covers it.
func (s *bindings) find(seq uint64) *binding {
	if s.sealed && seq > s.seal {
		return nil
	}
	for i := len(s.list) - 1; i >= 0; i-- {
		if s.list[i].first <= seq {
			return &s.list[i]
		}
	}
	return nil
}

// suspect reports a packet that does not belong to the newest binding: its clock is another, or its timestamp has not run on as long as the clock.
func (s *bindings) suspect(in *binding, b *packet.Buffer) bool {
	if !in.seen || in != &s.list[len(s.list)-1] {
		return false
	}
	if b.Codec != codec.None && b.Codec.ClockRate() != in.rate {
		return true
	}
	passed := int64(b.Arrival.Sub(in.lastAt)) / int64(time.Millisecond) * int64(in.rate) / 1000
	d := int64(int32(b.Timestamp - in.lastTS - uint32(passed)))
	return max(d, -d) > int64(in.rate)*int64(restartGap/time.Second)
}

func (s *bindings) hold(b *packet.Buffer, now packet.Time, suspect bool) {
	if len(s.held) == maxHeld {
		s.held[0].b.Release()
		s.lost++
		s.held = append(s.held[:0], s.held[1:]...)
	}
	s.held = append(s.held, held{b: b, at: now, suspect: suspect})
}

// deliver gives b its identity and pushes it.
func (s *bindings) deliver(in *binding, b *packet.Buffer) {
	if d := int32(b.Timestamp - in.lastTS); !in.seen || d > 0 {
		in.lastTS, in.lastAt, in.seen = b.Timestamp, b.Arrival, true
	}
	if in.up == nil {
		b.Release()
		return
	}
	b.Seq = b.Seq - in.first + in.origin
	b.Timestamp -= in.tsOffset
	b.Gen = in.gen
	in.up.Push(b)
}

// flush pushes the held packets that a binding covers now, in the order they came.
func (s *bindings) flush(now packet.Time) {
	waiting := s.held
	s.held = s.held[:0:0]
	for _, h := range waiting {
		s.highest = max(s.highest, h.b.Seq)
		in := s.find(h.b.Seq)
		switch {
		case in == nil && s.tooOld(h.b.Seq):
			s.lost++
			h.b.Release()
		case in == nil, h.suspect && s.suspect(in, h.b):
			s.held = append(s.held, h)
		default:
			s.deliver(in, h.b)
		}
	}
	s.expire(now)
}

// expire ends the waiting of packets that are held too long: under a binding they belong to it after all, without one they are lost.
func (s *bindings) expire(now packet.Time) {
	n := 0
	for _, h := range s.held {
		if now.Sub(h.at) < holdFor {
			break
		}
		n++
		if in := s.find(h.b.Seq); in != nil {
			in.seen = false // its clock is the new one from here on
			s.deliver(in, h.b)
			continue
		}
		s.lost++
		h.b.Release()
	}
	if n > 0 {
		s.held = append(s.held[:0], s.held[n:]...)
	}
}

// close releases what is held.
func (s *bindings) close() {
	for _, h := range s.held {
		h.b.Release()
	}
	s.held, s.list, s.pending = nil, nil, nil
}
