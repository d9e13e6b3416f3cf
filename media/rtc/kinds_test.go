package rtc

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
	"tongke/media/udp"
)

func isConnected(pc *webrtc.PeerConnection) func() bool {
	return func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected }
}

// local makes a stock publisher's track and adds it.
func local(t testing.TB, pc *webrtc.PeerConnection, mime, fmtp, id string) (*webrtc.TrackLocalStaticRTP, *webrtc.RTPSender) {
	t.Helper()
	c := webrtc.RTPCodecCapability{MimeType: mime, SDPFmtpLine: fmtp, ClockRate: 90000}
	if strings.HasPrefix(mime, "audio/") {
		c.ClockRate, c.Channels = 48000, 2
	}
	l, err := webrtc.NewTrackLocalStaticRTP(c, id, "s")
	if err != nil {
		t.Fatal(err)
	}
	s, err := pc.AddTrack(l)
	if err != nil {
		t.Fatal(err)
	}
	go drainRTCP(s, nil)
	return l, s
}

// withRED registers what Chromium offers of sound, and VP8.
func withRED(m *webrtc.MediaEngine) error {
	for _, c := range []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"}, PayloadType: 63},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}, PayloadType: 111},
	} {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96}, webrtc.RTPCodecTypeVideo)
}

func TestReceiveREDAndVP8(t *testing.T) {
	e := newEngine(t)
	pc := stock(t, nil, withRED)
	voice, _ := local(t, pc, "audio/red", "111/111", "a")
	camera, _ := local(t, pc, webrtc.MimeTypeVP8, "", "v")
	got := make(chan *packet.Buffer, 256)
	tracks := make(chan *Incoming, 4)
	_, answer, err := e.Receive(context.Background(), offerOf(t, pc), ReceiveOptions{OnTrack: func(in *Incoming) { tracks <- in }})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	eventually(t, "connected", isConnected(pc))
	red := []byte{0x80 | 111, 0, 0, 3, 111, 1, 2, 3, 9, 9}
	vp8 := []byte{0x90, 0x80, 0x01, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00}
	for i := range 3 {
		// The first packets wait for the sinks, which come late.
		voice.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(65535 + i), Timestamp: uint32(960 * i)}, Payload: red})
		camera.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(65535 + i), Timestamp: uint32(3000 * i)}, Payload: vp8})
	}
	for range 2 {
		in := within(t, "track", tracks)
		want := codec.Opus
		if in.Kind == track.Video {
			want = codec.VP8
		}
		if in.Codec != want {
			t.Errorf("%v is %v", in.Kind, in.Codec)
		}
		in.SetSink(func(b *packet.Buffer) { got <- b })
	}
	next := map[codec.Codec]uint64{codec.RED: 65535, codec.VP8: 65535}
	for range 6 {
		b := within(t, "packet", got)
		if b.Seq != next[b.Codec] {
			t.Errorf("%v packet %d, want %d", b.Codec, b.Seq, next[b.Codec])
		}
		if b.Codec == codec.VP8 && !b.Is(packet.Keyframe|packet.FrameStart|packet.Marker) {
			t.Errorf("flags of a VP8 keyframe: %b", b.Flags)
		}
		next[b.Codec]++
		b.Release()
	}
}

func TestReceiveSimulcast(t *testing.T) {
	e := newEngine(t)
	pc := stock(t, nil, nil)
	h264 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
	rids := []string{"q", "h", "f"}
	layers := make([]*webrtc.TrackLocalStaticRTP, len(rids))
	var sender *webrtc.RTPSender
	for i, rid := range rids {
		l, err := webrtc.NewTrackLocalStaticRTP(h264, "v", "s", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		layers[i] = l
		if i == 0 {
			tr, err := pc.AddTransceiverFromTrack(l, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err != nil {
				t.Fatal(err)
			}
			sender = tr.Sender()
		} else if err := sender.AddEncoding(l); err != nil {
			t.Fatal(err)
		}
	}
	tracks := make(chan *Incoming, 8)
	type got struct {
		rid track.Layer
		seq uint64
	}
	packets := make(chan got, 256)
	p, answer, err := e.Receive(context.Background(), offerOf(t, pc), ReceiveOptions{OnTrack: func(in *Incoming) {
		in.SetSink(func(b *packet.Buffer) {
			packets <- got{in.RID, b.Seq}
			b.Release()
		})
		tracks <- in
	}})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	eventually(t, "connected", isConnected(pc))
	parameters := sender.GetParameters()
	ext := map[string]uint8{}
	for _, x := range parameters.HeaderExtensions {
		ext[x.URI] = uint8(x.ID)
	}
	send := func(layer, seq int, named bool) {
		t.Helper()
		h := rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(seq), Timestamp: uint32(3000 * seq)}
		if named {
			h.SetExtension(ext[uriMID], []byte(pc.GetTransceivers()[0].Mid()))
			h.SetExtension(ext[uriRID], []byte(rids[layer]))
		}
		if err := layers[layer].WriteRTP(&rtp.Packet{Header: h, Payload: frame(seq == 1, seq)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 { // the higher layers begin later
		send(i, 1, true)
		in := within(t, "layer "+rids[i], tracks)
		if in.RID != track.Layer(rids[i]) || in.Codec != codec.H264 || in.SSRC != uint32(parameters.Encodings[i].SSRC) {
			t.Errorf("layer %d is %q %v, SSRC %d", i, in.RID, in.Codec, in.SSRC)
		}
		for seq := 2; seq < 5; seq++ {
			send(i, seq, false) // once known, the name is left out
		}
		for seq := uint64(1); seq < 5; seq++ {
			if g := within(t, "packet", packets); g.rid != in.RID || g.seq != seq {
				t.Errorf("packet %+v, want %d of %s", g, seq, in.RID)
			}
		}
	}
	p.Close()
}

func TestReceiveEndsOnBFrames(t *testing.T) {
	e := newEngine(t)
	pc := stock(t, nil, nil)
	camera, _ := local(t, pc, webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "v")
	p, answer, err := e.Receive(context.Background(), offerOf(t, pc), ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	eventually(t, "connected", isConnected(pc))
	for i := range 5 {
		// nal_unit_type 1, first_mb 0, slice_type 1 (B): bits 1 010…
		camera.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(i), Timestamp: uint32(3000 * i)}, Payload: []byte{0x01, 0b10101000, 0x80, 0, 1}})
	}
	within(t, "end", p.Done())
	if p.Reason() != ErrBFrames {
		t.Errorf("ended: %v", p.Reason())
	}
}

// watch makes a stock subscriber of one sound and n pictures and connects it to a Send peer.
func watch(t testing.TB, e *Engine, n int) (*webrtc.PeerConnection, *Peer, chan *rtp.Packet) {
	t.Helper()
	pc := stock(t, nil, nil)
	recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, recvonly); err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, recvonly); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan *rtp.Packet, 1024)
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}})
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			got <- p
		}
	})
	p, answer, err := e.Send(context.Background(), offerOf(t, pc), SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	eventually(t, "connected", func() bool { return isConnected(pc)() && p.State() == Connected })
	return pc, p, got
}

func TestSend(t *testing.T) {
	_, p, got := watch(t, newEngine(t), 2)
	slots := p.Slots()
	if len(slots) != 3 {
		t.Fatalf("%d slots", len(slots))
	}
	requests := make(chan int, 64)
	p.OnRTCP(func(slot int, pkts []rtcp.Packet) {
		for _, pkt := range pkts {
			if _, ok := pkt.(*rtcp.PictureLossIndication); ok {
				requests <- slot
			}
		}
	})
	for i, s := range slots {
		for c, pt := range s.PayloadTypes {
			h := &rtp.Header{Version: 2, PayloadType: pt, SSRC: s.SSRC, SequenceNumber: uint16(c), Timestamp: uint32(i)}
			if err := s.Sink.WriteRTP(h, []byte{byte(i), byte(c), 3, 4}); err != nil {
				t.Fatal(err)
			}
			r := within(t, fmt.Sprintf("%v in slot %d", c, i), got)
			if r.SSRC != s.SSRC || r.PayloadType != pt || r.SequenceNumber != uint16(c) || r.Payload[0] != byte(i) {
				t.Errorf("slot %d, %v: got %v", i, c, r)
			}
		}
		if s.Kind == track.Audio {
			continue
		}
		// A retransmission goes by the same way under its own SSRC.
		pt := s.PayloadTypes[codec.H264]
		h := &rtp.Header{Version: 2, PayloadType: s.RTX[codec.H264], SSRC: s.RTXSSRC, SequenceNumber: 7, Timestamp: uint32(i)}
		if err := s.Sink.WriteRTP(h, []byte{0, 99, byte(i), 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		h = &rtp.Header{Version: 2, PayloadType: pt, SSRC: s.SSRC, SequenceNumber: 100, Timestamp: uint32(i)}
		for i := range 50 { // pion hands a repaired packet over when the next one comes
			h.SequenceNumber = uint16(100 + i)
			if err := s.Sink.WriteRTP(h, []byte{byte(i), 1}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond)
			if r := within(t, "retransmission", got); r.SequenceNumber == 99 {
				h = nil
				break
			}
		}
		if h != nil {
			t.Errorf("slot %d: no retransmission", i)
		}
		for len(got) > 0 {
			<-got
		}
	}
	if slot := within(t, "PLI", requests); slot < 0 || slot > 2 {
		t.Errorf("PLI of slot %d", slot)
	}
	p.Close()
	if err := slots[0].Sink.WriteRTP(&rtp.Header{Version: 2, SSRC: slots[0].SSRC}, []byte{1}); err == nil {
		t.Error("a packet was sent after the end")
	}
	if err := slots[0].Sink.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: slots[0].SSRC}}); err == nil {
		t.Error("a report was sent after the end")
	}
}

func TestRestartICE(t *testing.T) {
	pc, p, got := watch(t, newEngine(t), 1)
	slot := p.Slots()[1]
	write := func(seq uint16) {
		t.Helper()
		h := &rtp.Header{Version: 2, PayloadType: slot.PayloadTypes[codec.H264], SSRC: slot.SSRC, SequenceNumber: seq}
		_ = slot.Sink.WriteRTP(h, []byte{1, 2, 3})
	}
	write(1)
	within(t, "packet", got)
	for round := range 2 {
		offer, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
		if err != nil {
			t.Fatal(err)
		}
		done := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(offer); err != nil {
			t.Fatal(err)
		}
		<-done
		text := pc.LocalDescription().SDP
		theirs := Credentials{Ufrag: attribute(text, "ice-ufrag"), Pwd: attribute(text, "ice-pwd")}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "a=candidate:") {
				theirs.Candidates = append(theirs.Candidates, strings.TrimSpace(line))
			}
		}
		old, err := p.localCredentials()
		if err != nil {
			t.Fatal(err)
		}
		ours, err := p.RestartICE(context.Background(), theirs)
		if err != nil {
			t.Fatal(err)
		}
		if ours.Ufrag == old.Ufrag || ours.Pwd == old.Pwd || len(ours.Candidates) == 0 {
			t.Errorf("round %d: credentials %+v after %+v", round, ours, old)
		}
		again, err := p.RestartICE(context.Background(), theirs)
		if err != nil || again.Ufrag != ours.Ufrag {
			t.Errorf("the same restart twice: %+v, %v", again, err)
		}
		start := time.Now()
		accept(t, pc, p.pc.LocalDescription().SDP)
		for seq := uint16(10 + 1000*round); ; seq++ {
			write(seq)
			time.Sleep(time.Millisecond)
			if len(got) > 0 && isConnected(pc)() && p.State() == Connected {
				break
			}
			if time.Since(start) > patience {
				t.Fatal("no packet after the restart")
			}
		}
		t.Logf("round %d: media after %v", round, time.Since(start))
		for len(got) > 0 {
			<-got
		}
	}
	if _, err := p.RestartICE(context.Background(), Credentials{Ufrag: "x", Pwd: "y"}); err == nil {
		t.Error("short credentials were taken")
	}
}

func TestTrickle(t *testing.T) {
	e := newEngine(t)
	pc := stock(t, nil, nil)
	local(t, pc, webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "v")
	candidates := make(chan string, 8)
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			candidates <- c.ToJSON().Candidate
		} else {
			close(candidates)
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, answer, err := e.Receive(context.Background(), offer.SDP, ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	for c := range candidates {
		if err := p.AddCandidate("0", c); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []string{"", "candidate:nonsense", "a=candidate:1 1 udp 2122265343 3a66e493-4b4e-4375-8b39-162bcc547e4f.local 9 typ host", "candidate:1 1 udp 1 host.example 9 typ host"} {
		if err := p.AddCandidate("0", c); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
	if err := p.AddCandidate("0", "candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=x"); err == nil {
		t.Error("two lines were taken for a candidate")
	}
	eventually(t, "connected", func() bool { return p.State() == Connected && isConnected(pc)() })
}

// TestTCP has a subscriber that reaches the box by ICE-TCP alone and then stops reading: nobody waits for it.
func TestTCP(t *testing.T) {
	conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{UDP: conn, TCP: ln})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })

	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var read atomic.Int64
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.GracefulClose() })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := tr.ReadRTP(); err != nil {
				return
			}
			read.Add(1)
		}
	})
	p, answer, err := e.Send(context.Background(), offerOf(t, pc), SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, "tcptype passive") {
		t.Fatalf("answer has no TCP candidate:\n%s", answer)
	}
	// Only the TCP candidates, as for a browser whose network lets no UDP out, and by way of a relay that can stall.
	at, stall := stallingProxy(t, ln.Addr().String())
	var only strings.Builder
	for line := range strings.Lines(answer) {
		if !strings.HasPrefix(line, "a=candidate:") || strings.Contains(line, "tcptype") {
			only.WriteString(strings.ReplaceAll(line, fmt.Sprintf(" %d typ", ln.Addr().(*net.TCPAddr).Port), fmt.Sprintf(" %d typ", at)))
		}
	}
	accept(t, pc, only.String())
	eventually(t, "connected", func() bool { return isConnected(pc)() && p.State() == Connected })
	if path, ok := p.Path(); !ok || path.Network != "tcp" {
		t.Errorf("path %+v, %v", path, ok)
	}
	slot := p.Slots()[0]
	h := &rtp.Header{Version: 2, PayloadType: slot.PayloadTypes[codec.VP8], SSRC: slot.SSRC}
	payload := make([]byte, 1200)
	for read.Load() == 0 {
		h.SequenceNumber++
		if err := slot.Sink.WriteRTP(h, payload); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	stall()
	start := time.Now()
	const n = 20000 // 24 MB, far more than the buffers on the way
	for range n {
		h.SequenceNumber++
		_ = slot.Sink.WriteRTP(h, payload) // what is dropped below ICE is not told
	}
	took := time.Since(start)
	t.Logf("%d packets in %v", n, took)
	if took > 5*time.Second {
		t.Errorf("writing to a TCP peer that does not read took %v", took)
	}
	// A stranger that says nothing does not hold up the end.
	stranger, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	time.Sleep(50 * time.Millisecond)
	start = time.Now()
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// stallingProxy passes TCP connections on to addr until stall is called, and then reads no more of what comes from there.
func stallingProxy(t testing.TB, addr string) (port int, stall func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var stalled atomic.Bool
	var wg sync.WaitGroup
	closing := make(chan struct{})
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				in.Close()
				continue
			}
			wg.Go(func() { io.Copy(out, in); out.Close() })
			wg.Go(func() {
				defer in.Close()
				b := make([]byte, 4096)
				for !stalled.Load() {
					n, err := out.Read(b)
					if err != nil {
						return
					}
					in.Write(b[:n])
				}
				<-closing
			})
		}
	})
	t.Cleanup(func() { close(closing); ln.Close(); wg.Wait() })
	return ln.Addr().(*net.TCPAddr).Port, func() { stalled.Store(true) }
}

// TestManyPeersLeaveNothing opens and closes peers in every state; goroutines are counted when all tests have run.
func TestManyPeersLeaveNothing(t *testing.T) {
	e := newEngine(t)
	for range 5 {
		for _, name := range []string{"chromium-publish", "chromium-simulcast", "firefox-publish"} {
			if _, _, err := e.Receive(context.Background(), readOffer(t, name), ReceiveOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := e.OfferUplink(context.Background(), UplinkOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, _, err := e.Send(context.Background(), readOffer(t, "chromium-watch"), SendOptions{}); err == nil {
		t.Error("a closed engine made a peer")
	}
}

// TestThroughRelay carries a publisher's packets through the real relay to a subscriber.
func TestThroughRelay(t *testing.T) {
	e := newEngine(t)
	r := relay.New(relay.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })

	pc := stock(t, nil, nil)
	camera, _ := local(t, pc, webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "v")
	key := track.Key{Lesson: "l", Origin: "box", Source: track.Teacher}
	_, answer, err := e.Receive(ctx, offerOf(t, pc), ReceiveOptions{OnTrack: func(in *Incoming) {
		s, err := r.Publish(relay.SourceInfo{Key: key, Kind: in.Kind, Codec: in.Codec, Layers: []track.Layer{in.RID}}, maker{in})
		if err != nil {
			t.Error(err)
			return
		}
		in.SetSink(s.Up(in.RID).Push)
	}})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	_, p, got := watch(t, e, 1)
	sub, err := r.Subscribe(relay.SubscriberConfig{Name: "w", Slots: p.Slots()})
	if err != nil {
		t.Fatal(err)
	}
	p.OnRTCP(sub.HandleRTCP)
	sub.Bind(1, key, relay.BindOptions{})
	eventually(t, "connected", isConnected(pc))
	for i := 0; len(got) < 100; i++ {
		if err := camera.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(i), Timestamp: uint32(3000 * i)}, Payload: frame(i%50 == 0, i)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if i > 5000 {
			t.Fatalf("%d packets reached the subscriber", len(got))
		}
	}
	sub.Close()
}

type maker struct{ in *Incoming }

func (m maker) RequestKeyframe(_ track.Layer, urgent bool) { m.in.RequestKeyframe(urgent) }
func (m maker) Want(track.Layer, bool)                     {}
