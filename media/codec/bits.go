package codec

// bitReader reads an H.264 NAL unit bit by bit and steps over emulation prevention bytes (ITU-T H.264 §7.3.1). Past the end it
// delivers zeros and sets short; whoever reads checks short once, at the end.
type bitReader struct {
	data  []byte // what has not been loaded yet
	cur   byte
	left  uint // bits of cur not yet read
	zeros int  // zero bytes just before data
	short bool
}

func (r *bitReader) bit() uint32 {
	if r.left == 0 && !r.load() {
		return 0
	}
	r.left--
	return uint32(r.cur>>r.left) & 1
}

func (r *bitReader) load() bool {
	if r.zeros >= 2 && len(r.data) > 0 && r.data[0] == 3 {
		r.data, r.zeros = r.data[1:], 0
	}
	if len(r.data) == 0 {
		r.short = true
		return false
	}
	r.cur, r.left, r.data = r.data[0], 8, r.data[1:]
	if r.cur == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
	return true
}

// bits reads n ≤ 32 bits, the most significant first.
func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// ue reads an unsigned Exp-Golomb code (H.264 §9.1). Codes longer than 32 bits are no H.264 and count as short.
func (r *bitReader) ue() uint32 {
	zeros := 0
	for r.bit() == 0 {
		if zeros++; zeros > 31 || r.short {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// se reads a signed Exp-Golomb code (H.264 §9.1.1).
func (r *bitReader) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k/2 + 1)
	}
	return -int32(k / 2)
}
