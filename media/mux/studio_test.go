package mux

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// unit is one encoded frame: H264 in Annex B, a VP8 frame, an Opus packet.
type unit struct {
	data []byte
	key  bool
}

// clip is encoded material that repeats.
type clip struct {
	codec codec.Codec
	step  uint32
	units []unit
}

// readClip reads a clip of the synthetic lesson; testbench/lesson describes the file.
func readClip(t testing.TB, name string) *clip {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testbench", "testdata", name+".clip"))
	must(t, err)
	c := &clip{codec: codec.Codec(raw[8]), step: binary.BigEndian.Uint32(raw[9:]), units: make([]unit, binary.BigEndian.Uint32(raw[13:]))}
	index, data := raw[17:], raw[17+4*len(c.units):]
	for i := range c.units {
		n := binary.BigEndian.Uint32(index[4*i:])
		c.units[i] = unit{data[:n&^(1<<31)], n>>31 == 1}
		data = data[n&^(1<<31):]
	}
	return c
}

// encoded makes a clip with ffmpeg's test pictures, once for all tests.
var encoded = func() func(t testing.TB, codec codec.Codec, size string) *clip {
	var mu sync.Mutex
	made := map[string]*clip{}
	return func(t testing.TB, c codec.Codec, size string) *clip {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		name := c.String() + size
		if made[name] != nil {
			return made[name]
		}
		needFFmpeg(t)
		args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=15", "-t", "4", "-pix_fmt", "yuv420p"}
		if c == codec.H264 {
			args = append(args, "-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-g", "30", "-f", "h264", "-")
		} else {
			args = append(args, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-b:v", "500k", "-f", "ivf", "-")
		}
		out, err := exec.Command("ffmpeg", args...).Output()
		must(t, err)
		made[name] = &clip{codec: c, step: 6000}
		if c == codec.H264 {
			made[name].units = accessUnits(out)
		} else {
			for b := out[32:]; len(b) > 12; {
				n := binary.LittleEndian.Uint32(b)
				made[name].units = append(made[name].units, unit{b[12 : 12+n], b[12]&1 == 0})
				b = b[12+n:]
			}
		}
		if len(made[name].units) != 60 {
			t.Fatalf("%s: %d units", name, len(made[name].units))
		}
		return made[name]
	}
}()

func needFFmpeg(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal("no " + tool + ": apt-get install ffmpeg")
		}
	}
}

// nals cuts an Annex B stream at its start codes.
func nals(stream []byte) (out [][]byte) {
	for _, n := range bytes.Split(stream, []byte{0, 0, 1}) {
		if n = bytes.TrimRight(n, "\x00"); len(n) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// accessUnits groups a stream of x264's: parameter sets and SEI begin a keyframe, each slice with first_mb 0 a picture.
func accessUnits(stream []byte) (out []unit) {
	var u unit
	slices := 0
	for _, n := range nals(stream) {
		typ := n[0] & 0x1f
		vcl := typ == 1 || typ == 5
		if slices > 0 && (!vcl || n[1]&0x80 != 0) {
			out = append(out, u)
			u, slices = unit{}, 0
		}
		if vcl {
			slices++
		}
		u.key = u.key || typ == 5
		u.data = append(append(u.data, 0, 0, 0, 1), n...)
	}
	return append(out, u)
}

// rtpPayloads packetises a unit for packets of up to 1200 bytes (RFC 6184, RFC 7741). picture numbers VP8 frames.
func rtpPayloads(c codec.Codec, data []byte, picture int) (out [][]byte) {
	const most = 1200
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
			out = append(out, append(head, data[:n]...))
			data = data[n:]
		}
		return out
	}
	var stap []byte
	for _, n := range nals(data) {
		if typ := n[0] & 0x1f; typ == 7 || typ == 8 {
			if stap == nil {
				stap = []byte{n[0]&0x60 | 24}
			}
			stap = append(binary.BigEndian.AppendUint16(stap, uint16(len(n))), n...)
			continue
		}
		if stap != nil {
			out, stap = append(out, stap), nil
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

// maker is a publisher.
type maker struct {
	track      journal.Track
	clip       *clip
	from, to   time.Duration // when it publishes
	offset     int           // of its first unit in the clip
	seq        uint64        // of its first packet
	ts         uint32
	ppm        float64       // how much faster its media clock runs
	delay      time.Duration // from capture to arrival
	jitter     time.Duration // at most, on top
	captureErr time.Duration // capture times are off by as much, at random
	noCapture  bool
	shake      time.Duration                               // how far a frame may be from its regular time
	lose       func(n int, p journal.Packet) bool          // packet n never comes
	late       func(n int, p journal.Packet) time.Duration // it comes later, as a repair
	again      bool                                        // and each packet comes twice
	silent     func(at time.Duration) bool                 // nothing is sent
}

// shot is what a maker did: which unit was captured when.
type shot struct {
	at       time.Duration
	seq, end uint64
	unit     int
	ts       uint32
	intact   bool
}

// make gives all packets with their arrivals, and what was shot.
func (m *maker) make(rng *rand.Rand) (packets []journal.Packet, shots []shot) {
	seq, n := m.seq, 0
	rate := float64(m.clip.codec.ClockRate())
	for i := 0; ; i++ {
		at := m.from + time.Duration(float64(i)*float64(m.clip.step)/rate/(1+m.ppm/1e6)*1e9)
		if at >= m.to {
			return packets, shots
		}
		if m.silent != nil && m.silent(at) {
			continue
		}
		u := (m.offset + i) % len(m.clip.units)
		payloads := rtpPayloads(m.clip.codec, m.clip.units[u].data, i&0x7fff)
		off := time.Duration(0)
		if m.shake > 0 {
			off = time.Duration(rng.Int64N(int64(m.shake)))
			at += off
		}
		s := shot{at: at, seq: seq, end: seq + uint64(len(payloads)), unit: u, ts: m.ts + uint32(i)*m.clip.step + uint32(off*time.Duration(m.clip.codec.ClockRate())/time.Second), intact: true}
		for k, payload := range payloads {
			p := journal.Packet{Track: m.track.ID, Seq: seq, Timestamp: s.ts, Payload: payload}
			info := codec.Inspect(m.clip.codec, payload)
			if info.Keyframe {
				p.Flags |= packet.Keyframe
			}
			if k == len(payloads)-1 && m.clip.codec.Video() {
				p.Flags |= packet.Marker
			}
			p.Arrival = at + m.delay
			if m.jitter > 0 {
				p.Arrival += time.Duration(rng.Int64N(int64(m.jitter)))
			}
			p.Capture = at
			if m.captureErr > 0 {
				p.Capture += time.Duration(rng.Int64N(2*int64(m.captureErr))) - m.captureErr
			}
			if m.late != nil {
				if by := m.late(n, p); by > 0 {
					p.Arrival += by
					p.Flags |= packet.Repaired
				}
			}
			if m.noCapture {
				p.Capture = p.Arrival
			}
			if m.lose != nil && m.lose(n, p) {
				s.intact = false
			} else {
				packets = append(packets, p)
				if m.again {
					packets = append(packets, p)
				}
			}
			seq++
			n++
		}
		shots = append(shots, s)
	}
}

// memoryDisk writes real files and never waits for the disk.
type quickDisk struct{}

type quickFile struct{ *os.File }

func (quickFile) Datasync() error   { return nil }
func (quickFile) Preallocate(int64) {}
func (quickDisk) Rename(a, b string) error {
	return os.Rename(a, b)
}
func (quickDisk) Create(path string) (journal.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

// studio records what makers publish.
type studio struct {
	dir   string
	keys  *journal.KeyDir
	w     *journal.Writer
	clock packet.Time
	rng   *rand.Rand
	cut   time.Duration // segments last that long, 0: as usual
}

func newStudio(t testing.TB) *studio {
	t.Helper()
	return newStudioOf(t, 0)
}

func newStudioOf(t testing.TB, cut time.Duration) *studio {
	t.Helper()
	root := t.TempDir()
	keys, err := journal.OpenKeys(filepath.Join(root, "keys"))
	must(t, err)
	s := &studio{dir: filepath.Join(root, "recordings", "l1"), keys: keys, clock: 1e18, rng: rand.New(rand.NewPCG(1, 2)), cut: cut}
	must(t, os.MkdirAll(filepath.Dir(s.dir), 0o700))
	s.w, err = journal.Create(s.dir, journal.Info{Lesson: "l1", Campus: "hexin", Master: "hexin", Mode: journal.ModeKeep}, keys, s.options())
	must(t, err)
	t.Cleanup(func() { s.w.Close() })
	return s
}

func (s *studio) options() journal.Options {
	boot := s.clock
	return journal.Options{Media: func() packet.Time { return s.clock }, Disk: quickDisk{}, Segment: s.cut, Wall: func() time.Time { return time.Unix(0, int64(s.clock)) },
		Boot: func() ([16]byte, time.Duration) { return [16]byte{1}, s.clock.Sub(boot) + time.Hour }}
}

// record runs makers against the journal and gives what each shot.
func (s *studio) record(t testing.TB, makers ...*maker) (all [][]shot) {
	t.Helper()
	var packets []journal.Packet
	for _, m := range makers {
		m.track.Codec, m.track.Kind = m.clip.codec, track.Audio
		if m.clip.codec.Video() {
			m.track.Kind = track.Video
		}
		m.track.ID = s.w.Track(m.track)
		p, shots := m.make(s.rng)
		packets, all = append(packets, p...), append(all, shots)
	}
	s.write(t, packets)
	return all
}

func (s *studio) write(t testing.TB, packets []journal.Packet) {
	t.Helper()
	slices.SortStableFunc(packets, func(a, b journal.Packet) int { return int(a.Arrival - b.Arrival) })
	synced := time.Duration(0)
	for _, p := range packets {
		s.clock = max(s.clock, 1e18+packet.Time(p.Arrival))
		must(t, s.w.Packet(p))
		if p.Arrival-synced > 250*time.Millisecond {
			synced = p.Arrival
			must(t, s.w.Sync())
		}
	}
	must(t, s.w.Sync())
}

// end closes the journal and opens it for reading.
func (s *studio) end(t testing.TB) *journal.Reader {
	t.Helper()
	must(t, s.w.Close())
	return s.open(t)
}

func (s *studio) open(t testing.TB) *journal.Reader {
	t.Helper()
	r, err := journal.Open(s.dir, s.keys)
	must(t, err)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func index(t testing.TB, r *journal.Reader) *Movie {
	t.Helper()
	m, err := Index(r)
	must(t, err)
	return m
}

// file puts the init segment and all fragments of a stream into one file.
func file(t testing.TB, m *Movie, stream string) string {
	t.Helper()
	b, err := m.Init(stream)
	must(t, err)
	s := public(t, m, stream)
	for i, f := range s.Fragments {
		data, err := m.Fragment(stream, i)
		must(t, err)
		if len(data) != f.Bytes {
			t.Errorf("%s %d: %d bytes, want %d", stream, i, len(data), f.Bytes)
		}
		b = append(b, data...)
	}
	path := filepath.Join(t.TempDir(), strings.ReplaceAll(stream, ":", "-")+".media")
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

func public(t testing.TB, m *Movie, stream string) Stream {
	t.Helper()
	for _, s := range m.Streams() {
		if s.Name == stream {
			return s
		}
	}
	t.Fatalf("no stream %s", stream)
	return Stream{}
}

// clean decodes everything and wants no word from ffmpeg.
func clean(t testing.TB, path string) {
	t.Helper()
	needFFmpeg(t)
	out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", path, "-map", "0", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%s: %v\n%s", filepath.Base(path), err, out[:min(len(out), 2000)])
	}
	if out, err := exec.Command("ffprobe", "-v", "error", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: ffprobe: %v\n%s", filepath.Base(path), err, out)
	}
}

var (
	teacherTrack = journal.Track{Origin: "box1", Campus: "hexin", Source: track.Teacher}
	boardTrack   = journal.Track{Origin: "box1", Campus: "hexin", Source: track.Board}
	voiceTrack   = journal.Track{Origin: "box1", Campus: "hexin", Source: track.Voice}
)

// probe is what ffprobe says of a file's streams.
func probe(t testing.TB, path string) string {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,codec_tag_string,width,height,start_time,duration,nb_frames:format=start_time,duration", "-of", "compact", path).CombinedOutput()
	must(t, err)
	return "\n" + string(out)
}
