package wall_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// noisy is the sound of a full class as 16 bit samples: noise that swells and sinks, and things that drop.
func noisy(n int, level float64) []byte {
	random := rand.New(rand.NewPCG(1, 1))
	out := make([]byte, 0, 2*n)
	drop := 0.0
	for i := range n {
		if random.IntN(24000) == 0 {
			drop = 8
		}
		drop *= 0.998
		swell := 0.6 + 0.4*math.Sin(float64(i)/20000)
		s := level * (swell + drop) * random.NormFloat64()
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(32767*max(-1, min(1, s)))))
	}
	return out
}

// chirps is the self-test's tone, each second again.
func chirps(seconds int) []byte {
	out := make([]byte, 0, 2*48000*seconds)
	for i := range 48000 * seconds {
		s := 0.0
		if t := float64(i%48000) / 48000; t < 0.3 {
			s = 0.3 * math.Sin(2*math.Pi*(1000*t+3000*t*t/0.6))
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(32767*s)))
	}
	return out
}

// wav makes a file of samples: 16 bits, one channel, 48 kHz.
func wav(samples []byte) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+len(samples)))
	b.WriteString("WAVEfmt ")
	for _, v := range []any{uint32(16), uint16(1), uint16(1), uint32(48000), uint32(2 * 48000), uint16(2), uint16(16)} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(len(samples)))
	b.Write(samples)
	return b.Bytes()
}

// y4m is a film of even pictures, each of the brightness that luma says.
func y4m(frames int, luma func(n int) byte) []byte {
	const w, h = 320, 180
	var b bytes.Buffer
	fmt.Fprintf(&b, "YUV4MPEG2 W%d H%d F20:1 Ip A1:1 C420jpeg\n", w, h)
	for n := range frames {
		b.WriteString("FRAME\n")
		b.Write(bytes.Repeat([]byte{luma(n)}, w*h))
		b.Write(bytes.Repeat([]byte{128}, w*h/2))
	}
	return b.Bytes()
}
