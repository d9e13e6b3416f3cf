//go:build linux

package powercut

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// TestRecovery fills a box with lessons of 45 minutes, pulls the plug in the last one, and starts the box: RECOVERY=20 for 20 GB. Nothing of
// the files is in memory then.
func TestRecovery(t *testing.T) {
	gigabytes, err := strconv.Atoi(os.Getenv("RECOVERY"))
	if err != nil {
		t.Skip("RECOVERY=20 measures the start of a box with 20 GB of recordings")
	}
	if _, err := program(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	total, lessons := int64(0), 0
	for total < int64(gigabytes)*1e9 {
		lessons++
		last := total+1.5e9 > int64(gigabytes)*1e9
		total += longLesson(t, lessonDir(dir, lessons), keys, lessons, last)
		if last {
			break
		}
	}
	forgetPages(t, dir)

	began := time.Now()
	if err := journal.Tidy(filepath.Join(dir, "recordings"), keys); err != nil {
		t.Fatal(err)
	}
	tidied := time.Since(began)
	w, err := journal.Resume(lessonDir(dir, lessons), keys, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := w.Track(journal.Track{Origin: "core", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus})
	if err := w.Packet(journal.Packet{Track: id, Arrival: w.Now(), Payload: []byte("again")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	resumed := time.Since(began)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	forgetPages(t, dir)
	began = time.Now()
	b := startBox(t, dir)
	defer b.stop()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f GB in %d lessons: tidied in %v, the lesson goes on and its next packet is on the disk after %v, the box answers after %v",
		float64(total)/1e9, lessons, tidied, resumed, time.Since(began))
	if resumed > 3*time.Second {
		t.Errorf("recovered in %v, want 3 s", resumed)
	}
}

// longLesson writes 45 minutes of 4 Mb/s as fast as the disk takes them; cut leaves it as a power cut would, in the middle of a segment.
func longLesson(t *testing.T, dir string, keys journal.Keys, n int, cut bool) int64 {
	t.Helper()
	now := packet.Time(1)
	o := journal.Options{Media: func() packet.Time { return now }}
	w, err := journal.Create(dir, journal.Info{Lesson: fmt.Sprintf("lesson-%d", n), Mode: journal.ModeKeep}, keys, o)
	if err != nil {
		t.Fatal(err)
	}
	id := w.Track(journal.Track{Origin: "core", Source: track.Teacher, Kind: track.Video, Codec: codec.H264})
	payload := body(1, 1160)
	for s := range uint64(45*60*4 - 100) {
		for i := range uint64(108) {
			now = now.Add(250 * time.Millisecond / 108)
			if err := w.Packet(journal.Packet{Track: id, Seq: s*108 + i, Arrival: w.Now(), Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		if s%20 == 19 {
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	size := w.Stats().Bytes
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if cut { // the last segment without its index and in the middle of a record
		segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
		if err != nil || len(segments) == 0 {
			t.Fatal(err)
		}
		newest := segments[len(segments)-1]
		st, err := os.Stat(newest)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(newest, st.Size()-100_000); err != nil {
			t.Fatal(err)
		}
	}
	return size
}

// forgetPages drops the files of a folder from memory.
func forgetPages(t *testing.T, dir string) {
	t.Helper()
	unix.Sync()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err != nil {
		t.Fatal(err)
	}
}
