package codec

import "encoding/binary"

// NAL unit types (ITU-T H.264 table 7-1) and RTP payload structures (RFC 6184 §5.2) that packetization-mode 1 may use.
const (
	nalSlice      = 1
	nalPartitionA = 2 // begins like a slice
	nalIDR        = 5
	nalSEI        = 6
	nalSPS        = 7
	nalPPS        = 8
	nalDelimiter  = 9
	nalSTAPA      = 24
	nalFUA        = 28
)

// maxSide bounds a picture's width and height: level 6.2 allows 16,880.
const maxSide = 16880

func inspectH264(payload []byte) Info {
	var info Info
	if len(payload) == 0 {
		return info
	}
	switch t := payload[0] & 0x1f; {
	case t >= nalSlice && t < nalSTAPA:
		info.addNAL(t, payload[1:])
	case t == nalSTAPA:
		rest := payload[1:]
		for len(rest) > 2 {
			n := int(binary.BigEndian.Uint16(rest))
			if n == 0 || n > len(rest)-2 {
				break // cut short or broken: what was whole before it stands
			}
			info.addNAL(rest[2]&0x1f, rest[3:2+n])
			rest = rest[2+n:]
		}
	case t == nalFUA:
		if len(payload) > 2 && payload[1]&0x80 != 0 { // S: the NAL unit begins here
			info.addNAL(payload[1]&0x1f, payload[2:])
		}
	}
	return info
}

// addNAL adds what a NAL unit of type t says; body is what follows its header byte, and may be cut by fragmentation.
func (i *Info) addNAL(t byte, body []byte) {
	switch t {
	case nalSPS:
		i.Keyframe, i.FrameStart = true, true
		if w, h, ok := spsSize(body); ok {
			i.Width, i.Height = w, h
		}
	case nalPPS, nalSEI, nalDelimiter:
		i.FrameStart = true // §7.4.1.2.3: these stand before the first slice of a picture
	case nalSlice, nalPartitionA, nalIDR:
		r := bitReader{data: body}
		firstMB, sliceType := r.ue(), r.ue() // §7.3.3
		if r.short {
			return
		}
		i.Intra = i.Intra || t == nalIDR
		i.FrameStart = i.FrameStart || firstMB == 0
		i.BFrame = i.BFrame || sliceType == 1 || sliceType == 6 // table 7-6
	}
}

// ParameterSets reports which parameter sets one H264 payload carries. Fragmented ones do not count: no encoder makes them so large.
func ParameterSets(payload []byte) (sps, pps bool) {
	if len(payload) == 0 {
		return false, false
	}
	if t := payload[0] & 0x1f; t != nalSTAPA {
		return t == nalSPS, t == nalPPS
	}
	rest := payload[1:]
	for len(rest) > 2 {
		n := int(binary.BigEndian.Uint16(rest))
		if n == 0 || n > len(rest)-2 {
			break
		}
		t := rest[2] & 0x1f
		sps, pps = sps || t == nalSPS, pps || t == nalPPS
		rest = rest[2+n:]
	}
	return sps, pps
}

// spsSize reads the picture's size after cropping out of a sequence parameter set without its header byte (H.264 §7.3.2.1.1).
func spsSize(sps []byte) (width, height int, ok bool) {
	r := bitReader{data: sps}
	profile := r.bits(8)
	r.bits(16) // constraint flags, level
	r.ue()     // seq_parameter_set_id
	chroma := uint32(1)
	if hasChromaFormat(profile) {
		chroma = skipChromaFormat(&r)
	}
	r.ue() // log2_max_frame_num_minus4
	switch r.ue() {
	case 0:
		r.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.bit()
		r.se()
		r.se()
		n := r.ue()
		if n > 255 {
			return 0, 0, false
		}
		for range n {
			r.se()
		}
	}
	r.ue()  // max_num_ref_frames
	r.bit() // gaps_in_frame_num_value_allowed_flag
	w, h := uint64(r.ue())+1, uint64(r.ue())+1
	fields := uint64(1) // fields a frame; a map unit then is two macroblocks high
	if r.bit() == 0 {
		fields = 2
		r.bit() // mb_adaptive_frame_field_flag
	}
	r.bit() // direct_8x8_inference_flag
	w, h = w*16, h*16*fields
	if r.bit() == 1 { // frame_cropping_flag, units of table 6-1
		unitX, unitY := uint64(1), fields
		if chroma == 1 || chroma == 2 {
			unitX = 2
		}
		if chroma == 1 {
			unitY = 2 * fields
		}
		cropX := unitX * (uint64(r.ue()) + uint64(r.ue()))
		cropY := unitY * (uint64(r.ue()) + uint64(r.ue()))
		if cropX >= w || cropY >= h {
			return 0, 0, false
		}
		w, h = w-cropX, h-cropY
	}
	if r.short || w > maxSide || h > maxSide {
		return 0, 0, false
	}
	return int(w), int(h), true
}

// hasChromaFormat tells the profiles whose SPS has the fields of the High profiles.
func hasChromaFormat(profile uint32) bool {
	switch profile {
	case 44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244:
		return true
	}
	return false
}

// skipChromaFormat reads from chroma_format_idc to the scaling lists and returns ChromaArrayType.
func skipChromaFormat(r *bitReader) uint32 {
	format := r.ue()
	lists, array := 8, format
	if format == 3 {
		lists = 12
		if r.bit() == 1 { // separate_colour_plane_flag
			array = 0
		}
	}
	r.ue()  // bit_depth_luma_minus8
	r.ue()  // bit_depth_chroma_minus8
	r.bit() // qpprime_y_zero_transform_bypass_flag
	if r.bit() == 0 {
		return array
	}
	for i := range lists {
		if r.bit() == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		skipScalingList(r, size)
	}
	return array
}

// skipScalingList is H.264 §7.3.2.1.1.1 without keeping the values.
func skipScalingList(r *bitReader, size int) {
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.se()) & 0xff
		}
		if next != 0 {
			last = next
		}
	}
}
