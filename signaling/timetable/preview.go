package timetable

import (
	"cmp"
	"reflect"
	"slices"
)

// Files are what an import brings; nil keeps what is there of that kind.
type Files struct {
	Entries []byte
	Bells   []byte
	// FirstMonday is a day of week 1; zero takes that of the plan there is, else the week of the earliest date in the file.
	FirstMonday Date
}

// Change is what becomes of one entry.
type Change struct {
	Kind  string `json:"kind"` // add, change, remove
	Entry Entry  `json:"entry"`
}

// Preview is what an import would do. With faults there is nothing that could be applied.
type Preview struct {
	Added     int      `json:"added"`
	Changed   int      `json:"changed"`
	Removed   int      `json:"removed"`
	Conflicts int      `json:"conflicts"`
	Changes   []Change `json:"changes"`
	Faults    []Fault  `json:"faults"`
	Hints     []Fault  `json:"hints"`
	Revision  uint64   `json:"revision"` // of the plan it was compared with
	Term      Term     `json:"term"`
}

// Import reads files against the plan there is. next is the plan it would become, and is whole only without faults.
func Import(old Timetable, in Files, place Place) (next Timetable, p Preview) {
	var f Faults
	next = Timetable{Revision: old.Revision + 1, Term: old.Term, Bells: old.Bells, Entries: old.Entries}
	whole := true
	if in.Bells != nil {
		bells, ok := readBells(in.Bells, place, &f)
		next.Bells, whole = bells, ok
	}
	if in.Entries != nil {
		entries, ok := readEntries(in.Entries, place, &f)
		next.Entries, whole = entries, ok && whole
		next.Term = term(old.Term, in.FirstMonday, entries)
		if ok {
			whole = fillDates(&next, &f) && whole
		}
	}
	if whole { // a plan with holes would show conflicts that are none, and hide others
		findConflicts(next, &f)
	}
	slices.SortStableFunc(f.List, func(a, b Fault) int {
		return cmp.Or(-cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	p = Preview{Revision: old.Revision, Term: next.Term, Faults: f.List, Hints: f.Hints, Changes: diff(old.Entries, next.Entries)}
	for _, c := range p.Changes {
		switch c.Kind {
		case "add":
			p.Added++
		case "change":
			p.Changed++
		default:
			p.Removed++
		}
	}
	for _, x := range f.List {
		if x.conflict() {
			p.Conflicts++
		}
	}
	return next, p
}

// term counts weeks from the day that was given, else goes on with the old count unless the file begins elsewhere.
func term(old Term, first Date, entries []Entry) Term {
	var from, until Date
	for _, e := range entries {
		if e.From > 0 && (from == 0 || e.From < from) {
			from = e.From
		}
		until = max(until, e.Until)
	}
	t := Term{FirstMonday: first, Until: until}
	switch {
	case first > 0:
	case old.FirstMonday > 0 && (from == 0 || from >= old.FirstMonday && from <= old.Until):
		t.FirstMonday = old.FirstMonday
	default:
		t.FirstMonday = from
	}
	if t.FirstMonday > 0 {
		t.FirstMonday = t.FirstMonday.Monday()
		if t.Until == 0 {
			t.Until = t.FirstMonday + 20*7 - 1 // a term has twenty weeks
		}
		t.Until = min(t.Until, t.FirstMonday+maxWeeks*7-1)
	}
	return t
}

// fillDates gives entries without dates those of the term.
func fillDates(t *Timetable, f *Faults) bool {
	ok := true
	for i := range t.Entries {
		e := &t.Entries[i]
		if t.Term.FirstMonday == 0 {
			f.add(Fault{File: EntriesFile, Line: e.Line, Column: f.column("from"), Code: "term-needed"})
			return false
		}
		if e.From == 0 {
			e.From = t.Term.FirstMonday
		}
		if e.Until == 0 {
			e.Until = t.Term.Until
		}
		if !t.happens(*e) {
			f.add(Fault{File: EntriesFile, Line: e.Line, Column: f.column("weeks"), Code: "no-lesson"})
			ok = false
		}
	}
	return ok
}

func (t Timetable) happens(e Entry) bool {
	for d := max(e.From, t.Term.FirstMonday); d <= min(e.Until, t.Term.Until); d++ {
		if t.on(e, d) {
			return true
		}
	}
	return false
}

// diff compares by id; another line number is no change.
func diff(old, next []Entry) (list []Change) {
	before := map[string]Entry{}
	for _, e := range old {
		before[e.ID] = e
	}
	for _, e := range next {
		o, there := before[e.ID]
		delete(before, e.ID)
		o.Line = e.Line
		switch {
		case !there:
			list = append(list, Change{"add", e})
		case !reflect.DeepEqual(o, e):
			list = append(list, Change{"change", e})
		}
	}
	for _, e := range old {
		if _, left := before[e.ID]; left {
			list = append(list, Change{"remove", e})
		}
	}
	return list
}
