package recorder

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/relay"
	"tongke/media/track"
)

// job keeps one lesson. Its goroutine owns the journal and the taps.
type job struct {
	r      *Recorder
	lesson string
	log    *slog.Logger
	wake   chan struct{} // 1: the wish or the sources changed

	started bool // guarded by Recorder.mu

	mu        sync.Mutex
	wish      Wish
	sources   map[track.Key]relay.SourceInfo
	events    []noted
	queue     []queued
	waiting   int         // bytes in queue
	refused   int         // packets that found no room since the queue was last emptied
	refusedAt packet.Time // the first of them
	oldest    packet.Time // arrival of the oldest packet that is not on the disk; 0: none
	status    Status
	stats     journal.Stats
	taps      map[track.Key]*tapped // changed by the goroutine, read by set

	// The goroutine's own.
	wish0   Wish // as of this turn
	w       *journal.Writer
	resumed bool // w goes on with what was there
	dir     string
	mode    string // of w
	fault   error  // why there is no w
	retry   packet.Time
	spare   []queued
	past    journal.Stats // of journals closed before
	rolled  packet.Time
	scope   string // of w, as told by an event
	stored  time.Duration
}

// noted is an event and when it happened.
type noted struct {
	at packet.Time
	e  journal.Event
}

func newJob(r *Recorder, w Wish) *job {
	return &job{
		r: r, lesson: w.Lesson, log: r.cfg.Log.With("lesson", w.Lesson), wake: make(chan struct{}, 1),
		wish: w, taps: map[track.Key]*tapped{}, status: Status{Mode: journal.ModeOff, Scope: journal.ScopeTeacher},
	}
}

// set replaces the wish. What is not to be kept any more is not, from this moment on, whatever the disk does.
func (j *job) set(w Wish) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.Ended { // nothing else is said of a lesson that is over
		j.wish.Ended, j.wish.Active = true, false
	} else {
		j.wish = w
	}
	w = j.wish
	for _, t := range j.taps {
		t.allowed.Store(w.allows(t.key, j.sources))
	}
	poke(j.wake)
}

func (j *job) setSources(s map[track.Key]relay.SourceInfo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sources = s
	poke(j.wake)
}

func (j *job) event(e journal.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, noted{packet.Now(), e})
}

func (j *job) now() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

func (j *job) figures() (s journal.Stats, oldest packet.Time, fault bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats, j.oldest, j.status.Fault != ""
}

// run keeps the lesson until it ends, or ctx does.
func (j *job) run(ctx context.Context) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	due := false // a change of the wish is obeyed at once, the disk has its own pace
	for {
		j.turn(due)
		if j.wish0.Ended {
			j.finish()
			j.r.over(j)
			return
		}
		select {
		case <-tick.C:
			due = true
		case <-j.wake:
			due = false
		case <-ctx.Done():
			j.untap()
			j.drain()
			j.close() // the lesson goes on: whoever starts next resumes
			return
		}
	}
}

// turn does all that is due.
func (j *job) turn(due bool) {
	j.mu.Lock()
	j.wish0 = j.wish
	sources := j.sources
	j.mu.Unlock()
	j.follow(sources)
	if due {
		j.drain()
		j.sync()
	}
	now := packet.Now()
	for _, t := range j.taps {
		t.ask(now)
	}
	if j.w != nil && j.mode == journal.ModeBuffer && now.Sub(j.rolled) >= rollEvery {
		j.rolled = now
		if err := j.w.Forget(j.w.Now() - bufferKept); err != nil {
			j.log.Warn("old part of the buffer not erased", "err", err)
		}
	}
	j.tell()
}

// follow opens and closes taps, and changes the journal when the mode did.
func (j *job) follow(sources map[track.Key]relay.SourceInfo) {
	w := &j.wish0
	for k, t := range j.taps {
		// One whose publisher is gone for a moment stays.
		info, present := sources[k]
		if !w.allows(k, sources) || present && t.local != (info.Path == nil) || !t.local && t.never == w.mayAsk(k, sources) {
			t.tap.Close()
			j.mu.Lock()
			delete(j.taps, k)
			j.mu.Unlock()
		}
	}
	for k, info := range sources {
		if w.allows(k, sources) && j.taps[k] == nil {
			j.tap(info, sources)
		}
	}
	if j.w != nil && (j.mode != w.Mode || w.Mode == journal.ModeOff) {
		j.drain() // what came before is the former journal's
		j.leave()
	}
	if j.w != nil {
		j.describe()
	}
}

func (j *job) tap(info relay.SourceInfo, sources map[track.Key]relay.SourceInfo) {
	local := info.Path == nil
	t := &tapped{j: j, key: info.Key, kind: info.Kind, local: local, never: !local && !j.wish0.mayAsk(info.Key, sources)}
	t.allowed.Store(true)
	tap, err := j.r.cfg.Relay.Tap(relay.TapConfig{
		Key: info.Key, Passive: !local, Never: t.never, Down: t,
		OnLayer: func(l track.Layer) { t.layer = l },
	})
	if err != nil { // the relay has ended
		return
	}
	t.tap, t.asked = tap, packet.Now()
	j.mu.Lock()
	j.taps[info.Key] = t
	t.allowed.Store(j.wish.allows(info.Key, j.sources))
	j.mu.Unlock()
}

func (j *job) untap() {
	j.mu.Lock()
	taps := maps.Clone(j.taps)
	clear(j.taps)
	j.mu.Unlock()
	for _, t := range taps {
		t.tap.Close()
	}
}

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
		j.tellMode()
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
		case wish.Mode == journal.ModeBuffer && (errors.Is(err, journal.ErrErased) || errors.Is(err, journal.ErrNoKey)):
			if err := journal.Remove(dir, j.r.cfg.Keys); err != nil {
				return nil, dir, false, err
			}
			n-- // the same again, which is empty now
		case errors.Is(err, journal.ErrErased), errors.Is(err, journal.ErrNoKey), errors.Is(err, journal.ErrNewer):
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

// info is what the journal says of the lesson. Its scope is the most that it holds.
func (j *job) info(old journal.Info) journal.Info {
	i := j.wish0.Info
	i.Lesson, i.Mode, i.Scope, i.Created = j.lesson, j.wish0.Mode, more(j.wish0.Scope, old.Scope), old.Created
	return i
}

// describe keeps the journal's info up to date, and says when the scope changes.
func (j *job) describe() {
	if j.scope != j.wish0.Scope {
		j.tellMode()
	}
	now := j.info(j.w.Info())
	if !same(now, j.w.Info()) {
		if err := j.w.SetInfo(now); err != nil {
			j.log.Error("info not recorded", "err", err)
		}
	}
}

func same(a, b journal.Info) bool {
	names := maps.Equal(a.Names, b.Names)
	times := a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Planned.Equal(b.Planned)
	return names && times && a.Title == b.Title && a.Subject == b.Subject && a.Teacher == b.Teacher && a.Alliance == b.Alliance &&
		a.Campus == b.Campus && a.Box == b.Box && a.Master == b.Master && a.Mode == b.Mode && a.Scope == b.Scope
}

func (j *job) tellMode() {
	j.scope = j.wish0.Scope
	e := journal.Event{Name: journal.EventMode, Detail: map[string]string{"mode": j.wish0.Mode, "scope": j.wish0.Scope}}
	if err := j.w.Event(e); err != nil {
		j.log.Error("event not recorded", "err", err)
	}
}

// tellEvents writes down what happened in the lesson.
func (j *job) tellEvents() {
	j.mu.Lock()
	events := j.events
	j.events = nil
	j.mu.Unlock()
	for _, n := range events {
		if n.e.Name == journal.EventStart && j.resumed {
			continue // it began before
		}
		n.e.At = max(j.w.At(n.at), 1)
		if err := j.w.Event(n.e); err != nil {
			j.log.Error("event not recorded", "err", err)
		}
	}
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

// tell brings up to date what others are told.
func (j *job) tell() {
	s := Status{Mode: j.wish0.Mode, Scope: j.wish0.Scope}
	stats := j.past
	var err error
	if j.w != nil {
		st := j.w.Stats()
		stats = plus(stats, st)
		s.Stored = j.w.Synced()
		err = j.w.Fault()
	} else {
		err = j.fault
		s.Stored = j.stored
	}
	if !j.wish0.Active || s.Mode == "" {
		s.Mode = journal.ModeOff
	}
	if err != nil && s.Mode != journal.ModeOff {
		s.Fault, s.Mode = DiskFailed, journal.ModeOff
		if journal.Full(err) {
			s.Fault = DiskFull
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.wish0.Ended { // what was done stays said
		s.Mode, s.Scope, s.Fault = j.status.Mode, j.status.Scope, j.status.Fault
	}
	j.status, j.stats = s, stats
	j.oldest = 0
	if j.w != nil {
		if u := j.w.Stats().Unsynced; u > 0 {
			j.oldest = packet.Now().Add(-u)
		}
	}
	if j.oldest == 0 && len(j.queue) > 0 {
		j.oldest = j.queue[0].b.Arrival
	}
}
