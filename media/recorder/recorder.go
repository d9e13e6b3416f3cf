// Package recorder keeps lessons: it subscribes to the sources that a lesson's wish allows and appends their packets to the lesson's journal
// (media/recorder/journal), one journal per lesson and box. It decides by what it is told, which source is kept and for how long; it knows no
// person.
//
// The relay hands packets to a bounded queue and never waits. Each lesson has one goroutine, which owns its journal and may wait for the disk as
// long as the disk likes; meanwhile the queue holds what comes. Nothing is said to be stored that a sync has not confirmed.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tongke/media/packet"
	"tongke/media/recorder/journal"
	"tongke/media/relay"
	"tongke/media/track"
)

const (
	syncEvery  = 250 * time.Millisecond
	rollEvery  = 10 * time.Second
	bufferKept = 15 * time.Minute
	sweepEvery = time.Minute
	retryMake  = 2 * time.Second
	remembered = 64 // lessons whose last status is kept

	// The queue between the relay and one lesson: half a minute of 4 Mb/s.
	queueBytes   = 16 << 20
	queuePackets = 32 << 10

	bufferExt = ".buffer"
)

// Faults as a page is told of them.
const (
	DiskFull   = "disk-full"
	DiskFailed = "disk-failed"
)

// Config is what a Recorder needs. Journal is passed on to every journal; its zero value is what a box uses.
type Config struct {
	Relay   *relay.Relay
	Dir     string // of recordings
	Keys    journal.Keys
	Box     string // id of this box
	Open    func(lesson string) bool
	Journal journal.Options
	Log     *slog.Logger
}

// Wish is what a lesson wants to be kept at this box now.
type Wish struct {
	Lesson string
	Mode   string // journal.ModeOff, ModeBuffer, ModeKeep
	Scope  string // journal.ScopeTeacher, ScopePupils
	Active bool   // the lesson is on: packets are kept
	Ended  bool   // it is over: nothing comes any more

	Teaching string           // box whose voice is the teacher's; "" = one that shows a teacher or a board
	Attends  bool             // somebody at this box attends: if need be the recorder asks for the lesson itself
	Places   map[string]Place // by box id
	Info     journal.Info     // without Mode and Scope
}

// Place is where a box stands.
type Place struct{ Campus, Room string }

// Status is what is really being done for a lesson.
type Status struct {
	Mode   string        // what is kept now
	Scope  string        //
	Fault  string        // "", DiskFull or DiskFailed: nothing is kept although it should be
	Stored time.Duration // on the disk so far
}

// Recorder keeps the lessons of a box. Its methods may be called from any goroutine and never wait for the disk.
type Recorder struct {
	cfg  Config
	wake chan struct{} // 1: there are jobs to start

	mu      sync.Mutex
	jobs    map[string]*job
	sources map[string]map[track.Key]relay.SourceInfo // by lesson
	last    map[string]Status                         // of lessons that are over
	order   []string                                  // of last
	total   journal.Stats                             // of journals that were closed
	closed  bool
}

// New makes a recorder at rest.
func New(cfg Config) *Recorder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{
		cfg: cfg, wake: make(chan struct{}, 1),
		jobs: map[string]*job{}, sources: map[string]map[track.Key]relay.SourceInfo{}, last: map[string]Status{},
	}
}

// Run keeps what it is told to until ctx ends; then what has come is written, and a lesson that is on goes on in the same journal after the
// next start.
func (r *Recorder) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	cancel := r.cfg.Relay.Watch(r.source)
	defer cancel()
	r.sweep()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		r.mu.Lock()
		for _, j := range r.jobs {
			if !j.started {
				j.started = true
				wg.Go(func() { j.run(ctx) }) // ends with ctx, or with its lesson
			}
		}
		r.mu.Unlock()
		select {
		case <-r.wake:
		case <-tick.C:
			r.sweep()
		case <-ctx.Done():
			r.mu.Lock()
			r.closed = true
			r.mu.Unlock()
			return nil
		}
	}
}

// Set replaces the wish of a lesson.
func (r *Recorder) Set(w Wish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.jobs[w.Lesson]
	if j == nil {
		if r.closed || w.Ended || !w.Active {
			return
		}
		j = newJob(r, w)
		j.sources = r.sources[w.Lesson]
		r.jobs[w.Lesson] = j
		poke(r.wake)
	}
	j.set(w)
}

// Event notes something that happened in a lesson. Its time is now.
func (r *Recorder) Event(lesson string, e journal.Event) {
	r.mu.Lock()
	j := r.jobs[lesson]
	r.mu.Unlock()
	if j != nil {
		j.event(e)
	}
}

// Status is what is being done for a lesson, or was done when it was over.
func (r *Recorder) Status(lesson string) Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j := r.jobs[lesson]; j != nil {
		return j.now()
	}
	if s, ok := r.last[lesson]; ok {
		return s
	}
	return Status{Mode: journal.ModeOff, Scope: journal.ScopeTeacher}
}

// Stats are a recorder's figures.
type Stats struct {
	Lessons         int     `json:"lessons"`
	Faults          int     `json:"faults"` // lessons that cannot be stored now
	Packets         int64   `json:"packets"`
	Bytes           int64   `json:"bytes"`
	Refused         int64   `json:"refused"`
	Syncs           int64   `json:"syncs"`
	GivenUp         int64   `json:"segmentsGivenUp"`
	UnsyncedSeconds float64 `json:"unsyncedSeconds"` // age of the oldest packet that is not on the disk
	DelaySeconds    float64 `json:"delaySeconds"`    // the longest that a packet waited for its sync to begin while the disk was free
}

// Stats adds up all lessons.
func (r *Recorder) Stats() Stats {
	now := packet.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	total, s := r.total, Stats{Lessons: len(r.jobs)}
	for _, j := range r.jobs {
		st, oldest, fault := j.figures()
		total = plus(total, st)
		if oldest != 0 {
			s.UnsyncedSeconds = max(s.UnsyncedSeconds, now.Sub(oldest).Seconds())
		}
		if fault {
			s.Faults++
		}
	}
	s.DelaySeconds = total.Delay.Seconds()
	s.Packets, s.Bytes, s.Refused, s.Syncs, s.GivenUp = total.Packets, total.Bytes, total.Refused, total.Syncs, total.Faults
	return s
}

func plus(a, b journal.Stats) journal.Stats {
	a.Packets += b.Packets
	a.Bytes += b.Bytes
	a.Refused += b.Refused
	a.Syncs += b.Syncs
	a.Faults += b.Faults
	a.Delay = max(a.Delay, b.Delay)
	return a
}

// source follows what the relay has. It runs in the relay's goroutine.
func (r *Recorder) source(e relay.SourceEvent) {
	k := e.Info.Key
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.sources[k.Lesson]
	next := make(map[track.Key]relay.SourceInfo, len(old)+1) // jobs hold the former one
	for key, info := range old {
		next[key] = info
	}
	if e.Gone {
		delete(next, k)
	} else {
		next[k] = e.Info
	}
	if len(next) == 0 {
		delete(r.sources, k.Lesson)
	} else {
		r.sources[k.Lesson] = next
	}
	if j := r.jobs[k.Lesson]; j != nil {
		j.setSources(next)
	}
}

// over forgets a job that has ended.
func (r *Recorder) over(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.jobs[j.lesson] == j {
		delete(r.jobs, j.lesson)
	}
	st, _, _ := j.figures()
	r.total = plus(r.total, st)
	if _, again := r.last[j.lesson]; !again {
		r.order = append(r.order, j.lesson)
	}
	r.last[j.lesson] = j.now()
	if len(r.order) > remembered {
		delete(r.last, r.order[0])
		r.order = r.order[1:]
	}
}

// sweep finishes deletions and erases the buffers of lessons that are over: those that ended while this box was off.
func (r *Recorder) sweep() {
	if err := journal.Tidy(r.cfg.Dir, r.cfg.Keys); err != nil {
		r.cfg.Log.Warn("recordings not tidied", "err", err)
	}
	entries, err := os.ReadDir(r.cfg.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.cfg.Log.Warn("recordings not read", "err", err)
	}
	for _, e := range entries {
		lesson, ok := strings.CutSuffix(e.Name(), bufferExt)
		if !ok || !e.IsDir() || r.cfg.Open == nil || r.cfg.Open(lesson) {
			continue
		}
		r.mu.Lock()
		_, busy := r.jobs[lesson]
		r.mu.Unlock()
		if busy {
			continue
		}
		if err := journal.Remove(filepath.Join(r.cfg.Dir, e.Name()), r.cfg.Keys); err != nil && !errors.Is(err, journal.ErrLocked) {
			r.cfg.Log.Warn("buffer not erased", "lesson", lesson, "err", err)
		}
	}
}

// folder is the name of a lesson's journal: a second lesson of the same id gets another.
func (r *Recorder) folder(w Wish, n int) string {
	name := w.Lesson
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return filepath.Join(r.cfg.Dir, name)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
