package health

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// a minute with figures that fit the file exactly.
func minute(at time.Time, kbps float64) Minute {
	return Minute{At: at, RateKbps: kbps, LossPercent: 0.25, DelayMs: 31, Celsius: 47.5, DiskLessons: 41, Up: 1}
}

func at(t *testing.T, m *Minutes, when time.Time) Minute {
	t.Helper()
	return m.Range(when, time.Minute, 1)[0]
}

func same(a, b Minute) bool {
	if !a.At.Equal(b.At) {
		return false
	}
	for i, f := range a.fields() {
		if g := *b.fields()[i]; math.IsNaN(*f) != math.IsNaN(g) || !math.IsNaN(g) && math.Abs(*f-g) > 1e-9 {
			return false
		}
	}
	return true
}

// TestMinutesSurviveACut: what was written before the cut is there, whatever the cut left behind it.
func TestMinutesSurviveACut(t *testing.T) {
	for _, rubbish := range []int{0, 1, minuteSize - 1, minuteSize + 7} {
		dir := t.TempDir()
		m := OpenMinutes(dir)
		for i := range 12 {
			if err := m.Note(minute(noon.Add(time.Duration(i)*time.Minute), float64(i))); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, MinutesFile)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(bytes.Repeat([]byte{0xa5}, rubbish))
		f.Close()
		m = OpenMinutes(dir)
		for i := range 15 {
			when := noon.Add(time.Duration(i) * time.Minute)
			want := minute(when, float64(i))
			if i >= 10 { // of the last five minutes nothing was written yet
				want = (&means{}).minute(when)
			}
			if got := at(t, m, when); !same(got, want) {
				t.Errorf("%d bytes of rubbish, minute %d: %+v, want %+v", rubbish, i, got, want)
			}
		}
		for i := 15; i < 20; i++ {
			if err := m.Note(minute(noon.Add(time.Duration(i)*time.Minute), 7)); err != nil {
				t.Fatal(err)
			}
		}
		if got := at(t, OpenMinutes(dir), noon.Add(19*time.Minute)); got.RateKbps != 7 {
			t.Errorf("%d bytes of rubbish: written behind them and lost: %+v", rubbish, got)
		}
	}
}

func TestMinutesAreWrittenSeldom(t *testing.T) {
	dir := t.TempDir()
	m := OpenMinutes(dir)
	writes, last := 0, int64(-1)
	for i := range 60 {
		if err := m.Note(minute(noon.Add(time.Duration(i)*time.Minute), 1)); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(filepath.Join(dir, MinutesFile)); err == nil && st.Size() != last {
			writes, last = writes+1, st.Size()
		}
	}
	if writes != 12 || last != 60*minuteSize {
		t.Errorf("%d writes, %d bytes in an hour", writes, last)
	}
}

// TestMinutesAreBounded: a month of figures keeps eight days and more on disk, in two files.
func TestMinutesAreBounded(t *testing.T) {
	dir := t.TempDir()
	m := OpenMinutes(dir)
	begin := noon.Add(-30 * 24 * time.Hour)
	const all = 30 * 24 * 60
	for i := range all {
		m.mu.Lock() // as Note does, without a month of fsync
		w := minute(begin.Add(time.Duration(i)*time.Minute), 5)
		m.known[minuteOf(w.At)] = w
		m.waiting = append(m.waiting, w)
		var err error
		if len(m.waiting) == 720 {
			m.forgetLocked(w.At)
			err = m.flushLocked()
		}
		m.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(m.known) > 2*minutesAFile+720 {
		t.Errorf("%d minutes in memory", len(m.known))
	}
	for _, m := range []*Minutes{m, OpenMinutes(dir)} {
		for i, got := range m.Range(noon.Add(-8*24*time.Hour), time.Hour, 8*24) {
			if got.RateKbps != 5 {
				t.Fatalf("hour %d: %+v", i, got)
			}
		}
	}
	var size int64
	for _, name := range []string{MinutesFile, MinutesFile + ".old"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size()
	}
	if size > 2*(minutesAFile+720)*minuteSize {
		t.Errorf("%d bytes", size)
	}
}

// TestMinutesByAWrongClock: what a clock far ahead wrote is not shown, and does not stay for ever.
func TestMinutesByAWrongClock(t *testing.T) {
	m := OpenMinutes(t.TempDir())
	for i := range 10 {
		m.Note(minute(noon.Add(20*365*24*time.Hour+time.Duration(i)*time.Minute), 9))
	}
	m.Note(minute(noon, 3))
	for i, got := range m.Range(noon.Add(-time.Hour), time.Minute, 61) {
		if want := i == 60; (got.RateKbps == 3) != want {
			t.Errorf("minute %d: %+v", i, got)
		}
	}
	for _, when := range []time.Time{{}, time.Unix(-1e12, 0), time.Unix(1e15, 0)} {
		m.Note(minute(when, 1)) // must not panic
	}
}

func TestMinutesMeans(t *testing.T) {
	m := OpenMinutes(t.TempDir())
	a, b := minute(noon, 100), minute(noon.Add(time.Minute), 300)
	b.LossPercent, b.Up = Unknown(), 0
	m.Note(a)
	m.Note(b)
	got := m.Range(noon, 10*time.Minute, 2)
	if got[0].RateKbps != 200 || got[0].LossPercent != 0.25 || got[0].Up != 0.5 {
		t.Errorf("%+v", got[0])
	}
	if !math.IsNaN(got[1].RateKbps) || !math.IsNaN(got[1].Up) {
		t.Errorf("nothing known is %+v", got[1])
	}
}

func FuzzMinute(f *testing.F) {
	f.Add(appendMinute(nil, minute(noon, 3800)))
	f.Add(appendMinute(nil, Minute{At: noon, RateKbps: Unknown(), LossPercent: -3, DelayMs: 1e9, Celsius: -273, DiskLessons: 1e12, Up: math.Inf(1)}))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, ok := decodeMinute(doc)
		if !ok {
			return
		}
		if again, ok := decodeMinute(appendMinute(nil, m)); !ok || !same(m, again) {
			t.Errorf("%+v becomes %+v", m, again)
		}
	})
}
