package rtc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
	"tongke/media/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// newEngine makes an engine on loopback that ends with the test.
func newEngine(t testing.TB) *Engine {
	t.Helper()
	conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	e, err := New(Config{UDP: conn, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

type testWriter struct{ testing.TB }

func (w testWriter) Write(b []byte) (int, error) { fmt.Print(string(b)); return len(b), nil }

// within fails the test unless c yields in time.
func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come in %v", what, patience)
		panic("not reached")
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// stock makes a plain pion connection on a loopback socket of its own. filter, where given, sees each datagram that it sends and tells
// whether it may leave.
func stock(t testing.TB, filter func([]byte) bool, codecs func(*webrtc.MediaEngine) error) *webrtc.PeerConnection {
	t.Helper()
	media := &webrtc.MediaEngine{}
	if codecs == nil {
		codecs = (*webrtc.MediaEngine).RegisterDefaultCodecs
	}
	if err := codecs(media); err != nil {
		t.Fatal(err)
	}
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	mux := webrtc.NewICEUDPMux(nil, lossy{sock, filter})
	s.SetICEUDPMux(mux)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(s), func(a *webrtc.API) {
		webrtc.WithInterceptorRegistry(defaultInterceptors(t, media))(a)
	}).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.GracefulClose(); mux.Close() })
	return pc
}

type lossy struct {
	net.PacketConn
	pass func([]byte) bool
}

func (l lossy) WriteTo(b []byte, to net.Addr) (int, error) {
	if l.pass != nil && !l.pass(b) {
		return len(b), nil
	}
	return l.PacketConn.WriteTo(b, to)
}

// isRTP tells sealed RTP of a payload type from other datagrams.
func isRTP(b []byte, pt uint8) bool { return len(b) > 12 && b[0]>>6 == 2 && b[1]&0x7f == pt }

func offerOf(t testing.TB, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	return pc.LocalDescription().SDP
}

func accept(t testing.TB, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("answer is refused: %v\n%s", err, answer)
	}
}

// frame is one H264 packet that is a keyframe's beginning (SPS in a STAP-A) or an ordinary slice.
func frame(key bool, n int) []byte {
	if key {
		return append([]byte{0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 4, 0x68, 0xce, 0x3c, 0x80, 0, 3, 0x65, 0x88, 0x84}, byte(n))
	}
	return []byte{0x61, 0x9a, 0x02, byte(n >> 8), byte(n)}
}

func TestReceiveH264(t *testing.T) {
	e := newEngine(t)
	var dropped atomic.Int32
	var pt atomic.Uint32
	pc := stock(t, func(b []byte) bool {
		// Every fifth packet is lost once; its retransmission has another payload type.
		if p := uint8(pt.Load()); p != 0 && isRTP(b, p) && b[3]%5 == 0 {
			dropped.Add(1)
			return false
		}
		return true
	}, nil)
	video, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(video)
	if err != nil {
		t.Fatal(err)
	}
	pli := make(chan struct{}, 16)
	go drainRTCP(sender, pli)

	got := make(chan *packet.Buffer, 4096)
	tracks := make(chan *Incoming, 4)
	states := make(chan State, 16)
	p, answer, err := e.Receive(context.Background(), offerOf(t, pc), ReceiveOptions{
		Name: "test",
		OnTrack: func(in *Incoming) {
			in.SetSink(func(b *packet.Buffer) { got <- b })
			tracks <- in
		},
		OnState: func(s State) { states <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	for within(t, "connected", states) != Connected {
	}
	eventually(t, "the publisher is connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	const n = 300
	for i := range n {
		if err := video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(65400 + i), Timestamp: uint32(i * 3000)}, Payload: frame(i == 0, i)}); err != nil {
			t.Fatal(err)
		}
		if i == 20 {
			pt.Store(uint32(sender.GetParameters().Codecs[0].PayloadType))
		}
		time.Sleep(2 * time.Millisecond)
	}
	in := within(t, "track", tracks)
	if in.Kind != track.Video || in.Codec != codec.H264 || in.RID != "" {
		t.Errorf("track is %v %v %q", in.Kind, in.Codec, in.RID)
	}
	seen := map[uint64]bool{}
	repaired := 0
	for len(seen) < n-5 {
		b := within(t, fmt.Sprintf("packet %d", len(seen)), got)
		if len(seen) == 0 && (b.Seq != 65400 || !b.Is(packet.Keyframe|packet.FrameStart|packet.Marker)) {
			t.Errorf("first packet has number %d, flags %b", b.Seq, b.Flags)
		}
		if seen[b.Seq] {
			t.Errorf("packet %d came twice", b.Seq)
		}
		seen[b.Seq] = true
		if b.Is(packet.Repaired) {
			repaired++
		}
		if want := uint32(b.Seq-65400) * 3000; b.Timestamp != want || b.Codec != codec.H264 {
			t.Errorf("packet %d: timestamp %d, codec %v, want %d", b.Seq, b.Timestamp, b.Codec, want)
		}
		b.Release()
	}
	if dropped.Load() < 30 || repaired < 30 {
		t.Errorf("dropped %d, repaired %d", dropped.Load(), repaired)
	}
	in.RequestKeyframe(false)
	within(t, "PLI", pli)
	if path, ok := p.Path(); !ok || path.Network != "udp" || path.Remote.Port() == 0 {
		t.Errorf("path is %+v, %v", path, ok)
	}
	t.Logf("dropped %d, repaired %d, stats %+v %+v", dropped.Load(), repaired, in.Stats(), p.Stats())
	p.Close()
	if p.Reason() != ErrClosed || p.State() != Closed {
		t.Errorf("ended %v in state %v", p.Reason(), p.State())
	}
	within(t, "end of the stream", in.Done())
}
