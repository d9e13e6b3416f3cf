package codec

import (
	"math"
	"testing"
)

// TestG711: values at the ends and the borders of the segments, as ITU-T G.711 tables 1a to 2b have them (in 13 and 14 bits).
func TestG711(t *testing.T) {
	for _, c := range []struct {
		codec Codec
		code  byte
		want  int16
	}{
		{PCMA, 0xd5, 1 << 3}, {PCMA, 0x55, -1 << 3}, // the smallest
		{PCMA, 0xda, 31 << 3}, {PCMA, 0xc5, 33 << 3}, // the two linear segments
		{PCMA, 0xca, 63 << 3}, {PCMA, 0xf5, 66 << 3},
		{PCMA, 0xaa, 4032 << 3}, {PCMA, 0x2a, -4032 << 3}, // the largest
		{PCMU, 0xff, 0}, {PCMU, 0x7f, 0},
		{PCMU, 0xf0, 30 << 2}, {PCMU, 0xef, 33 << 2},
		{PCMU, 0xe0, 93 << 2}, {PCMU, 0xdf, 99 << 2},
		{PCMU, 0x80, 8031 << 2}, {PCMU, 0x00, -8031 << 2},
	} {
		if got := G711Linear(c.codec, c.code); got != c.want {
			t.Errorf("%v %#02x: %d, want %d", c.codec, c.code, got, c.want)
		}
	}
	for _, c := range []Codec{PCMA, PCMU} {
		zero := 16 - G711Bits(c)
		for code := range 256 {
			v := G711Linear(c, byte(code))
			if v&(1<<zero-1) != 0 || G711Linear(c, byte(code)^0x80) != -v {
				t.Errorf("%v %#02x: %d", c, code, v)
			}
		}
		if v := G711Linear(c, G711Silence(c)); v < 0 || v > 8 {
			t.Errorf("%v: silence is %d", c, v)
		}
	}
}

func TestG711Level(t *testing.T) {
	sine := func(c Codec, peak float64) []byte { // the nearest code words
		out := make([]byte, 160)
		for i := range out {
			want, best := peak*math.Sin(2*math.Pi*float64(i)/8), math.Inf(1)
			for code := range 256 {
				if d := math.Abs(float64(G711Linear(c, byte(code))) - want); d < best {
					best, out[i] = d, byte(code)
				}
			}
		}
		return out
	}
	for _, c := range []Codec{PCMA, PCMU} {
		for peak, want := range map[float64]float64{32000: -3.2, 3200: -23.2, 320: -43.2} {
			if got := G711Level(c, sine(c, peak)); math.Abs(got-want) > 0.5 {
				t.Errorf("%v, peak %v: %.1f dB, want %.1f", c, peak, got, want)
			}
		}
		if got := G711Level(c, nil); got != -96 {
			t.Errorf("nothing: %v dB", got)
		}
		if got := G711Level(c, []byte{G711Silence(c), G711Silence(c)}); got > -70 {
			t.Errorf("silence: %v dB", got)
		}
	}
}

func FuzzG711Level(f *testing.F) {
	f.Add(byte(PCMA), []byte{0xd5, 0x2a})
	f.Fuzz(func(t *testing.T, c byte, payload []byte) {
		if v := G711Level(Codec(c), payload); !(v >= -96 && v <= 0) {
			t.Errorf("%v dB", v)
		}
	})
}
