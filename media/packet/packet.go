// Package packet holds one media packet as the relay keeps it: without its hop (SSRC, payload type, extensions, padding) and with its
// identity (48-bit origin sequence), times and flags. Buffers come from a pool and are counted.
package packet

import (
	"sync"
	"sync/atomic"

	"tongke/media/codec"
)

// MaxPayload is the largest RTP payload that a Buffer holds: an Ethernet frame less IPv4, UDP and RTP headers.
const MaxPayload = 1500 - 20 - 8 - 12

// Flags say what a payload is, so that nothing after the first look parses it again.
type Flags uint8

const (
	Marker     Flags = 1 << iota // RTP marker: last packet of a video frame, first of a talk spurt
	Keyframe                     // carries the start of a keyframe: a decoder may begin here
	FrameStart                   // first packet of a video frame, where that can be told
	Repaired                     // came as a retransmission
)

// Buffer is one packet. Who gets a *Buffer to read may use it until its call returns and calls Retain to keep it longer; everything but
// the reference count is then read-only. The one who filled it calls Release when it has handed the buffer over.
type Buffer struct {
	Seq       uint64      // extended sequence (48 bits); see relay.Up for who numbers
	Timestamp uint32      // RTP timestamp of the origin, in Codec.ClockRate units
	Gen       uint32      // counts restarts of a publisher's numbering: sequence and timestamp compare only within one Gen
	Arrival   Time        // when it reached this box
	Capture   Time        // when it was captured, on this box's media clock; 0 = not known
	Codec     codec.Codec // what the payload is (a voice track may mix Opus and RED)
	Flags     Flags

	n    int
	refs atomic.Int32
	data [MaxPayload]byte
}

var pool = sync.Pool{New: func() any { return new(Buffer) }}

// Get returns an empty buffer with one reference.
func Get() *Buffer {
	b := pool.Get().(*Buffer)
	b.Seq, b.Timestamp, b.Gen, b.Arrival, b.Capture, b.Codec, b.Flags, b.n = 0, 0, 0, 0, 0, codec.None, 0, 0
	b.refs.Store(1)
	return b
}

// SetPayload copies p in and reports false, changing nothing, when p is longer than MaxPayload.
func (b *Buffer) SetPayload(p []byte) bool {
	if len(p) > MaxPayload {
		return false
	}
	b.n = copy(b.data[:], p)
	return true
}

// Payload is the RTP payload. It belongs to the buffer.
func (b *Buffer) Payload() []byte { return b.data[:b.n] }

// Retain adds a reference.
func (b *Buffer) Retain() { b.refs.Add(1) }

// Release drops a reference; the last one returns the buffer to the pool.
func (b *Buffer) Release() {
	if n := b.refs.Add(-1); n == 0 {
		pool.Put(b)
	} else if n < 0 {
		panic("packet: released twice") // a programming fault here, never the outside's doing
	}
}

// Is reports whether all of f are set.
func (b *Buffer) Is(f Flags) bool { return b.Flags&f == f }
