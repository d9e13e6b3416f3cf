package library

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func at(day int) time.Time {
	return time.Date(2026, 11, 1, 8, 40, 0, 0, time.UTC).Add(time.Duration(day) * Day)
}

func TestClockJumpsDeleteNothing(t *testing.T) {
	const keep = 30 * Day
	entries := []Entry{{ID: "a", Start: at(0)}, {ID: "b", Start: at(1), Born: Day}}
	tenYears := 10 * 365 * Day
	for _, c := range []struct {
		name string
		do   func(aged) aged
		want []string
	}{
		{"nothing happened", func(a aged) aged { return a }, nil},
		{"ten years ahead while it runs", func(a aged) aged { return a.pass(time.Minute, at(2).Add(tenYears)) }, nil},
		{"ten years ahead across a restart", func(a aged) aged { return a.wake(at(2).Add(tenYears)) }, nil},
		{"ahead, restart, back, restart", func(a aged) aged { return a.wake(at(2).Add(tenYears)).wake(at(2)) }, nil},
		{"back to 1970", func(a aged) aged { return a.wake(time.Unix(0, 0)).pass(Day, time.Unix(0, 0)) }, nil},
		{"29 days pass", func(a aged) aged { return a.pass(27*Day, at(29)) }, nil},
		{"30 days pass", func(a aged) aged { return a.pass(28*Day, at(30)) }, []string{"a"}},
		{"31 days pass in nights and days", func(a aged) aged {
			for d := range 29 {
				a = a.wake(at(2+d).Add(Day/2)).pass(Day/2, at(3+d))
			}
			return a
		}, []string{"a", "b"}},
		{"a summer off counts as a long weekend", func(a aged) aged { return a.wake(at(62)) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.do(aged{Age: 2 * Day, Wall: at(2)})
			if got := due(entries, a.Age, keep); !slices.Equal(got, c.want) {
				t.Errorf("due %v after %v, want %v", got, a.Age, c.want)
			}
		})
	}
}

func TestWhatGoesFirst(t *testing.T) {
	entries := []Entry{
		{ID: "kept", Born: 0, Protected: true},
		{ID: "running", Born: 0, Live: true},
		{ID: "young", Born: 3 * Day, Start: at(-4000)}, // by a clock that was wrong
		{ID: "old", Born: 2 * Day, Start: at(0)},
		{ID: "older", Born: 2 * Day, Start: at(-1)},
	}
	var order []string
	for {
		id, ok := yields(entries)
		if !ok {
			break
		}
		order = append(order, id)
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.ID == id })
	}
	if want := []string{"older", "old", "young"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if got := due(entries, 100*365*Day, 30*Day); len(got) != 0 {
		t.Errorf("protected or running ones are due: %v", got)
	}
	if _, ends := remains(Entry{ID: "x"}, 100*Day, 0); ends {
		t.Error("a library that keeps for ever ends something")
	}
}

func TestForecast(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct {
		name          string
		entries       []Entry
		free, reserve int64
		want          int
	}{
		{"no lesson yet", nil, 41*usualLesson + 5*gb + 1, 5 * gb, 41},
		{"below the reserve", nil, gb, 2 * gb, 0},
		{"as the last ones", []Entry{{Bytes: gb, Duration: time.Hour}, {Bytes: 3 * gb, Duration: time.Hour}}, 45 * gb, 5 * gb, 20},
		{"tries do not count", []Entry{{Bytes: gb, Duration: time.Hour}, {Bytes: 1, Duration: time.Minute}}, 45 * gb, 5 * gb, 40},
	} {
		if got := forecast(c.entries, c.free, c.reserve); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	var many []Entry
	for i := range 100 {
		many = append(many, Entry{ID: fmt.Sprint(i), Start: at(i), Duration: time.Hour, Bytes: gb})
		if i < 80 {
			many[i].Bytes = 1000 * gb
		}
	}
	if got := forecast(many, 10*gb, 0); got != 10 {
		t.Errorf("forecast of a box that once kept large lessons: %d, want 10", got)
	}
}

func TestAFullDiskOfOthers(t *testing.T) {
	const gb = 1e9
	entries := []Entry{{ID: "a", Bytes: gb}, {ID: "b", Bytes: gb, Protected: true}, {ID: "c", Bytes: gb}}
	for _, c := range []struct{ free, reserve, want int64 }{
		{4 * gb, 5 * gb, 5 * gb},  // one recording less is enough
		{3 * gb, 5 * gb, 5 * gb},  // two
		{2 * gb, 5 * gb, least},   // not even both: they stay as long as there is room for a quarter of an hour
		{0, 100e6, 100e6},         // of a small disk
		{20 * gb, 5 * gb, 5 * gb}, // enough
	} {
		if got := wanted(entries, c.free, c.reserve); got != c.want {
			t.Errorf("%d free of %d: %d wanted, want %d", c.free, c.reserve, got, c.want)
		}
	}
}

func TestHoles(t *testing.T) {
	s := func(from, to int) Span {
		return Span{time.Duration(from) * time.Second, time.Duration(to) * time.Second}
	}
	for _, c := range []struct {
		name  string
		spans []Span
		want  []Span
	}{
		{"whole", []Span{s(0, 60)}, nil},
		{"two streams cover for each other", []Span{s(0, 30), s(20, 60)}, nil},
		{"in the middle", []Span{s(0, 20), s(45, 60)}, []Span{s(20, 45)}},
		{"at both ends", []Span{s(5, 50)}, []Span{s(0, 5), s(50, 60)}},
		{"nothing there", nil, []Span{s(0, 60)}},
		{"disordered and beyond", []Span{s(50, 90), s(0, 10)}, []Span{s(10, 50)}},
	} {
		if got := holes(c.spans, s(0, 60), time.Second); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
