package lesson

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tongke/signaling/protocol"
)

// watcher is somebody of this box who looks at a lesson.
type watcher struct {
	f    func(protocol.Event)
	gone atomic.Bool
}

// said is a room of this box and what was sent of it.
type said struct {
	p     protocol.Presence
	dirty bool
	sent  time.Time
	gone  time.Time // since when nobody is there
}

// heldBy is the link that a room is heard by; "" is this box.
type heldBy struct {
	link string
	at   time.Time
}

// view is one lesson as the hub holds it: the lesson itself where this box owns it, else the mirror of what its owner says.
type view struct {
	id   string
	live *Live

	mirror protocol.State
	heard  time.Time // the owner's last word, for mirrors; at first when the view was made

	used     time.Time
	watchers map[*watcher]bool
	links    map[string]time.Time // that look at it: when they last said so
	held     map[string]heldBy    // by room
	own      map[string]*said     // rooms of this box

	teaching string            // the lead's box as last told
	told     version           // to links and watchers
	phase    protocol.Phase    // as told
	floor    []protocol.Holder // as told
	stale    bool              // as told
	force    bool              // tell it although the version is the same
	flushed  time.Time
	levelAt  time.Time
	beatAt   time.Time
	expectAt time.Time
	tickAt   time.Time
	writes   bucket
	saved    version
	savedAt  time.Time
}

func newView(id string, now time.Time) *view {
	return &view{id: id, used: now, heard: now, watchers: map[*watcher]bool{}, links: map[string]time.Time{}, held: map[string]heldBy{}, own: map[string]*said{}}
}

func of(s protocol.State) version { return version{s.Epoch, s.Rev} }

// version is of what the view holds now.
func (v *view) version() version {
	if v.live != nil {
		return of(v.live.kept.State)
	}
	return of(v.mirror)
}

func (v *view) ended() bool {
	if v.live != nil {
		return v.live.Phase() == protocol.Ended
	}
	return v.mirror.State == protocol.Ended
}

// state is what a watcher here is told.
func (v *view) state() (protocol.State, bool) {
	if v.live != nil {
		return v.live.State().Fit(), true
	}
	return clone(v.mirror), v.mirror.ID != ""
}

// finish ends the lesson because its record did.
func (v *view) finish(now time.Time) {
	if v.live != nil {
		v.live.end(now)
		return
	}
	if v.mirror.State != protocol.Ended {
		v.mirror.State, v.mirror.EndedAt, v.mirror.Floor = protocol.Ended, protocol.At(now), []protocol.Holder{}
		v.force = true
	}
}

// tick does what time asks of one lesson.
func (v *view) tick(h *Hub, now time.Time) {
	for link, at := range v.links {
		if now.Sub(at) > interestFor {
			delete(v.links, link)
		}
	}
	if v.live != nil && now.Sub(v.tickAt) >= levelEvery {
		v.tickAt = now
		v.live.Tick(now)
		if h.cfg.Kept != nil {
			v.live.Kept(h.cfg.Kept(v.id))
		}
		if now.Sub(v.expectAt) >= expectEvery {
			v.expectAt = now
			if v.live.abandoned(now) {
				h.reg.giveUp(v.id)
			}
			if rec, ok := h.reg.record(v.id); ok {
				v.live.expect(h.expected(rec.Lesson), now)
			}
		}
	}
	h.tell(v, now)
	if now.Sub(v.beatAt) >= beat {
		v.beatAt = now
		h.beat(v)
	} else if v.live != nil && now.Sub(v.levelAt) >= levelEvery {
		if levels := v.live.Levels(); levels != nil {
			v.levelAt = now
			h.pulse(v, levels)
		}
	}
	if v.live != nil && now.Sub(v.savedAt) >= writeBehind && v.saved != v.version() {
		h.saver.offer(v.id, v.live.kept.clone())
		v.saved, v.savedAt = v.version(), now
	}
}

// beat says once a second what the other side must not stop hearing.
func (h *Hub) beat(v *view) {
	if v.live != nil {
		h.pulse(v, v.live.Levels())
		return
	}
	rec, ok := h.reg.record(v.id)
	if !ok || rec.Via == "" || v.ended() || len(v.watchers)+len(v.own)+len(v.links) == 0 {
		return
	}
	h.reg.sendTo(rec.Via, protocol.Watch{Lesson: v.id, Epoch: v.mirror.Epoch, Rev: v.mirror.Rev})
}

// tell sends what this box knows of its own rooms to the owner.
func (h *Hub) tell(v *view, now time.Time) {
	for room, s := range v.own {
		if since := now.Sub(s.sent); since < changeEvery || !s.dirty && since < beat {
			continue
		}
		s.dirty, s.sent = false, now
		if !s.gone.IsZero() && now.Sub(s.gone) > goneRestated {
			delete(v.own, room)
		}
		if held := v.held[room]; held.link != "" && now.Sub(held.at) <= lostAfter {
			continue // its own box speaks for it; a page of it that came to this box acts all the same
		}
		v.held[room] = heldBy{"", now}
		if v.live != nil {
			v.live.Presence(s.p, now)
		} else if rec, ok := h.reg.record(v.id); ok && rec.Via != "" && !v.ended() {
			p := s.p
			p.Known = v.known(room)
			h.reg.sendTo(rec.Via, protocol.PresenceFrame{Lesson: v.id, Hops: 1, Room: p})
		}
	}
}

// known is what the owner last said of a room.
func (v *view) known(room string) *protocol.Known {
	if v.mirror.Epoch == 0 {
		return nil
	}
	k := &protocol.Known{Epoch: v.mirror.Epoch, Rev: v.mirror.Rev}
	for _, r := range v.mirror.Rooms {
		if r.Room == room {
			k.Hand = r.Hand
		}
	}
	for _, f := range v.mirror.Floor {
		if f.Room == room {
			k.Floor, k.Second = f.Since, f.Second
		}
	}
	return k
}

// urgent reports whether what changed must not wait: where the lesson stands, and who has the floor. People change those, and not often.
func (v *view) urgent() bool {
	s := &v.mirror
	if v.live != nil {
		s = &v.live.kept.State
	}
	return s.State != v.phase || !slices.Equal(s.Floor, v.floor)
}

// flush tells everybody of what changed, each lesson 20 times a second at most, what is urgent at once.
func (h *Hub) flush(now time.Time) {
	rooms := false
	for _, v := range h.views {
		if v.live == nil {
			v.mirror.Stale = now.Sub(v.heard) > staleAfter && !v.ended()
		}
		stale := v.live == nil && v.mirror.Stale
		if v.version() == v.told && stale == v.stale && !v.force || now.Sub(v.flushed) < flushEvery && !v.urgent() {
			continue
		}
		changed := v.version() != v.told
		v.told, v.stale, v.flushed, v.force = v.version(), stale, now, false
		rooms = h.publish(v, changed) || rooms
	}
	if rooms {
		h.roomsChanged()
	}
}

// publish tells one lesson to links and watchers, and reports whether rooms may belong elsewhere now.
func (h *Hub) publish(v *view, changed bool) (rooms bool) {
	s, ok := v.state()
	if !ok {
		return false
	}
	v.phase, v.floor = s.State, s.Floor
	h.mu.Lock()
	old := h.snapshots[v.id]
	h.snapshots[v.id] = s
	h.mu.Unlock()
	if v.live != nil && changed {
		for link := range v.links {
			h.reg.sendTo(link, protocol.StateFrame{Lesson: s, Hops: 1})
		}
	}
	for w := range v.watchers {
		if !w.gone.Load() {
			w.f(clone(s))
		}
	}
	if s.Lead != nil && s.Lead.Box != v.teaching {
		v.teaching = s.Lead.Box
		if h.cfg.Teaching != nil {
			h.cfg.Teaching(v.id, v.teaching)
		}
	}
	removed := func(s protocol.State) (n int) {
		for _, r := range s.Rooms {
			if r.State == protocol.RoomRemoved {
				n++
			}
		}
		return n
	}
	return old.State != s.State || removed(old) != removed(s)
}

func (h *Hub) pulse(v *view, levels map[string]int) {
	p := protocol.Pulse{Lesson: v.id, Epoch: v.live.kept.State.Epoch, Rev: v.live.kept.State.Rev, Hops: 1, Rooms: levels}
	for link := range v.links {
		h.reg.sendTo(link, p)
	}
	h.levels(v, levels)
}

// levels tells watchers how loud the floor is.
func (h *Hub) levels(v *view, levels map[string]int) {
	if len(levels) == 0 {
		return
	}
	for w := range v.watchers {
		if !w.gone.Load() {
			w.f(protocol.Level{Rooms: maps.Clone(levels)})
		}
	}
}
