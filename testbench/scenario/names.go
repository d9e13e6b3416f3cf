package scenario

import (
	"hash/maphash"

	"tongke/media/packet"
	"tongke/testbench/lesson"
	"tongke/testbench/link"
	"tongke/testbench/peer"
)

// Sources of a run, as places in arrays.
const (
	voice = iota
	camera
	board
	answer // the voice of the campus that is called on
	sources
)

var kinds = [sources]string{"voice", "camera", "board", "voice"}

// tracks are the names that peers have for them.
var tracks = map[string]int{"voice": voice, "camera": camera, "board": board}

// timestampOf is the RTP timestamp of unit 0 of a source. They lie a quarter of the range apart, which at 90 kHz is 3.3 hours, so the top two
// bits of a timestamp say the source.
func timestampOf(source int) uint32 { return uint32(source)<<30 + 1<<28 }

// unit is one packet of a source: which picture or 20 ms of voice, counted from the beginning of the sending, and which part of it.
type unit struct {
	source int
	k      int64
	index  int
}

// Media finds packets by what they carry. It is made once; only read afterwards.
type Media struct {
	lesson *lesson.Lesson
	answer *lesson.Clip
	clips  [sources]*lesson.Clip
	seed   maphash.Seed
	places map[uint64][]place
}

// place is a packet of a round of a clip.
type place struct {
	source, unit, index int
}

// NewMedia indexes a lesson.
func NewMedia(l *lesson.Lesson) *Media {
	m := &Media{lesson: l, seed: maphash.MakeSeed(), places: map[uint64][]place{}}
	// The called campus says what the teacher says, with a byte more in each packet so that they can be told apart. Nobody decodes it.
	m.answer = &lesson.Clip{Codec: l.Voice.Codec, Step: l.Voice.Step}
	for _, u := range l.Voice.Units {
		m.answer.Units = append(m.answer.Units, lesson.Unit{Data: append(append([]byte(nil), u.Data...), 0xa5), Keyframe: true})
	}
	m.clips = [sources]*lesson.Clip{l.Voice, l.Camera, l.Board, m.answer}
	for s, c := range m.clips {
		for i, u := range c.Units {
			payloads := [][]byte{u.Data}
			if c.Codec.Video() {
				payloads = peer.Packetize(u.Data)
			}
			for j, p := range payloads {
				h := m.hash(p)
				m.places[h] = append(m.places[h], place{s, i, j})
			}
		}
	}
	return m
}

func (m *Media) hash(payload []byte) uint64 { return maphash.Bytes(m.seed, payload) }

// namer names the packets of one direction of a link by their timestamps.
type namer struct {
	m       *Media
	other   link.Namer // for what is not of the lesson
	streams map[uint32]*named
	sent    map[uint64]uint32 // how often a packet was seen before
}

// named is one SSRC: where its latest units begin. Packets of a unit follow each other and are counted from its first one.
type named struct {
	past [8]beginning
	n    int
}

type beginning struct {
	k     int64
	first uint16
}

func newNamer(m *Media) *namer {
	return &namer{m: m, other: link.NewOrder(), streams: map[uint32]*named{}, sent: map[uint64]uint32{}}
}

// Streams of link.Identity.
const (
	ownStream = 0x100 // + source; Number is k<<16 | index
	rtxStream = 0x200 // + source; Number is k<<16, Transmission counts the retransmissions of that unit
)

// Payload types of retransmissions on an uplink (media/rtc).
func retransmission(pt uint8) bool { return pt == 103 || pt == 97 }

// Name implements link.Namer.
func (n *namer) Name(h link.Header, at packet.Time) link.Identity {
	source := int(h.Timestamp >> 30)
	d := h.Timestamp - timestampOf(source)
	step := n.m.clips[source].Step
	if d >= 3<<28 || d%step != 0 {
		return n.other.Name(h, at)
	}
	k := int64(d / step)
	id := link.Identity{Stream: uint32(ownStream + source), Number: uint64(k) << 16}
	if retransmission(h.PayloadType) {
		id.Stream = uint32(rtxStream + source)
	} else {
		id.Number |= uint64(n.index(h, k))
	}
	key := id.Number<<10 ^ uint64(id.Stream)
	id.Transmission = n.sent[key]
	n.sent[key]++
	return id
}

// index is a packet's place in its unit.
func (n *namer) index(h link.Header, k int64) uint16 {
	s := n.streams[h.SSRC]
	if s == nil {
		s = &named{}
		n.streams[h.SSRC] = s
	}
	for _, p := range s.past[:min(s.n, len(s.past))] {
		if p.k == k {
			return h.Sequence - p.first
		}
	}
	s.past[s.n%len(s.past)] = beginning{k, h.Sequence}
	s.n++
	return 0
}

// unitOf reads a name that a namer has given.
func unitOf(id link.Identity) (u unit, rtx, ok bool) {
	switch s := id.Stream; {
	case s >= ownStream && s < ownStream+sources:
		return unit{int(s - ownStream), int64(id.Number >> 16), int(id.Number & 0xffff)}, false, true
	case s >= rtxStream && s < rtxStream+sources:
		return unit{int(s - rtxStream), int64(id.Number >> 16), 0}, true, true
	}
	return unit{}, false, false
}
