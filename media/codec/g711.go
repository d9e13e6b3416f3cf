package codec

import "math"

// The values of the 256 code words as 16 bits of linear sound (ITU-T G.711 tables 1 and 2): A-law has 13 bits and stands in the upper ones,
// µ-law has 14.
var (
	alaw  = linear(alawValue)
	mulaw = linear(mulawValue)
)

func linear(value func(code byte) int16) (t [256]int16) {
	for i := range t {
		t[i] = value(byte(i))
	}
	return t
}

// alawValue is G.711 table 1: even bits inverted, then sign, three bits of segment and four of interval.
func alawValue(code byte) int16 {
	code ^= 0x55
	v := int16(code&0x0f)<<4 | 8 // the middle of the interval
	if segment := code >> 4 & 7; segment > 0 {
		v = (v | 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}

// mulawValue is G.711 table 2: all bits inverted, then as A-law with a bias of 33 steps of 14 bits.
func mulawValue(code byte) int16 {
	const bias = 33 << 2
	code = ^code
	v := (int16(code&0x0f)<<3|bias)<<(code>>4&7) - bias
	if code&0x80 != 0 {
		return -v
	}
	return v
}

// G711Bits is how many bits of linear sound the code words of c stand for; in 16 bits as many less lowest ones are 0.
func G711Bits(c Codec) int {
	if c == PCMA {
		return 13
	}
	return 14
}

// G711Linear is the linear value of one code word.
func G711Linear(c Codec, code byte) int16 {
	if c == PCMA {
		return alaw[code]
	}
	return mulaw[code]
}

// G711Silence is the code word of 0, or of what is nearest: A-law has none.
func G711Silence(c Codec) byte {
	if c == PCMA {
		return 0xd5
	}
	return 0xff
}

// G711Level is how loud a payload is, in dB of full scale (RMS of a sine at full scale is −3): 0 to −96, the least also for nothing.
func G711Level(c Codec, payload []byte) float64 {
	var sum float64
	for _, code := range payload {
		v := float64(G711Linear(c, code))
		sum += v * v
	}
	if sum == 0 {
		return -96
	}
	return max(-96, 10*math.Log10(sum/float64(len(payload))/(1<<30)))
}
