package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tongke/media/durable"
)

// Sync puts on the disk what was taken, and waits for it. An error is a *FaultError: nothing taken since Synced is stored yet, all of it
// is tried again by the next Sync.
func (w *Writer) Sync() error {
	if w.closed {
		return ErrClosed
	}
	if w.fault != nil && w.o.Media() < w.retry {
		return w.fault
	}
	err := w.sync()
	if err != nil {
		// Once more in a new file: an error of one segment says nothing of the next. Not where there is no room.
		if !full(err) && w.fault == nil {
			err = w.sync()
		}
	}
	if err != nil {
		fault := &FaultError{Full: full(err), Err: err}
		if w.fault == nil {
			w.o.Log.Warn("recording stops: the disk takes nothing", "lesson", w.info.Lesson, "err", err)
		}
		w.fault, w.retry = fault, w.o.Media().Add(retryEvery)
		return fault
	}
	if w.fault != nil {
		w.fault = nil
		w.o.Log.Info("recording goes on", "lesson", w.info.Lesson)
	}
	return nil
}

func (w *Writer) sync() error {
	if len(w.pending) == 0 {
		return w.prove()
	}
	for len(w.pending) > 0 {
		if w.seg == nil {
			s, err := w.begin(w.pending[0].arrival)
			if err != nil {
				return err
			}
			w.seg = s
		}
		n, bytes, err := w.fill()
		before := w.seg.kept
		if err == nil {
			if w.fault == nil {
				w.stats.Delay = max(w.stats.Delay, w.Now()-max(w.pending[0].arrival, w.free))
			}
			err = w.seg.flush()
			w.free = w.Now()
		}
		if err != nil {
			w.giveUp()
			return err
		}
		w.stats.Bytes += w.seg.kept - before
		w.commit(n, bytes)
		if len(w.pending) > 0 || w.last >= w.seg.header.start+w.o.Segment-w.margin() {
			if err := w.rotate(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// margin is how long before a segment's end the next one is rather begun: what comes until the next Sync would not fit.
func (w *Writer) margin() time.Duration { return min(w.o.Segment/10, 250*time.Millisecond) }

// prove adds an empty batch once nothing comes any more, so that readers see the last one. It promises nothing, so it is not synced.
func (w *Writer) prove() error {
	s := w.seg
	if s == nil || !s.dirty {
		return nil
	}
	w.addSync(w.last)
	if err := s.write(); err != nil {
		w.giveUp()
		return err
	}
	s.dirty = false
	return nil
}

func (w *Writer) addSync(at time.Duration) { w.seg.addSync(at, w.o.Wall().UnixNano(), w.up()) }

// fill seals as much of what waits as the segment may hold.
func (w *Writer) fill() (n, bytes int, err error) {
	s := w.seg
	s.noteBatch(w.pending[0].arrival)
	end := s.header.start + w.o.Segment
	at := s.header.start
	for i := range w.pending {
		e := &w.pending[i]
		if e.arrival >= end && i > 0 {
			break
		}
		at = max(at, e.arrival)
		if err := w.put(e); err != nil {
			return 0, 0, err
		}
		bytes += len(e.body)
		n++
	}
	w.addSync(at)
	return n, bytes, nil
}

func (w *Writer) put(e *entry) error {
	s := w.seg
	if e.kind != kindPacket {
		a, err := s.sealer("", "")
		if err == nil {
			s.add(e.record, e.body, a)
		}
		return err
	}
	t, ok := w.track(e.track)
	if !ok {
		return fmt.Errorf("unknown track %d", e.track)
	}
	err := s.addPacket(t, e)
	if e.gone = errors.Is(err, ErrErased); e.gone { // its source is not to be kept any more
		return nil
	}
	return err
}

// commit drops what is on the disk now.
func (w *Writer) commit(n, bytes int) {
	s := w.seg
	for i := range w.pending[:n] {
		e := &w.pending[i]
		w.synced = max(w.synced, e.arrival)
		if e.gone {
			continue
		}
		t, _ := w.track(e.track)
		s.note(e, t)
		if e.kind == kindPacket {
			w.stats.Packets++
		}
	}
	rest := copy(w.pending, w.pending[n:])
	clear(w.pending[rest:])
	w.pending = w.pending[:rest]
	w.bytes -= bytes
	w.stats.Syncs++
	s.dirty = true
}

// giveUp abandons the segment at what is known to be on the disk.
func (w *Writer) giveUp() {
	if w.seg == nil {
		return
	}
	w.seg.abandon()
	if w.seg.half != "" {
		w.number-- // it never was
	} else {
		w.past = append(w.past, sealed{w.seg.header.number, w.seg.idx.Last})
		w.promised = w.seg.kept
	}
	w.seg = nil
	w.size = 0 // room is perhaps what is missing
	w.stats.Faults++
}

// rotate ends the segment; the next batch begins another.
func (w *Writer) rotate(wait bool) error {
	s := w.seg
	if err := s.end(wait); err != nil {
		w.giveUp()
		return err
	}
	w.stats.Bytes += s.size - s.kept
	w.promised = s.kept
	w.past = append(w.past, sealed{s.header.number, s.idx.Last})
	w.size, w.seg = s.size, nil
	return nil
}

// sealed is a segment that is not written any more.
type sealed struct {
	number uint32
	last   time.Duration
}

// Forget removes the segments that hold nothing at or after a journal time: a journal that rolls.
func (w *Writer) Forget(before time.Duration) error {
	n := 0
	for n < len(w.past) && w.past[n].last < before {
		err := os.Remove(filepath.Join(w.dir, segmentName(w.past[n].number)))
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("forget segment: %w", err)
		}
		n++
	}
	if n == 0 {
		return nil
	}
	w.past = w.past[n:]
	return durable.SyncFolder(w.dir)
}

// Close writes what waits, seals the segment and lets go of the journal. Closing twice is harmless.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.retry = 0
	err := w.Sync()
	if w.seg != nil {
		if e := w.rotate(true); err == nil {
			err = e
		}
	}
	w.closed = true
	return errors.Join(err, w.lock.Close())
}

// Full reports whether an error of the disk means that it has no room.
func Full(err error) bool { return full(err) }
