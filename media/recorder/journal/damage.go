package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Bits rot where nothing looks: what an index says stands in a segment may not be readable any more. Whoever reads it finds out, and from
// then on the Reader names the range as a gap.

const (
	mostSpans = 256                    // of a segment; more are drawn together
	nearSpans = 250 * time.Millisecond // nearer than a batch is one
)

// span is a range of journal time in which something cannot be read.
type span struct{ from, to time.Duration }

// addSpan puts s into a sorted list, joined with what it touches.
func addSpan(list []span, s span) []span {
	s.to = max(s.to, s.from)
	i, _ := slices.BinarySearchFunc(list, s.from, func(o span, t time.Duration) int { return cmp.Compare(o.to+nearSpans, t) })
	j := i
	for j < len(list) && list[j].from <= s.to+nearSpans {
		s.from, s.to = min(s.from, list[j].from), max(s.to, list[j].to)
		j++
	}
	list = slices.Replace(list, i, j, s)
	if len(list) > mostSpans {
		n := len(list)
		list[n-2].to = list[n-1].to
		list = list[:n-1]
	}
	return list
}

// damaged notes what a walk could not read of a segment.
func (r *Reader) damaged(id segmentID, s span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rotten == nil {
		r.rotten = map[segmentID][]span{}
	}
	r.rotten[id] = addSpan(slices.Clone(r.rotten[id]), s)
}

// withRot adds to the events what walks came across since. Ranges of damage that touch become one.
func (r *Reader) withRot(v *view) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []span
	for _, p := range v.parts {
		for _, s := range r.rotten[p.header.id] {
			all = addSpan(all, s)
		}
	}
	if len(all) == 0 {
		return slices.Clone(v.events)
	}
	var out []Event
	for _, e := range v.events {
		if e.Name == EventGap && e.Detail["cause"] == CauseDamaged && e.Detail["source"] == "" {
			d, _ := time.ParseDuration(e.Detail["for"]) // the reader's own
			all = addSpan(all, span{e.At, e.At + d})
			continue
		}
		out = append(out, e)
	}
	for _, s := range all {
		out = append(out, gapEvent(s.from, s.to, CauseDamaged, nil))
	}
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return out
}

// between names what is missing between two segments that follow each other, or before the first where before is nil.
func (v *view) between(before, p *part) {
	from, first, cause := time.Duration(0), uint32(1), CauseMissing
	if before != nil {
		from, first = before.idx.Last, before.number+1
	}
	for n := range v.unread {
		if n >= first && n < p.number {
			cause = CauseDamaged
		}
	}
	to := max(p.header.start, from)
	if p.number > first {
		v.events = append(v.events, gapEvent(from, to, cause, map[string]string{"segments": fmt.Sprint(p.number - first)}))
		return
	}
	// A segment that another one follows and that has no index has perhaps lost its end. One given up for an error of the disk has not: it
	// ends with a batch, and what it lacks begins the next one.
	if before == nil || before.sealed || to == from || before.clean && before.end >= p.idx.Before {
		return
	}
	for _, e := range slices.Concat(v.events, p.idx.Events) {
		if d, err := time.ParseDuration(e.Detail["for"]); err == nil && e.Name == EventGap && e.At <= from+nearSpans && e.At+d >= to-nearSpans {
			return // somebody knows why
		}
	}
	v.events = append(v.events, gapEvent(from, to, CauseDamaged, nil))
}

// orphans gives packets whose track their own segment does not name (its record is damaged) to the track that another segment names so.
func (v *view) orphans() {
	for _, p := range v.parts {
		for id, c := range p.orphans {
			if _, known := v.track(id); known {
				all := v.counts[id]
				all.merge(c)
				v.counts[id] = all
				continue
			}
			v.events = append(v.events, gapEvent(c.First, c.Last, CauseDamaged, nil))
		}
	}
}

func (v *view) track(id uint16) (Track, bool) {
	for _, t := range v.tracks {
		if t.ID == id {
			return t, true
		}
	}
	return Track{}, false
}

// readHeader reads a segment's header, or the copy at its end. Where both are damaged but the id is not, the first record proves that, and says
// when the segment was begun.
func readHeader(f io.ReaderAt, number uint32, size int64) (h header, err error) {
	head := make([]byte, headerSize+recordSize)
	n, err := f.ReadAt(head, 0)
	switch {
	case errors.Is(err, io.EOF) && n < headerSize:
		return h, fmt.Errorf("%d bytes are no segment: %w", size, ErrDamaged)
	case err != nil && !errors.Is(err, io.EOF):
		clear(head) // a bad sector
	}
	if err = h.decode(head[:headerSize]); err == nil || errors.Is(err, ErrNewer) {
		return h, err
	}
	tail := make([]byte, trailerSize)
	if size >= headerSize+trailerSize {
		if _, e := f.ReadAt(tail, size-trailerSize); e == nil && string(tail[trailerSize-8:]) == trailer && h.decode(tail) == nil {
			return h, nil
		}
	}
	var first record
	copy(h.id[:], head[8:])
	if first.decode(head[headerSize:], &h.id, headerSize) == nil && first.kind == kindInfo {
		return header{id: h.id, number: number, start: first.arrival}, nil
	}
	return h, err
}

// careful reads around bad sectors: what the disk does not give is zeros, which no sum fits.
type careful struct {
	r      io.ReaderAt
	failed bool
}

// ReadAt implements io.ReaderAt.
func (c *careful) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(b, off)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		return n, err
	}
	c.failed = true
	n = 0
	for n < len(b) {
		piece := b[n:min(len(b), n+blockSize-int((off+int64(n))%blockSize))]
		got, err := c.r.ReadAt(piece, off+int64(n))
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return n + got, io.EOF
		default:
			clear(piece)
		}
		n += len(piece)
	}
	return n, nil
}
