package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tongke/media/recorder"
	"tongke/media/recorder/journal"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// newRecorder makes the recorder and the keys of what it seals. It records nothing before followLessons.
func (d *daemon) newRecorder() (err error) {
	if d.keys, err = journal.OpenKeys(filepath.Join(d.dir, "keys")); err != nil {
		return dataFault(d.dir, err)
	}
	d.recorder = recorder.New(recorder.Config{
		Relay: d.relay, Dir: d.cfg.Recording.recordings(d.dir), Keys: d.keys, Box: d.box.ID(),
		Open: func(id string) bool { _, open := d.registry.Open(id); return open },
		Log:  d.log.With("part", "recorder"),
	})
	return nil
}

// recording is what pages are told of a lesson's recording at this box.
func (d *daemon) recording(lesson string) protocol.Recording {
	s := d.recorder.Status(lesson)
	return protocol.Recording{Mode: s.Mode, Scope: s.Scope, Fault: s.Fault, Seconds: int(s.Stored / time.Second)}
}

func (d *daemon) keeps(lesson string) bool { return d.recorder.Status(lesson).Mode != journal.ModeOff }

func (d *daemon) unsynced() float64 { return d.recorder.Stats().UnsyncedSeconds }

// recordings has the recorder follow the lessons that this box is in: their state is the wish, what happens in them becomes events.
type recordings struct {
	d *daemon

	mu       sync.Mutex
	followed map[string]watch // by lesson
}

// watch is one lesson being followed.
type watch struct {
	f    *followed
	stop func()
}

// run follows until ctx ends.
func (r *recordings) run(ctx context.Context) error {
	r.followed = map[string]watch{}
	cancel := r.d.registry.Watch(r.changed)
	defer cancel()
	for _, l := range r.d.registry.List() {
		r.changed(l)
	}
	<-ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.followed {
		w.stop()
	}
	return nil
}

// changed begins or ends to follow a lesson. Changes may be told in any order, so the record is asked.
func (r *recordings) changed(l lesson.Lesson) {
	p := r.d.place()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now, ok := r.d.registry.Get(l.ID); ok {
		l = now
	}
	in := l.State == protocol.Live && r.d.registry.Visible(l, p.Campus, p.Classroom)
	w, following := r.followed[l.ID]
	if following && (!in || !w.f.made.Equal(l.Created)) { // two lessons of one id are told apart by when they were made
		delete(r.followed, l.ID)
		w.f.over.Store(true) // the hub may call once more
		w.stop()
		if l.State == protocol.Ended {
			r.d.recorder.Event(l.ID, journal.Event{Name: journal.EventEnd})
		}
		r.d.recorder.Set(recorder.Wish{Lesson: l.ID, Ended: true})
		following = false
	}
	if in && !following {
		f := &followed{d: r.d, made: l.Created, by: l.CreatedBy}
		r.followed[l.ID] = watch{f, r.d.hub.Watch(l.ID, f.event)}
	}
}

// followed is one lesson as last told. The hub calls it from its goroutine.
type followed struct {
	d    *daemon
	made time.Time
	by   string
	over atomic.Bool
	last *protocol.State
}

func (f *followed) event(e protocol.Event) {
	s, ok := e.(protocol.State)
	if !ok || f.over.Load() {
		return
	}
	if s.State == protocol.Ended { // the record ends with it, and with the record the watch
		f.last = &s
		return
	}
	f.d.recorder.Set(f.wish(s))
	for _, e := range f.events(s) {
		f.d.recorder.Event(s.ID, e)
	}
	f.last = &s
}

// wish is what the lesson wants this box to keep now.
func (f *followed) wish(s protocol.State) recorder.Wish {
	meta, err := f.d.store.Meta()
	if err != nil {
		f.d.log.Error("place of this box not read", "err", err)
	}
	self := f.d.box.ID()
	w := recorder.Wish{
		Lesson: s.ID, Mode: s.Record, Scope: s.Scope,
		Active:  s.State == protocol.Live || s.State == protocol.Over,
		Attends: s.OwnerBox == self,
		Places:  map[string]recorder.Place{},
		Info: journal.Info{
			Title: s.Title, Subject: s.Subject, Teacher: s.Teacher, Alliance: meta.AllianceID, Campus: meta.CampusID, Box: self,
			Master: campusOf(s.Master.Room), Names: map[string]string{}, Start: s.Start.Time(), End: s.End.Time(), Planned: f.made, By: f.by,
		},
	}
	name := func(room, text string) {
		if c := campusOf(room); c != "" && text != "" && w.Info.Names[c] == "" {
			w.Info.Names[c] = text
		}
	}
	name(meta.CampusID, meta.CampusName)
	name(s.Master.Room, s.Master.Name)
	for _, r := range s.Rooms {
		name(r.Room, r.Name)
		if r.Box == "" {
			continue
		}
		w.Places[r.Box] = recorder.Place{Campus: r.Campus, Room: r.Room}
		if r.Box == self && r.State != protocol.RoomAbsent && r.State != protocol.RoomRemoved {
			w.Attends = true
		}
	}
	here := meta.CampusID
	if meta.Classroom != "" {
		here += "/" + meta.Classroom
	}
	w.Places[self] = recorder.Place{Campus: meta.CampusID, Room: here}
	if s.Lead != nil && s.Lead.Box != "" {
		w.Teaching = s.Lead.Box
		w.Attends = w.Attends || s.Lead.Box == self
		w.Places[s.Lead.Box] = recorder.Place{Campus: campusOf(s.Master.Room), Room: s.Master.Room}
	} else if _, known := w.Places[s.OwnerBox]; !known {
		w.Places[s.OwnerBox] = recorder.Place{Campus: campusOf(s.Master.Room), Room: s.Master.Room}
	}
	return w
}

// news is how young the beginning of a lesson is that is told as an event: after a restart the lesson has long begun.
const news = 5 * time.Second

// events are what has happened since the last state.
func (f *followed) events(s protocol.State) (out []journal.Event) {
	on := func(s *protocol.State) bool {
		return s != nil && (s.State == protocol.Live || s.State == protocol.Over)
	}
	if !on(&s) {
		return nil
	}
	if !on(f.last) && (f.last != nil && f.last.StartedAt == 0 || time.Since(s.StartedAt.Time()).Abs() < news) {
		out = append(out, journal.Event{Name: journal.EventStart, Campus: campusOf(s.Master.Room)})
	}
	var had []protocol.Holder
	if f.last != nil {
		had = f.last.Floor
	}
	holds := func(list []protocol.Holder, room string) bool {
		for _, h := range list {
			if h.Room == room {
				return true
			}
		}
		return false
	}
	for _, h := range had {
		if !holds(s.Floor, h.Room) {
			out = append(out, journal.Event{Name: journal.EventRelease, Campus: campusOf(h.Room), Detail: map[string]string{"room": h.Room}})
		}
	}
	for _, h := range s.Floor {
		if !holds(had, h.Room) {
			e := journal.Event{Name: journal.EventFloor, Campus: campusOf(h.Room), Detail: map[string]string{"room": h.Room}}
			if h.Second {
				e.Detail["second"] = "true"
			}
			out = append(out, e)
		}
	}
	return out
}

// campusOf is the campus of a room.
func campusOf(room string) string {
	campus, _, _ := strings.Cut(room, "/")
	return campus
}
