package timetable

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a day of the calendar, counted from 1 January 1970; zero is none.
type Date int32

// The dates that a plan may have; others are slips of the pen.
var firstDate, lastDate = date(2000, 1, 1), date(2099, 12, 31)

func date(year, month, day int) Date {
	return Date(floorDiv(int(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix()), 24*60*60))
}

// DateOf is the day that a moment has in the zone of the plan.
func DateOf(t time.Time) Date {
	year, month, day := t.In(Zone).Date()
	return date(year, int(month), day)
}

// ParseDate reads 2026-09-01 and 2026/9/1.
func ParseDate(s string) (Date, bool) {
	f := strings.Split(strings.ReplaceAll(s, "/", "-"), "-")
	if len(f) != 3 || len(f[0]) != 4 {
		return 0, false
	}
	year, ok1 := number(f[0], 1, 9999)
	month, ok2 := number(f[1], 1, 12)
	day, ok3 := number(f[2], 1, 31)
	if !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	d := date(year, month, day)
	y, m, dd := d.civil()
	return d, y == year && m == month && dd == day && d >= firstDate && d <= lastDate
}

func (d Date) civil() (year, month, day int) {
	t := time.Unix(int64(d)*24*60*60, 0).UTC()
	return t.Year(), int(t.Month()), t.Day()
}

// Weekday is 1 for Monday to 7 for Sunday.
func (d Date) Weekday() int { return (int(d)%7+10)%7 + 1 } // 1 January 1970 was a Thursday

// Monday is the first day of its week.
func (d Date) Monday() Date { return d - Date(d.Weekday()-1) }

// At is a moment of the day.
func (d Date) At(c Clock) time.Time {
	year, month, day := d.civil()
	return time.Date(year, time.Month(month), day, int(c)/60, int(c)%60, 0, 0, Zone)
}

func (d Date) String() string {
	if d == 0 {
		return ""
	}
	year, month, day := d.civil()
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// MarshalText writes 2026-09-01.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads it; "" is no date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	got, ok := ParseDate(string(text))
	if !ok {
		return fmt.Errorf("no date: %.20q", text)
	}
	*d = got
	return nil
}

// Clock is a time of the day in minutes.
type Clock int

// ParseClock reads 8:40, 08:40 and 08:40:00.
func ParseClock(s string) (Clock, bool) {
	f := strings.Split(s, ":")
	if len(f) == 3 && f[2] == "00" { // as a spreadsheet may write it
		f = f[:2]
	}
	if len(f) != 2 || len(f[1]) != 2 {
		return 0, false
	}
	hour, ok1 := number(f[0], 0, 23)
	minute, ok2 := number(f[1], 0, 59)
	return Clock(hour*60 + minute), ok1 && ok2
}

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText writes 08:40.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads it.
func (c *Clock) UnmarshalText(text []byte) error {
	got, ok := ParseClock(string(text))
	if !ok {
		return fmt.Errorf("no time of day: %.20q", text)
	}
	*c = got
	return nil
}

// number reads digits only: no sign, no blanks.
func number(s string, least, most int) (int, bool) {
	if s == "" || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= least && n <= most
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
