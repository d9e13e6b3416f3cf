package mux

import "math/bits"

// pictureRate is the most pictures a second that a stream may have here: pictures lie at least squeeze apart.
const pictureRate = 200

// variable rewrites a sequence parameter set (ITU-T H.264 §7.3.2.1.1) so that it says what is true of a recording: pictures come at no fixed
// rate, at most pictureRate a second (§E.2.1: fixed_frame_rate_flag, time_scale). Encoders that were told 30 a second say so there, and
// readers who believe it put two pictures of a jittering camera at one time. Nothing that decoding depends on changes. What cannot be read stays as it is.
// The result is appended to dst.
func variable(dst, sps []byte) []byte {
	r := rbsp{b: unescape(sps)}
	if !r.toVUI() {
		return append(dst, sps...)
	}
	w := bitWriter{b: make([]byte, 0, len(r.b)+16)}
	if r.u(1) == 0 { // there is no VUI: write one that says nothing else
		w.copy(r.b, 0, r.at-1)
		w.u(1, 1)
		w.u(0, 4)
		w.timing()
		w.u(0, 4) // no HRD, no pic_struct, no restrictions
	} else {
		r.toTiming()
		w.copy(r.b, 0, r.at)
		if r.u(1) == 1 {
			r.skip(65)
		}
		w.timing()
	}
	end := r.stop()
	if r.short || r.at > end {
		return append(dst, sps...)
	}
	w.copy(r.b, r.at, end+1)
	return escape(dst, w.b)
}

// timing writes timing_info: ticks of half a picture.
func (w *bitWriter) timing() {
	w.u(1, 1)
	w.u(1, 32)
	w.u(2*pictureRate, 32)
	w.u(0, 1)
}

// toVUI goes to vui_parameters_present_flag.
func (r *rbsp) toVUI() bool {
	profile := r.u(8+8) & 0xff // behind the NAL unit header
	r.skip(16)
	r.ue()
	switch profile {
	case 44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244:
		chroma := r.ue()
		if chroma == 3 {
			r.skip(1)
		}
		r.ue()
		r.ue()
		r.skip(1)
		if r.u(1) == 1 {
			r.scaling(chroma)
		}
	}
	r.ue() // log2_max_frame_num_minus4
	switch r.ue() {
	case 0:
		r.ue()
	case 1:
		r.skip(1)
		r.ue()
		r.ue()
		for n := min(r.ue(), 255); n > 0; n-- {
			r.ue()
		}
	}
	r.ue() // max_num_ref_frames
	r.skip(1)
	r.ue()
	r.ue()
	if r.u(1) == 0 {
		r.skip(1)
	}
	r.skip(1)
	if r.u(1) == 1 {
		for range 4 {
			r.ue()
		}
	}
	return !r.short
}

// scaling skips the scaling lists (§7.3.2.1.1.1).
func (r *rbsp) scaling(chroma uint32) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if r.u(1) == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
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
}

// toTiming goes from behind vui_parameters_present_flag to timing_info_present_flag (§E.1.1).
func (r *rbsp) toTiming() {
	if r.u(1) == 1 && r.u(8) == 255 {
		r.skip(32)
	}
	if r.u(1) == 1 {
		r.skip(1)
	}
	if r.u(1) == 1 {
		r.skip(4)
		if r.u(1) == 1 {
			r.skip(24)
		}
	}
	if r.u(1) == 1 {
		r.ue()
		r.ue()
	}
}

// rbsp reads bits; past the end it delivers zeros and sets short.
type rbsp struct {
	b     []byte
	at    int
	short bool
}

func (r *rbsp) skip(n int) {
	if r.at += n; r.at > 8*len(r.b) {
		r.short, r.at = true, 8*len(r.b)
	}
}

func (r *rbsp) u(n int) (v uint32) {
	for range n {
		if r.at >= 8*len(r.b) {
			r.short = true
			return 0
		}
		v = v<<1 | uint32(r.b[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

// ue reads an Exp-Golomb code (§9.1).
func (r *rbsp) ue() uint32 {
	zeros := 0
	for r.u(1) == 0 {
		if zeros++; zeros > 31 || r.short {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}

func (r *rbsp) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k/2 + 1)
	}
	return -int32(k / 2)
}

// stop is where the stop bit is (§7.3.2.11), -1 without one.
func (r *rbsp) stop() int {
	for i := len(r.b) - 1; i >= 0; i-- {
		if r.b[i] != 0 {
			return 8*i + 7 - bits.TrailingZeros8(r.b[i])
		}
	}
	return -1
}

type bitWriter struct {
	b []byte
	n int // bits
}

func (w *bitWriter) u(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bitWriter) copy(b []byte, from, to int) {
	for i := from; i < to; i++ {
		w.u(uint64(b[i/8]>>(7-i%8)&1), 1)
	}
}

// unescape takes the emulation prevention bytes out (§7.3.1), and escape puts them in.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, x := range b {
		if zeros >= 2 && x == 3 {
			zeros = 0
			continue
		}
		out = append(out, x)
		if zeros++; x != 0 {
			zeros = 0
		}
	}
	return out
}

func escape(dst, b []byte) []byte {
	zeros := 0
	for _, x := range b {
		if zeros >= 2 && x <= 3 {
			dst, zeros = append(dst, 3), 0
		}
		dst = append(dst, x)
		if zeros++; x != 0 {
			zeros = 0
		}
	}
	return dst
}
