package relay

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/layer"
	"tongke/media/packet"
	"tongke/media/track"
)

// Sink is where the packets of one slot leave. It is called only from the relay's goroutine and must never block: what cannot be
// sent now is dropped and an error returned. Header, payload and reports are valid only during the call.
type Sink interface {
	WriteRTP(h *rtp.Header, payload []byte) error
	WriteRTCP(p []rtcp.Packet) error
}

// SlotConfig is one negotiated place for a source on a connection.
type SlotConfig struct {
	Kind    track.Kind
	SSRC    uint32
	RTXSSRC uint32 // 0: no retransmission stream

	PayloadTypes map[codec.Codec]uint8 // what the peer takes; without RED the primary block is unpacked
	RTX          map[codec.Codec]uint8 // payload type of the retransmissions of a codec (RFC 4588)

	MID                         string
	MIDExt, TWCCExt, CaptureExt uint8 // ids of the one-byte header extensions (RFC 8285), 0: not negotiated

	Sink Sink
}

// Size is how large a picture is worth being, where its source has several layers: a tile needs no more than the lowest.
type Size uint8

const (
	Largest Size = iota
	Middle
	Smallest
)

// BindOptions say how a slot follows its source.
type BindOptions struct {
	Layer      track.Layer
	FixedLayer bool        // only Layer, instead of the best present one
	Size       Size        // without FixedLayer: no layer above this is taken, and its maker is told that this one is wanted
	OnBound    func(Bound) // called just before a binding's first packet, from the relay's goroutine; must not block
}

// Bound gives the constants of a binding: origin number = slot number − FirstSlotSequence + OriginSequence (both 48 bits; the low 16 bits
// of the slot number are in the RTP header), origin timestamp = slot timestamp − TimestampOffset.
type Bound struct {
	Info              SourceInfo
	Layer             track.Layer
	Gen               uint32
	Codec             codec.Codec
	FirstSlotSequence uint64
	OriginSequence    uint64
	TimestampOffset   uint32
}

const (
	maxRetransmits  = 512                    // packets that may be sent again in a burst, and
	retransmitShare = 1                      // so many more for each packet sent
	resendAfter     = 15 * time.Millisecond  // the same packet is not sent again sooner: NACKs overlap
	pliEvery        = 2 * time.Second        // keyframes one slot may cause by PLI alone, after pliBurst
	pliBurst        = 3                      //
	pliEveryBox     = 500 * time.Millisecond // the same for the slot of a box
	reportEvery     = time.Second            // sender reports
	captureEvery    = 100 * time.Millisecond // abs-capture-time; receivers interpolate
	retryKeyframe   = 500 * time.Millisecond // while a slot waits for one

	// Frames of a replay at once; longer ones only when no keyframe comes for pastAfter. A replay has to be decoded before anything is seen:
	// 50 frames of 720p took a browser without hardware 0.7 to 1.2 s, a new keyframe comes in 0.1 to 0.2 s. A box that is given the past hands
	// it on with its own times, which a player takes for jitter and then delays everything by.
	shortPast      = 12
	shortPastOfBox = 3
	pastAfter      = 400 * time.Millisecond
)

// slot is one place on a connection and what feeds it now. The relay's goroutine owns it.
type slot struct {
	sub *Subscriber
	cfg SlotConfig

	key     track.Key // as asked for; zero when unbound
	opts    BindOptions
	src     *source
	current *upTrack // forwarding from here
	target  *upTrack // waiting for a keyframe of this one
	askedAt packet.Time
	since   packet.Time // when target was first waited for
	aim     aim

	w        rewriter
	replayAt uint64 // origin number the replay has reached; 0 when there is none
	quota    int    // packets of a replay a step

	ids     vp8IDs
	out     header
	rtxSeq  uint16
	credit  float64
	resent  [64]resend
	pli     bucket
	skip    bool // the rest of this frame is dropped: its sink was full
	skipTS  uint32
	report  packet.Time // when the last sender report went out
	sent    uint32      // packets and
	octets  uint32      // payload bytes under the media SSRC
	capture packet.Time // when a capture time was last sent
	errs    uint64
	refused codec.Codec // what came last that the peer does not take
}

type resend struct {
	seq uint64
	at  packet.Time
}

// bind makes the slot follow a key. Another size of the same source is no new binding: what plays goes on until the other layer is there.
func (s *slot) bind(key track.Key, o BindOptions, now packet.Time) {
	if s.src != nil && s.key == key && !o.FixedLayer && !s.opts.FixedLayer && o.Size != s.opts.Size {
		s.opts, s.aim.since = o, 0
		s.choose(now)
		s.src.updateDemand(now)
		return
	}
	s.unbind()
	s.key, s.opts, s.refused = key, o, codec.None
	s.attach(now)
}

func (s *slot) unbind() {
	s.detach()
	s.key, s.opts = track.Key{}, BindOptions{}
}

// attach connects the slot to the source that its key means now.
func (s *slot) attach(now packet.Time) {
	src := s.sub.r.find(s.key)
	if src == s.src {
		return
	}
	s.detach()
	if src == nil {
		return
	}
	s.src = src
	src.slots = append(src.slots, s)
	s.choose(now)
	src.updateDemand(now)
}

// detach leaves the source but not the wish.
func (s *slot) detach() {
	s.lose()
	src := s.src
	if src == nil {
		return
	}
	s.src = nil
	src.slots = slices.DeleteFunc(src.slots, func(o *slot) bool { return o == s })
	src.updateDemand(packet.Now())
	if src.maker == nil && src.unused() {
		src.forget()
		delete(s.sub.r.sources, src.info.Key)
	}
}

// lose ends the flow; the slot's numbers stay.
func (s *slot) lose() {
	s.w.release()
	s.current, s.target, s.replayAt = nil, nil, 0
	s.aim = aim{}
}

// choose picks the layer to wait for, and starts with it at once where the past allows.
func (s *slot) choose(now packet.Time) {
	if s.src == nil || s.src.maker == nil {
		return
	}
	want := s.best()
	if want == nil || want == s.current {
		s.target = nil
		return
	}
	if want != s.target {
		s.target, s.askedAt, s.since = want, 0, now
	}
	if s.cfg.Kind == track.Video && s.fromPast(want, now) {
		return
	}
	if s.cfg.Kind == track.Video && (s.askedAt == 0 || now.Sub(s.askedAt) > retryKeyframe) {
		s.askedAt = now
		want.requestKeyframe(now, false)
	}
}

func (s *slot) best() *upTrack {
	if s.opts.FixedLayer {
		if slices.Contains(s.src.info.Layers, s.opts.Layer) {
			return s.src.up(s.opts.Layer)
		}
		return nil
	}
	var room [4]layer.State
	now := packet.Now()
	states := s.src.present(room[:0], now)
	i := s.aimed(states, now)
	if i < 0 {
		return nil
	}
	return s.src.up(states[i].Layer)
}

// fromPast starts a slot from the cached keyframe of u, if that is short enough a way back. A slot that is playing rather waits for the next
// one: the past would be shown twice.
func (s *slot) fromPast(u *upTrack, now packet.Time) bool {
	first, ok := u.cache.start(now)
	if !ok || s.current != nil {
		return false
	}
	b := u.cache.get(first)
	var frames []uint64
	n := u.cache.frames(first, func(f uint64) { frames = append(frames, f) })
	edge := u.cache.get(u.cache.highest)
	short := shortPast
	if s.sub.exact {
		short = shortPastOfBox
	}
	if n > short && now.Sub(s.since) < pastAfter {
		return false
	}
	if n == 0 || edge == nil || b.Gen != u.gen || !s.canCarry(b.Codec) {
		return false
	}
	s.begun(u, b, func() { s.w.beginReplay(u, b, frames, edge, captured(edge)) })
	s.replayAt = first
	// All of it within 100 ms: 20 steps of replayEvery, and never fewer than 8 packets a step.
	s.quota = max(8, int(u.cache.highest-first+1)/20)
	s.sub.r.replaying = append(s.sub.r.replaying, s)
	return true
}

// begun switches the slot over to u, starting with b.
func (s *slot) begun(u *upTrack, b *packet.Buffer, begin func()) {
	rate := s.w.rate
	begin()
	if s.w.rate != rate {
		s.report = 0 // a peer maps timestamps to wall time by the last report (RFC 7160 §4.3), which was of the other clock
	}
	s.current, s.target, s.replayAt, s.refused = u, nil, 0, codec.None
	s.capture, s.skip = 0, false
	s.ids.begin(b)
	if s.opts.OnBound != nil {
		s.opts.OnBound(Bound{
			Info: s.src.info, Layer: u.layer, Gen: b.Gen, Codec: b.Codec,
			FirstSlotSequence: s.w.now.slotFirst, OriginSequence: s.w.now.first, TimestampOffset: s.w.now.tsOffset,
		})
	}
}

// offer gives the slot a packet that has just come in.
func (s *slot) offer(u *upTrack, b *packet.Buffer, now packet.Time) {
	if u == s.target || b.Is(packet.Keyframe) && u != s.current && (u == s.aim.up || s.current == nil && slices.Contains(s.aim.lower, u)) || (u == s.current && b.Gen != s.w.now.gen && int32(b.Gen-s.w.now.gen) > 0) {
		s.maySwitch(u, b)
	}
	if u != s.current || (s.replayAt != 0 && b.Seq >= s.replayAt) {
		return // the replay will come to it
	}
	s.forward(b, now)
}

// maySwitch begins with b if a decoder can.
func (s *slot) maySwitch(u *upTrack, b *packet.Buffer) {
	if !s.canCarry(b.Codec) {
		s.refuse(b.Codec)
		return
	}
	if s.cfg.Kind == track.Video && !b.Is(packet.Keyframe) {
		if u == s.current {
			u.requestKeyframe(b.Arrival, false) // the publisher began anew without one
		}
		return
	}
	s.begun(u, b, func() { s.w.begin(u, b, captured(b)) })
}

// refuse counts a packet that the peer cannot take, and says so once a binding.
func (s *slot) refuse(c codec.Codec) {
	s.sub.r.counts.drop(dropCodec)
	if s.refused != c {
		s.refused = c
		s.sub.r.log.Info("subscriber does not take the codec", "peer", s.sub.name, "source", s.key.Source, "codec", c.String())
	}
}

func (s *slot) canCarry(c codec.Codec) bool {
	if c == codec.RED {
		c = codec.Opus // can always be unpacked
	}
	_, ok := s.cfg.PayloadTypes[c]
	return ok
}

// replay moves each replaying slot on by its share.
func (r *Relay) replay(now packet.Time) {
	r.replaying = slices.DeleteFunc(r.replaying, func(s *slot) bool {
		if s.replayAt == 0 || s.current == nil {
			s.replayAt = 0
			return true
		}
		c := &s.current.cache
		at := max(s.replayAt, c.oldest())
		for n := 0; n < s.quota && at <= c.highest; at++ {
			if b := c.get(at); b != nil {
				s.forward(b, now)
				n++
			}
			if s.current == nil {
				return true // nothing can be sent yet
			}
		}
		if s.replayAt = at; at > c.highest {
			s.replayAt = 0
			return true
		}
		return false
	})
}

// tick repeats what was asked in vain and sends a report.
func (s *slot) tick(now packet.Time) {
	s.pli.fill(now)
	if s.current != nil && s.sent > 0 && now.Sub(s.report) >= reportEvery {
		s.report = now
		s.sendReport(now)
	}
}
