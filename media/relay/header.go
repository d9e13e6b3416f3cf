package relay

import (
	"encoding/binary"

	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
)

// header holds two RTP headers of a slot, without and with a capture time, made once: per packet only their bytes change.
type header struct {
	plain, timed rtp.Header
	twcc         [2]byte
	captureTime  [8]byte
	ready        bool
}

func (h *header) init(cfg *SlotConfig) {
	for _, out := range []*rtp.Header{&h.plain, &h.timed} {
		out.Version, out.SSRC = 2, cfg.SSRC
		if cfg.TWCCExt != 0 {
			_ = out.SetExtension(cfg.TWCCExt, h.twcc[:]) // fails only on ids and sizes that do not occur here
		}
		if cfg.MIDExt != 0 && cfg.MID != "" {
			_ = out.SetExtension(cfg.MIDExt, []byte(cfg.MID))
		}
	}
	if cfg.CaptureExt != 0 {
		_ = h.timed.SetExtension(cfg.CaptureExt, h.captureTime[:])
	}
	h.ready = true
}

// prepare picks the header for b and gives it the connection's next transport-wide number
// (draft-holmer-rmcat-transport-wide-cc-extensions-01) and, now and then, the capture time (abs-capture-time, in this box's NTP time).
func (h *header) prepare(s *slot, b *packet.Buffer, now packet.Time) *rtp.Header {
	if s.cfg.TWCCExt != 0 {
		binary.BigEndian.PutUint16(h.twcc[:], s.sub.nextTWCC())
	}
	if s.cfg.CaptureExt != 0 && b.Capture != 0 && (s.capture == 0 || now.Sub(s.capture) >= captureEvery) {
		s.capture = now
		binary.BigEndian.PutUint64(h.captureTime[:], b.Capture.NTP())
		return &h.timed
	}
	return &h.plain
}

// vp8IDs keeps picture ids and TL0PICIDX (RFC 7741 §4.2) running on when the layer or the source changes: a decoder takes a step back for
// an old frame.
type vp8IDs struct {
	used             bool
	lastPID, pidStep uint16
	lastTL0, tl0Step uint8
}

// begin makes the ids of the binding that starts with b follow the last ones.
func (v *vp8IDs) begin(b *packet.Buffer) {
	if b.Codec != codec.VP8 || !v.used {
		return
	}
	if d, ok := codec.ParseVP8(b.Payload()); ok && d.HasID {
		v.pidStep = (v.lastPID + 1 - d.PictureID) & 0x7fff
		v.tl0Step = v.lastTL0 + 1 - d.TL0PicIdx
	}
}

// rewrite returns p, or a changed copy in scratch.
func (v *vp8IDs) rewrite(p, scratch []byte) []byte {
	d, ok := codec.ParseVP8(p)
	if !ok || !d.HasID {
		return p
	}
	v.used = true
	pid, tl0 := (d.PictureID+v.pidStep)&0x7fff, d.TL0PicIdx+v.tl0Step
	v.lastPID, v.lastTL0 = pid, tl0
	if v.pidStep == 0 && v.tl0Step == 0 {
		return p
	}
	out := scratch[:copy(scratch, p)]
	codec.VP8SetIDs(out, pid, tl0)
	return out
}
