package recorder

import (
	"tongke/media/recorder/journal"
	"tongke/media/relay"
	"tongke/media/track"
)

// allows reports whether a source is kept: by default the teacher, the board and the voice from where the lesson is taught; the pupils'
// cameras and the members' voices only where the scope says so.
func (w *Wish) allows(k track.Key, present map[track.Key]relay.SourceInfo) bool {
	if !w.Active || w.Mode == journal.ModeOff || w.Ended {
		return false
	}
	if w.Scope == journal.ScopePupils {
		return true
	}
	switch k.Source {
	case track.Teacher, track.Board:
		return true
	case track.Voice:
		return w.teaches(k.Origin, present)
	}
	return false
}

// teaches reports whether a lesson is taught at a box.
func (w *Wish) teaches(origin string, present map[track.Key]relay.SourceInfo) bool {
	if w.Teaching != "" {
		return origin == w.Teaching
	}
	for _, source := range []string{track.Teacher, track.Board} {
		if _, ok := present[track.Key{Lesson: w.Lesson, Origin: origin, Source: source}]; ok {
			return true
		}
	}
	return false
}

// mayAsk reports whether the recorder may have a source of another box come here only because it records: what the lesson is, where a class
// attends, and nothing of the other classrooms.
func (w *Wish) mayAsk(k track.Key, present map[track.Key]relay.SourceInfo) bool {
	return w.Attends && k.Source != track.Pupils && (k.Source != track.Voice || w.teaches(k.Origin, present))
}

// more is the scope that holds more.
func more(a, b string) string {
	if a == journal.ScopePupils || b == journal.ScopePupils {
		return journal.ScopePupils
	}
	return journal.ScopeTeacher
}
