package relay

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"

	"tongke/media/packet"
)

// handleRTCP answers what the peer asks of a slot.
func (s *slot) handleRTCP(pkts []rtcp.Packet, now packet.Time) {
	for _, p := range pkts {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			if p.MediaSSRC == s.cfg.SSRC {
				s.handleNACK(p.Nacks, now)
			}
		case *rtcp.PictureLossIndication:
			if p.MediaSSRC == s.cfg.SSRC {
				s.handlePLI(now)
			}
		case *rtcp.FullIntraRequest:
			for _, f := range p.FIR {
				if f.SSRC == s.cfg.SSRC {
					s.handlePLI(now)
					break
				}
			}
		}
	}
}

// handlePLI asks for a keyframe on behalf of one subscriber, whose budget keeps it from costing the others their picture.
func (s *slot) handlePLI(now packet.Time) {
	if s.current == nil || !s.pli.take(now) {
		return
	}
	s.current.requestKeyframe(now, false)
}

// handleNACK sends again what the cache still has, on the slot's RTX stream (RFC 4588), as far as the slot's credit goes: a peer that
// floods NACKs gets what it was sent a second time at most.
func (s *slot) handleNACK(pairs []rtcp.NackPair, now packet.Time) {
	if s.cfg.RTXSSRC == 0 {
		return
	}
	for _, pair := range pairs {
		s.resend(pair.PacketID, now)
		for i := range uint16(16) {
			if pair.LostPackets&(1<<i) != 0 {
				s.resend(pair.PacketID+i+1, now)
			}
		}
	}
}

func (s *slot) resend(seq16 uint16, now packet.Time) {
	in, origin, ok := s.w.find(seq16)
	if !ok || s.credit < 1 {
		return
	}
	b := in.up.cache.get(origin)
	if b == nil || b.Gen != in.gen {
		return
	}
	pt, ok := s.cfg.RTX[b.Codec]
	if !ok {
		return
	}
	mem := &s.resent[origin%uint64(len(s.resent))]
	if mem.seq == origin && now.Sub(mem.at) < resendAfter {
		return
	}
	mem.seq, mem.at = origin, now
	s.credit--
	s.sendRTX(b, seq16, s.w.timestamp(in, b), pt, now)
}

// sendRTX writes b under the RTX SSRC: its own numbers, and the original one before the payload (RFC 4588 §4).
func (s *slot) sendRTX(b *packet.Buffer, original uint16, ts uint32, pt uint8, now packet.Time) {
	r := s.sub.r
	p := r.scratch[:len(b.Payload())+2]
	binary.BigEndian.PutUint16(p, original)
	copy(p[2:], b.Payload())
	s.rtxSeq++
	h := s.out.prepare(s, b, now)
	defer func() { h.SSRC = s.cfg.SSRC }() // the header is the slot's
	h.SSRC, h.PayloadType, h.SequenceNumber, h.Timestamp, h.Marker = s.cfg.RTXSSRC, pt, s.rtxSeq, ts, b.Is(packet.Marker)
	if err := s.cfg.Sink.WriteRTP(h, p); err != nil {
		r.counts.drop(dropSink)
		return
	}
	r.counts.rtx.Packets++
	r.counts.rtx.Bytes += uint64(len(p))
}

// sendReport says where the slot's timestamps stand in wall time (RFC 3550 §6.4.1), by capture time where it is known: sound and
// pictures of one source are aligned by it.
func (s *slot) sendReport(now packet.Time) {
	since := min(max(now.Sub(s.w.lastAt), 0), time.Minute)
	_ = s.cfg.Sink.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{ // a report that cannot be sent is followed by the next
		SSRC:        s.cfg.SSRC,
		NTPTime:     now.NTP(),
		RTPTime:     s.w.lastTS + uint32(int64(since)*int64(s.w.rate)/int64(time.Second)),
		PacketCount: s.sent,
		OctetCount:  s.octets,
	}})
}
