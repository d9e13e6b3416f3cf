// Package lesson knows the lessons: their records, of this box and the mirror of all others in the tree of boxes, and what happens in those
// that people are in. The frames are those of signaling/protocol.
//
// The Registry owns the records (bucket "lessons"). What changes one is on disk before the caller is answered; who publishes at the moment
// is only in memory. cmd gives it the links to other boxes (LinkUp, Frame) and tells it which publishers there are.
//
// The Hub owns the live lessons (bucket "live"): a Live for each lesson of this box, and a mirror of the others'. One goroutine, Run, owns
// them all. Who may do what, and when, stands in one table (rules); a lesson moves by one function (transition):
//
//	planned ──somebody comes──▶ waiting ──上课──▶ live ──bell──▶ over
//	   └────────────上课────────────────────────▶  ▲              │
//	                                               └──5 minutes───┘
//	any of them ──下课, or its record ends──▶ ended
//
// Nothing here starts by itself: both end with the ctx of their Run.
package lesson

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// Lesson is the record that all boxes share.
type Lesson = protocol.Lesson

const (
	idleEnd  = 60 * time.Second // a lesson made by a publisher ends this long after its last one left
	overrun  = 10 * time.Minute // a lesson with an end ends this long after it, once nobody publishes
	reopen   = 60 * time.Second // an encoder that redials does not make a lesson anew that a person just ended
	staleEnd = 12 * time.Hour   // the mirror of a lesson whose owner was not heard of for this long is over
	askWait  = 2 * time.Second

	clockSlack = 30 * time.Second // a clock that goes back by more was wrong before

	maxEnded   = 500 // ended lessons that are remembered
	maxOwn     = 500 // lessons of this box that have not ended
	maxMirrors = 500 // lessons heard from one link
	maxEarly   = 8   // boxes whose frames may come before their link is told of
)

var (
	// ErrUnknown means that neither this box nor the boxes above it know the lesson.
	ErrUnknown = errors.New("no such lesson")
	// ErrExists means that a lesson of that id is planned or live.
	ErrExists = errors.New("a lesson of that id exists")
	// ErrEnded means that the lesson is over.
	ErrEnded = errors.New("the lesson is over")
	// ErrElsewhere means that another box owns the lesson.
	ErrElsewhere = errors.New("the lesson belongs to another box")
	// ErrNoRecorder means that this box cannot keep a recording.
	ErrNoRecorder = errors.New("this box cannot keep recordings yet")
	// ErrTooMany means that the box has as many lessons as it takes.
	ErrTooMany = errors.New("too many lessons")
)

// Invalid is a fault in what a caller asked for.
type Invalid struct{ Field, Text string }

func (e *Invalid) Error() string { return e.Field + ": " + e.Text }

// record is a lesson as this box keeps it.
type record struct {
	Lesson Lesson `json:"lesson"`
	Via    string `json:"via,omitempty"`    // box id of the link's other end, for mirrors
	ByHand bool   `json:"byHand,omitempty"` // ended by a person
	Timed  bool   `json:"timed,omitempty"`  // the clock alone began or ended it

	Feedback map[string]bool `json:"feedback,omitempty"` // how it went, by room; at the owner
}

var table = store.TableOf[record](store.BucketLessons)

// Config is what the registry needs to know of the box.
type Config struct {
	Box  string // box id
	Keep bool   // there is a recorder that can keep
	Log  *slog.Logger
	// Reach is told that Reaches may answer otherwise than before. It must not block. nil: nobody asks.
	Reach func()
	// Boxes takes the frames that are about boxes and not about lessons; parent says from which side. nil: they are refused.
	Boxes func(box string, parent bool, m protocol.Message) error
}

// Registry is the lessons of one box. Its methods may be used from any goroutine.
type Registry struct {
	cfg   Config
	store *store.Store

	write sync.Mutex // held by whoever changes a record, over the disk write; never together with a callback

	telling sync.Mutex // held while the parent is told what is below

	mu         sync.Mutex // held for memory only
	records    map[string]record
	publishers map[string]map[string]bool // lesson id → publishers at this moment
	idle       map[string]time.Time       // lesson id → since when it has none
	peers      map[string]*peer
	gone       map[string]time.Time // box id → since when its link is down
	early      map[string][][]byte  // box id → frames that came before LinkUp
	waiting    map[string][]chan struct{}
	asking     map[string]asked    // lesson id → children who asked
	below      map[string][]string // child's box id → the campuses that it said it leads to
	told       []string            // what the parent was told of ours
	watchers   map[int]func(Lesson)
	nextWatch  int
	hub        *Hub // takes what the frames of live lessons say; nil: nobody does
}

// New reads the lessons of the store.
func New(s *store.Store, cfg Config) (*Registry, error) {
	r := &Registry{
		cfg: cfg, store: s,
		records: map[string]record{}, publishers: map[string]map[string]bool{}, idle: map[string]time.Time{},
		peers: map[string]*peer{}, early: map[string][][]byte{}, gone: map[string]time.Time{}, waiting: map[string][]chan struct{}{}, asking: map[string]asked{},
		watchers: map[int]func(Lesson){}, below: map[string][]string{},
	}
	now := time.Now()
	err := s.View(func(tx *store.Tx) error {
		rows, err := table.All(tx)
		for _, row := range rows {
			r.records[row.Key] = row.Value
			r.idle[row.Key] = now // whoever published must come back
			if via := row.Value.Via; via != "" {
				r.gone[via] = now
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read lessons: %w", err)
	}
	return r, nil
}

// Run ends and begins lessons as time passes, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.pass(time.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

// pass looks at every lesson once.
func (r *Registry) pass(now time.Time) {
	r.mu.Lock()
	var due []record
	for _, rec := range r.records {
		if next := r.nextLocked(rec, now); next != rec.Lesson.State {
			due = append(due, rec)
		}
	}
	for id, a := range r.asking {
		if now.Sub(a.since).Abs() > askWait {
			delete(r.asking, id)
		}
	}
	r.mu.Unlock()
	for _, d := range due {
		err := r.change(d.Lesson.ID, func(rec record, ok bool) (record, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			next := r.nextLocked(rec, now)
			if !ok || next == rec.Lesson.State {
				return rec, errUnchanged
			}
			return rec.moved(next, now), nil
		})
		if err != nil {
			r.cfg.Log.Warn("lesson did not change its state", "lesson", d.Lesson.ID, "err", err)
		}
	}
}

// moved is the record after its lesson came to another state by the clock.
func (rec record) moved(next protocol.Phase, now time.Time) record {
	l := &rec.Lesson
	was := l.State
	l.State, rec.Timed = next, true
	switch {
	case rec.Via != "":
		l.Revision = givenUp
	case was == protocol.Ended: // the id anew
		l.Epoch, l.Revision, l.Ended = l.Epoch+1, 1, time.Time{}
	default:
		l.Revision++
	}
	if next == protocol.Ended {
		l.Ended = now.UTC()
	}
	return rec
}

// nextLocked is the state that a lesson should have at this time. What the clock did while it was ahead is undone once it is right: a board
// that keeps local time is some hours ahead until the network tells the time, and by then the morning's lessons would all be over.
func (r *Registry) nextLocked(rec record, now time.Time) protocol.Phase {
	l := rec.Lesson
	if l.State == protocol.Ended {
		if rec.Via != "" || !rec.Timed || rec.ByHand || l.Ended.Sub(now) <= clockSlack || !now.Before(l.End) {
			return l.State
		}
		if now.Before(l.Start) {
			return protocol.Planned
		}
		return protocol.Live
	}
	if rec.Via != "" {
		if since, down := r.gone[rec.Via]; down && now.Sub(since) > staleEnd {
			return protocol.Ended
		}
		return l.State
	}
	nobody := len(r.publishers[l.ID]) == 0
	idle := now.Sub(r.idle[l.ID])
	switch {
	case l.Implicit && nobody && idle >= idleEnd:
		return protocol.Ended
	case !l.End.IsZero() && now.After(l.End.Add(overrun)) && nobody && idle >= idleEnd: // a clock that jumps ends no lesson that is on
		return protocol.Ended
	case l.State == protocol.Planned && !now.Before(l.Start):
		return protocol.Live
	case rec.Timed && l.State == protocol.Live && l.Start.Sub(now) > clockSlack && nobody:
		return protocol.Planned
	}
	return l.State
}

// Get is a lesson that this box knows, whatever its state.
func (r *Registry) Get(id string) (Lesson, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[id]
	return rec.Lesson, ok
}

// Feedback is how a lesson of this box went, as the assistants of rooms said after it.
func (r *Registry) Feedback(id string) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.records[id].Feedback)
}

// Open is a lesson that has not ended.
func (r *Registry) Open(id string) (Lesson, bool) {
	l, ok := r.Get(id)
	return l, ok && l.State != protocol.Ended
}

// List is every lesson that this box knows, the newest first.
func (r *Registry) List() []Lesson {
	r.mu.Lock()
	all := make([]Lesson, 0, len(r.records))
	for _, rec := range r.records {
		all = append(all, rec.Lesson)
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b Lesson) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Stale reports whether a lesson belongs to a box that cannot be heard at the moment.
func (r *Registry) Stale(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[id]
	return ok && rec.Via != "" && r.peers[rec.Via] == nil
}

// Visible reports whether a classroom attends a lesson. The box that owns it holds the master classroom, which is no member.
func (r *Registry) Visible(l Lesson, campus, classroom string) bool {
	return l.Owner == r.cfg.Box || l.Campuses.Attend(campus, classroom)
}

// Watch calls f for every lesson that changes, until cancel. f must not block; two changes of one lesson may be told in either order, so
// it looks at Epoch and Revision.
func (r *Registry) Watch(f func(Lesson)) (cancel func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nextWatch
	r.nextWatch++
	r.watchers[n] = f
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, n)
	}
}

// PublisherJoined notes a publisher of a lesson, here or anywhere in the tree; its name tells it from others. Twice is once.
func (r *Registry) PublisherJoined(id, publisher string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.publishers[id] == nil {
		r.publishers[id] = map[string]bool{}
	}
	r.publishers[id][publisher] = true
}

// PublisherLeft notes that a publisher went. After the last one a lesson that was made by a publisher ends in 60 s.
func (r *Registry) PublisherLeft(id, publisher string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.publishers[id], publisher)
	if len(r.publishers[id]) == 0 {
		delete(r.publishers, id)
		if r.records[id].Lesson.State != protocol.Ended && r.records[id].Lesson.ID != "" {
			r.idle[id] = time.Now()
		}
	}
}

// Stats is what the figures say of lessons.
type Stats struct {
	Live    int `json:"live"`
	Planned int `json:"planned"`
	Ended   int `json:"ended"`
	Mirrors int `json:"mirrors"` // live or planned, owned by other boxes
}

// Stats counts the lessons.
func (r *Registry) Stats() (s Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.records {
		switch rec.Lesson.State {
		case protocol.Live:
			s.Live++
		case protocol.Planned:
			s.Planned++
		default:
			s.Ended++
			continue
		}
		if rec.Via != "" {
			s.Mirrors++
		}
	}
	return s
}
