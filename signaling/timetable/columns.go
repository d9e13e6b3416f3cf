package timetable

import "unicode/utf8"

// column is a heading that a file may have.
type column struct {
	zh, en string
	needed bool // the heading must stand there
}

var entryColumns = []column{
	{"星期", "weekday", true}, {"节次", "period", true}, {"连堂", "span", false}, {"周次", "weeks", false}, {"学科", "subject", true}, {"课题", "title", false},
	{"年级班级", "classes", false}, {"方式", "mode", false}, {"主讲教师", "teacher", true}, {"主讲教室", "master", true}, {"听讲教室", "members", true},
	{"声音", "profile", false}, {"录制", "record", false}, {"备注", "note", false}, {"开始日期", "from", false}, {"结束日期", "until", false},
}

var bellColumns = []column{
	{"作息名", "bell", true}, {"适用学校", "campuses", false}, {"开始日期", "from", false}, {"结束日期", "until", false}, {"节次", "period", true},
	{"名称", "name", false}, {"开始", "start", true}, {"结束", "end", true}, {"类型", "kind", false},
}

// table is a sheet whose columns are known.
type table struct {
	sheet
	at     map[string]int    // English heading → column
	called map[string]string // English heading → as the file has it
	faults *Faults
}

// readTable finds the columns by their headings, Chinese or English in any order.
func readTable(file string, data []byte, columns []column, faults *Faults) (t table, ok bool) {
	s, ok := readSheet(file, data, faults)
	if !ok {
		return t, false
	}
	t = table{sheet: s, at: map[string]int{}, called: map[string]string{}, faults: faults}
	head := s.rows[0]
	for i, cell := range head.cells {
		if cell == "" && i >= len(columns) {
			continue // a separator at the end of the line
		}
		name := ""
		for _, c := range columns {
			if p := plain(cell); p == c.zh || p == c.en {
				name = c.en
			}
		}
		_, twice := t.at[name]
		switch {
		case name == "":
			faults.add(Fault{File: file, Line: head.line, Column: clip(cell), Code: "column-unknown", Value: clip(cell)})
			ok = false
		case twice:
			faults.add(Fault{File: file, Line: head.line, Column: cell, Code: "column-twice", Value: cell})
			ok = false
		default:
			t.at[name], t.called[name] = i, cell
		}
	}
	for _, c := range columns {
		if _, there := t.at[c.en]; !there {
			t.called[c.en] = c.zh
			if c.needed {
				faults.add(Fault{File: file, Line: head.line, Column: c.zh, Code: "column-missing", Value: c.zh})
				ok = false
			}
		}
	}
	t.rows = s.rows[1:]
	return t, ok
}

// line is one row, read cell by cell.
type line struct {
	*table
	row
	failed bool
}

func (t *table) lines() []*line {
	list := make([]*line, 0, len(t.rows))
	for _, r := range t.rows {
		l := &line{table: t, row: r}
		for i, cell := range r.cells {
			if i >= len(t.at) && cell != "" {
				l.fault(Fault{Code: "cells", Value: clip(cell)})
				break
			}
		}
		list = append(list, l)
	}
	return list
}

// fault notes a fault of this line.
func (l *line) fault(f Fault) {
	l.failed = true
	f.File, f.Line = l.file, l.row.line
	l.faults.add(f)
}

// bad notes that a column's value is not one.
func (l *line) bad(name, code, value string) {
	l.fault(Fault{Column: l.called[name], Code: code, Value: clip(value)})
}

// text is a cell; longer than most is a fault.
func (l *line) text(name string, most int) string {
	i, ok := l.at[name]
	if !ok || i >= len(l.cells) {
		return ""
	}
	s := l.cells[i]
	if utf8.RuneCountInString(s) > most || !printable(s) {
		l.bad(name, "too-long", s)
		return ""
	}
	return s
}

// need is a cell that must not be empty.
func (l *line) need(name string, most int) string {
	before := l.failed
	s := l.text(name, most)
	if s == "" && l.failed == before {
		l.bad(name, "needed", "")
	}
	return s
}

// day is a date; zero if the cell is empty.
func (l *line) day(name string) Date {
	s := l.text(name, maxCell)
	if s == "" {
		return 0
	}
	d, ok := ParseDate(plain(s))
	if !ok {
		l.bad(name, "date", s)
	}
	return d
}

// word is one of a column's words; the first is what an empty cell means.
func (l *line) word(name, code string, words []word) string {
	s := l.text(name, maxCell)
	if s == "" {
		return words[0].value
	}
	for _, w := range words {
		if p := plain(s); p == w.zh || p == w.en {
			if w.value == "" {
				l.bad(name, code+"-unsupported", s)
			}
			return w.value
		}
	}
	l.bad(name, code, s)
	return ""
}

// word is a value by its Chinese and English names; value "" is one that no lesson can have yet.
type word struct{ zh, en, value string }

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
