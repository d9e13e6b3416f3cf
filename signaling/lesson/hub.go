package lesson

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

const (
	flushEvery   = 50 * time.Millisecond // states go out 20 times a second at most
	levelEvery   = 200 * time.Millisecond
	changeEvery  = 100 * time.Millisecond // a room's presence, at changes
	beat         = time.Second            // presence, watch and pulse when nothing changes
	idleEvery    = time.Second
	writeBehind  = 500 * time.Millisecond
	staleAfter   = 2 * time.Second
	interestFor  = 5 * time.Second
	expectEvery  = 10 * time.Second
	actWait      = 3 * time.Second
	afterEnd     = 20 * time.Minute // an ended lesson is remembered: its last word, how it went
	goneRestated = 30 * time.Second // a room that left is told of, should the owner not have heard it
	joinBefore   = 20 * time.Second // a planned lesson lets rooms in
	nextWithin   = 6 * time.Hour    // what a room has next on the same day
	heldFor      = time.Minute
	maxRoutes    = 1024
)

// errStopped means that the hub's Run has ended.
var errStopped = errors.New("the hub has ended")

// HubConfig is what the hub needs to know of its box.
type HubConfig struct {
	Registry *Registry
	Log      *slog.Logger
	Keep     bool // there is a recorder that can keep
	// Kept says whether something of a lesson is really being kept here. It must not block. nil: never.
	Kept func(lesson string) bool
	// MayTeach says whether somebody at a child may teach a lesson that this box owns; the parent's side always may. It is called from the
	// hub's goroutine. nil: nobody.
	MayTeach func(lesson, box string) bool
	// Teaching is told which box a lesson is taught at, whenever that changes: the origin of what rooms are shown as the teacher. It is
	// called from the hub's goroutine and must not block. nil: nobody asks.
	Teaching func(lesson, box string)
	// ClockOffset is what the box's clock lacks to the right time, as far as that is known. It must not block. nil: nothing.
	ClockOffset func() time.Duration
	// RoomName is how people call a room, "" if it is not known here. nil: names come with the rooms.
	RoomName func(room string) string
}

// Hub is the live lessons of a box: those that it owns, and the mirrors of the others that somebody here, or a box beyond, looks at.
//
// One goroutine, Run, owns everything but the snapshots. Calls from others come to it as funcs.
type Hub struct {
	cfg   HubConfig
	box   string
	reg   *Registry
	saver *saver

	calls   chan func()
	stopped chan struct{} // closed at Run's end
	wake    chan struct{}

	mu        sync.Mutex
	posted    []func()
	snapshots map[string]protocol.State // as last told, by lesson

	// Run's own from here on.
	views    map[string]*view
	early    map[string]map[*watcher]bool // of lessons that are not known here: media of one may come before its record
	routes   map[route]back
	pending  map[string]waiting // acts of this box, by id
	nextAct  uint64
	life     string // tells this process's acts from an earlier one's
	rooms    map[int]func()
	nextRoom int
	place    place
}

// NewHub makes the hub of a registry and takes up the lessons that this box owned when it ended.
func NewHub(cfg HubConfig) (*Hub, error) {
	h := &Hub{
		cfg: cfg, box: cfg.Registry.cfg.Box, reg: cfg.Registry, saver: newSaver(cfg.Registry.store),
		calls: make(chan func()), stopped: make(chan struct{}), wake: make(chan struct{}, 1),
		snapshots: map[string]protocol.State{}, views: map[string]*view{}, early: map[string]map[*watcher]bool{}, routes: map[route]back{}, pending: map[string]waiting{},
		life: newID(), rooms: map[int]func(){},
	}
	old, err := h.saver.load(func(id string) bool { _, ok := h.reg.Open(id); return ok })
	if err != nil {
		return nil, err
	}
	now := time.Now()
	h.place.read(h.reg.store, now)
	for id, k := range old {
		if rec, ok := h.reg.record(id); ok && rec.Via == "" {
			h.own(rec.Lesson, &k, now)
		}
	}
	h.reg.hub = h
	h.reg.Watch(func(l Lesson) { h.post(func() { h.recordChanged(l.ID) }) })
	return h, nil
}

// record is a lesson's record, whatever its state.
func (r *Registry) record(id string) (record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[id]
	return rec, ok
}

// sendTo sends a frame to the box at the other end of a link; false if there is no link.
func (r *Registry) sendTo(box string, m protocol.Message) bool {
	r.mu.Lock()
	p := r.peers[box]
	r.mu.Unlock()
	if p == nil {
		return false
	}
	r.send(p, m)
	return true
}

// linked reports whether the link to a box is up.
func (r *Registry) linked(box string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers[box] != nil
}

// Run lives until ctx ends; what is not written by then is written.
func (h *Hub) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(h.stopped)
	defer h.saveAll()
	writer, stop := context.WithCancel(context.Background())
	defer stop()
	wg.Go(func() { h.saver.run(writer, h.cfg.Log) }) // ends by stop, before the last saveAll returns nothing is lost: both go through the saver
	every := idleEvery
	ticker := time.NewTicker(every) // whatever else is to do, it comes again
	defer ticker.Stop()
	for {
		select {
		case f := <-h.calls:
			f()
			h.flush(time.Now())
		case <-h.wake:
			h.runPosted()
			h.flush(time.Now())
		case <-ticker.C:
			h.pass(time.Now())
		case <-ctx.Done():
			return nil
		}
		if pace := h.pace(); pace != every {
			every = pace
			ticker.Reset(every)
		}
	}
}

// pace is how often time is looked at.
func (h *Hub) pace() time.Duration {
	if len(h.views) > 0 || len(h.pending) > 0 {
		return flushEvery
	}
	return idleEvery
}

// post hands Run something to do and does not wait; it may be called with any lock held, and from Run itself.
func (h *Hub) post(f func()) {
	h.mu.Lock()
	h.posted = append(h.posted, f)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *Hub) runPosted() {
	for {
		h.mu.Lock()
		fs := h.posted
		h.posted = nil
		h.mu.Unlock()
		if len(fs) == 0 {
			return
		}
		for _, f := range fs {
			f()
		}
	}
}

// do has Run do something, and waits until it is done.
func (h *Hub) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case h.calls <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-h.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass lets time pass.
func (h *Hub) pass(now time.Time) {
	h.runPosted()
	h.place.read(h.reg.store, now)
	h.expire(now)
	for id, v := range h.views {
		if h.over(v, now) {
			h.forget(id)
			continue
		}
		v.tick(h, now)
	}
	h.flush(now)
}

// over reports whether nobody needs a view any more.
func (h *Hub) over(v *view, now time.Time) bool {
	if len(v.watchers) > 0 {
		return false
	}
	if v.live != nil {
		s := &v.live.kept.State
		return s.State == protocol.Ended && now.Sub(s.EndedAt.Time()) > afterEnd
	}
	return len(v.own) == 0 && len(v.links) == 0 && now.Sub(v.used) > interestFor
}

func (h *Hub) forget(id string) {
	delete(h.views, id)
	h.mu.Lock()
	delete(h.snapshots, id)
	h.mu.Unlock()
	h.saver.drop(id)
}

// view finds or makes the hub's view of a lesson that the registry knows; nil if it does not.
func (h *Hub) view(id string, now time.Time) *view {
	if v := h.views[id]; v != nil {
		v.used = now
		return v
	}
	rec, ok := h.reg.record(id)
	switch {
	case !ok || rec.Lesson.State == protocol.Ended:
		return nil
	case rec.Via == "":
		return h.own(rec.Lesson, nil, now)
	}
	v := newView(id, now)
	v.mirror = unheard(rec.Lesson)
	h.views[id] = v
	return v
}

// own begins a lesson of this box.
func (h *Hub) own(l Lesson, old *kept, now time.Time) *view {
	v := newView(l.ID, now)
	v.live = newLive(l, old, h.place.here(h.cfg.RoomName), now)
	v.live.keep = h.cfg.Keep
	v.live.expect(h.expected(l), now)
	h.views[l.ID] = v
	return v
}

// expected is the rooms that a lesson names, or, of one for all, those of the boxes below.
func (h *Hub) expected(l Lesson) []expected {
	var rooms []expected
	for _, m := range l.Campuses {
		rooms = append(rooms, expected{room: m, name: h.roomName(m), seen: h.place.seen(m), online: h.online(m)})
	}
	if l.Campuses == nil {
		children := slices.Clone(h.place.children)
		slices.SortStableFunc(children, func(a, b store.Child) int { return a.Joined.Compare(b.Joined) })
		for _, c := range children {
			room := roomOf(c)
			rooms = append(rooms, expected{room: room, name: h.roomName(room), seen: c.LastSeen, online: h.reg.linked(c.ID)})
		}
	}
	return rooms
}

// online reports whether the box of a room below is linked now.
func (h *Hub) online(room string) bool {
	return slices.ContainsFunc(h.place.children, func(c store.Child) bool {
		return (c.CampusID == room || roomOf(c) == room) && h.reg.linked(c.ID)
	})
}

func (h *Hub) roomName(room string) string {
	if h.cfg.RoomName == nil {
		return ""
	}
	return h.cfg.RoomName(room)
}

// recordChanged follows the registry: a lesson is new, was changed, is over, or is heard of from elsewhere.
func (h *Hub) recordChanged(id string) {
	now := time.Now()
	rec, ok := h.reg.record(id)
	if early := h.early[id]; early != nil {
		if v := h.view(id, now); v != nil {
			delete(h.early, id)
			for w := range early {
				v.watch(w)
			}
		}
	}
	if v := h.views[id]; v != nil && ok {
		switch ours := rec.Via == ""; {
		case rec.Lesson.State == protocol.Ended:
			v.finish(now)
		case ours != (v.live != nil) || v.live != nil && v.ended(): // another owner, or the id anew
			watchers := v.watchers
			delete(h.views, id)
			h.saver.drop(id)
			if v = h.view(id, now); v != nil { // else it has just ended
				v.watchers = watchers
			}
		case v.live != nil:
			v.live.describe(rec.Lesson)
			v.live.expect(h.expected(rec.Lesson), now)
		case v.mirror.Epoch == 0:
			v.mirror = unheard(rec.Lesson)
		}
	}
	h.roomsChanged()
}

func (h *Hub) roomsChanged() {
	for _, k := range slices.Sorted(maps.Keys(h.rooms)) {
		h.rooms[k]()
	}
}

// State is a lesson's state as it was last told here; of one that nobody looks at, what its record says.
func (h *Hub) State(id string) (protocol.State, bool) {
	h.mu.Lock()
	s, ok := h.snapshots[id]
	h.mu.Unlock()
	if ok {
		return clone(s), true
	}
	rec, ok := h.reg.record(id)
	if !ok {
		return protocol.State{}, false
	}
	return unheard(rec.Lesson), true
}

// unheard is what can be said of a lesson by its record alone.
func unheard(l Lesson) protocol.State {
	s := newLive(l, nil, protocol.RoomRef{}, time.Time{}).State()
	s.Epoch, s.Rev, s.Stale = 0, 0, true
	if l.State == protocol.Ended {
		s.State, s.EndedAt = protocol.Ended, protocol.At(l.Ended)
	}
	return s
}
