package peer

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
)

// meter measures one source as it arrives at a classroom, over as many connections as it takes. Its owner holds the lock.
type meter struct {
	kind    string
	codec   codec.Codec // of the latest packet
	loss    losses
	video   frames
	voice   playout
	since   packet.Time // when the present connection was asked for
	joined  time.Duration
	packets uint64
	bytes   uint64
	nacks   uint64
	plis    uint64
	last    packet.Time // latest arrival

	lastTS  uint32
	lastAt  packet.Time
	jitter  float64 // RFC 3550 §6.4.1, in seconds
	latency *hdrhistogram.Histogram
	jitters *hdrhistogram.Histogram
	report  *rtcp.SenderReport

	rateFrom  packet.Time
	rateBytes uint64
	rate      float64
	lastPLI   packet.Time

	observe func(Observation)
	window  packet.Time // when the figures began anew; 0: at the beginning
	before  struct{ expected, originals, repaired uint64 }
}

// Histograms hold microseconds up to a minute at 2 digits (1 %).
const histMax = 60e6

func newMeter(kind string) *meter {
	return &meter{kind: kind, latency: hdrhistogram.New(1, histMax, 2), jitters: hdrhistogram.New(1, histMax, 2)}
}

// ipOverhead is what IPv4, UDP and SRTP's tag add to an RTP packet.
const ipOverhead = 20 + 8 + 10

// begin starts a new connection's stream.
func (m *meter) begin(now packet.Time) {
	m.loss.end()
	m.video.restart()
	m.since = now
	m.lastAt, m.report = 0, nil
}

// anew makes the figures count from now on. What is known of the stream stays.
func (m *meter) anew(now packet.Time) {
	m.voice.advance(now)
	m.window = now
	m.before.expected, m.before.originals, m.before.repaired = m.loss.expected(), m.loss.originals, m.loss.repaired
	m.packets, m.bytes, m.nacks, m.plis = 0, 0, 0, 0
	m.video.shown, m.video.keyframes, m.video.freezes, m.video.frozen, m.video.longest = 0, 0, 0, 0, 0
	m.voice.total, m.voice.concealed = 0, 0
	m.latency.Reset()
	m.jitters.Reset()
}

// push takes one packet as it came from the network, or out of a retransmission.
func (m *meter) push(h *rtp.Header, payload []byte, c codec.Codec, captureID uint8, repair bool, now packet.Time) {
	if m.observe == nil {
		m.take(h, payload, c, captureID, repair, now)
		return
	}
	shown := m.video.shown
	fresh := m.take(h, payload, c, captureID, repair, now)
	m.observe(Observation{Kind: m.kind, Codec: c, Timestamp: h.Timestamp, Payload: payload, At: now, Repair: repair, Fresh: fresh,
		Shown: int(m.video.shown - shown)})
}

// take is push; it reports whether the packet had not been seen before.
func (m *meter) take(h *rtp.Header, payload []byte, c codec.Codec, captureID uint8, repair bool, now packet.Time) bool {
	size := uint64(h.MarshalSize() + len(payload) + ipOverhead)
	m.packets++
	m.bytes += size
	m.last = now
	m.codec = c
	m.countRate(size, now)
	if len(payload) == 0 {
		return false // padding: a probe
	}
	ext, fresh, restarted := m.loss.note(h.SequenceNumber, repair, now)
	if restarted {
		m.video.restart()
	}
	if !fresh {
		return false
	}
	if m.joined == 0 && !c.Video() {
		m.joined = now.Sub(m.since)
	}
	newFrame := m.lastAt == 0 || int32(h.Timestamp-m.lastTS) > 0
	if !repair && newFrame {
		m.measure(h, captureID, c, now)
		m.lastTS, m.lastAt = h.Timestamp, now
	}
	switch c {
	case codec.H264, codec.VP8:
		m.video.push(slot{seq: ext, timestamp: h.Timestamp, marker: h.Marker, keyframe: codec.Inspect(c, payload).Keyframe}, now)
		if m.joined == 0 && m.video.shown > 0 {
			m.joined = now.Sub(m.since)
		}
	case codec.RED:
		blocks := codec.Blocks(payload)
		for b, ok := blocks.Next(); ok; b, ok = blocks.Next() {
			if len(b.Payload) > 0 {
				m.voice.push(h.Timestamp-b.Offset, now)
			}
		}
	case codec.Opus:
		m.voice.push(h.Timestamp, now)
	}
	return true
}

// measure takes latency and jitter from the first packet of a frame, as libwebrtc does: the others of a frame are delayed by the pacer.
func (m *meter) measure(h *rtp.Header, captureID uint8, c codec.Codec, now packet.Time) {
	rate := float64(c.ClockRate())
	if m.lastAt != 0 {
		d := now.Sub(m.lastAt).Seconds() - float64(int32(h.Timestamp-m.lastTS))/rate
		if d < 0 {
			d = -d
		}
		if d < 5 { // not across a pause
			m.jitter += (d - m.jitter) / 16
			_ = m.jitters.RecordValue(max(1, int64(m.jitter*1e6))) // out of range: left out
		}
	}
	var capture packet.Time
	if ext := h.GetExtension(captureID); captureID != 0 && len(ext) >= 8 {
		var e rtp.AbsCaptureTimeExtension
		if err := e.Unmarshal(ext); err == nil {
			capture = packet.FromNTP(e.Timestamp)
		}
	}
	if capture == 0 && m.report != nil {
		ticks := int32(h.Timestamp - m.report.RTPTime)
		capture = packet.FromNTP(m.report.NTPTime).Add(time.Duration(float64(ticks) / rate * float64(time.Second)))
	}
	if capture != 0 {
		_ = m.latency.RecordValue(max(1, now.Sub(capture).Microseconds())) // out of range: left out
	}
}

func (m *meter) countRate(size uint64, now packet.Time) {
	if m.rateFrom == 0 {
		m.rateFrom = now
	}
	m.rateBytes += size
	if d := now.Sub(m.rateFrom); d >= time.Second {
		m.rate = float64(m.rateBytes) * 8 / d.Seconds()
		m.rateFrom, m.rateBytes = now, 0
	}
}

// feedback is what a receiver would send now: NACK for what is missing, PLI while nothing can be decoded.
func (m *meter) feedback(ssrc uint32, now packet.Time) []rtcp.Packet {
	var out []rtcp.Packet
	seqs, abandoned := m.loss.missing(now)
	if len(seqs) > 0 {
		out = append(out, &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
		m.nacks++
	}
	if abandoned {
		m.video.giveUp()
	}
	if m.video.needsKeyframe() && now.Sub(m.lastPLI) > 500*time.Millisecond {
		m.lastPLI = now
		m.plis++
		out = append(out, &rtcp.PictureLossIndication{MediaSSRC: ssrc})
	}
	return out
}

// Quantiles of a measure in milliseconds.
type Quantiles struct{ P50, P95, P99, Max float64 }

func quantiles(h *hdrhistogram.Histogram) Quantiles {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Quantiles{ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(95)), ms(h.ValueAtQuantile(99)), ms(h.Max())}
}

// TrackStats is what was measured of one source.
type TrackStats struct {
	Codec             string
	Packets, Bytes    uint64  // as received, with IP, UDP and SRTP overhead
	BitrateBPS        float64 // over the latest second; 0 when nothing came for 2 s
	LossBeforePercent float64 // of the packets sent, missing as first transmissions
	LossAfterPercent  float64 // missing after retransmission (redundancy in the voice shows in Concealed)
	LatencyMs         Quantiles
	JitterMs          Quantiles
	PDVMs             Quantiles     // RFC 5481 packet delay variation: latency above the least one
	Join              time.Duration // from the first request to the first decodable frame or voice packet
	Silent            time.Duration // since the latest packet; 0 before the first one

	Frames, Keyframes uint64        // pictures that could be decoded
	Freezes           int           // gaps of more than three frame intervals and 150 ms, also one that lasts
	Frozen, Longest   time.Duration // all of them together, the longest
	Voice, Concealed  uint64        // 20 ms frames that were due, and that were not there
	NACKs, PLIs       uint64
}

func (m *meter) stats(now packet.Time) TrackStats {
	m.voice.advance(now)
	s := TrackStats{Codec: m.codec.String(), Packets: m.packets, Bytes: m.bytes, BitrateBPS: m.rate,
		LatencyMs: quantiles(m.latency), JitterMs: quantiles(m.jitters), Join: m.joined,
		Frames: m.video.shown, Keyframes: m.video.keyframes, Freezes: m.video.freezes, Frozen: m.video.frozen, Longest: m.video.longest,
		Voice: m.voice.total, Concealed: m.voice.concealed, NACKs: m.nacks, PLIs: m.plis}
	if m.last != 0 {
		s.Silent = now.Sub(m.last)
		if s.Silent > 2*time.Second {
			s.BitrateBPS = 0
		}
	}
	least := float64(m.latency.Min()) / 1000
	if m.latency.TotalCount() > 0 {
		l := s.LatencyMs
		s.PDVMs = Quantiles{l.P50 - least, l.P95 - least, l.P99 - least, l.Max - least}
	}
	if sent := m.loss.expected() - m.before.expected; sent > 0 {
		originals := m.loss.originals - m.before.originals
		s.LossBeforePercent = percent(sent-min(sent, originals), sent)
		s.LossAfterPercent = percent(sent-min(sent, originals+m.loss.repaired-m.before.repaired), sent)
	}
	if still := m.video.still(now, m.window); still > 0 {
		s.Freezes++
		s.Frozen += still
		s.Longest = max(s.Longest, still)
	}
	return s
}

func percent(part, whole uint64) float64 { return 100 * float64(part) / float64(whole) }
