package relay

import (
	"errors"
	"slices"
	"time"

	"tongke/media/layer"
	"tongke/media/packet"
	"tongke/media/track"
)

const (
	passiveAfter = 3 * time.Second // nobody wanted anything for so long: a passive tap wants something itself
	tapRetry     = time.Second     // a keyframe that a tap waits for is asked for again
)

// TapConfig describes somebody who takes the canonical packets of one source: a recorder.
type TapConfig struct {
	Key     track.Key // with its origin
	Size    Size
	Passive bool       // takes what flows for others and wants nothing itself, unless nobody wants anything for 3 s: then the middle layer
	Never   bool       // with Passive: wants nothing even then
	Down    track.Down // called from the relay's goroutine; packets as the origin numbered them
	// OnLayer is called just before the first packet of a layer, from the relay's goroutine; must not block. May be nil.
	OnLayer func(track.Layer)
}

// Tap is a subscriber without a connection. It begins at a keyframe, with all that is cached from it on, and changes layers at keyframes only.
type Tap struct {
	r *Relay
	t *tap
}

// tap is a Tap as the relay's goroutine sees it.
type tap struct {
	cfg     TapConfig
	src     *source // nil once closed, or the lesson is over
	current *upTrack
	target  *upTrack // waiting for a keyframe of this one
	askedAt packet.Time
	first   uint64 // number of the first packet of this layer and Gen
	gen     uint32
	idle    packet.Time // passive: since when nobody else wants anything; 0: somebody does
	wants   bool        // passive: and therefore wants something itself
	chooser slot        // unbound; chooses among layers as any slot would
	one     [1]*packet.Buffer

	lastUp  *upTrack // of the newest packet given: what is cached must not be given twice when a publisher comes back
	lastGen uint32
	lastSeq uint64
}

var errTapKey = errors.New("a tap needs a lesson and an origin")

// Tap begins to hand over a source, present or not, until Close.
func (r *Relay) Tap(cfg TapConfig) (*Tap, error) {
	if cfg.Key.Lesson == "" || cfg.Key.Origin == "" {
		return nil, errTapKey
	}
	t := &tap{cfg: cfg}
	return &Tap{r, t}, r.call(func() {
		t.src = r.source(cfg.Key)
		t.chooser = slot{cfg: SlotConfig{Kind: t.src.info.Kind}, src: t.src}
		t.chooser.opts.Size = cfg.Size
		t.src.taps = append(t.src.taps, t)
		t.choose(packet.Now())
		t.src.updateDemand(packet.Now())
	})
}

// RequestKeyframe asks for one of what is handed over now.
func (t *Tap) RequestKeyframe() {
	t.r.do(func() {
		if t.t.src != nil && t.t.current != nil {
			t.t.current.requestKeyframe(packet.Now(), false)
		}
	})
}

// Close ends it. When it returns Down is not called any more.
func (t *Tap) Close() {
	_ = t.r.call(func() {
		s := t.t.src
		if s == nil {
			return
		}
		s.taps = slices.DeleteFunc(s.taps, func(o *tap) bool { return o == t.t })
		t.t.lose()
		t.t.src = nil
		s.updateDemand(packet.Now())
		if s.maker == nil && s.unused() {
			s.forget()
			delete(s.r.sources, s.info.Key)
		}
	})
}

// lose ends the flow, not the wish.
func (t *tap) lose() {
	t.current, t.target, t.askedAt, t.gen, t.first = nil, nil, 0, 0, 0
	t.idle, t.wants = 0, false
	t.chooser.aim, t.chooser.current = aim{}, nil
}

// aims reports whether the tap wants a layer to be made.
func (t *tap) aims(u *upTrack) bool {
	if t.cfg.Passive && !t.wants {
		return false
	}
	return t.current == u || t.target == u || t.chooser.aims(u)
}

// choose picks the layer to wait for.
func (t *tap) choose(now packet.Time) {
	if t.src == nil || t.src.maker == nil {
		return
	}
	t.notice(now)
	want := t.best(now)
	if want == nil || want == t.current {
		t.target = nil
		return
	}
	t.target = want
	// A layer that has gone silent since may be followed by the past of another: nothing would be there twice.
	if (t.current == nil || t.current.last < want.cache.keyTime) && t.fromPast(want) {
		return
	}
	if t.src.info.Kind == track.Video && (t.askedAt == 0 || now.Sub(t.askedAt) > tapRetry) {
		t.askedAt = now
		want.requestKeyframe(now, false)
	}
}

// notice keeps count of whether others want something of the source.
func (t *tap) notice(now packet.Time) {
	if !t.cfg.Passive {
		return
	}
	others := slices.ContainsFunc(t.src.slots, func(s *slot) bool { return s.current != nil || s.target != nil || s.aim.up != nil }) ||
		slices.ContainsFunc(t.src.taps, func(o *tap) bool { return o != t && !o.cfg.Passive })
	switch {
	case others:
		t.idle, t.wants = 0, false
	case t.idle == 0:
		t.idle = now
	case now.Sub(t.idle) >= passiveAfter && !t.cfg.Never:
		t.wants = true
	}
}

// best is the layer to take now; nil while a passive tap sees none flow.
func (t *tap) best(now packet.Time) *upTrack {
	var room [4]layer.State
	states := t.src.present(room[:0], now)
	if t.cfg.Passive && !t.wants {
		for i := len(states) - 1; i >= 0; i-- {
			u := t.src.up(states[i].Layer)
			if u.last != 0 && now.Sub(u.last) < layerSilent {
				return u
			}
		}
		return t.current
	}
	t.chooser.opts.Size = t.cfg.Size
	if t.cfg.Passive {
		t.chooser.opts.Size = Middle
	}
	t.chooser.current = t.current
	i := t.chooser.aimed(states, now)
	if i < 0 {
		return nil
	}
	return t.src.up(states[i].Layer)
}

// fromPast begins with the cached keyframe, however old: a recorder has no hurry.
func (t *tap) fromPast(u *upTrack) bool {
	c := &u.cache
	if c.key == 0 || c.key < c.oldest() {
		return false
	}
	b := c.get(c.key)
	if b == nil || b.Gen != u.gen {
		return false
	}
	from := c.key
	if u == t.lastUp && u.gen == t.lastGen {
		from = max(from, t.lastSeq+1)
	}
	if from > c.highest {
		return false
	}
	t.begin(u, b)
	for seq := from; seq <= c.highest; seq++ {
		if b := c.get(seq); b != nil {
			t.write(b)
		}
	}
	return true
}

// begin takes b as the first packet of its layer or Gen.
func (t *tap) begin(u *upTrack, b *packet.Buffer) {
	t.current, t.target, t.askedAt = u, nil, 0
	t.first, t.gen = b.Seq, b.Gen
	if t.cfg.OnLayer != nil {
		t.cfg.OnLayer(u.layer)
	}
}

// offer gives the tap a packet that has just come in.
func (t *tap) offer(u *upTrack, b *packet.Buffer, now packet.Time) {
	if u != t.current && u != t.target {
		if t.current != nil || t.target != nil {
			return
		}
		if t.choose(now); u != t.target {
			return // nothing flowed before, or the past has given this packet already
		}
	}
	if u != t.current || b.Gen != t.gen {
		if u == t.current && int32(b.Gen-t.gen) < 0 {
			return
		}
		if t.src.info.Kind == track.Video && !b.Is(packet.Keyframe) {
			u.requestKeyframe(now, false)
			return
		}
		t.begin(u, b)
	}
	if b.Seq >= t.first {
		t.write(b)
	}
}

func (t *tap) write(b *packet.Buffer) {
	if t.lastUp != t.current || t.lastGen != b.Gen {
		t.lastSeq = 0
	}
	t.lastUp, t.lastGen, t.lastSeq = t.current, b.Gen, max(t.lastSeq, b.Seq)
	t.one[0] = b
	t.cfg.Down.Write(t.one[:])
	t.one[0] = nil
}
