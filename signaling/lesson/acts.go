package lesson

import (
	"slices"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// enter lets a page in, or says why not. A teacher's page that is no remote becomes the lead where there is none.
func (l *Live) enter(a Actor, m protocol.Hello, now time.Time) error {
	s := &l.kept.State
	if a.Role == auth.Teacher {
		if m.Page != protocol.PageTeach || a.Remote || m.Remote {
			return nil
		}
		if s.Lead != nil && s.Lead.Online && s.Lead.Session != a.Session && m.Take != protocol.TakeLead {
			return protocol.Errorf(protocol.Elsewhere, "taught in %s", s.Lead.Room)
		}
		if s.Lead == nil && l.whip.Teacher && m.Take != protocol.TakeLead {
			return protocol.Errorf(protocol.Elsewhere, "taught by a publisher without a page")
		}
		return l.take(a, protocol.LessonTake{}, now)
	}
	if a.Role != auth.Classroom && a.Role != auth.Assistant || a.Room == s.Master.Room {
		return nil
	}
	if !l.attends(a.Room) {
		return protocol.Errorf(protocol.Forbidden, "%s is no member of this lesson", a.Room)
	}
	r := l.room(a.Room)
	switch {
	case r != nil && r.State == protocol.RoomRemoved:
		return protocol.Errorf(protocol.Removed, "the teacher asked %s to leave", a.Room)
	case s.Closed && (r == nil || r.Box == ""):
		return protocol.Errorf(protocol.Closed, "the lesson takes nobody new")
	}
	if at := l.rooms[a.Room]; at != nil && a.Role == auth.Classroom && m.Take == "" && at.last.Page && at.last.Box != a.Box && now.Sub(at.heard) < lostAfter {
		return protocol.Errorf(protocol.RoomTaken, "another box plays %s", a.Room)
	}
	if l.member(protocol.RoomRef{Room: a.Room}, now) == nil {
		return protocol.Errorf(protocol.Full, "at most %d campuses, and %d rooms of one", protocol.MaxCampuses, protocol.MaxRoomsOfCampus)
	}
	l.move(somebodyCame)
	return nil
}

// leave gives up what the session held. Whether the room is still there its box says by its presence.
func (l *Live) leave(a Actor, _ protocol.Leave, now time.Time) error {
	if l.leads(a) && !a.Remote {
		l.leadOnline(false, now)
	}
	return nil
}

func (l *Live) start(_ Actor, _ protocol.LessonStart, now time.Time) error {
	l.move(begun)
	l.kept.State.StartedAt = protocol.At(now)
	for i := range l.kept.State.Rooms {
		r := &l.kept.State.Rooms[i]
		if r.State == protocol.RoomHere || r.State == protocol.RoomPrepared {
			l.stand(r, protocol.RoomLive, now)
		}
	}
	return nil
}

func (l *Live) finish(_ Actor, _ protocol.LessonFinish, now time.Time) error {
	l.end(now)
	return nil
}

// end is the end, whoever said so.
func (l *Live) end(now time.Time) {
	if !l.move(finished) {
		return
	}
	s := &l.kept.State
	s.EndedAt, s.Floor = protocol.At(now), []protocol.Holder{}
	for i := range s.Rooms {
		s.Rooms[i].Hand, s.Rooms[i].Quiet = 0, false
	}
}

func (l *Live) extend(_ Actor, _ protocol.LessonExtend, now time.Time) error {
	s := &l.kept.State
	if s.End == 0 || s.Extended >= maxExtended {
		return protocol.Errorf(protocol.WrongState, "no more minutes")
	}
	l.lengthen()
	if now.Before(s.End.Time()) {
		l.move(extended)
	}
	return nil
}

func (l *Live) lengthen() {
	s := &l.kept.State
	s.Extended++
	s.End += protocol.Millis(extension.Milliseconds())
	l.touch()
}

// Recording, most first; scopes the same.
var (
	recordOrder = []string{protocol.RecordKeep, protocol.RecordBuffer, protocol.RecordOff}
	scopeOrder  = []string{protocol.ScopePupils, protocol.ScopeTeacherBoard}
)

func (l *Live) set(_ Actor, m protocol.LessonSet, _ time.Time) error {
	s := &l.kept.State
	started := s.State == protocol.Live || s.State == protocol.Over
	more := func(order []string, to *string, now string) bool {
		return to != nil && slices.Index(order, *to) < slices.Index(order, now)
	}
	switch {
	case m.Record != nil && *m.Record == protocol.RecordKeep && !l.keep && s.Record != protocol.RecordKeep:
		return protocol.Errorf(protocol.NoRecording, "this box cannot keep recordings yet")
	case started && (more(recordOrder, m.Record, s.Record) || more(scopeOrder, m.Scope, s.Scope)):
		return protocol.Errorf(protocol.WrongState, "in the lesson only less can be recorded")
	}
	changed := put(&s.Layout, m.Layout)
	changed = put(&s.Music, m.Music) || changed
	changed = put(&s.Mirror, m.Mirror) || changed
	changed = put(&s.Closed, m.Closed) || changed
	changed = put(&s.Record, m.Record) || changed
	changed = put(&s.Scope, m.Scope) || changed
	if changed {
		l.touch()
	}
	return nil
}

func put[T comparable](to, from *T) (changed bool) {
	if from == nil || *from == *to {
		return false
	}
	*to = *from
	return true
}

// take makes a page the lead, and its room the master's.
func (l *Live) take(a Actor, _ protocol.LessonTake, now time.Time) error {
	if a.Remote {
		return protocol.Errorf(protocol.Forbidden, "a remote page does not lead")
	}
	s := &l.kept.State
	if s.Lead == nil || s.Lead.Session != a.Session {
		s.Sources.Muted = false
	}
	s.Lead, l.ledAt = &protocol.Lead{Session: a.Session, Room: a.Room, Box: a.Box, Online: true, Since: protocol.At(now)}, now
	at := l.at(a.Room)
	at.heard, at.last.Box = now, a.Box
	if a.Room != s.Master.Room {
		s.Master = protocol.RoomRef{Room: a.Room, Name: def(at.last.Name, a.Room)}
	}
	l.move(somebodyCame)
	l.touch()
	return nil
}

func (l *Live) muteSelf(_ Actor, m protocol.SelfMute, _ time.Time) error {
	if s := &l.kept.State; s.Sources.Muted != m.Muted {
		s.Sources.Muted = m.Muted
		l.touch()
	}
	return nil
}

// known finds the room that a request names.
func (l *Live) known(room string) (*protocol.RoomState, error) {
	r := l.room(room)
	if r == nil {
		return nil, protocol.Errorf(protocol.UnknownRoom, "%s is not in the lesson", room)
	}
	return r, nil
}

// own finds the actor's room; where it is not in the lesson there is nothing to do for it.
func (l *Live) own(a Actor) (*protocol.RoomState, error) {
	r := l.room(a.Room)
	switch {
	case r == nil:
		return nil, protocol.Errorf(protocol.UnknownRoom, "%s is not in the lesson", a.Room)
	case r.State == protocol.RoomRemoved:
		return nil, protocol.Errorf(protocol.Removed, "the teacher asked %s to leave", a.Room)
	}
	return r, nil
}

func (l *Live) mute(_ Actor, m protocol.RoomMute, _ time.Time) error {
	r, err := l.known(m.Room)
	if err == nil && r.Muted != m.Muted {
		r.Muted = m.Muted
		l.touch()
	}
	return err
}

func (l *Live) remove(_ Actor, m protocol.RoomRemove, now time.Time) error {
	r, err := l.known(m.Room)
	if err != nil {
		return err
	}
	l.endFloor(m.Room)
	r.Hand = 0
	l.stand(r, protocol.RoomRemoved, now)
	return nil
}

// admit lets a removed room in again: it comes back when its page does.
func (l *Live) admit(_ Actor, m protocol.RoomAdmit, now time.Time) error {
	r, err := l.known(m.Room)
	if err == nil && r.State == protocol.RoomRemoved {
		l.stand(r, protocol.RoomAbsent, now)
	}
	return err
}

// newCode puts out the phones of a room: its box, which gave them their code, sees the count rise.
func (l *Live) newCode(_ Actor, m protocol.RoomCode, _ time.Time) error {
	r, err := l.known(m.Room)
	switch {
	case err != nil:
		return err
	case r.Codes >= maxCodes:
		return protocol.Errorf(protocol.TooMany, "%d codes in one lesson", maxCodes)
	}
	r.Codes++
	l.touch()
	return nil
}

func (l *Live) ready(a Actor, _ protocol.RoomReady, now time.Time) error {
	r, err := l.own(a)
	if err != nil {
		return err
	}
	l.at(a.Room).ready = true
	if r.State == protocol.RoomHere {
		l.stand(r, protocol.RoomPrepared, now)
	}
	return nil
}

func (l *Live) phrase(a Actor, m protocol.NotePhrase, now time.Time) error {
	if _, err := l.own(a); err != nil {
		return err
	}
	l.note(protocol.Note{From: protocol.FromAssistant, Room: a.Room, Kind: protocol.NoteKindPhrase, Code: m.Code}, now)
	return nil
}

func (l *Live) text(a Actor, m protocol.NoteText, now time.Time) error {
	n := protocol.Note{From: protocol.FromTeacher, Room: m.Room, Kind: protocol.NoteKindText, Text: m.Text}
	if a.Role == auth.Assistant {
		if m.Room != "" && m.Room != a.Room {
			return protocol.Errorf(protocol.Forbidden, "an assistant writes to the teacher")
		}
		if _, err := l.own(a); err != nil {
			return err
		}
		n.From, n.Room = protocol.FromAssistant, a.Room
	} else if m.Room != "" {
		if _, err := l.known(m.Room); err != nil {
			return err
		}
	}
	l.note(n, now)
	return nil
}

func (l *Live) note(n protocol.Note, now time.Time) {
	l.kept.NextNote++
	n.ID, n.At = l.kept.NextNote, protocol.At(now)
	s := &l.kept.State
	s.Notes = append(s.Notes, n)
	s.Notes = s.Notes[max(0, len(s.Notes)-maxNotes):]
	l.touch()
}

func (l *Live) seen(a Actor, m protocol.NoteSeen, _ time.Time) error {
	reads := protocol.FromAssistant // whose notes the actor reads
	if a.Role == auth.Assistant {
		reads = protocol.FromTeacher
	}
	for i := range l.kept.State.Notes {
		n := &l.kept.State.Notes[i]
		if n.ID != m.Note {
			continue
		}
		if n.From != reads || a.Role == auth.Assistant && n.Room != a.Room && n.Room != "" {
			break
		}
		if !n.Seen {
			n.Seen = true
			l.touch()
		}
		return nil
	}
	return protocol.Errorf(protocol.NotYours, "no note %d for you", m.Note)
}

func (l *Live) feedback(a Actor, m protocol.Feedback, _ time.Time) error {
	if _, err := l.own(a); err != nil {
		return err
	}
	if l.kept.Feedback == nil {
		l.kept.Feedback = map[string]bool{}
	}
	if said, ok := l.kept.Feedback[a.Room]; ok && said == m.OK {
		return nil
	}
	l.kept.Feedback[a.Room] = m.OK
	l.touch()
	return nil
}
