package relay

import (
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// The reasons for which a packet is dropped, as they are named in figures.
const (
	dropDuplicate = iota // came twice, or older than the cache
	dropStale            // of a publisher that has been relieved
	dropLate             // before its slot's binding, or too late for its place
	dropSink             // the connection took nothing more
	dropSlow             // rest of a frame after dropSink
	dropCodec            // of a codec that the subscriber did not accept
	dropReasons
)

var dropNames = [dropReasons]string{"duplicate", "stale", "late", "sink-full", "frame-rest", "codec"}

// ForwardBuckets are the upper bounds, in seconds, of Stats.Forward: from arrival in the box to the flush to the socket.
var ForwardBuckets = [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1}

// Stats are figures since the start.
type Stats struct {
	In, Out       map[string]Count // by kind: "audio", "video"; Out also "rtx"
	Dropped       map[string]uint64
	Subscribers   int
	Forward       [len(ForwardBuckets) + 1]uint64 // packets by the first bucket they fit
	ForwardSum    time.Duration
	Sources       []SourceStats
	ForwardPasses uint64 // packets observed in Forward
}

// Count is packets and payload bytes.
type Count struct{ Packets, Bytes uint64 }

// SourceStats tell of one layer of a present source.
type SourceStats struct {
	Key         track.Key
	Layer       track.Layer
	Codec       codec.Codec
	Packets     uint64
	Missing     uint64        // numbers that never came, within the window of the cache
	BitrateBPS  float64       // payload, over the last second
	Delay       time.Duration // from capture to arrival here, smoothed; 0 = capture not known
	MaxDelay    time.Duration // over the last 10 s
	LastArrival packet.Time
	Slots       int // slots it feeds
}

// counters are the relay's own figures; its goroutine owns them.
type counters struct {
	audioIn, videoIn   Count
	audioOut, videoOut Count
	rtx                Count
	dropped            [dropReasons]uint64
	forward            [len(ForwardBuckets) + 1]uint64
	forwardSum         time.Duration
	forwardCount       uint64
}

func (c *counters) in(b *packet.Buffer) {
	at := &c.audioIn
	if b.Codec.Video() {
		at = &c.videoIn
	}
	at.Packets++
	at.Bytes += uint64(len(b.Payload()))
}

func (c *counters) out(b *packet.Buffer, n int) {
	at := &c.audioOut
	if b.Codec.Video() {
		at = &c.videoOut
	}
	at.Packets++
	at.Bytes += uint64(n)
}

func (c *counters) drop(reason int) { c.dropped[reason]++ }

// observe files the time that the packets of a batch spent in the box.
func (c *counters) observe(arrivals []packet.Time, now packet.Time) {
	for _, at := range arrivals {
		d := max(now.Sub(at), 0)
		i := 0
		for i < len(ForwardBuckets) && d.Seconds() > ForwardBuckets[i] {
			i++
		}
		c.forward[i]++
		c.forwardSum += d
		c.forwardCount++
	}
}

// upStats are the figures of one layer.
type upStats struct {
	packets, bytes uint64
	gen            uint32
	maxSeq         uint64
	missing        uint64
	delay          time.Duration
	worst          [10]time.Duration // by second
	second         int
	since          packet.Time
	sinceBytes     uint64
	bitrate        float64
}

func (u *upStats) count(b *packet.Buffer, now packet.Time) {
	if u.gen != b.Gen || u.packets == 0 {
		u.gen, u.maxSeq = b.Gen, b.Seq
	} else if b.Seq > u.maxSeq {
		u.missing += b.Seq - u.maxSeq - 1
		u.maxSeq = b.Seq
	} else if u.missing > 0 {
		u.missing-- // late, but here
	}
	u.packets++
	u.bytes += uint64(len(b.Payload()))
	if b.Capture != 0 {
		d := b.Arrival.Sub(b.Capture)
		if u.delay == 0 {
			u.delay = d
		}
		u.delay += (d - u.delay) / 16 // the gain of RFC 3550 §6.4.1
		u.worst[u.second] = max(u.worst[u.second], d)
	}
}

func (u *upStats) tick(now packet.Time) {
	if u.since == 0 {
		u.since, u.sinceBytes = now, u.bytes
		return
	}
	if d := now.Sub(u.since); d >= time.Second {
		u.bitrate = float64(u.bytes-u.sinceBytes) * 8 / d.Seconds()
		u.since, u.sinceBytes = now, u.bytes
		u.second = (u.second + 1) % len(u.worst)
		u.worst[u.second] = 0
	}
}

// Stats reads the figures.
func (r *Relay) Stats() (out Stats) {
	_ = r.call(func() {
		c := &r.counts
		out = Stats{
			In:          map[string]Count{"audio": c.audioIn, "video": c.videoIn},
			Out:         map[string]Count{"audio": c.audioOut, "video": c.videoOut, "rtx": c.rtx},
			Dropped:     map[string]uint64{},
			Subscribers: len(r.subs),
			Forward:     c.forward, ForwardSum: c.forwardSum, ForwardPasses: c.forwardCount,
		}
		for i, n := range c.dropped {
			out.Dropped[dropNames[i]] = n
		}
		for _, l := range r.lessons {
			for _, k := range l.order {
				for _, u := range r.sources[k].ups {
					out.Sources = append(out.Sources, u.figures())
				}
			}
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if out.Dropped != nil {
		out.Dropped["overload"] = r.lost
	}
	return out
}

func (u *upTrack) figures() SourceStats {
	s := SourceStats{
		Key: u.src.info.Key, Layer: u.layer, Codec: u.src.info.Codec,
		Packets: u.stats.packets, Missing: u.stats.missing, BitrateBPS: u.stats.bitrate, Delay: u.stats.delay, LastArrival: u.last,
	}
	for _, d := range u.stats.worst {
		s.MaxDelay = max(s.MaxDelay, d)
	}
	for _, sl := range u.src.slots {
		if sl.current == u {
			s.Slots++
		}
	}
	return s
}
