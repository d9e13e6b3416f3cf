package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

const (
	mostOpen   = 8                      // recordings open for playing; the one that rests longest is closed
	openFor    = 5 * time.Minute        // after its last fragment
	updateEach = 400 * time.Millisecond // a running lesson is looked at again
	prepareFor = 8 * time.Second        // how long a caller waits for a recording to be read
)

// Stream is one picture or voice of a recording, as a player needs it.
type Stream struct {
	Name      string // "teacher", "board", "voice", "pupils:<campus>", "voice:<campus>"
	Campus    string // whose pupils', "" the teacher's
	Video     bool
	MIME      string // for Media Source Extensions
	Bytes     int64
	Fragments []mux.Fragment
	Gaps      []mux.Gap
}

// movie is a recording that is open for playing.
type movie struct {
	ready chan struct{} // closed when m and err are set
	err   error
	used  time.Time // under the library's mutex

	mu      sync.Mutex // readers are used by one at a time
	r       *journal.Reader
	m       *mux.Movie
	updated time.Time
}

// open reads a recording's index; one caller does, the others wait.
func (l *Library) open(id string) (*movie, error) {
	if !ValidID(id) {
		return nil, ErrUnknown
	}
	l.mu.Lock()
	mv := l.movies[id]
	if mv != nil {
		mv.used = time.Now()
		l.mu.Unlock()
		return mv, mv.wait()
	}
	mv = &movie{ready: make(chan struct{}), used: time.Now()}
	l.movies[id] = mv
	l.closeOldestLocked()
	l.mu.Unlock()

	mv.mu.Lock()
	mv.r, mv.m, mv.err = openMovie(l.dirOf(id), l.keys)
	mv.updated = time.Now()
	mv.mu.Unlock()
	close(mv.ready)
	if mv.err != nil {
		l.mu.Lock()
		if l.movies[id] == mv {
			delete(l.movies, id)
		}
		l.mu.Unlock()
		return nil, fmt.Errorf("open recording %s: %w", id, mv.err)
	}
	return mv, nil
}

func openMovie(dir string, keys journal.Keys) (*journal.Reader, *mux.Movie, error) {
	r, err := journal.Open(dir, keys)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = ErrUnknown
		case errors.Is(err, journal.ErrNoKey), errors.Is(err, journal.ErrDamaged), errors.Is(err, journal.ErrNewer):
			err = ErrUnreadable
		}
		return nil, nil, err
	}
	m, err := mux.Index(r)
	if err != nil {
		return nil, nil, err
	}
	return r, m, nil
}

// stoppable gives keys until ctx ends. A reader asks for them at each segment, so that a long reading ends soon after it.
type stoppable struct {
	journal.Keys
	ctx context.Context
}

// Open implements journal.Keys.
func (s stoppable) Open(lesson, origin, source string) ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	return s.Keys.Open(lesson, origin, source)
}

func (mv *movie) wait() error {
	t := time.NewTimer(prepareFor)
	defer t.Stop()
	select {
	case <-mv.ready:
		return mv.err
	case <-t.C:
		return ErrPreparing
	}
}

// with calls f with an open movie, alone.
func (l *Library) with(id string, f func(mv *movie) error) error {
	mv, err := l.open(id)
	if err != nil {
		return err
	}
	mv.mu.Lock()
	defer mv.mu.Unlock()
	if mv.m == nil {
		return ErrPreparing // closed in between
	}
	return f(mv)
}

// Streams are what can be played of a recording now.
func (l *Library) Streams(id string) (list []Stream, err error) {
	list, _, err = l.contents(id)
	return list, err
}

// contents are the streams of a recording, and what of it is damaged.
func (l *Library) contents(id string) (list []Stream, damage []mux.Gap, err error) {
	err = l.with(id, func(mv *movie) error {
		if time.Since(mv.updated) >= updateEach { // a whole one too: after a restart its lesson may go on
			if err := mv.m.Update(); err != nil {
				return fmt.Errorf("look at %s again: %w", id, err)
			}
			mv.updated = time.Now()
		}
		list, damage = streams(mv.m), mv.m.Damage()
		return nil
	})
	return list, damage, err
}

func streams(m *mux.Movie) []Stream {
	var list []Stream
	for _, s := range m.Streams() {
		one := Stream{Name: s.Name, Video: s.Kind == track.Video, MIME: s.MIME, Fragments: s.Fragments, Gaps: s.Gaps}
		if strings.Contains(s.Name, ":") {
			one.Campus = s.Campus
		}
		for _, f := range s.Fragments {
			one.Bytes += int64(f.Bytes)
		}
		list = append(list, one)
	}
	return list
}

// Init is what a player needs before a stream's first fragment.
func (l *Library) Init(id, stream string) (data []byte, err error) {
	err = l.with(id, func(mv *movie) error {
		data, err = mv.m.Init(stream)
		return err
	})
	return data, err
}

// Fragment is one fragment of a stream.
func (l *Library) Fragment(id, stream string, n int) (data []byte, err error) {
	err = l.with(id, func(mv *movie) error {
		data, err = mv.m.Fragment(stream, n)
		return err
	})
	if errors.Is(err, mux.ErrGone) {
		l.again(id)
		l.Poke()
	}
	return data, err
}

// closeOldestLocked keeps the number of open recordings bounded.
func (l *Library) closeOldestLocked() {
	for len(l.movies) > mostOpen {
		oldest := ""
		for id, mv := range l.movies {
			if oldest == "" || mv.used.Before(l.movies[oldest].used) {
				oldest = id
			}
		}
		l.closeMovieLocked(oldest)
	}
}

func (l *Library) closeIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, mv := range l.movies {
		if time.Since(mv.used) > openFor {
			l.closeMovieLocked(id)
		}
	}
}

// closeMovieLocked takes a recording off those that are open. Whoever reads of it now finishes first.
func (l *Library) closeMovieLocked(id string) {
	mv := l.movies[id]
	if mv == nil {
		return
	}
	delete(l.movies, id)
	select {
	case <-mv.ready:
	default:
		return // its opener keeps it to itself
	}
	mv.mu.Lock()
	defer mv.mu.Unlock()
	if mv.r != nil {
		mv.r, mv.m = nil, nil
	}
}

// stampOf tells whether a recording's folder has changed: a segment came or went.
func stampOf(dir string) (time.Time, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}
