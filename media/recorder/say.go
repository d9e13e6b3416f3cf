package recorder

import (
	"maps"
	"time"

	"tongke/media/packet"
	"tongke/media/recorder/journal"
)

func (j *job) now() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

func (j *job) figures() (s journal.Stats, oldest packet.Time, fault bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats, j.oldest, j.status.Fault != ""
}

// info is what the journal says of the lesson. Its scope is the most that it holds.
func (j *job) info(old journal.Info) journal.Info {
	i := j.wish0.Info
	i.Lesson, i.Mode, i.Scope, i.Created = j.lesson, j.wish0.Mode, more(j.wish0.Scope, old.Scope), old.Created
	return i
}

// describe keeps the journal's info up to date, and says when the scope changes.
func (j *job) describe() {
	if j.scope != j.wish0.Scope {
		j.tellMode(0)
	}
	now := j.info(j.w.Info())
	if !same(now, j.w.Info()) {
		if err := j.w.SetInfo(now); err != nil {
			j.log.Error("info not recorded", "err", err)
		}
	}
}

func same(a, b journal.Info) bool {
	names := maps.Equal(a.Names, b.Names)
	times := a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Planned.Equal(b.Planned)
	return names && times && a.Title == b.Title && a.Subject == b.Subject && a.Teacher == b.Teacher && a.Alliance == b.Alliance &&
		a.Campus == b.Campus && a.Box == b.Box && a.Master == b.Master && a.Mode == b.Mode && a.Scope == b.Scope
}

// tellMode notes what holds from a journal time on; 0 is now.
func (j *job) tellMode(at time.Duration) {
	j.scope = j.wish0.Scope
	e := journal.Event{Name: journal.EventMode, At: at, Detail: map[string]string{"mode": j.wish0.Mode, "scope": j.wish0.Scope}}
	if err := j.w.Event(e); err != nil {
		j.log.Error("event not recorded", "err", err)
	}
}

// tellEvents writes down what happened in the lesson.
func (j *job) tellEvents() {
	j.mu.Lock()
	events := j.events
	j.events = nil
	j.mu.Unlock()
	for _, n := range events {
		if n.e.Name == journal.EventStart && j.resumed {
			continue // it began before
		}
		n.e.At = max(j.w.At(n.at), 1)
		if err := j.w.Event(n.e); err != nil {
			j.log.Error("event not recorded", "err", err)
		}
	}
}

// tell brings up to date what others are told.
func (j *job) tell() {
	s := Status{Mode: j.wish0.Mode, Scope: j.wish0.Scope}
	stats := j.past
	var err error
	if j.w != nil {
		st := j.w.Stats()
		stats = plus(stats, st)
		s.Stored = j.w.Synced()
		err = j.w.Fault()
	} else {
		err = j.fault
		s.Stored = j.stored
	}
	if !j.wish0.Active || s.Mode == "" {
		s.Mode = journal.ModeOff
	}
	if err != nil && s.Mode != journal.ModeOff {
		s.Fault, s.Mode = DiskFailed, journal.ModeOff
		if journal.Full(err) {
			s.Fault = DiskFull
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.wish0.Ended { // what was done stays said
		s.Mode, s.Scope, s.Fault = j.status.Mode, j.status.Scope, j.status.Fault
	}
	j.status, j.stats = s, stats
	j.oldest = 0
	if j.w != nil {
		if u := j.w.Stats().Unsynced; u > 0 {
			j.oldest = packet.Now().Add(-u)
		}
	}
	if j.oldest == 0 && len(j.queue) > 0 {
		j.oldest = j.queue[0].b.Arrival
	}
}
