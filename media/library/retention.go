package library

import (
	"cmp"
	"slices"
	"time"
)

// Day is what retention counts in.
const Day = 24 * time.Hour

// awayCredit bounds how much the library ages while the box is off, whatever the wall clock says: a long weekend. A clock that jumps ten
// years ahead thus makes nothing older than it would be on Tuesday; one that falls back makes nothing younger.
const awayCredit = 4 * Day

// aged is the library's own count of time: it runs with the monotonic clock while the daemon runs and takes little on trust across a
// restart. What is kept for 30 days is kept for 30 days of it.
type aged struct {
	Age  time.Duration `json:"age"`
	Wall time.Time     `json:"wall"` // when it was last counted, by the wall clock
}

// wake counts the time that the box was off.
func (a aged) wake(now time.Time) aged {
	if !a.Wall.IsZero() {
		// Without the monotonic reading: this is another process, perhaps another boot.
		a.Age += min(max(now.Round(0).Sub(a.Wall.Round(0)), 0), awayCredit)
	}
	a.Wall = now.Round(0)
	return a
}

// pass counts time by the monotonic clock.
func (a aged) pass(elapsed time.Duration, now time.Time) aged {
	a.Age += max(elapsed, 0)
	a.Wall = now.Round(0)
	return a
}

// remains is how long an entry still stays. A protected or running one, and one of a library that keeps for ever, has no end.
func remains(e Entry, age, retention time.Duration) (time.Duration, bool) {
	if e.Live || e.Protected || retention <= 0 {
		return 0, false
	}
	return max(retention-(age-e.Born), 0), true
}

// due are the entries whose time is over.
func due(entries []Entry, age, retention time.Duration) (ids []string) {
	for _, e := range oldest(entries) {
		if left, ends := remains(e, age, retention); ends && left <= 0 {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// yields is the one that goes next when the disk is too full: the oldest that is neither protected nor running.
func yields(entries []Entry) (string, bool) {
	for _, e := range oldest(entries) {
		return e.ID, true
	}
	return "", false
}

// oldest sorts those that may go by the library's age, and equal ones by their start: the wall clock of a box may have been wrong.
func oldest(entries []Entry) []Entry {
	may := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.Live || e.Protected })
	slices.SortFunc(may, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Born, b.Born), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return may
}

// least is what stays free at any price: room for a quarter of an hour of the next lesson.
const least = 500e6

// wanted is how much of the disk is to be free. Where all that may go would not free the reserve, something else fills the disk, and giving every
// recording away for that helps nobody: then it is only the least.
func wanted(entries []Entry, free, reserve int64) int64 {
	may := free
	for _, e := range oldest(entries) {
		may += e.Bytes
	}
	if may < reserve {
		return min(reserve, least)
	}
	return reserve
}

// usualLesson is what a lesson takes when none was kept yet: 40 minutes of 3 Mb/s.
const usualLesson = 40 * 60 * 3e6 / 8

// recent is how many of the last lessons say how large the next will be.
const recent = 20

// forecast is how many more lessons fit.
func forecast(entries []Entry, free, reserve int64) int {
	var lessons, bytes int64
	for _, e := range slices.SortedFunc(slices.Values(entries), newest) {
		if e.Live || e.Duration < 5*time.Minute { // a try is no lesson
			continue
		}
		if lessons++; lessons > recent {
			lessons--
			break
		}
		bytes += e.Bytes
	}
	each := int64(usualLesson)
	if lessons > 0 {
		each = max(bytes/lessons, 1)
	}
	return int(max(free-reserve, 0) / each)
}
