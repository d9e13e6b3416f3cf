package journal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"tongke/media/packet"
)

const (
	segmentExt  = ".seg"
	deadExt     = ".dead"
	lockName    = "lock"
	deletedMark = "deleted"
)

func segmentName(number uint32) string { return fmt.Sprintf("%08d%s", number, segmentExt) }

// entry is one thing to be recorded, in the clear.
type entry struct {
	record
	body []byte
	meta any  // *Event or *Info that body is the JSON of
	gone bool // left out: its source was erased
}

// segment is the file being appended to. Whoever made it calls end or abandon.
type segment struct {
	disk   Disk
	keys   Keys
	lesson string
	path   string
	half   string // where it still is; "" once at its path
	file   File
	header header
	room   int64 // asked for beforehand

	sealers map[keyName]cipher.AEAD
	named   map[uint16]Track // tracks that this segment has told
	size    int64            // bytes that are written
	kept    int64            // bytes that are known to be on the disk
	out     []byte           // bytes to write at size
	sum     counts
	idx     index
	dirty   bool // the last batch is not proven by a next one
}

// begin makes a segment with its header and first info. The first flush puts them on the disk, with whatever was added, and the file at its
// place: a rotation then waits for the disk twice, not three times.
// before is how many bytes of the segment before it are promised, 0: not known.
func begin(disk Disk, keys Keys, dir string, info Info, h header, room, before int64) (*segment, error) {
	if _, err := rand.Read(h.id[:]); err != nil {
		return nil, err
	}
	s := &segment{
		disk: disk, keys: keys, lesson: filepath.Base(dir), header: h, room: room,
		path:    filepath.Join(dir, segmentName(h.number)),
		sealers: map[keyName]cipher.AEAD{}, named: map[uint16]Track{},
	}
	s.half = halfName(s.path)
	if err := os.Remove(s.half); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	s.idx.First, s.idx.Last, s.idx.Info = h.start, h.start, info
	s.out = append(s.out, h.encode()...)
	if err := s.addJSON(kindInfo, h.start, info, 0); err != nil {
		return nil, err
	}
	s.idx.Before = before
	s.addSync(h.start, h.wall, h.up)
	at := s.half
	if runtime.GOOS == "windows" && disk == Disk(system{}) { // which renames no open file
		at, s.half = s.path, ""
	}
	file, err := disk.Create(at)
	if err != nil {
		return nil, err
	}
	s.file = file
	if room > 0 {
		file.Preallocate(room)
	}
	return s, nil
}

// at is the offset that the next record gets.
func (s *segment) at() int64 { return s.size + int64(len(s.out)) }

// sealer is the cipher of a source in this segment.
func (s *segment) sealer(origin, source string) (cipher.AEAD, error) {
	name := keyName{origin, source}
	if a := s.sealers[name]; a != nil {
		return a, nil
	}
	key, err := s.keys.Seal(s.lesson, origin, source)
	if err != nil {
		return nil, err
	}
	a, err := sealer(key, labelSegment, &s.header.id)
	if err != nil {
		return nil, err
	}
	s.sealers[name] = a
	return a, nil
}

// add appends a record with a sealed body.
func (s *segment) add(r record, body []byte, a cipher.AEAD) {
	off := s.at()
	start := len(s.out)
	var head [recordSize]byte
	r.length = len(body) + tagSize
	aad := r.encode(head[:], &s.header.id, off)
	n := nonce(off)
	s.out = append(s.out, head[:]...)
	s.out = a.Seal(s.out, n[:], body, aad)
	sum := crc32.Checksum(s.out[start+recordSize:], castagnoli)
	binary.LittleEndian.PutUint32(s.out[start+44:], sum)
}

// addPlain appends a record with an open body.
func (s *segment) addPlain(r record, body []byte) {
	var head [recordSize]byte
	r.length = len(body)
	r.encode(head[:], &s.header.id, s.at())
	binary.LittleEndian.PutUint32(head[44:], crc32.Checksum(body, castagnoli))
	s.out = append(append(s.out, head[:]...), body...)
}

func (s *segment) addJSON(k kind, at time.Duration, v any, trackID uint16) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	a, err := s.sealer("", "")
	if err != nil {
		return err
	}
	s.add(record{kind: k, track: trackID, arrival: at, capture: at}, body, a)
	return nil
}

// addPacket appends a packet, and its track if this segment has not told it yet.
func (s *segment) addPacket(t Track, e *entry) error {
	a, err := s.sealer(t.Origin, t.Source)
	if err != nil {
		return err
	}
	if _, ok := s.named[t.ID]; !ok {
		if err := s.addJSON(kindTrack, e.arrival, t, t.ID); err != nil {
			return err
		}
		s.named[t.ID] = t
	}
	s.add(e.record, e.body, a)
	return nil
}

// noteBatch remembers where a batch begins.
func (s *segment) noteBatch(at time.Duration) {
	s.idx.Offset = append(s.idx.Offset, s.at())
	s.idx.At = append(s.idx.At, int64(at))
}

// addSync ends a batch, at a block's end if that is worth it.
func (s *segment) addSync(at time.Duration, wall int64, up time.Duration) {
	s.idx.Wall, s.idx.Up = wall, up
	body := make([]byte, 16, blockSize+16)
	binary.LittleEndian.PutUint64(body, uint64(wall))
	binary.LittleEndian.PutUint64(body[8:], uint64(up))
	if s.size == 0 && s.idx.Before > 0 {
		body = binary.LittleEndian.AppendUint64(body, uint64(s.idx.Before))
	}
	if len(s.out) >= padFrom {
		if over := (s.at() + recordSize + 16) % blockSize; over != 0 {
			body = append(body, make([]byte, blockSize-over)...)
		}
	}
	s.addPlain(record{kind: kindSync, arrival: at, capture: at}, body)
}

// flush writes what was added and waits for the disk. After an error the segment must be abandoned.
func (s *segment) flush() error {
	if err := s.write(); err != nil {
		return err
	}
	if err := s.file.Datasync(); err != nil {
		return err
	}
	if s.half != "" {
		if err := s.disk.Rename(s.half, s.path); err != nil {
			return err
		}
		s.half = ""
	}
	s.kept = s.size
	return nil
}

// write hands what was added to the system.
func (s *segment) write() error {
	if _, err := s.file.Write(s.out); err != nil {
		return err
	}
	s.size += int64(len(s.out))
	s.out = s.out[:0]
	return nil
}

// end seals the segment with its index. What is promised is on the disk already, and the index may be missing, so it is only waited for
// where nothing follows.
func (s *segment) end(wait bool) error {
	s.idx.Tracks = s.sum.list()
	if err := s.addIndex(); err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return err
	}
	if s.room > s.size {
		if err := s.file.Truncate(s.size); err != nil { // gives back what was asked for too much
			return err
		}
	}
	if wait {
		if err := s.file.Datasync(); err != nil {
			return err
		}
	}
	return s.file.Close()
}

func (s *segment) addIndex() error {
	body, err := json.Marshal(&s.idx)
	if err != nil {
		return err
	}
	key, err := s.keys.Seal(s.lesson, "", "")
	if err != nil {
		return err
	}
	a, err := sealer(key, labelIndex, &s.header.id)
	if err != nil {
		return err
	}
	s.out = appendIndex(s.out, s.at(), body, &s.header, a, s.idx.Last)
	return nil
}

// appendIndex appends the index record and the trailer: a copy of the header, and where the index is.
func appendIndex(out []byte, off int64, body []byte, h *header, a cipher.AEAD, last time.Duration) []byte {
	var head [recordSize]byte
	r := record{kind: kindIndex, length: nonceSize + len(body) + tagSize, arrival: last, capture: last}
	aad := r.encode(head[:], &h.id, off)
	sealed := make([]byte, nonceSize, r.length)
	_, _ = rand.Read(sealed) // never fails
	sealed = a.Seal(sealed, sealed[:nonceSize], body, aad)
	binary.LittleEndian.PutUint32(head[44:], crc32.Checksum(sealed, castagnoli))
	out = append(append(out, head[:]...), sealed...)
	out = append(out, h.encode()...)
	out = binary.LittleEndian.AppendUint64(out, uint64(off))
	return append(out, trailer...)
}

// abandon leaves the file as it was last known to be on disk. What the system may have lost of it must not be built upon.
func (s *segment) abandon() {
	_ = s.file.Truncate(s.kept)
	_ = s.file.Close()
	if s.half != "" {
		_ = os.Remove(s.half)
	}
}

// note counts an entry that is on the disk.
func (s *segment) note(e *entry, t Track) {
	s.idx.Last = max(s.idx.Last, e.arrival)
	switch m := e.meta.(type) {
	case *Event:
		s.idx.Events = append(s.idx.Events, *m)
	case *Info:
		s.idx.Info = *m
	default:
		s.sum.track(t).add(e.seq, e.arrival, len(e.body))
	}
}

// entryOf copies nothing: body is the caller's.
func entryOf(p *Packet) entry {
	return entry{
		record: record{
			kind: kindPacket, flags: p.Flags & keptFlags, track: p.Track, timestamp: p.Timestamp, seq: p.Seq,
			capture: p.Capture, arrival: p.Arrival,
		},
		body: p.Payload,
	}
}

func packetOf(r *record, payload []byte) Packet {
	return Packet{
		Track: r.track, Seq: r.seq, Timestamp: r.timestamp, Capture: r.capture, Arrival: r.arrival,
		Flags: r.flags & packet.Flags(keptFlags), Payload: payload,
	}
}
