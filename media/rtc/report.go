package rtc

import (
	"time"

	"github.com/pion/rtcp"

	"tongke/media/packet"
)

// reception keeps the figures of a reception report block (RFC 3550 §6.4.1, A.3, A.8) of one stream. Retransmissions have a stream of
// their own and are not counted here. The zero value is ready.
type reception struct {
	started       bool
	first         uint64
	highest       uint64
	received      uint64
	expectedPrior uint64
	receivedPrior uint64

	transit    uint32
	hasTransit bool
	jitter     uint32 // in timestamp units, times 16

	lsr        uint32 // middle 32 bits of the last sender report's NTP time
	lsrArrival packet.Time
}

// packet counts one media packet.
func (r *reception) packet(ext uint64, timestamp uint32, clock uint32, arrival packet.Time) {
	if !r.started {
		r.started, r.first, r.highest = true, ext, ext
	}
	r.received++
	r.first = min(r.first, ext)
	r.highest = max(r.highest, ext)

	// Arrival in timestamp units: split, so that nothing overflows.
	units := uint32(uint64(arrival)/1e9*uint64(clock) + uint64(arrival)%1e9*uint64(clock)/1e9)
	transit := units - timestamp
	if r.hasTransit {
		d := int32(transit - r.transit)
		if d < 0 {
			d = -d
		}
		r.jitter += uint32(d) - (r.jitter+8)>>4
	}
	r.transit, r.hasTransit = transit, true
}

// senderReport notes a report for LSR and DLSR.
func (r *reception) senderReport(ntp uint64, arrival packet.Time) {
	r.lsr, r.lsrArrival = uint32(ntp>>16), arrival
}

// block is the report at now.
func (r *reception) block(ssrc uint32, now packet.Time) rtcp.ReceptionReport {
	expected := r.highest - r.first + 1
	lost := int64(expected) - int64(r.received)
	expectedNow, receivedNow := expected-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = expected, r.received
	b := rtcp.ReceptionReport{SSRC: ssrc, LastSequenceNumber: uint32(r.highest), Jitter: r.jitter >> 4}
	if lostNow := int64(expectedNow) - int64(receivedNow); expectedNow > 0 && lostNow > 0 {
		b.FractionLost = uint8(min(lostNow<<8/int64(expectedNow), 255))
	}
	b.TotalLost = uint32(min(max(lost, 0), 1<<23-1)) // 24 bits, signed; what duplicates would take away is not counted
	if r.lsr != 0 {
		b.LastSenderReport = r.lsr
		b.Delay = uint32(now.Sub(r.lsrArrival) * 65536 / time.Second)
	}
	return b
}
