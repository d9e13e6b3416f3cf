package relay

import (
	"time"

	"tongke/media/packet"
	"tongke/media/track"
)

const (
	videoCache = 1024 // packets: 2 s of 4 Mb/s in packets of 1200 bytes, and a keyframe more
	audioCache = 128  // 2.5 s of 20 ms packets
	// cacheAge bounds what a joiner is given from the past. Browsers' groups of pictures are open-ended, so an older keyframe is no
	// start: it would be a burst of seconds.
	cacheAge = 2 * time.Second
)

// cache keeps the newest packets of one up track by origin number, for retransmission and for joiners. The relay's goroutine owns it.
type cache struct {
	ring    []*packet.Buffer
	highest uint64 // newest number; 0 = empty

	key     uint64 // number of the newest keyframe's first packet; 0 = none
	keyTS   uint32
	keyTime packet.Time
}

func (c *cache) init(k track.Kind) {
	n := audioCache
	if k == track.Video {
		n = videoCache
	}
	c.ring = make([]*packet.Buffer, n)
}

func (c *cache) mask() uint64 { return uint64(len(c.ring) - 1) }

// put stores b and takes over one reference; it reports false, and stores nothing, for a duplicate or what is too old.
func (c *cache) put(b *packet.Buffer) bool {
	if b.Seq+uint64(len(c.ring)) <= c.highest || b.Seq == 0 {
		return false
	}
	at := &c.ring[b.Seq&c.mask()]
	if old := *at; old != nil {
		if old.Seq == b.Seq {
			return false
		}
		old.Release()
	}
	*at = b
	if b.Is(packet.Keyframe) {
		switch {
		case c.key == 0 || (b.Seq > c.key && b.Timestamp != c.keyTS):
			c.key, c.keyTS, c.keyTime = b.Seq, b.Timestamp, b.Arrival
		case b.Timestamp == c.keyTS && b.Seq < c.key:
			c.key = b.Seq // the parameter sets came after the slice that they belong to
		}
	}
	c.highest = max(c.highest, b.Seq)
	return true
}

// get is the packet of a number, or nil. It stays the cache's.
func (c *cache) get(seq uint64) *packet.Buffer {
	if b := c.ring[seq&c.mask()]; b != nil && b.Seq == seq {
		return b
	}
	return nil
}

// start is the number at which a joiner may begin from the past; ok is false when the newest keyframe is gone or too old.
func (c *cache) start(now packet.Time) (seq uint64, ok bool) {
	if c.key == 0 || now.Sub(c.keyTime) > cacheAge || c.get(c.key) == nil {
		return 0, false
	}
	return c.key, true
}

// oldest is the smallest number that can still be there.
func (c *cache) oldest() uint64 {
	if c.highest < uint64(len(c.ring)) {
		return 0
	}
	return c.highest - uint64(len(c.ring)) + 1
}

// frames counts the video frames from a number to the newest packet, and calls f with each frame's first number.
func (c *cache) frames(from uint64, f func(first uint64)) int {
	n := 0
	var ts uint32
	for seq := max(from, c.oldest()); seq <= c.highest; seq++ {
		b := c.get(seq)
		if b == nil || (n > 0 && b.Timestamp == ts) {
			continue
		}
		n, ts = n+1, b.Timestamp
		if f != nil {
			f(seq)
		}
	}
	return n
}

// forgetKeyframe makes the past unusable as a start: the publisher has begun anew.
func (c *cache) forgetKeyframe() { c.key, c.keyTS, c.keyTime = 0, 0, 0 }

func (c *cache) clear() {
	for i, b := range c.ring {
		if b != nil {
			b.Release()
			c.ring[i] = nil
		}
	}
	c.forgetKeyframe()
}
