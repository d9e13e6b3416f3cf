package mux

import (
	"bytes"
	"context"
	"errors"

	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// lesson is a teacher's camera, board and voice, with the path's ordinary jitter.
func lesson(t testing.TB, length time.Duration) []*maker {
	return []*maker{
		{track: teacherTrack, clip: readClip(t, "camera"), from: 300 * time.Millisecond, to: length, seq: 65000, ts: 1<<32 - 90000, delay: 30 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
		{track: boardTrack, clip: readClip(t, "board"), from: 2 * time.Second, to: length, seq: 7, ts: 5, delay: 35 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
		{track: voiceTrack, clip: readClip(t, "voice"), from: 100 * time.Millisecond, to: length, seq: 1 << 20, ts: 1<<32 - 960, delay: 25 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
	}
}

// placed is a sample with its time.
type placed struct {
	sample
	track uint16
	at    time.Duration
}

// samplesOf unfolds the tables of a stream and checks that nothing overlaps or is left open.
func samplesOf(t testing.TB, m *Movie, name string) (out []placed) {
	t.Helper()
	s := m.stream(name)
	if s == nil {
		t.Fatalf("no stream %s", name)
		return nil
	}
	next := s.fragments[0].at
	for i := range s.fragments {
		f := &s.fragments[i]
		samples, err := readSamples(f.table)
		must(t, err)
		if f.at != next || len(samples) != f.count || s.codec.Video() && samples[0].key == f.continues {
			t.Errorf("%s fragment %d: at %d, want %d; %d samples, want %d", name, i, f.at, next, len(samples), f.count)
		}
		for _, p := range samples {
			out = append(out, placed{p, f.track, span(next, s.scale())})
			next += int64(p.duration)
		}
		if next != f.at+f.duration {
			t.Errorf("%s fragment %d: lasts %d, want %d", name, i, next-f.at, f.duration)
		}
	}
	return out
}

// judge compares where samples were put with when they were shot, and gives the largest errors and how many shots are there.
func judge(t testing.TB, got []placed, shots []shot, id uint16) (least, most time.Duration, kept int) {
	t.Helper()
	for _, p := range got {
		if p.packets == 0 || p.track != id {
			continue
		}
		i, ok := slices.BinarySearchFunc(shots, p.seq, func(s shot, seq uint64) int { return int(int64(s.seq) - int64(seq)) })
		if !ok || shots[i].end != p.seq+uint64(p.packets) || !shots[i].intact {
			t.Fatalf("packets %d…%d are no frame", p.seq, p.seq+uint64(p.packets))
		}
		d := p.at - shots[i].at
		least, most = min(least, d), max(most, d)
		kept++
	}
	return least, most, kept
}

// near wants every frame within tolerance of its time.
func near(t testing.TB, m *Movie, name string, shots []shot, id uint16, tolerance time.Duration) int {
	t.Helper()
	least, most, kept := judge(t, samplesOf(t, m, name), shots, id)
	if least < -tolerance || most > tolerance {
		t.Errorf("%s is between %v and %v off, want ±%v", name, least, most, tolerance)
	}
	t.Logf("%s: %v … %v, %d of %d", name, least, most, kept, len(shots))
	return kept
}

func TestPlainLesson(t *testing.T) {
	s := newStudio(t)
	shots := s.record(t, lesson(t, 12*time.Second)...)
	m := index(t, s.end(t))
	if !m.Whole() {
		t.Error("not whole")
	}
	for i, want := range []struct {
		name, mime string
		shots      []shot
	}{{"teacher", `video/mp4; codecs="avc3.42c01f"`, shots[0]}, {"board", `video/mp4; codecs="avc3.42c01f"`, shots[1]}, {"voice", `audio/mp4; codecs="opus"`, shots[2]}} {
		st := m.Streams()[i]
		if st.Name != want.name || st.MIME != want.mime || len(st.Gaps) > 0 {
			t.Errorf("%s %s, gaps %v", st.Name, st.MIME, st.Gaps)
		}
		if kept := near(t, m, want.name, want.shots, uint16(i+1), 12*time.Millisecond); kept != len(want.shots) {
			t.Errorf("%s: %d of %d", want.name, kept, len(want.shots))
		}
		for n, f := range st.Fragments {
			if f.Gap || st.Kind == track.Video && n < len(st.Fragments)-1 && (f.Duration < 1900*time.Millisecond || f.Duration > 4100*time.Millisecond) {
				t.Errorf("%s %d: %+v", st.Name, n, f)
			}
		}
		clean(t, file(t, m, st.Name))
	}
}

// TestDrift: the media clocks of camera and microphone run apart, their capture times are known to some milliseconds, or not at all.
func TestDrift(t *testing.T) {
	for _, tt := range []struct {
		name          string
		camera, voice float64 // ppm
		noCapture     bool
		jitter        time.Duration
		tolerance     time.Duration
		length        time.Duration
	}{
		{"capture times", -200, 200, false, 60 * time.Millisecond, 11 * time.Millisecond, 45 * time.Minute},
		{"the other way", 200, -200, false, 60 * time.Millisecond, 11 * time.Millisecond, 5 * time.Minute},
		{"arrivals only", 200, -200, true, 40 * time.Millisecond, 14 * time.Millisecond, 5 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStudio(t)
			makers := lesson(t, tt.length)
			makers = []*maker{makers[0], makers[2]}
			makers[0].clip = &clip{codec: codec.H264, step: 3000, units: thin(makers[0].clip.units)}
			makers[0].ppm, makers[1].ppm = tt.camera, tt.voice
			for _, m := range makers {
				m.noCapture, m.jitter, m.captureErr, m.delay = tt.noCapture, tt.jitter, 4*time.Millisecond, 10*time.Millisecond
			}
			shots := s.record(t, makers...)
			m := index(t, s.end(t))
			if tt.noCapture { // nothing tells how long the way was
				for i := range shots {
					for k := range shots[i] {
						shots[i][k].at += 10 * time.Millisecond
					}
				}
			}
			if kept := near(t, m, "teacher", shots[0], 1, 8*time.Millisecond); kept != len(shots[0]) {
				t.Errorf("%d of %d pictures", kept, len(shots[0]))
			}
			if kept := near(t, m, "voice", shots[1], 2, tt.tolerance); kept < len(shots[1])-80 {
				t.Errorf("%d of %d packets", kept, len(shots[1]))
			}
			if st := public(t, m, "voice"); len(st.Gaps) > 0 {
				t.Errorf("gaps %v", st.Gaps)
			}
		})
	}
}

// thin makes pictures so small that 45 minutes of them are no burden: the slices are cut short, which the index does not mind.
func thin(units []unit) (out []unit) {
	for _, u := range units {
		var data []byte
		for _, n := range nals(u.data) {
			data = append(append(data, 0, 0, 1), n[:min(len(n), 40)]...)
		}
		out = append(out, unit{data, u.key})
	}
	return out
}

// TestShaky: cameras do not keep their rate, and readers that guess one must not stumble over it.
func TestShaky(t *testing.T) {
	for _, c := range []codec.Codec{codec.H264, codec.VP8} {
		for _, shake := range []time.Duration{time.Millisecond, 8 * time.Millisecond, 30 * time.Millisecond} {
			s := newStudio(t)
			shots := s.record(t, &maker{track: teacherTrack, clip: encoded(t, c, "320x180"), from: 37 * time.Millisecond, to: 9 * time.Second, ppm: 300, shake: shake, delay: time.Millisecond})
			m := index(t, s.end(t))
			if kept := near(t, m, "teacher", shots[0], 1, 9*time.Millisecond); kept != len(shots[0]) {
				t.Errorf("%d of %d", kept, len(shots[0]))
			}
			clean(t, file(t, m, "teacher"))
			for _, format := range []string{map[codec.Codec]string{codec.H264: MP4, codec.VP8: WebM}[c], MKV} {
				clean(t, export(t, m, ExportOptions{Format: format}))
			}
		}
	}
}

// TestLateAndTwice: what is repaired within seconds, or comes twice, is as if nothing had happened.
func TestLateAndTwice(t *testing.T) {
	s := newStudio(t)
	makers := lesson(t, 15*time.Second)
	for i, m := range makers {
		m.again = i == 1
		m.late = func(n int, p journal.Packet) time.Duration {
			if n%(17+i) == 3 {
				return time.Duration(n%7+1) * 300 * time.Millisecond
			}
			return 0
		}
	}
	shots := s.record(t, makers...)
	m := index(t, s.end(t))
	for i, name := range []string{"teacher", "board", "voice"} {
		if kept := near(t, m, name, shots[i], uint16(i+1), 12*time.Millisecond); kept != len(shots[i]) {
			t.Errorf("%s: %d of %d", name, kept, len(shots[i]))
		}
		if st := public(t, m, name); len(st.Gaps) > 0 {
			t.Errorf("%s: gaps %v", name, st.Gaps)
		}
		clean(t, file(t, m, name))
	}
	clean(t, export(t, m, ExportOptions{Format: MKV}))
}

// TestLoss: frames with a hole and what refers to them are left out; gaps are named where they are long, and the sound goes on.
func TestLoss(t *testing.T) {
	s := newStudio(t)
	makers := lesson(t, 30*time.Second)
	makers[0].lose = func(n int, p journal.Packet) bool { // one packet, and later two seconds
		return n == 200 || p.Capture > 15*time.Second && p.Capture < 17*time.Second
	}
	makers[1].lose = func(n int, p journal.Packet) bool { return s.rng.IntN(50) == 0 }
	makers[2].lose = func(n int, p journal.Packet) bool {
		return n%20 == 7 || p.Capture > 10*time.Second && p.Capture < 13*time.Second
	}
	shots := s.record(t, makers...)
	m := index(t, s.end(t))
	if kept := near(t, m, "teacher", shots[0], 1, 12*time.Millisecond); kept < len(shots[0])-60-65 {
		t.Errorf("%d of %d pictures", kept, len(shots[0]))
	}
	near(t, m, "board", shots[1], 2, 12*time.Millisecond)
	intact := 0
	for _, sh := range shots[2] {
		if sh.intact {
			intact++
		}
	}
	if kept := near(t, m, "voice", shots[2], 3, 12*time.Millisecond); kept < intact-3 {
		t.Errorf("%d of %d packets", kept, intact)
	}
	st := public(t, m, "teacher")
	if n := len(st.Gaps); n < 1 || n > 2 || st.Gaps[n-1].Why != WhyLost || !around(st.Gaps[n-1], 15*time.Second, 17*time.Second, 1100*time.Millisecond) {
		t.Errorf("teacher: gaps %v", st.Gaps)
	}
	st = public(t, m, "voice")
	if len(st.Gaps) != 1 || st.Gaps[0].Why != WhyLost || !around(st.Gaps[0], 10*time.Second, 13*time.Second, 60*time.Millisecond) {
		t.Errorf("voice: gaps %v", st.Gaps)
	}
	gaps := 0
	for _, f := range st.Fragments {
		if f.Gap {
			gaps++
		}
	}
	if gaps != 1 {
		t.Errorf("voice: %d fragments of silence", gaps)
	}
	for _, name := range []string{"teacher", "board", "voice"} {
		clean(t, file(t, m, name))
	}
	for _, f := range []string{MP4, MKV, Sound} {
		clean(t, export(t, m, ExportOptions{Format: f}))
	}
}

func around(g Gap, from, to, slack time.Duration) bool {
	return (g.From-from).Abs() <= slack && (g.To-to).Abs() <= slack
}

// TestOneStream: a publisher that starts anew, another layer with another size and other parameter sets, and back: one stream.
func TestOneStream(t *testing.T) {
	for _, c := range []codec.Codec{codec.H264, codec.VP8} {
		t.Run(c.String(), func(t *testing.T) {
			s := newStudio(t)
			large, small := encoded(t, c, "640x360"), encoded(t, c, "320x180")
			layer := func(l track.Layer, gen uint32) journal.Track {
				tr := teacherTrack
				tr.Layer, tr.Gen = l, gen
				return tr
			}
			voice := &maker{track: voiceTrack, clip: readClip(t, "voice"), to: 30 * time.Second, delay: 20 * time.Millisecond}
			makers := []*maker{
				{track: layer("h", 0), clip: large, from: 0, to: 6 * time.Second, seq: 1 << 30, ts: 77},
				{track: layer("l", 0), clip: small, from: 6 * time.Second, to: 12 * time.Second, seq: 5, ts: 1 << 31},
				{track: layer("h", 0), clip: large, from: 12 * time.Second, to: 18 * time.Second, seq: 1<<30 + 5000, ts: 77 + 12*90000},
				{track: layer("h", 1), clip: small, from: 23 * time.Second, to: 30 * time.Second, seq: 9000, ts: 1}, // killed, and back 5 s later
				voice,
			}
			for _, m := range makers {
				m.delay, m.captureErr = 20*time.Millisecond, time.Millisecond
			}
			shots := s.record(t, makers...)
			m := index(t, s.end(t))
			if n := len(m.Streams()); n != 2 {
				t.Fatalf("%d streams", n)
			}
			st := public(t, m, "teacher")
			if len(st.Gaps) != 1 || st.Gaps[0].Why != WhyStopped || !around(st.Gaps[0], 18*time.Second, 23*time.Second, 100*time.Millisecond) {
				t.Errorf("gaps %v", st.Gaps)
			}
			all := samplesOf(t, m, "teacher")
			pictures := 0
			for _, p := range shots[:4] {
				pictures += len(p)
			}
			if len(all) < pictures-1 {
				t.Errorf("%d of %d pictures", len(all), pictures)
			}
			clean(t, file(t, m, "teacher"))
			format := MP4
			if c == codec.VP8 {
				format = WebM
			}
			for _, f := range []string{format, MKV} {
				path := export(t, m, ExportOptions{Format: f})
				clean(t, path)
				if f == MP4 && !bytes.Contains(read8k(t, path), []byte("avc3")) {
					t.Error("parameter sets change, so they must be allowed in band")
				}
			}
		})
	}
}

func read8k(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b[:min(len(b), 8<<10)]
}

// TestNames: who speaks where, whoever comes first.
func TestNames(t *testing.T) {
	s := newStudio(t)
	voice := readClip(t, "voice")
	picture := &clip{codec: codec.H264, step: 3000, units: thin(readClip(t, "camera").units)}
	var makers []*maker
	for i, tr := range []journal.Track{
		{Origin: "a", Campus: "hexin", Source: track.Voice},
		{Origin: "a", Campus: "hexin", Source: track.Teacher},
		{Origin: "a", Campus: "hexin", Source: track.Pupils},
		{Origin: "b", Campus: "sanhe", Room: "r1", Source: track.Voice},
		{Origin: "b", Campus: "sanhe", Room: "r1", Source: track.Pupils},
		{Origin: "c", Campus: "sanhe", Room: "r2", Source: track.Voice},
		{Origin: "b2", Campus: "sanhe", Room: "r1", Source: track.Voice}, // another box in the same room
		{Origin: "d", Source: track.Voice},
		{Origin: "a", Campus: "hexin", Source: "cat"},
	} {
		m := &maker{track: tr, clip: voice, from: time.Duration(i) * time.Second, to: time.Duration(i+1) * time.Second}
		if tr.Source == track.Teacher || tr.Source == track.Pupils {
			m.clip = picture
		}
		makers = append(makers, m)
	}
	s.record(t, makers...)
	var names []string
	for _, st := range index(t, s.end(t)).Streams() {
		names = append(names, st.Name)
	}
	if want := []string{"teacher", "voice", "pupils:hexin", "voice:sanhe", "pupils:sanhe", "voice:sanhe/r2", "voice:d"}; !slices.Equal(names, want) {
		t.Errorf("streams %q, want %q", names, want)
	}
}

// TestLittle: journals with next to nothing in them.
func TestLittle(t *testing.T) {
	camera, voice := readClip(t, "camera"), readClip(t, "voice")
	one := func(c *clip, n int) *clip { return &clip{c.codec, c.step, c.units[n : n+1]} }
	for _, tt := range []struct {
		name    string
		makers  []*maker
		streams int
	}{
		{"nothing", nil, 0},
		{"one packet of sound", []*maker{{track: voiceTrack, clip: one(voice, 0), to: 10 * time.Millisecond}}, 1},
		{"one keyframe", []*maker{{track: teacherTrack, clip: one(camera, 0), to: 10 * time.Millisecond}}, 1},
		{"one keyframe that lacks its end", []*maker{{track: teacherTrack, clip: one(camera, 0), to: 10 * time.Millisecond, lose: func(n int, p journal.Packet) bool { return p.Flags&1 != 0 }}}, 0},
		{"no keyframe", []*maker{{track: teacherTrack, clip: one(camera, 1), to: 5 * time.Second}}, 0},
		{"late sound", []*maker{{track: voiceTrack, clip: voice, from: 10 * time.Minute, to: 10*time.Minute + time.Second}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStudio(t)
			s.record(t, tt.makers...)
			m := index(t, s.end(t))
			if n := len(m.Streams()); n != tt.streams {
				t.Fatalf("%d streams", n)
			}
			for _, f := range []string{MP4, MKV, Sound} {
				o := ExportOptions{Format: f}
				if f == Sound && m.stream("voice") == nil {
					continue
				}
				if tt.streams == 0 {
					if _, err := m.File(o); !errors.Is(err, ErrEmpty) {
						t.Errorf("%s: %v", f, err)
					}
					continue
				}
				clean(t, export(t, m, o))
			}
			for _, st := range m.Streams() {
				clean(t, file(t, m, st.Name))
			}
		})
	}
}

// TestRunning: an index grown with the lesson is the one made of the whole; what was given out stays.
func TestRunning(t *testing.T) {
	s := newStudio(t)
	makers := lesson(t, 40*time.Second)
	makers[0].lose = func(n int, p journal.Packet) bool { return s.rng.IntN(300) == 0 }
	makers[2].silent = func(at time.Duration) bool { return at > 5*time.Second && at < 30*time.Second }
	var packets []journal.Packet
	for _, m := range makers {
		m.track.Codec = m.clip.codec
		if m.clip.codec.Video() {
			m.track.Kind = track.Video
		}
		m.track.ID = s.w.Track(m.track)
		p, _ := m.make(s.rng)
		packets = append(packets, p...)
	}
	slices.SortStableFunc(packets, func(a, b journal.Packet) int { return int(a.Arrival - b.Arrival) })
	var m *Movie
	var before []Stream
	for at := time.Duration(0); at < 41*time.Second; at += 1700 * time.Millisecond {
		n := slices.IndexFunc(packets, func(p journal.Packet) bool { return p.Arrival >= at })
		if n < 0 {
			n = len(packets)
		}
		s.write(t, packets[:n])
		packets = packets[n:]
		if m == nil {
			m = index(t, s.open(t))
		}
		must(t, m.Update())
		if m.Whole() {
			t.Fatal("a running lesson is not whole")
		}
		now := m.Streams()
		for _, st := range before {
			is := public(t, m, st.Name)
			if is.MIME != st.MIME || !slices.Equal(is.Fragments[:len(st.Fragments)], st.Fragments) {
				t.Fatalf("at %v %s is no continuation: %v then %v", at, st.Name, st, is)
			}
		}
		if before = now; at > 25*time.Second {
			for _, st := range now {
				last := st.Fragments[len(st.Fragments)-1]
				most := 6 * time.Second // a fragment of pictures is 4 s, the writer's last batch not proven, a lost packet waited for
				if behind := at - last.At - last.Duration; behind > most && st.Name == "board" || behind > most+2*lateness {
					t.Errorf("%s is %v behind", st.Name, behind)
				}
				_, err := m.Fragment(st.Name, len(st.Fragments)-1)
				must(t, err)
			}
		}
	}
	if len(before) != 3 {
		t.Fatalf("%d streams", len(before))
	}
	r := s.end(t)
	must(t, m.Update())
	if !m.Whole() {
		t.Error("not whole")
	}
	must(t, os.Remove(filepath.Join(s.dir, IndexName)))
	again := index(t, r)
	if !bytes.Equal(encodeIndex(m.streams), encodeIndex(again.streams)) {
		t.Error("grown and made at once differ")
	}
}

// TestLongRunning: the first look at a lesson that has run for long ends soon; looking again comes to its end.
func TestLongRunning(t *testing.T) {
	s := newStudio(t)
	makers := lesson(t, 8*time.Minute)
	makers[0].clip = &clip{codec: codec.H264, step: 3000, units: thin(makers[0].clip.units)}
	s.record(t, makers[0], makers[2])
	began := time.Now()
	m := index(t, s.open(t))
	t.Logf("first look: %v, %v", time.Since(began), m.Duration())
	for range 1000 {
		if m.Duration() > 8*time.Minute-20*time.Second {
			break
		}
		must(t, m.Update())
	}
	if d := m.Duration(); d < 8*time.Minute-20*time.Second || m.Whole() {
		t.Errorf("%v, whole %v", d, m.Whole())
	}
	r := s.end(t)
	must(t, m.Update())
	must(t, os.Remove(filepath.Join(s.dir, IndexName)))
	if !m.Whole() || !bytes.Equal(encodeIndex(m.streams), encodeIndex(index(t, r).streams)) {
		t.Error("looked at in parts and at once differ")
	}
}

// TestIndexFile: the file is used when it fits, and else made anew.
func TestIndexFile(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 10*time.Second)...)
	r := s.end(t)
	want := encodeIndex(index(t, r).streams)
	path := filepath.Join(s.dir, IndexName)
	good, err := os.ReadFile(path)
	must(t, err)
	damaged := bytes.Clone(good)
	damaged[len(damaged)/2] ^= 1
	newer := bytes.Clone(good)
	newer[7]++
	for _, tt := range []struct {
		name string
		file []byte
		used bool
	}{{"good", good, true}, {"damaged", damaged, false}, {"cut", good[:len(good)-9], false}, {"newer", newer, false}, {"empty", nil, false}} {
		must(t, os.WriteFile(path, tt.file, 0o600))
		st, err := stampOf(r)
		must(t, err)
		if _, _, ok := load(s.dir, st); ok != tt.used {
			t.Errorf("%s: used %v", tt.name, ok)
		}
		m := index(t, s.open(t))
		if !bytes.Equal(encodeIndex(m.streams), want) {
			t.Errorf("%s: another index", tt.name)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, good) {
			t.Errorf("%s: the file was not made anew: %v", tt.name, err)
		}
	}
}

// TestErased: what is erased is gone from an open movie and from a new one.
func TestErased(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 10*time.Second)...)
	m := index(t, s.end(t))
	must(t, s.keys.Erase("l1", "box1", track.Board))
	if _, err := m.Fragment("board", 0); !errors.Is(err, ErrGone) {
		t.Errorf("%v", err)
	}
	must(t, m.Update())
	for _, m := range []*Movie{m, index(t, s.open(t))} {
		var names []string
		for _, st := range m.Streams() {
			names = append(names, st.Name)
		}
		if !slices.Equal(names, []string{"teacher", "voice"}) {
			t.Errorf("streams %q", names)
		}
	}
}

// TestErasedRange: what was taken out of the middle is a gap with that name.
func TestErasedRange(t *testing.T) {
	s := newStudio(t)
	shots := s.record(t, lesson(t, 20*time.Second)...)
	m := index(t, s.end(t))
	must(t, journal.EraseRange(s.dir, s.keys, journal.ErasedRange{From: 8 * time.Second, To: 12 * time.Second}))
	must(t, m.Update())
	for i, name := range []string{"teacher", "board", "voice"} {
		st := public(t, m, name)
		if len(st.Gaps) != 1 || st.Gaps[0].Why != WhyErased || !around(st.Gaps[0], 8*time.Second, 12*time.Second, 2500*time.Millisecond) {
			t.Errorf("%s: gaps %v", name, st.Gaps)
		}
		near(t, m, name, shots[i], uint16(i+1), 12*time.Millisecond)
		clean(t, file(t, m, name))
	}
}

// TestRolling: a journal that keeps the latest part only is played from there.
func TestRolling(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 3*time.Minute)...)
	must(t, s.w.Forget(2*time.Minute))
	m := index(t, s.end(t))
	for _, st := range m.Streams() {
		if at := st.Fragments[0].At; at < time.Minute || at > 2*time.Minute+5*time.Second {
			t.Errorf("%s begins at %v", st.Name, at)
		}
		_, err := m.Fragment(st.Name, 0)
		must(t, err)
	}
}

func TestCancel(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 20*time.Second)...)
	m := index(t, s.end(t))
	for _, format := range []string{MP4, MKV, Sound} {
		ctx, cancel := context.WithCancel(context.Background())
		var told []time.Duration
		f, err := m.File(ExportOptions{Format: format, Progress: func(done, total time.Duration) {
			if told = append(told, done); len(told) == 3 {
				cancel()
			}
			if total < 20*time.Second || total > 20*time.Second+time.Millisecond || done > total {
				t.Errorf("%s: %v of %v", format, done, total)
			}
		}})
		must(t, err)
		if err := f.Write(ctx, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", format, err)
		}
		if !slices.IsSorted(told) || len(told) > 4 {
			t.Errorf("%s: progress %v", format, told)
		}
		must(t, f.Write(context.Background(), new(bytes.Buffer)))
		cancel()
	}
	for _, o := range []ExportOptions{{Format: "avi"}, {Format: WebM}, {Format: Sound, Streams: []string{"board"}}} {
		if _, err := m.File(o); !errors.Is(err, ErrFormat) {
			t.Errorf("%v: %v", o, err)
		}
	}
	if _, err := m.File(ExportOptions{Format: MKV, Streams: []string{"voice:nobody"}}); !errors.Is(err, ErrNoStream) {
		t.Errorf("%v", err)
	}
}
