package recorder

import (
	"context"
	"log/slog"
	"maps"
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
	if j.wish.Ended {
		return
	}
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
