package timetable

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"tongke/signaling/protocol"
)

const (
	maxWeeks   = 60
	maxPeriod  = 20
	maxMembers = 11
	maxName    = 64

	notKept = "buffer"
)

// Lists of what a cell may say. What a lesson cannot have yet has no value, and is refused by its name.
var (
	modes    = []word{{"同上", "same", "same"}, {"专递", "delivery", "same"}, {"名师", "demonstration", ""}, {"教研", "meeting", ""}, {"名校", "open", ""}}
	profiles = []word{{"语音", "voice", "voice"}, {"音乐", "music", "music"}, {"体育", "movement", ""}}
	records  = []word{{"不录", "buffer", notKept}, {"老师和黑板", "teacher+board", protocol.ScopeTeacherBoard}, {"含学生", "+pupils", protocol.ScopePupils}}
	weekdays = map[string]int{"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
)

// Place finds the room that somebody wrote; known is false for one that has no box yet.
type Place func(Room) (room Room, known bool)

// Rooms makes a Place of the rooms there are, by the campuses' ids or names. Signs of an input method are taken as plain ones.
func Rooms(rooms []Room, names map[string]string) Place {
	return func(r Room) (Room, bool) {
		for _, k := range rooms {
			if plain(r.Campus) != plain(k.Campus) && (names[k.Campus] == "" || plain(r.Campus) != plain(names[k.Campus])) {
				continue
			}
			r.Campus = k.Campus
			if plain(r.Classroom) == plain(k.Classroom) {
				return k, true
			}
		}
		// Without a classroom a campus means its only room, or all of them.
		return r, r.Classroom == "" && slices.ContainsFunc(rooms, func(k Room) bool { return k.Campus == r.Campus })
	}
}

// readEntries reads 课表.csv; ids are made of what an entry is, so that the same line has the same id in each import.
func readEntries(data []byte, place Place, faults *Faults) (entries []Entry, ok bool) {
	t, ok := readTable(EntriesFile, data, entryColumns, faults)
	if !ok {
		return nil, false
	}
	faults.called = t.called
	seen := map[string]int{}
	for _, l := range t.lines() {
		e := l.entry(place)
		if l.failed {
			ok = false
			continue
		}
		e.ID = entryID(e)
		if other, twice := seen[e.ID]; twice {
			l.fault(Fault{Column: l.called["weekday"], Code: "entry-twice", Other: other})
			ok = false
			continue
		}
		seen[e.ID] = e.Line
		entries = append(entries, e)
	}
	return entries, ok
}

// entryID is the same for the same place in the plan: weekday, period, weeks, beginning and master classroom. An entry whose teacher,
// subject or members change stays itself.
func entryID(e Entry) string {
	const signs = "0123456789abcdefghjkmnpqrstvwxyz"
	sum := sha256.Sum256(fmt.Appendf(nil, "%d|%d|%s|%s|%s", e.Weekday, e.Period, e.Weeks, e.From, e.Master))
	id := []byte("t0000000")
	for i := range 7 {
		id[i+1] = signs[sum[i]&31]
	}
	return string(id)
}

func (l *line) entry(place Place) Entry {
	e := Entry{
		Line: l.row.line, Weekday: l.weekday(), Period: l.count("period", maxPeriod, 0), Span: l.count("span", 4, 1), Weeks: l.weeks(),
		Subject: l.need("subject", 30), Topic: l.text("title", 50), Classes: l.text("classes", 30), Teacher: l.need("teacher", 32),
		Note: l.text("note", maxCell), From: l.day("from"), Until: l.day("until"),
	}
	l.word("mode", "mode", modes)
	e.Profile = l.word("profile", "profile", profiles)
	if kept := l.word("record", "record", records); kept != notKept {
		e.Kept = kept
	}
	if e.From > 0 && e.Until > 0 && e.From > e.Until {
		l.bad("until", "date-order", e.Until.String())
	}
	if s := l.need("master", 2*maxName+1); s != "" {
		e.Master, _ = l.room("master", s, place)
	}
	e.Members = l.members(place)
	for i, m := range e.Members {
		switch {
		case m.Room == e.Master && m.Campus != "":
			l.bad("members", "member-master", m.String())
		case slices.ContainsFunc(e.Members[:i], func(o Member) bool { return o.Room == m.Room }):
			l.bad("members", "member-twice", m.String())
		}
	}
	return e
}

func (l *line) weekday() int {
	s := l.need("weekday", maxCell)
	p := plain(s)
	for _, prefix := range []string{"星期", "周", "礼拜"} {
		p = strings.TrimPrefix(p, prefix)
	}
	n, ok := number(p, 1, 7)
	if !ok {
		n, ok = weekdays[p]
	}
	if !ok && len(p) >= 3 { // Monday
		n, ok = weekdays[p[:3]]
		ok = ok && strings.HasSuffix(p, "day")
	}
	if !ok && s != "" {
		l.bad("weekday", "weekday", s)
	}
	return n
}

// count is a number from 1; empty is otherwise, or a fault if that is 0.
func (l *line) count(name string, most, otherwise int) int {
	var s string
	if otherwise == 0 {
		s = l.need(name, maxCell)
	} else {
		s = l.text(name, maxCell)
	}
	if s == "" {
		return otherwise
	}
	p := strings.TrimSuffix(strings.TrimPrefix(plain(s), "第"), "节")
	n, ok := number(p, 1, most)
	if !ok {
		l.bad(name, name, s)
	}
	return n
}

func (l *line) weeks() Weeks {
	s := l.text("weeks", maxCell)
	p := strings.NewReplacer("、", ",", "，", ",", "—", "-", "–", "-", "~", "-", "第", "").Replace(plain(s))
	switch p = strings.TrimSuffix(p, "周"); p {
	case "", "全", "all", "每":
		return AllWeeks
	case "单", "odd":
		return OddWeeks
	case "双", "even":
		return EvenWeeks
	}
	for part := range strings.SplitSeq(p, ",") {
		if _, _, ok := weekRange(part); !ok {
			l.bad("weeks", "weeks", s)
			return ""
		}
	}
	return Weeks(p)
}

// room reads 学校/教室.
func (l *line) room(name, s string, place Place) (Room, bool) {
	campus, classroom, _ := strings.Cut(strings.ReplaceAll(s, "／", "/"), "/")
	r := Room{strings.TrimSpace(campus), strings.TrimSpace(classroom)}
	if r.Campus == "" || strings.Contains(r.Classroom, "/") || len([]rune(r.Campus)) > maxName || len([]rune(r.Classroom)) > maxName {
		l.bad(name, "room", s)
		return Room{}, false
	}
	r, known := place(r)
	if !known {
		l.faults.hint(Fault{File: l.file, Line: l.row.line, Column: l.called[name], Code: "room-unknown", Value: clip(r.String())})
	}
	return r, true
}

func (l *line) members(place Place) (list []Member) {
	s := l.need("members", 4000)
	for item := range strings.SplitSeq(strings.ReplaceAll(s, "；", ";"), ";") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		for _, listen := range []string{"(听)", "（听）", "(listen)"} {
			if strings.HasSuffix(item, listen) {
				l.bad("members", "listen-unsupported", item)
				item = strings.TrimSuffix(item, listen)
			}
		}
		at, assistant, _ := strings.Cut(strings.ReplaceAll(item, "＝", "="), "=")
		r, ok := l.room("members", at, place)
		if ok {
			list = append(list, Member{r, clip(strings.TrimSpace(assistant))})
		}
	}
	if len(list) > maxMembers {
		l.bad("members", "members-many", fmt.Sprint(len(list)))
	}
	return list
}
