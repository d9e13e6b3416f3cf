package relay

import (
	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// forward sends one packet of the current binding.
func (s *slot) forward(b *packet.Buffer, now packet.Time) {
	if s.skip && b.Timestamp == s.skipTS {
		s.sub.r.counts.drop(dropSlow)
		return
	}
	s.skip = false
	payload, pt := s.payload(b)
	if payload == nil {
		return
	}
	seq, ts, ok := s.w.next(b)
	if !ok {
		s.sub.r.counts.drop(dropLate)
		return
	}
	h := s.out.prepare(s, b, now)
	h.PayloadType, h.SequenceNumber, h.Timestamp, h.Marker = pt, uint16(seq), ts, b.Is(packet.Marker)
	s.credit = min(s.credit+retransmitShare, maxRetransmits)
	if err := s.cfg.Sink.WriteRTP(h, payload); err != nil {
		s.errs++
		s.sub.r.counts.drop(dropSink)
		if s.cfg.Kind == track.Video {
			s.skip, s.skipTS = true, b.Timestamp
			if s.sent == 0 {
				s.lose() // the connection is not up yet: begin anew with a keyframe, at the next tick or Bind
			}
		}
		return
	}
	s.sent++
	s.octets += uint32(len(payload))
	s.sub.r.counts.out(b, len(payload))
}

// payload is what goes out for b, and its payload type; nil when the peer cannot take it.
func (s *slot) payload(b *packet.Buffer) ([]byte, uint8) {
	p := b.Payload()
	pt, ok := s.cfg.PayloadTypes[b.Codec]
	if !ok && b.Codec == codec.RED {
		if p, ok = codec.REDPrimary(p); ok {
			pt, ok = s.cfg.PayloadTypes[codec.Opus]
		}
	}
	if !ok {
		return nil, 0
	}
	switch {
	case b.Codec == codec.VP8 && !s.sub.exact:
		p = s.ids.rewrite(p, s.sub.r.scratch)
	case b.Codec == codec.RED && ok && pt == s.cfg.PayloadTypes[codec.RED]:
		p = s.red(p)
	}
	return p, pt
}

// red makes the payload types inside a RED payload (RFC 2198 §3) those of this connection: they belong to the hop like the outer one.
func (s *slot) red(p []byte) []byte {
	opus := s.cfg.PayloadTypes[codec.Opus]
	if len(p) == 0 || p[0]&0x7f == opus || len(p) > packet.MaxPayload {
		return p
	}
	out := s.sub.r.scratch[:copy(s.sub.r.scratch[:packet.MaxPayload], p)]
	codec.REDSetPayloadType(out, opus)
	return out
}
