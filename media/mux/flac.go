package mux

import (
	"encoding/binary"
	"math/bits"

	"tongke/media/codec"
)

// G.711 is played by browsers in no file, so it is kept as FLAC (RFC 9639), which loses nothing: the 13 or 14 bits that its code words stand for,
// as 16 bits with the lowest ones "wasted" (§9.2.2). A packet is a frame. What is not there is a frame of constant zeros.

const (
	flacScale = 8000
	flacBits  = 16
	// flacBlock is the most samples a frame has where all decoders must take it (§7).
	flacBlock = 4608
	flacLeast = 16 // and the fewest, but for the last frame (§8.2)
	// flacSilent is how much silence stands in one frame.
	flacSilent = flacScale / 2
	// flacBase is what the frames' sample numbers (§9.1.5) begin with, so that they are of one length and a frame's size is known without its place:
	// 6 bytes hold 26 to 31 bits, 69 hours from here on.
	flacBase = 1 << 26
	flacHead = 4 + 6 + 2 + 1 // sync to depth, sample number, block size, CRC-8
	flacTail = 2             // CRC-16
	// flacFiller marks a sample that is silence in FLAC. No packet of Opus without a frame begins so.
	flacFiller     = 0xff
	flacFillerSize = flacHead + 1 + flacBits/8 + flacTail

	maxOrder = 4  // of the fixed predictors (§9.2.5)
	maxRice  = 14 // 15 is the escape (§9.2.7)
)

// Frames end with CRC-16 of polynomial x^16 + x^15 + x^2 + 1, their heads with CRC-8 of x^8 + x^2 + x + 1 (§9.1.8, §9.3).
var flacCRC8, flacCRC16 = func() (a [256]byte, b [256]uint16) {
	for i := range a {
		x, y := byte(i), uint16(i)<<8
		for range 8 {
			if x&0x80 != 0 {
				x = x<<1 ^ 0x07
			} else {
				x <<= 1
			}
			if y&0x8000 != 0 {
				y = y<<1 ^ 0x8005
			} else {
				y <<= 1
			}
		}
		a[i], b[i] = x, y
	}
	return a, b
}()

// flacInfo is the metadata block STREAMINFO, the last and only one (§8.1, §8.2).
func flacInfo() []byte {
	b := []byte{0x80, 0, 0, 34}
	b = binary.BigEndian.AppendUint16(b, flacLeast)
	b = binary.BigEndian.AppendUint16(b, flacBlock)
	b = append(b, 0, 0, 0, 0, 0, 0)                                      // sizes of frames: not known
	b = binary.BigEndian.AppendUint64(b, flacScale<<44|(flacBits-1)<<36) // one channel; how many samples: not known
	return append(b, make([]byte, 16)...)                                // nor their MD5
}

// flacWriter writes one frame bit by bit.
type flacWriter struct {
	b    []byte
	acc  uint64
	have uint
}

// put writes the lowest n ≤ 32 bits of v.
func (w *flacWriter) put(v uint32, n uint) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	for w.have += n; w.have >= 8; {
		w.have -= 8
		w.b = append(w.b, byte(w.acc>>w.have))
	}
}

// unary writes n zeros and a one.
func (w *flacWriter) unary(n uint32) {
	for ; n >= 24; n -= 24 {
		w.put(0, 24)
	}
	w.put(1, uint(n)+1)
}

// begin writes a frame's head (§9.1): variable block size, 8 kHz, one channel, 16 bits.
func (w *flacWriter) begin(at int64, samples int) (start int) {
	start = len(w.b)
	n := uint64(flacBase+at) & (1<<31 - 1)
	w.b = append(w.b, 0xff, 0xf9, 0x74, 0x08, 0xfc|byte(n>>30))
	for shift := 24; shift >= 0; shift -= 6 {
		w.b = append(w.b, 0x80|byte(n>>shift)&0x3f)
	}
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(samples-1))
	crc := byte(0)
	for _, x := range w.b[start:] {
		crc = flacCRC8[crc^x]
	}
	w.b = append(w.b, crc)
	return start
}

// end fills the last byte up and writes the sum over the frame.
func (w *flacWriter) end(start int) []byte {
	if w.have > 0 {
		w.put(0, 8-w.have)
	}
	crc := uint16(0)
	for _, x := range w.b[start:] {
		crc = crc<<8 ^ flacCRC16[byte(crc>>8)^x]
	}
	w.b = binary.BigEndian.AppendUint16(w.b, crc)
	return w.b
}

// flacSilence appends a frame of so many samples of nothing.
func flacSilence(dst []byte, at int64, samples int) []byte {
	w := flacWriter{b: dst}
	start := w.begin(at, samples)
	w.put(0, 8) // constant
	w.put(0, flacBits)
	return w.end(start)
}

// flacFrame appends the frame of a packet of G.711, flacLeast to flacBlock samples that begin at a place in the stream.
func flacFrame(dst []byte, c codec.Codec, at int64, payload []byte) []byte {
	var p flacPlan
	p.plan(c, payload)
	w := flacWriter{b: dst}
	start := w.begin(at, len(payload))
	depth := uint(codec.G711Bits(c))
	kind := uint32(1) // verbatim
	if p.order >= 0 {
		kind = 8 | uint32(p.order)
	}
	w.put(kind<<1|1, 8) // with wasted bits:
	w.unary(uint32(flacBits-depth) - 1)
	warm := p.order
	if warm < 0 {
		warm = len(payload)
	}
	for _, v := range p.samples[:warm] {
		w.put(uint32(v), depth)
	}
	if p.order >= 0 {
		w.put(p.rice, 2+4+4) // Rice codes with 4 bits of parameter, in one partition
		for i := p.order; i < len(payload); i++ {
			u := zigzag(residual(p.samples[:len(payload)], i, p.order))
			w.unary(u >> p.rice)
			w.put(u, uint(p.rice))
		}
	}
	return w.end(start)
}

// flacSize is the length of flacFrame, without writing it.
func flacSize(c codec.Codec, payload []byte) int {
	var p flacPlan
	p.plan(c, payload)
	return flacHead + (p.bits+7)/8 + flacTail
}

// flacPlan is how a frame is written in the fewest bits that this encoder knows.
type flacPlan struct {
	samples [flacBlock]int32
	order   int // of the predictor, −1: verbatim
	rice    uint32
	bits    int // of the subframe
}

func (p *flacPlan) plan(c codec.Codec, payload []byte) {
	depth := codec.G711Bits(c)
	wasted := flacBits - depth
	for i, code := range payload {
		p.samples[i] = int32(codec.G711Linear(c, code)) >> wasted
	}
	n := len(payload)
	p.order, p.bits = -1, 8+wasted+n*depth
	for order := range min(maxOrder, n-1) + 1 {
		var sum uint64
		for i := order; i < n; i++ {
			sum += uint64(zigzag(residual(p.samples[:n], i, order)))
		}
		// About the logarithm of the mean is best (§9.2.7.1); its neighbour is seldom better.
		mean := sum / uint64(n-order)
		rice := min(uint32(max(bits.Len64(mean)-1, 0)), maxRice)
		size := 8 + wasted + order*depth + 10 + (n-order)*int(1+rice)
		for i := order; i < n && size < p.bits; i++ {
			size += int(zigzag(residual(p.samples[:n], i, order)) >> rice)
		}
		if size < p.bits {
			p.order, p.rice, p.bits = order, rice, size
		}
	}
}

// residual is what a fixed predictor of an order (§9.2.5) leaves of sample i.
func residual(s []int32, i, order int) int32 {
	switch order {
	case 0:
		return s[i]
	case 1:
		return s[i] - s[i-1]
	case 2:
		return s[i] - 2*s[i-1] + s[i-2]
	case 3:
		return s[i] - 3*s[i-1] + 3*s[i-2] - s[i-3]
	}
	return s[i] - 4*s[i-1] + 6*s[i-2] - 4*s[i-3] + s[i-4]
}

// zigzag folds signs into the lowest bit (§9.2.7.3).
func zigzag(v int32) uint32 { return uint32(v)<<1 ^ uint32(v>>31) }
