package rtc

import (
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// defaultInterceptors gives a stock peer what pion's users have: retransmissions, reports, transport feedback, simulcast's extensions.
func defaultInterceptors(t testing.TB, media *webrtc.MediaEngine) *interceptor.Registry {
	t.Helper()
	r := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// drainRTCP reads a sender's RTCP, without which pion answers no NACK, and tells each request for a keyframe.
func drainRTCP(s *webrtc.RTPSender, pli chan<- struct{}) {
	for {
		pkts, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range pkts {
			if _, ok := p.(*rtcp.PictureLossIndication); ok && pli != nil {
				select {
				case pli <- struct{}{}:
				default:
				}
			}
		}
	}
}
