package wall_test

import (
	"encoding/binary"
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
