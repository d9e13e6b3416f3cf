package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const windowSize = 256 << 10

// scanner walks the records of one segment in file order. Whatever bytes it finds, it allocates no more than a record's length and
// finds each whole record.
type scanner struct {
	r    io.ReaderAt
	id   segmentID
	size int64 // bytes that may be looked at
	off  int64 // of the next record

	window []byte
	at     int64 // of the window
}

// bytes are n bytes at off, fewer at the end. They are valid until the next call.
func (s *scanner) bytes(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), s.size-off))
	if n <= 0 {
		return nil, nil
	}
	if off >= s.at && off+int64(n) <= s.at+int64(len(s.window)) {
		return s.window[off-s.at:][:n], nil
	}
	want := int(min(int64(max(n, windowSize)), s.size-off))
	if cap(s.window) < want {
		s.window = make([]byte, want)
	}
	s.window, s.at = s.window[:want], off
	got, err := s.r.ReadAt(s.window, off)
	s.window = s.window[:got]
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.window[:min(n, got)], nil
}

// next gives the header of the record at off and moves on behind it. errRecord when there is none that is whole by its lengths.
func (s *scanner) next(r *record) (off int64, err error) {
	off = s.off
	b, err := s.bytes(off, recordSize)
	if err != nil {
		return off, err
	}
	if err := r.decode(b, &s.id, off); err != nil {
		return off, err
	}
	if off+recordSize+int64(r.length) > s.size {
		return off, errRecord
	}
	s.off = off + recordSize + int64(r.length)
	return off, nil
}

// body reads and checks the body of the record at off; it is valid until the next call. errRecord when it is damaged.
func (s *scanner) body(r *record, off int64) ([]byte, error) {
	b, err := s.bytes(off+recordSize, r.length)
	if err != nil {
		return nil, err
	}
	if len(b) != r.length || crc32.Checksum(b, castagnoli) != r.bodySum {
		return nil, errRecord
	}
	return b, nil
}

// head is the authenticated part of the record at off, a copy.
func (s *scanner) head(off int64) ([40]byte, error) {
	var h [40]byte
	b, err := s.bytes(off, 40)
	if err == nil && copy(h[:], b) < 40 {
		err = errRecord
	}
	return h, err
}

// resync looks from off on for the next place where a record fits; false when there is none.
func (s *scanner) resync(off int64) (bool, error) {
	var mark [2]byte
	binary.LittleEndian.PutUint16(mark[:], recordMark)
	var r record
	for off+recordSize <= s.size {
		b, err := s.bytes(off, windowSize)
		if err != nil || len(b) < recordSize {
			return false, err
		}
		i := bytes.Index(b[:len(b)-recordSize+2], mark[:])
		if i < 0 {
			off += int64(len(b) - recordSize + 1)
			continue
		}
		off += int64(i)
		if b = b[i:]; len(b) >= recordSize && r.decode(b, &s.id, off) == nil && off+recordSize+int64(r.length) <= s.size {
			s.off = off
			return true, nil
		}
		off++
	}
	return false, nil
}
