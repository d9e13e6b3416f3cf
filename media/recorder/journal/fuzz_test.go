package journal

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tongke/media/track"
)

// sample is a segment of one lesson, its index too, and the keys that open it.
func sample(t testing.TB) (data []byte, b *box) {
	t.Helper()
	root, err := os.MkdirTemp("", "journal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	keys, err := OpenKeys(filepath.Join(root, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	b = &box{nil, root, keys, newClock()}
	w, err := Create(b.dir(), Info{Lesson: "l1", Mode: ModeKeep}, keys, b.options())
	if err != nil {
		t.Fatal(err)
	}
	id := w.Track(voice())
	for i := range uint64(200) {
		b.pass(10 * time.Millisecond)
		if err := w.Packet(Packet{Track: id, Seq: i, Arrival: w.Now(), Payload: payload(track.Voice, i)}); err != nil {
			t.Fatal(err)
		}
		if i%25 == 24 {
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(filepath.Join(b.dir(), segmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	return data, b
}

// readWhole reads all there is, and has a writer go on with it.
func readWhole(t *testing.T, b *box, data []byte) (n int) {
	t.Helper()
	path := filepath.Join(b.dir(), segmentName(1))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for pass := range 2 {
		r, err := Open(b.dir(), b.keys)
		if err != nil {
			return n
		}
		n = 0
		last := time.Duration(-1)
		if err := r.Packets(0, 1<<62, nil, func(_ Track, p Packet) error {
			if !bytes.Equal(p.Payload, payload(track.Voice, p.Seq)) {
				t.Fatalf("payload of %d was not written", p.Seq)
			}
			if p.Arrival < last {
				t.Fatal("time goes back")
			}
			n, last = n+1, p.Arrival
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		r.Events()
		if pass == 0 {
			w, err := Resume(b.dir(), b.keys, b.options())
			if err != nil {
				t.Fatalf("resume of what can be opened: %v", err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	numbers, err := segments(b.dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		if n > 1 {
			os.Remove(filepath.Join(b.dir(), segmentName(n)))
		}
	}
	return n
}

// FuzzSegment damages a segment: whatever the bytes are, a reader opens it or says why not, shows nothing that was not written, and a
// writer can go on with it.
func FuzzSegment(f *testing.F) {
	data, b := sample(f)
	f.Add(uint32(0), uint32(0), []byte{})
	f.Add(uint32(5000), uint32(0), []byte("damage"))
	f.Add(uint32(128), uint32(100), []byte{0x74, 0x6b, 1})
	f.Add(uint32(len(data)-10), uint32(1), []byte{0})
	f.Add(uint32(7), uint32(0), []byte{2})
	f.Fuzz(func(t *testing.T, at, cut uint32, over []byte) {
		bad := bytes.Clone(data)
		copy(bad[int(at)%len(bad):], over)
		readWhole(t, b, bad[:len(bad)-int(cut)%len(bad)])
	})
}

func TestDamage(t *testing.T) {
	data, b := sample(t)
	if n := readWhole(t, b, data); n != 200 {
		t.Fatalf("%d packets of 200 in an undamaged segment", n)
	}
	// A hole of 3000 bytes anywhere costs what lies in it and nothing else.
	for at := headerSize; at < len(data)-4000; at += 7001 {
		bad := bytes.Clone(data)
		rand.Read(bad[at : at+3000])
		if n := readWhole(t, b, bad); n < 200-16 {
			t.Errorf("hole at %d: %d packets of 200", at, n)
		}
	}
	// Cut anywhere, everything before the cut is there.
	for cut := range 40 {
		size := len(data) * (cut + 1) / 41
		if n, want := readWhole(t, b, data[:size]), 200*size/len(data)-12; n < want {
			t.Errorf("cut at %d of %d: %d packets, want %d", size, len(data), n, want)
		}
	}
	// Blocks of zeros, as a file system may leave them.
	bad := bytes.Clone(data)
	clear(bad[8192:12288])
	if n := readWhole(t, b, bad); n < 200-20 {
		t.Errorf("a block of zeros: %d packets", n)
	}
	bad = bytes.Clone(data)
	clear(bad[:4096])
	if n := readWhole(t, b, bad); n < 200-25 {
		t.Errorf("the first block lost: %d packets", n)
	}
}

func TestBytesOfAnotherSegmentAreNotTaken(t *testing.T) {
	data, b := sample(t)
	bad := bytes.Clone(data)
	copy(bad[8192:], data[4096:8192]) // whole records at another place
	if n := readWhole(t, b, bad); n > 200 {
		t.Errorf("%d packets of 200", n)
	}
}

func FuzzKeys(f *testing.F) {
	slot, err := makeSlot(slotText{Origin: "o", Source: "voice", Key: string(bytes.Repeat([]byte("ab"), 32))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(slot)
	f.Add(slot[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "l1.keys"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := OpenKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Open("l1", "o", "voice"); err == nil && !bytes.Contains(data, []byte(`"key"`)) {
			t.Error("a key out of nothing")
		}
		if _, err := k.Seal("l1", "o2", "voice"); err != nil {
			t.Fatal(err)
		}
	})
}
