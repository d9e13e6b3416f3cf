package lesson

import (
	"testing"
	"time"

	"tongke/signaling/protocol"
)

// A board that keeps local time is eight hours ahead until the network tells the time: by then the morning's lessons would be over, and the
// afternoon's begun.
func TestClockThatWasAhead(t *testing.T) {
	morning := time.Date(2026, 9, 1, 8, 30, 0, 0, time.UTC)
	ahead := morning.Add(8 * time.Hour)
	for _, tt := range []struct {
		name        string
		start, end  time.Duration // after the morning
		byHand      bool
		wrong, want protocol.Phase
	}{
		{"the first lesson", 10 * time.Minute, 50 * time.Minute, false, protocol.Ended, protocol.Planned},
		{"one that should be on", -10 * time.Minute, 30 * time.Minute, false, protocol.Ended, protocol.Live},
		{"one of the afternoon", 7*time.Hour + 45*time.Minute, 8*time.Hour + 25*time.Minute, false, protocol.Live, protocol.Planned},
		{"one that is over in truth", -time.Hour, -20 * time.Minute, false, protocol.Ended, protocol.Ended},
		{"one that a person ended", 10 * time.Minute, 50 * time.Minute, true, protocol.Ended, protocol.Ended},
		{"one of tomorrow", 24 * time.Hour, 25 * time.Hour, false, protocol.Planned, protocol.Planned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			r := open(t, dir, "core")
			l := Lesson{ID: "l", Title: "l", Owner: "core", Mode: protocol.ModeSame, Record: protocol.RecordBuffer, Scope: protocol.ScopeTeacherBoard, Epoch: 7, Revision: 1,
				State: protocol.Planned, Start: morning.Add(tt.start), End: morning.Add(tt.end)}
			if err := r.change("l", func(record, bool) (record, error) { return record{Lesson: l}, nil }); err != nil {
				t.Fatal(err)
			}
			r.mu.Lock()
			r.idle["l"] = ahead.Add(-2 * idleEnd)
			r.mu.Unlock()
			if tt.byHand {
				if _, err := r.End("l"); err != nil {
					t.Fatal(err)
				}
			}
			r.pass(ahead)
			r.pass(ahead.Add(time.Second))
			if got := state(r, "l"); got != tt.wrong {
				t.Fatalf("with the clock ahead: %s, want %s", got, tt.wrong)
			}
			was, _ := r.Get("l")
			r.store.Close()
			r = open(t, dir, "core") // it was started anew meanwhile
			r.pass(morning)
			now, _ := r.Get("l")
			if now.State != tt.want {
				t.Errorf("with the clock right: %s, want %s", now.State, tt.want)
			}
			if was.State != now.State && (now.Epoch < was.Epoch || now.Epoch == was.Epoch && now.Revision <= was.Revision || !now.Ended.IsZero()) {
				t.Errorf("other boxes would not believe it: %+v after %+v", now, was)
			}
		})
	}
}
