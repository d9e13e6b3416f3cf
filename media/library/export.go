package library

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
)

var (
	// ErrNoJob means that there is no such export, or not any more.
	ErrNoJob = errors.New("no such export")
	// ErrTooManyJobs means that enough exports wait already.
	ErrTooManyJobs = errors.New("too many exports at the same time")
	// ErrNoSpace means that the file would take what must stay free.
	ErrNoSpace = errors.New("not enough space for the file")
	// ErrNotReady means that the file is not made yet.
	ErrNotReady = errors.New("the file is not ready yet")
)

const (
	atOnce    = 2             // exports that are made at the same time
	mostJobs  = 16            // that are known at all
	fileStays = 2 * time.Hour // a finished file waits that long to be fetched
)

// The states of an export: waiting → running → done, failed or cancelled.
const (
	JobWaiting   = "waiting"
	JobRunning   = "running"
	JobDone      = "done"
	JobFailed    = "failed"
	JobCancelled = "cancelled"
)

// formats are what a recording can be exported as.
var formats = []string{mux.MP4, mux.WebM, mux.MKV, mux.Sound}

// Job is one export.
type Job struct {
	ID        string
	Recording string
	Format    string
	Streams   []string
	Who       string // as the caller names it
	State     string
	Done      float64 // 0 … 1
	Bytes     int64   // expected; of the file when it is done
	Left      time.Duration
	Began     time.Time
	Ended     time.Time
	Name      string // of the file, for people
	MIME      string
}

// job is a Job with what runs it.
type job struct {
	Job
	path    string
	running time.Time // since when
	cancel  context.CancelFunc
}

// exports are files being made. Goroutines begin in start and are waited for in end.
type exports struct {
	dir    string
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	turn   chan struct{} // atOnce: held by whoever makes a file

	mu   sync.Mutex
	jobs map[string]*job
}

// open clears what an earlier process left.
func (x *exports) open(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear exports: %w", err)
	}
	x.dir, x.jobs, x.turn = dir, map[string]*job{}, make(chan struct{}, atOnce)
	x.ctx, x.cancel = context.WithCancel(context.Background())
	return nil
}

// end cuts what runs and waits for it.
func (x *exports) end() {
	x.cancel()
	x.wg.Wait()
}

// Export begins to make a file of a recording.
func (l *Library) Export(id, format string, streams []string, who string) (Job, error) {
	e, err := l.Get(id)
	if err != nil {
		return Job{}, err
	}
	if e.Live {
		return Job{}, ErrLive
	}
	if !slices.Contains(formats, format) || len(streams) == 0 {
		return Job{}, mux.ErrFormat
	}
	j := &job{Job: Job{
		ID: newID(), Recording: id, Format: format, Streams: streams, Who: who, State: JobWaiting, Began: time.Now(), Name: fileName(e, streams),
	}}
	x := &l.exports
	options := mux.ExportOptions{Format: format, Streams: streams, Marks: marks(e), Progress: func(done, total time.Duration) { x.progress(j, done, total) }}
	plan := func() (f *mux.File, err error) {
		err = l.with(id, func(mv *movie) error {
			f, err = mv.m.File(options)
			return err
		})
		return f, err
	}
	f, err := plan()
	if err != nil {
		return Job{}, err
	}
	j.Bytes, j.Name, j.MIME = f.Size, j.Name+f.Extension, f.MIME
	if s, err := l.Space(); err == nil && s.Free-j.Bytes < s.Reserve/2 { // the file goes again in two hours
		return Job{}, ErrNoSpace
	}
	return x.start(j, func(ctx context.Context, path string) error {
		err := write(ctx, f, path)
		if !errors.Is(err, mux.ErrGone) {
			return err
		}
		l.lookAgain(id) // something of it rotted, or was erased just now: once more, of what is left
		e, err := l.Get(id)
		if err != nil {
			return err
		}
		options.Marks = marks(e)
		if f, err = plan(); err != nil {
			return err
		}
		return write(ctx, f, path)
	})
}

// marks are a file's chapters: those of the lesson, and where something is missing.
func marks(e Entry) (list []mux.Mark) {
	for _, c := range e.Chapters {
		switch c.Kind {
		case ChapterStart:
			list = append(list, mux.Mark{At: c.At, Text: "上课"})
		case ChapterFloor:
			list = append(list, mux.Mark{At: c.At, Text: c.Name + " 发言"})
		case ChapterEnd:
			list = append(list, mux.Mark{At: c.At, Text: "下课"})
		}
	}
	gap := func(s Span, cause string) {
		text := fmt.Sprintf("缺 %d 秒", max(1, int(s.Length().Round(time.Second)/time.Second)))
		switch cause {
		case journal.CauseDamaged, journal.CauseMissing:
			text += "（文件损坏）"
		case mux.WhyErased:
			text += "（已删除）"
		}
		list = append(list, mux.Mark{At: s.From, Text: text})
	}
	for _, g := range e.Gaps {
		gap(g.Span, g.Cause)
	}
	for _, d := range e.Damaged {
		if d.Source == "" && !slices.ContainsFunc(e.Gaps, func(g Gap) bool { return g.From <= d.To && g.To >= d.From }) {
			gap(d.Span, journal.CauseDamaged)
		}
	}
	return list
}

func write(ctx context.Context, f *mux.File, path string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Write(ctx, out), out.Close())
}

func (x *exports) start(j *job, do func(ctx context.Context, path string) error) (Job, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Err() != nil {
		return Job{}, x.ctx.Err()
	}
	if len(x.jobs) >= mostJobs {
		return Job{}, ErrTooManyJobs
	}
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return Job{}, err
	}
	j.path = filepath.Join(x.dir, j.ID)
	ctx, cancel := context.WithCancel(x.ctx)
	j.cancel = cancel
	x.jobs[j.ID] = j
	x.wg.Go(func() { // ends with ctx, or when the file is made
		defer cancel()
		x.run(ctx, j, do)
	})
	return j.Job, nil
}

func (x *exports) run(ctx context.Context, j *job, do func(ctx context.Context, path string) error) {
	select {
	case x.turn <- struct{}{}:
		defer func() { <-x.turn }()
	case <-ctx.Done():
		x.finish(j, ctx.Err())
		return
	}
	x.change(j, func() { j.State, j.running = JobRunning, time.Now() })
	err := do(ctx, j.path)
	x.finish(j, errors.Join(err, ctx.Err()))
}

// progress is told by the writer.
func (x *exports) progress(j *job, done, total time.Duration) {
	if total <= 0 {
		return
	}
	x.change(j, func() {
		j.Done = min(max(float64(done)/float64(total), 0), 1)
		if j.Done > 0.02 {
			j.Left = time.Duration(float64(time.Since(j.running)) * (1 - j.Done) / j.Done)
		}
	})
}

func (x *exports) change(j *job, f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

func (x *exports) finish(j *job, err error) {
	var size int64
	if err == nil {
		var st os.FileInfo
		if st, err = os.Stat(j.path); err == nil {
			size = st.Size()
		}
	}
	if err != nil {
		os.Remove(j.path)
	}
	x.change(j, func() {
		j.Ended, j.Left = time.Now(), 0
		switch {
		case errors.Is(err, context.Canceled):
			j.State = JobCancelled
		case err != nil:
			j.State = JobFailed
		default:
			j.State, j.Done, j.Bytes = JobDone, 1, size
		}
	})
}

// tidy forgets files that nobody fetched, and failures that somebody could have read of.
func (x *exports) tidy(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, j := range x.jobs {
		if !j.Ended.IsZero() && now.Sub(j.Ended) > fileStays {
			os.Remove(j.path)
			delete(x.jobs, id)
		}
	}
}

// Job is an export of a recording.
func (l *Library) Job(recording, id string) (Job, error) {
	x := &l.exports
	x.mu.Lock()
	defer x.mu.Unlock()
	j, ok := x.jobs[id]
	if !ok || j.Recording != recording {
		return Job{}, ErrNoJob
	}
	return j.Job, nil
}

// OpenJob opens a finished file; the caller closes it.
func (l *Library) OpenJob(recording, id string) (Job, *os.File, error) {
	x := &l.exports
	x.mu.Lock()
	defer x.mu.Unlock()
	j, ok := x.jobs[id]
	if !ok || j.Recording != recording {
		return Job{}, nil, ErrNoJob
	}
	if j.State != JobDone {
		return Job{}, nil, ErrNotReady
	}
	f, err := os.Open(j.path)
	return j.Job, f, err
}

// CancelJob ends an export and removes its file.
func (l *Library) CancelJob(recording, id string) error {
	x := &l.exports
	x.mu.Lock()
	defer x.mu.Unlock()
	j, ok := x.jobs[id]
	if !ok || j.Recording != recording {
		return ErrNoJob
	}
	j.cancel()
	if !j.Ended.IsZero() {
		os.Remove(j.path)
		delete(x.jobs, id)
	}
	return nil
}

// dropRecording ends all exports of a recording that is deleted, and removes their files.
func (x *exports) dropRecording(recording string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, j := range x.jobs {
		if j.Recording == recording {
			j.cancel()
			os.Remove(j.path)
			delete(x.jobs, id)
		}
	}
}

func newID() string {
	b := make([]byte, 9)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// fileName is what a downloaded file is called: date, title, streams, without what a file system or a shell minds.
func fileName(e Entry, streams []string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune(`/\:*?"<>|%;&$'`+"`", r):
			return -1
		case r == ' ':
			return '-'
		}
		return r
	}, e.Title)
	clean = strings.Trim(clean, ".-")
	if n := []rune(clean); len(n) > 40 {
		clean = string(n[:40])
	}
	if clean == "" {
		clean = e.ID
	}
	what := "sound"
	for _, s := range streams {
		if s == "teacher" || s == "board" {
			what = s
			break
		}
	}
	return fmt.Sprintf("%s-%s-%s", e.Start.Add(8*time.Hour).Format("2006-01-02"), clean, what) // Asia/Shanghai has no summer time
}
