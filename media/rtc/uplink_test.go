package rtc

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// link connects two engines on loopback as child and parent.
func link(t testing.TB, o UplinkOptions) (child, parent *Peer) {
	t.Helper()
	a, b := newEngine(t), newEngine(t)
	start := time.Now()
	child, offer, err := a.OfferUplink(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	parent, answer, err := b.AnswerUplink(context.Background(), offer, UplinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := child.SetAnswer(answer); err != nil {
		t.Fatal(err)
	}
	described := time.Since(start)
	eventually(t, "both ends connected", func() bool { return child.State() == Connected && parent.State() == Connected })
	connected := time.Since(start)
	within(t, "control channel", child.DataChannel(ChannelControl).Opened())
	within(t, "control channel", parent.DataChannel(ChannelControl).Opened())
	t.Logf("offer %d bytes, answer %d bytes, described in %v, connected in %v, channels in %v", len(offer), len(answer), described, connected, time.Since(start))
	return child, parent
}

// An uplink over which no message comes ends, though its path lives, before pion gives its messages up.
func TestUplinkWithoutMessagesEnds(t *testing.T) {
	t.Parallel()
	data := func(b []byte) bool { return len(b) > 0 && b[0] == 23 } // RFC 5246 §6.2.1
	pc := stock(t, func(b []byte) bool { return !data(b) }, nil)
	if _, err := pc.CreateDataChannel(ChannelControl, nil); err != nil {
		t.Fatal(err)
	}
	p, answer, err := newEngine(t).AnswerUplink(context.Background(), offerOf(t, pc), UplinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connected", func() bool { return p.State() == Connected })
	within(t, "the end", p.Done())
	if p.Reason() != ErrFailed {
		t.Errorf("ended: %v", p.Reason())
	}
}

func TestUplink(t *testing.T) {
	child, parent := link(t, UplinkOptions{})
	for _, end := range []struct {
		name    string
		p       *Peer
		out, in int
	}{{"child", child, 8, 32}, {"parent", parent, 32, 8}} {
		if got := len(end.p.Slots()); got != end.out {
			t.Errorf("%s has %d slots, want %d", end.name, got, end.out)
		}
		if got := len(end.p.Incoming()); got != end.in {
			t.Errorf("%s receives on %d, want %d", end.name, got, end.in)
		}
	}
	for i, s := range parent.Slots() {
		want := track.Video
		if i < 8 {
			want = track.Audio
		}
		if s.Kind != want || s.SSRC == 0 || child.Incoming()[i].SSRC != s.SSRC || (want == track.Video) != (s.RTXSSRC != 0) {
			t.Errorf("slot %d: %v, SSRC %d and %d, at the child %d", i, s.Kind, s.SSRC, s.RTXSSRC, child.Incoming()[i].SSRC)
		}
		if mu, ok := s.PayloadTypes[codec.PCMU]; want == track.Audio && (s.PayloadTypes[codec.RED] == 0 || s.PayloadTypes[codec.Opus] == 0 || s.PayloadTypes[codec.PCMA] != 8 || !ok || mu != 0) ||
			want == track.Video && (s.PayloadTypes[codec.H264] == 0 || s.PayloadTypes[codec.VP8] == 0 || s.RTX[codec.H264] == 0) || s.TWCCExt == 0 || s.CaptureExt == 0 {
			t.Errorf("slot %d: %+v", i, s)
		}
	}
	// Every slot carries its own, in both directions, with no more than the SSRC to tell them apart.
	for _, dir := range []struct {
		from, to *Peer
	}{{parent, child}, {child, parent}} {
		got := make(chan string, 1024)
		for i, in := range dir.to.Incoming() {
			in.SetSink(func(b *packet.Buffer) {
				got <- fmt.Sprintf("%d:%d:%d:%s", i, b.Seq, b.Timestamp, b.Codec)
				b.Release()
			})
		}
		want := map[string]bool{}
		for i, s := range dir.from.Slots() {
			c := []codec.Codec{codec.RED, codec.PCMA, codec.PCMU}[i%3]
			if s.Kind == track.Video {
				c = []codec.Codec{codec.H264, codec.VP8}[i%2]
			}
			h := &rtp.Header{Version: 2, Marker: true, PayloadType: s.PayloadTypes[c], SSRC: s.SSRC, SequenceNumber: uint16(1000 + i), Timestamp: uint32(7 * i)}
			if err := s.Sink.WriteRTP(h, []byte{0x10, 1, 2, 3, 4, 5}); err != nil {
				t.Fatal(err)
			}
			want[fmt.Sprintf("%d:%d:%d:%s", i, 1000+i, 7*i, c)] = true
		}
		for len(want) > 0 {
			s := within(t, fmt.Sprintf("%d packets", len(want)), got)
			if !want[s] {
				t.Errorf("unexpected packet %s", s)
			}
			delete(want, s)
		}
	}
	// Requests and reports reach the slot; a keyframe is asked for by the other end.
	type report struct {
		slot int
		pkt  rtcp.Packet
	}
	reports := make(chan report, 64)
	parent.OnRTCP(func(slot int, pkts []rtcp.Packet) {
		for _, p := range pkts {
			reports <- report{slot, p}
		}
	})
	child.Incoming()[9].RequestKeyframe(true)
	for {
		r := within(t, "PLI", reports)
		if _, ok := r.pkt.(*rtcp.PictureLossIndication); ok {
			if r.slot != 9 {
				t.Errorf("PLI for slot %d, want 9", r.slot)
			}
			break
		}
	}
	for {
		r := within(t, "reception report", reports)
		if rr, ok := r.pkt.(*rtcp.ReceiverReport); ok && len(rr.Reports) == 31 {
			break
		}
	}
	messages := make(chan string, 8)
	for _, label := range []string{ChannelControl, ChannelLesson, ChannelPing} {
		parent.DataChannel(label).OnMessage(func(b []byte) { messages <- label + string(b) })
		within(t, "channel "+label, child.DataChannel(label).Opened())
		if err := child.DataChannel(label).Send([]byte(" hello")); err != nil {
			t.Fatal(err)
		}
		if got := within(t, "message", messages); got != label+" hello" {
			t.Errorf("message %q on %s", got, label)
		}
	}
	if child.LastSeen() == 0 || parent.LastSeen() == 0 {
		t.Error("nothing was seen")
	}
	if s := parent.Stats(); s.PacketsSent != 32 || s.PacketsReceived != 8 || s.BytesSent == 0 {
		t.Errorf("parent's figures %+v", s)
	}
	asked := make(chan struct{})
	go func() { // ends with the child
		defer close(asked)
		for child.State() != Closed {
			child.Checks()
		}
	}()
	child.Close()
	<-asked
	within(t, "parent's end", parent.Done())
	if parent.Reason() != ErrRemoteClosed {
		t.Errorf("parent ended: %v", parent.Reason())
	}
}

func TestUplinkAnswerMustFit(t *testing.T) {
	a, b := newEngine(t), newEngine(t)
	_, offer, err := a.OfferUplink(context.Background(), UplinkOptions{AudioDown: 1, VideoDown: 1, VideoUp: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, answer, err := b.AnswerUplink(context.Background(), offer, UplinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := a.OfferUplink(context.Background(), UplinkOptions{AudioDown: 1, VideoDown: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.SetAnswer(answer); err == nil {
		t.Error("an answer to another offer was taken")
	}
	if err := other.SetAnswer(offer); err == nil {
		t.Error("an offer was taken as an answer")
	}
}
