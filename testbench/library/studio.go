// Package library makes recordings of the synthetic lesson without waiting for it, and judges the pages that play them by the frame stamps that a
// real Chromium has drawn.
package library

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
	"tongke/testbench"
	"tongke/testbench/lesson"
)

// Script is what happens in a recording.
type Script struct {
	Info   journal.Info
	Length time.Duration
	Begin  time.Time // wall time of its beginning
	// Missing is what was not recorded.
	Missing [][2]time.Duration
	// Floor says which campus had the floor when.
	Floor map[string][2]time.Duration
	// Pupils of these campuses are kept: their pictures all the time, their voices while they have the floor.
	Pupils []string
	// Board false: none was shared.
	Board bool
	// Camera and Slides are shown instead of the synthetic lesson's; nil: those. They are VP8 or H264 of any length.
	Camera, Slides *lesson.Clip
	// Voice is heard instead of the synthetic lesson's: Opus or G.711.
	Voice *lesson.Clip
	// Open leaves the journal as a recorder has it while the lesson goes on; Close the Recording.
	Open bool
}

// Recording is a journal that was made.
type Recording struct {
	w     *journal.Writer
	clock packet.Time
	at    time.Duration
	feeds []*feed
	s     Script
}

// feed repeats one clip into one track.
type feed struct {
	id     uint16
	clip   *lesson.Clip
	next   int // unit
	seq    uint64
	cached [][][]byte // payloads by unit
	during [][2]time.Duration
}

// quickDisk writes real files and never waits for the disk.
type quickDisk struct{}

type quickFile struct{ *os.File }

// Datasync implements journal.File.
func (quickFile) Datasync() error { return nil }

// Preallocate implements journal.File.
func (quickFile) Preallocate(int64) {}

// Rename implements journal.Disk.
func (quickDisk) Rename(a, b string) error { return os.Rename(a, b) }

// Create implements journal.Disk.
func (quickDisk) Create(path string) (journal.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

// Make writes a recording of the synthetic lesson into dir.
func Make(dir string, keys journal.Keys, s Script) (*Recording, error) {
	material, err := testbench.Lesson()
	if err != nil {
		return nil, err
	}
	if s.Camera != nil {
		material.Camera = s.Camera
	}
	if s.Slides != nil {
		material.Board = s.Slides
	}
	if s.Voice != nil {
		material.Voice = s.Voice
	}
	r := &Recording{clock: 1e18, s: s}
	boot := r.clock
	r.w, err = journal.Create(dir, s.Info, keys, journal.Options{
		Media: func() packet.Time { return r.clock },
		Wall:  func() time.Time { return s.Begin.Add(r.clock.Sub(boot)) },
		Boot:  func() ([16]byte, time.Duration) { return [16]byte{1}, r.clock.Sub(boot) + time.Hour },
		Disk:  quickDisk{},
	})
	if err != nil {
		return nil, err
	}
	always := [][2]time.Duration{{0, 1 << 62}}
	r.add("box1", s.Info.Campus, track.Teacher, material.Camera, always)
	if s.Board {
		r.add("box1", s.Info.Campus, track.Board, material.Board, always)
	}
	r.add("box1", s.Info.Campus, track.Voice, material.Voice, always)
	for i, campus := range s.Pupils {
		box := fmt.Sprintf("box%d", i+2)
		r.add(box, campus, track.Pupils, material.Camera, always)
		if f, ok := s.Floor[campus]; ok {
			r.add(box, campus, track.Voice, material.Voice, [][2]time.Duration{f})
		}
	}
	if err := r.w.Event(journal.Event{At: 1, Name: journal.EventStart}); err != nil {
		return nil, err
	}
	if err := r.Go(s.Length); err != nil {
		return nil, err
	}
	if s.Open {
		return r, nil
	}
	return r, r.Close()
}

func (r *Recording) add(box, campus, source string, clip *lesson.Clip, during [][2]time.Duration) {
	kind := track.Audio
	if clip.Codec.Video() {
		kind = track.Video
	}
	f := &feed{clip: clip, during: during, cached: make([][][]byte, len(clip.Units))}
	f.id = r.w.Track(journal.Track{Origin: box, Campus: campus, Room: campus, Source: source, Kind: kind, Codec: clip.Codec})
	r.feeds = append(r.feeds, f)
}

// Go writes d more of the lesson.
func (r *Recording) Go(d time.Duration) error {
	end := r.at + d
	synced := r.at
	floor := map[string]int{}
	for r.at < end {
		next := slices.MinFunc(r.feeds, func(a, b *feed) int { return int(a.time() - b.time()) })
		r.at = next.time()
		if r.at >= end {
			break
		}
		r.clock = 1e18 + packet.Time(r.at)
		if err := r.events(floor); err != nil {
			return err
		}
		if err := next.write(r); err != nil {
			return err
		}
		if r.at-synced > 250*time.Millisecond {
			synced = r.at
			if err := r.w.Sync(); err != nil {
				return err
			}
		}
	}
	r.at = end
	r.clock = 1e18 + packet.Time(r.at)
	return r.w.Sync()
}

// events writes what is due of the floor; floor holds what was told: 1 given, 2 taken back.
func (r *Recording) events(told map[string]int) error {
	for campus, f := range r.s.Floor {
		switch {
		case told[campus] == 0 && r.at >= f[0] && r.at < f[1]:
			told[campus] = 1
			if err := r.w.Event(journal.Event{At: r.at, Name: journal.EventFloor, Campus: campus}); err != nil {
				return err
			}
		case told[campus] == 1 && r.at >= f[1]:
			told[campus] = 2
			if err := r.w.Event(journal.Event{At: r.at, Name: journal.EventRelease, Campus: campus}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the lesson.
func (r *Recording) Close() error {
	if err := r.w.Event(journal.Event{At: r.at, Name: journal.EventEnd}); err != nil {
		return err
	}
	return r.w.Close()
}

// time is when the feed's next unit was captured.
func (f *feed) time() time.Duration {
	ticks, rate := int64(f.next)*int64(f.clip.Step), int64(f.clip.Codec.ClockRate())
	return time.Duration(ticks/rate)*time.Second + time.Duration(ticks%rate*int64(time.Second)/rate)
}

// write puts one unit into the journal, if it is not missing there.
func (f *feed) write(r *Recording) error {
	at := f.time()
	n := f.next % len(f.clip.Units)
	f.next++
	if f.cached[n] == nil {
		f.cached[n] = payloads(f.clip.Codec, f.clip.Units[n].Data, n)
	}
	inside := func(list [][2]time.Duration) bool {
		return slices.ContainsFunc(list, func(s [2]time.Duration) bool { return at >= s[0] && at < s[1] })
	}
	list := f.cached[n]
	first := f.seq
	f.seq += uint64(len(list))
	if !inside(f.during) || inside(r.s.Missing) {
		return nil
	}
	stamp := uint32(uint64(f.next-1) * uint64(f.clip.Step))
	for i, payload := range list {
		p := journal.Packet{Track: f.id, Seq: first + uint64(i), Timestamp: stamp, Capture: at, Arrival: at, Payload: payload}
		if codec.Inspect(f.clip.Codec, payload).Keyframe {
			p.Flags |= packet.Keyframe
		}
		if i == len(list)-1 && f.clip.Codec.Video() {
			p.Flags |= packet.Marker
		}
		if err := r.w.Packet(p); err != nil {
			return err
		}
	}
	return nil
}

const most = 1200 // bytes of a payload

// payloads packetises a unit (RFC 6184: parameter sets in a STAP-A, large units in FU-A; RFC 7741). picture numbers VP8 frames.
func payloads(c codec.Codec, data []byte, picture int) (out [][]byte) {
	switch c {
	case codec.Opus, codec.PCMA, codec.PCMU:
		return [][]byte{data}
	case codec.VP8:
		for first := true; len(data) > 0; first = false {
			head := []byte{0x80, 0x80, 0x80 | byte(picture>>8), byte(picture)}
			if first {
				head[0] |= 0x10
			}
			n := min(len(data), most)
			out, data = append(out, append(head, data[:n]...)), data[n:]
		}
		return out
	}
	return h264Payloads(data)
}

func h264Payloads(data []byte) (out [][]byte) {
	var sets []byte
	for n := range bytes.SplitSeq(data, []byte{0, 0, 1}) {
		if n = bytes.TrimRight(n, "\x00"); len(n) == 0 {
			continue
		}
		if kind := n[0] & 0x1f; kind == 7 || kind == 8 {
			if sets == nil {
				sets = []byte{n[0]&0x60 | 24}
			}
			sets = append(binary.BigEndian.AppendUint16(sets, uint16(len(n))), n...)
			continue
		}
		if sets != nil {
			out, sets = append(out, sets), nil
		}
		if len(n) <= most {
			out = append(out, n)
			continue
		}
		for at := 1; at < len(n); at += most {
			head := []byte{n[0]&0x60 | 28, n[0] & 0x1f}
			if at == 1 {
				head[1] |= 0x80
			}
			if at+most >= len(n) {
				head[1] |= 0x40
			}
			out = append(out, append(head, n[at:min(at+most, len(n))]...))
		}
	}
	return out
}
