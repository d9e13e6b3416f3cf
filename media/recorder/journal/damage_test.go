package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tongke/media/track"
)

// lain is one record of an undamaged journal: where it lies and what it is.
type lain struct {
	record
	segment  uint32
	from, to int64
}

// rotting is a journal of several segments, as it was written, to be damaged again and again.
type rotting struct {
	*box
	segments map[uint32][]byte
	records  []lain
}

func newRotting(t *testing.T) *rotting {
	b := newBox(t)
	o := b.options()
	o.Segment = 700 * time.Millisecond
	w := b.create(o)
	b.lesson(w, 0, 150)
	b.must(w.Event(Event{Name: EventFloor, Campus: "south"}))
	b.lesson(w, 150, 150)
	b.must(w.Close())
	x := &rotting{box: b, segments: map[uint32][]byte{}}
	numbers, err := segments(b.dir())
	b.must(err)
	for _, n := range numbers {
		data, err := os.ReadFile(filepath.Join(b.dir(), segmentName(n)))
		b.must(err)
		x.segments[n] = data
		var h header
		b.must(h.decode(data))
		s := scanner{r: bytes.NewReader(data), id: h.id, size: int64(len(data)), off: headerSize}
		for {
			var r record
			off, err := s.next(&r)
			if err != nil {
				break
			}
			x.records = append(x.records, lain{r, n, off, s.off})
		}
	}
	if len(numbers) < 4 {
		t.Fatalf("%d segments", len(numbers))
	}
	return x
}

// harm is damage done to one segment: what it is now, and which of its bytes are not what they were.
type harm struct {
	data  []byte
	bad   [][2]int64
	gone  bool
	words string
}

func (x *rotting) harm(r *rand.Rand, n uint32) harm {
	h := harm{data: slices.Clone(x.segments[n])}
	size := len(h.data)
	at := r.IntN(size)
	switch r.IntN(6) {
	case 0: // one bit
		h.data[at] ^= 1 << r.IntN(8)
		h.bad, h.words = [][2]int64{{int64(at), int64(at) + 1}}, fmt.Sprintf("bit at %d", at)
	case 1: // noise
		to := min(size, at+1+r.IntN(5000))
		for i := at; i < to; i++ {
			h.data[i] ^= byte(1 + r.IntN(255))
		}
		h.bad, h.words = [][2]int64{{int64(at), int64(to)}}, fmt.Sprintf("noise %d…%d", at, to)
	case 2: // blocks of zeros
		at = at / blockSize * blockSize
		to := min(size, at+blockSize*(1+r.IntN(3)))
		clear(h.data[at:to])
		h.bad, h.words = [][2]int64{{int64(at), int64(to)}}, fmt.Sprintf("zeros %d…%d", at, to)
	case 3: // cut
		if r.IntN(2) == 0 {
			at = at / blockSize * blockSize
		}
		h.data = h.data[:at]
		h.bad, h.words = [][2]int64{{int64(at), int64(size)}}, fmt.Sprintf("cut at %d", at)
	case 4: // header
		to := 1 + r.IntN(headerSize)
		clear(h.data[:to])
		h.bad, h.words = [][2]int64{{0, int64(to)}}, fmt.Sprintf("header to %d", to)
	case 5:
		h.gone, h.words = true, "gone"
		h.bad = [][2]int64{{0, int64(size)}}
	}
	h.words = fmt.Sprintf("segment %d of %d bytes: %s", n, size, h.words)
	return h
}

func (h *harm) hits(from, to int64) bool {
	return slices.ContainsFunc(h.bad, func(b [2]int64) bool { return b[0] < to && b[1] > from })
}

// readable says whether a segment can be known at all: by its header, by the copy behind the index, or by its id and first record.
func (x *rotting) readable(n uint32, h harm) bool {
	size := int64(len(x.segments[n]))
	first := x.records[slices.IndexFunc(x.records, func(l lain) bool { return l.segment == n })]
	return !h.gone && (!h.hits(0, headerSize) || int64(len(h.data)) == size && !h.hits(size-trailerSize, size) ||
		!h.hits(8, 24) && !h.hits(first.from, first.from+recordSize))
}

// Whatever is damaged, cut or taken away: the rest is read, nothing else is, and what is lost is named.
func TestDamageCostsWhatItHitsAndIsNamed(t *testing.T) {
	x := newRotting(t)
	seeds := uint64(60)
	if n, err := strconv.ParseUint(os.Getenv("DAMAGE"), 10, 64); err == nil {
		seeds = n // DAMAGE=10000 by hand
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 4))
		x.once(t, r, seed, r.IntN(3) == 0)
	}
}

func (x *rotting) once(t *testing.T, r *rand.Rand, seed uint64, late bool) {
	harms, words := map[uint32]harm{}, ""
	for range 1 + r.IntN(3) {
		n := uint32(1 + r.IntN(len(x.segments)))
		if _, done := harms[n]; !done {
			harms[n] = x.harm(r, n)
			words += harms[n].words + "; "
		}
	}
	put := func(damaged bool) {
		for n, data := range x.segments {
			path := filepath.Join(x.dir(), segmentName(n))
			h, hit := harms[n]
			if damaged && hit {
				data = h.data
			}
			x.must(os.WriteFile(path, data, 0o600))
			if damaged && hit && h.gone {
				x.must(os.Remove(path))
			}
		}
	}
	put(!late) // else it happens under the reader's eyes
	rd, err := Open(x.dir(), x.keys)
	if err != nil {
		if len(harms) < len(x.segments) {
			t.Fatalf("seed %d: %s%v", seed, words, err)
		}
		return
	}
	put(true)
	got := map[[2]uint64]bool{}
	if err := rd.Packets(0, 1<<62, nil, func(tr Track, p Packet) error {
		if !bytes.Equal(p.Payload, payload(tr.Source, p.Seq)) {
			t.Fatalf("seed %d: %spayload of %s %d was not written", seed, words, tr.Source, p.Seq)
		}
		got[[2]uint64{uint64(tr.ID), p.Seq}] = true
		return nil
	}); err != nil {
		t.Fatalf("seed %d: %s%v", seed, words, err)
	}
	if late {
		x.must(rd.Refresh())
	}
	x.judge(t, fmt.Sprintf("seed %d late %v: %s", seed, late, words), harms, got, rd)
}

// judge compares what was read with what was left.
func (x *rotting) judge(t *testing.T, words string, harms map[uint32]harm, got map[[2]uint64]bool, rd *Reader) {
	var gaps []span
	for _, e := range rd.Events() {
		if e.Name == EventGap {
			d, err := time.ParseDuration(e.Detail["for"])
			if c := e.Detail["cause"]; err != nil || c != CauseDamaged && c != CauseMissing {
				t.Fatalf("%sgap %+v", words, e)
			}
			gaps = append(gaps, span{e.At, e.At + d})
		}
	}
	last := uint32(len(x.segments))
	for h, hit := harms[last]; hit && (!x.readable(last, h) || h.gone); h, hit = harms[last] {
		last--
	}
	ends := int64(0) // of the last whole record of that segment
	for _, l := range x.records {
		if h := harms[l.segment]; l.segment == last && l.to <= int64(len(h.data)) && !h.hits(l.from, l.to) {
			ends = l.to
		}
	}
	for _, l := range x.records {
		if l.kind != kindPacket {
			continue
		}
		h, harmed := harms[l.segment]
		there := !harmed || x.readable(l.segment, h) && !h.hits(l.from, l.to)
		read := got[[2]uint64{uint64(l.track), l.seq}]
		if read != there {
			t.Fatalf("%srecord of segment %d at %d…%d: read %v, want %v", words, l.segment, l.from, l.to, read, there)
		}
		if there || l.segment > last || l.segment == last && ends < l.to {
			continue // nothing that is left says that there was more
		}
		if !slices.ContainsFunc(gaps, func(s span) bool { return s.from <= l.arrival && l.arrival <= s.to }) {
			t.Fatalf("%srecord of segment %d at %d, %v, is missing and in no gap of %v", words, l.segment, l.from, l.arrival, gaps)
		}
	}
}

func TestNoDamageNoGap(t *testing.T) {
	x := newRotting(t)
	r := x.open()
	if n := len(seqs(t, r, track.Voice)); n != 300 {
		t.Errorf("%d packets of 300", n)
	}
	for _, e := range r.Events() {
		if e.Name == EventGap {
			t.Errorf("gap %+v", e)
		}
	}
}

// A bad sector is a hole of its size, not the end of the recording.
func TestBadSectors(t *testing.T) {
	x := newRotting(t)
	data := x.segments[2]
	f := &badSectors{r: bytes.NewReader(data), from: 8192, to: 12288}
	in := &careful{r: f}
	got := make([]byte, len(data))
	if n, err := in.ReadAt(got, 0); n != len(data) || err != nil && !errors.Is(err, io.EOF) || !in.failed {
		t.Fatalf("%d %v failed %v", n, err, in.failed)
	}
	want := bytes.Clone(data)
	clear(want[8192:12288])
	if !bytes.Equal(got, want) {
		t.Error("not what can be read")
	}
}

type badSectors struct {
	r        io.ReaderAt
	from, to int64
}

func (b *badSectors) ReadAt(p []byte, off int64) (int, error) {
	if off < b.to && off+int64(len(p)) > b.from {
		return 0, &fs.PathError{Op: "read", Err: syscall.EIO}
	}
	return b.r.ReadAt(p, off)
}

// Recovery cuts nothing off that the disk may give again.
func TestResumeOverBadSectors(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	b.lesson(w, 0, 300)
	path := filepath.Join(b.dir(), segmentName(1))
	abandon(w)
	data, err := os.ReadFile(path)
	b.must(err)
	written := int64(len(bytes.TrimRight(data, "\x00")))
	o := b.options()
	o.reads = func(_ uint32, f io.ReaderAt) io.ReaderAt { // its last blocks
		return &badSectors{r: f, from: (written - 3*blockSize) / blockSize * blockSize, to: 1 << 40}
	}
	b.pass(time.Second)
	w = b.resume(o)
	if st, err := os.Stat(path); err != nil || st.Size() < written {
		t.Errorf("%d bytes of %d are left, %v", st.Size(), written, err)
	}
	b.lesson(w, 400, 100)
	b.must(w.Close())
	got := seqs(t, b.open(), track.Voice) // the disk gives everything again
	wantRun(t, got[:min(300, len(got))], 0, 300)
	wantRun(t, got[300:], 400, 100)
}

// A track whose name is lost keeps its number: a new one would be given the packets that nobody can name.
func TestResumeOverANamelessTrack(t *testing.T) {
	b := newBox(t)
	w := b.create(b.options())
	b.lesson(w, 0, 100)
	abandon(w)
	path := filepath.Join(b.dir(), segmentName(1))
	data, err := os.ReadFile(path)
	b.must(err)
	var h header
	b.must(h.decode(data))
	s := scanner{r: bytes.NewReader(data), id: h.id, size: int64(len(data)), off: headerSize}
	last := int64(0) // the voice's
	for {
		var r record
		off, err := s.next(&r)
		if err != nil {
			break
		}
		if r.kind == kindTrack {
			last = off
		}
	}
	data[last+recordSize] ^= 1
	b.must(os.WriteFile(path, data, 0o600))
	b.pass(time.Second)
	w = b.resume(b.options())
	if id := w.Track(voice()); id != 3 {
		t.Errorf("the next track is %d, and packets of 2 have no name", id)
	}
	b.must(w.Close())
}

// A key that is lost costs its source, and the file's loss is told from an erasure.
func TestLostKeys(t *testing.T) {
	x := newRotting(t)
	path := filepath.Join(x.root, "keys", "l1"+keysExt)
	data, err := os.ReadFile(path)
	x.must(err)
	for slot := range len(data) / slotSize {
		bad := bytes.Clone(data)
		bad[slot*slotSize+100] ^= 4
		x.must(os.WriteFile(path, bad, 0o600))
		keys, err := OpenKeys(filepath.Join(x.root, "keys"))
		x.must(err)
		r, err := Open(x.dir(), keys)
		if slot == 0 { // the lesson's own
			if !errors.Is(err, ErrNoKey) {
				t.Errorf("without the lesson's key: %v", err)
			}
			continue
		}
		x.must(err)
		lost, kept := track.Teacher, track.Voice
		if slot == 2 {
			lost, kept = kept, lost
		}
		if n, m := len(seqs(t, r, lost)), len(seqs(t, r, kept)); n != 0 || m != 300 {
			t.Errorf("slot %d: %d of %s, %d of %s", slot, n, lost, m, kept)
		}
		var gap Event
		for _, e := range r.Events() {
			if e.Name == EventGap {
				gap = e
			}
		}
		if d, err := time.ParseDuration(gap.Detail["for"]); err != nil || d < 2*time.Second || gap.Detail["source"] != lost || gap.Detail["cause"] != CauseDamaged {
			t.Errorf("slot %d: gap %+v", slot, gap)
		}
		if len(r.Erased()) != 0 {
			t.Errorf("erased %v", r.Erased())
		}
	}
	x.must(os.Remove(path))
	keys, err := OpenKeys(filepath.Join(x.root, "keys"))
	x.must(err)
	if _, err := Open(x.dir(), keys); !errors.Is(err, ErrNoKey) {
		t.Errorf("without the file of keys: %v", err)
	}
}

// A writer goes on with a damaged journal, and nothing that was readable is less so afterwards.
func TestGoOnAfterDamage(t *testing.T) {
	x := newRotting(t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		n := uint32(1 + r.IntN(len(x.segments)))
		h := x.harm(r, n)
		for m, data := range x.segments {
			if m == n {
				data = h.data
			}
			x.must(os.WriteFile(filepath.Join(x.dir(), segmentName(m)), data, 0o600))
		}
		if h.gone {
			x.must(os.Remove(filepath.Join(x.dir(), segmentName(n))))
		}
		before := len(seqs(t, x.open(), track.Voice))
		w, err := Resume(x.dir(), x.keys, x.options())
		if err != nil {
			t.Fatalf("%s: %v", h.words, err)
		}
		x.lesson(w, 2000, 50)
		x.must(w.Close())
		if got := len(seqs(t, x.open(), track.Voice)); got != before+50 {
			t.Errorf("%s: %d packets, before %d", h.words, got, before)
		}
		numbers, err := segments(x.dir())
		x.must(err)
		for _, m := range numbers {
			if _, old := x.segments[m]; !old {
				x.must(os.Remove(filepath.Join(x.dir(), segmentName(m))))
			}
		}
	}
}
