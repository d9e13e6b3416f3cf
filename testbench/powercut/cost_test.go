//go:build linux

package powercut

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// sectors reads how many sectors of 512 bytes were written to the block device that holds a path.
func sectors(t *testing.T, path string) (n uint64) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(strings.Fields(string(data))[6], &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestCost records a lesson of 4 Mb/s in real time on an ext4 disk of its own and says what that costs: COST=10m for ten minutes.
func TestCost(t *testing.T) {
	lasts, err := time.ParseDuration(os.Getenv("COST"))
	if err != nil {
		t.Skip("COST=10m measures what a journal costs a disk and a processor")
	}
	r := newRig(t)
	keys, err := journal.OpenKeys(filepath.Join(r.Disk(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := journal.Create(filepath.Join(r.Disk(), "recordings", "cost"), journal.Info{Lesson: "cost", Mode: journal.ModeKeep}, keys, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	unix.Sync()
	wrote, used, began := sectors(t, r.Disk()), cpu(t), packet.Now()
	given, worst, err := lessonOf4Mb(w, lasts)
	if err != nil {
		t.Fatal(err)
	}
	used = cpu(t) - used
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	took := packet.Now().Sub(began)
	unix.Sync()
	wrote = (sectors(t, r.Disk()) - wrote) * 512
	st := w.Stats()
	minutes := took.Minutes()
	amplification := float64(wrote) / float64(st.Bytes)
	t.Logf("%v: payload %.2f MB/min, records %.2f MB/min, written to the disk %.2f MB/min: amplification %.3f (%.3f of the payload), %d batches, processor %.2f %% of a core, longest sync %v",
		took.Round(time.Second), float64(given)/1e6/minutes, float64(st.Bytes)/1e6/minutes, float64(wrote)/1e6/minutes,
		amplification, float64(wrote)/float64(given), st.Syncs, 100*used.Seconds()/took.Seconds(), worst)
	if amplification > 1.3 {
		t.Errorf("amplification %.3f, want at most 1.3", amplification)
	}
}

// lessonOf4Mb gives a board, a camera and a voice, 500 kB/s together, to a writer for a while.
func lessonOf4Mb(w *journal.Writer, lasts time.Duration) (given int64, worst time.Duration, err error) {
	teacher := w.Track(journal.Track{Origin: "core", Source: track.Teacher, Kind: track.Video, Codec: codec.H264, Gen: 1})
	board := w.Track(journal.Track{Origin: "core", Source: track.Board, Kind: track.Video, Codec: codec.H264, Gen: 1})
	voice := w.Track(journal.Track{Origin: "core", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus, Gen: 1})
	payload := body(1, 1160)
	var seq uint64
	put := func(id uint16, size int) {
		if err == nil {
			err = w.Packet(journal.Packet{Track: id, Seq: seq, Capture: w.Now(), Arrival: w.Now(), Payload: payload[:size]})
		}
		given += int64(size)
		seq++
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	began := packet.Now()
	for n := 1; packet.Now().Sub(began) < lasts && err == nil; n++ {
		<-tick.C
		put(voice, 120)
		for range 6 { // 2.8 Mb/s
			put(teacher, 1160)
		}
		put(board, 1160)
		if n%2 == 0 {
			put(board, 1160)
		}
		if n%25 == 0 {
			put(board, 600)
		}
		if n%12 == 0 && err == nil {
			at := packet.Now()
			err = w.Sync()
			worst = max(worst, packet.Now().Sub(at))
		}
	}
	return given, worst, err
}
