package library

import (
	"cmp"
	"slices"
	"time"
)

// Entry is one recording as the catalogue knows it.
type Entry struct {
	ID     string `json:"id"`     // of the recording: the lesson's, with a number behind it where an earlier lesson had the same
	Lesson string `json:"lesson"` // id
	// Made is when the lesson itself was made, and By by whom: they tell it from another lesson of the same id. Recordings of earlier versions do not say it.
	Made    time.Time `json:"made,omitzero"`
	By      string    `json:"by,omitempty"`
	Title   string    `json:"title"`
	Subject string    `json:"subject,omitempty"`
	Teacher string    `json:"teacher,omitempty"`
	Campus  string    `json:"campus"` // of the box that kept it
	Box     string    `json:"box,omitempty"`
	Scope   string    `json:"scope"`
	// Campuses took part: the teacher's first, then the others by name.
	Campuses []Campus      `json:"campuses"`
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration"`
	Bytes    int64         `json:"bytes"`
	Streams  []string      `json:"streams"`
	Chapters []Chapter     `json:"chapters"`
	Heard    []Heard       `json:"heard"`
	Gaps     []Gap         `json:"gaps"`
	Damaged  []Damage      `json:"damaged,omitempty"`
	Erased   []string      `json:"erased,omitempty"` // sources whose key was dropped

	// Fault is why nothing of it can be played: FaultKeys, FaultDamaged, FaultNewer.
	Fault string `json:"fault,omitempty"`

	Live      bool `json:"live,omitempty"` // the lesson goes on
	Protected bool `json:"protected,omitempty"`
	// Born is the library's age (see aged) when the lesson was over.
	Born time.Duration `json:"born"`
}

// Why nothing of a recording can be played.
const (
	FaultKeys    = "keys"    // they are lost
	FaultDamaged = "damaged" // no segment of it says anything
	FaultNewer   = "newer"   // another version of the program wrote it
)

// Gap is a stretch in which nothing of the lesson is there. Cause is the journal's or the index's word for it (journal.CauseDamaged, mux.WhyErased, …), "" where
// nobody knows one: then nobody was seen or heard.
type Gap struct {
	Span
	Cause string `json:"cause,omitempty"`
}

// Damage is a stretch of which something cannot be read any more, however little: of one source, or of all where it is "".
type Damage struct {
	Span
	Source string `json:"source,omitempty"`
}

// Campus is a school that took part.
type Campus struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Span is a stretch of a recording, from its beginning.
type Span struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Length is how long the stretch lasts.
func (s Span) Length() time.Duration { return s.To - s.From }

// The kinds of chapters.
const (
	ChapterStart = "start" // 上课
	ChapterFloor = "floor" // a campus was called on
	ChapterEnd   = "end"   // 下课
)

// Chapter is a place in a recording that is worth jumping to.
type Chapter struct {
	At     time.Duration `json:"at"`
	Kind   string        `json:"kind"`
	Campus string        `json:"campus,omitempty"` // the room or campus that was called on
	Name   string        `json:"name,omitempty"`
}

// Heard says when somebody was heard.
type Heard struct {
	Campus string `json:"campus"` // "" is the teacher
	Name   string `json:"name"`
	Spans  []Span `json:"spans"`
}

// Missing is how much of the recording is not there. What is damaged counts, however little.
func (e Entry) Missing() (d time.Duration) {
	spans := make([]Span, 0, len(e.Gaps)+len(e.Damaged))
	for _, g := range e.Gaps {
		spans = append(spans, g.Span)
	}
	for _, g := range e.Damaged {
		spans = append(spans, g.Span)
	}
	for _, s := range merge(spans, 0) {
		d += s.Length()
	}
	if len(e.Damaged) > 0 {
		d = max(d, time.Second)
	}
	return d
}

// Attended reports whether a campus took part.
func (e Entry) Attended(campus string) bool {
	return campus != "" && (e.Campus == campus || slices.ContainsFunc(e.Campuses, func(c Campus) bool { return c.ID == campus }))
}

// newest sorts by start, newest first; running lessons before all.
func newest(a, b Entry) int {
	if a.Live != b.Live {
		if a.Live {
			return -1
		}
		return 1
	}
	return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(a.ID, b.ID))
}

// merge joins stretches that touch or overlap, or lie less than near apart; the input's order does not matter.
func merge(spans []Span, near time.Duration) []Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	out := spans[:0]
	for _, s := range spans {
		if s.To <= s.From {
			continue
		}
		if n := len(out); n > 0 && s.From <= out[n-1].To+near {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// holes are the stretches of whole that no span covers and that last at least least.
func holes(spans []Span, whole Span, least time.Duration) []Span {
	out := []Span{}
	at := whole.From
	for _, s := range append(merge(spans, 0), Span{whole.To, whole.To}) {
		if from, to := at, min(s.From, whole.To); to-from >= least {
			out = append(out, Span{from, to})
		}
		at = max(at, s.To)
	}
	return out
}
