// Package codec knows just enough of H264, VP8, Opus, RED (RFC 2198) and G.711 payloads to relay them: where a keyframe starts, how large
// it is, whether a publisher sends B-frames, and how to take the primary block out of RED. It parses bytes from outside, holds no
// state between calls, allocates nothing, and never panics.
package codec

// Codec names what a payload is, in place of a payload type, which is only valid on one hop. The values are part of the uplink's
// wire format and of recordings: never renumber them.
type Codec uint8

const (
	None Codec = 0
	Opus Codec = 1 // RFC 7587, 48 kHz clock
	RED  Codec = 2 // RFC 2198 around Opus, 48 kHz clock
	H264 Codec = 3 // RFC 6184, packetization-mode 1, 90 kHz clock
	VP8  Codec = 4 // RFC 7741, 90 kHz clock
	PCMA Codec = 5 // RFC 3551 §4.5.14, G.711 A-law, one channel, 8 kHz clock
	PCMU Codec = 6 // the same, µ-law
)

// String is the name used in JSON, logs and on the wire.
func (c Codec) String() string {
	switch c {
	case Opus:
		return "opus"
	case RED:
		return "red"
	case H264:
		return "h264"
	case VP8:
		return "vp8"
	case PCMA:
		return "pcma"
	case PCMU:
		return "pcmu"
	}
	return "none"
}

// Parse is the inverse of String; an unknown name is None.
func Parse(name string) Codec {
	for _, c := range []Codec{Opus, RED, H264, VP8, PCMA, PCMU} {
		if c.String() == name {
			return c
		}
	}
	return None
}

// ClockRate is the RTP clock in Hz: 90000 for pictures, 8000 for G.711, 48000 for other sound.
func (c Codec) ClockRate() uint32 {
	switch c {
	case H264, VP8:
		return 90000
	case PCMA, PCMU:
		return 8000
	}
	return 48000
}

// G711 reports whether c is G.711: a sample a byte, which needs no decoder's state, and which browsers must take (RFC 7874 §3).
func (c Codec) G711() bool { return c == PCMA || c == PCMU }

// Video reports whether c carries pictures.
func (c Codec) Video() bool { return c == H264 || c == VP8 }
