// Package timetable makes lessons of a school's weekly plan. It reads the plan (课表.csv) and the bells (作息.csv) as spreadsheets write
// them, says every fault at once, compares with what is there, and tells which lessons a day has. All of that is pure: functions of values.
//
// Only Keeper acts: it puts today's lessons and those of the coming week into the registry of signaling/lesson, and owns the bucket
// "timetable" of the store. Nothing derived is stored but the marks of what was handed to the registry.
package timetable

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Zone is the one zone of all times: China has had no other, and no summer time, since 1991.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Timetable is the plan of one term.
type Timetable struct {
	Revision uint64  `json:"revision"` // rises with each import
	Term     Term    `json:"term"`
	Bells    []Bell  `json:"bells"`
	Entries  []Entry `json:"entries"`
}

// Term says how weeks are counted.
type Term struct {
	FirstMonday Date `json:"firstMonday"` // of week 1, which is odd
	Until       Date `json:"until"`       // the last day
}

// Week is the number of a day's week; below 1 before the term.
func (t Term) Week(d Date) int { return floorDiv(int(d-t.FirstMonday), 7) + 1 }

// Bell is a set of periods that some campuses keep for some time.
type Bell struct {
	Name     string   `json:"name"`
	Campuses []string `json:"campuses,omitempty"` // empty: all
	From     Date     `json:"from,omitzero"`      // zero: always
	Until    Date     `json:"until,omitzero"`
	Periods  []Period `json:"periods"`
	Line     int      `json:"line"`
}

// Period is a part of the school day.
type Period struct {
	Index int    `json:"index"` // 0: not one that lessons are put on
	Name  string `json:"name,omitempty"`
	Start Clock  `json:"start"`
	End   Clock  `json:"end"`
	Kind  string `json:"kind"` // lesson, break, exercise, meal, evening
	Line  int    `json:"line"`
}

// Room is a classroom; without Classroom the only one of its campus.
type Room struct {
	Campus    string `json:"campus"`
	Classroom string `json:"classroom,omitempty"`
}

func (r Room) String() string {
	if r.Classroom == "" {
		return r.Campus
	}
	return r.Campus + "/" + r.Classroom
}

// Member is a classroom that attends.
type Member struct {
	Room
	Assistant string `json:"assistant,omitempty"`
}

// Entry is one line of the plan: a lesson each week, or each other week.
type Entry struct {
	ID      string   `json:"id"`
	Weekday int      `json:"weekday"` // 1 = Monday
	Period  int      `json:"period"`
	Span    int      `json:"span"` // periods that follow each other
	Weeks   Weeks    `json:"weeks"`
	Subject string   `json:"subject"`
	Topic   string   `json:"topic,omitempty"`
	Classes string   `json:"classes,omitempty"`
	Teacher string   `json:"teacher"`
	Master  Room     `json:"master"`
	Members []Member `json:"members"`
	Profile string   `json:"profile"`        // voice or music
	Kept    string   `json:"kept,omitempty"` // what a recording keeps, a lesson's scope; "" is none
	Note    string   `json:"note,omitempty"`
	From    Date     `json:"from"`
	Until   Date     `json:"until"`
	Line    int      `json:"line"`
}

// Title is what the lesson is called: 音乐 三年级 《茉莉花》.
func (e Entry) Title() string {
	var parts []string
	for _, p := range []string{e.Subject, e.Classes, e.Topic} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// Occurrence is a lesson of one day.
type Occurrence struct {
	ID         string // entry-YYYYMMDD of the day it was planned for
	Entry      Entry
	Date       Date
	Start, End time.Time
}

// Occurrences are the lessons of a day, by their start.
func Occurrences(t Timetable, d Date) []Occurrence {
	var list []Occurrence
	for _, e := range t.Entries {
		if !t.on(e, d) {
			continue
		}
		start, end, ok := t.times(e, d)
		if !ok {
			continue // an import refuses such an entry; a bell that ended since leaves no time to name
		}
		list = append(list, Occurrence{ID: LessonID(e.ID, d), Entry: e, Date: d, Start: d.At(start), End: d.At(end)})
	}
	slices.SortFunc(list, func(a, b Occurrence) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID))
	})
	return list
}

// LessonID names an entry's lesson of a day.
func LessonID(entry string, d Date) string {
	year, month, day := d.civil()
	return fmt.Sprintf("%s-%04d%02d%02d", entry, year, month, day)
}

// on reports whether an entry has a lesson on a day.
func (t Timetable) on(e Entry, d Date) bool {
	return d >= e.From && d <= e.Until && d.Weekday() == e.Weekday && d <= t.Term.Until && e.Weeks.Has(t.Term.Week(d))
}

// times are when an entry's lesson begins and ends on a day, by the bell of the master classroom.
func (t Timetable) times(e Entry, d Date) (start, end Clock, ok bool) {
	b, ok := t.bell(e.Master.Campus, d)
	if !ok {
		return 0, 0, false
	}
	first, ok := b.period(e.Period)
	last, ok2 := b.period(e.Period + e.Span - 1)
	return first.Start, last.End, ok && ok2 && first.Start < last.End
}

// bell is what a campus keeps on a day: one that names the campus before one for all, a later beginning before an earlier one.
func (t Timetable) bell(campus string, d Date) (best Bell, ok bool) {
	for _, b := range t.Bells {
		if !b.keeps(campus, d) {
			continue
		}
		if !ok || b.rank() > best.rank() || b.rank() == best.rank() && b.From > best.From {
			best, ok = b, true
		}
	}
	return best, ok
}

func (b Bell) keeps(campus string, d Date) bool {
	return (b.From == 0 || d >= b.From) && (b.Until == 0 || d <= b.Until) && (len(b.Campuses) == 0 || slices.Contains(b.Campuses, campus))
}

// rank puts a bell that names campuses above one for all.
func (b Bell) rank() int { return min(len(b.Campuses), 1) }

func (b Bell) period(index int) (Period, bool) {
	for _, p := range b.Periods {
		if p.Index == index && index > 0 {
			return p, true
		}
	}
	return Period{}, false
}

// Weeks says in which weeks of the term: "all", "odd", "even", or numbers as "1-8,10".
type Weeks string

// The words of Weeks.
const (
	AllWeeks  Weeks = "all"
	OddWeeks  Weeks = "odd"
	EvenWeeks Weeks = "even"
)

// Has reports whether a week is one of them.
func (w Weeks) Has(week int) bool {
	switch {
	case week < 1:
		return false
	case w == AllWeeks:
		return true
	case w == OddWeeks:
		return week%2 == 1
	case w == EvenWeeks:
		return week%2 == 0
	}
	for part := range strings.SplitSeq(string(w), ",") {
		if from, to, ok := weekRange(part); ok && week >= from && week <= to {
			return true
		}
	}
	return false
}

func weekRange(part string) (from, to int, ok bool) {
	a, b, ranged := strings.Cut(part, "-")
	from, ok = number(a, 1, maxWeeks)
	if !ranged {
		return from, from, ok
	}
	to, ok2 := number(b, 1, maxWeeks)
	return from, to, ok && ok2 && from <= to
}
