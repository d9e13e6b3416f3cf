package mux

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tongke/media/recorder/journal"
)

// fullLesson records 45 minutes of camera, board and voice at 4 Mb/s.
func fullLesson(b *testing.B) (*studio, *journal.Reader) {
	b.Helper()
	s := newStudio(b)
	makers := lesson(b, 45*time.Minute)
	for _, m := range makers[:2] { // more of everything: a filler NAL unit (ITU-T H.264 §7.3.2.7) behind each picture
		c := *m.clip
		c.units = nil
		for _, u := range m.clip.units {
			data := append(append([]byte{}, u.data...), 0, 0, 1, 6)
			for range 8000 {
				data = append(data, 0x55)
			}
			c.units = append(c.units, unit{data, u.key})
		}
		m.clip = &c
	}
	s.record(b, makers...)
	return s, s.end(b)
}

// BenchmarkLesson is what a recording of 45 minutes costs: indexing it once, opening it, one fragment, a file.
func BenchmarkLesson(b *testing.B) {
	s, r := fullLesson(b)
	b.Run("Index", func(b *testing.B) {
		b.SetBytes(r.Bytes())
		for b.Loop() {
			_ = os.Remove(filepath.Join(s.dir, IndexName))
			index(b, r)
		}
	})
	st, err := os.Stat(filepath.Join(s.dir, IndexName))
	must(b, err)
	b.Run("Open", func(b *testing.B) { // journal, index, and the first fragment of each stream
		b.ReportMetric(float64(st.Size()), "index-bytes")
		for b.Loop() {
			m := index(b, s.open(b))
			for _, st := range m.Streams() {
				_, err := m.Init(st.Name)
				must(b, err)
				_, err = m.Fragment(st.Name, 0)
				must(b, err)
			}
		}
	})
	m := index(b, r)
	b.Run("Seek", func(b *testing.B) { // two fragments somewhere
		n := 0
		for b.Loop() {
			for _, name := range []string{"board", "voice"} {
				n += 7919
				_, err := m.Fragment(name, n%len(m.stream(name).fragments))
				must(b, err)
			}
		}
	})
	for _, format := range []string{MP4, MKV, Sound} {
		b.Run("Export-"+format, func(b *testing.B) {
			o := ExportOptions{Format: format}
			if format != Sound {
				o.Streams = []string{"board", "teacher", "voice"}
			}
			for b.Loop() {
				f, err := m.File(o)
				must(b, err)
				b.SetBytes(f.Size)
				must(b, f.Write(context.Background(), io.Discard))
			}
		})
	}
}
