package relay

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"tongke/media/packet"
	"tongke/media/track"
)

// SubscriberConfig describes a connection that takes media.
type SubscriberConfig struct {
	Name  string
	Slots []SlotConfig
	Exact bool // the far end is a box: numbers differ by constants only, one layer a binding, source timestamps in replays
}

// Subscriber is a connection and its slots.
type Subscriber struct {
	r     *Relay
	name  string
	exact bool
	slots []*slot
	twcc  uint16
	gone  bool
}

// Subscribe makes a connection's slots known; they are unbound.
func (r *Relay) Subscribe(cfg SubscriberConfig) (*Subscriber, error) {
	sub := &Subscriber{r: r, name: cfg.Name, exact: cfg.Exact}
	for _, c := range cfg.Slots {
		rate := uint32(48000)
		if c.Kind == track.Video {
			rate = 90000
		}
		s := &slot{sub: sub, cfg: c, w: newRewriter(rate, cfg.Exact), credit: maxRetransmits / 4}
		s.out.init(&s.cfg)
		s.pli = bucket{level: pliBurst, size: pliBurst, every: pliEvery}
		if cfg.Exact {
			s.pli = bucket{level: pliBurst, size: pliBurst, every: pliEveryBox} // it asks for all who watch behind it
		}
		sub.slots = append(sub.slots, s)
	}
	return sub, r.call(func() { r.subs[sub] = struct{}{} })
}

// Bind makes a slot follow a source, present or not, until Unbind or another Bind. A key without an origin means the box that teaches.
func (s *Subscriber) Bind(slot int, key track.Key, o BindOptions) {
	s.r.do(func() {
		if !s.gone {
			s.slots[slot].bind(key, o, packet.Now())
		}
	})
}

// Unbind empties a slot.
func (s *Subscriber) Unbind(slot int) {
	s.r.do(func() { s.slots[slot].unbind() })
}

// HandleRTCP takes what the peer says of a slot: NACK, PLI, FIR, receiver reports. The packets are given away.
func (s *Subscriber) HandleRTCP(slot int, p []rtcp.Packet) {
	s.r.do(func() {
		if !s.gone {
			s.slots[slot].handleRTCP(p, packet.Now())
		}
	})
}

// Close ends the subscription. When it returns the sinks are not called any more.
func (s *Subscriber) Close() {
	_ = s.r.call(func() {
		s.gone = true
		for _, sl := range s.slots {
			sl.unbind()
		}
		delete(s.r.subs, s)
	})
}

func (s *Subscriber) tick(now packet.Time) {
	for _, sl := range s.slots {
		sl.tick(now)
	}
}

// nextTWCC counts the packets of the connection, sound and pictures together.
func (s *Subscriber) nextTWCC() uint16 {
	s.twcc++
	return s.twcc
}

// find is the source that a key means now: itself, or for a key without an origin the teaching box's. While that box has none, it is
// the first other box's that teaches, which means that it shows a teacher or a board: no classroom that only listens is ever meant.
func (r *Relay) find(k track.Key) *source {
	if k.Lesson == "" {
		return nil
	}
	if k.Origin != "" {
		return r.source(k)
	}
	l := r.lesson(k.Lesson)
	if s := r.sources[track.Key{Lesson: k.Lesson, Origin: l.teaching, Source: k.Source}]; s != nil && s.maker != nil {
		return s
	}
	for _, other := range l.order {
		if other.Source == k.Source && (l.teaching == "" || l.teaches(other.Origin)) {
			return r.sources[other]
		}
	}
	return nil
}

// teaches reports whether a box shows a teacher or a board in the lesson.
func (l *lessonState) teaches(origin string) bool {
	return slices.ContainsFunc(l.order, func(k track.Key) bool {
		return k.Origin == origin && (k.Source == track.Teacher || k.Source == track.Board)
	})
}

// resolve looks again at the slots of a lesson that named no origin.
func (r *Relay) resolve(lesson string) {
	now := packet.Now()
	for sub := range r.subs {
		for _, sl := range sub.slots {
			if sl.key.Lesson == lesson && sl.key.Origin == "" {
				if to := r.find(sl.key); to != nil && to != sl.src {
					sl.attach(now)
				}
			}
		}
	}
}

// bucket is a token bucket.
type bucket struct {
	level, size float64
	every       time.Duration // one token
	at          packet.Time
}

func (b *bucket) fill(now packet.Time) {
	if b.at != 0 {
		b.level = min(b.size, b.level+float64(now.Sub(b.at))/float64(b.every))
	}
	b.at = now
}

func (b *bucket) take(now packet.Time) bool {
	b.fill(now)
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
