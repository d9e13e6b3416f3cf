//go:build linux

package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
	"tongke/signaling/store"
)

// workerVar names what this test binary does instead of testing: it writes on the disk whose plug is pulled, and says on standard output
// what it was told is stored. One line is one write, so that the ledger outside is never ahead of the truth.
const workerVar = "POWERCUT_WORKER"

var workers = map[string]func(dir string) error{
	"lesson":   func(dir string) error { return record(dir, 250*time.Millisecond, 5*time.Second, 12*time.Second) },
	"rotation": func(dir string) error { return record(dir, 20*time.Millisecond, 150*time.Millisecond, 3*time.Second) },
	"erase":    eraser,
	"store":    storer,
	"liar":     liar,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(workerVar); name != "" {
		err := workers[name](os.Args[1])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "powercut-program-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// say adds a line to the ledger.
func say(format string, args ...any) error {
	_, err := unix.Writev(1, [][]byte{fmt.Appendf(nil, format+"\n", args...)}) // no write(2), whose faults are injected
	return err
}

// body is the payload of a packet: any reader knows what it must be.
func body(seq uint64, size int) []byte {
	b := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], seq*0x9e3779b97f4a7c15+uint64(i))
	}
	return b
}

// sizeOf makes packets of many lengths, 1000 bytes in the mean.
func sizeOf(seq uint64) int { return 800 + int(seq*37%400) }

// record keeps lesson after lesson of 4 Mb/s, each for a while, and deletes the one before the last. It writes
//
//	took LESSON SEQ       before a packet is handed over; its place in time is the line's
//	stored LESSON SEQ     all packets up to SEQ are on the disk
//	slow LESSON MS        how long the disk took for that
//	closed LESSON SEQ
//	removed LESSON
func record(dir string, sync, segment, lasts time.Duration) error {
	keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := oneLesson(dir, keys, n, sync, segment, lasts); err != nil {
			return err
		}
		if n > 1 {
			if err := journal.Remove(lessonDir(dir, n-1), keys); err != nil {
				return err
			}
			if err := say("removed %d", n-1); err != nil {
				return err
			}
		}
	}
}

func lessonDir(dir string, n int) string {
	return filepath.Join(dir, "recordings", fmt.Sprintf("lesson-%d", n))
}

func oneLesson(dir string, keys journal.Keys, n int, sync, segment, lasts time.Duration) error {
	info := journal.Info{Lesson: fmt.Sprintf("lesson-%d", n), Mode: journal.ModeKeep, Scope: journal.ScopeTeacher}
	w, err := journal.Create(lessonDir(dir, n), info, keys, journal.Options{Segment: segment})
	if err != nil {
		return err
	}
	if err := say("created %d", n); err != nil {
		return err
	}
	teacher := w.Track(journal.Track{Origin: "core", Source: track.Teacher, Kind: track.Video, Codec: codec.H264, Gen: 1})
	voice := w.Track(journal.Track{Origin: "core", Source: track.Voice, Kind: track.Audio, Codec: codec.Opus, Gen: 1})
	seq := uint64(0)
	began := packet.Now()
	for synced := began; packet.Now().Sub(began) < lasts; time.Sleep(2 * time.Millisecond) {
		for due := uint64(packet.Now().Sub(began) / (2 * time.Millisecond)); seq < due; seq++ {
			t := teacher
			if seq%10 == 0 {
				t = voice
			}
			at := time.Duration(seq) * 2 * time.Millisecond // as if this process were never late
			p := journal.Packet{Track: t, Seq: seq, Timestamp: uint32(seq), Capture: at, Arrival: at, Payload: body(seq, sizeOf(seq))}
			if err := w.Packet(p); err != nil {
				return err
			}
		}
		if seq == 0 {
			continue
		}
		if err := say("took %d %d", n, seq-1); err != nil {
			return err
		}
		if packet.Now().Sub(synced) < sync {
			continue
		}
		synced = packet.Now()
		var fault *journal.FaultError
		if err := w.Sync(); errors.As(err, &fault) {
			continue
		} else if err != nil {
			return err
		}
		if err := say("slow %d %d", n, packet.Now().Sub(synced).Milliseconds()); err != nil {
			return err
		}
		if err := say("stored %d %d", n, seq-1); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return say("closed %d %d", n, seq-1)
}

// eraser makes short lessons and takes parts out of them: a range, a source, the whole.
//
//	closed LESSON SEQ     written whole
//	range LESSON          its middle third is gone
//	source LESSON         its voice is gone
//	removed LESSON
func eraser(dir string) error {
	keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := oneLesson(dir, keys, n, 20*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond); err != nil {
			return err
		}
		e := journal.ErasedRange{From: 100 * time.Millisecond, To: 200 * time.Millisecond}
		if err := say("erasing range %d", n); err != nil {
			return err
		}
		if err := journal.EraseRange(lessonDir(dir, n), keys, e); err != nil {
			return err
		}
		if err := say("range %d", n); err != nil {
			return err
		}
		if err := say("erasing source %d", n); err != nil {
			return err
		}
		if err := journal.EraseSource(lessonDir(dir, n), keys, "core", track.Voice); err != nil {
			return err
		}
		if err := say("source %d", n); err != nil {
			return err
		}
		if n > 1 {
			if err := say("erasing removed %d", n-1); err != nil {
				return err
			}
			if err := journal.Remove(lessonDir(dir, n-1), keys); err != nil {
				return err
			}
			if err := say("removed %d", n-1); err != nil {
				return err
			}
		}
	}
}

// liar says that lines are stored which nobody has asked the disk to keep.
func liar(dir string) error {
	f, err := os.Create(filepath.Join(dir, "lines"))
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if _, err := fmt.Fprintln(f, n); err != nil {
			return err
		}
		if err := say("stored 1 %d", n); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// fact is what the store is asked to keep.
type fact struct {
	N int `json:"n"`
}

var facts = store.TableOf[fact](store.BucketLessons)

// storer makes a store anew again and again, writes a few records and a file into each, and says what was answered for.
//
//	opened DIR
//	put DIR N
//	file DIR N
func storer(dir string) error {
	for n := 1; ; n++ {
		name := fmt.Sprintf("box-%d", n)
		s, err := store.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := say("opened %d", n); err != nil {
			return err
		}
		for i := 1; i <= 10; i++ {
			if err := s.Update(func(tx *store.Tx) error { return facts.Put(tx, fmt.Sprint(i), fact{i}) }); err != nil {
				return err
			}
			if err := say("put %d %d", n, i); err != nil {
				return err
			}
			if err := s.WriteFile("config", fmt.Appendf(nil, "whole %d whole", i)); err != nil {
				return err
			}
			if err := say("file %d %d", n, i); err != nil {
				return err
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
		if n > 3 {
			if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("box-%d", n-3))); err != nil {
				return err
			}
		}
	}
}
