package journal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"tongke/media/packet"
)

// The byte layout of the README, in one place.
const (
	headerSize  = 128
	recordSize  = 48
	trailerSize = headerSize + 16
	tagSize     = 16
	nonceSize   = 12
	blockSize   = 4096
	padFrom     = 16 << 10 // batches of this size and more end at a block's end

	recordMark = 0x6b74
	trailer    = "tkindex\n"

	maxBody = 16 << 20 // no record is longer; a damaged length must not make a reader allocate
)

var magic = [8]byte{'t', 'k', 'j', 'r', 'n', 'l', 0, 1}

type kind uint8

const (
	kindPacket kind = 1 + iota
	kindTrack
	kindInfo
	kindEvent
	kindSync
	kindIndex
	kindErased
)

// keptFlags are the flags of a packet that a record has room for.
const keptFlags = packet.Marker | packet.Keyframe | packet.FrameStart | packet.Repaired

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errRecord means that the bytes at an offset are no record of this segment.
var errRecord = errors.New("no record here")

type segmentID [16]byte

// header begins a segment.
type header struct {
	id     segmentID
	number uint32
	tracks uint16        // highest track id before this segment
	start  time.Duration // journal time
	zero   int64         // wall time at journal time 0, Unix ns
	wall   int64         // wall time at start, Unix ns
	boot   [16]byte
	up     time.Duration // since boot, at start
}

func (h *header) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, magic[:])
	copy(b[8:], h.id[:])
	le := binary.LittleEndian
	le.PutUint32(b[24:], h.number)
	le.PutUint16(b[28:], h.tracks)
	le.PutUint64(b[32:], uint64(h.start))
	le.PutUint64(b[40:], uint64(h.zero))
	le.PutUint64(b[48:], uint64(h.wall))
	copy(b[56:], h.boot[:])
	le.PutUint64(b[72:], uint64(h.up))
	le.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
	return b
}

func (h *header) decode(b []byte) error {
	if len(b) < headerSize || !bytes.Equal(b[:7], magic[:7]) {
		return fmt.Errorf("not a segment: %w", ErrDamaged)
	}
	le := binary.LittleEndian
	if crc32.Checksum(b[:124], castagnoli) != le.Uint32(b[124:]) { // of every version
		return fmt.Errorf("segment header: %w", ErrDamaged)
	}
	if b[7] != magic[7] {
		return fmt.Errorf("segment of version %d: %w", b[7], ErrNewer)
	}
	copy(h.id[:], b[8:])
	h.number = le.Uint32(b[24:])
	h.tracks = le.Uint16(b[28:])
	h.start = time.Duration(le.Uint64(b[32:]))
	h.zero = int64(le.Uint64(b[40:]))
	h.wall = int64(le.Uint64(b[48:]))
	copy(h.boot[:], b[56:])
	h.up = time.Duration(le.Uint64(b[72:]))
	if h.start < 0 {
		return fmt.Errorf("segment header: %w", ErrDamaged)
	}
	return nil
}

// record is the header of one record.
type record struct {
	kind      kind
	flags     packet.Flags
	length    int // of the body in the file
	track     uint16
	timestamp uint32
	seq       uint64
	capture   time.Duration
	arrival   time.Duration
	bodySum   uint32
}

// encode writes all but the body's sum into b and gives the part that a sealed body authenticates.
func (r *record) encode(b []byte, id *segmentID, offset int64) (aad []byte) {
	le := binary.LittleEndian
	le.PutUint16(b, recordMark)
	b[2], b[3] = byte(r.kind), byte(r.flags&keptFlags)
	le.PutUint32(b[4:], uint32(r.length))
	le.PutUint16(b[8:], r.track)
	le.PutUint16(b[10:], 0)
	le.PutUint32(b[12:], r.timestamp)
	le.PutUint64(b[16:], r.seq)
	le.PutUint64(b[24:], uint64(r.capture))
	le.PutUint64(b[32:], uint64(r.arrival))
	le.PutUint32(b[40:], recordSum(b[:40], id, offset))
	return b[:40:40]
}

func recordSum(b []byte, id *segmentID, offset int64) uint32 {
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], uint64(offset))
	sum := crc32.Update(0, castagnoli, id[:])
	sum = crc32.Update(sum, castagnoli, at[:])
	return crc32.Update(sum, castagnoli, b)
}

func (r *record) decode(b []byte, id *segmentID, offset int64) error {
	le := binary.LittleEndian
	if len(b) < recordSize || le.Uint16(b) != recordMark || le.Uint32(b[40:]) != recordSum(b[:40], id, offset) {
		return errRecord
	}
	length := le.Uint32(b[4:])
	if length > maxBody {
		return errRecord
	}
	r.kind, r.flags, r.length = kind(b[2]), packet.Flags(b[3])&keptFlags, int(length)
	r.track = le.Uint16(b[8:])
	r.timestamp = le.Uint32(b[12:])
	r.seq = le.Uint64(b[16:])
	r.capture = time.Duration(le.Uint64(b[24:]))
	r.arrival = time.Duration(le.Uint64(b[32:]))
	r.bodySum = le.Uint32(b[44:])
	return nil
}

// Labels of derived keys.
const (
	labelSegment = "tongke journal segment 1"
	labelIndex   = "tongke journal index 1"
)

// sealer is AES-256-GCM under a key of one segment and one source.
func sealer(key []byte, label string, id *segmentID) (cipher.AEAD, error) {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(label))
	m.Write(id[:])
	block, err := aes.NewCipher(m.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonce is a record's offset: one segment holds one record at an offset.
func nonce(offset int64) (n [12]byte) {
	binary.BigEndian.PutUint64(n[4:], uint64(offset))
	return n
}

// index is the summary that ends a segment in order.
type index struct {
	First  time.Duration `json:"first"`
	Last   time.Duration `json:"last"`
	Wall   int64         `json:"wall"` // at Last, Unix ns
	Up     time.Duration `json:"up"`   // since the machine's start, at Last
	Info   Info          `json:"info"`
	Tracks []trackIndex  `json:"tracks"`
	Events []Event       `json:"events,omitempty"`
	Erased []ErasedRange `json:"erased,omitempty"`
	Offset []int64       `json:"offset"`           // of each batch,
	At     []int64       `json:"at"`               // and its first journal time in ns
	Before int64         `json:"before,omitempty"` // promised bytes of the segment before
}

// trackIndex is what a segment holds of a track.
type trackIndex struct {
	Track Track `json:"track"`
	Count
}

// Count is how much there is of a track.
type Count struct {
	Packets  int           `json:"packets"`
	Bytes    int64         `json:"bytes"` // of payload
	FirstSeq uint64        `json:"firstSeq"`
	LastSeq  uint64        `json:"lastSeq"` // the highest, not the newest in the file
	First    time.Duration `json:"first"`   // arrival
	Last     time.Duration `json:"last"`
}

func (c *Count) add(seq uint64, arrival time.Duration, bytes int) {
	if c.Packets == 0 {
		c.FirstSeq, c.LastSeq, c.First = seq, seq, arrival
	}
	c.Packets++
	c.Bytes += int64(bytes)
	c.FirstSeq, c.LastSeq = min(c.FirstSeq, seq), max(c.LastSeq, seq)
	c.Last = arrival
}

func (c *Count) merge(o Count) {
	if c.Packets == 0 {
		*c = o
		return
	}
	if o.Packets == 0 {
		return
	}
	c.Packets += o.Packets
	c.Bytes += o.Bytes
	c.FirstSeq, c.LastSeq = min(c.FirstSeq, o.FirstSeq), max(c.LastSeq, o.LastSeq)
	c.First, c.Last = min(c.First, o.First), max(c.Last, o.Last)
}

// counts adds up a segment's tracks while it is written or scanned.
type counts struct {
	by    map[uint16]*trackIndex
	order []uint16
}

func (c *counts) track(t Track) *trackIndex {
	if c.by == nil {
		c.by = map[uint16]*trackIndex{}
	}
	ti := c.by[t.ID]
	if ti == nil {
		ti = &trackIndex{Track: t}
		c.by[t.ID] = ti
		c.order = append(c.order, t.ID)
	}
	return ti
}

func (c *counts) list() []trackIndex {
	out := make([]trackIndex, 0, len(c.order))
	for _, id := range c.order {
		out = append(out, *c.by[id])
	}
	return out
}
