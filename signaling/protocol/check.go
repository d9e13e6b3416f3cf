package protocol

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// The longest of what pages send; SDP and candidates are bounded by MaxFrame besides.
const (
	maxName      = 129 // characters of "campus/classroom"
	maxTracks    = 8
	maxLayers    = 3
	maxCandidate = 512 // bytes
	maxMID       = 16  // bytes
	maxCount     = 1 << 53
)

// Sources that a page can publish.
const (
	SourceVoice   = "voice"
	SourceTeacher = "teacher"
	SourcePupils  = "pupils"
	SourceBoard   = "board"
)

var (
	pages   = []string{PageClass, PageTeach, PageAssist, PageHome}
	layouts = []string{LayoutLecture, LayoutBoard, LayoutAll}
	phrases = []string{PhraseUnclear, PhraseBoard, PhraseFast, PhraseDone, PhraseQuestion}
	sources = []string{SourceVoice, SourceTeacher, SourcePupils, SourceBoard}
	records = []string{RecordOff, RecordBuffer, RecordKeep}
	scopes  = []string{ScopeTeacherBoard, ScopePupils}
	pcs     = []string{"up", "down"}
	limits  = []string{"none", "cpu", "bandwidth", "other"}
)

func control(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' }

func oneOf(name, s string, of []string, empty bool) error {
	if s == "" && empty || slices.Contains(of, s) {
		return nil
	}
	return fmt.Errorf("%s: one of %s", name, strings.Join(of, ", "))
}

func text(name, s string, least, most int) error {
	if n := utf8.RuneCountInString(s); n < least || n > most || strings.ContainsFunc(s, control) {
		return fmt.Errorf("%s: %d to %d characters, no line breaks", name, least, most)
	}
	return nil
}

func within[N int | int64 | float64](name string, n, least, most N) error {
	if !(n >= least && n <= most) { // also not-a-number
		return fmt.Errorf("%s: %v to %v", name, least, most)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func room(s string) error { return text("room", s, 1, maxName) }

// token is an opaque word that this box gave out or an id.
func token(name, s string, most int) error {
	if len(s) > most || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return fmt.Errorf("%s: at most %d visible ASCII characters", name, most)
	}
	return nil
}

func (m Hello) check() error {
	return first(oneOf("page", m.Page, pages, false), token("lesson", m.Lesson, 40), token("resume", m.Resume, 128),
		oneOf("take", m.Take, []string{TakePlay, TakeLead}, true), token("lang", m.Lang, 16), within("version", m.Version, 0, math.MaxInt16))
}

func (Leave) check() error       { return nil }
func (LessonStart) check() error { return nil }
func (m LessonFinish) check() error {
	if !m.Confirm {
		return fmt.Errorf("confirm: must be true")
	}
	return nil
}
func (LessonExtend) check() error { return nil }
func (LessonTake) check() error   { return nil }

func (m LessonSet) check() error {
	optional := func(name string, s *string, of []string) error {
		if s == nil {
			return nil
		}
		return oneOf(name, *s, of, false)
	}
	return first(optional("layout", m.Layout, layouts), optional("record", m.Record, records), optional("scope", m.Scope, scopes))
}

func (m FloorCall) check() error { return room(m.Room) }
func (m FloorRelease) check() error {
	if m.Room == "" {
		return nil
	}
	return room(m.Room)
}
func (FloorDone) check() error    { return nil }
func (HandRaise) check() error    { return nil }
func (HandLower) check() error    { return nil }
func (m RoomMute) check() error   { return room(m.Room) }
func (m RoomRemove) check() error { return room(m.Room) }
func (m RoomAdmit) check() error  { return room(m.Room) }
func (m RoomCode) check() error   { return room(m.Room) }
func (RoomReady) check() error    { return nil }
func (RoomCover) check() error    { return nil }
func (m RoomLayout) check() error { return oneOf("layout", m.Layout, layouts[:2], true) }
func (m RoomVolume) check() error { return within("volume", m.Volume, 0, 100) }
func (SelfMute) check() error     { return nil }
func (m NotePhrase) check() error { return oneOf("code", m.Code, phrases, false) }
func (m NoteText) check() error {
	if strings.TrimSpace(m.Text) == "" {
		return fmt.Errorf("text: must not be empty")
	}
	return first(text("text", m.Text, 1, MaxText), text("room", m.Room, 0, maxName))
}
func (m NoteSeen) check() error { return within("note", m.Note, 1, maxID) }
func (m Help) check() error     { return token("code", m.Code, 40) }
func (Feedback) check() error   { return nil }

func sdp(s string, least int) error {
	if len(s) < least {
		return fmt.Errorf("sdp: must not be empty")
	}
	return nil
}

func (m MediaUp) check() error {
	if len(m.Tracks) > maxTracks {
		return fmt.Errorf("tracks: at most %d", maxTracks)
	}
	seen := map[string]bool{}
	for _, t := range m.Tracks {
		if err := first(mid(t.MID), oneOf("source", t.Source, sources, false)); err != nil {
			return err
		}
		if seen[t.MID] {
			return fmt.Errorf("mid: %q twice", t.MID)
		}
		seen[t.MID] = true
	}
	return sdp(m.SDP, 1)
}

func mid(s string) error {
	if s == "" {
		return fmt.Errorf("mid: must not be empty")
	}
	return token("mid", s, maxMID)
}

func (m MediaDown) check() error { return nil }
func (m MediaCandidate) check() error {
	if len(m.Candidate) > maxCandidate || strings.ContainsFunc(m.Candidate, control) {
		return fmt.Errorf("candidate: at most %d bytes in one line", maxCandidate)
	}
	return first(oneOf("pc", m.PC, pcs, false), token("mid", m.MID, maxMID))
}
func (m MediaRestart) check() error { return oneOf("pc", m.PC, pcs, false) }

func (m Encoded) check() error {
	if len(m.Layers) > maxLayers {
		return fmt.Errorf("layers: at most %d", maxLayers)
	}
	for _, l := range m.Layers {
		err := first(token("rid", l.RID, maxMID), within("width", l.Width, 0, 16384), within("height", l.Height, 0, 16384),
			within("fps", l.FPS, 0, 1000), within("bitrate", l.Bitrate, 0, 1<<30))
		if err != nil {
			return err
		}
	}
	return first(oneOf("source", m.Source, sources, false), oneOf("limited", m.Limited, limits, true))
}

func (m Stats) check() error {
	for name, n := range map[string]int64{"total": m.Total, "concealed": m.Concealed, "silentConcealed": m.SilentConcealed, "freezes": m.Freezes,
		"freezeMs": m.FreezeMs, "boardFrames": m.BoardFrames, "teacherFrames": m.TeacherFrames} {
		if err := within(name, n, 0, maxCount); err != nil {
			return err
		}
	}
	return first(within("level", m.Level, 0, 100), within("fps", m.FPS, 0, 1000), within("delayMs", m.DelayMs, -60000, 24*3600*1000))
}

func (Devices) check() error { return nil }
