package lesson

import (
	"testing"
	"time"

	"tongke/signaling/protocol"
)

func TestWordTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    figures
		want protocol.Word
	}{
		{"nothing lost", figures{}, protocol.WordHears},
		{"2 %", figures{choppy: 0.02}, protocol.WordHears},
		{"a little more", figures{choppy: 0.021}, protocol.WordChoppy},
		{"10 %", figures{choppy: 0.1, hard: 0.1}, protocol.WordChoppy},
		{"more over 5 s", figures{choppy: 0.06, hard: 0.11}, protocol.WordHard},
		{"a freeze of 0.5 s", figures{freezeMs: 500}, protocol.WordHears},
		{"a longer freeze", figures{freezeMs: 501}, protocol.WordChoppy},
		{"board stands", figures{boardLost: true}, protocol.WordChoppy},
		{"a step down", figures{step: protocol.StepSmall}, protocol.WordSmaller},
		{"full", figures{step: protocol.StepFull}, protocol.WordHears},
		{"worst counts", figures{step: protocol.StepVoice, hard: 0.5, choppy: 0.5}, protocol.WordHard},
	} {
		if got := tt.f.word(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// play feeds a meter with seconds of voice, each with a share concealed, and tells the word after each.
func play(m *meter, now *time.Time, s *protocol.Stats, step string, shares ...float64) (words []protocol.Word) {
	for _, share := range shares {
		*now = now.Add(time.Second)
		s.Total += 48000
		s.Concealed += int64(48000*share) + 100
		s.SilentConcealed += 100
		s.BoardFrames++
		m.take(*s, *now)
		words = append(words, m.judge(*now, true, step))
	}
	return words
}

func last(words []protocol.Word) protocol.Word { return words[len(words)-1] }

func TestMeter(t *testing.T) {
	var m meter
	now, s := time.Unix(1e9, 0), protocol.Stats{}
	if w := play(&m, &now, &s, "", 0); w[0] != protocol.WordUnknown {
		t.Errorf("after one count: %v", w)
	}
	if w := play(&m, &now, &s, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); w[0] != protocol.WordHears || last(w) != protocol.WordHears {
		t.Errorf("good from the second: %v", w)
	}
	// Half of each second: over 10 % of five seconds from the second second, and worse counts after 2 s of being so.
	w := play(&m, &now, &s, "", 0.5, 0.5, 0.5, 0.5)
	if w[0] != protocol.WordHears || w[1] != protocol.WordHears || w[2] == protocol.WordHears || w[3] != protocol.WordHard {
		t.Errorf("bad: %v", w)
	}
	// The windows empty in 10 s, better counts after 3 s of being so.
	w = play(&m, &now, &s, "", make([]float64, 16)...)
	if w[4] != protocol.WordHard || w[8] == protocol.WordHears || last(w) != protocol.WordHears {
		t.Errorf("good again: %v", w)
	}
	s = protocol.Stats{} // loaded anew
	if w := play(&m, &now, &s, "", 0, 0); last(w) != protocol.WordHears {
		t.Errorf("loaded anew: %v", w)
	}
	for range 10 {
		m.take(s, now.Add(time.Second)) // restated by its box
	}
	if w := m.judge(now.Add(freshFor), true, ""); w != protocol.WordHears {
		t.Errorf("5 s old: %s", w)
	}
	if w := m.judge(now.Add(freshFor+time.Second), true, ""); w != protocol.WordUnknown {
		t.Errorf("6 s old: %s", w)
	}
}

func TestShortTroubleChangesNoWord(t *testing.T) {
	var m meter
	now, s := time.Unix(1e9, 0), protocol.Stats{}
	play(&m, &now, &s, "", make([]float64, 12)...)
	if w := play(&m, &now, &s, protocol.StepSmall, 0, 0); last(w) != protocol.WordHears {
		t.Errorf("a step for 1 s: %v", w)
	}
	if w := play(&m, &now, &s, protocol.StepFull, 0); last(w) != protocol.WordHears {
		t.Errorf("back: %v", w)
	}
	if w := play(&m, &now, &s, protocol.StepSmall, 0, 0, 0); w[1] != protocol.WordHears || w[2] != protocol.WordSmaller {
		t.Errorf("a step for 2 s: %v", w)
	}
	if w := play(&m, &now, &s, protocol.StepFull, 0, 0, 0, 0); w[2] != protocol.WordSmaller || w[3] != protocol.WordHears {
		t.Errorf("full for 3 s: %v", w)
	}
}

func TestBoardThatStands(t *testing.T) {
	var m meter
	now := time.Unix(1e9, 0)
	s := protocol.Stats{BoardFrames: 7}
	var w protocol.Word
	for range 14 {
		now = now.Add(time.Second)
		s.Total += 48000
		m.take(s, now)
		w = m.judge(now, true, "")
	}
	if w != protocol.WordChoppy {
		t.Errorf("shared: %s", w)
	}
	if f, _ := m.figures(now, false, ""); f.word() != protocol.WordHears {
		t.Error("not shared")
	}
}
