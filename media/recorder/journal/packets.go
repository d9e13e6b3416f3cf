package journal

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"time"
)

// Packets gives the packets that arrived from ≤ t < to, in the order of the files: late and repaired ones come late, and after an error
// of the disk one may come twice, so who needs order sorts by sequence. want chooses tracks (nil: all); payloads are valid only during f, whose
// error ends the walk and is returned. Erased sources and damaged records are left out.
func (r *Reader) Packets(from, to time.Duration, want func(Track) bool, f func(Track, Packet) error) error {
	for _, p := range r.now().parts {
		if p.idx.Last < from || p.idx.First >= to {
			continue
		}
		err := r.walk(p, from, to, want, f)
		if errors.Is(err, fs.ErrNotExist) { // a rolling journal let it go
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errStale means that a segment was rewritten since it was looked at.
var errStale = errors.New("segment was rewritten")

func (r *Reader) walk(p *part, from, to time.Duration, want func(Track) bool, f func(Track, Packet) error) error {
	file, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	in := &careful{r: file}
	h, err := readHeader(in, p.number, st.Size())
	if errors.Is(err, ErrDamaged) { // since it was looked at
		r.damaged(p.header.id, span{p.idx.First, p.idx.Last})
		return nil
	}
	if err != nil {
		return fmt.Errorf("segment %d: %w", p.number, err)
	}
	if h.id != p.header.id {
		key, err := r.keys.Open(r.lesson, "", "")
		if err != nil {
			return err
		}
		r.mu.Lock()
		p, err = r.part(p.number, key, false)
		r.mu.Unlock()
		if err != nil {
			return err
		}
		if p.header.id != h.id {
			return errStale
		}
	}
	off, whole := p.seek(from)
	w := walker{r: r, p: p, want: want, f: f, from: from, to: to, whole: whole}
	w.s = scanner{r: in, id: h.id, size: min(p.end, st.Size()), off: off}
	if w.s.size < p.end { // it was cut since
		w.cut = true
	}
	return w.run()
}

// seek is an offset before which nothing arrived at or after t, and when what stands there arrived.
func (p *part) seek(t time.Duration) (off int64, at time.Duration) {
	i := sort.Search(len(p.idx.At), func(i int) bool { return p.idx.At[i] > int64(t) })
	// Records of one batch may have its first one's time in the batch before, so one batch earlier is asked for.
	if i -= 2; i < 0 {
		return headerSize, p.idx.First
	}
	return p.idx.Offset[i], time.Duration(p.idx.At[i])
}

// walker hands the packets of one segment on.
type walker struct {
	r        *Reader
	p        *part
	s        scanner
	want     func(Track) bool
	f        func(Track, Packet) error
	from, to time.Duration
	tracks   map[uint16]*walked
	buf      []byte

	whole time.Duration // arrival of the last record that could be read
	bad   bool          // what came after it could not
	cut   bool          // the file ends too early
}

// walked is a track in one walk: nil sealer when it is not wanted or cannot be read.
type walked struct {
	track  Track
	sealer cipher.AEAD
}

func (w *walker) run() error {
	w.tracks = make(map[uint16]*walked, len(w.p.idx.Tracks))
	for _, t := range w.p.idx.Tracks {
		a, err := w.sealer(t.Track)
		if err != nil {
			return err
		}
		w.tracks[t.Track.ID] = &walked{t.Track, a}
	}
	var rec record
	for {
		off, err := w.s.next(&rec)
		if errors.Is(err, errRecord) {
			more := false
			if off < w.s.size || w.cut {
				w.bad = true
				more, err = w.s.resync(off + 1)
			}
			if !more {
				w.good(w.p.idx.Last)
				if errors.Is(err, errRecord) {
					err = nil
				}
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if rec.kind == kindPacket {
			if rec.arrival >= w.to {
				w.good(rec.arrival)
				return nil // arrival never goes back
			}
			if t := w.walked(rec.track); rec.arrival >= w.from && t != nil && t.sealer != nil {
				if err := w.packet(t, &rec, off); err != nil {
					return err
				}
				continue
			}
		}
		w.good(rec.arrival)
	}
}

// good notes that a record is whole, and what was not before it.
func (w *walker) good(at time.Duration) {
	if w.bad {
		w.bad = false
		w.r.damaged(w.p.header.id, span{w.whole, at})
	}
	w.whole = at
}

// walked is a track in this walk. One that its segment does not name (the record is damaged) may be named by another.
func (w *walker) walked(id uint16) *walked {
	t, known := w.tracks[id]
	if !known {
		if other, ok := w.r.now().track(id); ok {
			if a, err := w.sealer(other); err == nil {
				t = &walked{other, a}
			}
		}
		w.tracks[id] = t
	}
	return t
}

func (w *walker) sealer(t Track) (cipher.AEAD, error) {
	if w.want != nil && !w.want(t) {
		return nil, nil
	}
	key, err := w.r.keys.Open(w.r.lesson, t.Origin, t.Source)
	if errors.Is(err, ErrErased) || errors.Is(err, ErrNoKey) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return sealer(key, labelSegment, &w.p.header.id)
}

func (w *walker) packet(t *walked, rec *record, off int64) error {
	body, err := w.s.body(rec, off)
	if errors.Is(err, errRecord) || err == nil && len(body) < tagSize {
		w.bad = true // its header is whole, so the next record is where it says
		return nil
	}
	if err != nil {
		return err
	}
	w.buf = append(w.buf[:0], body...)
	head, err := w.s.head(off)
	if err != nil {
		return err
	}
	n := nonce(off)
	payload, err := t.sealer.Open(w.buf[:0], n[:], w.buf, head[:])
	if err != nil { // not what was written
		w.bad = true
		return nil
	}
	w.good(rec.arrival)
	return w.f(t.track, packetOf(rec, payload))
}
