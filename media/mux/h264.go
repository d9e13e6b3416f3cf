package mux

import (
	"encoding/binary"
	"slices"

	"tongke/media/codec"
)

// NAL unit types (ITU-T H.264 table 7-1) and payload structures of RFC 6184 §5.2.
const (
	nalSlice     = 1
	nalIDR       = 5
	nalSPS       = 7
	nalPPS       = 8
	nalDelimiter = 9
	nalFiller    = 12
	nalSTAPA     = 24
	nalFUA       = 28
)

// h264Unit builds one access unit with 4-byte lengths (ISO/IEC 14496-15 §5.3.3) out of RTP payloads. The zero value is ready; it is reused
// by reset.
type h264Unit struct {
	data   []byte
	sps    []byte // the first parameter sets, slices of data
	pps    []byte
	idr    bool
	ref    bool // some slice may be referred to by others
	slices int
	spsAt  [2]int
	ppsAt  [2]int
	open   int // offset of the length of an unfinished fragmented NAL unit, -1: none
	bad    bool
	sets   []byte
}

func (u *h264Unit) reset() {
	*u = h264Unit{data: u.data[:0], sets: u.sets, open: -1}
}

// add takes the payloads in order.
func (u *h264Unit) add(payload []byte) {
	if len(payload) == 0 {
		return // padding only
	}
	t := payload[0] & 0x1f
	if u.open >= 0 && t != nalFUA {
		u.bad = true
		return
	}
	switch {
	case t == nalSTAPA:
		u.addAggregate(payload[1:])
	case t == nalFUA:
		u.addFragment(payload)
	case t > 0 && t < nalSTAPA:
		u.addNAL(payload)
	default:
		u.bad = true // not in packetization-mode 1
	}
}

func (u *h264Unit) addAggregate(rest []byte) {
	for len(rest) > 2 {
		n := int(binary.BigEndian.Uint16(rest))
		if n == 0 || n > len(rest)-2 {
			u.bad = true
			return
		}
		u.addNAL(rest[2 : 2+n])
		rest = rest[2+n:]
	}
}

func (u *h264Unit) addFragment(payload []byte) {
	if len(payload) < 3 {
		u.bad = true
		return
	}
	start, end := payload[1]&0x80 != 0, payload[1]&0x40 != 0
	if start == (u.open >= 0) { // begins within another, or goes on without a beginning
		u.bad = true
		return
	}
	if start {
		u.open = len(u.data)
		u.data = append(u.data, 0, 0, 0, 0, payload[0]&0xe0|payload[1]&0x1f)
	}
	u.data = append(u.data, payload[2:]...)
	if end {
		at := u.open
		u.open = -1
		u.finish(at)
	}
}

func (u *h264Unit) addNAL(nal []byte) {
	at := len(u.data)
	u.data = append(u.data, 0, 0, 0, 0)
	u.data = append(u.data, nal...)
	u.finish(at)
}

// finish notes what the NAL unit behind the length at offset at is, or takes it out again: delimiters and fillers are of no use in a file.
func (u *h264Unit) finish(at int) {
	nal := u.data[at+4:]
	if nal[0]&0x1f == nalSPS {
		u.sets = variable(u.sets[:0], nal)
		u.data = append(u.data[:at+4], u.sets...)
		nal = u.data[at+4:]
	}
	binary.BigEndian.PutUint32(u.data[at:], uint32(len(nal)))
	switch t := nal[0] & 0x1f; {
	case t == 0 || t >= nalDelimiter && t <= nalFiller || len(nal) < 2:
		u.data = u.data[:at]
	case t == nalSPS && u.spsAt[1] == 0:
		u.spsAt = [2]int{at + 4, len(u.data)}
	case t == nalPPS && u.ppsAt[1] == 0:
		u.ppsAt = [2]int{at + 4, len(u.data)}
	case t >= nalSlice && t <= nalIDR:
		u.slices++
		u.idr = u.idr || t == nalIDR
		u.ref = u.ref || nal[0]&0x60 != 0
	}
}

// end says whether the payloads were a whole access unit, and whether a decoder may begin with it.
func (u *h264Unit) end() (whole, key bool) {
	if u.bad || u.open >= 0 || u.slices == 0 {
		return false, false
	}
	u.sps, u.pps = u.data[u.spsAt[0]:u.spsAt[1]], u.data[u.ppsAt[0]:u.ppsAt[1]]
	return true, u.idr && len(u.sps) >= 4 && len(u.pps) >= 2
}

// parameters describes pictures to a player before the first one.
type parameters struct {
	SPS, PPS      []byte // H264 only
	Width, Height int
}

func (p parameters) equal(o parameters) bool {
	return p.Width == o.Width && p.Height == o.Height && slices.Equal(p.SPS, o.SPS) && slices.Equal(p.PPS, o.PPS)
}

func h264Parameters(u *h264Unit) parameters {
	info := codec.Inspect(codec.H264, u.sps)
	return parameters{SPS: slices.Clone(u.sps), PPS: slices.Clone(u.pps), Width: info.Width, Height: info.Height}
}

// isReference tells of a payload whether the picture that it belongs to may be referred to (nal_ref_idc, RFC 6184 §5.3). In doubt it is.
func isReference(payload []byte) bool { return len(payload) == 0 || payload[0]&0x60 != 0 }
