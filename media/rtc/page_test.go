package rtc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// pageUp is a stock page that publishes, and what comes of it here.
type pageUp struct {
	t      testing.TB
	pc     *webrtc.PeerConnection
	p      *Peer
	tracks chan *Incoming
	got    chan string // "mid kind seq"
}

func newPageUp(t testing.TB) *pageUp {
	return &pageUp{t: t, pc: stock(t, nil, nil), tracks: make(chan *Incoming, 16), got: make(chan string, 1024)}
}

func (u *pageUp) onTrack(in *Incoming) {
	in.SetSink(func(b *packet.Buffer) {
		u.got <- fmt.Sprintf("%s %s %d", in.MID, in.Kind, b.Seq)
		b.Release()
	})
	u.tracks <- in
}

func (u *pageUp) negotiate() string {
	u.t.Helper()
	var answer string
	var err error
	offer := offerOf(u.t, u.pc)
	if u.p == nil {
		u.p, answer, err = newEngine(u.t).ReceivePage(context.Background(), offer, ReceiveOptions{OnTrack: u.onTrack})
	} else {
		answer, err = u.p.Renegotiate(context.Background(), offer, nil)
	}
	if err != nil {
		u.t.Fatalf("%v\n%s", err, offer)
	}
	accept(u.t, u.pc, answer)
	return answer
}

var h264Fmtp1 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

func (u *pageUp) send(l *webrtc.TrackLocalStaticRTP, seq int) {
	u.t.Helper()
	payload := []byte{0x78, 1, 2}
	if l.Kind() == webrtc.RTPCodecTypeVideo {
		payload = frame(true, seq)
	}
	if err := l.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(seq), Timestamp: uint32(960 * seq)}, Payload: payload}); err != nil {
		u.t.Fatal(err)
	}
}

func (u *pageUp) want(s string) {
	u.t.Helper()
	if got := within(u.t, s, u.got); got != s {
		u.t.Fatalf("got %q, want %q", got, s)
	}
}

func TestPageUpGrowsAndRests(t *testing.T) {
	u := newPageUp(t)
	voice, _ := local(t, u.pc, webrtc.MimeTypeOpus, "", "a")
	u.negotiate()
	eventually(t, "connected", isConnected(u.pc))
	u.send(voice, 1)
	u.want("0 audio 1")

	// A camera and a board come: pictures were never spoken of before.
	camera, cameraSender := local(t, u.pc, webrtc.MimeTypeH264, h264Fmtp1, "c")
	board, _ := local(t, u.pc, webrtc.MimeTypeH264, h264Fmtp1, "b")
	u.negotiate()
	u.send(camera, 10)
	u.want("1 video 10")
	u.send(board, 20)
	u.want("2 video 20")
	u.send(voice, 2)
	u.want("0 audio 2")
	var boardIn *Incoming
	for range 3 {
		if in := within(t, "track", u.tracks); in.MID == "2" {
			boardIn = in
		}
	}

	// The camera goes, the others do not notice.
	if err := u.pc.RemoveTrack(cameraSender); err != nil {
		t.Fatal(err)
	}
	u.negotiate()
	u.send(board, 21)
	u.want("2 video 21")
	select {
	case <-boardIn.Done():
		t.Error("the board ended with the camera")
	default:
	}
}

func TestPageUpInactiveLineComesBack(t *testing.T) {
	u := newPageUp(t)
	voice, _ := local(t, u.pc, webrtc.MimeTypeOpus, "", "a")
	camera, _ := local(t, u.pc, webrtc.MimeTypeH264, h264Fmtp1, "c")
	u.negotiate()
	eventually(t, "connected", isConnected(u.pc))
	u.send(voice, 1)
	u.want("0 audio 1")
	u.send(camera, 1)
	u.want("1 video 1")
	within(t, "voice", u.tracks)
	cam := within(t, "camera", u.tracks)

	// As a browser writes it: inactive, with its port, in the bundle.
	offer := offerOf(t, u.pc)
	i := strings.LastIndex(offer, "a=sendrecv")
	answer, err := u.p.Renegotiate(t.Context(), offer[:i]+"a=inactive"+offer[i+len("a=sendrecv"):], nil)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(answer, "m=video ")
	if strings.HasPrefix(rest, "0 ") || !strings.Contains(rest, "a=inactive") || strings.Contains(rest, "a=recvonly") {
		t.Errorf("resting m-line is answered\n%s", rest)
	}
	within(t, "end of the camera", cam.Done())
	accept(t, u.pc, answer)

	u.negotiate()
	u.send(camera, 100)
	u.want("1 video 100")
	if in := within(t, "camera again", u.tracks); in.MID != "1" || in == cam {
		t.Errorf("track %q", in.MID)
	}
}

func TestPageUpRestart(t *testing.T) {
	u := newPageUp(t)
	voice, _ := local(t, u.pc, webrtc.MimeTypeOpus, "", "a")
	u.negotiate()
	eventually(t, "connected", isConnected(u.pc))
	u.send(voice, 1)
	u.want("0 audio 1")
	offer, err := u.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(u.pc)
	if err := u.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	start := time.Now()
	answer, err := u.p.Renegotiate(t.Context(), u.pc.LocalDescription().SDP, nil)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, u.pc, answer)
	eventually(t, "packets again", func() bool {
		u.send(voice, 2)
		select {
		case <-u.got:
			return true
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
	t.Logf("packets %v after the restart", time.Since(start))
	if n := len(u.tracks); n != 1 {
		t.Errorf("%d tracks began, want the first alone", n)
	}
}

func TestPageUpRefuses(t *testing.T) {
	u := newPageUp(t)
	local(t, u.pc, webrtc.MimeTypeOpus, "", "a")
	local(t, u.pc, webrtc.MimeTypeH264, h264Fmtp1, "c")
	u.negotiate()
	offer := u.pc.LocalDescription().SDP
	other := stock(t, nil, nil)
	local(t, other, webrtc.MimeTypeOpus, "", "a")
	for name, sdp := range map[string]string{
		"nothing":     "",
		"another":     offerOf(t, other),
		"fewer lines": offer[:strings.Index(offer, "m=video")],
	} {
		var bad *OfferError
		if _, err := u.p.Renegotiate(t.Context(), sdp, nil); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSendPage(t *testing.T) {
	e := newEngine(t)
	pc := stock(t, nil, withREDAndH264)
	got := make(chan *rtp.Packet, 1024)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			got <- p
		}
	})
	p, offer, err := e.SendPage(t.Context(), PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(offer string) string {
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
			t.Fatalf("%v\n%s", err, offer)
		}
		a, err := pc.CreateAnswer(nil)
		if err != nil {
			t.Fatal(err)
		}
		done := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(a); err != nil {
			t.Fatal(err)
		}
		<-done
		return pc.LocalDescription().SDP
	}
	if _, err := p.OfferRestart(t.Context()); err == nil {
		t.Error("restarted before the first answer")
	}
	first := answer(offer)
	if err := p.SetAnswer(first); err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	eventually(t, "connected", func() bool { return p.State() == Connected })
	slots := p.Slots()
	if len(slots) != PageAudio+PageVideo {
		t.Fatalf("%d slots", len(slots))
	}
	all := func(round int) {
		t.Helper()
		want := map[uint32]bool{}
		for i, s := range slots {
			c := []codec.Codec{codec.RED, codec.Opus, codec.H264, codec.VP8}[2*int(s.Kind)+(i+round)%2]
			if s.Kind != track.Kind(min(1, i/PageAudio)) || s.PayloadTypes[c] == 0 {
				t.Fatalf("slot %d: %+v", i, s)
			}
			if err := s.Sink.WriteRTP(&rtp.Header{Version: 2, PayloadType: s.PayloadTypes[c], SSRC: s.SSRC, SequenceNumber: uint16(round)}, []byte{0x78, 0, 0, 0}); err != nil {
				t.Fatal(err)
			}
			want[s.SSRC] = true
		}
		for len(want) > 0 {
			r := within(t, fmt.Sprintf("packets of %d slots", len(want)), got)
			if r.SequenceNumber == uint16(round) {
				delete(want, r.SSRC)
			}
		}
	}
	all(1)

	// A restart that we offer keeps the slots.
	again, err := p.OfferRestart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	second := answer(again)
	if err := p.SetAnswer(second); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connected again", func() bool { return p.State() == Connected && isConnected(pc)() })
	all(2)
	t.Logf("offer %d bytes, answer %d; all slots again %v after a restart", len(offer), len(first), time.Since(start))

	var bad *OfferError
	if err := p.SetAnswer(strings.Replace(second, "a=recvonly", "a=inactive", 1)); !errors.As(err, &bad) {
		t.Errorf("a slot is refused: %v", err)
	}
	if err := p.SetAnswer(strings.ReplaceAll(second, "VP8", "VP9")); !errors.As(err, &bad) {
		t.Errorf("other formats: %v", err)
	}
}

// withREDAndH264 registers what a browser answers to a page's offer.
func withREDAndH264(m *webrtc.MediaEngine) error {
	if err := withRED(m); err != nil {
		return err
	}
	for _, c := range []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: h264Fmtp1}, PayloadType: 102},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=102"}, PayloadType: 103},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}, PayloadType: 97},
	} {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return nil
}
