package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// maker records what the relay asks for.
type maker struct {
	mu        sync.Mutex
	keyframes int
	wanted    map[track.Layer]bool
}

func (m *maker) RequestKeyframe(track.Layer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keyframes++
}

func (m *maker) Want(l track.Layer, w bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wanted == nil {
		m.wanted = map[track.Layer]bool{}
	}
	m.wanted[l] = w
}

func (m *maker) asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keyframes
}

func (m *maker) wants(l track.Layer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wanted[l]
}

// sink records what leaves a slot.
type sink struct {
	mu      sync.Mutex
	headers []rtp.Header
	bodies  [][]byte
	reports int
	full    bool
}

var errFull = errors.New("full")

func (s *sink) WriteRTP(h *rtp.Header, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errFull
	}
	s.headers = append(s.headers, h.Clone())
	s.bodies = append(s.bodies, append([]byte(nil), p...))
	return nil
}

func (s *sink) WriteRTCP([]rtcp.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports++
	return nil
}

func (s *sink) got() ([]rtp.Header, [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rtp.Header(nil), s.headers...), append([][]byte(nil), s.bodies...)
}

const (
	mediaSSRC = 0x1111
	rtxSSRC   = 0x2222
)

func videoSlot(s Sink) SlotConfig {
	return SlotConfig{
		Kind: track.Video, SSRC: mediaSSRC, RTXSSRC: rtxSSRC, Sink: s, TWCCExt: 3, CaptureExt: 4,
		PayloadTypes: map[codec.Codec]uint8{codec.H264: 102, codec.VP8: 96},
		RTX:          map[codec.Codec]uint8{codec.H264: 103, codec.VP8: 97},
	}
}

// start runs a relay until the test ends.
func start(t testing.TB) *Relay {
	t.Helper()
	r := New(Config{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) }) // ends with cancel
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

// sender is a publisher's clockwork: 30 frames a second, 3 packets each, a keyframe every gop frames.
type sender struct {
	seq   uint64
	ts    uint32
	frame int
	gop   int
	size  byte // tells layers apart in the payload
}

func (p *sender) push(u *Up, frames int) {
	for range frames {
		for i := range 3 {
			b := packet.Get()
			b.Seq, b.Timestamp, b.Codec, b.Arrival = p.seq, p.ts, codec.H264, packet.Now()
			b.Capture = b.Arrival - 5e6
			b.SetPayload([]byte{0x41, p.size, byte(p.frame), byte(i)})
			if i == 0 {
				b.Flags |= packet.FrameStart
				if p.frame%p.gop == 0 {
					b.Flags |= packet.Keyframe
				}
			}
			if i == 2 {
				b.Flags |= packet.Marker
			}
			p.seq++
			u.Push(b)
		}
		p.frame++
		p.ts += 3000
		time.Sleep(time.Second / 30)
	}
}

var teacher = track.Key{Lesson: "l", Origin: "core", Source: track.Teacher}

func publish(t *testing.T, r *Relay, info SourceInfo, m track.Maker) *Source {
	t.Helper()
	s, err := r.Publish(info, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func teacherInfo(layers ...track.Layer) SourceInfo {
	return SourceInfo{Key: teacher, Kind: track.Video, Codec: codec.H264, Layers: layers}
}

func subscribe(t *testing.T, r *Relay, s Sink) *Subscriber {
	t.Helper()
	sub, err := r.Subscribe(SubscriberConfig{Name: "test", Slots: []SlotConfig{videoSlot(s)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Close)
	return sub
}

func TestLateJoinerIsServedFromTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		u := publish(t, r, teacherInfo(), m).Up("")
		p := &sender{seq: 65500, gop: 30}
		p.push(u, 12) // 400 ms after the keyframe
		s := &sink{}
		subscribe(t, r, s).Bind(0, track.Key{Lesson: "l", Source: track.Teacher}, BindOptions{})
		time.Sleep(200 * time.Millisecond)
		heads, _ := s.got()
		if len(heads) != 36 {
			t.Fatalf("replay of %d packets, want 36", len(heads))
		}
		if m.asked() != 0 {
			t.Errorf("asked for %d keyframes with one in the cache", m.asked())
		}
		if span := heads[35].Timestamp - heads[0].Timestamp; span != 11*squeezeTicks {
			t.Errorf("replay spans %d ticks, want %d", span, 11*squeezeTicks)
		}
		p.push(u, 2)
		synctest.Wait()
		heads, _ = s.got()
		if len(heads) != 42 {
			t.Fatalf("%d packets after two live frames, want 42", len(heads))
		}
		for i := 1; i < len(heads); i++ {
			if heads[i].SequenceNumber != heads[i-1].SequenceNumber+1 {
				t.Fatalf("number %d follows %d", heads[i].SequenceNumber, heads[i-1].SequenceNumber)
			}
		}
		if step := heads[39].Timestamp - heads[36].Timestamp; step != 3000 {
			t.Errorf("live frames %d ticks apart, want 3000", step)
		}
	})
}

func TestLongPastIsOnlyReplayedWhenNoKeyframeComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		u := publish(t, r, teacherInfo(), m).Up("")
		p := &sender{seq: 1, gop: 1000}
		p.push(u, 30) // 1 s
		join := func() *sink {
			s := &sink{}
			subscribe(t, r, s).Bind(0, teacher, BindOptions{})
			return s
		}
		served, left := join(), join()
		time.Sleep(50 * time.Millisecond)
		if h, _ := served.got(); len(h) != 0 || m.asked() != 1 {
			t.Errorf("%d packets of a long past, %d keyframes asked for", len(h), m.asked())
		}
		time.Sleep(pastAfter + 2*tickEvery)
		if h, _ := left.got(); len(h) != 90 {
			t.Errorf("no keyframe came: replay of %d packets, want 90", len(h))
		}
		late := join()
		p.frame = 1000 // a keyframe comes
		p.push(u, 1)
		synctest.Wait()
		if h, _ := late.got(); len(h) != 3 {
			t.Errorf("a keyframe came: %d packets, want its 3", len(h))
		}
	})
}

func TestOldKeyframeMeansOneRequestForAllJoiners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		u := publish(t, r, teacherInfo(), m).Up("")
		p := &sender{seq: 1, gop: 1000}
		p.push(u, 70) // 2.3 s
		var sinks []*sink
		for range 5 {
			s := &sink{}
			sinks = append(sinks, s)
			subscribe(t, r, s).Bind(0, teacher, BindOptions{})
		}
		time.Sleep(50 * time.Millisecond)
		if m.asked() != 1 {
			t.Errorf("asked %d times, want once", m.asked())
		}
		p.frame = 1000 // the keyframe comes
		p.push(u, 1)
		synctest.Wait()
		for i, s := range sinks {
			if h, _ := s.got(); len(h) != 3 {
				t.Errorf("joiner %d got %d packets, want the keyframe's 3", i, len(h))
			}
		}
	})
}

func TestSubscriberWaitsForItsSourceAndSurvivesItsReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		s := &sink{}
		subscribe(t, r, s).Bind(0, track.Key{Lesson: "l", Source: track.Teacher}, BindOptions{})
		time.Sleep(time.Second)
		src := publish(t, r, teacherInfo(), &maker{})
		p := &sender{seq: 10, gop: 30}
		p.push(src.Up(""), 5)
		src.Close()
		time.Sleep(3 * time.Second)
		p2 := &sender{seq: 40000, gop: 30, ts: 12345}
		p2.push(publish(t, r, teacherInfo(), &maker{}).Up(""), 5)
		synctest.Wait()
		h, _ := s.got()
		if len(h) != 30 {
			t.Fatalf("%d packets, want 30", len(h))
		}
		if h[15].SequenceNumber != h[14].SequenceNumber+1 {
			t.Errorf("numbers jump from %d to %d", h[14].SequenceNumber, h[15].SequenceNumber)
		}
		if step := h[15].Timestamp - h[12].Timestamp; step < 3*90000 || step > 4*90000 {
			t.Errorf("timestamps move %d ticks over a pause of 3 s", step)
		}
	})
}

func TestTakeoverMakesTheFormerPublisherInert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		s := &sink{}
		subscribe(t, r, s).Bind(0, teacher, BindOptions{})
		old := publish(t, r, teacherInfo(), &maker{}).Up("")
		first := publish(t, r, teacherInfo(), &maker{})
		(&sender{seq: 1, gop: 1}).push(old, 3)
		(&sender{seq: 1, gop: 1, size: 9}).push(first.Up(""), 2)
		synctest.Wait()
		_, bodies := s.got()
		if len(bodies) != 6 {
			t.Fatalf("%d packets, want 6 of the newer publisher", len(bodies))
		}
		for _, b := range bodies {
			if b[1] != 9 {
				t.Fatal("a packet of the former publisher came through")
			}
		}
	})
}

func TestBestLayerAndSwitchAtKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		src := publish(t, r, teacherInfo("l", "h"), m)
		low, high := src.Up("l"), src.Up("h")
		lp, hp := &sender{seq: 1, gop: 30, size: 1}, &sender{seq: 50000, gop: 30, size: 2, ts: 999999}
		s := &sink{}
		subscribe(t, r, s).Bind(0, teacher, BindOptions{})
		lp.push(low, 10) // the low layer appears first
		synctest.Wait()
		if _, b := s.got(); len(b) == 0 || b[0][1] != 1 {
			t.Fatalf("%d packets before the high layer came", len(b))
		}
		var wg sync.WaitGroup
		wg.Go(func() { lp.push(low, 60) })
		hp.push(high, 60)
		wg.Wait()
		synctest.Wait()
		h, b := s.got()
		last := b[len(b)-1]
		if last[1] != 2 {
			t.Fatal("not switched up to the high layer")
		}
		switches := 0
		for i := 1; i < len(b); i++ {
			if b[i][1] != b[i-1][1] {
				switches++
				if b[i][2]%30 != 0 || b[i][3] != 0 {
					t.Errorf("switched at frame %d packet %d, not at a keyframe", b[i][2], b[i][3])
				}
			}
			if h[i].SequenceNumber != h[i-1].SequenceNumber+1 {
				t.Fatalf("numbers jump at %d", i)
			}
			if step := int32(h[i].Timestamp - h[i-1].Timestamp); step < 0 || step > 9000 {
				t.Errorf("timestamp step %d at %d", step, i)
			}
		}
		if switches != 1 {
			t.Errorf("%d switches, want 1", switches)
		}
		lp.push(low, 60) // the high layer stops
		synctest.Wait()
		if _, b := s.got(); b[len(b)-1][1] != 1 {
			t.Error("did not fall back to the low layer")
		}
	})
}

func TestDemandRisesAtOnceAndFallsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		publish(t, r, SourceInfo{Key: teacher, Kind: track.Video, Codec: codec.H264, Path: []string{"core"}}, m)
		sub := subscribe(t, r, &sink{})
		synctest.Wait()
		if m.wants("") {
			t.Error("wanted by nobody")
		}
		sub.Bind(0, teacher, BindOptions{})
		synctest.Wait()
		if !m.wants("") {
			t.Error("not wanted at once")
		}
		sub.Unbind(0)
		time.Sleep(2900 * time.Millisecond)
		if !m.wants("") {
			t.Error("let go too early")
		}
		time.Sleep(400 * time.Millisecond)
		if m.wants("") {
			t.Error("still wanted after 3 s")
		}
	})
}

func TestExactSlotTellsItsConstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		src := publish(t, r, SourceInfo{Key: teacher, Kind: track.Video, Codec: codec.H264, Path: []string{"core"}}, &maker{})
		u := src.Up("")
		s := &sink{}
		sub, err := r.Subscribe(SubscriberConfig{Name: "box", Exact: true, Slots: []SlotConfig{videoSlot(s)}})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		var bounds []Bound
		sub.Bind(0, teacher, BindOptions{FixedLayer: true, OnBound: func(b Bound) { bounds = append(bounds, b) }})
		const origin = uint64(1790000000)<<16 | 65534
		for i, gap := range []uint64{0, 1, 4, 5} {
			b := packet.Get()
			b.Seq, b.Gen, b.Codec, b.Timestamp, b.Arrival = origin+gap, 7, codec.H264, 4242+uint32(i), packet.Now()
			b.SetPayload([]byte{0x41})
			if i == 0 {
				b.Flags = packet.Keyframe
			}
			u.Push(b)
		}
		synctest.Wait()
		h, _ := s.got()
		if len(bounds) != 1 || len(h) != 4 {
			t.Fatalf("%d bindings and %d packets, want 1 and 4", len(bounds), len(h))
		}
		b := bounds[0]
		if b.OriginSequence != origin || b.Gen != 7 || b.TimestampOffset != 0 || b.Info.Key != teacher {
			t.Errorf("bound %+v", b)
		}
		for i, gap := range []uint64{0, 1, 4, 5} {
			if h[i].SequenceNumber != uint16(b.FirstSlotSequence+gap) || h[i].Timestamp != 4242+uint32(i) {
				t.Errorf("packet %d: number %d timestamp %d", i, h[i].SequenceNumber, h[i].Timestamp)
			}
		}
	})
}

func TestNACKIsAnsweredOnTheRTXStreamWithinLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		u := publish(t, r, teacherInfo(), &maker{}).Up("")
		s := &sink{}
		sub := subscribe(t, r, s)
		sub.Bind(0, teacher, BindOptions{})
		(&sender{seq: 1, gop: 30}).push(u, 10)
		synctest.Wait()
		h, _ := s.got()
		lost := h[12]
		nack := func() []rtcp.Packet {
			return []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: mediaSSRC, Nacks: []rtcp.NackPair{{PacketID: lost.SequenceNumber, LostPackets: 1}}}}
		}
		sub.HandleRTCP(0, nack())
		synctest.Wait()
		all, bodies := s.got()
		if len(all) != 32 {
			t.Fatalf("%d packets, want 2 more than 30", len(all))
		}
		rtx := all[30]
		if rtx.SSRC != rtxSSRC || rtx.PayloadType != 103 || rtx.Timestamp != lost.Timestamp {
			t.Errorf("retransmission %+v", rtx)
		}
		if osn := uint16(bodies[30][0])<<8 | uint16(bodies[30][1]); osn != lost.SequenceNumber || string(bodies[30][2:]) != string(bodies[12]) {
			t.Errorf("original number %d, want %d", osn, lost.SequenceNumber)
		}
		sub.HandleRTCP(0, nack()) // at once again: NACKs overlap
		synctest.Wait()
		if all, _ := s.got(); len(all) != 32 {
			t.Errorf("sent again within %v", resendAfter)
		}
		for range 10000 { // a flood
			time.Sleep(16 * time.Millisecond)
			sub.HandleRTCP(0, nack())
		}
		synctest.Wait()
		if all, _ := s.got(); len(all) > 32+maxRetransmits {
			t.Errorf("a flood of NACKs made %d packets", len(all))
		}
	})
}

func TestPLIFloodOfOneSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := start(t), &maker{}
		u := publish(t, r, teacherInfo(), m).Up("")
		sub := subscribe(t, r, &sink{})
		sub.Bind(0, teacher, BindOptions{})
		(&sender{seq: 1, gop: 30}).push(u, 2)
		for range 1000 {
			sub.HandleRTCP(0, []rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: mediaSSRC}})
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if m.asked() > 10 {
			t.Errorf("%d keyframes asked for in 10 s by one subscriber, want at most 3 + 5", m.asked())
		}
	})
}

func TestFullSinkDropsToTheEndOfTheFrameAndHurtsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		u := publish(t, r, teacherInfo(), &maker{}).Up("")
		slow, good := &sink{}, &sink{}
		subscribe(t, r, slow).Bind(0, teacher, BindOptions{})
		subscribe(t, r, good).Bind(0, teacher, BindOptions{})
		p := &sender{seq: 1, gop: 30}
		p.push(u, 1)
		slow.mu.Lock()
		slow.full = true
		slow.mu.Unlock()
		p.push(u, 10)
		synctest.Wait()
		if h, _ := good.got(); len(h) != 33 {
			t.Errorf("the other subscriber got %d packets, want 33", len(h))
		}
		st := r.Stats()
		if st.Dropped["sink-full"] != 10 || st.Dropped["frame-rest"] != 20 {
			t.Errorf("dropped %v, want one try and two left out for each of 10 frames", st.Dropped)
		}
	})
}

func TestOneCodecALesson(t *testing.T) {
	r := start(t)
	src := publish(t, r, teacherInfo(), &maker{})
	board := SourceInfo{Key: track.Key{Lesson: "l", Origin: "core", Source: track.Board}, Kind: track.Video, Codec: codec.VP8}
	var wrong *CodecError
	if _, err := r.Publish(board, &maker{}); !errors.As(err, &wrong) || wrong.Have != codec.H264 {
		t.Fatalf("VP8 beside H264: %v", err)
	}
	src.Close()
	if _, err := r.Publish(board, &maker{}); err != nil {
		t.Fatalf("after the first publisher left: %v", err)
	}
	if c := r.LessonCodec("l"); c != codec.VP8 {
		t.Errorf("lesson codec %s, want vp8", c)
	}
}

func TestNoListeningClassroomIsTakenForTheTeacher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.SetTeaching("l", "core")
		s := &sink{}
		sub, err := r.Subscribe(SubscriberConfig{Slots: []SlotConfig{{Kind: track.Audio, SSRC: 1, PayloadTypes: map[codec.Codec]uint8{codec.Opus: 111}, Sink: s}}})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		sub.Bind(0, track.Key{Lesson: "l", Source: track.Voice}, BindOptions{})
		speak := func(u *Up) {
			b := packet.Get()
			b.Seq, b.Codec, b.Arrival = 5, codec.Opus, packet.Now()
			b.SetPayload([]byte{0x78})
			u.Push(b)
			synctest.Wait()
		}
		voice := func(origin string) *Up {
			key := track.Key{Lesson: "l", Origin: origin, Source: track.Voice}
			return publish(t, r, SourceInfo{Key: key, Kind: track.Audio, Codec: codec.Opus}, &maker{}).Up("")
		}
		speak(voice("member"))
		if h, _ := s.got(); len(h) != 0 {
			t.Fatal("a classroom's microphone was taken for the teacher's")
		}
		guest := voice("guest")
		publish(t, r, SourceInfo{Key: track.Key{Lesson: "l", Origin: "guest", Source: track.Teacher}, Kind: track.Video, Codec: codec.H264}, &maker{})
		speak(guest)
		if h, _ := s.got(); len(h) != 1 {
			t.Errorf("%d packets of the box that shows a teacher, want 1", len(h))
		}
		speak(voice("core"))
		if h, _ := s.got(); len(h) != 2 {
			t.Errorf("%d packets once the teaching box speaks, want 2", len(h))
		}
	})
}

func TestPrimaryBlockForWhoHasNoRED(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		key := track.Key{Lesson: "l", Origin: "core", Source: track.Voice}
		u := publish(t, r, SourceInfo{Key: key, Kind: track.Audio, Codec: codec.Opus}, &maker{}).Up("")
		plain, red := &sink{}, &sink{}
		for _, c := range []struct {
			s   *sink
			pts map[codec.Codec]uint8
		}{{plain, map[codec.Codec]uint8{codec.Opus: 111}}, {red, map[codec.Codec]uint8{codec.Opus: 109, codec.RED: 63}}} {
			sub, err := r.Subscribe(SubscriberConfig{Slots: []SlotConfig{{Kind: track.Audio, SSRC: 1, PayloadTypes: c.pts, Sink: c.s}}})
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Close()
			sub.Bind(0, key, BindOptions{})
		}
		b := packet.Get()
		b.Seq, b.Codec, b.Arrival = 9, codec.RED, packet.Now()
		b.SetPayload(codec.REDPack(nil, 111, []byte("now"), codec.REDBlock{Offset: 960, Payload: []byte("before")}))
		u.Push(b)
		synctest.Wait()
		h, p := plain.got()
		if len(h) != 1 || h[0].PayloadType != 111 || string(p[0]) != "now" {
			t.Errorf("without RED: %v %q", h, p)
		}
		h, p = red.got()
		if len(h) != 1 || h[0].PayloadType != 63 {
			t.Fatalf("with RED: %v", h)
		}
		if p[0][0]&0x7f != 109 || p[0][4]&0x7f != 109 {
			t.Errorf("payload types %d, %d inside RED, want this connection's 109", p[0][0]&0x7f, p[0][4]&0x7f)
		}
	})
}

func TestSenderReportsFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		u := publish(t, r, teacherInfo(), &maker{}).Up("")
		s := &sink{}
		subscribe(t, r, s).Bind(0, teacher, BindOptions{})
		(&sender{seq: 1, gop: 30}).push(u, 150)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.reports < 4 || s.reports > 6 {
			t.Errorf("%d reports in 5 s", s.reports)
		}
	})
}

// discard is a sink that costs nothing.
type discard struct{}

func (discard) WriteRTP(*rtp.Header, []byte) error { return nil }
func (discard) WriteRTCP([]rtcp.Packet) error      { return nil }

// forwarding is a relay with n subscribers that is driven by hand.
func forwarding(t testing.TB, n int) (r *Relay, step func()) {
	r = New(Config{Log: slog.New(slog.DiscardHandler)})
	src := r.publish(r.lesson("l"), teacherInfo(), &maker{})
	up := src.src.up("")
	for range n {
		sub := &Subscriber{r: r}
		s := &slot{sub: sub, cfg: videoSlot(discard{}), w: newRewriter(90000, false)}
		s.out.init(&s.cfg)
		sub.slots = []*slot{s}
		r.subs[sub] = struct{}{}
		s.bind(teacher, BindOptions{}, packet.Now())
	}
	seq := uint64(1)
	payload := make([]byte, 1187)
	step = func() {
		b := packet.Get()
		b.Seq, b.Codec, b.Arrival = seq, codec.H264, packet.Now()
		b.Capture = b.Arrival
		b.SetPayload(payload)
		if seq == 1 {
			b.Flags = packet.Keyframe
		}
		seq++
		r.post(letter{up: up, gen: src.gen, buf: b})
		r.turn(false)
	}
	return r, step
}

func TestForwardingDoesNotAllocate(t *testing.T) {
	_, step := forwarding(t, 10)
	for range 3 * videoCache {
		step() // fill cache and pool
	}
	if n := testing.AllocsPerRun(2000, step); n != 0 {
		t.Errorf("%v allocations a packet, want 0", n)
	}
}

func BenchmarkForward(b *testing.B) {
	for _, n := range []int{1, 10, 50} {
		b.Run(map[int]string{1: "subscribers=1", 10: "subscribers=10", 50: "subscribers=50"}[n], func(b *testing.B) {
			_, step := forwarding(b, n)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/forwarded")
		})
	}
}

func TestSlotBoundBeforeItsConnectionIsUpBeginsWithTheKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		u := publish(t, r, teacherInfo(), &maker{}).Up("")
		s := &sink{full: true}
		p := &sender{seq: 1, gop: 1000}
		p.push(u, 3)
		subscribe(t, r, s).Bind(0, teacher, BindOptions{})
		p.push(u, 3)
		s.mu.Lock()
		s.full = false
		s.mu.Unlock()
		p.push(u, 6)
		synctest.Wait()
		_, b := s.got()
		if len(b) != 36 || b[0][2] != 0 {
			t.Errorf("%d packets, the first of frame %d: want all 36 from frame 0", len(b), b[0][2])
		}
	})
}
