package mux

import (
	"testing"
	"time"
)

// lesson is a teacher's camera, board and voice, with the path's ordinary jitter.
func lesson(t testing.TB, length time.Duration) []*maker {
	return []*maker{
		{track: teacherTrack, clip: readClip(t, "camera"), from: 300 * time.Millisecond, to: length, seq: 65000, ts: 1<<32 - 90000, delay: 30 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
		{track: boardTrack, clip: readClip(t, "board"), from: 2 * time.Second, to: length, seq: 7, ts: 5, delay: 35 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
		{track: voiceTrack, clip: readClip(t, "voice"), from: 100 * time.Millisecond, to: length, seq: 1 << 20, ts: 1<<32 - 960, delay: 25 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
	}
}

func TestPlainLesson(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 20*time.Second)...)
	m := index(t, s.end(t))
	if !m.Whole() {
		t.Error("not whole")
	}
	for _, st := range m.Streams() {
		t.Logf("%s %s %d×%d %v gaps %v", st.Name, st.MIME, st.Width, st.Height, len(st.Fragments), st.Gaps)
		end := st.Fragments[0].At
		for i, f := range st.Fragments {
			if f.At != end || f.Duration <= 0 {
				t.Errorf("%s %d: at %v for %v, want at %v", st.Name, i, f.At, f.Duration, end)
			}
			end += f.Duration
		}
		clean(t, file(t, m, st.Name))
	}
}

func TestDrift(t *testing.T) {
	length := 2 * time.Minute
	for _, ppm := range []float64{-2000, 2000} {
		s := newStudio(t)
		makers := lesson(t, length)
		makers[2].ppm = ppm
		s.record(t, makers...)
		m := index(t, s.end(t))
		for _, st := range m.Streams() {
			t.Logf("%s %s %d×%d %v gaps %v", st.Name, st.MIME, st.Width, st.Height, len(st.Fragments), st.Gaps)
		}
		clean(t, file(t, m, "voice"))
	}
}
