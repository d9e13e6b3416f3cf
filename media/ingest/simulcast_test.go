package ingest

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"tongke/media/track"
)

// smallSPS is of a picture of 320 × 180; sps is of 1280 × 720.
var smallSPS = []byte{0x67, 0x42, 0xc0, 0x0c, 0xd9, 0x01, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0xa4, 0x80}

// TestSimulcast: layers come one by one and late, the best present one is watched, and when it stops the next takes over.
func TestSimulcast(t *testing.T) {
	b := newBox(t)
	pub := newClient(t, nil)
	h264 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
	layers := map[string]*webrtc.TrackLocalStaticRTP{}
	var sender *webrtc.RTPSender
	for _, rid := range []string{"h", "l"} { // the order says nothing
		l, err := webrtc.NewTrackLocalStaticRTP(h264, "v", "s", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		layers[rid] = l
		if sender != nil {
			if err := sender.AddEncoding(l); err != nil {
				t.Fatal(err)
			}
			continue
		}
		tr, err := pub.pc.AddTransceiverFromTrack(l, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.SetCodecPreferences([]webrtc.RTPCodecParameters{{RTPCodecCapability: h264, PayloadType: 96}}); err != nil {
			t.Fatal(err)
		}
		sender = tr.Sender()
	}
	pub.dial(b, "/whip/math", "pub-a", false)

	var small, large atomic.Int64
	sub := newClient(t, nil)
	sub.watchOnly(1)
	sub.pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := r.ReadRTP()
			switch {
			case err != nil:
				return
			case bytes.Contains(p.Payload, []byte("small")):
				small.Add(1)
			case bytes.Contains(p.Payload, []byte("large")):
				large.Add(1)
			}
		}
	})
	sub.dial(b, "/whep/math", "sub-a", false)
	eventually(t, func() bool { return pub.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })

	ext := map[string]uint8{}
	for _, x := range sender.GetParameters().HeaderExtensions {
		ext[x.URI] = uint8(x.ID)
	}
	seq := map[string]uint16{"h": 65000, "l": 12} // one wraps around
	// picture sends one frame of a layer: parameter sets with each tenth, in packets of their own.
	picture := func(rid string, i int) {
		send := func(payload []byte, marker bool) {
			h := rtp.Header{Version: 2, Marker: marker, SequenceNumber: seq[rid], Timestamp: uint32(i) * 3600}
			seq[rid]++
			_ = h.SetExtension(ext["urn:ietf:params:rtp-hdrext:sdes:mid"], []byte(pub.pc.GetTransceivers()[0].Mid()))
			_ = h.SetExtension(ext["urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"], []byte(rid))
			if err := layers[rid].WriteRTP(&rtp.Packet{Header: h, Payload: payload}); err != nil {
				t.Error(err)
			}
		}
		set, word := sps, "large"
		if rid == "l" {
			set, word = smallSPS, "small"
		}
		if i%10 == 0 {
			send(set, false)
			send(pps, false)
			send(append([]byte{0x65, 0x88}, word...), true)
			return
		}
		send(append([]byte{0x41, 0x9a}, word...), true)
	}
	i := 0
	until := func(f func() bool, rids ...string) {
		t.Helper()
		for began := time.Now(); !f(); i++ {
			if time.Since(began) > 8*time.Second {
				t.Fatalf("with %v: small %d, large %d", rids, small.Load(), large.Load())
			}
			for _, rid := range rids {
				picture(rid, i)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	until(func() bool { return small.Load() > 20 }, "l")
	until(func() bool { return large.Load() > 20 }, "l", "h")
	mark := small.Load()
	until(func() bool { return large.Load() > 60 }, "l", "h")
	if n := small.Load() - mark; n > 2 {
		t.Errorf("%d small packets while the large layer was watched", n)
	}
	until(func() bool { return small.Load() > mark+20 }, "l")
	for _, s := range b.relay.Sources() {
		if s.Key.Source != track.Teacher || len(s.Layers) != 2 {
			t.Errorf("%+v", s)
		}
	}
}
