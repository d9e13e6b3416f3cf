//go:build linux

package powercut

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// TestNothingIsLeftOnTheRawDisk searches the image of the disk, free blocks and all, for what was recorded and what was erased.
func TestNothingIsLeftOnTheRawDisk(t *testing.T) {
	r := newRig(t)
	keys, err := journal.OpenKeys(filepath.Join(r.Disk(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	now := packet.Time(1)
	dir := lessonDir(r.Disk(), 1)
	w, err := journal.Create(dir, journal.Info{Lesson: "lesson-1", Title: "三年级音乐《茉莉花》", Mode: journal.ModeKeep}, keys, journal.Options{Media: func() packet.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	id := w.Track(journal.Track{Origin: "core", Source: track.Teacher, Kind: track.Video, Codec: codec.H264})
	for seq := range uint64(4000) {
		now = now.Add(10 * time.Millisecond)
		if err := w.Packet(journal.Packet{Track: id, Seq: seq, Arrival: w.Now(), Payload: body(seq, 1000)}); err != nil {
			t.Fatal(err)
		}
		if seq%25 == 24 {
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	segment, err := os.ReadFile(filepath.Join(dir, "00000001.seg"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.Open("lesson-1", "core", track.Teacher)
	if err != nil {
		t.Fatal(err)
	}
	// Parts of what each phase must not leave: 64 bytes from the middle of a packet, which no block boundary cuts into two.
	plain := map[string][]byte{"a payload": body(2000, 1000)[400:464], "the title": []byte("三年级音乐《茉莉花》")}
	sealed := map[string][]byte{"a sealed packet": segment[2_000_128:2_000_192], "another": segment[3_000_064:3_000_128]}
	secret := map[string][]byte{"the key": key, "the key in letters": []byte(hex.EncodeToString(key))}

	find := func(when string, want bool, what map[string][]byte) {
		t.Helper()
		for name, found := range search(t, r, what) {
			if found != want {
				t.Errorf("%s: %s is on the disk: %v", when, name, found)
			}
		}
	}
	find("recorded", false, plain)
	find("recorded", true, sealed) // or the search would prove nothing
	if err := journal.EraseRange(dir, keys, journal.ErasedRange{From: 10 * time.Second, To: 35 * time.Second}); err != nil {
		t.Fatal(err)
	}
	find("erased", false, sealed)
	find("erased", false, plain)
	find("erased", true, map[string][]byte{"the key in letters": secret["the key in letters"]})
	if err := journal.Remove(dir, keys); err != nil {
		t.Fatal(err)
	}
	find("removed", false, secret)
	find("removed", false, plain)
}

// search reads all data of the image and says what of it is there.
func search(t *testing.T, r *Rig, what map[string][]byte) map[string]bool {
	t.Helper()
	unix.Sync()
	f, err := os.Open(r.image())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := map[string]bool{}
	for name := range what {
		found[name] = false
	}
	buf := make([]byte, 4<<20)
	for at := int64(0); ; {
		at, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for name, b := range what {
			found[name] = found[name] || bytes.Contains(buf[:n], b)
		}
		if n < len(buf) {
			return found
		}
		at += int64(n) - 4096 // what lies over the end of this piece is whole in the next
	}
}
