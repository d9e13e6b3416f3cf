package recorder

import (
	"errors"
	"os"
	"time"

	"tongke/media/packet"
	"tongke/media/recorder/journal"
)

// drain moves what has come into the journal, which is made with the first packet.
func (j *job) drain() {
	j.mu.Lock()
	queue := j.queue
	j.queue, j.spare = j.spare[:0], nil
	refused, refusedAt := j.refused, j.refusedAt
	j.mu.Unlock()

	if len(queue) > 0 && j.w == nil && !j.begin(queue) {
		j.hold(queue)
		return
	}
	if j.w != nil {
		j.tellEvents()
		queue = j.keepAll(queue)
		if refused > 0 {
			j.w.Lost(j.w.At(refusedAt), refused, journal.CauseQueue)
		}
	}
	bytes := 0
	for i, q := range queue {
		bytes += len(q.b.Payload())
		q.b.Release()
		queue[i] = queued{}
	}
	j.mu.Lock()
	j.waiting -= bytes
	if j.w != nil {
		j.refused -= refused
	}
	j.spare = queue[:0]
	j.mu.Unlock()
}

// keepAll writes down what came under this journal's mode and gives back what is done with; what came since the mode was changed waits for
// the next journal.
func (j *job) keepAll(queue []queued) []queued {
	for i, q := range queue {
		switch q.mode {
		case j.mode:
			j.keep(q)
		case j.wish0.Mode:
			j.hold(append([]queued(nil), queue[i:]...))
			return queue[:i]
		}
	}
	return queue
}

// hold puts packets back at the head of the queue until there is a journal.
func (j *job) hold(queue []queued) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(queue, j.queue...)
}

// begin makes the lesson's journal, or goes on with the one that there is.
func (j *job) begin(queue []queued) bool {
	now := packet.Now()
	if j.fault != nil && now < j.retry {
		return false
	}
	first := now
	for _, q := range queue {
		if q.mode != j.wish0.Mode {
			continue
		}
		first = min(first, q.b.Arrival)
		if q.b.Capture != 0 {
			first = min(first, max(q.b.Capture, q.b.Arrival.Add(-time.Second)))
		}
	}
	w, dir, resumed, err := j.make(first)
	if err != nil {
		if j.fault == nil {
			j.log.Warn("lesson is not recorded: the disk takes nothing", "err", err)
		}
		j.fault, j.retry = err, now.Add(retryMake)
		return false
	}
	if j.fault != nil {
		j.log.Info("recording begins after all")
	}
	j.w, j.resumed, j.dir, j.mode, j.fault = w, resumed, dir, j.wish0.Mode, nil
	for _, t := range j.taps {
		t.ids = nil
	}
	if j.scope = w.Info().Scope; !resumed || j.scope != j.wish0.Scope {
		j.tellMode(max(w.At(first), 1))
	}
	return true
}

// make resumes the lesson's journal or creates it. Of a second lesson of one id, it is another.
func (j *job) make(first packet.Time) (w *journal.Writer, dir string, resumed bool, err error) {
	o := j.r.cfg.Journal
	o.Log, o.Begin = j.log, first
	wish := &j.wish0
	for n := 1; n < 1000; n++ {
		dir = j.r.folder(*wish, n)
		if wish.Mode == journal.ModeBuffer {
			dir = j.r.folder(*wish, 1) + bufferExt
		}
		w, err = journal.Resume(dir, j.r.cfg.Keys, o)
		switch {
		case errors.Is(err, journal.ErrNotJournal):
			w, err = journal.Create(dir, j.info(journal.Info{}), j.r.cfg.Keys, o)
			return w, dir, false, err
		case wish.Mode == journal.ModeBuffer && (errors.Is(err, journal.ErrErased) || errors.Is(err, journal.ErrNoKey) || errors.Is(err, journal.ErrDamaged)):
			if err := journal.Remove(dir, j.r.cfg.Keys); err != nil {
				return nil, dir, false, err
			}
			n-- // the same again, which is empty now
		case errors.Is(err, journal.ErrErased), errors.Is(err, journal.ErrNoKey), errors.Is(err, journal.ErrNewer), errors.Is(err, journal.ErrDamaged):
			continue // not ours to go on with
		case err != nil:
			return nil, dir, false, err
		case w.Info().Lesson == wish.Lesson && w.Info().Planned.Equal(wish.Info.Planned):
			return w, dir, true, nil
		default:
			if err := w.Close(); err != nil {
				return nil, dir, false, err
			}
			if wish.Mode == journal.ModeBuffer {
				if err := journal.Remove(dir, j.r.cfg.Keys); err != nil {
					return nil, dir, false, err
				}
				n--
			}
		}
	}
	return nil, dir, false, os.ErrExist
}

// sync puts the journal on the disk. An error is told by the journal once, and tried again.
func (j *job) sync() {
	if j.w == nil {
		return
	}
	err := j.w.Sync()
	var fault *journal.FaultError
	if err != nil && !errors.As(err, &fault) {
		j.log.Error("journal not synced", "err", err)
	}
}

// leave ends the journal because its mode does not hold any more: what was kept stays, what was only buffered goes.
func (j *job) leave() {
	e := journal.Event{Name: journal.EventMode, Detail: map[string]string{"mode": j.wish0.Mode, "scope": j.wish0.Scope}}
	if j.mode == journal.ModeKeep {
		if err := j.w.Event(e); err != nil {
			j.log.Error("event not recorded", "err", err)
		}
	}
	dir, mode := j.dir, j.mode
	j.close()
	if mode == journal.ModeBuffer {
		j.erase(dir)
	}
}

// close ends the journal; a buffer of a lesson that goes on stays for the next start.
func (j *job) close() {
	w := j.w
	if w == nil {
		j.drop()
		return
	}
	if err := w.Close(); err != nil {
		j.log.Warn("journal not closed in order", "err", err)
	}
	j.stored = max(j.stored, w.Synced())
	j.past = plus(j.past, w.Stats())
	j.w = nil
	j.tell()
}

// drop releases what waits for a journal that never came to be.
func (j *job) drop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, q := range j.queue {
		q.b.Release()
	}
	j.queue, j.waiting, j.oldest = nil, 0, 0
}

// finish ends the recording with its lesson.
func (j *job) finish() {
	j.untap()
	j.drain()
	if j.w != nil {
		j.tellEvents()
	}
	dir, mode := j.dir, j.mode
	j.close()
	j.drop()
	if mode == journal.ModeBuffer {
		j.erase(dir)
	}
}

// erase removes a buffer. What the disk refuses now is tried again by the sweep.
func (j *job) erase(dir string) {
	if err := journal.Remove(dir, j.r.cfg.Keys); err != nil {
		j.log.Warn("buffer not erased", "err", err)
	}
	j.mu.Lock()
	j.status.Stored = 0
	j.mu.Unlock()
}
