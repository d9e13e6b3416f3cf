package timetable

import "strconv"

// findConflicts walks the days of the term once and names every two lines that need one room or one person at the same time, and every
// line whose period no bell rings on some day. Each pair and each line is named once, with its first day.
func findConflicts(t Timetable, f *Faults) {
	type pair struct{ a, b int }
	said := map[pair]bool{}
	silent := map[int]bool{}
	for d := t.Term.FirstMonday; d <= t.Term.Until && len(f.List) < maxFaults; d++ {
		byRoom, byPerson := map[Room][]taken{}, map[string][]taken{}
		for _, e := range t.Entries {
			if !t.on(e, d) {
				continue
			}
			start, end, ok := t.times(e, d)
			if !ok {
				if !silent[e.Line] {
					silent[e.Line] = true
					f.add(Fault{File: EntriesFile, Line: e.Line, Column: f.column("period"), Code: "no-bell", Value: strconv.Itoa(e.Period), Date: d})
				}
				continue
			}
			now := taken{e.Line, start, end}
			clash := func(others []taken, code, column, value string) {
				for _, o := range others {
					if len(f.List) >= maxFaults {
						return // thousands of lines against each other are not told, so not looked for
					}
					if o.start < end && start < o.end && !said[pair{o.line, e.Line}] {
						said[pair{o.line, e.Line}] = true
						f.add(Fault{File: EntriesFile, Line: e.Line, Column: column, Code: code, Value: value, Other: o.line, Date: d})
					}
				}
			}
			clash(byPerson[e.Teacher], "conflict-teacher", f.column("teacher"), e.Teacher)
			clash(byRoom[e.Master], "conflict-room", f.column("master"), e.Master.String())
			for _, m := range e.Members {
				clash(byRoom[m.Room], "conflict-room", f.column("members"), m.Room.String())
				clash(byPerson[m.Assistant], "conflict-teacher", f.column("members"), m.Assistant)
			}
			byPerson[e.Teacher] = append(byPerson[e.Teacher], now)
			byRoom[e.Master] = append(byRoom[e.Master], now)
			for _, m := range e.Members {
				byRoom[m.Room] = append(byRoom[m.Room], now)
				if m.Assistant != "" {
					byPerson[m.Assistant] = append(byPerson[m.Assistant], now)
				}
			}
		}
	}
}

type taken struct {
	line       int
	start, end Clock
}
