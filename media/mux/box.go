package mux

import (
	"encoding/binary"

	"tongke/media/codec"
)

// boxes writes ISO base media boxes (ISO/IEC 14496-12), big-endian, each with its size known when its inside is written.
type boxes struct{ b []byte }

func (w *boxes) u8(v ...byte)    { w.b = append(w.b, v...) }
func (w *boxes) u16(v ...uint16) { w.each16(v) }
func (w *boxes) u32(v ...uint32) {
	for _, x := range v {
		w.b = binary.BigEndian.AppendUint32(w.b, x)
	}
}
func (w *boxes) u64(v ...uint64) {
	for _, x := range v {
		w.b = binary.BigEndian.AppendUint64(w.b, x)
	}
}

func (w *boxes) each16(v []uint16) {
	for _, x := range v {
		w.b = binary.BigEndian.AppendUint16(w.b, x)
	}
}

func (w *boxes) text(s string) { w.b = append(w.b, s...) }
func (w *boxes) zero(n int)    { w.b = append(w.b, make([]byte, n)...) }

// box writes a box around what inside writes.
func (w *boxes) box(kind string, inside func()) {
	at := len(w.b)
	w.u32(0)
	w.text(kind)
	inside()
	binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at))
}

// full is a box with a version and flags.
func (w *boxes) full(kind string, version byte, flags uint32, inside func()) {
	w.box(kind, func() {
		w.u32(uint32(version)<<24 | flags)
		inside()
	})
}

// matrix is the identity.
func (w *boxes) matrix() {
	w.u32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30)
}

// Flags of samples (§8.8.3.1): what they depend on, and whether they are sync samples.
const (
	flagsKey   = 0x02000000
	flagsOther = 0x01010000
)

// trackSpec is what the header of a track says.
type trackSpec struct {
	id         uint32
	stream     *stream
	parameters parameters
	scale      uint32
	duration   uint64 // in scale; 0 in a header of fragments
	movie      uint64 // duration in milliseconds with the edit list applied
	empty      uint64 // milliseconds before the first sample
	inBand     bool   // avc3 instead of avc1
	second     bool   // not the first of its kind: off unless chosen
	table      func() // writes stts … stco
	fragmented bool
}

// movieScale is the timescale of movie headers and edit lists.
const movieScale = 1000

func (w *boxes) ftyp(brands ...string) {
	w.box("ftyp", func() {
		w.text(brands[0])
		w.u32(512)
		for _, b := range brands {
			w.text(b)
		}
	})
}

func (w *boxes) mvhd(duration uint64, tracks int) {
	w.full("mvhd", 1, 0, func() {
		w.u64(0, 0)
		w.u32(movieScale)
		w.u64(duration)
		w.u32(1 << 16)
		w.u16(1 << 8)
		w.zero(10)
		w.matrix()
		w.zero(24)
		w.u32(uint32(tracks) + 1)
	})
}

func (w *boxes) trak(t trackSpec) {
	s := t.stream
	video := s.codec.Video()
	w.box("trak", func() {
		flags := uint32(3) // enabled, in the movie
		if t.second && !video {
			flags = 2
		}
		w.full("tkhd", 1, flags, func() {
			w.u64(0, 0)
			w.u32(t.id, 0)
			w.u64(t.movie)
			w.zero(8)
			group, volume := uint16(0), uint16(0)
			if !video {
				group, volume = 1, 1<<8
			}
			w.u16(0, group, volume, 0)
			w.matrix()
			w.u32(uint32(t.parameters.Width)<<16, uint32(t.parameters.Height)<<16)
		})
		w.edts(t)
		w.box("mdia", func() {
			w.full("mdhd", 1, 0, func() {
				w.u64(0, 0)
				w.u32(t.scale)
				w.u64(t.duration)
				w.u16(0x55c4, 0) // language "und"
			})
			w.full("hdlr", 0, 0, func() {
				w.u32(0)
				if video {
					w.text("vide")
				} else {
					w.text("soun")
				}
				w.zero(12)
				w.text(s.name + "\x00")
			})
			w.minf(t)
		})
	})
}

// edts writes the edit list: an empty edit up to the first sample, then the samples, of sound without what the decoder needs to settle.
func (w *boxes) edts(t trackSpec) {
	skip := uint64(0)
	if t.stream.codec == codec.Opus {
		skip = preSkip
	}
	if t.empty == 0 && skip == 0 {
		return
	}
	w.box("edts", func() {
		w.full("elst", 1, 0, func() {
			if t.empty > 0 {
				w.u32(2)
				w.u64(t.empty, 1<<64-1)
				w.u32(1 << 16)
			} else {
				w.u32(1)
			}
			length := t.movie - t.empty
			if t.fragmented {
				length = 0
			}
			w.u64(length, skip)
			w.u32(1 << 16)
		})
	})
}

func (w *boxes) minf(t trackSpec) {
	w.box("minf", func() {
		if t.stream.codec.Video() {
			w.full("vmhd", 0, 1, func() { w.zero(8) })
		} else {
			w.full("smhd", 0, 0, func() { w.zero(4) })
		}
		w.box("dinf", func() {
			w.full("dref", 0, 0, func() {
				w.u32(1)
				w.full("url ", 0, 1, func() {})
			})
		})
		w.box("stbl", func() {
			w.full("stsd", 0, 0, func() {
				w.u32(1)
				switch {
				case t.stream.codec.Video():
					w.avc(t)
				case t.stream.codec.G711():
					w.flac()
				default:
					w.opus()
				}
			})
			t.table()
		})
	})
}

// avc is the sample entry of H264 (ISO/IEC 14496-15 §5.4.2). Some parameter sets stand in it; those in band hold.
func (w *boxes) avc(t trackSpec) {
	kind, p := "avc1", t.parameters
	if t.inBand {
		kind = "avc3"
	}
	w.box(kind, func() {
		w.zero(6)
		w.u16(1)
		w.zero(16)
		w.u16(uint16(p.Width), uint16(p.Height))
		w.u32(72<<16, 72<<16, 0)
		w.u16(1)
		w.zero(32)
		w.u16(24, 0xffff)
		w.box("avcC", func() { w.b = append(w.b, p.avcC()...) })
	})
}

// avcC is the decoder configuration record of H264 (ISO/IEC 14496-15 §5.3.3.1).
func (p parameters) avcC() []byte {
	var w boxes
	if len(p.SPS) < 4 {
		return nil
	}
	w.u8(1, p.SPS[1], p.SPS[2], p.SPS[3], 0xff, 0xe1)
	w.u16(uint16(len(p.SPS)))
	w.b = append(w.b, p.SPS...)
	w.u8(1)
	w.u16(uint16(len(p.PPS)))
	w.b = append(w.b, p.PPS...)
	switch p.SPS[1] {
	case 100, 110, 122, 144:
		w.u8(0xfd, 0xf8, 0xf8, 0) // 4:2:0, 8 bits: what WebRTC encoders make
	}
	return w.b
}

// opus is the sample entry of "Encapsulation of Opus in ISO Base Media File Format" §4.3.
func (w *boxes) opus() {
	w.box("Opus", func() {
		w.zero(6)
		w.u16(1)
		w.zero(8)
		w.u16(2, 16)
		w.zero(4)
		w.u32(soundScale << 16)
		w.box("dOps", func() {
			w.u8(0, 2)
			w.u16(preSkip)
			w.u32(soundScale)
			w.zero(3)
		})
	})
}

// flac is the sample entry of "Encapsulation of FLAC in ISO Base Media File Format" §3.3.1.
func (w *boxes) flac() {
	w.box("fLaC", func() {
		w.zero(6)
		w.u16(1)
		w.zero(8)
		w.u16(1, flacBits)
		w.zero(4)
		w.u32(flacScale << 16)
		w.full("dfLa", 0, 0, func() { w.b = append(w.b, flacInfo()...) })
	})
}

// preRoll says that a decoder settles within 80 ms before the sample that is asked for (the same text, §4.3.6.2); a packet lasts 20 ms.
func (w *boxes) preRoll() {
	w.full("sgpd", 1, 0, func() {
		w.text("roll")
		w.u32(2, 1)
		w.u16(0xfffc)
	})
}
