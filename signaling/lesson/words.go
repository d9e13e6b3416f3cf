package lesson

import (
	"slices"
	"time"

	"tongke/signaling/protocol"
)

// The thresholds of a room's word.
const (
	hardShare   = 0.10 // of the voice concealed over hardWindow
	choppyShare = 0.02 // of the voice concealed over choppyWindow
	freezeMost  = 500  // ms of freezes over choppyWindow

	hardWindow   = 5 * time.Second
	choppyWindow = 10 * time.Second

	worseAfter = 2 * time.Second
	betterBy   = 3 * time.Second
	freshFor   = 5 * time.Second // a word is not kept longer than this without figures

	speechLevel = 10 // of 100
	quietAfter  = 3 * time.Second
)

// figures is what a room's page played lately.
type figures struct {
	hard      float64 // share of the voice concealed over hardWindow
	choppy    float64 // and over choppyWindow
	freezeMs  int64   // over choppyWindow
	boardLost bool    // the board is shared and nothing of it came for choppyWindow
	step      string
}

// wordTable is a room's word, worst first: the first that holds counts.
var wordTable = []struct {
	word  protocol.Word
	holds func(f figures) bool
}{
	{protocol.WordHard, func(f figures) bool { return f.hard > hardShare }},
	{protocol.WordChoppy, func(f figures) bool { return f.choppy > choppyShare || f.freezeMs > freezeMost || f.boardLost }},
	{protocol.WordSmaller, func(f figures) bool { return f.step != "" && f.step != protocol.StepFull }},
	{protocol.WordHears, func(figures) bool { return true }},
}

func (f figures) word() protocol.Word {
	for _, row := range wordTable {
		if row.holds(f) {
			return row.word
		}
	}
	return protocol.WordUnknown
}

// severity orders the words that figures make; the others have none.
func severity(w protocol.Word) int {
	return slices.Index([]protocol.Word{protocol.WordHears, protocol.WordSmaller, protocol.WordChoppy, protocol.WordHard}, w)
}

// sample is a page's counts at one time.
type sample struct {
	at    time.Time
	stats protocol.Stats
}

// meter makes a room's word of its page's counts: worse after 2 s of being so, better after 3 s. Its zero value is ready.
type meter struct {
	samples []sample // oldest first, one at least choppyWindow old if there is any
	word    protocol.Word
	since   time.Time // of another word than the present
	worse   bool
}

// take notes counts. Counts that fell are of a page that was loaded anew.
func (m *meter) take(s protocol.Stats, now time.Time) {
	if n := len(m.samples); n > 0 {
		last := m.samples[n-1]
		if s.Total < last.stats.Total || s.Concealed < last.stats.Concealed || s.FreezeMs < last.stats.FreezeMs || s.BoardFrames < last.stats.BoardFrames {
			m.samples = nil
		} else if s == last.stats || now.Sub(last.at) < 200*time.Millisecond {
			return // the same counts restated
		}
	}
	m.samples = append(m.samples, sample{now, s})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= choppyWindow {
		m.samples = m.samples[1:]
	}
}

// before is the newest sample that is at least window old, else the oldest.
func (m *meter) before(now time.Time, window time.Duration) sample {
	from := m.samples[0]
	for _, s := range m.samples {
		if now.Sub(s.at) >= window {
			from = s
		}
	}
	return from
}

// figures are the windows as of now; not ok with too few counts or old ones.
func (m *meter) figures(now time.Time, boardShared bool, step string) (f figures, ok bool) {
	n := len(m.samples)
	if n < 2 || now.Sub(m.samples[n-1].at) > freshFor {
		return f, false
	}
	last := m.samples[n-1]
	share := func(window time.Duration) float64 {
		from := m.before(last.at, window).stats
		total := last.stats.Total - from.Total
		lost := last.stats.Concealed - last.stats.SilentConcealed - from.Concealed + from.SilentConcealed
		if total <= 0 || lost <= 0 {
			return 0
		}
		return float64(lost) / float64(total)
	}
	ten := m.before(last.at, choppyWindow)
	f = figures{hard: share(hardWindow), choppy: share(choppyWindow), freezeMs: last.stats.FreezeMs - ten.stats.FreezeMs, step: step}
	f.boardLost = boardShared && last.at.Sub(ten.at) >= choppyWindow && last.stats.BoardFrames == ten.stats.BoardFrames
	return f, true
}

// judge is the word to show now.
func (m *meter) judge(now time.Time, boardShared bool, step string) protocol.Word {
	f, ok := m.figures(now, boardShared, step)
	if !ok {
		if n := len(m.samples); n == 0 || now.Sub(m.samples[n-1].at) > freshFor {
			m.word, m.since = protocol.WordUnknown, time.Time{}
		}
		return def(m.word, protocol.WordUnknown)
	}
	next := f.word()
	switch {
	case m.word == "" || m.word == protocol.WordUnknown:
		m.word, m.since = next, time.Time{}
		return m.word
	case next == m.word:
		m.since = time.Time{}
		return m.word
	}
	worse := severity(next) > severity(m.word)
	if m.since.IsZero() || worse != m.worse {
		m.since, m.worse = now, worse
	}
	after := betterBy
	if worse {
		after = worseAfter
	}
	if now.Sub(m.since) >= after {
		m.word, m.since = next, time.Time{}
	}
	return m.word
}

// silence forgets all: the room is not there.
func (m *meter) silence() { *m = meter{} }
