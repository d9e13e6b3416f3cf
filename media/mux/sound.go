package mux

import (
	"time"
)

// Thresholds of sound, in samples. Voice and lips may be 20 ms apart at most; what is left of that is the error of the clocks.
const (
	conceal10   = soundScale / 100
	driftQuiet  = soundScale * 6 / 1000 // taken up where it is quiet
	driftMost   = soundScale * 9 / 1000 // and here anywhere
	holeLeast   = soundScale * 60 / 1000
	concealMost = soundScale / 10 // longest stretch that is concealed where packets were lost,
	concealDTX  = soundScale      // and where the encoder had nothing to say
	fillerOwn   = soundScale      // silence from here on is a fragment of its own
	fillerGrid  = soundScale / 400
	idleFiller  = 10 * soundScale // while a lesson runs, a resting voice is filled in such steps
)

// sound places a packet. Samples lie side by side without holes; fillers and leaving out keep them near their time.
func (s *stream) sound(f frame, switched bool) {
	l := &s.layout
	target := ticks(f.at, soundScale)
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
	case off >= holeLeast || missing && off >= conceal10:
		if from, to := span(l.heard, soundScale), span(target, soundScale); missing && l.begun && to-from >= soundGap {
			s.gaps = append(s.gaps, gap{from, to, f.lost && !switched})
		}
		s.fill(off, missing)
	case off >= driftMost || off >= driftQuiet && quiet:
		s.conceal(conceal10)
	case f.duration >= 2*conceal10 && (off <= -driftMost || off <= -driftQuiet && quiet):
		s.conceal(int64(f.duration) - conceal10)
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
	if l.open && l.cut.duration >= int64(soundFragment/time.Second)*soundScale {
		s.close()
	}
	if !l.open {
		s.begin(l.end, nil)
	}
}

// conceal adds n samples of concealment, a multiple of 480.
func (s *stream) conceal(n int64) {
	l := &s.layout
	for n >= conceal10 {
		s.ensure()
		d := int64(conceal10)
		if n >= 2*conceal10 {
			d = 2 * conceal10
		}
		toc := concealment(l.toc, d > conceal10)
		s.add(sample{size: fillerSize(toc, int(d)), duration: uint32(d), key: true, toc: toc}, 1)
		l.end += d
		n -= d
	}
}

// fill adds n samples of what is not there: first concealment, then silence.
func (s *stream) fill(n int64, missing bool) {
	l := &s.layout
	if l.toc != 0 || l.begun {
		most := int64(concealDTX)
		if missing {
			most = concealMost
		}
		if n <= most || missing && l.heard == l.end {
			c := min(n, most) / conceal10 * conceal10
			s.conceal(c)
			n -= c
		}
	}
	if n < fillerGrid || n < conceal10 && l.begun {
		return
	}
	own := n >= fillerOwn
	if own {
		s.reopen()
	}
	for n >= fillerGrid {
		s.ensure()
		part := min(n, int64(fillerMost/time.Second)*soundScale)
		n -= s.silence(part)
		if own {
			l.cut.gap = true
			s.close()
		}
	}
}

// silence adds up to n samples of silence to the open fragment.
func (s *stream) silence(n int64) (added int64) {
	for _, d := range [...]int64{silentMost * silentSamples, silentSamples, 480, 240, 120} {
		if count := n / d; count > 0 {
			s.add(sample{size: fillerSize(0, int(d)), duration: uint32(d), key: true}, int(count))
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
	if n := ticks(until, soundScale) - l.end; l.begun && n >= idleFiller {
		s.fill(n, false)
	}
}
