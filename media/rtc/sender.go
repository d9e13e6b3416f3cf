package rtc

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/relay"
)

// sender is one slot: pion's TrackLocal on one side, the relay's Sink on the other. Media and retransmissions go through the one stream
// that pion gives it: SRTP takes the SSRC from each header.
type sender struct {
	p      *Peer
	s      *section
	id     string // msid: stream and track
	stream string
	rtp    *webrtc.RTPSender
	w      atomic.Pointer[webrtc.TrackLocalWriter]
	ssrc   uint32
	rtx    uint32
}

// addSenders makes a slot of each m-line that we send on. The first sound and the first picture share a media stream, so that a player
// keeps them in step; the others stand alone.
func (p *Peer) addSenders(d *description) {
	var seen [2]bool
	for i, s := range d.sections {
		if s.reject || !s.send {
			continue
		}
		out := &sender{p: p, s: s, id: "t" + strconv.Itoa(i), stream: "lesson"}
		if seen[s.kind] {
			out.stream = "lesson-" + strconv.Itoa(i)
		}
		seen[s.kind] = true
		p.out = append(p.out, out)
	}
}

// bindSenders learns the SSRCs after the descriptions are set, and checks that each slot sits on its m-line.
func (p *Peer) bindSenders() error {
	by := map[string]*webrtc.RTPSender{}
	for _, t := range p.pc.GetTransceivers() {
		if sender := t.Sender(); sender != nil {
			by[t.Mid()] = sender
		}
	}
	slots := map[uint32]int{}
	for i, s := range p.out {
		s.rtp = by[s.s.mid]
		if s.rtp == nil || s.rtp.Track() != webrtc.TrackLocal(s) {
			return fmt.Errorf("slot %d is not on m-line %q", i, s.s.mid)
		}
		encodings := s.rtp.GetParameters().Encodings
		if len(encodings) != 1 {
			return errors.New("sender has no encoding")
		}
		s.ssrc = uint32(encodings[0].SSRC)
		for _, t := range s.s.codecs {
			if t.rtx {
				s.rtx = uint32(encodings[0].RTX.SSRC)
			}
		}
		slots[s.ssrc] = i
		if s.rtx != 0 {
			slots[s.rtx] = i
		}
	}
	p.outBy.Store(&slots)
	return nil
}

func (s *sender) config() relay.SlotConfig {
	c := relay.SlotConfig{
		Kind: s.s.kind, SSRC: s.ssrc, RTXSSRC: s.rtx,
		PayloadTypes: map[codec.Codec]uint8{}, RTX: map[codec.Codec]uint8{},
		MID: s.s.mid, MIDExt: s.s.ext.mid, TWCCExt: s.s.ext.twcc, CaptureExt: s.s.ext.capture,
		Sink: s,
	}
	for _, t := range s.s.codecs {
		if t.rtx {
			c.RTX[t.codec] = t.pt
		} else {
			c.PayloadTypes[t.codec] = t.pt
		}
	}
	return c
}

// Bind is called by pion when the m-line is negotiated.
func (s *sender) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	w := c.WriteStream()
	s.w.Store(&w)
	if codecs := c.CodecParameters(); len(codecs) > 0 {
		return codecs[0], nil
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind is called by pion at the end.
func (s *sender) Unbind(webrtc.TrackLocalContext) error {
	s.w.Store(nil)
	return nil
}

// ID and StreamID are the msid's two halves.
func (s *sender) ID() string       { return s.id }
func (s *sender) StreamID() string { return s.stream }

// RID is empty: a slot has one encoding.
func (s *sender) RID() string { return "" }

// Kind is audio or video.
func (s *sender) Kind() webrtc.RTPCodecType { return pionKind(s.s.kind) }

// WriteRTP seals and sends one packet (relay.Sink). It does not wait: the socket's buffer is the only queue, and what does not fit or has
// no way yet is dropped.
func (s *sender) WriteRTP(h *rtp.Header, payload []byte) error {
	w := s.w.Load()
	if w == nil || !s.p.ready.Load() {
		s.p.sent.dropped.Add(1)
		return ErrNotConnected
	}
	n, err := (*w).WriteRTP(h, payload)
	if err != nil {
		s.p.sent.dropped.Add(1)
		return err
	}
	s.p.sent.packets.Add(1)
	s.p.sent.bytes.Add(uint64(n))
	return nil
}

// WriteRTCP sends one compound packet (relay.Sink).
func (s *sender) WriteRTCP(pkts []rtcp.Packet) error {
	if !s.p.ready.Load() {
		return ErrNotConnected
	}
	return s.p.pc.WriteRTCP(pkts)
}

var (
	_ relay.Sink        = (*sender)(nil)
	_ webrtc.TrackLocal = (*sender)(nil)
)
