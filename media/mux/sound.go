package mux

import (
	"time"
)

// Thresholds of sound. Voice and lips may be 20 ms apart at most; what is left of that is the error of the clocks.
const (
	conceal10   = 10 * time.Millisecond
	driftQuiet  = 6 * time.Millisecond // taken up where it is quiet
	driftMost   = 9 * time.Millisecond // and here anywhere
	holeLeast   = 60 * time.Millisecond
	concealMost = 100 * time.Millisecond // longest stretch that is concealed where packets were lost,
	concealDTX  = time.Second            // and where the encoder had nothing to say
	fillerOwn   = time.Second            // silence from here on is a fragment of its own
	fillerGrid  = 2500 * time.Microsecond
	idleFiller  = 10 * time.Second // while a lesson runs, a resting voice is filled in such steps
)

// samples is how many a time holds; all thresholds are whole samples at 8 and at 48 kHz.
func (s *stream) samples(d time.Duration) int64 { return ticks(d, s.scale()) }

// sound places a packet. Samples lie side by side without holes; fillers and leaving out keep them near their time.
func (s *stream) sound(f frame, switched bool) {
	l := &s.layout
	target := s.samples(f.at)
	if !l.begun {
		l.end = min(l.start, max(0, target))
		s.begin(l.end, nil)
		s.fill(target-l.end, false)
		l.heard = l.end
	}
	off := target - l.end
	if off <= -int64(f.duration) {
		return // there is sound already
	}
	missing := f.lost || switched
	quiet := f.size*5 <= l.average*3
	switch {
	case off >= s.samples(holeLeast) || missing && off >= s.samples(conceal10):
		if from, to := span(l.heard, s.scale()), span(target, s.scale()); missing && l.begun && to-from >= soundGap {
			s.gaps = append(s.gaps, gap{from, to, f.lost && !switched})
		}
		s.fill(off, missing)
	case off >= s.samples(driftMost) || off >= s.samples(driftQuiet) && quiet:
		s.conceal(s.samples(conceal10))
	case s.codec.G711(): // nothing conceals: a clock that runs fast costs a packet now and then
	case int64(f.duration) >= 2*s.samples(conceal10) && (off <= -s.samples(driftMost) || off <= -s.samples(driftQuiet) && quiet):
		s.conceal(int64(f.duration) - s.samples(conceal10))
		s.packet(f, false)
		return
	}
	s.packet(f, true)
}

// reopen ends the open fragment if there is something in it.
func (s *stream) reopen() {
	if l := &s.layout; l.open && l.cut.count > 0 {
		s.close()
	}
}

// packet notes what was heard last, and adds it unless something stands in its place.
func (s *stream) packet(f frame, add bool) {
	l := &s.layout
	if l.average == 0 {
		l.average = f.size
	}
	l.average += (f.size - l.average) / 16
	l.toc = f.toc
	if add {
		if l.open && l.cut.from >= 0 && l.cut.track != l.active {
			s.close() // a fragment holds packets of one track
		}
		s.ensure()
		if l.cut.from < 0 {
			l.cut.from, l.cut.to = f.from, f.to
		}
		l.cut.track = l.active
		l.cut.from, l.cut.to = min(l.cut.from, f.from), max(l.cut.to, f.to)
		s.add(sample{seq: f.seq, packets: 1, size: f.size, duration: uint32(f.duration), key: true}, 1)
		l.end += int64(f.duration)
	}
	l.heard = l.end
}

// ensure has a fragment open that is not yet long enough.
func (s *stream) ensure() {
	l := &s.layout
	if l.open && l.cut.duration >= s.samples(soundFragment) {
		s.close()
	}
	if !l.open {
		s.begin(l.end, nil)
	}
}

// conceal adds n samples of concealment, a multiple of 10 ms; of G.711, which has none, silence.
func (s *stream) conceal(n int64) {
	l, ten := &s.layout, s.samples(conceal10)
	for n >= ten {
		s.ensure()
		if s.codec.G711() {
			n -= s.silence(n)
			continue
		}
		d := ten
		if n >= 2*ten {
			d = 2 * ten
		}
		toc := concealment(l.toc, d > ten)
		s.add(sample{size: fillerSize(toc, int(d)), duration: uint32(d), key: true, toc: toc}, 1)
		l.end += d
		n -= d
	}
}

// fill adds n samples of what is not there: first concealment, then silence.
func (s *stream) fill(n int64, missing bool) {
	l := &s.layout
	if l.toc != 0 || l.begun {
		most, ten := s.samples(concealDTX), s.samples(conceal10)
		if missing {
			most = s.samples(concealMost)
		}
		if n <= most || missing && l.heard == l.end {
			c := min(n, most) / ten * ten
			s.conceal(c)
			n -= c
		}
	}
	if n < s.samples(fillerGrid) || n < s.samples(conceal10) && l.begun {
		return
	}
	own := n >= s.samples(fillerOwn)
	if own {
		s.reopen()
	}
	for n >= s.samples(fillerGrid) {
		s.ensure()
		part := min(n, s.samples(fillerMost))
		n -= s.silence(part)
		if own {
			l.cut.gap = true
			s.close()
		}
	}
}

// silence adds up to n samples of silence to the open fragment.
func (s *stream) silence(n int64) (added int64) {
	lengths, toc := [...]int64{silentMost * silentSamples, silentSamples, 480, 240, 120}, byte(0)
	if s.codec.G711() {
		lengths, toc = [...]int64{flacSilent, 160, 80, 40, 20}, flacFiller
	}
	for _, d := range lengths {
		if count := n / d; count > 0 {
			s.add(sample{size: fillerSize(toc, int(d)), duration: uint32(d), key: true, toc: toc}, int(count))
			n -= count * d
			added += count * d
		}
	}
	s.layout.end += added
	return added
}

// idle fills up to a time while the source rests, so that a running lesson can be played on.
func (s *stream) idle(until time.Duration) {
	l := &s.layout
	if n := s.samples(until) - l.end; l.begun && n >= s.samples(idleFiller) {
		s.fill(n, false)
	}
}
