package mux

import (
	"tongke/media/codec"
)

// vp8Unit builds one VP8 frame out of RTP payloads (RFC 7741).
type vp8Unit struct {
	data  []byte
	head  codec.VP8Descriptor // of the first packet
	info  codec.Info
	count int
	bad   bool
}

func (u *vp8Unit) reset() { *u = vp8Unit{data: u.data[:0]} }

func (u *vp8Unit) add(payload []byte) {
	if len(payload) == 0 {
		return
	}
	d, ok := codec.ParseVP8(payload)
	first := d.Start && d.Partition == 0
	if !ok || first != (u.count == 0) {
		u.bad = true
		return
	}
	if first {
		u.head, u.info = d, codec.Inspect(codec.VP8, payload)
	}
	u.count++
	u.data = append(u.data, payload[d.HeaderSize:]...)
}

// end says whether the payloads were a whole frame, and whether a decoder may begin with it. Three bytes are the frame tag
// (RFC 6386 §9.1), ten that of a keyframe; what has an even first byte and is no proper keyframe would only confuse.
func (u *vp8Unit) end() (whole, key bool) {
	if u.bad || len(u.data) < 4 || u.data[0]&1 == 0 && !u.info.Keyframe {
		return false, false
	}
	return true, u.info.Keyframe && u.info.Width > 0 && u.info.Height > 0
}

// vp8Refs follows the temporal layers, to know after a loss which frames can still be decoded (RFC 7741 §4.2: TL0PICIDX counts the
// frames of the base layer, Y marks a frame that refers to the base layer only).
type vp8Refs struct {
	broken bool // wait for a keyframe
	level  uint8
	tl0    uint8
	hasTL0 bool
}

// lost notes that frames are missing.
func (r *vp8Refs) lost() {
	r.level = 0
	if !r.hasTL0 {
		r.broken = true
	}
}

// decodable says whether a frame can be decoded with those that were kept before, and counts it in if so.
func (r *vp8Refs) decodable(d codec.VP8Descriptor, key bool) bool {
	layers := d.HasTL0 && d.HasTID
	if key {
		*r = vp8Refs{level: 3, tl0: d.TL0PicIdx, hasTL0: layers}
		return true
	}
	if r.broken {
		return false
	}
	if !layers || !r.hasTL0 {
		if r.hasTL0 { // the numbering ended
			r.broken = true
		}
		return !r.broken
	}
	if d.TID == 0 {
		if d.TL0PicIdx != r.tl0+1 {
			r.broken = true
			return false
		}
		r.tl0 = d.TL0PicIdx
		return true
	}
	if d.TL0PicIdx != r.tl0 {
		r.broken = true
		return false
	}
	if d.TID > r.level && !d.LayerSync {
		return false
	}
	r.level = max(r.level, d.TID)
	return true
}
