package lesson

import _ "embed" // the reader for pages

// StampsJS is a script with a function readStamps(selectors): from then on it reads the stamps of the videos that CSS selectors name into
// window.stamps, by the selectors' keys. It is put into pages by tests and by the bench, and is part of none.
//
//go:embed stamps.js
var StampsJS string

// Every picture of the lesson carries a frame stamp: 8 columns × 4 rows of black (0) and white (1) blocks, 24 bits of value and 8 check
// bits, read row by row from the top left, highest bit first. In a picture of 1280×720 a block is 24 px wide and high and the first one
// begins at (32, 32); in other sizes everything scales with the width and the height. Around the blocks lies a grey frame of 8 px.
// A reader takes the mean of the middle half of each block, splits black from white half-way between the darkest and the
// lightest block, wants at least StampContrast between them, and believes the value only if the check bits agree.
const (
	StampColumns  = 8
	StampRows     = 4
	StampBlock    = 24   // px at 1280×720
	StampX        = 32   // px at 1280×720, left edge of the first block
	StampY        = 32   // px at 1280×720, top edge of the first block
	StampFrame    = 8    // px at 1280×720
	StampWidth    = 1280 // the width and height that the figures above are for
	StampHeight   = 720
	StampContrast = 60 // of 255
	StampMax      = 1<<24 - 1
	StampBoard    = 1 << 23 // set in the stamps of the board, clear in those of the camera
)

// StampBits is the 32 bits of a stamp: value, then its CRC-8 (polynomial 0x07, start 0xFF, so that neither all black nor all white is
// a stamp).
func StampBits(value uint32) uint32 {
	value &= StampMax
	return value<<8 | uint32(stampCheck(value))
}

// StampValue is the value in 32 bits, and whether the check bits agree.
func StampValue(bits uint32) (uint32, bool) {
	value := bits >> 8
	return value, uint8(bits) == stampCheck(value)
}

func stampCheck(value uint32) uint8 {
	crc := uint8(0xff)
	for _, b := range [3]uint8{uint8(value >> 16), uint8(value >> 8), uint8(value)} {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// ReadStamp reads the stamp from a picture of any size; luma gives the brightness (0–255) of a pixel.
func ReadStamp(width, height int, luma func(x, y int) uint8) (uint32, bool) {
	var means [StampColumns * StampRows]int
	darkest, lightest := 255, 0
	for i := range means {
		m := stampMean(width, height, i, luma)
		means[i] = m
		darkest, lightest = min(darkest, m), max(lightest, m)
	}
	if lightest-darkest < StampContrast {
		return 0, false
	}
	var bits uint32
	for _, m := range means {
		bits <<= 1
		if 2*m > darkest+lightest {
			bits |= 1
		}
	}
	return StampValue(bits)
}

// stampMean is the mean brightness of the middle half of block i.
func stampMean(width, height, i int, luma func(x, y int) uint8) int {
	left := float64(StampX + StampBlock*(i%StampColumns))
	top := float64(StampY + StampBlock*(i/StampColumns))
	toX := func(x float64) int { return int(x * float64(width) / StampWidth) }
	toY := func(y float64) int { return int(y * float64(height) / StampHeight) }
	x0, x1 := toX(left+StampBlock/4), toX(left+StampBlock*3/4)
	y0, y1 := toY(top+StampBlock/4), toY(top+StampBlock*3/4)
	sum, n := 0, 0
	for y := y0; y <= y1 && y < height; y++ {
		for x := x0; x <= x1 && x < width; x++ {
			sum += int(luma(x, y))
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}
