package mux

import (
	"slices"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
)

const (
	// lateness is how long a missing packet is waited for, on the journal's timeline. Repairs come within a second or two.
	lateness = 5 * time.Second
	// maxFrame is how many packets a frame may have; a picture of 12 MB is none.
	maxFrame = 8192
	// maxQueue bounds what is held of one track while waiting: past it, what is missing counts as lost.
	maxQueue = 1 << 15
)

// frame is one picture or one packet of sound, whole and decodable, by the numbers of its packets.
type frame struct {
	at       time.Duration // on the journal's timeline
	seq      uint64        // first packet
	packets  int
	size     int // bytes as a sample
	duration int // of sound, in samples
	toc      byte
	key      bool          // a decoder may begin here
	lost     bool          // something before it is missing
	from, to time.Duration // arrival of its packets

	parameters parameters // of a keyframe
}

// piece is a packet that waits for its place. The payload is the queue's own.
type piece struct {
	seq              uint64
	ts               int64
	capture, arrival time.Duration
	flags            packet.Flags
	payload          []byte
}

// steady says that a pair goes on with the clock as it is.
func (c *rtpClock) steady(p pair) bool {
	said := p.arrival
	if p.known() {
		said = p.capture
	}
	d := said - c.span(p.ts) - c.offset
	return c.set && d <= clockJump && d >= -clockJump
}

func (p *piece) pair() pair { return pair{p.ts, p.capture, p.arrival} }

// queue puts the packets of one track in order and cuts them into frames.
type queue struct {
	track journal.Track
	clock rtpClock

	pieces  []piece // ascending seq, no number twice
	started bool
	next    uint64 // the number after the last one taken
	prompt  bool   // nothing else goes into its stream now: what is in order need not wait

	torn    bool // packets just before the first piece are missing
	lost    bool // since the last frame given out something was
	broken  bool // H264: wait for a keyframe
	partial bool // the packets before the hole belong to frame partialTS, and
	nonRef  bool // nobody refers to that one
	cutTS   int64
	refs    vp8Refs
	h264    h264Unit
	vp8     vp8Unit

	spare [][]byte
}

func newQueue(t journal.Track) *queue {
	return &queue{track: t, clock: rtpClock{rate: int64(t.Codec.ClockRate())}, broken: true, refs: vp8Refs{broken: true}}
}

// put takes a packet in any order; what is there already, or comes too late, is dropped.
func (q *queue) put(p journal.Packet) {
	if q.started && p.Seq < q.next {
		return
	}
	at := len(q.pieces)
	for at > 0 && q.pieces[at-1].seq >= p.Seq {
		at--
	}
	if at < len(q.pieces) && q.pieces[at].seq == p.Seq {
		return
	}
	var buf []byte
	if n := len(q.spare); n > 0 {
		buf, q.spare = q.spare[n-1], q.spare[:n-1]
	}
	q.pieces = slices.Insert(q.pieces, at, piece{p.Seq, q.clock.unwrap(p.Timestamp), p.Capture, p.Arrival, p.Flags, append(buf[:0], p.Payload...)})
}

// drop forgets the first n pieces, which have been dealt with.
func (q *queue) drop(n int) {
	q.started, q.torn, q.next = true, false, q.pieces[n-1].seq+1
	for i := range n {
		q.spare = append(q.spare, q.pieces[i].payload)
	}
	q.pieces = q.pieces[n:] // what lies before goes when it next grows
}

// take gives out the frames that are due at a time: what came lateness before it, or everything at the end; and of a prompt queue what follows
// the last frame without a hole, unless its clock is put anew.
func (q *queue) take(now time.Duration, end bool, emit func(frame)) {
	for len(q.pieces) > 0 {
		head := &q.pieces[0]
		if !end && now-head.arrival < lateness && len(q.pieces) < maxQueue && !(q.prompt && q.started && head.seq == q.next && q.clock.steady(head.pair())) {
			return
		}
		if q.started && head.seq != q.next {
			q.hole(head)
		}
		n, whole, wait := q.extent(now, end)
		if wait {
			return
		}
		if !q.track.Codec.Video() {
			q.sound(emit)
			continue
		}
		q.picture(n, whole, emit)
	}
}

// hole notes that the packets before head are missing for good.
func (q *queue) hole(head *piece) {
	q.torn, q.lost = true, true
	q.refs.lost()
	if !(q.partial && q.cutTS == head.ts && q.nonRef) {
		q.broken = true
	}
}

// extent tells how many pieces the first frame has and whether it is whole at its end. wait: its end may still come.
func (q *queue) extent(now time.Duration, end bool) (n int, whole, wait bool) {
	if !q.track.Codec.Video() {
		return 1, true, false
	}
	head := &q.pieces[0]
	n = 1
	for n < len(q.pieces) && n < maxFrame && q.pieces[n].seq == head.seq+uint64(n) && q.pieces[n].ts == head.ts {
		n++
	}
	marked := q.pieces[n-1].flags&packet.Marker != 0
	switch {
	case n == maxFrame:
		return n, false, false
	case n == len(q.pieces):
		return n, marked, !(marked && q.prompt && q.started && head.seq == q.next) && !end && len(q.pieces) < maxQueue && now-q.pieces[n-1].arrival < lateness
	case q.pieces[n].seq == head.seq+uint64(n):
		return n, true, false // a frame of another time follows
	}
	return n, marked, !marked && !end && len(q.pieces) < maxQueue && now-q.pieces[n].arrival < lateness
}

func (q *queue) sound(emit func(frame)) {
	p := &q.pieces[0]
	if d, size, toc := soundOf(q.track.Codec, p.payload); d > 0 {
		f := frame{seq: p.seq, packets: 1, size: size, duration: d, toc: toc, key: true, lost: q.lost, from: p.arrival, to: p.arrival}
		f.at = q.place(p, 1)
		q.lost = false
		emit(f)
	}
	q.drop(1)
}

// soundOf is how many samples a packet holds, how long it is as a sample, and what fillers are made after; 0 for what cannot be played.
func soundOf(c codec.Codec, payload []byte) (samples, size int, toc byte) {
	switch {
	case c == codec.Opus:
		if samples = codec.OpusSamples(payload); samples > 0 {
			return samples, len(payload), payload[0]
		}
	case c.G711() && len(payload) >= flacLeast && len(payload) <= flacBlock:
		return len(payload), flacSize(c, payload), 0
	}
	return 0, 0, 0
}

// place asks the clock, which may look at the pieces from n on.
func (q *queue) place(p *piece, n int) time.Duration {
	return q.clock.place(p.pair(), func(yield func(pair) bool) {
		ts := p.ts
		for i := n; i < len(q.pieces); i++ {
			if a := &q.pieces[i]; a.ts != ts && a.flags&packet.Repaired == 0 {
				if ts = a.ts; !yield(a.pair()) {
					return
				}
			}
		}
	})
}

// picture deals with the first n pieces, which are of one timestamp and without a hole.
func (q *queue) picture(n int, whole bool, emit func(frame)) {
	head := &q.pieces[0]
	begun := q.started && !q.torn
	if !begun && !(q.partial && q.cutTS == head.ts) {
		begun = codec.Inspect(q.track.Codec, head.payload).FrameStart
	}
	if !whole || !begun {
		q.cut(n, whole)
		return
	}
	q.partial = false
	f, empty, ok := q.build(n)
	if !ok || !q.decodable(f.key) {
		if !ok && !empty {
			q.broken = true
			q.refs.lost()
		}
		q.lost = q.lost || !empty
		q.drop(n)
		return
	}
	f.lost = q.lost
	q.lost = false
	first := head
	for i := range n { // a repaired packet came late
		if p := &q.pieces[i]; p.flags&packet.Repaired == 0 {
			first = p
			break
		}
	}
	f.at = q.place(first, n)
	emit(f)
	q.drop(n)
}

// cut drops a frame that is not whole. Where its end is missing, the next packets may belong to it too.
func (q *queue) cut(n int, ended bool) {
	ref := q.track.Codec != codec.H264
	for i := range n {
		ref = ref || isReference(q.pieces[i].payload)
	}
	again := q.partial && q.cutTS == q.pieces[0].ts
	q.nonRef = !ref && (q.nonRef || !again)
	if !q.nonRef {
		q.broken = true
	}
	q.partial, q.cutTS, q.lost = !ended, q.pieces[0].ts, true
	q.refs.lost()
	q.drop(n)
}

// build makes the frame out of the first n pieces, to know its size and what it is.
// empty: there is no picture in it, and none is missing.
func (q *queue) build(n int) (f frame, empty, ok bool) {
	f = frame{seq: q.pieces[0].seq, packets: n, from: q.pieces[0].arrival, to: q.pieces[0].arrival}
	u := assembler{codec: q.track.Codec, h264: &q.h264, vp8: &q.vp8}
	u.reset()
	for i := range n {
		p := &q.pieces[i]
		f.from, f.to = min(f.from, p.arrival), max(f.to, p.arrival)
		u.add(p.payload)
	}
	data, key, ok := u.end()
	if !ok {
		return f, u.empty(), false
	}
	f.size, f.key = len(data), key
	if key {
		f.parameters = u.parameters()
	}
	return f, false, true
}

func (q *queue) decodable(key bool) bool {
	if q.track.Codec == codec.VP8 {
		return q.refs.decodable(q.vp8.head, key)
	}
	if key {
		q.broken = false
	}
	return !q.broken
}

// assembler is the depacketiser of either codec.
type assembler struct {
	codec codec.Codec
	h264  *h264Unit
	vp8   *vp8Unit
}

func (a *assembler) reset() {
	a.h264.reset()
	a.vp8.reset()
}

func (a *assembler) add(payload []byte) {
	if a.codec == codec.H264 {
		a.h264.add(payload)
	} else {
		a.vp8.add(payload)
	}
}

// end gives the sample, valid until the next reset.
func (a *assembler) end() (data []byte, key, whole bool) {
	if a.codec == codec.H264 {
		whole, key = a.h264.end()
		return a.h264.data, key, whole
	}
	whole, key = a.vp8.end()
	return a.vp8.data, key, whole
}

// empty says that what was added is sound but holds no picture: parameter sets alone, padding.
func (a *assembler) empty() bool {
	if a.codec == codec.H264 {
		return !a.h264.bad && a.h264.open < 0 && a.h264.slices == 0
	}
	return !a.vp8.bad && a.vp8.count == 0
}

func (a *assembler) parameters() parameters {
	if a.codec == codec.H264 {
		return h264Parameters(a.h264)
	}
	return parameters{Width: a.vp8.info.Width, Height: a.vp8.info.Height}
}
