package relay

import (
	"math/rand/v2"
	"slices"
	"time"

	"tongke/media/packet"
)

const (
	sentWindow   = 1024 // slot numbers below the newest that can still be sent, once
	maxBindings  = 4    // former bindings that NACKs can still reach
	squeezeTicks = 40   // distance of frames in a replay: 0.44 ms at 90 kHz, so a player hurries through them
)

// rewriter turns origin numbers and times into a slot's own. It is pure but for the random start. Its numbers go on over every binding, and
// it hands out each number at most once.
type rewriter struct {
	rate    uint32 // clock in Hz of what is bound, or was last: sound may change between 48 kHz and 8 kHz
	exact   bool   // timestamps pass unchanged: the far end is a box and gets the constants
	highest uint64 // newest slot number; its low 16 bits are in the RTP header
	lastTS  uint32 // slot timestamp that went with highest
	lastAt  packet.Time
	started bool
	sent    [sentWindow / 64]uint64 // bit n%sentWindow: slot number n was sent, for n in (highest−sentWindow, highest]

	bound   bool
	now     binding
	former  []binding // newest last
	squeeze []squeezed
}

// binding is the constant between origin and slot numbers while one source feeds the slot.
type binding struct {
	up        *upTrack
	gen       uint32
	first     uint64 // first origin number
	seqOffset uint64 // slot − origin
	tsOffset  uint32 // slot − origin
	slotFirst uint64
}

// squeezed maps the frames of a replay, which have timestamps of their own.
type squeezed struct {
	from uint64 // origin number of the frame's first packet
	ts   uint32 // slot timestamp
}

func newRewriter(rate uint32, exact bool) rewriter {
	// RFC 3550 §5.1: a random start. Below 2^15, so that the first roll-over is far from the first loss.
	// #nosec G404 -- SRTP does not lean on it: its keys are DTLS's
	return rewriter{rate: rate, exact: exact, highest: 1<<16 | uint64(rand.Uint32N(1<<15)), lastTS: rand.Uint32()}
}

// begin starts a binding whose first packet is b, that was captured (or else arrived) at the time at. With another clock the timestamps go on
// from the last one by the time that has passed, in units of the new clock: RFC 7160 §3.2.1. A new SSRC (§4.1) cannot be had, the slot's was
// negotiated; WebRTC's own senders change the clock under one SSRC too.
func (w *rewriter) begin(up *upTrack, b *packet.Buffer, at packet.Time) {
	w.release()
	if w.rate != 90000 {
		w.rate = b.Codec.ClockRate()
	}
	w.now = binding{up: up, gen: b.Gen, first: b.Seq, slotFirst: w.highest + 1, seqOffset: w.highest + 1 - b.Seq}
	w.bound, w.squeeze = true, w.squeeze[:0]
	if !w.exact {
		w.now.tsOffset = w.nextTS(at) - b.Timestamp
	}
}

// nextTS is the slot timestamp of something captured at the time at, later than everything sent.
func (w *rewriter) nextTS(at packet.Time) uint32 {
	if !w.started {
		return w.lastTS
	}
	passed := min(max(at.Sub(w.lastAt), 0), time.Hour)
	ticks := uint32(int64(passed) * int64(w.rate) / int64(time.Second))
	return w.lastTS + max(ticks, 1)
}

// beginReplay is begin for a replay: frames holds the first number of each frame from b to the live edge. All but the last get
// timestamps squeezeTicks apart, just before the last one's, and what comes after goes on from there at the source's pace.
func (w *rewriter) beginReplay(up *upTrack, b *packet.Buffer, frames []uint64, edge *packet.Buffer, at packet.Time) {
	w.begin(up, b, at)
	if w.exact || len(frames) < 2 {
		return
	}
	span := uint32(len(frames)-1) * squeezeTicks
	last := w.nextTS(at) + span
	w.now.tsOffset = last - edge.Timestamp
	for i, from := range frames {
		w.squeeze = append(w.squeeze, squeezed{from: from, ts: last - span + uint32(i)*squeezeTicks})
	}
}

// release ends the binding; NACKs still reach it.
func (w *rewriter) release() {
	if !w.bound {
		return
	}
	w.bound = false
	if w.highest < w.now.slotFirst {
		return // nothing was sent in it
	}
	if len(w.former) == maxBindings {
		w.former = slices.Delete(w.former, 0, 1)
	}
	w.former = append(w.former, w.now)
}

// next gives b its slot number and timestamp, and reports false when it must not be sent: from before the binding, too late, or a
// number that has been sent already.
func (w *rewriter) next(b *packet.Buffer) (seq uint64, ts uint32, ok bool) {
	if !w.bound || b.Seq < w.now.first || b.Gen != w.now.gen {
		return 0, 0, false
	}
	seq = b.Seq + w.now.seqOffset
	if seq+sentWindow <= w.highest || (seq <= w.highest && w.wasSent(seq)) {
		return 0, 0, false
	}
	ts = w.timestamp(&w.now, b)
	if seq > w.highest {
		w.advance(seq)
		w.lastTS, w.lastAt, w.started = ts, captured(b), true
	}
	w.mark(seq)
	return seq, ts, true
}

// captured is the best time known for a packet: capture, else arrival.
func captured(b *packet.Buffer) packet.Time {
	if b.Capture != 0 {
		return b.Capture
	}
	return b.Arrival
}

func (w *rewriter) timestamp(in *binding, b *packet.Buffer) uint32 {
	if in == &w.now && len(w.squeeze) > 0 && b.Seq < w.squeeze[len(w.squeeze)-1].from {
		i, found := slices.BinarySearchFunc(w.squeeze, b.Seq, func(s squeezed, seq uint64) int {
			switch {
			case s.from < seq:
				return -1
			case s.from > seq:
				return 1
			}
			return 0
		})
		if !found {
			i = max(i-1, 0)
		}
		return w.squeeze[i].ts
	}
	return b.Timestamp + in.tsOffset
}

// advance makes seq the newest number; the numbers skipped are not sent yet.
func (w *rewriter) advance(seq uint64) {
	if seq-w.highest >= sentWindow {
		w.sent = [sentWindow / 64]uint64{}
	} else {
		for n := w.highest + 1; n <= seq; n++ {
			w.sent[n%sentWindow/64] &^= 1 << (n % 64)
		}
	}
	w.highest = seq
}

func (w *rewriter) mark(seq uint64)         { w.sent[seq%sentWindow/64] |= 1 << (seq % 64) }
func (w *rewriter) wasSent(seq uint64) bool { return w.sent[seq%sentWindow/64]&(1<<(seq%64)) != 0 }

// find turns a number from a NACK (RFC 4585 §6.2.1) into the binding that it was sent in and the origin number.
func (w *rewriter) find(seq16 uint16) (in *binding, origin uint64, ok bool) {
	seq := w.highest - uint64(uint16(w.highest)-seq16)
	if seq > w.highest || seq+sentWindow <= w.highest || !w.wasSent(seq) {
		return nil, 0, false
	}
	if w.bound && seq >= w.now.slotFirst {
		return &w.now, seq - w.now.seqOffset, true
	}
	for i := len(w.former) - 1; i >= 0; i-- {
		if f := &w.former[i]; seq >= f.slotFirst {
			return f, seq - f.seqOffset, true
		}
	}
	return nil, 0, false
}
