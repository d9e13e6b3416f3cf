package report

import (
	"fmt"
	"strings"
)

// Grade says whether a class can be taught.
type Grade int

// Worse is higher.
const (
	Good Grade = iota
	Fair
	Bad
)

// Verdict is what a scenario means for a class, in words.
type Verdict struct {
	Grade  Grade
	ZH, EN string
}

// What ears and eyes take: under the first bound nothing is noticed, above the second a class cannot follow. The first of concealment is what
// people notice in a test of speech, the second where words are lost; of freezes it is the share of time in which the picture stands.
const (
	concealedGood, concealedFair = 1.0, 6.0  // % of voice
	frozenGood, frozenFair       = 0.5, 10.0 // % of the time
	latencyGood, latencyFair     = 150.0, 400.0
)

// Verdict judges what the worst campus saw and heard (ITU-T G.114 for the delay).
func (s *Scenario) Verdict() Verdict {
	var concealed, frozen, latency, back float64
	nothing := false
	for i := range s.Streams {
		x := &s.Streams[i]
		if x.Hop != "total" {
			continue
		}
		nothing = nothing || x.Sent > 0 && x.Received == 0
		if x.Kind == "voice" {
			latency = max(latency, x.LatencyMs.P95)
		}
		back = max(back, x.RecoveryMs)
		if x.RecoveryMs > 0 {
			continue // while the line was out nothing could be seen; what counts is how it came back
		}
		concealed = max(concealed, x.ConcealedPct)
		if s.Seconds > 0 {
			frozen = max(frozen, x.Freezes.TotalMs/s.Seconds/10)
		}
	}
	g := func(v, good, fair float64) Grade {
		switch {
		case v <= good:
			return Good
		case v <= fair:
			return Fair
		}
		return Bad
	}
	sound, picture, delay := g(concealed, concealedGood, concealedFair), g(frozen, frozenGood, frozenFair), g(latency, latencyGood, latencyFair)
	grade := max(sound, delay) // voice decides
	if picture == Bad {
		grade = max(grade, Fair) // a picture that stands makes a lesson poor, not impossible
	}
	if nothing || picture == Bad && sound != Good {
		grade = Bad
	}
	if back > 5000 {
		grade = max(grade, Fair)
	}
	zh := [...]string{"能上课", "勉强能上课", "不能上课"}[grade] + "：" + strings.Join([]string{
		[...]string{"声音清楚", "声音偶尔断，听得懂", "声音断得厉害"}[sound],
		[...]string{"画面流畅", "画面偶尔卡", "画面卡得多"}[picture],
		[...]string{"对话自然", "对话有点慢", "对话太慢"}[delay]}, "，")
	en := [...]string{"Fit for a lesson", "Just fit for a lesson", "Not fit for a lesson"}[grade] + ": " + strings.Join([]string{
		[...]string{"clear voice", "voice breaks now and then", "voice breaks badly"}[sound],
		[...]string{"smooth picture", "picture stops now and then", "picture stops a lot"}[picture],
		[...]string{"natural talk", "talk a little slow", "talk too slow"}[delay]}, ", ")
	if back > 0 {
		zh += fmt.Sprintf("；断线恢复后 %.1f 秒自己接上", back/1000)
		en += fmt.Sprintf("; back by itself %.1f s after the line", back/1000)
	}
	return Verdict{grade, zh + "。", en + "."}
}

// busyMs is a delay of the machine itself at which people would notice it.
const busyMs = 20

// Busy reports whether the machine itself held packets up while this was measured.
func (s *Scenario) Busy() bool { return s.Reference.LatencyMs.P99 > busyMs }

// Busy reports whether the machine held packets up in any scenario.
func (r *Report) Busy() bool {
	for i := range r.Scenarios {
		if r.Scenarios[i].Busy() {
			return true
		}
	}
	return false
}

// Verdict is the answer for all scenarios together.
func (r *Report) Verdict() Verdict {
	var count [3]int
	for i := range r.Scenarios {
		count[r.Scenarios[i].Verdict().Grade]++
	}
	n := len(r.Scenarios)
	v := Verdict{Grade: Good}
	switch {
	case count[Bad] > 0:
		v.Grade = Bad
	case count[Fair] > 0:
		v.Grade = Fair
	}
	switch {
	case n == 1:
		return r.Scenarios[0].Verdict()
	case count[Good] == n:
		v.ZH, v.EN = fmt.Sprintf("能上课：%d 种网络里都好。", n), fmt.Sprintf("Fit for lessons: good on all %d networks.", n)
	default:
		v.ZH = fmt.Sprintf("%d 种网络里，%d 种能上课，%d 种勉强，%d 种不能。", n, count[Good], count[Fair], count[Bad])
		v.EN = fmt.Sprintf("Of %d networks %d are fit for a lesson, %d just so, %d not.", n, count[Good], count[Fair], count[Bad])
	}
	return v
}
