package rtc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/transport/v4/packetio"
)

func seedOffers(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "offers", "*.sdp"))
	if err != nil || len(names) == 0 {
		f.Fatal("no offers", err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
}

// FuzzDescription reads anything as an offer and as an answer; what is taken must be written so that pion's parser reads it back.
func FuzzDescription(f *testing.F) {
	seedOffers(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []role{receives, sends, both, page} {
			d, err := readDescription(text, r, nil)
			if err != nil {
				var bad *OfferError
				var codecs *CodecError
				if !errors.As(err, &bad) && !errors.As(err, &codecs) && !errors.Is(err, ErrNothing) || err.Error() == "" {
					t.Fatalf("untyped error %v", err)
				}
				continue
			}
			var parsed sdp.SessionDescription
			if err := parsed.UnmarshalString(d.canonical()); err != nil {
				t.Fatalf("own form is malformed: %v\n%s", err, d.canonical())
			}
			if len(parsed.MediaDescriptions) != d.usableMLines || d.usableMLines > maxSections {
				t.Fatalf("%d m-lines of %d", len(parsed.MediaDescriptions), d.usableMLines)
			}
		}
	})
}

// FuzzOffer makes peers of what can be read.
func FuzzOffer(f *testing.F) {
	seedOffers(f)
	e := newEngine(f)
	f.Fuzz(func(t *testing.T, text string) {
		ctx := context.Background()
		if p, answer, err := e.Receive(ctx, text, ReceiveOptions{}); err == nil {
			mustBeAnswer(t, text, answer)
			p.Close()
		}
		if p, answer, err := e.ReceivePage(ctx, text, ReceiveOptions{}); err == nil {
			mustBeAnswer(t, text, answer)
			if answer, err := p.Renegotiate(ctx, text, nil); err == nil {
				mustBeAnswer(t, text, answer)
			}
			p.Lines()
			p.Close()
		}
		if p, answer, err := e.Send(ctx, text, SendOptions{}); err == nil {
			mustBeAnswer(t, text, answer)
			p.Slots()
			p.Close()
		}
		if p, answer, err := e.AnswerUplink(ctx, text, UplinkOptions{}); err == nil {
			mustBeAnswer(t, text, answer)
			p.Close()
		}
	})
}

func mustBeAnswer(t *testing.T, offer, answer string) {
	t.Helper()
	var o, a sdp.SessionDescription
	if err := o.UnmarshalString(offer); err != nil {
		t.Fatal(err)
	}
	if err := a.UnmarshalString(answer); err != nil {
		t.Fatalf("answer is malformed: %v", err)
	}
	if len(o.MediaDescriptions) != len(a.MediaDescriptions) {
		t.Fatalf("%d m-lines offered, %d answered", len(o.MediaDescriptions), len(a.MediaDescriptions))
	}
	for i, m := range a.MediaDescriptions {
		if m.MediaName.Media != o.MediaDescriptions[i].MediaName.Media {
			t.Fatalf("m-line %d is %s, offered %s", i, m.MediaName.Media, o.MediaDescriptions[i].MediaName.Media)
		}
	}
}

// FuzzCandidate gives a peer candidates from outside.
func FuzzCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2122265343 192.0.2.10 9 typ host generation 0 ufrag x network-id 1")
	f.Add("a=candidate:0 1 TCP 2105524479 3a66e493.local 9 typ host tcptype active")
	f.Add("")
	e := newEngine(f)
	offer := readOffer(f, "chromium-publish")
	p, _, err := e.Receive(context.Background(), offer, ReceiveOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p.mu.Lock()
		p.candidates = 0
		p.mu.Unlock()
		_ = p.AddCandidate("0", line)
	})
}

// FuzzRTP writes anything where SRTP writes decrypted packets.
func FuzzRTP(f *testing.F) {
	h := rtp.Header{Version: 2, SSRC: 20, PayloadType: 102, SequenceNumber: 65535}
	h.SetExtension(3, []byte("v"))
	h.SetExtension(4, []byte("q"))
	raw, err := (&rtp.Packet{Header: h, Payload: frame(true, 1)}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, false)
	h.SSRC, h.PayloadType = 21, 103
	raw, _ = (&rtp.Packet{Header: h, Payload: osn(65534, frame(false, 1))}).Marshal()
	f.Add(raw, true)
	f.Fuzz(func(t *testing.T, raw []byte, second bool) {
		d := &description{sections: []*section{audioSection("a"), videoSection("v", 0, 0, "q", "f"), videoSection("w", 20, 21)}}
		b := newBench(t, d, true)
		ssrc := uint32(20)
		if second {
			ssrc = 21
		}
		s := b.p.newStream(packetio.RTPBufferPacket, ssrc).(*stream)
		for range 3 {
			s.Write(raw)
			if len(raw) > 3 {
				raw[3] += 3
			}
		}
		b.p.newStream(packetio.RTCPBufferPacket, ssrc).(*stream).Write(raw)
		b.p.ready.Store(true)
		b.p.recv.mu.Lock()
		b.p.recv.nacks(1e9, nil)
		b.p.recv.reports(1e9, nil)
		b.p.recv.mu.Unlock()
		b.p.recv.close()
	})
}
