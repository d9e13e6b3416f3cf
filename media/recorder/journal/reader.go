package journal

import (
	"crypto/cipher"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Reader reads a journal, also while it is written. It serves several goroutines; each call sees what the last Refresh saw.
type Reader struct {
	dir    string
	keys   Keys
	lesson string
	owner  bool // the writer itself reads: everything whole counts
	reads  func(number uint32, f io.ReaderAt) io.ReaderAt

	mu     sync.Mutex
	view   *view
	rotten map[segmentID][]span // what walks could not read
}

// view is what one Refresh saw. It is not changed later.
type view struct {
	live   bool
	parts  []*part
	info   Info
	tracks []Track
	counts map[uint16]Count
	events []Event
	erased []ErasedRange
	bytes  int64
	unread map[uint32]bool // numbers of segments that say nothing
}

// part is one segment as seen.
type part struct {
	number uint32
	path   string
	header header
	idx    index
	end    int64 // behind the last record that counts
	size   int64 // of the file
	sealed bool
	clean  bool // not sealed: it ends with a batch
	failed bool // the disk did not give all of it

	orphans map[uint16]Count // packets whose track was not named
}

// Open opens the journal in dir for reading, damaged or not. ErrErased when its keys were erased, ErrNoKey when they are elsewhere.
func Open(dir string, keys Keys) (*Reader, error) {
	return open(&Reader{dir: dir, keys: keys})
}

func open(r *Reader) (*Reader, error) {
	r.lesson = filepath.Base(r.dir)
	if err := r.Refresh(); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return r, nil
}

// Refresh sees what the writer has put on the disk since.
func (r *Reader) Refresh() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if deleting(r.dir) {
		return ErrErased
	}
	key, err := r.keys.Open(r.lesson, "", "")
	if err != nil {
		return err
	}
	live := !r.owner && locked(filepath.Join(r.dir, lockName)) // before the files: what is sealed in between counts as well
	numbers, err := segments(r.dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(numbers) == 0 {
		return ErrNotJournal
	}
	if err != nil {
		return err
	}
	v := &view{live: live, counts: map[uint16]Count{}, unread: map[uint32]bool{}}
	var bad error
	for i, n := range numbers {
		p, err := r.part(n, key, live && i == len(numbers)-1)
		switch {
		case errors.Is(err, fs.ErrNotExist): // a rolling journal let it go just now
			continue
		case err != nil:
			bad = err // one segment that says nothing is a hole, not the end of the recording
			v.unread[n] = true
			continue
		}
		v.parts = append(v.parts, p)
	}
	if len(v.parts) == 0 {
		if bad == nil {
			bad = ErrNotJournal
		}
		return bad
	}
	v.sum(r.lesson, r.keys)
	r.view = v
	return nil
}

// part looks at a segment, or takes it over from the last view where it cannot have changed.
func (r *Reader) part(number uint32, key []byte, live bool) (*part, error) {
	path := filepath.Join(r.dir, segmentName(number))
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p := &part{number: number, path: path, size: st.Size()}
	in := &careful{r: f}
	if r.reads != nil {
		in.r = r.reads(number, f)
	}
	if p.header, err = readHeader(in, number, p.size); err != nil {
		return nil, fmt.Errorf("segment %d: %w", number, err)
	}
	var old *part
	if r.view != nil {
		if i := slices.IndexFunc(r.view.parts, func(o *part) bool { return o.number == number }); i >= 0 {
			old = r.view.parts[i]
		}
	}
	if old != nil && old.header.id == p.header.id && old.sealed && old.size == p.size {
		return old, nil
	}
	if p.readIndex(in, key) {
		return p, nil
	}
	err = p.scan(in, key, live)
	p.failed = in.failed
	return p, err
}

// readIndex takes what the segment's own index says; false where there is none.
func (p *part) readIndex(f io.ReaderAt, key []byte) bool {
	var tail [trailerSize]byte
	if p.size < headerSize+recordSize+trailerSize {
		return false
	}
	if _, err := f.ReadAt(tail[:], p.size-trailerSize); err != nil || string(tail[trailerSize-8:]) != trailer {
		return false
	}
	off := int64(binary.LittleEndian.Uint64(tail[headerSize:]))
	return off >= headerSize && off <= p.size-trailerSize-recordSize && p.indexAt(f, key, off)
}

// indexAt takes what the index record at off says, if it is whole.
func (p *part) indexAt(f io.ReaderAt, key []byte, off int64) bool {
	var r record
	head := make([]byte, recordSize)
	if _, err := f.ReadAt(head, off); err != nil || r.decode(head, &p.header.id, off) != nil || r.kind != kindIndex {
		return false
	}
	if off+recordSize+int64(r.length) > p.size {
		return false
	}
	body := make([]byte, r.length)
	if _, err := f.ReadAt(body, off+recordSize); err != nil || crc32.Checksum(body, castagnoli) != r.bodySum {
		return false
	}
	a, err := sealer(key, labelIndex, &p.header.id)
	if err != nil {
		return false
	}
	if len(body) < nonceSize {
		return false
	}
	body, err = a.Open(nil, body[:nonceSize], body[nonceSize:], head[:40])
	var idx index
	if err != nil || json.Unmarshal(body, &idx) != nil || len(idx.Offset) != len(idx.At) {
		return false
	}
	p.idx, p.end, p.sealed = idx, off, true
	return true
}

// scan reads the segment from end to end. Of a live one it counts only what a later batch proves to be synced.
func (p *part) scan(f io.ReaderAt, key []byte, live bool) error {
	a, err := sealer(key, labelSegment, &p.header.id)
	if err != nil {
		return err
	}
	c := collector{p: p, lesson: a, first: true}
	c.s = scanner{r: f, id: p.header.id, size: p.size, off: headerSize}
	p.idx.First, p.idx.Last = p.header.start, p.header.start
	p.idx.Wall, p.idx.Up = p.header.wall, p.header.up
	p.end = headerSize
	var r record
	for {
		off, err := c.s.next(&r)
		if errors.Is(err, errRecord) {
			c.hole = true
			more, err := c.s.resync(off + 1)
			if err != nil {
				return err
			}
			if !more {
				break
			}
			continue
		}
		if err != nil {
			return err
		}
		if r.kind == kindIndex { // its trailer is broken; nothing follows it
			c.indexed = p.indexAt(f, key, off)
			break
		}
		body, err := c.s.body(&r, off)
		if errors.Is(err, errRecord) { // the header is whole, so the next record is where it says
			c.hole = true
			continue
		}
		if err != nil {
			return err
		}
		c.take(&r, off, body)
	}
	c.finish(live)
	return nil
}

// collector makes an index of what a scan comes across.
type collector struct {
	p      *part
	s      scanner
	lesson cipher.AEAD
	sum    counts
	tracks map[uint16]Track

	first   bool          // no sync record was seen yet
	hole    bool          // records are missing since the last one taken
	holes   []span        // where some are
	indexed bool          // the index was found whole
	seen    time.Duration // arrival of the last record taken

	batch  bool // a batch is open
	marked mark // behind the last sync, and
	proven mark // behind the one before
}

// mark is a state that a scan can be set back to.
type mark struct {
	end int64
	sum counts
	idx index
}

func (c *collector) take(r *record, off int64, body []byte) {
	p := c.p
	if c.hole {
		c.hole = false
		c.holes = addSpan(c.holes, span{p.idx.Last, max(r.arrival, p.idx.Last)})
	}
	if !c.batch && r.kind != kindSync {
		c.batch = true
		if !c.first {
			p.idx.Offset = append(p.idx.Offset, off)
			p.idx.At = append(p.idx.At, int64(r.arrival))
		}
	}
	p.idx.Last = max(p.idx.Last, r.arrival)
	c.seen = p.idx.Last
	switch r.kind {
	case kindPacket:
		if t, ok := c.tracks[r.track]; ok {
			c.sum.track(t).add(r.seq, r.arrival, r.length-tagSize)
		} else {
			c.orphan(r)
		}
	case kindTrack:
		var t Track
		if c.open(r, off, body, &t) && t.ID == r.track {
			if c.tracks == nil {
				c.tracks = map[uint16]Track{}
			}
			c.tracks[t.ID] = t
		}
	case kindInfo:
		var i Info
		if c.open(r, off, body, &i) {
			p.idx.Info = i
		}
	case kindEvent:
		var e Event
		if c.open(r, off, body, &e) {
			p.idx.Events = append(p.idx.Events, e)
		}
	case kindErased:
		var e ErasedRange
		if json.Unmarshal(body, &e) == nil {
			p.idx.Erased = append(p.idx.Erased, e)
		}
	case kindSync:
		if len(body) >= 16 {
			p.idx.Wall = int64(binary.LittleEndian.Uint64(body))
			p.idx.Up = time.Duration(binary.LittleEndian.Uint64(body[8:]))
			if c.first && len(body) >= 24 {
				p.idx.Before = int64(binary.LittleEndian.Uint64(body[16:]))
			}
		}
	}
	p.end = c.s.off
	if r.kind == kindSync {
		c.batch = false
		c.proven = c.marked
		c.marked = c.here()
		if c.first {
			c.first, c.proven = false, c.marked // it was renamed to its place after the first sync
		}
	}
}

// orphan counts a packet of a track that nothing here names.
func (c *collector) orphan(r *record) {
	if c.p.orphans == nil {
		c.p.orphans = map[uint16]Count{}
	}
	n := c.p.orphans[r.track]
	n.add(r.seq, r.arrival, r.length-tagSize)
	c.p.orphans[r.track] = n
}

func (c *collector) here() mark {
	m := mark{end: c.p.end, idx: c.p.idx}
	m.sum.order = slices.Clone(c.sum.order)
	m.sum.by = make(map[uint16]*trackIndex, len(c.sum.by))
	for id, t := range c.sum.by {
		copied := *t
		m.sum.by[id] = &copied
	}
	return m
}

// open decodes what is said about the lesson. Damage that a sum does not show is damage too.
func (c *collector) open(r *record, off int64, body []byte, v any) bool {
	sealed := slices.Clone(body) // the window may move below
	head, err := c.s.head(off)
	if err != nil {
		return false
	}
	n := nonce(off)
	text, err := c.lesson.Open(sealed[:0], n[:], sealed, head[:])
	return err == nil && json.Unmarshal(text, v) == nil
}

func (c *collector) finish(live bool) {
	p := c.p
	switch {
	case c.indexed:
		p.orphans = nil
		if c.hole {
			c.holes = addSpan(c.holes, span{c.seen, p.idx.Last})
		}
	case live:
		m := c.proven
		p.end, p.idx, c.sum, p.orphans = max(m.end, headerSize), m.idx, m.sum, nil
		p.idx.Tracks = c.sum.list()
	default:
		p.clean = p.end == p.size && !c.batch
		p.idx.Tracks = c.sum.list()
	}
	for _, s := range c.holes {
		if s.from <= p.idx.Last {
			p.idx.Events = append(p.idx.Events, gapEvent(s.from, min(s.to, p.idx.Last), CauseDamaged, nil))
		}
	}
}
