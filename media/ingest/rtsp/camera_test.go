package rtsp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/track"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

var key = track.Key{Lesson: "l", Origin: "box", Source: track.Teacher}

// room is a relay with one who watches.
type room struct {
	t      *testing.T
	relay  *relay.Relay
	sub    *relay.Subscriber
	log    bytes.Buffer
	logged sync.Mutex

	mu     sync.Mutex
	got    []packetSeen
	events []string
	gens   []uint32
}

type packetSeen struct {
	seq     uint16
	ts      uint32
	marker  bool
	payload []byte
}

// WriteRTP implements relay.Sink.
func (r *room) WriteRTP(h *rtp.Header, p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, packetSeen{h.SequenceNumber, h.Timestamp, h.Marker, bytes.Clone(p)})
	return nil
}

// WriteRTCP implements relay.Sink.
func (r *room) WriteRTCP([]rtcp.Packet) error { return nil }

// Write takes the log.
func (r *room) Write(p []byte) (int, error) {
	r.logged.Lock()
	defer r.logged.Unlock()
	return r.log.Write(p)
}

func (r *room) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// newRoom runs a relay until the test ends.
func newRoom(t *testing.T) *room {
	r := &room{t: t, relay: relay.New(relay.Config{Log: slog.New(slog.DiscardHandler)})}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.relay.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	r.relay.Watch(func(e relay.SourceEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if e.Gone {
			r.events = append(r.events, "gone")
		} else {
			r.events = append(r.events, fmt.Sprint(e.Info.Layers))
		}
	})
	sub, err := r.relay.Subscribe(relay.SubscriberConfig{Name: "page", Slots: []relay.SlotConfig{{
		Kind: track.Video, SSRC: 1, PayloadTypes: map[codec.Codec]uint8{codec.H264: 102}, Sink: r,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	r.sub = sub
	sub.Bind(0, key, relay.BindOptions{OnBound: func(b relay.Bound) {
		r.mu.Lock()
		r.gens = append(r.gens, b.Gen)
		r.mu.Unlock()
	}})
	return r
}

// publish lets the camera publish until the test, or the returned func, ends it.
func (r *room) publish(c *Camera) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Publish(ctx, r.relay, key) })
	stop = func() { cancel(); wg.Wait() }
	r.t.Cleanup(stop)
	return stop
}

// until waits for something to become true; how long that takes is judged by nobody.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not in 30 s: %s", what)
}

func (r *room) packets() []packetSeen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]packetSeen{}, r.got...)
}

func (r *room) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.events...)
}

func newFake(t *testing.T, f *fakeCamera) *fakeCamera {
	t.Helper()
	f.t = t
	f.open()
	t.Cleanup(f.close)
	return f
}

func usual() map[string]film { return map[string]film{"main": {sps: sps720, size: 6000, gop: 10}} }

// keyframes counts packets that carry parameter sets.
func keyframesIn(got []packetSeen) (n int) {
	for _, p := range got {
		if codec.Inspect(codec.H264, p.payload).Keyframe {
			n++
		}
	}
	return n
}

// TestPublish: by each transport and each way of signing in, what the camera films reaches who watches, in packets that pass every path,
// each keyframe with its parameter sets.
func TestPublish(t *testing.T) {
	digest, basic := []auth.VerifyMethod{auth.VerifyMethodDigestMD5}, []auth.VerifyMethod{auth.VerifyMethodBasic}
	for _, c := range []struct {
		name      string
		fake      *fakeCamera
		transport string
		want      string // the transport that is used
		note      Words
	}{
		{name: "tcp", transport: TCP, want: TCP},
		{name: "udp", transport: UDP, want: UDP},
		{name: "auto", want: TCP},
		{name: "auto, the camera refuses tcp", fake: &fakeCamera{udpOnly: true}, want: UDP},
		{name: "digest", fake: &fakeCamera{user: "admin", password: "se:cret/1@x", methods: digest}, want: TCP},
		{name: "basic", fake: &fakeCamera{user: "admin", password: "secret/1@x", methods: basic}, want: TCP, note: noteBasic},
		{name: "parameter sets in the description", fake: &fakeCamera{films: map[string]film{"main": {size: 6000, gop: 10}}}, want: TCP},
		{name: "no marker", fake: &fakeCamera{films: map[string]film{"main": {sps: sps720, size: 6000, gop: 10, noMarker: true}}}, want: TCP},
		{name: "sound", fake: &fakeCamera{films: map[string]film{"main": {sps: sps720, size: 6000, gop: 10, sound: &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}}}}, want: TCP, note: noteSound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fake := c.fake
			if fake == nil {
				fake = &fakeCamera{}
			}
			if fake.films == nil {
				fake.films = usual()
			}
			newFake(t, fake)
			r := newRoom(t)
			cam := New(Config{Name: "后墙", Main: fake.url("main"), User: fake.user, Password: fake.password, Transport: c.transport}, r.logger())
			r.publish(cam)
			until(t, "three whole keyframes", func() bool { return keyframesIn(r.packets()) >= 4 }) // the fourth has begun
			s := cam.Status()
			if s.State != Live || s.Fault != nil || s.Streams[0].Transport != c.want || s.Streams[0].Width != 1280 || s.Streams[0].Height != 720 {
				t.Errorf("status %+v", s)
			}
			if got := s.Streams[0].Notes; (c.note == Words{}) != (len(got) == 0) || len(got) > 0 && got[0] != c.note {
				t.Errorf("notes %v, want %v", got, c.note)
			}
			checkPackets(t, r.packets())
			r.clean(fake)
		})
	}
}

// checkPackets puts the packets together again: they are whole pictures, small enough, in order.
func checkPackets(t *testing.T, got []packetSeen) {
	t.Helper()
	var f framer
	frames, keys := 0, 0
	for _, p := range got {
		if len(p.payload) > maxPayload {
			t.Fatalf("payload of %d bytes", len(p.payload))
		}
		f.take(&rtp.Packet{Header: rtp.Header{SequenceNumber: p.seq, Timestamp: p.ts, Marker: p.marker}, Payload: p.payload}, func(one *frame) {
			frames++
			want := 6000 / 8
			if one.key {
				keys++
				want = 6000
			}
			if len(one.units) != 1 || len(one.units[0]) != want || !bytes.Equal(one.units[0][2:], slice('P', want)[2:]) {
				t.Errorf("frame %d has %d units", frames, len(one.units))
			}
		})
	}
	if f.lost != 0 || f.dropped != 0 || frames < 20 || keys < 3 || !f.decodable() {
		t.Errorf("%d frames, %d keyframes, %d packets lost, %d frames dropped", frames, keys, f.lost, f.dropped)
	}
}

// clean: no password stands in the log.
func (r *room) clean(f *fakeCamera) {
	r.t.Helper()
	r.logged.Lock()
	defer r.logged.Unlock()
	if f.password != "" && strings.Contains(r.log.String(), f.password) {
		r.t.Error("the password stands in the log")
	}
}

// TestBack: a camera whose connection breaks, that falls silent, and one that is switched off and on is there again, and is gone in between.
func TestBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(f *fakeCamera)
		mend   func(f *fakeCamera)
	}{
		{"connection", (*fakeCamera).drop, func(*fakeCamera) {}},
		{"silence", func(f *fakeCamera) { f.freeze(true) }, func(f *fakeCamera) { f.freeze(false) }},
		{"power", (*fakeCamera).close, (*fakeCamera).open},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, &fakeCamera{films: usual(), tcpOnly: true})
			r := newRoom(t)
			cam := New(Config{Name: "a", Main: fake.url("main")}, r.logger())
			stop := r.publish(cam)
			until(t, "pictures", func() bool { return keyframesIn(r.packets()) > 1 })
			c.breaks(fake)
			until(t, "gone", func() bool { return len(r.said()) >= 2 })
			n := len(r.packets())
			broken := time.Now()
			c.mend(fake)
			until(t, "pictures again", func() bool { got := r.packets(); return len(got) > n && keyframesIn(got[n:]) > 0 })
			t.Logf("back after %v", time.Since(broken).Round(time.Millisecond))
			got := r.packets()
			for i := 1; i < len(got); i++ {
				if int16(got[i].seq-got[i-1].seq) <= 0 || int32(got[i].ts-got[i-1].ts) < 0 {
					t.Fatalf("number %d after %d, time %d after %d", got[i].seq, got[i-1].seq, got[i].ts, got[i-1].ts)
				}
			}
			if !codec.Inspect(codec.H264, got[n].payload).Keyframe {
				t.Error("does not begin with a keyframe")
			}
			stop()
			until(t, "gone at the end", func() bool { return len(r.said()) >= 4 })
			if said := strings.Join(r.said(), " "); said != "[] gone [] gone" {
				t.Errorf("the relay heard %q", said)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if !slices.IsSorted(r.gens) || r.gens[len(r.gens)-1] <= r.gens[0] {
				t.Errorf("generations %v", r.gens)
			}
			if s := cam.Status(); s.State != Off || s.Redials == 0 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// TestRefused: what browsers cannot show is refused by name.
func TestRefused(t *testing.T) {
	with := func(f film) map[string]film { return map[string]film{"main": f} }
	for _, c := range []struct {
		name string
		fake *fakeCamera
		path string
		pass string
		want string
	}{
		{name: "H.265", fake: &fakeCamera{films: with(film{codec: "H265"})}, want: HEVC},
		{name: "MJPEG", fake: &fakeCamera{films: with(film{codec: "MJPEG"})}, want: MJPEG},
		{name: "B-frames", fake: &fakeCamera{films: with(film{sps: sps1080, size: 3000, gop: 30, pattern: "PBB"})}, want: BFrames},
		{name: "password", fake: &fakeCamera{films: usual(), user: "admin", password: "right"}, pass: "wrong-but-secret", want: NoPassword},
		{name: "path", fake: &fakeCamera{films: usual()}, path: "other", want: NoPath},
		{name: "transport", fake: &fakeCamera{films: usual(), udpOnly: true}, want: NoTransport},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, c.fake)
			r := newRoom(t)
			cfg := Config{Name: "a", Main: fake.url("main"), Transport: TCP}
			if c.path != "" {
				cfg.Main = fake.url(c.path)
			}
			if fake.user != "" {
				cfg.User, cfg.Password = fake.user, c.pass
			}
			cam := New(cfg, r.logger())
			r.publish(cam)
			until(t, c.want, func() bool { f := cam.Status().Fault; return f != nil && f.Code == c.want })
			if cam.Status().State != Failing {
				t.Errorf("status %+v", cam.Status())
			}
			found := New(cfg, r.logger()).Probe(t.Context())
			if found.OK || found.Fault == nil || found.Fault.Code != c.want || found.Verdict.ZH == "" {
				t.Errorf("found %+v", found)
			}
			if c.pass != "" && strings.Contains(fmt.Sprintf("%+v %v %+v", found, cam.Status().Fault, cam.Status()), c.pass) {
				t.Error("the password is told")
			}
			r.clean(&fakeCamera{password: c.pass})
			if c.want != BFrames && fake.dialled() > 8 {
				t.Errorf("dialled %d times", fake.dialled())
			}
		})
	}
}

// TestLayers: the sub stream is the smaller layer of the same source; when one of them is away the other goes on.
func TestLayers(t *testing.T) {
	t.Parallel()
	fake := newFake(t, &fakeCamera{tcpOnly: true, films: map[string]film{
		"main": {sps: sps1080, size: 9000, gop: 10, ntpAhead: 20 * 365 * 24 * time.Hour}, "sub": {sps: sps180, size: 900, gop: 10, ntpAhead: 20 * 365 * 24 * time.Hour},
	}})
	r := newRoom(t)
	cam := New(Config{Name: "a", Main: fake.url("main"), Sub: fake.url("sub")}, r.logger())
	r.publish(cam)
	until(t, "both layers", func() bool { s := r.said(); return len(s) > 0 && s[len(s)-1] == "[sub main]" })
	until(t, "pictures", func() bool { return keyframesIn(r.packets()) > 2 })
	s := cam.Status()
	if len(s.Streams) != 2 || s.Streams[0].Width != 320 || s.Streams[1].Width != 1920 {
		t.Errorf("status %+v", s)
	}
	for _, info := range r.relay.Sources() {
		if info.Key != key || len(info.Layers) != 2 {
			t.Errorf("source %+v", info)
		}
	}
}

// TestLoss: of a frame that lost a packet nothing is forwarded, and the numbers have a gap there.
func TestLoss(t *testing.T) {
	t.Parallel()
	fake := newFake(t, &fakeCamera{films: map[string]film{"main": {sps: sps720, size: 6000, gop: 10, lose: 23}}})
	r := newRoom(t)
	cam := New(Config{Name: "a", Main: fake.url("main"), Transport: UDP}, r.logger())
	r.publish(cam)
	until(t, "loss", func() bool { return cam.Status().Streams[0].Dropped >= 3 && keyframesIn(r.packets()) > 3 })
	var f framer
	for _, p := range r.packets() {
		f.take(&rtp.Packet{Header: rtp.Header{SequenceNumber: p.seq, Timestamp: p.ts, Marker: p.marker}, Payload: p.payload}, func(one *frame) {
			if n := len(one.units[0]); n != 6000 && n != 6000/8 {
				t.Errorf("a picture of %d bytes", n)
			}
		})
	}
	if f.lost == 0 {
		t.Error("no gap where frames are missing")
	}
}

// TestProbe: what is found of a camera that works.
func TestProbe(t *testing.T) {
	t.Parallel()
	fake := newFake(t, &fakeCamera{tcpOnly: true, films: map[string]film{"main": {sps: sps720, size: 6000, gop: 25}, "sub": {sps: sps180, size: 900, gop: 25}}})
	found := New(Config{Name: "a", Main: fake.url("main"), Sub: fake.url("sub")}, discard).Probe(t.Context())
	if !found.OK || found.Verdict.ZH != "摄像头可以用" || len(found.Streams) != 2 {
		t.Fatalf("found %+v", found)
	}
	main := found.Streams[0]
	if main.Width != 1280 || main.Height != 720 || main.Codec != "H264" || main.FPS < 5 || main.KeyframeSeconds <= 0 || main.Live {
		t.Errorf("main stream %+v", main)
	}
	if nobody := New(Config{Name: "a", Main: "rtsp://127.0.0.1:9/x"}, discard).Probe(t.Context()); nobody.OK || nobody.Fault.Code != Unreachable {
		t.Errorf("found %+v", nobody)
	}
}
