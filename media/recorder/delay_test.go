package recorder

import (
	"testing"
	"testing/synctest"
	"time"

	"tongke/media/recorder/journal"
	"tongke/media/recorder/journal/journaltest"
	"tongke/media/track"
)

// What a power cut costs is what waits: for the journal, which is ours, and for the disk, which is not. On a clock that stands while something
// is done the journal's part is known to the millisecond, whatever the disk is like.
func TestTheJournalsOwnDelay(t *testing.T) {
	for _, c := range []struct {
		name  string
		stall time.Duration
	}{{"a disk without delay", 0}, {"40 ms a sync", 40 * time.Millisecond}, {"600 ms a sync", 600 * time.Millisecond}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := &journaltest.Disk{}
				disk.Stall(c.stall)
				r := newRig(t, journal.Options{Disk: disk})
				s := r.source(here, track.Voice)
				w := wish(journal.ModeKeep, journal.ScopeTeacher)
				r.rec.Set(w)
				synctest.Wait()
				for range 70 * 50 { // 70 s: with a rotation
					s.push(1)
					time.Sleep(20 * time.Millisecond)
				}
				st := r.rec.Stats()
				if st.DelaySeconds > 0.255 || c.stall == 0 && st.DelaySeconds < 0.2 { // not syncEvery: that it is a quarter of a second is what is promised
					t.Errorf("the journal itself waits %v s, want at most 0.255", st.DelaySeconds)
				}
				if most := (syncEvery + 2*c.stall).Seconds() + 0.03; st.UnsyncedSeconds > most {
					t.Errorf("%v s are not on the disk, want at most %v", st.UnsyncedSeconds, most)
				}
				r.stop()
			})
		})
	}
}
