package rtc

import (
	"time"

	"github.com/pion/rtcp"

	"tongke/media/packet"
	"tongke/media/track"
)

const (
	twccTicks   = 3                             // transport feedback each 60 ms: libwebrtc wants 50 to 100
	reportTicks = uint(time.Second / nackEvery) // reception reports each second
	maxBlocks   = 31                            // in one reception report (RFC 3550 §6.4.2)
	firstRTT    = 100 * time.Millisecond        // until ICE has measured one
	leastRTT    = 5 * time.Millisecond          // below it, disorder counts for more
	maxRTT      = time.Second                   // above it, a repair is no use
)

// tick sends what is due of feedback: retransmission requests each time (serve sends them sooner), transport feedback and reports more seldom.
// It runs in the peer's goroutine, each nackEvery.
func (r *receiver) tick(now packet.Time) {
	if !r.p.ready.Load() {
		return
	}
	r.mu.Lock()
	r.ticks++
	report := r.ticks%reportTicks == 0
	var out []rtcp.Packet
	out = r.requests(now, out)
	out = r.nacks(now, out)
	if r.hasTWCC && r.ticks%twccTicks == 0 {
		r.hasTWCC = false
		out = append(out, r.twcc.BuildFeedbackPacket()...)
	}
	if report {
		out = r.reports(now, out)
	}
	r.mu.Unlock()

	// Reduced-size RTCP (RFC 5506); each feedback of a burst may be as long as a datagram, so each goes alone.
	for len(out) > 0 {
		n, size := 0, 0
		for n < len(out) && (n == 0 || size+out[n].MarshalSize() <= maxCompound) {
			size += out[n].MarshalSize()
			n++
		}
		r.write(out[:n])
		out = out[n:]
	}
	if report {
		rtt := r.p.measureRTT() // asks pion, without the lock
		r.mu.Lock()
		if r.rtt == 0 || rtt == 0 {
			r.rtt = rtt
		} else {
			r.rtt += (rtt - r.rtt) / 4 // a box that was busy once must not slow repairs for long
		}
		r.mu.Unlock()
	}
}

// maxCompound bounds one RTCP datagram in bytes.
const maxCompound = 1100

// requests appends the requests for keyframes that are due.
func (r *receiver) requests(now packet.Time, out []rtcp.Packet) []rtcp.Packet {
	if !r.asked {
		return out
	}
	r.asked = false
	if !r.p.ready.Load() {
		r.asked = true // as soon as they can leave
		return out
	}
	for _, in := range r.incoming {
		if in.keyframes.due(now) {
			in.stats.Requests++
			out = append(out, in.request())
		}
		r.asked = r.asked || in.keyframes.wanted
	}
	return out
}

// request is a PLI, or a FIR where the other side takes only that.
func (in *Incoming) request() rtcp.Packet {
	for _, f := range in.section.codecs[0].feedback {
		if f == "nack pli" {
			return &rtcp.PictureLossIndication{SenderSSRC: in.r.ssrc, MediaSSRC: in.SSRC}
		}
	}
	for _, f := range in.section.codecs[0].feedback {
		if f == "ccm fir" {
			in.firSeq++
			return &rtcp.FullIntraRequest{SenderSSRC: in.r.ssrc, MediaSSRC: in.SSRC, FIR: []rtcp.FIREntry{{SSRC: in.SSRC, SequenceNumber: in.firSeq}}}
		}
	}
	return &rtcp.PictureLossIndication{SenderSSRC: in.r.ssrc, MediaSSRC: in.SSRC}
}

// nacks appends the retransmission requests of each stream that can be repaired.
func (r *receiver) nacks(now packet.Time, out []rtcp.Packet) []rtcp.Packet {
	rtt := r.rtt
	if rtt == 0 {
		rtt = firstRTT
	}
	rtt = min(max(rtt, leastRTT), maxRTT)
	r.gap, r.retry = false, 0
	var scratch [nackPerTick]uint16
	for _, in := range r.incoming {
		if len(in.log.missing) == 0 || in.over {
			continue
		}
		if in.Kind == track.Audio { // its redundancy is in RED; nothing is asked for again
			in.log.lost += uint64(len(in.log.missing))
			in.log.missing = in.log.missing[:0]
			continue
		}
		seqs := in.log.nacks(now, rtt, scratch[:0])
		for _, g := range in.log.missing {
			if g.next > now && (r.retry == 0 || g.next < r.retry) {
				r.retry = g.next
			}
		}
		if len(seqs) == 0 {
			continue
		}
		n := &rtcp.TransportLayerNack{SenderSSRC: r.ssrc, MediaSSRC: in.SSRC}
		nackPairs(seqs, func(id, mask uint16) {
			n.Nacks = append(n.Nacks, rtcp.NackPair{PacketID: id, LostPackets: rtcp.PacketBitmap(mask)})
		})
		out = append(out, n)
	}
	return out
}

// reports appends reception reports of all streams.
func (r *receiver) reports(now packet.Time, out []rtcp.Packet) []rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	flush := func() {
		if len(blocks) > 0 {
			out = append(out, &rtcp.ReceiverReport{SSRC: r.ssrc, Reports: blocks})
			blocks = nil
		}
	}
	for _, in := range r.incoming {
		if !in.reception.started || in.over {
			continue
		}
		if blocks = append(blocks, in.reception.block(in.SSRC, now)); len(blocks) == maxBlocks {
			flush()
		}
	}
	flush()
	return out
}
