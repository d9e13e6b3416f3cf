package rtc

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// TestG711IsGivenToWhoTakesIt: a subscriber gets the sounds of network cameras under the numbers that it offers them with, which need not be said
// (RFC 3551 table 4); who does not offer them has none; and nobody publishes so.
func TestG711IsGivenToWhoTakesIt(t *testing.T) {
	lines := func(s string, drop ...string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			keep := true
			for _, d := range drop {
				keep = keep && !strings.HasPrefix(line, d)
			}
			if keep {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	watch, publish := readOffer(t, "chromium-watch"), readOffer(t, "chromium-publish")
	alone := strings.NewReplacer(" 0 8 ", " ").Replace(watch)
	if alone == watch {
		t.Fatal("the offer has no G.711 to leave out")
	}
	for _, c := range []struct {
		name  string
		offer string
		role  role
		pcma  int // payload type, −1: none
		pcmu  int
	}{
		{"said", watch, sends, 8, 0},
		{"not said", lines(watch, "a=rtpmap:8 ", "a=rtpmap:0 "), sends, 8, 0},
		{"one channel, said", strings.NewReplacer("PCMA/8000", "PCMA/8000/1").Replace(watch), sends, 8, 0},
		{"two channels are another thing", strings.NewReplacer("PCMA/8000", "PCMA/8000/2").Replace(watch), sends, -1, 0},
		{"the number means something else", strings.NewReplacer("PCMU/8000", "G722/8000").Replace(watch), sends, 8, -1},
		{"not offered", lines(alone, "a=rtpmap:8 ", "a=rtpmap:0 "), sends, -1, -1},
		{"a publisher", publish, receives, -1, -1},
		{"a page that publishes", publish, page, -1, -1},
	} {
		d, err := readDescription(c.offer, c.role, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := map[codec.Codec]int{codec.PCMA: -1, codec.PCMU: -1}
		for _, s := range d.sections {
			for _, p := range s.codecs {
				if p.codec.G711() {
					got[p.codec] = int(p.pt)
				}
			}
		}
		if got[codec.PCMA] != c.pcma || got[codec.PCMU] != c.pcmu {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestReceiverChangesItsClock: what is known of the timestamps of a slot is of one clock, and forgotten with it.
func TestReceiverChangesItsClock(t *testing.T) {
	d := &description{sections: []*section{{
		mid: "0", kind: track.Audio, media: "audio", recv: true, ssrc: 20, ext: extensions{twcc: 1, capture: 2},
		codecs: append(append([]payloadType{}, ownVoice...), staticVoice...),
	}}}
	b := newBench(t, d, false)
	in := b.p.Incoming()[0]
	in.SetSink(func(p *packet.Buffer) { b.got = append(b.got, p) })
	b.p.SetClockOffset(0)
	began := packet.Now().Add(-time.Minute)
	send := func(pt uint8, seq uint16, ts uint32, captured time.Duration) *packet.Buffer {
		t.Helper()
		h := rtp.Header{SSRC: 20, PayloadType: pt, SequenceNumber: seq, Timestamp: ts}
		if captured >= 0 {
			var x [8]byte
			ntp := began.Add(captured).NTP()
			for i := range x {
				x[i] = byte(ntp >> (56 - 8*i))
			}
			h.SetExtension(2, x[:])
		}
		b.got = nil
		b.write(h, []byte{1, 2, 3})
		if len(b.got) != 1 {
			t.Fatalf("number %d: %d packets", seq, len(b.got))
		}
		return b.got[0]
	}
	is := func(p *packet.Buffer, c codec.Codec, want time.Duration) {
		t.Helper()
		switch d := p.Capture.Sub(began); {
		case p.Codec != c:
			t.Errorf("%v, want %v", p.Codec, c)
		case want < 0 && p.Capture != 0:
			t.Errorf("captured at %v, where nothing is known", d)
		case want >= 0 && (d-want).Abs() > time.Millisecond:
			t.Errorf("captured at %v, want %v", d, want)
		}
	}
	is(send(111, 65533, 1000, time.Second), codec.Opus, time.Second)
	is(send(111, 65534, 1000+48000, -1), codec.Opus, 2*time.Second)
	is(send(8, 0, 5000, -1), codec.PCMA, -1)
	is(send(8, 1, 5000+160, 3*time.Second), codec.PCMA, 3*time.Second)
	is(send(8, 2, 5000+160+8000, -1), codec.PCMA, 4*time.Second)
	is(send(111, 65535, 1000+48960, -1), codec.Opus, -1) // late
	is(send(8, 3, 5000+160+16000, -1), codec.PCMA, 5*time.Second)
	b.report(&rtcp.SenderReport{SSRC: 20, NTPTime: began.Add(6 * time.Second).NTP(), RTPTime: 90000})
	is(send(63, 4, 90000+24000, -1), codec.RED, -1) // of the clock before
	b.report(&rtcp.SenderReport{SSRC: 20, NTPTime: began.Add(7 * time.Second).NTP(), RTPTime: 90000 + 24000})
	is(send(63, 5, 90000+48000, -1), codec.RED, 7500*time.Millisecond)
}
