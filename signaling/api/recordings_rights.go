package api

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"tongke/media/library"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
)

const (
	auditPlay     = store.AuditPlay
	auditDownload = store.AuditDownload
	auditProtect  = store.AuditProtect
	auditErase    = store.AuditErase
)

// recordingRights is what somebody may do with one recording.
type recordingRights struct {
	own      bool   // taught it
	play     bool   // the teacher, the board, the teacher's voice
	pupils   bool   // pictures and voices of all pupils too
	campus   string // pictures and voices of this campus' pupils
	download bool
	keep     bool
	remove   bool
}

// stream reports whether a stream may be had; campus is whose pupils are in it, "" for the teacher's.
func (r recordingRights) stream(campus string) bool {
	return r.play && (campus == "" || r.pupils || campus == r.campus)
}

// recordingRights is the row of rights for recordings. Nobody has set a rule for a recording yet, so "by rule" is: teachers and inspectors of
// the alliance see and hear the teacher and the board, never pupils.
func (a *API) recordingRights(p auth.Principal, e library.Entry) recordingRights {
	if p.Lesson != "" && p.Lesson != e.Lesson {
		return recordingRights{}
	}
	by := e.By
	known, ok := a.cfg.Lessons.Get(e.Lesson)
	switch {
	case ok && sameLesson(known, e):
		by = cmp.Or(by, known.CreatedBy)
	case p.Lesson != "" && (ok || a.laterOf(e)): // a token is for the lesson that has the id now
		return recordingRights{}
	}
	everything := recordingRights{play: true, pupils: true, download: true, keep: true, remove: true}
	switch p.Role {
	case auth.Administrator, auth.Operator:
		everything.own = p.User != "" && p.User == e.Teacher
		return everything
	case auth.Teacher:
		if p.Teaches(e.Lesson, e.Teacher, by) {
			everything.own = true
			return everything
		}
		return recordingRights{play: true}
	case auth.Inspector:
		return recordingRights{play: true}
	case auth.Classroom, auth.Assistant:
		if p.Phone > 0 && a.cfg.Outdated != nil && a.cfg.Outdated(p) { // what it came in by is over for the recording too
			return recordingRights{}
		}
		if e.Attended(p.Campus) {
			return recordingRights{play: true, campus: p.Campus}
		}
	}
	return recordingRights{}
}

// sameLesson tells whether a recording is of a lesson, and not of another one that had its id before.
func sameLesson(l lesson.Lesson, e library.Entry) bool {
	if e.Made.IsZero() { // it was made by an earlier version
		return !l.Created.After(e.Start.Add(time.Minute))
	}
	return l.Created.Equal(e.Made)
}

// laterOf tells whether there is a recording of a later lesson of the same id.
func (a *API) laterOf(e library.Entry) bool {
	return a.cfg.Library != nil && slices.ContainsFunc(a.cfg.Library.List(), func(o library.Entry) bool {
		return o.Lesson == e.Lesson && o.ID != e.ID && o.Start.After(e.Start)
	})
}

// recordingsOf are the recordings of a lesson's id that the caller may play, newest first.
func (a *API) recordingsOf(p auth.Principal, lesson string) (list []library.Entry) {
	for _, e := range a.cfg.Library.List() {
		if e.Lesson == lesson && a.recordingRights(p, e).play {
			list = append(list, e)
		}
	}
	return list
}

// lessonOfRecording is the lesson whose token opens a recording.
func (a *API) lessonOfRecording(id string) string {
	if a.cfg.Library != nil {
		if e, err := a.cfg.Library.Find(id); err == nil {
			return e.Lesson
		}
	}
	return id
}

// nameOf is how the audit calls somebody.
func nameOf(p auth.Principal) string { return cmp.Or(p.User, string(p.Role)) }

// audit adds a row; what is to be noted and cannot be is not done.
func (a *API) audit(p auth.Principal, action, object string, detail map[string]string) error {
	return a.cfg.Store.Audit(store.AuditRow{
		At: time.Now().UTC(), Action: action, Who: nameOf(p), Role: string(p.Role), Campus: p.Campus, Object: object, Detail: detail,
	})
}

// played remembers which plays of pupils have their row: one for an hour of playing, not one for each fragment.
type played struct {
	mu   sync.Mutex
	last map[string]time.Time // by who, recording, stream
}

const (
	playedFor  = time.Hour
	mostPlayed = 4096
)

// due reports whether a row is due, and counts it as written.
func (p *played) due(key string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.last[key]; ok && now.Sub(t) < playedFor {
		return false
	}
	if p.last == nil || len(p.last) >= mostPlayed {
		p.last = map[string]time.Time{} // some rows twice
	}
	p.last[key] = now
	return true
}

func (p *played) undo(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, key)
}

// notePupils writes down who sees or hears pupils before the first byte of it goes out.
func (a *API) notePupils(p auth.Principal, e library.Entry, stream string) error {
	key := p.TokenID + "\x00" + e.ID + "\x00" + stream
	if !a.played.due(key, time.Now()) {
		return nil
	}
	if err := a.audit(p, auditPlay, e.ID, map[string]string{"stream": stream}); err != nil {
		a.played.undo(key)
		return err
	}
	return nil
}

// auditRows is the last of the audit, for who answers for the box.
const auditRows = 500
