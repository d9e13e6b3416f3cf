package rtc

import (
	"github.com/pion/rtcp"

	"tongke/media/packet"
)

// takeRTCP takes one RTCP packet that concerns ssrc. pion calls it once for each SSRC that a packet names.
func (p *Peer) takeRTCP(ssrc uint32, b []byte, now packet.Time) {
	pkts, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	slot, ours := 0, false
	if slots := p.outBy.Load(); slots != nil {
		slot, ours = (*slots)[ssrc]
	}
	if ours {
		if f := p.onRTCP.Load(); f != nil {
			for i, pkt := range pkts {
				// A reception report may ride on a sender report; to our slot they are the same (RFC 3550 §6.4).
				if sr, ok := pkt.(*rtcp.SenderReport); ok {
					pkts[i] = &rtcp.ReceiverReport{SSRC: sr.SSRC, Reports: sr.Reports}
				}
			}
			(*f)(slot, pkts)
		}
		return
	}
	for _, pkt := range pkts {
		if sr, ok := pkt.(*rtcp.SenderReport); ok && sr.SSRC == ssrc {
			p.recv.takeReport(sr, now)
		}
	}
}
