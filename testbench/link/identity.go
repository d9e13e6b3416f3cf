package link

import (
	"encoding/binary"

	"tongke/media/packet"
)

// Identity names a packet so that it has the same name in another run: which stream of the link, its number in it, and how often it was
// sent before.
type Identity struct {
	Stream       uint32
	Number       uint64
	Transmission uint32
}

// Kind of a datagram (RFC 7983 §7).
type Kind uint8

// What is told apart by the first bytes.
const (
	Other Kind = iota // DTLS, and in it the data channels
	STUN
	RTP
	RTCP
	TCP // a piece of a TCP stream
)

func (k Kind) String() string { return [...]string{"other", "stun", "rtp", "rtcp", "tcp"}[k] }

// Header is what stands in the clear of an SRTP packet (RFC 3711 §3.1).
type Header struct {
	PayloadType uint8
	Marker      bool
	Sequence    uint16
	Timestamp   uint32
	SSRC        uint32
}

// Inspect tells what a datagram is, and its header if it is RTP.
func Inspect(b []byte) (Kind, Header) {
	if len(b) < 1 {
		return Other, Header{}
	}
	switch first := b[0]; {
	case first < 4:
		return STUN, Header{}
	case first < 128 || first > 191:
		return Other, Header{}
	}
	if len(b) < 12 {
		return Other, Header{}
	}
	if pt := b[1]; pt >= 192 && pt <= 223 { // RFC 5761 §4
		return RTCP, Header{}
	}
	return RTP, Header{
		PayloadType: b[1] & 0x7f, Marker: b[1]&0x80 != 0,
		Sequence: binary.BigEndian.Uint16(b[2:]), Timestamp: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]),
	}
}

// Namer gives the RTP packets of one direction their names, in the order in which they come. It is called by one goroutine at a time.
type Namer interface {
	Name(h Header, at packet.Time) Identity
}

// NewOrder returns the Namer for streams of which nothing is known: streams are numbered by payload type and the order in which their
// SSRCs appear, packets from the first one of their stream on.
func NewOrder() Namer { return &order{streams: map[uint32]*ordered{}, next: map[uint8]uint32{}} }

type order struct {
	streams map[uint32]*ordered
	next    map[uint8]uint32
}

type ordered struct {
	stream         uint32
	first, highest uint64
	sent           map[uint64]uint32
}

const orderStart = 1 << 16 // so that what was overtaken by the first packet has a number too

// Name implements Namer.
func (o *order) Name(h Header, _ packet.Time) Identity {
	s := o.streams[h.SSRC]
	if s == nil {
		s = &ordered{stream: uint32(h.PayloadType)<<16 | o.next[h.PayloadType], first: uint64(h.Sequence), highest: orderStart + uint64(h.Sequence), sent: map[uint64]uint32{}}
		o.next[h.PayloadType]++
		o.streams[h.SSRC] = s
	}
	n := uint64(int64(s.highest) + int64(int16(h.Sequence-uint16(s.highest))))
	s.highest = max(s.highest, n)
	again := s.sent[n]
	s.sent[n]++
	return Identity{Stream: s.stream, Number: n - s.first, Transmission: again}
}
