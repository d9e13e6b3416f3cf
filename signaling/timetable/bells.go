package timetable

import (
	"slices"
	"strings"
)

var kinds = []word{
	{"上课", "lesson", "lesson"}, {"课间", "break", "break"}, {"做操", "exercise", "exercise"}, {"用餐", "meal", "meal"}, {"晚自习", "evening", "evening"},
	{"课", "lesson", "lesson"}, {"休息", "break", "break"}, {"课间操", "exercise", "exercise"}, {"午餐", "meal", "meal"}, {"午休", "meal", "meal"},
}

// readBells reads 作息.csv. Lines of one name make one bell; what the first says of campuses and dates, the others say too or leave out.
func readBells(data []byte, place Place, faults *Faults) (bells []Bell, ok bool) {
	t, ok := readTable(BellsFile, data, bellColumns, faults)
	if !ok {
		return nil, false
	}
	for _, l := range t.lines() {
		name := l.need("bell", maxName)
		head := Bell{Name: name, Campuses: l.campuses(place), From: l.day("from"), Until: l.day("until"), Line: l.row.line}
		if head.From > 0 && head.Until > 0 && head.From > head.Until {
			l.bad("until", "date-order", head.Until.String())
		}
		p := l.period()
		i := slices.IndexFunc(bells, func(b Bell) bool { return b.Name == name })
		if l.failed {
			ok = false
			continue
		}
		if i < 0 {
			bells = append(bells, head)
			i = len(bells) - 1
		}
		bells[i].add(l, head, p)
		ok = ok && !l.failed
	}
	return bells, oneBellAtATime(bells, faults) && ok
}

func (b *Bell) add(l *line, head Bell, p Period) {
	if len(head.Campuses) > 0 && !slices.Equal(head.Campuses, b.Campuses) {
		l.fault(Fault{Column: l.called["campuses"], Code: "bell-differs", Value: b.Name, Other: b.Line})
	}
	if head.From != 0 && head.From != b.From {
		l.fault(Fault{Column: l.called["from"], Code: "bell-differs", Value: b.Name, Other: b.Line})
	}
	if head.Until != 0 && head.Until != b.Until {
		l.fault(Fault{Column: l.called["until"], Code: "bell-differs", Value: b.Name, Other: b.Line})
	}
	for _, o := range b.Periods {
		switch {
		case p.Index > 0 && o.Index == p.Index:
			l.fault(Fault{Column: l.called["period"], Code: "period-twice", Other: o.Line})
		case p.Start < o.End && o.Start < p.End:
			l.fault(Fault{Column: l.called["start"], Code: "periods-overlap", Other: o.Line})
		}
	}
	b.Periods = append(b.Periods, p)
}

func (l *line) period() Period {
	p := Period{Name: l.text("name", maxName), Kind: l.word("kind", "kind", kinds), Start: l.clock("start"), End: l.clock("end"), Line: l.row.line}
	if p.Kind == "lesson" || p.Kind == "evening" || l.text("period", maxCell) != "" {
		p.Index = l.count("period", maxPeriod, 0)
	}
	if !l.failed && p.Start >= p.End {
		l.bad("end", "clock-order", p.End.String())
	}
	return p
}

func (l *line) clock(name string) Clock {
	s := l.need(name, maxCell)
	c, ok := ParseClock(plain(s))
	if !ok && s != "" {
		l.bad(name, "clock", s)
	}
	return c
}

func (l *line) campuses(place Place) (list []string) {
	s := l.text("campuses", 2000)
	if p := plain(s); p == "" || p == "全部" || p == "all" {
		return nil
	}
	for item := range strings.SplitSeq(strings.NewReplacer("；", ";", "、", ";").Replace(s), ";") {
		if item = strings.TrimSpace(item); item != "" {
			if r, ok := l.room("campuses", item, place); ok {
				list = append(list, r.Campus)
			}
		}
	}
	if len(list) > 64 {
		l.bad("campuses", "campus-many", s)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// oneBellAtATime refuses two bells of the same standing that would hold for a campus on one day and begin on the same one: which counts
// could not be told.
func oneBellAtATime(bells []Bell, faults *Faults) bool {
	ok := true
	for i, b := range bells {
		for _, o := range bells[:i] {
			same := len(b.Campuses) == 0 && len(o.Campuses) == 0 ||
				slices.ContainsFunc(b.Campuses, func(c string) bool { return slices.Contains(o.Campuses, c) })
			if same && b.From == o.From {
				faults.add(Fault{File: BellsFile, Line: b.Line, Code: "bell-twice", Value: b.Name, Other: o.Line})
				ok = false
			}
		}
	}
	return ok
}
