package timetable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

const (
	ahead = 7 // days after today whose lessons are made
	every = time.Minute

	keyCurrent = "current"
	keyApplied = "applied" // lesson id → mark of what was handed to the registry
	createdBy  = "timetable"
)

var (
	plans = store.TableOf[Timetable](store.BucketTimetable)
	marks = store.TableOf[map[string]string](store.BucketTimetable)
)

var (
	// ErrChanged means that the plan is another one than the preview was made against.
	ErrChanged = errors.New("the timetable changed meanwhile: look at the preview again")
	// ErrFaults means that the files have faults.
	ErrFaults = errors.New("the files have faults")
	// ErrEmpty means that no file was given.
	ErrEmpty = errors.New("no file was given")
)

// Config is what a Keeper leans on.
type Config struct {
	Store   *store.Store
	Lessons *lesson.Registry
	Log     *slog.Logger
}

// Keeper holds the plan and keeps the registry in step with it. Its methods may be used from any goroutine.
type Keeper struct {
	cfg  Config
	wake chan struct{}

	mu sync.Mutex // one import or pass at a time
}

// NewKeeper starts nothing; Run does.
func NewKeeper(cfg Config) *Keeper { return &Keeper{cfg: cfg, wake: make(chan struct{}, 1)} }

// Run brings the registry up to the plan each minute and after each import, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := k.Pass(time.Now()); err != nil {
			k.cfg.Log.Warn("timetable not applied", "err", err)
		}
		select {
		case <-tick.C:
		case <-k.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Current is the plan; empty before the first import.
func (k *Keeper) Current() (t Timetable, err error) {
	err = k.cfg.Store.View(func(tx *store.Tx) error {
		t, err = plans.Get(tx, keyCurrent)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Timetable{}, nil
	}
	return t, err
}

// Preview says what an import would do.
func (k *Keeper) Preview(in Files) (Preview, error) {
	if in.Entries == nil && in.Bells == nil {
		return Preview{}, ErrEmpty
	}
	old, err := k.Current()
	if err != nil {
		return Preview{}, err
	}
	place, err := k.place()
	if err != nil {
		return Preview{}, err
	}
	next, p := Import(old, in, place)
	hints, err := k.strangers(next, in)
	p.Hints = append(p.Hints, hints...)
	return p, err
}

// strangers names teachers of the file who cannot sign in, each once: a name that is misspelt would see no lesson.
func (k *Keeper) strangers(t Timetable, in Files) (hints []Fault, err error) {
	if in.Entries == nil {
		return nil, nil
	}
	said := map[string]bool{}
	err = k.cfg.Store.View(func(tx *store.Tx) error {
		for _, e := range t.Entries {
			_, err := store.Users.Get(tx, e.Teacher)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err != nil && !said[e.Teacher] && len(hints) < maxFaults {
				said[e.Teacher] = true
				hints = append(hints, Fault{File: EntriesFile, Line: e.Line, Code: "teacher-unknown", Value: e.Teacher})
			}
		}
		return nil
	})
	return hints, err
}

// place knows the rooms that have a box: this one and those below.
func (k *Keeper) place() (Place, error) {
	m, err := k.cfg.Store.Meta()
	if err != nil {
		return nil, err
	}
	children, err := k.cfg.Store.Children()
	if err != nil {
		return nil, err
	}
	rooms := []Room{{m.CampusID, m.Classroom}}
	for _, c := range children {
		rooms = append(rooms, Room{c.CampusID, c.Classroom})
	}
	return Rooms(rooms, map[string]string{m.CampusID: m.CampusName}), nil
}

// Apply makes the files the plan, if it still is the one of that revision and they have no fault.
func (k *Keeper) Apply(in Files, revision uint64) (Preview, error) {
	if in.Entries == nil && in.Bells == nil {
		return Preview{}, ErrEmpty
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old, err := k.Current()
	if err != nil {
		return Preview{}, err
	}
	if old.Revision != revision {
		return Preview{}, ErrChanged
	}
	place, err := k.place()
	if err != nil {
		return Preview{}, err
	}
	next, p := Import(old, in, place)
	if len(p.Faults) > 0 {
		return p, ErrFaults
	}
	if err := k.cfg.Store.Update(func(tx *store.Tx) error { return plans.Put(tx, keyCurrent, next) }); err != nil {
		return p, fmt.Errorf("keep timetable: %w", err)
	}
	k.cfg.Log.Info("timetable imported", "revision", next.Revision, "entries", len(next.Entries), "added", p.Added, "changed", p.Changed, "removed", p.Removed)
	select {
	case k.wake <- struct{}{}:
	default: // a pass is due anyway
	}
	return p, nil
}

// Pass makes, changes and takes back planned lessons so that the registry has what the plan says of today and the coming week. What has
// begun, and what a person ended, is left alone.
func (k *Keeper) Pass(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, err := k.Current()
	if err != nil {
		return fmt.Errorf("read timetable: %w", err)
	}
	if t.Revision == 0 {
		return nil
	}
	applied, err := k.applied()
	if err != nil {
		return err
	}
	m, err := k.cfg.Store.Meta()
	if err != nil {
		return err
	}
	home := Room{m.CampusID, m.Classroom}
	want := map[string]lesson.Spec{}
	today := DateOf(now)
	var errs []error
	changed := false
	for d := today; d <= today+ahead; d++ {
		for _, o := range Occurrences(t, d) { // the nearest first: a registry that is full lacks the farthest
			spec := spec(o, home)
			want[o.ID] = spec
			if !o.End.After(now) {
				continue
			}
			did, err := k.put(applied, spec, now)
			if err != nil {
				errs = append(errs, fmt.Errorf("lesson %s: %w", o.ID, err))
			}
			changed = changed || did
		}
	}
	for id := range applied {
		if _, still := want[id]; still {
			continue
		}
		if l, ok := k.cfg.Lessons.Get(id); ok && l.State == protocol.Planned && l.CreatedBy == createdBy {
			if _, err := k.cfg.Lessons.End(id); err != nil {
				errs = append(errs, fmt.Errorf("lesson %s: %w", id, err))
				continue
			}
		}
		delete(applied, id)
		changed = true
	}
	if changed {
		errs = append(errs, k.cfg.Store.Update(func(tx *store.Tx) error { return marks.Put(tx, keyApplied, applied) }))
	}
	return errors.Join(errs...)
}

func (k *Keeper) applied() (m map[string]string, err error) {
	err = k.cfg.Store.View(func(tx *store.Tx) error {
		m, err = marks.Get(tx, keyApplied)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && m == nil {
		return map[string]string{}, nil
	}
	return m, err
}

// put brings one lesson into the registry; did reports a new mark.
func (k *Keeper) put(applied map[string]string, spec lesson.Spec, now time.Time) (did bool, err error) {
	m := mark(spec)
	l, there := k.cfg.Lessons.Get(spec.ID)
	switch {
	case applied[spec.ID] == m && there:
		return false, nil // as it should be, or a person changed or ended it since
	case there && l.State == protocol.Live:
		return false, nil // has begun
	case there && l.State == protocol.Ended && applied[spec.ID] != "" && !spec.Start.After(now):
		return false, nil // was held already
	case there && l.State == protocol.Planned && l.CreatedBy != createdBy:
		return false, nil // somebody's own lesson has the name
	case there && l.State == protocol.Planned:
		if _, err := k.cfg.Lessons.End(spec.ID); err != nil {
			return false, err
		}
	}
	if _, err := k.cfg.Lessons.Create(spec, createdBy); err != nil {
		return false, err
	}
	applied[spec.ID] = m
	return true, nil
}

// spec is an occurrence as the registry takes it. The master classroom is named too, so that its screen enters, unless it is the box's
// own: that attends every lesson of the box.
func spec(o Occurrence, home Room) lesson.Spec {
	members := protocol.Campuses{}
	if o.Entry.Master != home && o.Entry.Master != (Room{Campus: home.Campus}) {
		members = append(members, o.Entry.Master.String())
	}
	for _, m := range o.Entry.Members {
		members = append(members, m.Room.String())
	}
	s := lesson.Spec{
		ID: o.ID, Title: o.Entry.Title(), Subject: o.Entry.Subject, Teacher: o.Entry.Teacher, Campuses: members, Start: o.Start, End: o.End,
		Profile: o.Entry.Profile,
	}
	if o.Entry.Kept != "" {
		s.Record, s.Scope = protocol.RecordKeep, o.Entry.Kept
	}
	return s
}

func mark(spec lesson.Spec) string {
	data, err := json.Marshal(spec)
	if err != nil {
		return "" // a Spec is plain values
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
