package relay

import (
	"slices"
	"time"

	"tongke/media/codec"
	"tongke/media/layer"
	"tongke/media/packet"
	"tongke/media/track"
)

// SourceInfo describes a source to those who may want it.
type SourceInfo struct {
	Key    track.Key
	Kind   track.Kind
	Codec  codec.Codec   // H264 or VP8; for sound Opus (each packet says whether it is RED), PCMA or PCMU
	Layers []track.Layer // highest last; one "" without simulcast
	Path   []string      // boxes from the origin to the one before this; nil when published here
}

// SourceEvent tells that a source is there or has changed, or is gone.
type SourceEvent struct {
	Info SourceInfo
	Gone bool
}

const (
	demandFalls   = 3 * time.Second        // a layer nobody wants is let go after this
	layerSilent   = time.Second            // a layer this far behind its brothers is not present
	keyframeEvery = 300 * time.Millisecond // requests of one moment are one request
)

// source is a source as the relay's goroutine sees it. It outlives its maker while somebody is bound to it.
type source struct {
	r       *Relay
	info    SourceInfo
	maker   track.Maker // nil while nobody publishes it
	gen     uint32
	ups     []*upTrack
	slots   []*slot // bound to this source
	taps    []*tap
	demands []demand
}

// upTrack is one layer of a source: its numbers, its cache, its figures.
type upTrack struct {
	src   *source
	layer track.Layer
	cache cache
	gen   uint32

	renewed    bool   // withdrawn and published again since the last packet: an earlier gen is one of a clock that was set back
	numbered   bool   // offset is valid for gen
	offset     uint64 // origin number − publisher's number
	pixels     int
	last       packet.Time // arrival of the newest packet
	lastKeyReq packet.Time
	stats      upStats
}

// Source is a maker's handle on what it publishes.
type Source struct {
	r   *Relay
	src *source
	gen uint32
}

// Up is the entrance of one layer.
type Up struct {
	r   *Relay
	up  *upTrack
	gen uint32
}

// source finds or makes the state of a key.
func (r *Relay) source(k track.Key) *source {
	s := r.sources[k]
	if s == nil {
		kind, _ := track.KindOf(k.Source)
		s = &source{r: r, info: SourceInfo{Key: k, Kind: kind}}
		r.sources[k] = s
	}
	return s
}

// up finds or makes a layer.
func (s *source) up(l track.Layer) *upTrack {
	for _, u := range s.ups {
		if u.layer == l {
			return u
		}
	}
	u := &upTrack{src: s, layer: l}
	u.cache.init(s.info.Kind)
	s.ups = append(s.ups, u)
	return u
}

// Up returns the entrance of a layer; the layer may be new.
func (s *Source) Up(l track.Layer) *Up {
	out := &Up{r: s.r, gen: s.gen}
	if err := s.r.call(func() {
		out.up = s.src.up(l)
		if s.gen == s.src.gen && !slices.Contains(s.src.info.Layers, l) {
			s.src.info.Layers = append(slices.Clone(s.src.info.Layers), l)
			s.r.tell(SourceEvent{Info: s.src.info})
		}
	}); err != nil {
		out.up = nil
	}
	return out
}

// SetLayers replaces the layers that can be had, lowest first.
func (s *Source) SetLayers(l []track.Layer) {
	s.r.do(func() {
		if s.gen != s.src.gen || slices.Equal(s.src.info.Layers, l) {
			return
		}
		s.src.info.Layers = slices.Clone(l)
		for _, name := range l {
			s.src.up(name)
		}
		s.r.tell(SourceEvent{Info: s.src.info})
		s.src.choose(packet.Now())
	})
}

// Close withdraws the source. Who is bound to it stays bound and waits for it to come back.
func (s *Source) Close() {
	s.r.do(func() {
		if s.gen == s.src.gen && s.src.maker != nil {
			s.r.withdraw(s.src)
		}
	})
}

// withdraw takes a source out of sight; its state stays while slots are bound.
func (r *Relay) withdraw(s *source) {
	if s.maker == nil {
		return
	}
	s.maker = nil
	s.gen++ // handles of the former maker become inert
	l := r.lesson(s.info.Key.Lesson)
	l.order = slices.DeleteFunc(l.order, func(k track.Key) bool { return k == s.info.Key })
	r.tell(SourceEvent{Info: s.info, Gone: true})
	for _, sl := range s.slots {
		sl.lose()
	}
	for _, t := range s.taps {
		t.lose()
	}
	r.resolve(s.info.Key.Lesson)
	if s.unused() {
		s.forget()
		delete(r.sources, s.info.Key)
	}
}

// unused reports whether nobody waits for the source.
func (s *source) unused() bool { return len(s.slots) == 0 && len(s.taps) == 0 }

// forget releases the packets of a source that leaves the table.
func (s *source) forget() {
	for _, sl := range slices.Clone(s.slots) {
		sl.detach()
	}
	for _, t := range s.taps {
		t.lose()
		t.src = nil
	}
	s.taps = nil
	for _, u := range s.ups {
		u.cache.clear()
	}
}

// Push hands over one packet, and with it the caller's reference. It never blocks. Duplicates, late and disordered packets are fine.
//
// Where the source is published on this box, Seq is the publisher's unwrapped RTP sequence and the relay makes the origin number. For a
// source from another box Seq is the origin number and Gen what the link says.
func (u *Up) Push(b *packet.Buffer) {
	if u.up == nil || !u.r.post(letter{up: u.up, gen: u.gen, buf: b}) {
		b.Release()
	}
}

// accept takes one packet in and forwards it.
func (r *Relay) accept(l *letter, now packet.Time) {
	u, b := l.up, l.buf
	s := u.src
	// Two links may bring the same source while one relieves the other: origin numbers tell their packets apart, so both may speak.
	if s.maker == nil || (l.gen != s.gen && s.info.Path == nil) {
		b.Release()
		r.counts.drop(dropStale)
		return
	}
	if s.info.Path == nil {
		b.Gen = s.gen
		u.number(b)
	}
	if b.Gen != u.gen {
		if u.gen != 0 && int32(b.Gen-u.gen) < 0 {
			if !u.renewed {
				b.Release()
				r.counts.drop(dropStale)
				return
			}
			u.cache.clear() // its origin started anew without the time of day, and counts from an earlier one
			u.cache.highest = 0
		}
		u.gen = b.Gen
		u.cache.forgetKeyframe()
	}
	u.renewed = false
	if !u.cache.put(b) { // takes the reference over when true
		b.Release()
		r.counts.drop(dropDuplicate)
		return
	}
	if b.Is(packet.Keyframe) {
		if i := codec.Inspect(b.Codec, b.Payload()); i.Width > 0 {
			u.pixels = i.Width * i.Height
		}
	}
	u.last = now
	u.stats.count(b, now)
	r.counts.in(b)
	r.arrivals = append(r.arrivals, b.Arrival)
	for _, sl := range s.slots {
		sl.offer(u, b, now)
	}
	for _, t := range s.taps {
		t.offer(u, b, now)
	}
}

// number gives a packet published here its origin number. The first number of a publisher carries the time in its upper 32 bits and the
// publisher's own number in its lower 16: origin numbers rise over restarts of publisher and box, and a capture can be compared by eye.
func (u *upTrack) number(b *packet.Buffer) {
	if !u.numbered || b.Gen != u.gen {
		first := uint64(time.Now().Unix())<<16 | b.Seq&0xffff
		if high := u.cache.highest; first <= high { // the clock was set back, perhaps by years
			first += ((high-first)>>16 + 1) << 16
		}
		u.offset, u.numbered = first-b.Seq, true
	}
	b.Seq += u.offset
}

// present says which layers can be had now, as the choice of a layer sees them. Of a source of another box of which nothing comes, all can.
func (s *source) present(buf []layer.State, now packet.Time) []layer.State {
	var newest packet.Time
	for _, u := range s.ups {
		newest = max(newest, u.last)
	}
	seen := s.info.Path == nil || newest != 0 && now.Sub(newest) < layerSilent
	for i, name := range s.info.Layers {
		u := s.up(name)
		st := layer.State{Layer: name, Rank: i, Pixels: u.pixels, Present: true}
		if seen && len(s.info.Layers) > 1 {
			st.Present = u.last != 0 && newest.Sub(u.last) < layerSilent
		}
		buf = append(buf, st)
	}
	return buf
}

// choose lets every bound slot look for its best layer and brings demand up to date.
func (s *source) choose(now packet.Time) {
	for _, sl := range s.slots {
		sl.choose(now)
	}
	for _, t := range s.taps {
		t.choose(now)
	}
	s.updateDemand(now)
}

func (s *source) tick(now packet.Time) {
	if s.maker == nil {
		return
	}
	s.choose(now)
	for _, u := range s.ups {
		u.stats.tick(now)
	}
}

// Sources lists what is present.
func (r *Relay) Sources() (out []SourceInfo) {
	_ = r.call(func() {
		for _, l := range r.lessons {
			for _, k := range l.order {
				out = append(out, r.sources[k].info)
			}
		}
	})
	return out
}

// Watch calls f from the relay's goroutine for each source that is there and for each change from then on, until cancel. f must not
// block. Infos are not changed later: slices may be kept.
func (r *Relay) Watch(f func(SourceEvent)) (cancel func()) {
	var id int
	r.do(func() {
		r.watchID++
		id = r.watchID
		r.watchers[id] = f
		for _, l := range r.lessons {
			for _, k := range l.order {
				f(SourceEvent{Info: r.sources[k].info})
			}
		}
	})
	return func() { r.do(func() { delete(r.watchers, id) }) }
}

func (r *Relay) tell(e SourceEvent) {
	for _, f := range r.watchers {
		f(e)
	}
}
