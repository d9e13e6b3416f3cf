package timetable

// The files that are read.
const (
	EntriesFile = "课表.csv"
	BellsFile   = "作息.csv"
)

// Fault is one thing that is wrong, and where. What it says and its cure stand in the words of the pages under home.fault.<code> and
// home.cure.<code>.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column string `json:"column,omitempty"` // as the file's header calls it
	Code   string `json:"code"`
	Value  string `json:"value,omitempty"`
	Other  int    `json:"other,omitempty"` // the other line, of two that do not go together
	Date   Date   `json:"date,omitzero"`   // the first day of it
}

// Faults are all that was found, in the order of the lines. Hints stop nothing.
type Faults struct {
	List  []Fault
	Hints []Fault

	called map[string]string // English heading → as 课表.csv has it
}

// column is what 课表.csv calls a column; a plan that was read earlier has the Chinese headings.
func (f *Faults) column(name string) string {
	if s := f.called[name]; s != "" {
		return s
	}
	for _, c := range entryColumns {
		if c.en == name {
			return c.zh
		}
	}
	return name
}

// maxFaults bounds what a wrong file (a novel, say) can make of itself.
const maxFaults = 200

func (f *Faults) add(x Fault) {
	if len(f.List) < maxFaults {
		f.List = append(f.List, x)
	}
}

func (f *Faults) hint(x Fault) {
	if len(f.Hints) < maxFaults {
		f.Hints = append(f.Hints, x)
	}
}

// Codes are the codes of faults and hints that exist.
var Codes = []string{
	"too-large", "encoding", "quote", "empty-file", "column-missing", "column-unknown", "column-twice", "cells", "needed", "too-long",
	"weekday", "period", "span", "weeks", "date", "date-order", "term-needed", "mode", "mode-unsupported", "profile", "profile-unsupported",
	"record", "listen-unsupported", "room", "members-many", "member-twice", "member-master", "entry-twice",
	"clock", "clock-order", "kind", "bell-differs", "period-twice", "periods-overlap", "bell-twice", "campus-many",
	"no-bell", "no-lesson", "conflict-room", "conflict-teacher", "room-unknown", "teacher-unknown",
}

// conflict reports whether a fault is one of two lines against each other in time, or of a period without a bell.
func (f Fault) conflict() bool {
	return f.Code == "conflict-room" || f.Code == "conflict-teacher" || f.Code == "no-bell"
}
