package journal

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// sum adds up the parts.
func (v *view) sum(lesson string, keys Keys) {
	seen := map[uint16]bool{}
	erased := map[ErasedRange]bool{}
	for i, p := range v.parts {
		v.bytes += p.size
		if p.idx.Info.Lesson != "" {
			v.info = p.idx.Info
		}
		if i > 0 {
			v.between(v.parts[i-1], p)
		}
		v.events = append(v.events, p.idx.Events...)
		for _, t := range p.idx.Tracks {
			if !seen[t.Track.ID] {
				seen[t.Track.ID] = true
				v.tracks = append(v.tracks, t.Track)
			}
			c := v.counts[t.Track.ID]
			c.merge(t.Count)
			v.counts[t.Track.ID] = c
		}
		for _, e := range p.idx.Erased {
			if !erased[e] {
				erased[e] = true
				v.erased = append(v.erased, e)
			}
		}
	}
	if v.parts[0].number > 1 && v.info.Mode == ModeKeep && v.parts[0].header.start > 0 { // one that rolls lets its beginning go
		v.between(nil, v.parts[0])
	}
	v.orphans()
	v.keyless(lesson, keys)
	slices.SortStableFunc(v.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
}

// keyless names the sources that cannot be read: erased ones, and those whose key is lost.
func (v *view) keyless(lesson string, keys Keys) {
	gone := map[keyName]bool{}
	for _, t := range v.tracks {
		name := keyName{t.Origin, t.Source}
		if gone[name] {
			continue
		}
		gone[name] = true
		switch _, err := keys.Open(lesson, t.Origin, t.Source); {
		case errors.Is(err, ErrErased):
			v.erased = append(v.erased, ErasedRange{Origin: t.Origin, Source: t.Source})
		case errors.Is(err, ErrNoKey):
			var c Count
			for _, o := range v.tracks {
				if o.Origin == t.Origin && o.Source == t.Source {
					c.merge(v.counts[o.ID])
				}
			}
			v.events = append(v.events, gapEvent(c.First, c.Last, CauseDamaged, map[string]string{"origin": t.Origin, "source": t.Source}))
		}
	}
}

func (r *Reader) now() *view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// Info is what the newest segment says.
func (r *Reader) Info() Info { return r.now().info }

// Tracks are all tracks, the oldest first.
func (r *Reader) Tracks() []Track { return slices.Clone(r.now().tracks) }

// Count is how much there is of a track.
func (r *Reader) Count(id uint16) Count { return r.now().counts[id] }

// Events are all events in order of their time, the reader's own gaps among them.
// What is damaged is found out by whoever reads it: after a walk by Packets there may be more.
func (r *Reader) Events() []Event { return r.withRot(r.now()) }

// Erased is what was taken out on purpose.
func (r *Reader) Erased() []ErasedRange { return slices.Clone(r.now().erased) }

// Live reports whether a writer has the journal.
func (r *Reader) Live() bool { return r.now().live }

// Bytes is the size of the segment files.
func (r *Reader) Bytes() int64 { return r.now().bytes }

// Start is the wall time at journal time 0, as the clock was when the journal was made.
func (r *Reader) Start() time.Time {
	v := r.now()
	for _, p := range v.parts {
		if p.header.zero != 0 { // else its header is damaged
			return time.Unix(0, p.header.zero)
		}
	}
	return v.info.Created
}

// First is the journal time of the oldest segment: above 0 where older ones were let go.
func (r *Reader) First() time.Duration { return r.now().parts[0].idx.First }

// Duration is the journal time of the newest record.
func (r *Reader) Duration() time.Duration {
	var d time.Duration
	for _, p := range r.now().parts {
		d = max(d, p.idx.Last)
	}
	return d
}

// Dir is the journal's folder.
func (r *Reader) Dir() string { return r.dir }
