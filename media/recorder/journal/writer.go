package journal

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tongke/media/durable"
	"tongke/media/packet"
)

// Writer appends to a journal. One goroutine uses it. Packets and events wait in memory until Sync puts them on the disk.
type Writer struct {
	dir  string
	keys Keys
	o    Options
	lock *os.File

	info   Info
	zero   int64       // wall time at journal time 0
	base   packet.Time // media time at journal time 0
	boot   [16]byte    // start of this machine, and
	booted packet.Time // when that was by the media clock
	number uint32      // of the newest segment
	seg    *segment    // nil between segments
	past   []sealed    // segments before seg, the oldest first
	size   int64       // of the segment before, a guess for the next

	promised int64         // bytes of the segment before
	free     time.Duration // when the disk was last done with a batch

	tracks []Track
	byName map[Track]uint16 // by all but the id
	lastID uint16

	pending []entry
	bytes   int           // of their bodies
	last    time.Duration // newest arrival taken
	synced  time.Duration // newest arrival on the disk
	lostAt  time.Duration // since when packets are refused, 0: they are not
	lost    int
	lostWhy string
	retry   packet.Time // when the disk is asked again after an error
	fault   error
	closed  bool
	stats   Stats
}

// Stats are a Writer's figures since it was made.
type Stats struct {
	Packets  int64         // on the disk
	Bytes    int64         // of segment files
	Refused  int64         // packets that found no room while the disk did not take any
	Syncs    int64         // batches on the disk
	Faults   int64         // segments given up
	Segments int64         // begun
	Waiting  int           // bytes not on the disk yet
	Unsynced time.Duration // how long the oldest of them has waited
	Delay    time.Duration // the longest that a packet waited for its sync to begin while the disk was free: the journal's own part of a loss
}

// FaultError is why nothing can be stored at present; recording goes on in memory and resumes by itself.
type FaultError struct {
	Full bool // no room, rather than a disk that fails
	Err  error
}

func (e *FaultError) Error() string { return "journal cannot be written: " + e.Err.Error() }

func (e *FaultError) Unwrap() error { return e.Err }

const (
	retryEvery = time.Second
	// Room asked for beforehand: with it a batch changes an extent and no bitmap, and the disk writes 1.12 bytes a byte instead of 1.19
	// (ext4, 4 Mb/s). The first segment is taken to be of 4 Mb/s, the others to be like the one before.
	firstRoom = 32 << 20
)

func (o Options) filled() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Segment <= 0 {
		o.Segment = defaultSegment
	}
	if o.Pending <= 0 {
		o.Pending = defaultPending
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Media == nil {
		o.Media = packet.Now
	}
	if o.Boot == nil {
		o.Boot = boot
	}
	if o.Disk == nil {
		o.Disk = system{}
	}
	return o
}

// Create begins a journal in dir, which must not hold one. Its first segment is on disk when it returns.
func Create(dir string, info Info, keys Keys, o Options) (*Writer, error) {
	o = o.filled()
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	w, err := newWriter(dir, keys, o)
	if err != nil {
		return nil, err
	}
	numbers, err := segments(dir)
	if err == nil && len(numbers) > 0 {
		err = ErrExists
	}
	if err == nil {
		err = tidy(dir)
	}
	if err == nil {
		if info.Created.IsZero() {
			info.Created = o.Wall().Round(0)
		}
		w.info, w.base = info, o.Media()
		if o.Begin != 0 {
			w.base = min(o.Begin, w.base)
		}
		w.zero = info.Created.UnixNano() - int64(o.Media().Sub(w.base))
		w.seg, err = w.begin(0)
	}
	if err == nil {
		if err = w.seg.flush(); err != nil {
			w.giveUp()
		} else {
			w.stats.Bytes += w.seg.kept
			w.free = w.Now()
		}
	}
	if err != nil {
		w.lock.Close()
		return nil, fmt.Errorf("make journal: %w", err)
	}
	return w, nil
}

func newWriter(dir string, keys Keys, o Options) (*Writer, error) {
	l, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock journal: %w", err)
	}
	w := &Writer{dir: dir, keys: keys, o: o, lock: l, byName: map[Track]uint16{}, size: firstRoom}
	id, up := o.Boot()
	w.boot, w.booted = id, o.Media().Add(-up)
	return w, nil
}

// up is the time since the machine's start.
func (w *Writer) up() time.Duration { return w.o.Media().Sub(w.booted) }

// makeDir makes the folder and its parents, synced into theirs.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return durable.SyncFolder(parent)
}

// begin makes the next segment.
func (w *Writer) begin(start time.Duration) (*segment, error) {
	h := header{
		number: w.number + 1, tracks: w.lastID, start: start, zero: w.zero,
		wall: w.o.Wall().UnixNano(), boot: w.boot, up: w.up(),
	}
	s, err := begin(w.o.Disk, w.keys, w.dir, w.info, h, w.size, w.promised)
	if err != nil {
		return nil, err
	}
	w.number++
	w.stats.Segments++
	return s, nil
}

// Info is what was last set.
func (w *Writer) Info() Info { return w.info }

// At is a moment of the media clock as journal time.
func (w *Writer) At(t packet.Time) time.Duration { return max(t.Sub(w.base), 0) }

// Now is the present as journal time.
func (w *Writer) Now() time.Duration { return w.At(w.o.Media()) }

// Synced is the journal time up to which everything is on the disk.
func (w *Writer) Synced() time.Duration { return w.synced }

// Fault is why the disk takes nothing at present, nil if it does.
func (w *Writer) Fault() error { return w.fault }

// Stats gives the figures.
func (w *Writer) Stats() Stats {
	st := w.stats
	st.Waiting = w.bytes
	if len(w.pending) > 0 {
		st.Unsynced = max(w.Now()-w.pending[0].arrival, 0)
	}
	return st
}

// Track is the id of a track; the same track has the same id. t.ID is ignored.
func (w *Writer) Track(t Track) uint16 {
	t.ID = 0
	if id, ok := w.byName[t]; ok {
		return id
	}
	w.lastID++
	w.byName[t] = w.lastID
	t.ID = w.lastID
	w.tracks = append(w.tracks, t)
	return t.ID
}

func (w *Writer) track(id uint16) (Track, bool) {
	for i := len(w.tracks) - 1; i >= 0; i-- {
		if w.tracks[i].ID == id {
			return w.tracks[i], true
		}
	}
	return Track{}, false
}

// Packet takes one packet; the payload is copied. It never touches the disk. A packet that finds no room, because the disk has taken nothing
// for long, is left out and the gap is named when packets are taken again.
func (w *Writer) Packet(p Packet) error {
	if w.closed {
		return ErrClosed
	}
	if _, ok := w.track(p.Track); !ok {
		return fmt.Errorf("packet of unknown track %d", p.Track)
	}
	p.Arrival = max(p.Arrival, w.last)
	if p.Capture < 0 {
		p.Capture = 0
	}
	if w.bytes+len(p.Payload) > w.o.Pending {
		w.Lost(p.Arrival, 1, CauseDisk)
		return nil
	}
	e := entryOf(&p)
	e.body = append(make([]byte, 0, len(p.Payload)), p.Payload...)
	w.take(e)
	return nil
}

// Lost notes that n packets could not be taken at a journal time: the gap is named once packets are taken again.
func (w *Writer) Lost(at time.Duration, n int, cause string) {
	if w.lost == 0 {
		w.lostAt, w.lostWhy = max(at, w.last), cause
	}
	w.lost += n
	w.stats.Refused += int64(n)
}

func (w *Writer) take(e entry) {
	if w.lost > 0 && e.kind == kindPacket {
		at, n, why := w.lostAt, w.lost, w.lostWhy
		w.lost = 0
		_ = w.Event(gapEvent(at, e.arrival, why, map[string]string{"packets": strconv.Itoa(n)}))
	}
	w.pending = append(w.pending, e)
	w.bytes += len(e.body)
	w.last = max(w.last, e.arrival)
}

func gapEvent(from, to time.Duration, cause string, more map[string]string) Event {
	d := map[string]string{"for": (to - from).String(), "cause": cause}
	maps.Copy(d, more)
	return Event{At: from, Name: EventGap, Detail: d}
}

// Event takes an event. At 0 means now; Wall is filled in.
func (w *Writer) Event(e Event) error {
	if w.closed {
		return ErrClosed
	}
	if e.At == 0 {
		e.At = w.Now()
	}
	if e.Wall.IsZero() {
		e.Wall = w.o.Wall().Round(0)
	}
	return w.takeJSON(kindEvent, max(e.At, w.last), e, &e)
}

// SetInfo replaces the info from here on.
func (w *Writer) SetInfo(i Info) error {
	if w.closed {
		return ErrClosed
	}
	i.Lesson, i.Created = w.info.Lesson, w.info.Created // the folder and the keys are named by it
	w.info = i
	return w.takeJSON(kindInfo, max(w.Now(), w.last), i, &i)
}

func (w *Writer) takeJSON(k kind, at time.Duration, v, meta any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.take(entry{record: record{kind: k, arrival: at, capture: at}, body: body, meta: meta})
	return nil
}
