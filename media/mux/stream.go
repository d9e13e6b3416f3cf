package mux

import (
	"math"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
)

const (
	fragmentLeast = 1900 * time.Millisecond // a keyframe this far from the last cut begins a fragment
	soundFragment = 2 * time.Second
	fillerMost    = 60 * time.Second // longest fragment of nothing but silence
	fragmentBytes = 32 << 20         // and, where keyframes stay away, the most of
	fragmentMost  = 60 * time.Second // one of pictures

	pictureGap = 250 * time.Millisecond // shorter ones are not worth a name
	soundGap   = 200 * time.Millisecond

	idleTrack   = 2 * time.Second            // a track that rests so long may be followed by another of the stream
	newTrack    = time.Second                // and one that did is a new beginning
	pictureGrid = pictureScale / pictureRate // ticks
)

// stream is one source of the lesson through all restarts and layers of its publisher, laid out on the journal's timeline.
type stream struct {
	name, source, campus, room string
	codec                      codec.Codec
	webm, chosen               bool       // fragments are WebM, else MP4; and that is decided
	parameters                 parameters // of the first keyframe
	largest                    parameters // of the largest picture
	varied                     bool       // later keyframes have other parameters
	fragments                  []fragment
	gaps                       []gap

	layout layout
}

// fragment is some seconds of a stream: one track's frames and fillers. A fragment of pictures begins with a keyframe,
// unless that would make it too large.
type fragment struct {
	at, duration int64 // ticks
	count, bytes int   // of samples
	size         int   // of the fragment as it is served
	gap          bool
	continues    bool // it begins without a keyframe
	track        uint16
	from, to     time.Duration // arrival of its packets, from < 0: it has none
	table        []byte        // its samples
}

// gap is a range in which something is missing.
type gap struct {
	from, to time.Duration
	lost     bool // numbers are missing; else the source was begun anew
}

// layout is the working state of a stream that is being indexed.
type layout struct {
	teaching bool    // of the teaching room, wherever that is
	start    int64   // ticks: where sound is filled up from
	feeds    []*feed // its tracks

	active uint16 // track that gives the frames
	begun  bool
	newest map[uint16]time.Duration // time of each track's newest frame
	lastAt time.Duration            // of the newest frame accepted
	frame  int64                    // ticks that the picture before lasted

	end     int64 // ticks: where the next sample begins; of pictures, where the last one began
	heard   int64 // where the last real sound ended
	toc     byte  // of the last packet
	average int   // bytes a packet

	open    bool
	cut     fragment
	w       sampleWriter
	pending []sample // pictures of the open fragment
	starts  []int64  // and where they begin
	weight  int      // bytes of those
}

func (s *stream) scale() int64 {
	if s.codec.Video() {
		return pictureScale
	}
	return int64(s.codec.ClockRate())
}

// accept takes the frames of all tracks of the stream, in order of time. Of several tracks one is active: another takes over at a keyframe when
// it begins, or when the active one is silent.
func (s *stream) accept(t journal.Track, f frame) {
	l := &s.layout
	if l.newest == nil {
		l.newest = map[uint16]time.Duration{}
	}
	before, known := l.newest[t.ID]
	l.newest[t.ID] = f.at
	switched := !l.begun || t.ID != l.active
	if switched {
		fresh := !known || f.at-before >= newTrack
		if !f.key || l.begun && !fresh && f.at-l.lastAt < idleTrack {
			return
		}
		if f.parameters.Width == 0 && s.codec.Video() {
			return // nothing can be said about it before it is decoded
		}
	}
	l.active = t.ID
	if s.codec.Video() {
		s.picture(f, switched)
	} else {
		s.sound(f, switched)
	}
	l.begun = true
	l.lastAt = f.at
}

// close ends the open fragment.
func (s *stream) close() {
	l := &s.layout
	if !l.open {
		return
	}
	l.open = false
	l.cut.table = l.w.table
	s.fragments = append(s.fragments, l.cut)
	l.w, l.cut = sampleWriter{}, fragment{}
}

// begin opens a fragment.
func (s *stream) begin(at int64, f *frame) {
	l := &s.layout
	l.open = true
	l.cut = fragment{at: at, track: l.active, from: -1}
	if f != nil {
		l.cut.from, l.cut.to = f.from, f.to
	}
	l.w = sampleWriter{}
}

// add puts a sample, or many alike, into the open fragment.
func (s *stream) add(m sample, count int) {
	l := &s.layout
	l.w.add(m, count)
	l.cut.count += count
	l.cut.bytes += count * m.size
	l.cut.duration += int64(count) * int64(m.duration)
}

// grid puts a picture on a grid of 5 ms, behind the one before. ffmpeg and what is built on it guess a rate from the first pictures and round all
// times to it: pictures that jitter or drift then fall together, which it reports as an error. On the grid it finds pictureRate, which keeps them apart;
// now and then one takes the farther place, or an even rate would be taken for a fixed one.
func (l *layout) grid(at int64) int64 {
	below := at / pictureGrid * pictureGrid
	if nearer := at-below >= pictureGrid/2; nearer != (len(l.starts)%8 == 6) {
		at = below + pictureGrid
	} else {
		at = below
	}
	if l.begun {
		at = max(at, l.end+pictureGrid)
	}
	return at
}

// picture places a picture. It lasts until the next one, over gaps too: the last good picture stands.
func (s *stream) picture(f frame, switched bool) {
	l := &s.layout
	at := max(0, ticks(f.at, pictureScale))
	if !l.begun {
		at = l.grid(at)
		s.parameters, s.largest = f.parameters, f.parameters
		s.begin(at, &f)
		s.pend(f, at)
		return
	}
	if switched {
		for n := len(l.starts); n > 1 && l.starts[n-1] >= at; n-- { // the new track takes over from its beginning
			l.weight -= l.pending[n-1].size
			l.starts, l.pending = l.starts[:n-1], l.pending[:n-1]
			l.end = l.starts[n-2]
		}
	}
	at = l.grid(at)
	passed := span(at-l.end, pictureScale)
	missing := (f.lost || switched) && passed >= pictureGap
	if missing {
		s.gaps = append(s.gaps, gap{span(l.end+l.frame, pictureScale), span(at, pictureScale), f.lost && !switched})
	}
	if !missing {
		l.frame = at - l.end
	}
	if f.key && !f.parameters.equal(s.parameters) {
		s.varied = true
		if f.parameters.Width*f.parameters.Height > s.largest.Width*s.largest.Height {
			s.largest = f.parameters
		}
	}
	long := span(at-l.cut.at, pictureScale) >= fragmentLeast
	if f.key && (long || missing || switched) {
		l.cut.gap = missing
		s.flush(at)
		s.begin(at, &f)
	} else if l.weight+f.size > fragmentBytes || span(at-l.cut.at, pictureScale) >= fragmentMost {
		s.flush(at)
		s.begin(at, &f)
		l.cut.continues = !f.key
	}
	s.pend(f, at)
}

// pend adds a picture whose duration is not known yet.
func (s *stream) pend(f frame, at int64) {
	l := &s.layout
	l.cut.from, l.cut.to = min(l.cut.from, f.from), max(l.cut.to, f.to)
	l.pending = append(l.pending, sample{seq: f.seq, packets: f.packets, size: f.size, key: f.key})
	l.starts = append(l.starts, at)
	l.weight += f.size
	l.end = at
}

// flush ends the open fragment of pictures: the last one lasts until end.
func (s *stream) flush(end int64) {
	l := &s.layout
	for i, p := range l.pending {
		next := end
		if i+1 < len(l.starts) {
			next = l.starts[i+1]
		}
		p.duration = uint32(min(next-l.starts[i], math.MaxUint32)) // 13 hours
		s.add(p, 1)
	}
	l.pending, l.starts, l.weight = l.pending[:0], l.starts[:0], 0
	s.close()
}

// finish ends the stream at the recording's end. A picture then lasts as long as the one before it.
func (s *stream) finish(end time.Duration) {
	l := &s.layout
	if !l.begun {
		return
	}
	if s.codec.Video() {
		last := l.frame
		if last <= 0 || last > pictureScale {
			last = pictureScale / 30
		}
		if l.open {
			s.flush(l.end + last)
		}
		return
	}
	s.fill(s.samples(end)-l.end, false)
	s.close()
}
