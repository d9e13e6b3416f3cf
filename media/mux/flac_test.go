package mux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// cameraTrack is the voice of another room, by a network camera.
var cameraTrack = journal.Track{Origin: "box2", Campus: "sanhe", Room: "1", Source: track.Voice}

// g711Of are the code words nearest to samples.
func g711Of(c codec.Codec, samples []float64) []byte {
	type word struct {
		value int16
		code  byte
	}
	var words []word
	for code := range 256 {
		words = append(words, word{codec.G711Linear(c, byte(code)), byte(code)})
	}
	slices.SortFunc(words, func(a, b word) int { return int(a.value) - int(b.value) })
	out := make([]byte, len(samples))
	for i, v := range samples {
		at, _ := slices.BinarySearchFunc(words, v, func(w word, v float64) int { return int(float64(w.value) - v) })
		out[i] = words[min(at, 255)].code
	}
	return out
}

// g711Clip is what resembles speech, in packets of so many samples.
func g711Clip(c codec.Codec, step int, long time.Duration) *clip {
	samples := make([]float64, int(long*flacScale/time.Second))
	noise := uint32(1)
	for i := range samples {
		t := float64(i) / flacScale
		noise = noise*1664525 + 1013904223
		loud := max(0, math.Sin(2*math.Pi*3*t)) * (0.2 + 0.8*math.Abs(math.Sin(t)))
		samples[i] = 12000*loud*(math.Sin(2*math.Pi*140*t)+0.4*math.Sin(2*math.Pi*900*t)) + float64(noise>>24) - 128
	}
	all := g711Of(c, samples)
	out := &clip{codec: c, step: uint32(step)}
	for ; len(all) >= step; all = all[step:] {
		out.units = append(out.units, unit{data: all[:step:step]})
	}
	return out
}

// linearOf are the samples of packets, 16 bits.
func linearOf(c codec.Codec, packets ...[]byte) (out []int16) {
	for _, p := range packets {
		for _, code := range p {
			out = append(out, codec.G711Linear(c, code))
		}
	}
	return out
}

// bitReader reads a FLAC frame.
type bitReader struct {
	b  []byte
	at int
}

func (r *bitReader) bits(n int) (v uint32) {
	for range n {
		v = v<<1 | uint32(r.b[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

func (r *bitReader) signed(n int) int32 { return int32(r.bits(n)<<(32-n)) >> (32 - n) }

func (r *bitReader) unary() (n uint32) {
	for r.bits(1) == 0 {
		n++
	}
	return n
}

// sum is a CRC bit by bit.
func sum(b []byte, poly uint32, width uint) (crc uint32) {
	for _, x := range b {
		for i := 7; i >= 0; i-- {
			top := crc >> (width - 1) & 1
			crc = crc << 1 & (1<<width - 1)
			if top != uint32(x>>i&1) {
				crc ^= poly
			}
		}
	}
	return crc
}

// decodeFLAC is RFC 9639 §9 as far as this encoder uses it, written apart from it. It gives the frame's first sample's number, and its samples.
func decodeFLAC(b []byte) (at int64, out []int16, err error) {
	if len(b) < flacHead+flacTail || b[0] != 0xff || b[1] != 0xf9 || b[2] != 0x74 || b[3] != 0x08 || b[4]&0xfe != 0xfc {
		return 0, nil, errors.New("head")
	}
	number := int64(b[4] & 1)
	for _, x := range b[5:10] {
		if x&0xc0 != 0x80 {
			return 0, nil, errors.New("number")
		}
		number = number<<6 | int64(x&0x3f)
	}
	n := int(binary.BigEndian.Uint16(b[10:])) + 1
	if sum(b[:12], 0x07, 8) != uint32(b[12]) || sum(b[:len(b)-2], 0x8005, 16) != uint32(binary.BigEndian.Uint16(b[len(b)-2:])) {
		return 0, nil, errors.New("sum")
	}
	r := &bitReader{b: b[:len(b)-2], at: 13 * 8}
	if r.bits(1) != 0 {
		return 0, nil, errors.New("padding")
	}
	kind, wasted := r.bits(6), uint32(0)
	if r.bits(1) == 1 {
		wasted = r.unary() + 1
	}
	depth := 16 - int(wasted)
	s := make([]int32, n)
	switch {
	case kind == 0:
		v := r.signed(depth)
		for i := range s {
			s[i] = v
		}
	case kind == 1:
		for i := range s {
			s[i] = r.signed(depth)
		}
	case kind >= 8 && kind <= 12:
		order := int(kind - 8)
		for i := range order {
			s[i] = r.signed(depth)
		}
		if r.bits(2) != 0 || r.bits(4) != 0 {
			return 0, nil, errors.New("partitions")
		}
		rice := r.bits(4)
		for i := order; i < n; i++ {
			u := r.unary()<<rice | r.bits(int(rice))
			v := int32(u>>1) ^ -int32(u&1)
			for k, c := range [][]int32{{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}[order] {
				v += c * s[i-1-k]
			}
			s[i] = v
		}
	default:
		return 0, nil, fmt.Errorf("kind %d", kind)
	}
	if (r.at+7)/8 != len(r.b) {
		return 0, nil, fmt.Errorf("%d bits in %d bytes", r.at, len(r.b))
	}
	for _, v := range s {
		out = append(out, int16(v<<wasted))
	}
	return number - flacBase, out, nil
}

// TestFLAC: each packet comes out as it went in, and is as long as was said.
func TestFLAC(t *testing.T) {
	loud := bytes.Repeat([]byte{0x2a, 0xaa}, 80)
	for _, c := range []codec.Codec{codec.PCMA, codec.PCMU} {
		noise := make([]byte, 1200)
		for i := range noise {
			noise[i] = byte(i*i*31 + i*7)
		}
		speech := g711Clip(c, 160, 4*time.Second)
		packets := [][]byte{bytes.Repeat([]byte{codec.G711Silence(c)}, 160), loud, noise, noise[:flacLeast], noise[:17], speech.units[10].data, bytes.Repeat(noise, 4)[:flacBlock]}
		at := int64(0)
		for i, p := range packets {
			b := flacFrame(nil, c, at, p)
			from, got, err := decodeFLAC(b)
			if err != nil || from != at || !slices.Equal(got, linearOf(c, p)) || len(b) != flacSize(c, p) {
				t.Errorf("%v, packet %d: at %d, %d samples in %d bytes, said %d: %v", c, i, from, len(got), len(b), flacSize(c, p), err)
			}
			at += int64(len(p))
		}
		size, raw := 0, 0
		for _, u := range speech.units {
			size += flacSize(c, u.data)
			raw += len(u.data)
		}
		t.Logf("%v: speech in %.2f of its size, %.0f kb/s", c, float64(size)/float64(raw), float64(size)*8/4/1000)
		if size > raw*13/10 {
			t.Errorf("%v: %d bytes became %d", c, raw, size)
		}
	}
	for _, n := range []int{20, 160, flacSilent} {
		b := flacSilence(nil, 7, n)
		if at, got, err := decodeFLAC(b); err != nil || at != 7 || len(got) != n || slices.Max(got) != 0 || slices.Min(got) != 0 || len(b) != fillerSize(flacFiller, n) {
			t.Errorf("silence of %d: %d bytes, %v", n, len(b), err)
		}
	}
}

func FuzzFLAC(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), byte(0), uint32(0))
	f.Add(bytes.Repeat([]byte{0xd5, 0x2a, 0xaa, 0x55}, 300), byte(1), uint32(1<<30))
	f.Fuzz(func(t *testing.T, p []byte, law byte, at uint32) {
		c := codec.PCMA + codec.Codec(law&1)
		d, size, _ := soundOf(c, p)
		if (d > 0) != (len(p) >= flacLeast && len(p) <= flacBlock) {
			t.Fatalf("%d bytes hold %d samples", len(p), d)
		}
		if d == 0 {
			return
		}
		at &= 1<<30 - 1
		b := flacFrame(nil, c, int64(at), p)
		from, got, err := decodeFLAC(b)
		if err != nil || from != int64(at) || !slices.Equal(got, linearOf(c, p)) || len(b) != size {
			t.Fatalf("%d bytes, said %d, at %d: %v", len(b), size, from, err)
		}
	})
}

// decoded are the samples of a file's only sound, by ffmpeg.
func decoded(t *testing.T, path string) (out []int16) {
	t.Helper()
	needFFmpeg(t)
	var said bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", path, "-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", "8000", "-")
	cmd.Stderr = &said
	raw, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for ; len(raw) >= 2; raw = raw[2:] {
		out = append(out, int16(binary.LittleEndian.Uint16(raw)))
	}
	return out
}

// TestCameraVoice: the sound of a camera is in the lesson's files, sample by sample as the camera sent it; what was lost is silence.
func TestCameraVoice(t *testing.T) {
	const long = 9 * time.Second
	for _, c := range []struct {
		codec codec.Codec
		step  int // samples a packet
	}{{codec.PCMA, 160}, {codec.PCMU, 320}} {
		t.Run(c.codec.String(), func(t *testing.T) {
			voice := g711Clip(c.codec, c.step, long)
			lost := func(n int, _ journal.Packet) bool { return n == 100 || n == 101 }
			pictures := &maker{track: teacherTrack, clip: encoded(t, codec.H264, "320x180"), to: long}
			s := newStudio(t)
			s.record(t, pictures, &maker{track: voiceTrack, clip: voice, to: long, lose: lost, jitter: 30 * time.Millisecond, delay: 20 * time.Millisecond})
			m := index(t, s.end(t))
			st := public(t, m, "voice")
			if st.MIME != `audio/mp4; codecs="flac"` || st.Codec != c.codec {
				t.Errorf("%s, %v", st.MIME, st.Codec)
			}
			var want []int16
			for i, u := range voice.units {
				if lost(i, journal.Packet{}) {
					want = append(want, make([]int16, c.step)...)
					continue
				}
				want = append(want, linearOf(c.codec, u.data)...)
			}
			paths := []string{file(t, m, "voice")}
			for _, o := range []ExportOptions{{Format: MP4}, {Format: MKV}, {Format: Sound}} {
				paths = append(paths, export(t, m, o))
			}
			for _, path := range paths {
				clean(t, path)
				got := decoded(t, path)
				at := len(want)
				if !slices.Equal(got[:min(at, len(got))], want) {
					t.Errorf("%s: %d samples that are not the %d of the camera", path, len(got), len(want))
				}
				if len(got) > at && (len(got) > at+flacScale/2 || slices.Max(got[at:]) > 0) {
					t.Errorf("%s: %d samples too many", path, len(got)-at)
				}
			}
			t.Log(probe(t, paths[1]))
			if !strings.HasSuffix(paths[3], ".m4a") {
				t.Errorf("the sound alone is %s", paths[3])
			}
			if _, err := m.File(ExportOptions{Format: WebM, Streams: []string{"voice"}}); !errors.Is(err, ErrFormat) {
				t.Errorf("WebM: %v", err)
			}
		})
	}
}

// TestCameraVoiceKeepsTime: a camera whose clock runs wrong stays with the pictures, and its index is the same when it is read from its file.
func TestCameraVoiceKeepsTime(t *testing.T) {
	const long = 120 * time.Second
	for _, ppm := range []float64{-400, 400} {
		s := newStudio(t)
		s.record(t, &maker{track: voiceTrack, clip: g711Clip(codec.PCMA, 160, 4*time.Second), to: long, ppm: ppm, jitter: 5 * time.Millisecond,
			silent: func(at time.Duration) bool { return at > 50*time.Second && at < 58*time.Second }})
		r := s.end(t)
		m := index(t, r)
		st := public(t, m, "voice")
		last := st.Fragments[len(st.Fragments)-1]
		if end := last.At + last.Duration; (end - long).Abs() > 40*time.Millisecond {
			t.Errorf("%v ppm: ends at %v, want %v", ppm, end, long)
		}
		if again := public(t, index(t, r), "voice"); !slices.Equal(again.Fragments, st.Fragments) {
			t.Error("another index from the file")
		}
		path := file(t, m, "voice")
		clean(t, path)
		zeros := 0 // no code word of A-law is 0
		for _, v := range decoded(t, path) {
			if v == 0 {
				zeros++
			}
		}
		// A slow clock is helped by 10 ms of silence now and then, a fast one costs a packet and makes no silence: 400 ppm of 112 s are 45 ms.
		least, most := 8*flacScale-flacScale/20, 8*flacScale+flacScale/20
		if ppm > 0 {
			most = 8 * flacScale
		}
		if zeros < least || zeros > most {
			t.Errorf("%v ppm: %d samples of silence, want %d to %d", ppm, zeros, least, most)
		}
	}
}

// TestVoiceOfTwoKinds: a room whose page and whose camera speak one after the other has two streams, and nothing of either is lost.
func TestVoiceOfTwoKinds(t *testing.T) {
	s := newStudio(t)
	again := voiceTrack
	again.Gen = 1
	s.record(t, &maker{track: teacherTrack, clip: encoded(t, codec.H264, "320x180"), to: 8 * time.Second},
		&maker{track: voiceTrack, clip: readClip(t, "voice"), to: 4 * time.Second},
		&maker{track: again, clip: g711Clip(codec.PCMA, 160, 4*time.Second), from: 4 * time.Second, to: 8 * time.Second})
	m := index(t, s.end(t))
	var names []string
	for _, st := range m.Streams() {
		names = append(names, st.Name+" "+st.Codec.String())
	}
	if want := []string{"teacher h264", "voice opus", "voice/pcma pcma"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	clean(t, export(t, m, ExportOptions{Format: MKV}))
	clean(t, export(t, m, ExportOptions{Format: MP4, Streams: []string{"teacher", "voice", "voice/pcma"}}))
}

// TestNewerCodec: what a newer release recorded is left out, and the rest is shown.
func TestNewerCodec(t *testing.T) {
	s := newStudio(t)
	s.record(t, &maker{track: voiceTrack, clip: readClip(t, "voice"), to: 4 * time.Second})
	newer := journal.Track{Origin: "box2", Campus: "sanhe", Source: track.Voice, Kind: track.Audio, Codec: 99}
	id := s.w.Track(newer)
	s.write(t, []journal.Packet{{Track: id, Seq: 1, Payload: []byte("what"), Arrival: 4 * time.Second, Capture: 4 * time.Second}})
	m := index(t, s.end(t))
	if all := m.Streams(); len(all) != 1 || all[0].Name != "voice" {
		t.Errorf("%+v", all)
	}
	clean(t, export(t, m, ExportOptions{Format: Sound}))
}
