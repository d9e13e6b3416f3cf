package lesson

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// errUnchanged ends a change that turned out to be none.
var errUnchanged = errors.New("unchanged")

// change is the one way a record changes: f gets the present one, its answer is put on disk, then into memory, then told to the other
// boxes and the watchers.
func (r *Registry) change(id string, f func(rec record, ok bool) (record, error)) error {
	r.write.Lock()
	r.mu.Lock()
	old, ok := r.records[id]
	r.mu.Unlock()
	rec, err := f(old, ok)
	if err == nil {
		err = r.store.Update(func(tx *store.Tx) error { return table.Put(tx, id, rec) })
	}
	if err != nil {
		r.write.Unlock()
		if errors.Is(err, errUnchanged) {
			return nil
		}
		return err
	}
	r.mu.Lock()
	r.records[id] = rec
	if rec.Lesson.State == protocol.Ended {
		delete(r.idle, id)
	} else if !ok || old.Lesson.Epoch != rec.Lesson.Epoch {
		r.idle[id] = time.Now()
	}
	tell := r.tellLocked(rec)
	r.mu.Unlock()
	r.write.Unlock()
	tell()
	return nil
}

// tellLocked gathers whom a change concerns; the func it returns tells them with no lock held.
func (r *Registry) tellLocked(rec record) func() {
	var message protocol.Message = protocol.LessonPut{Lesson: rec.Lesson}
	if l := rec.Lesson; l.State == protocol.Ended {
		message = protocol.LessonEnd{ID: l.ID, Owner: l.Owner, Epoch: l.Epoch, Revision: l.Revision, Ended: l.Ended}
	}
	var to []*peer
	for id, p := range r.peers {
		if id != rec.Via {
			to = append(to, p)
		}
	}
	var watchers []func(Lesson)
	for _, f := range r.watchers {
		watchers = append(watchers, f)
	}
	waiting := r.waiting[rec.Lesson.ID]
	delete(r.waiting, rec.Lesson.ID)
	delete(r.asking, rec.Lesson.ID) // they get the put
	return func() {
		for _, w := range waiting {
			close(w)
		}
		for _, p := range to {
			r.send(p, message)
		}
		for _, f := range watchers {
			f(rec.Lesson)
		}
	}
}

// Spec is what a caller may say about a new lesson; empty fields get the defaults.
type Spec struct {
	ID       string
	Title    string
	Subject  string
	Teacher  string
	Campuses protocol.Campuses
	Mode     string
	Record   string
	Scope    string
	Profile  string
	Start    time.Time
	End      time.Time
}

// Create makes a lesson that this box owns; by names the caller. It is on disk when Create returns.
func (r *Registry) Create(spec Spec, by string) (Lesson, error) {
	l := Lesson{
		ID: spec.ID, Title: spec.Title, Subject: spec.Subject, Teacher: spec.Teacher, Campuses: spec.Campuses,
		Mode: def(spec.Mode, protocol.ModeSame), Record: def(spec.Record, protocol.RecordBuffer), Scope: def(spec.Scope, protocol.ScopeTeacherBoard), Profile: spec.Profile,
		Start: spec.Start.UTC(), End: spec.End.UTC(), CreatedBy: by,
	}
	if l.ID == "" {
		l.ID = newID()
	}
	l.Teacher = def(l.Teacher, by)
	return r.make(l, false)
}

// OpenForPublisher is the lesson that a publisher may publish into: a known one, else a new one for all campuses that ends 60 s after its
// last publisher. The parent is asked first.
func (r *Registry) OpenForPublisher(ctx context.Context, id, by string) (Lesson, error) {
	l, err := r.Ask(ctx, id)
	if err == nil || !errors.Is(err, ErrUnknown) {
		return l, err
	}
	r.mu.Lock()
	rec, ok := r.records[id]
	r.mu.Unlock()
	if ok && (!rec.Lesson.Implicit || rec.ByHand && time.Since(rec.Lesson.Ended).Abs() < reopen) {
		return Lesson{}, ErrEnded
	}
	l, err = r.make(Lesson{
		ID: id, Title: id, Mode: protocol.ModeSame, Record: protocol.RecordBuffer, Scope: protocol.ScopeTeacherBoard, CreatedBy: by, Implicit: true,
	}, true)
	if errors.Is(err, ErrExists) { // two publishers at once
		if l, ok := r.Open(id); ok {
			return l, nil
		}
	}
	return l, err
}

func (r *Registry) make(l Lesson, implicit bool) (Lesson, error) {
	now := time.Now().UTC()
	l.Owner, l.Created, l.Revision = r.cfg.Box, now, 1
	l.State = protocol.Live
	if l.Start.After(now) {
		l.State = protocol.Planned
	}
	if err := valid(l); err != nil {
		return Lesson{}, err
	}
	if l.Record == protocol.RecordKeep && !r.cfg.Keep {
		return Lesson{}, ErrNoRecorder
	}
	if err := r.room(); err != nil {
		return Lesson{}, err
	}
	err := r.change(l.ID, func(old record, ok bool) (record, error) {
		if ok && old.Lesson.State != protocol.Ended {
			return old, ErrExists
		}
		// By the clock, so that an id comes back above what other boxes remember of it even when this box forgot.
		l.Epoch = max(old.Lesson.Epoch+1, uint64(max(0, now.Unix())))
		return record{Lesson: l, Timed: !l.Start.IsZero()}, nil
	})
	if err != nil {
		return Lesson{}, err
	}
	r.cfg.Log.Info("lesson opened", "lesson", l.ID, "state", string(l.State), "implicit", implicit)
	return l, nil
}

// room forgets the oldest ended lessons and refuses a box's 501st open one.
func (r *Registry) room() error {
	r.write.Lock()
	defer r.write.Unlock()
	r.mu.Lock()
	own := 0
	var ended []record
	for _, rec := range r.records {
		switch {
		case rec.Lesson.State == protocol.Ended:
			ended = append(ended, rec)
		case rec.Via == "":
			own++
		}
	}
	r.mu.Unlock()
	if own >= maxOwn {
		return ErrTooMany
	}
	if len(ended) <= maxEnded {
		return nil
	}
	slices.SortFunc(ended, func(a, b record) int { return a.Lesson.Ended.Compare(b.Lesson.Ended) })
	ended = ended[:len(ended)-maxEnded]
	err := r.store.Update(func(tx *store.Tx) error {
		for _, rec := range ended {
			if err := table.Delete(tx, rec.Lesson.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range ended {
		delete(r.records, rec.Lesson.ID)
	}
	return nil
}

// End ends a lesson that this box owns. Ending an ended one is harmless.
func (r *Registry) End(id string) (Lesson, error) {
	var l Lesson
	err := r.change(id, func(rec record, ok bool) (record, error) {
		l = rec.Lesson
		switch {
		case !ok:
			return rec, ErrUnknown
		case l.Owner != r.cfg.Box:
			return rec, ErrElsewhere
		case l.State == protocol.Ended:
			return rec, errUnchanged
		}
		rec.Lesson.State, rec.Lesson.Ended, rec.ByHand = protocol.Ended, time.Now().UTC(), true
		rec.Lesson.Revision++
		l = rec.Lesson
		return rec, nil
	})
	if err == nil {
		r.cfg.Log.Info("lesson ended", "lesson", id)
	}
	return l, err
}

// giveUp ends a lesson that nobody teaches any more. A publisher may open it anew.
func (r *Registry) giveUp(id string) {
	err := r.change(id, func(rec record, ok bool) (record, error) {
		if !ok || rec.Via != "" || rec.Lesson.State == protocol.Ended {
			return rec, errUnchanged
		}
		return rec.moved(protocol.Ended, time.Now()), nil
	})
	if err != nil {
		r.cfg.Log.Warn("lesson not ended", "lesson", id, "err", err)
		return
	}
	r.cfg.Log.Info("lesson ended: nobody teaches it", "lesson", id)
}

func def[S ~string](s, otherwise S) S {
	if s == "" {
		return otherwise
	}
	return s
}

// newID draws an id that can be read out over the telephone.
func newID() string {
	const signs = "23456789abcdefghjkmnpqrstuvwxyz"
	r := make([]byte, 8)
	rand.Read(r)
	for i := range r {
		r[i] = signs[int(r[i])%len(signs)]
	}
	return "l-" + string(r)
}

// valid checks a lesson from any side: a caller of the API or another box.
func valid(l Lesson) error {
	if !auth.LessonID(l.ID) {
		return &Invalid{"id", "1 to 40 of a-z, 0-9 and -"}
	}
	for _, f := range []struct {
		name, text string
		most       int
		needed     bool
	}{
		{"title", l.Title, 120, true}, {"subject", l.Subject, 40, false}, {"teacher", l.Teacher, 64, false}, {"createdBy", l.CreatedBy, 64, false},
		{"owner", l.Owner, 32, true},
	} {
		if f.needed && strings.TrimSpace(f.text) == "" {
			return &Invalid{f.name, "must be given"}
		}
		if !utf8.ValidString(f.text) || utf8.RuneCountInString(f.text) > f.most || strings.ContainsFunc(f.text, control) {
			return &Invalid{f.name, fmt.Sprintf("at most %d characters, no line breaks", f.most)}
		}
	}
	if len(l.Campuses) > 64 {
		return &Invalid{"campuses", "at most 64"}
	}
	for _, c := range l.Campuses {
		campus, room, one := strings.Cut(c, "/")
		if campus == "" || one && room == "" || strings.Contains(room, "/") || utf8.RuneCountInString(c) > 129 || !utf8.ValidString(c) || strings.ContainsFunc(c, control) {
			return &Invalid{"campuses", `each is a campus id or "campus/classroom"`}
		}
	}
	if l.Mode != protocol.ModeSame {
		return &Invalid{"mode", "same"}
	}
	if l.Record != protocol.RecordOff && l.Record != protocol.RecordBuffer && l.Record != protocol.RecordKeep {
		return &Invalid{"record", "off, buffer or keep"}
	}
	if l.Scope != protocol.ScopeTeacherBoard && l.Scope != protocol.ScopePupils {
		return &Invalid{"scope", "teacher+board or +pupils"}
	}
	if l.Profile != "" && l.Profile != protocol.ProfileVoice && l.Profile != protocol.ProfileMusic {
		return &Invalid{"profile", "voice or music"}
	}
	if !l.Start.IsZero() && !l.End.IsZero() && !l.Start.Before(l.End) {
		return &Invalid{"end", "must be after start"}
	}
	if l.State != protocol.Planned && l.State != protocol.Live && l.State != protocol.Ended {
		return &Invalid{"state", "planned, live or ended"}
	}
	return nil
}

func control(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' }
