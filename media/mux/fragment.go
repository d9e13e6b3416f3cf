package mux

import (
	"encoding/binary"
	"fmt"

	"tongke/media/codec"
)

// mime is what a SourceBuffer is made with.
func (s *stream) mime() string {
	switch {
	case s.codec == codec.VP8:
		return `video/webm; codecs="vp8"`
	case s.codec == codec.H264:
		return fmt.Sprintf(`video/mp4; codecs="avc3.%02x%02x%02x"`, s.parameters.SPS[1], s.parameters.SPS[2], s.parameters.SPS[3])
	case s.codec.G711():
		return `audio/mp4; codecs="flac"`
	case s.webm:
		return `audio/webm; codecs="opus"`
	}
	return `audio/mp4; codecs="opus"`
}

// initial is the initialisation segment.
func (s *stream) initial() []byte {
	if s.webm {
		return s.webmInit()
	}
	var w boxes
	w.ftyp("iso6", "iso6", "mp41")
	w.box("moov", func() {
		w.mvhd(0, 1)
		w.trak(trackSpec{id: 1, stream: s, parameters: s.parameters, scale: uint32(s.scale()), inBand: true, fragmented: true, table: func() {
			for _, kind := range []string{"stts", "stsc", "stco"} {
				w.full(kind, 0, 0, func() { w.u32(0) })
			}
			w.full("stsz", 0, 0, func() { w.u32(0, 0) })
			if s.codec == codec.Opus {
				w.preRoll()
			}
		}})
		w.box("mvex", func() {
			w.full("trex", 0, 0, func() { w.u32(1, 1, 0, 0, 0) })
		})
	})
	return w.b
}

// moofSize is the size of the movie fragment box of n samples.
func (s *stream) moofSize(n int) int {
	if s.codec.Video() {
		return 88 + 12*n
	}
	return 92 + 8*n
}

// measure notes how many bytes the new fragments have as they are served.
func (s *stream) measure() {
	for i := len(s.fragments) - 1; i >= 0 && s.fragments[i].size == 0; i-- {
		f := &s.fragments[i]
		f.size = s.moofSize(f.count) + 8 + f.bytes
		if !s.webm {
			continue
		}
		if samples, err := readSamples(f.table); err == nil { // it was written just now
			f.size = len(s.clusters(f, samples, nil)) + f.bytes
		}
	}
}

// movieFragment writes moof and mdat; number counts from 1.
func (s *stream) movieFragment(number int, f *fragment, samples []sample, data []byte) []byte {
	w := boxes{make([]byte, 0, s.moofSize(len(samples))+8+len(data))}
	video := s.codec.Video()
	w.box("moof", func() {
		w.full("mfhd", 0, 0, func() { w.u32(uint32(number)) })
		w.box("traf", func() {
			const defaultBaseIsMoof = 0x020000
			if video {
				w.full("tfhd", 0, defaultBaseIsMoof, func() { w.u32(1) })
			} else {
				w.full("tfhd", 0, defaultBaseIsMoof|0x20, func() { w.u32(1, flagsKey) })
			}
			w.full("tfdt", 1, 0, func() { w.u64(uint64(f.at)) })
			flags := uint32(0x301) // data offset, durations, sizes
			if video {
				flags |= 0x400
			}
			w.full("trun", 0, flags, func() {
				w.u32(uint32(len(samples)), uint32(s.moofSize(len(samples))+8))
				for _, m := range samples {
					w.u32(m.duration, uint32(m.size))
					if video {
						w.u32(sampleFlags(m))
					}
				}
			})
		})
	})
	w.u32(uint32(len(data) + 8))
	w.text("mdat")
	return append(w.b, data...)
}

func sampleFlags(m sample) uint32 {
	if m.key {
		return flagsKey
	}
	return flagsOther
}

// opusHead is the identification header of RFC 7845 §5.1, which WebM and Ogg begin with.
func opusHead() []byte {
	b := append([]byte("OpusHead"), 1, 2)
	b = binary.LittleEndian.AppendUint16(b, preSkip)
	b = binary.LittleEndian.AppendUint32(b, soundScale)
	return append(b, 0, 0, 0)
}
