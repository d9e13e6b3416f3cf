package peer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/testbench/lesson"
)

const (
	// maxRTP is the largest RTP packet that is sent, extensions included; with SRTP, UDP and IP it stays below the smallest usual MTU of 1280.
	maxRTP = 1200
	// headerRoom is what an RTP header with the three extensions takes at most.
	headerRoom = 36
	// spread is the time over which the packets of one frame leave, as a pacer would send them; a keyframe of 40 packets takes all of it.
	spread      = 8 * time.Millisecond
	perTick     = 5 // packets that may leave together
	reportEvery = time.Second
	redBlocks   = 1 // redundant blocks in each voice packet: the one before, as Chromium does
)

// sender sends one clip as a webrtc.TrackLocal. It lives as long as one WHIP session.
type sender struct {
	t    *Teacher
	clip *lesson.Clip
	name string

	mu    sync.Mutex
	bound binding
}

// binding is what the negotiation gave a sender.
type binding struct {
	stream      webrtc.TrackLocalWriter
	ssrc        uint32
	payloadType uint8
	red         bool
	captureID   uint8
}

func newSender(t *Teacher, clip *lesson.Clip, name string) *sender {
	return &sender{t: t, clip: clip, name: name}
}

// Bind implements webrtc.TrackLocal: RED if it was negotiated, else Opus; H264.
func (s *sender) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	wanted := []string{webrtc.MimeTypeH264}
	if s.clip.Codec == codec.Opus {
		wanted = []string{"audio/red", webrtc.MimeTypeOpus}
	}
	for _, mime := range wanted {
		for _, p := range c.CodecParameters() {
			if !strings.EqualFold(p.MimeType, mime) {
				continue
			}
			b := binding{stream: c.WriteStream(), ssrc: uint32(c.SSRC()), payloadType: uint8(p.PayloadType), red: mime == "audio/red"}
			for _, e := range c.HeaderExtensions() {
				if e.URI == captureURI {
					b.captureID = uint8(e.ID)
				}
			}
			s.mu.Lock()
			s.bound = b
			s.mu.Unlock()
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("%s: the box takes none of %v", s.name, wanted)
}

// Unbind implements webrtc.TrackLocal.
func (s *sender) Unbind(webrtc.TrackLocalContext) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound = binding{}
	return nil
}

// ID implements webrtc.TrackLocal.
func (s *sender) ID() string { return s.name }

// RID implements webrtc.TrackLocal.
func (s *sender) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (s *sender) StreamID() string { return "tongke" }

// Kind implements webrtc.TrackLocal.
func (s *sender) Kind() webrtc.RTPCodecType {
	if s.clip.Codec.Video() {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// run sends the clip at the times of the teacher's epoch until ctx ends or the connection refuses a packet.
func (s *sender) run(ctx context.Context, pc *webrtc.PeerConnection) {
	s.mu.Lock()
	b := s.bound
	s.mu.Unlock()
	if b.stream == nil {
		return // the box answered without this track
	}
	if b.red {
		s.t.mu.Lock()
		s.t.stats.RED = true
		s.t.mu.Unlock()
	}
	out := stream{binding: b, sender: s, seq: uint16(rand.Uint32()), base: rand.Uint32()}
	if f := s.t.cfg.Timestamps; f != nil {
		out.base = f(s.name)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	k := int64(packet.Now().Sub(s.t.epoch) / s.clip.Interval())
	for {
		capture := s.t.epoch.Add(unitTime(s.clip, k))
		wait := capture.Sub(packet.Now())
		if wait < -time.Second { // the machine slept
			k = int64(packet.Now().Sub(s.t.epoch) / s.clip.Interval())
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if err := out.sendUnit(k, capture); err != nil {
			return
		}
		if err := out.report(pc); err != nil {
			return
		}
		k++
	}
}

// stream is the RTP state of one run; only its goroutine touches it.
type stream struct {
	binding
	sender   *sender
	seq      uint16
	base     uint32           // RTP timestamp of unit 0
	recent   []codec.REDBlock // the voice packets before, oldest first
	packets  uint32
	octets   uint32
	reported packet.Time
}

// Packetize is the RTP payloads of an encoded picture, as a teacher sends them.
func Packetize(unit []byte) [][]byte {
	var h264 codecs.H264Payloader // keeps parameter sets from one call to the next; each unit has its own
	return h264.Payload(maxRTP-headerRoom, unit)
}

func (o *stream) sendUnit(k int64, capture packet.Time) error {
	clip := o.sender.clip
	unit := clip.Units[k%int64(len(clip.Units))].Data
	timestamp := o.base + uint32(k*int64(clip.Step))
	var payloads [][]byte
	switch {
	case clip.Codec == codec.H264:
		payloads = Packetize(unit)
	case o.red:
		payloads = [][]byte{codec.REDPack(nil, opusPT, unit, o.recent...)}
		for i := range o.recent {
			o.recent[i].Offset += clip.Step
		}
		o.recent = append(o.recent, codec.REDBlock{Offset: clip.Step, Payload: unit})
		o.recent = o.recent[max(0, len(o.recent)-redBlocks):]
	default:
		payloads = [][]byte{unit}
	}
	gap := spread / time.Duration(len(payloads)/perTick+1)
	for i, p := range payloads {
		if i > 0 && i%perTick == 0 {
			time.Sleep(gap)
		}
		h := rtp.Header{Version: 2, Marker: clip.Codec.Video() && i == len(payloads)-1, PayloadType: o.payloadType,
			SequenceNumber: o.seq, Timestamp: timestamp, SSRC: o.ssrc}
		if o.captureID != 0 && i == 0 {
			ext, err := (rtp.AbsCaptureTimeExtension{Timestamp: capture.NTP()}).Marshal()
			if err != nil {
				return err
			}
			if err := h.SetExtension(o.captureID, ext); err != nil {
				return err
			}
		}
		if f := o.sender.t.cfg.Sent; f != nil {
			f(Sent{Track: o.sender.name, Unit: k, Index: i, Packets: len(payloads), At: packet.Now()})
		}
		if _, err := o.stream.WriteRTP(&h, p); err != nil {
			return err
		}
		o.seq++
		o.packets++
		o.octets += uint32(len(p))
	}
	o.count(payloads)
	return nil
}

func (o *stream) count(payloads [][]byte) {
	t := o.sender.t
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range payloads {
		t.stats.Packets++
		t.stats.Bytes += uint64(len(p))
	}
	if o.sender.clip.Codec.Video() {
		t.stats.Frames++
	} else {
		t.stats.VoicePackets++
	}
}

// report sends a sender report (RFC 3550 §6.4.1) once a second: this moment as NTP time and as RTP time of the track.
func (o *stream) report(pc *webrtc.PeerConnection) error {
	now := packet.Now()
	if o.reported != 0 && now.Sub(o.reported) < reportEvery {
		return nil
	}
	o.reported = now
	since := now.Sub(o.sender.t.epoch)
	rate := time.Duration(o.sender.clip.Codec.ClockRate())
	ticks := since/time.Second*rate + since%time.Second*rate/time.Second
	return pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: o.ssrc, NTPTime: now.NTP(), RTPTime: o.base + uint32(ticks),
		PacketCount: o.packets, OctetCount: o.octets}})
}
