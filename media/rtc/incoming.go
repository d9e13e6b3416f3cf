package rtc

import (
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// waiting bounds what is kept for a SetSink that has not come yet: a keyframe of 350 kB.
const waiting = 256

// Incoming is one stream that we receive: a publisher's sound or one layer of its picture, or one slot of an uplink.
type Incoming struct {
	Kind  track.Kind
	MID   string
	RID   track.Layer // "" without simulcast
	Codec codec.Codec // H264, VP8, or Opus (each packet says whether it is RED, and on an uplink, G.711); None on an uplink's video slot, which carries both
	SSRC  uint32
	Slot  int // on an uplink: the index among the m-lines we receive on

	r    *receiver
	done chan struct{}
	sink atomic.Pointer[func(*packet.Buffer)]

	// guarded by r.mu
	section   *section
	clock     uint32 // Hz
	over      bool
	log       recvLog
	reception reception
	capture   captureClock
	keyframes keyframes
	lastTS    uint32
	stats     IncomingStats
	firSeq    uint8

	mu    sync.Mutex
	queue []*packet.Buffer
}

// IncomingStats are the figures of one stream since its beginning.
type IncomingStats struct {
	Packets, Bytes uint64 // media, without retransmissions
	Repaired       uint64 // packets that came as a retransmission
	Lost           uint64 // given up
	Duplicates     uint64
	Nacks          uint64 // packets asked for again
	Keyframes      uint64
	Requests       uint64 // for a keyframe
	Dropped        uint64 // too long, or nobody took them
}

func newIncoming(r *receiver, s *section, rid track.Layer, ssrc uint32) *Incoming {
	in := &Incoming{Kind: s.kind, MID: s.mid, RID: rid, SSRC: ssrc, r: r, section: s, done: make(chan struct{}), clock: 48000}
	if s.kind == track.Video {
		in.clock = 90000
	} else {
		in.Codec = codec.Opus
	}
	if s.kind == track.Video && r.local {
		in.Codec = s.codecs[0].codec
	}
	return in
}

// take makes a buffer of one packet, or nil. It is called with r.mu held and allocates nothing but the buffer, which is pooled.
func (in *Incoming) take(pkt *rtp.Packet, isRTX bool, now packet.Time) *packet.Buffer {
	seq, payload := pkt.SequenceNumber, pkt.Payload
	w := in.r.types[pkt.PayloadType&127]
	if isRTX || w.rtx {
		if !w.rtx || len(payload) < 2 {
			return nil // a probe
		}
		// RFC 4588 §4: the payload begins with the original sequence number.
		seq = uint16(payload[0])<<8 | uint16(payload[1])
		payload = payload[2:]
		w = in.r.types[w.apt&127]
	}
	if w.codec == codec.None || w.codec.Video() != (in.Kind == track.Video) {
		in.stats.Dropped++
		return nil
	}
	if isRTX && !in.log.started {
		return nil // what it repairs was before our time
	}
	ext, receipt, overflow := in.log.receive(seq, now)
	if overflow && in.Kind == track.Video {
		in.keyframes.want(false)
		in.r.asked = true
	}
	if rate := w.codec.ClockRate(); rate != in.clock && receipt == fresh {
		// The sender has changed to a voice of another clock: what was known of its timestamps is of the former (RFC 7160 §4.3).
		in.clock, in.capture, in.reception.hasTransit = rate, captureClock{}, false
	}
	if !isRTX {
		in.stats.Packets++
		in.stats.Bytes += uint64(len(payload))
		if receipt != tooLate {
			in.reception.packet(ext, pkt.Timestamp, in.clock, now)
		}
	}
	if receipt == again || receipt == tooLate {
		in.stats.Duplicates++
		return nil
	}
	if len(payload) == 0 {
		if receipt == fresh {
			in.log.pad(ext)
		}
		return nil
	}
	buf := packet.Get()
	if !buf.SetPayload(payload) {
		buf.Release()
		in.stats.Dropped++
		return nil
	}
	if id := in.r.ext.capture; id != 0 && !isRTX {
		if x := pkt.GetExtension(id); x != nil {
			in.capture.extension(pkt.Timestamp, x)
		}
	}
	in.fill(buf, pkt, w.codec, in.log.number(ext), receipt, isRTX, now)
	return buf
}

// fill writes everything but the payload.
func (in *Incoming) fill(b *packet.Buffer, pkt *rtp.Packet, c codec.Codec, seq uint64, receipt receipt, isRTX bool, now packet.Time) {
	b.Seq, b.Timestamp, b.Codec, b.Arrival = seq, pkt.Timestamp, c, now
	if pkt.Marker {
		b.Flags |= packet.Marker
	}
	if isRTX {
		b.Flags |= packet.Repaired
		in.stats.Repaired++
	}
	if in.r.clock.known && c.ClockRate() == in.clock { // else it is late, of the time before the clock changed
		if at, ok := in.capture.time(pkt.Timestamp, in.clock); ok {
			b.Capture = min(at.Add(in.r.clock.value), now) // nothing is captured after it came
		}
	}
	if in.Kind == track.Audio {
		return
	}
	info := codec.Inspect(c, b.Payload())
	if info.BFrame {
		in.r.bframes++
	}
	if info.Keyframe {
		b.Flags |= packet.Keyframe
		in.stats.Keyframes++
		in.keyframes.came()
	}
	// Of a late H264 packet it cannot be told whether another of its frame comes before it.
	if info.FrameStart && (c == codec.VP8 || info.Keyframe || receipt == fresh && (pkt.Timestamp != in.lastTS || in.stats.Packets <= 1)) {
		b.Flags |= packet.FrameStart
	}
	if receipt == fresh {
		in.lastTS = pkt.Timestamp
	}
}

// deliver hands b to the sink, or keeps it a while for a sink that has not come.
func (in *Incoming) deliver(b *packet.Buffer) {
	if f := in.sink.Load(); f != nil {
		(*f)(b)
		return
	}
	in.mu.Lock()
	f := in.sink.Load()
	if f == nil && len(in.queue) < waiting {
		in.queue = append(in.queue, b)
		in.mu.Unlock()
		return
	}
	in.mu.Unlock()
	if f != nil {
		(*f)(b)
		return
	}
	b.Release()
}

// SetSink sets who gets the packets, and hands over those that wait, oldest first. f owns each buffer's reference, is called from the
// connection's reading goroutine, and must not block. It is set once, at the beginning or whenever the stream is wanted.
func (in *Incoming) SetSink(f func(*packet.Buffer)) {
	for {
		in.mu.Lock()
		queue := in.queue
		in.queue = nil
		if len(queue) == 0 {
			in.sink.Store(&f)
			in.mu.Unlock()
			return
		}
		in.mu.Unlock()
		for _, b := range queue {
			f(b)
		}
	}
}

// flush drops what still waits at the end.
func (in *Incoming) flush() {
	in.mu.Lock()
	queue := in.queue
	in.queue = nil
	in.mu.Unlock()
	for _, b := range queue {
		b.Release()
	}
}

// RequestKeyframe asks the sender for a keyframe: once a second, twice at once, an urgent request always. It does not block.
func (in *Incoming) RequestKeyframe(urgent bool) {
	if in.Kind != track.Video {
		return
	}
	in.r.mu.Lock()
	in.keyframes.want(urgent)
	in.r.asked = true
	in.r.mu.Unlock()
	in.r.p.poke()
}

// Done is closed when the stream is over: its peer has ended, or another SSRC has taken its place.
func (in *Incoming) Done() <-chan struct{} { return in.done }

// Peer is the connection that the stream came by.
func (in *Incoming) Peer() *Peer { return in.r.p }

// Close drops the stream: whatever else comes of its SSRC begins a new one. Harmless after the end.
func (in *Incoming) Close() {
	in.r.mu.Lock()
	in.end()
	in.r.mu.Unlock()
	in.flush()
}

// end is called with r.mu held.
func (in *Incoming) end() {
	if !in.over {
		in.over = true
		close(in.done)
	}
}

// Stats are the figures of the moment.
func (in *Incoming) Stats() IncomingStats {
	in.r.mu.Lock()
	defer in.r.mu.Unlock()
	s := in.stats
	s.Lost, s.Nacks = in.log.lost, in.log.asked
	return s
}
