package health

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// MinutesFile is the file of the figures in the data directory; the one before it has .old behind its name.
const MinutesFile = "minutes.bin"

const (
	minuteSize = 24
	// Two files of eight days each are 553 kB at most, and the last eight days are always there.
	minutesAFile = 8 * 24 * 60
	// flushAfter minutes are lost at most when the power is cut; flash is written once in that time.
	flushAfter = 5
)

// Figure is one measurement; NaN is none.
type Figure = float64

// Unknown is no measurement.
func Unknown() Figure { return math.NaN() }

// Minute is how the box was in one minute.
type Minute struct {
	At          time.Time // of its beginning
	RateKbps    Figure    // on the uplink, both directions
	LossPercent Figure    // one way
	DelayMs     Figure    // to the parent and back
	Celsius     Figure
	DiskLessons Figure // that still fit
	Up          Figure // share of the minute that the uplink was up; 0 or 1 for one look
}

// Minutes keeps the figures of the last days. Its methods may be called from any goroutine.
//
// A file is a row of records of 24 bytes, big endian: minutes since 1970 (4 bytes), rate in kb/s (4), loss in 1/100 % (2), delay in ms (2),
// temperature in 1/10 ℃ above −100 (2), lessons (2), up in 1/100 (2), zero (2), CRC-32 (IEEE) of all before (4). The highest number of a
// field is no measurement. Records are only appended, so that a power cut takes the last ones at most; what fails its CRC is passed over.
type Minutes struct {
	dir string

	mu      sync.Mutex
	known   map[uint32]Minute // by minute
	waiting []Minute          // not on disk yet
	inFile  int               // records
}

// OpenMinutes reads what is there. A file that cannot be read is begun anew: nothing of a lesson depends on it.
func OpenMinutes(dir string) *Minutes {
	m := &Minutes{dir: dir, known: map[uint32]Minute{}}
	m.read(filepath.Join(dir, MinutesFile) + ".old")
	m.inFile = m.read(filepath.Join(dir, MinutesFile))
	return m
}

// read takes the good records of a file and returns how many places it has.
func (m *Minutes) read(path string) int {
	doc, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	places := min(len(doc)/minuteSize, 2*minutesAFile) // the rest of a file that we did not write is not looked at
	for i := range places {
		if at, ok := decodeMinute(doc[i*minuteSize : (i+1)*minuteSize]); ok {
			m.known[minuteOf(at.At)] = at
		}
	}
	return places
}

func minuteOf(t time.Time) uint32 { return uint32(max(0, min(t.Unix()/60, math.MaxUint32))) }

// Note remembers one minute and, every fifth, writes. An error leaves the minutes for the next try.
func (m *Minutes) Note(at Minute) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at.At = at.At.Truncate(time.Minute)
	m.known[minuteOf(at.At)] = at
	m.waiting = append(m.waiting, at)
	if len(m.waiting) > minutesAFile {
		m.waiting = m.waiting[1:]
	}
	if len(m.waiting)%flushAfter != 0 {
		return nil
	}
	m.forgetLocked(at.At)
	return m.flushLocked()
}

// Flush writes what waits: at a shutdown.
func (m *Minutes) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.flushLocked()
}

// forgetLocked bounds the memory to what the two files hold.
func (m *Minutes) forgetLocked(now time.Time) {
	if len(m.known) <= 2*minutesAFile {
		return
	}
	oldest := minuteOf(now.Add(-minutesAFile * time.Minute))
	for k := range m.known {
		if k < oldest || k > minuteOf(now) { // the future: written under a clock that was wrong
			delete(m.known, k)
		}
	}
}

func (m *Minutes) flushLocked() error {
	if len(m.waiting) == 0 {
		return nil
	}
	path := filepath.Join(m.dir, MinutesFile)
	if m.inFile >= minutesAFile {
		if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write minutes: %w", err)
		}
		m.inFile = 0
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write minutes: %w", err)
	}
	batch := make([]byte, 0, len(m.waiting)*minuteSize)
	for _, w := range m.waiting {
		batch = appendMinute(batch, w)
	}
	// At its place and not at the end: half a record that a power cut left is written over.
	_, err = f.WriteAt(batch, int64(m.inFile)*minuteSize)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write minutes: %w", err)
	}
	m.inFile += len(m.waiting)
	m.waiting = m.waiting[:0]
	return nil
}

// Range are the minutes from start on, steps of step: the mean of what is known in each. A step without any is all Unknown.
func (m *Minutes) Range(start time.Time, step time.Duration, steps int) []Minute {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Minute, steps)
	for i := range out {
		at := start.Add(time.Duration(i) * step)
		var mean means
		for k := minuteOf(at); k < minuteOf(at.Add(step)); k++ {
			if v, ok := m.known[k]; ok {
				mean.add(v)
			}
		}
		out[i] = mean.minute(at)
	}
	return out
}

// fields are a minute's figures in the order of the file.
func (m *Minute) fields() [6]*Figure {
	return [6]*Figure{&m.RateKbps, &m.LossPercent, &m.DelayMs, &m.Celsius, &m.DiskLessons, &m.Up}
}

type means struct {
	sum [6]float64
	n   [6]int
}

func (s *means) add(m Minute) {
	for i, f := range m.fields() {
		if !math.IsNaN(*f) {
			s.sum[i] += *f
			s.n[i]++
		}
	}
}

func (s *means) minute(at time.Time) Minute {
	m := Minute{At: at}
	for i, f := range m.fields() {
		*f = Unknown()
		if s.n[i] > 0 {
			*f = s.sum[i] / float64(s.n[i])
		}
	}
	return m
}

// places of the fields: bytes, and what one is of the unit, and what is added first.
var places = [6]struct {
	bytes      int
	scale, add float64
}{{4, 1, 0}, {2, 100, 0}, {2, 1, 0}, {2, 10, 100}, {2, 1, 0}, {2, 100, 0}}

func appendMinute(b []byte, m Minute) []byte {
	begin := len(b)
	b = binary.BigEndian.AppendUint32(b, minuteOf(m.At))
	for i, f := range m.fields() {
		p := places[i]
		none := uint64(1)<<(8*p.bytes) - 1
		v := none
		if !math.IsNaN(*f) {
			v = uint64(min(max(0, math.Round((*f+p.add)*p.scale)), float64(none-1)))
		}
		if p.bytes == 4 {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		} else {
			b = binary.BigEndian.AppendUint16(b, uint16(v))
		}
	}
	b = append(b, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[begin:]))
}

// decodeMinute reads one record; ok is false for a damaged one.
func decodeMinute(b []byte) (m Minute, ok bool) {
	if len(b) != minuteSize || crc32.ChecksumIEEE(b[:minuteSize-4]) != binary.BigEndian.Uint32(b[minuteSize-4:]) {
		return m, false
	}
	at := binary.BigEndian.Uint32(b)
	if at == 0 {
		return m, false
	}
	m.At = time.Unix(int64(at)*60, 0).UTC()
	pos := 4
	for i, f := range m.fields() {
		p := places[i]
		v := uint64(0)
		for _, c := range b[pos : pos+p.bytes] {
			v = v<<8 | uint64(c)
		}
		pos += p.bytes
		*f = Unknown()
		if v != uint64(1)<<(8*p.bytes)-1 {
			*f = float64(v)/p.scale - p.add
		}
	}
	return m, true
}
