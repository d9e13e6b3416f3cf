package rtsp

import (
	"encoding/binary"

	"tongke/media/codec"
	"tongke/media/packet"
)

// maxPayload is the largest RTP payload that leaves here: with the headers of SRTP, UDP, IPv6 and a tunnel it passes a path of 1280 bytes.
const maxPayload = 1200

// packets cuts frames into payloads of packetization-mode 1 (RFC 6184 §6.3): parameter sets before each keyframe, so that whoever
// begins there can decode. push gets them in order, each valid during the call alone. scratch has room for one.
func packets(sps []byte, pps [][]byte, one *frame, scratch []byte, push func(p []byte, flags packet.Flags)) {
	first := packet.FrameStart
	send := func(p []byte, last packet.Flags) {
		flags := first | last
		if first != 0 && one.key {
			flags |= packet.Keyframe
		}
		first = 0
		push(p, flags)
	}
	if one.key {
		for _, p := range parameterSets(sps, pps) {
			send(p, 0)
		}
	}
	for i, unit := range one.units {
		var last packet.Flags
		if i == len(one.units)-1 {
			last = packet.Marker
		}
		if len(unit) <= maxPayload {
			send(unit, last)
			continue
		}
		fragments(unit, scratch, func(p []byte, end bool) {
			if end {
				send(p, last)
			} else {
				send(p, 0)
			}
		})
	}
}

// parameterSets are one STAP-A, or single units where they do not fit into one.
func parameterSets(sps []byte, pps [][]byte) [][]byte {
	all := append([][]byte{sps}, pps...)
	size := 1
	var nri byte
	for _, u := range all {
		size += 2 + len(u)
		nri = max(nri, u[0]&0x60)
	}
	if size > maxPayload {
		return all
	}
	out := make([]byte, 1, size)
	out[0] = nri | nalSTAPA
	for _, u := range all {
		out = binary.BigEndian.AppendUint16(out, uint16(len(u)))
		out = append(out, u...)
	}
	return [][]byte{out}
}

// fragments cuts one unit into FU-A (RFC 6184 §5.8), each about as long as the others.
func fragments(unit, scratch []byte, push func(p []byte, end bool)) {
	head, body := unit[0], unit[1:]
	n := (len(body) + maxPayload - 3) / (maxPayload - 2)
	for i := range n {
		part := body[i*len(body)/n : (i+1)*len(body)/n]
		fu := head & 0x1f
		if i == 0 {
			fu |= 0x80
		}
		if i == n-1 {
			fu |= 0x40
		}
		p := append(append(scratch[:0], head&0x60|nalFUA, fu), part...)
		push(p, i == n-1)
	}
}

// fill makes a buffer of one payload.
func fill(p []byte, c codec.Codec, flags packet.Flags, seq uint64, timestamp uint32, arrival, capture packet.Time) *packet.Buffer {
	b := packet.Get()
	b.SetPayload(p) // at most maxPayload
	b.Seq, b.Timestamp, b.Codec, b.Flags, b.Arrival, b.Capture = seq, timestamp, c, flags, arrival, capture
	return b
}
