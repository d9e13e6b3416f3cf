package mux

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// heap is a journal in memory.
type heap []struct {
	track  journal.Track
	packet journal.Packet
}

func (h heap) Packets(from, to time.Duration, want func(journal.Track) bool, f func(journal.Track, journal.Packet) error) error {
	for _, e := range h {
		if e.packet.Arrival >= from && e.packet.Arrival < to && (want == nil || want(e.track)) {
			if err := f(e.track, e.packet); err != nil {
				return err
			}
		}
	}
	return nil
}

// fuzzTracks are two of each kind.
var fuzzTracks = []journal.Track{
	{ID: 1, Source: track.Teacher, Kind: track.Video, Codec: codec.H264},
	{ID: 2, Source: track.Teacher, Kind: track.Video, Codec: codec.H264, Gen: 1},
	{ID: 3, Source: track.Board, Kind: track.Video, Codec: codec.VP8},
	{ID: 4, Source: track.Voice, Kind: track.Audio, Codec: codec.Opus},
	{ID: 5, Source: track.Voice, Kind: track.Audio, Codec: codec.Opus, Gen: 1},
}

// A fuzzed journal is a row of packets: track, flags, steps of sequence (1 byte, signed), timestamp (4), capture and arrival in ms (2 each,
// signed and unsigned), length (2), payload.
const fuzzHead = 13

func fuzzJournal(data []byte) (h heap) {
	seqs, stamps := [6]uint64{}, [6]uint32{}
	arrival := time.Duration(0)
	for len(data) >= fuzzHead && len(h) < 5000 {
		t := fuzzTracks[int(data[0])%len(fuzzTracks)]
		seqs[t.ID] += uint64(int64(int8(data[2])))
		stamps[t.ID] += binary.BigEndian.Uint32(data[3:])
		arrival += time.Duration(binary.BigEndian.Uint16(data[9:])) * time.Millisecond
		p := journal.Packet{Track: t.ID, Seq: seqs[t.ID], Timestamp: stamps[t.ID], Flags: packet.Flags(data[1]) & 15, Arrival: arrival}
		p.Capture = arrival + time.Duration(int16(binary.BigEndian.Uint16(data[7:])))*time.Millisecond
		n := min(int(binary.BigEndian.Uint16(data[11:])), len(data)-fuzzHead)
		p.Payload = data[fuzzHead : fuzzHead+n]
		data = data[fuzzHead+n:]
		h = append(h, struct {
			track  journal.Track
			packet journal.Packet
		}{t, p})
	}
	return h
}

func fuzzEntry(trk, flags, seq byte, ts uint32, capture, arrival uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{trk, flags, seq}, ts)
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, capture), arrival)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(payload))), payload...)
}

// FuzzJournal lays out journals of any content and makes every fragment and file of them.
func FuzzJournal(f *testing.F) {
	camera, voice := readClip(f, "camera"), readClip(f, "voice")
	var plain, lossy []byte
	for i := range 12 {
		for k, p := range rtpPayloads(codec.H264, thin(camera.units[i : i+1])[0].data, i) {
			e := fuzzEntry(0, 1, 1, 3000*uint32(1-min(k, 1)), 0, 7, p)
			plain = append(plain, e...)
			if i%5 != 3 {
				lossy = append(lossy, e...)
			} else {
				lossy = append(lossy, fuzzEntry(3, 0, 3, 960, 0, 90, voice.units[i].data[:20])...)
			}
		}
		plain = append(plain, fuzzEntry(3, 0, 1, 960, 0, 2, voice.units[i].data[:20])...)
	}
	f.Add(plain)
	f.Add(lossy)
	f.Add(append(fuzzEntry(2, 1, 1, 6000, 0, 9, []byte{0x90, 0xe0, 0x81, 1, 0, 0x10, 2, 0, 0x9d, 1, 0x2a, 64, 0, 48, 0, 1, 2, 3}), fuzzEntry(2, 1, 1, 6000, 0, 60000, []byte{0x90, 0xe0, 0x82, 2, 0x20, 0x11, 2, 0, 9, 9})...))
	f.Fuzz(func(t *testing.T, data []byte) { checkJournal(t, fuzzJournal(data)) })
}

func checkJournal(t *testing.T, h heap) {
	x := newIndexer(journal.Info{}, 0)
	for _, e := range h {
		x.packet(e.track, e.packet)
	}
	x.finish()
	m := &Movie{streams: x.streams, whole: true}
	m.choose()
	again, err := decodeStreams(encodeIndex(m.streams))
	if err != nil && !errors.Is(err, errIndex) || err != nil && len(m.streams) > 0 && !slices.ContainsFunc(m.streams, func(s *stream) bool { return len(s.fragments) == 0 }) {
		t.Fatalf("read back: %v", err)
	}
	if err == nil && !bytes.Equal(encodeIndex(again), encodeIndex(m.streams)) {
		t.Fatal("read back is another index")
	}
	for _, s := range m.streams {
		var end int64
		for i := range s.fragments {
			fr := &s.fragments[i]
			if i > 0 && fr.at != end || fr.duration < 0 {
				t.Fatalf("%s %d begins at %d, want %d", s.name, i, fr.at, end)
			}
			end = fr.at + fr.duration
			samples, data, err := read(h, s.codec, fr)
			if err != nil {
				t.Fatalf("%s %d: %v", s.name, i, err)
			}
			var out []byte
			if s.webm {
				out = s.clusters(fr, samples, data)
			} else {
				out = s.movieFragment(i+1, fr, samples, data)
			}
			if len(out) != fr.size {
				t.Fatalf("%s %d: %d bytes, want %d", s.name, i, len(out), fr.size)
			}
		}
	}
	for _, format := range []string{MP4, MKV, Sound} {
		file, err := m.File(ExportOptions{Format: format})
		if err != nil {
			continue
		}
		file.reader = h
		if err := file.Write(t.Context(), new(bytes.Buffer)); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
	}
}

// FuzzParameterSet rewrites what encoders say of their rate, and nothing else.
func FuzzParameterSet(f *testing.F) {
	for _, s := range []string{
		"6742c00bda05067e7c0440000003004000000503c50aa8", "674d4028eca03c0113f2e022000003000200000300281e30632c", "6764001facd9405005bb011000000300100000030140f1831960",
		"67640028acd94078044fde022000000300200000030283e2c5b2c0", "67f40016919b281407b6022000000300200000030281e2c5b2c0",
		"67640029ad84010c20086100430802184010c200843b5014005ad37010101014000003000400000300a2100000", "6742c01f8c8d40501e900f08846a", // the last one is OpenH264's
	} {
		b, err := hex.DecodeString(s)
		must(f, err)
		f.Add(b)
		if again := variable(nil, b); bytes.Equal(again, b) || codec.Inspect(codec.H264, b) != codec.Inspect(codec.H264, again) {
			f.Errorf("%x became %x", b, again)
		}
	}
	f.Fuzz(func(t *testing.T, sps []byte) {
		if len(sps) < 4 {
			return
		}
		sps[0] = 0x67
		again := variable(nil, sps)
		if before, after := codec.Inspect(codec.H264, sps), codec.Inspect(codec.H264, again); before != after {
			t.Errorf("%x became %x: %+v then %+v", sps, again, before, after)
		}
	})
}

// FuzzIndex reads damaged indexes; the sum over the file is left out, or nothing would come through.
func FuzzIndex(f *testing.F) {
	s := &stream{name: "voice", source: "voice", codec: codec.Opus, chosen: true}
	w := sampleWriter{}
	w.add(sample{size: 3, duration: 5760, key: true}, 9)
	w.add(sample{seq: 7, packets: 1, size: 80, duration: 960, key: true}, 1)
	s.fragments = []fragment{{at: 5, duration: 9, count: 10, bytes: 90, track: 3, from: -1, table: w.table}}
	f.Add(encodeIndex([]*stream{s}))
	f.Add(w.table)
	f.Fuzz(func(t *testing.T, data []byte) {
		if samples, err := readSamples(data); err == nil && len(samples) > maxSamples {
			t.Error("too many samples")
		}
		if damage, rest, err := decodeDamage(data); err == nil {
			if again, _, err := decodeDamage(append(encodeDamage(damage), rest...)); err != nil || !slices.Equal(again, damage) {
				t.Fatalf("%v became %v (%v)", damage, again, err)
			}
		}
		streams, err := decodeStreams(data)
		if err != nil {
			return
		}
		m := &Movie{streams: streams}
		for _, st := range streams {
			st.public(nil, nil, nil)
			st.initial()
			for i := range st.fragments {
				if len(st.fragments[i].table) < 64 {
					_, _, _ = read(heap(nil), st.codec, &st.fragments[i])
				}
			}
		}
		_, _ = m.File(ExportOptions{Format: MKV})
	})
}
