//go:build linux

package powercut

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
)

// TestPowerCutsInALesson pulls the plug of a real box that records a lesson, and plays what is left.
func TestPowerCutsInALesson(t *testing.T) {
	r := newRig(t)
	b := startBox(t, filepath.Join(r.Disk(), "box"))
	defer b.stop()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, b)
	c.call("POST", "/api/v1/lessons", map[string]any{"id": "l1", "title": "音乐", "campuses": "all", "record": "keep"}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.lesson(ctx)
	// Of the few pictures of a first second that come as a busy machine sends them, ffmpeg guesses a rate, and complains of those that fall
	// together at it.
	eventually(t, "a recording of some seconds", func() bool { return c.recorder().Packets > 600 })
	n, files := max(1, cuts(t)*6/100), 0
	for i := range n {
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
		stored := c.recorder().Packets
		cut, err := r.Cut()
		if err != nil {
			t.Fatal(err)
		}
		played, err := checkRecording(cut, stored, i%10 == 0)
		if err != nil {
			t.Errorf("cut %d: %v", i, err)
		}
		files += played
	}
	t.Logf("lesson of a box: %d cuts, %d files played", n, files)
}

// checkRecording counts the packets of a cut box's recording and has ffmpeg play it.
func checkRecording(c *Cut, stored int64, play bool) (played int, err error) {
	if err := c.Mount(); err != nil {
		return 0, errors.Join(err, c.Close())
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	dir := filepath.Join(c.Dir, "box")
	if err := soundBolts(dir); err != nil {
		return 0, err
	}
	keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return 0, err
	}
	j, err := journal.Open(filepath.Join(dir, "recordings", "l1"), keys)
	if err != nil {
		return 0, err
	}
	var got int64
	if err := j.Packets(0, 1<<62, nil, func(journal.Track, journal.Packet) error { got++; return nil }); err != nil {
		return 0, err
	}
	if got < stored {
		return 0, fmt.Errorf("%d packets of %d that were stored", got, stored)
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil || !play {
		return 0, nil
	}
	f, err := os.Create(filepath.Join(dir, "played.mp4"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := mux.Export(context.Background(), f, j, mux.ExportOptions{Format: "mp4", Streams: []string{"teacher", "voice"}}); err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	if out, err := exec.Command(ffmpeg, "-v", "error", "-xerror", "-i", f.Name(), "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
		return 0, fmt.Errorf("play: %w: %s", err, out)
	}
	return 1, nil
}
