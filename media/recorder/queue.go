package recorder

import (
	"sync/atomic"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/relay"
	"tongke/media/track"
)

const (
	keyframeEvery  = 4 * time.Second // makes seeking possible
	stillEvery     = 10 * time.Second
	stillBytes     = 50_000 / 8 * 4 // a board that has sent less than 50 kb/s since its last keyframe shows the same
	seenWindow     = 256
	largestRepeats = 8 // redundant blocks of a packet that are looked at
)

// tapped is one source that is being kept.
type tapped struct {
	j       *job
	key     track.Key
	kind    track.Kind
	local   bool // published at this box: the recorder asks for its keyframes
	never   bool
	tap     *relay.Tap
	allowed atomic.Bool // set at once when the wish changes, also while the disk stalls

	layer track.Layer // the relay's goroutine's

	// The job's own.
	ids   map[trackName]uint16
	seen  seen
	keyed packet.Time // arrival of the newest keyframe
	asked packet.Time
	bytes int // since then
}

type trackName struct {
	layer track.Layer
	gen   uint32
	codec codec.Codec
	place Place
}

// Write implements track.Down: it queues and never waits.
func (t *tapped) Write(batch []*packet.Buffer) {
	if !t.allowed.Load() {
		return
	}
	t.j.enqueue(t, batch)
}

// queued is one packet on its way to the journal.
type queued struct {
	t     *tapped
	layer track.Layer
	mode  string // that held when it came
	b     *packet.Buffer
}

// enqueue takes packets over, or counts them as lost when the disk has not taken any for so long that there is no room.
func (j *job) enqueue(t *tapped, batch []*packet.Buffer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range batch {
		if j.waiting+len(b.Payload()) > queueBytes || len(j.queue) >= queuePackets {
			if j.refused == 0 {
				j.refusedAt = b.Arrival
			}
			j.refused++
			continue
		}
		b.Retain()
		j.queue = append(j.queue, queued{t, t.layer, j.wish.Mode, b})
		j.waiting += len(b.Payload())
		if j.oldest == 0 {
			j.oldest = b.Arrival
		}
	}
}

// keep writes one packet into the journal, and what its redundancy says of others that never came.
func (j *job) keep(q queued) {
	b, t := q.b, q.t
	t.note(b)
	payload := b.Payload()
	c := b.Codec
	if c == codec.RED {
		primary, ok := codec.REDPrimary(payload)
		if !ok {
			return
		}
		j.repeats(q, payload)
		payload, c = primary, codec.Opus
	}
	if c == codec.Opus && !t.seen.add(b.Gen, b.Seq) {
		return // what a redundant block has given already
	}
	j.put(q, c, b.Seq, b.Timestamp, 0, b.Flags, payload)
}

// repeats fills holes from the redundant blocks of a RED payload (RFC 2198): the last block before the primary one repeats the packet before.
func (j *job) repeats(q queued, payload []byte) {
	var blocks [largestRepeats]codec.REDBlock
	n := 0
	for walk := codec.Blocks(payload); n < len(blocks); n++ {
		block, ok := walk.Next()
		if !ok {
			break
		}
		blocks[n] = block
	}
	for i := range n - 1 {
		back := uint64(n - 1 - i)
		seq := q.b.Seq - back
		if len(blocks[i].Payload) == 0 || back >= q.b.Seq || !q.t.seen.after(q.b.Gen, seq) || !q.t.seen.add(q.b.Gen, seq) {
			continue
		}
		j.put(q, codec.Opus, seq, q.b.Timestamp-blocks[i].Offset, blocks[i].Offset, packet.Repaired, blocks[i].Payload)
	}
}

// put appends a packet that is older than its carrier by some ticks.
func (j *job) put(q queued, c codec.Codec, seq uint64, ts, older uint32, flags packet.Flags, payload []byte) {
	w := j.w
	arrival := w.At(q.b.Arrival)
	capture := arrival
	if q.b.Capture != 0 {
		capture = w.At(q.b.Capture)
	}
	capture = max(0, capture-time.Duration(older)*time.Second/time.Duration(c.ClockRate()))
	err := w.Packet(journal.Packet{
		Track: j.trackOf(q, c), Seq: seq, Timestamp: ts, Capture: capture, Arrival: arrival, Flags: flags, Payload: payload,
	})
	if err != nil {
		j.log.Error("packet not recorded", "source", q.t.key.Source, "err", err)
	}
}

func (j *job) trackOf(q queued, c codec.Codec) uint16 {
	place := j.wish0.Places[q.t.key.Origin]
	name := trackName{q.layer, q.b.Gen, c, place}
	if id, ok := q.t.ids[name]; ok {
		return id
	}
	id := j.w.Track(journal.Track{
		Origin: q.t.key.Origin, Campus: place.Campus, Room: place.Room, Source: q.t.key.Source, Layer: q.layer,
		Kind: q.t.kind, Codec: c, Gen: q.b.Gen,
	})
	if q.t.ids == nil {
		q.t.ids = map[trackName]uint16{}
	}
	q.t.ids[name] = id
	return id
}

// note counts what decides when the next keyframe is asked for.
func (t *tapped) note(b *packet.Buffer) {
	if b.Is(packet.Keyframe) {
		t.keyed, t.bytes = b.Arrival, 0
		return
	}
	t.bytes += len(b.Payload())
}

// ask asks for a keyframe where one is due.
func (t *tapped) ask(now packet.Time) {
	if !t.local || t.kind != track.Video || !t.allowed.Load() {
		return
	}
	every := keyframeEvery
	if t.key.Source == track.Board && t.bytes < stillBytes {
		every = stillEvery
	}
	if now.Sub(max(t.keyed, t.asked)) < every {
		return
	}
	t.asked = now
	t.tap.RequestKeyframe()
}

// seen remembers which of the newest packets of a voice there are.
type seen struct {
	gen     uint32
	highest uint64
	first   uint64
	ring    [seenWindow]uint64
}

// add notes a number; false when it was noted, or is too old to tell.
func (s *seen) add(gen uint32, seq uint64) bool {
	if gen != s.gen || s.highest == 0 {
		*s = seen{gen: gen, first: seq}
	}
	if seq+seenWindow <= s.highest || s.ring[seq%seenWindow] == seq {
		return false
	}
	s.ring[seq%seenWindow] = seq
	s.highest = max(s.highest, seq)
	return true
}

// after reports whether a number lies behind the first one that was taken: what was before is not missing, it was not to be kept.
func (s *seen) after(gen uint32, seq uint64) bool {
	return s.highest != 0 && gen == s.gen && seq > s.first
}
