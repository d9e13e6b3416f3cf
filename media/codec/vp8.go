package codec

import "encoding/binary"

// VP8Descriptor is the payload descriptor before each VP8 payload (RFC 7741 §4.2).
type VP8Descriptor struct {
	Start      bool   // S: a partition begins in this packet
	Partition  uint8  // PID
	NonRef     bool   // N: no other frame refers to this one
	PictureID  uint16 // 15 or 7 bits, see LongID
	TL0PicIdx  uint8
	TID        uint8 // temporal layer
	LayerSync  bool  // Y: may switch up to this temporal layer here
	HasID      bool
	LongID     bool // the picture id has 15 bits
	HasTL0     bool
	HasTID     bool
	HeaderSize int // bytes before the VP8 data
}

// ParseVP8 reads the descriptor; false when the payload ends inside it or has no VP8 data behind it.
func ParseVP8(payload []byte) (VP8Descriptor, bool) {
	var d VP8Descriptor
	if len(payload) == 0 {
		return d, false
	}
	first := payload[0]
	d.Start, d.NonRef, d.Partition = first&0x10 != 0, first&0x20 != 0, first&0x07
	n := 1
	if first&0x80 != 0 { // X
		if len(payload) < 2 {
			return d, false
		}
		ext := payload[1]
		n = 2
		if ext&0x80 != 0 { // I
			if len(payload) < n+1 {
				return d, false
			}
			d.HasID = true
			d.PictureID = uint16(payload[n])
			n++
			if d.PictureID&0x80 != 0 { // M
				if len(payload) < n+1 {
					return d, false
				}
				d.LongID = true
				d.PictureID = d.PictureID&0x7f<<8 | uint16(payload[n])
				n++
			}
		}
		if ext&0x40 != 0 { // L
			if len(payload) < n+1 {
				return d, false
			}
			d.HasTL0, d.TL0PicIdx = true, payload[n]
			n++
		}
		if ext&0x30 != 0 { // T or K share one byte
			if len(payload) < n+1 {
				return d, false
			}
			if ext&0x20 != 0 {
				d.HasTID, d.TID, d.LayerSync = true, payload[n]>>6, payload[n]&0x20 != 0
			}
			n++
		}
	}
	d.HeaderSize = n
	return d, len(payload) > n
}

// VP8SetIDs writes picture id and TL0PICIDX into a payload that the caller owns, so that a subscriber who is switched between layers
// sees them run on. The fields keep their width: a 7-bit picture id takes the low 7 bits of pid. A field that the descriptor does not
// have is left out. False, and nothing changed, when the payload is not VP8.
func VP8SetIDs(payload []byte, pid uint16, tl0 uint8) bool {
	d, ok := ParseVP8(payload)
	if !ok {
		return false
	}
	n := 2
	if d.HasID {
		if d.LongID {
			binary.BigEndian.PutUint16(payload[n:], pid|0x8000)
			n += 2
		} else {
			payload[n] = byte(pid & 0x7f)
			n++
		}
	}
	if d.HasTL0 {
		payload[n] = tl0
	}
	return true
}

func inspectVP8(payload []byte) Info {
	d, ok := ParseVP8(payload)
	if !ok || !d.Start || d.Partition != 0 {
		return Info{}
	}
	info := Info{FrameStart: true}
	frame := payload[d.HeaderSize:]
	// RFC 6386 §9.1: bit 0 of the frame tag is 0 for a keyframe; then start code and sizes, whose top two bits are a scale.
	if frame[0]&1 != 0 {
		return info
	}
	if len(frame) < 10 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return info // no keyframe that a decoder could begin with
	}
	info.Keyframe, info.Intra = true, true
	info.Width = int(binary.LittleEndian.Uint16(frame[6:]) & 0x3fff)
	info.Height = int(binary.LittleEndian.Uint16(frame[8:]) & 0x3fff)
	return info
}
