package peer

import (
	"bytes"
	"encoding/binary"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
)

// tapFactory makes the interceptor through which a session sees every RTP packet at the moment it is read from the network. pion itself
// hands retransmissions over only with the next packet of the track, which would make them look late.
type tapFactory struct{ s *watchSession }

// NewInterceptor implements interceptor.Factory.
func (f tapFactory) NewInterceptor(string) (interceptor.Interceptor, error) { return &tap{s: f.s}, nil }

type tap struct {
	interceptor.NoOp
	s *watchSession
}

// BindRemoteStream implements interceptor.Interceptor.
func (t *tap) BindRemoteStream(info *interceptor.StreamInfo, next interceptor.RTPReader) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, a, err := next.Read(b, a)
		if err == nil {
			t.s.take(b[:n], packet.Now())
		}
		return n, a, err
	})
}

// earlyPacket waits until its m-line is known.
type earlyPacket struct {
	header  rtp.Header
	payload []byte
	at      packet.Time
}

const maxEarly = 256

// take measures one packet.
func (s *watchSession) take(raw []byte, now packet.Time) {
	if len(raw) < 12 {
		return
	}
	s.heard.Store(int64(now))
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	st := s.stream(binary.BigEndian.Uint32(raw[8:]))
	if st.meter == nil {
		raw = bytes.Clone(raw) // the reader's buffer is used again
	}
	var h rtp.Header
	n, err := h.Unmarshal(raw)
	if err != nil {
		return
	}
	end := len(raw)
	if h.Padding && end > n {
		if pad := int(raw[end-1]); pad <= end-n {
			end -= pad
		}
	}
	p := earlyPacket{header: h, payload: raw[n:end], at: now}
	if st.meter == nil {
		if len(st.early) < maxEarly {
			st.early = append(st.early, p)
		}
		return
	}
	st.push(p)
}

// push hands a packet to the meter, a retransmission (RFC 4588 §4: the original sequence number comes first) as the packet it repairs.
func (st *watchStream) push(p earlyPacket) {
	repair := p.header.SSRC != uint32(st.track.SSRC())
	if repair {
		if len(p.payload) < 2 {
			return // a probe
		}
		p.header.SequenceNumber = binary.BigEndian.Uint16(p.payload)
		p.payload = p.payload[2:]
		st.meter.push(&p.header, p.payload, st.meter.codec, st.captureID, true, p.at)
		return
	}
	c := st.meter.codec
	switch p.header.PayloadType { // as we offered them; a box answers with the same ones
	case opusPT:
		c = codec.Opus
	case redPT:
		c = codec.RED
	case h264PT:
		c = codec.H264
	case vp8PT:
		c = codec.VP8
	}
	st.meter.push(&p.header, p.payload, c, st.captureID, false, p.at)
}
