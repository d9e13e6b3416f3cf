package mux

import (
	"encoding/binary"
	"errors"
	"time"
)

// Timescales: ticks a second of a stream's samples.
const (
	pictureScale = 90000
	soundScale   = 48000
)

// preSkip is how many samples an Opus decoder puts out before the first that was encoded: the look-ahead of libopus in its usual
// mode, 6.5 ms. Players drop as many (RFC 7845 §5.1).
const preSkip = 312

// sample is one frame in its place. Sound that is not there is a sample without packets.
type sample struct {
	seq      uint64
	packets  int // 0: a filler
	size     int
	duration uint32 // ticks
	key      bool
	toc      byte // of a filler: 0 for silence, else what concealment gave
}

// silence is 20 ms of digital silence in Opus (CELT, full band, mono). Six of them in one packet (RFC 6716 §3.2.5, code 3) are the longest
// packet there may be.
const (
	silentTOC     = 0xf8
	silentSamples = 960
	silentMost    = 6
)

// filler is the packet for n samples that are not there: silence of 120, 240, 480 or a multiple of 960 samples, or, where toc is not 0, a
// packet without a frame, at which a decoder conceals (RFC 6716 §4.4) and goes on smoothly.
func filler(toc byte, n int) []byte {
	if toc != 0 {
		return []byte{toc &^ 3}
	}
	if frames := n / silentSamples; frames > 1 {
		b := []byte{silentTOC | 3, byte(frames)}
		for range frames {
			b = append(b, 0xff, 0xfe)
		}
		return b
	}
	config := byte(31) // 20, 10, 5, 2.5 ms
	for size := silentSamples; size > n && config > 28; size /= 2 {
		config--
	}
	return []byte{config << 3, 0xff, 0xfe}
}

// fillerSize is len(filler(toc, n)), or that of silence in FLAC.
func fillerSize(toc byte, n int) int {
	if toc == flacFiller {
		return flacFillerSize
	}
	if toc != 0 {
		return 1
	}
	if frames := n / silentSamples; frames > 1 {
		return 2 + 2*frames
	}
	return 3
}

// concealment is the TOC byte of a frame of 10 or 20 ms in the mode of a packet with the TOC byte toc (RFC 6716 table 2). The code, 0, is
// written as 1, so that the result is never 0.
func concealment(toc byte, twenty bool) byte {
	config := toc >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		config &^= 3
	case config < 16: // hybrid: 10, 20 ms
		config &^= 1
	default: // CELT: 2.5, 5, 10, 20 ms
		config = config&^3 + 2
	}
	if twenty {
		config++
	}
	return config<<3 | toc&4 | 1
}

// The table of a fragment's samples, as the index holds it: for each run of alike samples one uvarint of flags and count, then what changes.
// It is written by sampleWriter and read by readSamples.
const (
	sampleKey     = 1 << 0
	sampleFiller  = 1 << 1
	sampleLength  = 1 << 2 // a duration follows
	sampleJump    = 1 << 3 // numbers before it are left out
	samplePackets = 1 << 4 // a number of packets follows; else 1
	sampleBits    = 5
)

// maxSamples bounds what a table may unfold to: a fragment of a day of fillers.
const maxSamples = 1 << 20

var errTable = errors.New("damaged table of samples")

// sampleWriter appends samples to a table.
type sampleWriter struct {
	table []byte
	next  uint64
	last  uint32
}

func (w *sampleWriter) add(s sample, count int) {
	var flags uint64
	if s.key {
		flags |= sampleKey
	}
	if s.duration != w.last {
		flags |= sampleLength
	}
	if s.packets == 0 {
		flags |= sampleFiller
		w.table = binary.AppendUvarint(w.table, flags)
		if s.duration != w.last {
			w.table = binary.AppendUvarint(w.table, uint64(s.duration))
		}
		w.last = s.duration
		w.table = binary.AppendUvarint(append(w.table, s.toc), uint64(count))
		return
	}
	if s.seq != w.next {
		flags |= sampleJump
	}
	if s.packets != 1 {
		flags |= samplePackets
	}
	w.table = binary.AppendUvarint(w.table, uint64(s.size)<<sampleBits|flags)
	if s.duration != w.last {
		w.table = binary.AppendUvarint(w.table, uint64(s.duration))
	}
	if s.seq != w.next {
		w.table = binary.AppendUvarint(w.table, s.seq-w.next)
	}
	if s.packets != 1 {
		w.table = binary.AppendUvarint(w.table, uint64(s.packets))
	}
	w.last, w.next = s.duration, s.seq+uint64(s.packets)
}

// readSamples unfolds a table.
func readSamples(table []byte) ([]sample, error) {
	var out []sample
	var next uint64
	var last uint32
	for len(table) > 0 {
		r := tableReader{b: table}
		v := r.uvarint()
		s := sample{key: v&sampleKey != 0, duration: last, packets: 1, size: int(v >> sampleBits & (1<<31 - 1))}
		if v&sampleLength != 0 {
			s.duration = uint32(r.uvarint())
			last = s.duration
		}
		count := uint64(1)
		if v&sampleFiller != 0 {
			s.packets, s.toc, count = 0, r.byte(), r.uvarint()
			s.size = fillerSize(s.toc, int(s.duration))
		} else {
			if v&sampleJump != 0 {
				next += r.uvarint()
			}
			if v&samplePackets != 0 {
				s.packets = int(min(r.uvarint(), maxFrame+1))
			}
			s.seq = next
			next += uint64(s.packets)
		}
		if r.short || s.packets > maxFrame || count == 0 || count > uint64(maxSamples-len(out)) || len(out) == maxSamples {
			return nil, errTable
		}
		for range count {
			out = append(out, s)
		}
		table = r.b
	}
	return out, nil
}

// tableReader reads the index's bytes; past the end it delivers zeros and sets short.
type tableReader struct {
	b     []byte
	short bool
}

func (r *tableReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.short, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *tableReader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *tableReader) byte() byte {
	if len(r.b) == 0 {
		r.short = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// bytes is a part with its length before it, a slice of the input.
func (r *tableReader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.short, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func appendVarint(b []byte, v int64) []byte {
	return binary.AppendUvarint(b, uint64(v)<<1^uint64(v>>63))
}

func appendBytes(b, v []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(v))), v...) }

// ticks and span convert between the journal's timeline and a timescale, without overflow for years.
func ticks(d time.Duration, scale int64) int64 {
	return int64(d/time.Second)*scale + (int64(d%time.Second)*scale+int64(time.Second)/2)/int64(time.Second)
}

func span(ticks, scale int64) time.Duration {
	return time.Duration(ticks/scale)*time.Second + time.Duration(ticks%scale)*time.Second/time.Duration(scale)
}
