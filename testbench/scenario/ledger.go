package scenario

import (
	"sync"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/testbench/peer"
)

// ledger is what was sent and what arrived, packet by packet.
type ledger struct {
	m *Media

	mu   sync.Mutex
	last [sources]int64       // newest unit sent
	sent map[unit]packet.Time // when each packet was about to be sent
	all  []*room              // in the order in which they were made
}

// room is what one classroom took in.
type room struct {
	campus   string
	arrivals []arrival
	shown    [sources][]packet.Time // when pictures became decodable
	trackers [sources]tracker
}

// arrival is one packet at a room.
type arrival struct {
	unit
	at      packet.Time
	repair  bool // by retransmission
	carried bool // by redundancy in a later packet
}

// tracker knows by how much a hop has moved a source's timestamps.
type tracker struct {
	known  bool
	offset uint32 // of the room's timestamps − the teacher's
}

func newLedger(m *Media) *ledger {
	l := &ledger{m: m, sent: map[unit]packet.Time{}}
	for i := range l.last {
		l.last[i] = -1
	}
	return l
}

// room opens the account of a classroom and returns what its peer tells its observations to.
func (l *ledger) room(campus string) (*room, func(peer.Observation)) {
	r := &room{campus: campus}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
	return r, func(o peer.Observation) { l.observe(r, o) }
}

// noteSent takes a packet of a teacher (or, as answer, of the campus that is called on).
func (l *ledger) noteSent(source int, s peer.Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[unit{source, s.Unit, s.Index}] = s.At
	l.last[source] = max(l.last[source], s.Unit)
}

func (l *ledger) observe(r *room, o peer.Observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Shown > 0 {
		s := tracks[o.Kind]
		r.shown[s] = append(r.shown[s], o.At)
	}
	if !o.Fresh {
		return
	}
	if o.Codec != codec.RED {
		l.found(r, o.Kind, o.Payload, o.Timestamp, arrival{at: o.At, repair: o.Repair})
		return
	}
	blocks := codec.Blocks(o.Payload)
	for b, ok := blocks.Next(); ok; b, ok = blocks.Next() {
		if len(b.Payload) > 0 {
			l.found(r, o.Kind, b.Payload, o.Timestamp-b.Offset, arrival{at: o.At, repair: o.Repair, carried: b.Offset > 0})
		}
	}
}

// found looks up what a payload is and notes it. Payloads that stand at several places of a clip (silence) are told apart by timestamp, as
// soon as one that stands at a single place has shown how this hop moves timestamps.
func (l *ledger) found(r *room, kind string, payload []byte, timestamp uint32, a arrival) {
	places := l.m.places[l.m.hash(payload)]
	for _, p := range places {
		if kinds[p.source] != kind {
			continue
		}
		c := l.m.clips[p.source]
		n := int64(len(c.Units))
		if l.last[p.source] < 0 {
			continue
		}
		k := l.last[p.source] - (l.last[p.source]-int64(p.unit)+n)%n
		moved := timestamp - timestampOf(p.source) - uint32(k)*c.Step
		t := &r.trackers[p.source]
		if len(places) > 1 && (!t.known || t.offset != moved) {
			continue
		}
		t.known, t.offset = true, moved
		a.unit = unit{p.source, k, p.index}
		r.arrivals = append(r.arrivals, a)
		return
	}
}
