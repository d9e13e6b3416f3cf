package journal

import (
	"testing"
	"time"

	"tongke/media/packet"
)

// BenchmarkJournal is a quarter of a second of 4 Mb/s: 104 packets of 1160 bytes, 13 of 120, one sync. The processor's share of one core
// is the time an operation takes beside the disk, by 250 ms.
func BenchmarkJournal(b *testing.B) {
	keys, err := OpenKeys(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	now := packet.Time(1)
	w, err := Create(b.TempDir()+"/l1", Info{Lesson: "l1", Mode: ModeKeep}, keys, Options{Media: func() packet.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	tt, vt := w.Track(teacher()), w.Track(voice())
	big, small := make([]byte, 1160), make([]byte, 120)
	seq := uint64(0)
	b.SetBytes(104*1160 + 13*120)
	b.ReportAllocs()
	for b.Loop() {
		for i := range 117 {
			now = now.Add(250 * time.Millisecond / 117)
			p := Packet{Track: tt, Seq: seq, Arrival: w.Now(), Capture: w.Now(), Payload: big}
			if i%9 == 8 {
				p.Track, p.Payload = vt, small
			}
			if err := w.Packet(p); err != nil {
				b.Fatal(err)
			}
			seq++
		}
		if err := w.Sync(); err != nil {
			b.Fatal(err)
		}
		if err := w.Forget(w.Now() - time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a journal of a 45-minute lesson's many segments.
func BenchmarkOpen(b *testing.B) {
	keys, err := OpenKeys(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	now := packet.Time(1)
	dir := b.TempDir() + "/l1"
	w, err := Create(dir, Info{Lesson: "l1", Mode: ModeKeep}, keys, Options{Media: func() packet.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	tt := w.Track(teacher())
	for range 45 * 240 {
		now = now.Add(250 * time.Millisecond)
		if err := w.Packet(Packet{Track: tt, Arrival: w.Now(), Payload: []byte("x")}); err != nil {
			b.Fatal(err)
		}
		if len(w.pending) == 60 {
			if err := w.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(dir, keys); err != nil {
			b.Fatal(err)
		}
	}
}
