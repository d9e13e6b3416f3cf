package mux

import (
	"math"
	"sort"
	"time"

	"tongke/media/codec"
)

// chunk is a fragment in its place in an MP4 file.
type chunk struct {
	part, fragment int
	at             time.Duration
}

// planMP4 lays the file out: ftyp, moov, mdat. The fragments of all streams become chunks in order of their time.
func (f *File) planMP4() error {
	var chunks []chunk
	for i, p := range f.parts {
		for n := range p.fragments {
			chunks = append(chunks, chunk{i, n, span(p.fragments[n].at, p.stream.scale())})
		}
	}
	sort.SliceStable(chunks, func(i, j int) bool { return chunks[i].at < chunks[j].at })
	offsets := make([][]uint64, len(f.parts))
	data := uint64(0)
	for _, c := range chunks {
		offsets[c.part] = append(offsets[c.part], data)
		data += uint64(f.parts[c.part].fragments[c.fragment].bytes)
	}
	tables := make([]*sampleTable, len(f.parts))
	for i := range f.parts {
		t, err := tabulate(&f.parts[i])
		if err != nil {
			return err
		}
		t.offsets = offsets[i]
		tables[i] = t
	}
	head := f.moov(tables, 0)
	head = f.moov(tables, uint64(len(head)))
	head = mdatHead(head, data)
	f.Size = int64(len(head)) + int64(data)
	f.write = func(o *output) error {
		if err := o.write(head); err != nil {
			return err
		}
		for _, c := range chunks {
			p := &f.parts[c.part]
			_, b, err := read(f.reader, p.stream.codec, &p.fragments[c.fragment])
			if err == nil {
				err = o.write(b)
			}
			if err != nil {
				return err
			}
			o.reached(c.at - p.start)
		}
		o.reached(f.Duration)
		return nil
	}
	return nil
}

// mdatHead begins the media data box, with a 64-bit size so that its length does not depend on it.
func mdatHead(b []byte, data uint64) []byte {
	w := boxes{b}
	w.u32(1)
	w.text("mdat")
	w.u64(data + 16)
	return w.b
}

// moov writes everything before the media data; headers is its own length with what follows up to the data not counted.
func (f *File) moov(tables []*sampleTable, headers uint64) []byte {
	var w boxes
	w.ftyp("isom", "isom", "iso2", "mp41")
	w.box("moov", func() {
		w.mvhd(uint64(f.Duration/time.Millisecond), len(f.parts))
		sounds, pictures := 0, 0
		for i, t := range tables {
			p := &f.parts[i]
			spec := trackSpec{
				id: uint32(i + 1), stream: p.stream, parameters: p.stream.largest, scale: uint32(p.stream.scale()), duration: uint64(t.duration),
				empty: uint64((p.offset() + time.Millisecond/2) / time.Millisecond), inBand: p.stream.varied,
				table: func() { t.write(&w, headers+16, p.stream.codec) },
			}
			length := t.duration
			if p.stream.codec.Video() {
				spec.second = pictures > 0
				pictures++
			} else {
				if p.stream.codec == codec.Opus {
					length = max(0, length-preSkip)
				}
				spec.second = sounds > 0
				sounds++
			}
			spec.movie = spec.empty + uint64(length*movieScale/p.stream.scale())
			w.trak(spec)
		}
		w.chapters(f.marks)
	})
	return w.b
}

// chapters writes the list of chapters that Nero began with and VLC, mpv and ffmpeg read: times in 100 ns.
func (w *boxes) chapters(marks []Mark) {
	if len(marks) == 0 {
		return
	}
	w.box("udta", func() {
		w.full("chpl", 1, 0, func() {
			w.u32(0)
			w.u8(byte(len(marks)))
			for _, m := range marks {
				w.u64(uint64(m.At / 100))
				w.u8(byte(len(m.Text)))
				w.text(m.Text)
			}
		})
	})
}

// sampleTable is what stbl says of a track.
type sampleTable struct {
	times    []run
	sizes    []uint32
	keys     []uint32
	perChunk []uint32
	offsets  []uint64 // from the beginning of the data
	duration int64
}

// run is a number of samples of one duration.
type run struct{ count, duration uint32 }

func tabulate(p *part) (*sampleTable, error) {
	t := &sampleTable{}
	for i := range p.fragments {
		samples, err := readSamples(p.fragments[i].table)
		if err != nil {
			return nil, err
		}
		p.even(samples)
		for _, s := range samples {
			if n := len(t.times); n > 0 && t.times[n-1].duration == s.duration {
				t.times[n-1].count++
			} else {
				t.times = append(t.times, run{1, s.duration})
			}
			t.sizes = append(t.sizes, uint32(s.size))
			if s.key {
				t.keys = append(t.keys, uint32(len(t.sizes)))
			}
			t.duration += int64(s.duration)
		}
		t.perChunk = append(t.perChunk, uint32(len(samples)))
	}
	return t, nil
}

// write writes stts to stco; base is where the data begins.
func (t *sampleTable) write(w *boxes, base uint64, c codec.Codec) {
	w.full("stts", 0, 0, func() {
		w.u32(uint32(len(t.times)))
		for _, r := range t.times {
			w.u32(r.count, r.duration)
		}
	})
	if c.Video() {
		w.full("stss", 0, 0, func() {
			w.u32(uint32(len(t.keys)))
			w.u32(t.keys...)
		})
	} else if c == codec.Opus {
		w.preRoll()
		w.full("sbgp", 0, 0, func() {
			w.text("roll")
			w.u32(1, uint32(len(t.sizes)), 1)
		})
	}
	w.full("stsc", 0, 0, func() {
		var entries []uint32
		for i, n := range t.perChunk {
			if i == 0 || n != t.perChunk[i-1] {
				entries = append(entries, uint32(i+1), n, 1)
			}
		}
		w.u32(uint32(len(entries) / 3))
		w.u32(entries...)
	})
	w.full("stsz", 0, 0, func() {
		w.u32(0, uint32(len(t.sizes)))
		w.u32(t.sizes...)
	})
	if base+t.last() > math.MaxUint32 {
		w.full("co64", 0, 0, func() {
			w.u32(uint32(len(t.offsets)))
			for _, o := range t.offsets {
				w.u64(base + o)
			}
		})
		return
	}
	w.full("stco", 0, 0, func() {
		w.u32(uint32(len(t.offsets)))
		for _, o := range t.offsets {
			w.u32(uint32(base + o))
		}
	})
}

func (t *sampleTable) last() uint64 {
	if n := len(t.offsets); n > 0 {
		return t.offsets[n-1]
	}
	return 0
}
