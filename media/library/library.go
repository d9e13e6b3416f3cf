// Package library knows the recordings of a box: which there are, what is in them, how long they stay, and how they are played, exported
// and deleted. The journals are the truth; library.db is a copy of what they say, made anew when it is lost or damaged.
//
// A Library owns library.db, the folder exports beside it, and in each recording's folder the file library.json: whether it is protected,
// and when its time began. It writes nothing else there, and deletes only through media/recorder/journal.
//
// What goes when is decided in retention.go by the library's own count of time, never by the wall clock, which may jump. Open starts nothing;
// Run looks after the catalogue, the disk and the exports until its ctx ends; Close comes after it. Who may do what is not known here.
package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tongke/media/recorder/journal"
)

var (
	// ErrUnknown means that there is no such recording here.
	ErrUnknown = errors.New("no such recording")
	// ErrLive means that the lesson goes on: it can be played and not deleted.
	ErrLive = errors.New("the lesson is still running")
	// ErrProtected means that a protected recording was to be deleted.
	ErrProtected = errors.New("the recording is protected; take the protection away first")
	// ErrNoStream means that the recording has no such stream or fragment.
	ErrNoStream = errors.New("no such stream or fragment")
	// ErrUnreadable means that nothing of the recording can be played: see Entry.Fault.
	ErrUnreadable = errors.New("the recording cannot be read any more")
	// ErrPreparing means that the recording is being read; a moment later it can be played.
	ErrPreparing = errors.New("the recording is being prepared")
)

const (
	scanEvery  = 2 * time.Second
	liveEvery  = 5 * time.Second // a running lesson's last segment is read anew each time
	findEvery  = time.Second     // for who asks for it
	ageEvery   = time.Minute     // how much of the library's age a power cut can lose
	spaceEvery = 10 * time.Second
)

// Config says where the recordings are and how long they stay.
type Config struct {
	Dir        string // library.db and exports
	Recordings string // the folder of the journals
	Keys       journal.Keys
	Retention  time.Duration // of what is not protected; 0: for ever
	Reserve    int64         // bytes of the disk that stay free; 0: a twentieth of it, at most 5 GB
	// Deleted is told of every deletion after it. nil: nobody is.
	Deleted func(Proof)
	Log     *slog.Logger
}

// Library is the recordings of one box. Its methods may be used from any goroutine.
type Library struct {
	cfg     Config
	keys    journal.Keys // of cfg, until the library ends
	cat     *catalogue
	poke    chan struct{} // 1: look at once
	exports exports

	deleting sync.Mutex // one deletion at a time

	mu      sync.Mutex
	records map[string]record
	aged    aged
	counted time.Time // monotonic: until when aged counts
	movies  map[string]*movie
	deep    int // counts what was looked at more closely
}

// Open reads the catalogue, or makes it when it is lost, and finishes deletions that a power cut interrupted; what it then lacks comes back while Run looks at the journals.
func Open(cfg Config) (*Library, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for _, dir := range []string{cfg.Dir, cfg.Recordings} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("folder of recordings: %w", err)
		}
	}
	cat, fresh, err := openCatalogue(cfg.Dir, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	l := &Library{cfg: cfg, cat: cat, poke: make(chan struct{}, 1), movies: map[string]*movie{}, counted: time.Now()}
	if l.records, l.aged, err = cat.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read catalogue: %w", err), cat.close())
	}
	if fresh {
		l.aged.Age = l.ageOfMarks()
	}
	for id, r := range l.records {
		if r.Entry.Fault != "" { // perhaps somebody brought the keys back
			r.Stamp = time.Time{}
			l.records[id] = r
		}
	}
	l.aged = l.aged.wake(time.Now())
	if err := cat.putAged(l.aged); err != nil {
		return nil, errors.Join(fmt.Errorf("write catalogue: %w", err), cat.close())
	}
	if err := l.exports.open(filepath.Join(cfg.Dir, "exports")); err != nil {
		return nil, errors.Join(err, cat.close())
	}
	l.keys = stoppable{cfg.Keys, l.exports.ctx}
	l.finishDeletions()
	return l, nil
}

// ageOfMarks is the least that the library's age was when its catalogue was lost: everything that stands there was born before.
func (l *Library) ageOfMarks() (age time.Duration) {
	for _, id := range l.folders() {
		if m, err := readMark(l.dirOf(id)); err == nil {
			age = max(age, m.Born)
		}
	}
	return age
}

// Close ends the library; Run has ended before.
func (l *Library) Close() error {
	l.mu.Lock()
	for id := range l.movies {
		l.closeMovieLocked(id)
	}
	aged := l.nowLocked()
	l.mu.Unlock()
	return errors.Join(l.cat.putAged(aged), l.cat.close())
}

// nowLocked counts the library's age up to this moment.
func (l *Library) nowLocked() aged {
	now := time.Now()
	l.aged = l.aged.pass(now.Sub(l.counted), now)
	l.counted = now
	return l.aged
}

// Poke has the folders looked at now: a lesson has begun or ended.
func (l *Library) Poke() {
	select {
	case l.poke <- struct{}{}:
	default: // it will be
	}
}

// Run looks after everything until ctx ends.
func (l *Library) Run(ctx context.Context) error {
	scan, age, disk := time.NewTicker(scanEvery), time.NewTicker(ageEvery), time.NewTicker(spaceEvery)
	defer scan.Stop()
	defer age.Stop()
	defer disk.Stop()
	defer l.exports.end()
	defer context.AfterFunc(ctx, l.exports.cancel)() // also what reads a long journal for its index stops then
	l.scan(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.poke:
			l.scan(ctx)
		case <-scan.C:
			l.scan(ctx)
			l.closeIdle()
			l.exports.tidy(time.Now())
		case <-age.C:
			l.keepAge()
			l.expire(ctx)
		case <-disk.C:
			l.makeRoom(ctx)
		}
	}
}

func (l *Library) keepAge() {
	l.mu.Lock()
	aged := l.nowLocked()
	l.mu.Unlock()
	if err := l.cat.putAged(aged); err != nil {
		l.cfg.Log.Warn("age of the library not kept", "err", err)
	}
}

// List is every recording, newest first, running lessons before all.
func (l *Library) List() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listLocked()
}

func (l *Library) listLocked() []Entry {
	list := make([]Entry, 0, len(l.records))
	for _, r := range l.records {
		list = append(list, r.Entry)
	}
	slices.SortFunc(list, newest)
	return list
}

// Get is one recording.
func (l *Library) Get(id string) (Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.records[id]
	if !ok {
		return Entry{}, ErrUnknown
	}
	return r.Entry, nil
}

// Find is one recording as it is now, also one that no look at the folders has met yet.
func (l *Library) Find(id string) (Entry, error) {
	l.mu.Lock()
	r, ok := l.records[id]
	fresh := ok && (!r.Entry.Live || time.Since(r.looked) < findEvery)
	if ok && !fresh {
		r.looked = time.Time{}
		l.records[id] = r
	}
	l.mu.Unlock()
	if fresh {
		return r.Entry, nil
	}
	if !ValidID(id) {
		return Entry{}, ErrUnknown
	}
	if _, err := os.Stat(l.dirOf(id)); err != nil {
		return Entry{}, ErrUnknown
	}
	l.look(id)
	return l.Get(id)
}

// KeepUntil is when a recording goes by its age, as the wall clock stands now; false where it stays.
func (l *Library) KeepUntil(e Entry) (time.Time, bool) {
	l.mu.Lock()
	age := l.nowLocked().Age
	l.mu.Unlock()
	left, ends := remains(e, age, l.cfg.Retention)
	return time.Now().Add(left), ends
}

// Protect has a recording stay for ever, or go like the others again, 30 days from now at the earliest.
func (l *Library) Protect(id string, on bool) (Entry, error) {
	l.deleting.Lock()
	defer l.deleting.Unlock()
	l.mu.Lock()
	r, ok := l.records[id]
	age := l.nowLocked().Age
	l.mu.Unlock()
	if !ok {
		return Entry{}, ErrUnknown
	}
	if r.Entry.Live {
		return Entry{}, ErrLive
	}
	if r.Entry.Protected == on {
		return r.Entry, nil
	}
	r.Entry.Protected = on
	if !on {
		r.Entry.Born = age // who had it kept must not lose it in the next minute
	}
	if err := writeMark(l.dirOf(id), mark{Protected: on, Born: r.Entry.Born}); err != nil {
		return Entry{}, fmt.Errorf("protect %s: %w", id, err)
	}
	return r.Entry, l.keep(r)
}

// keep puts a record into the catalogue.
func (l *Library) keep(r record) error {
	l.mu.Lock()
	l.records[r.Entry.ID] = r
	l.mu.Unlock()
	if err := l.cat.put(r); err != nil {
		return fmt.Errorf("catalogue %s: %w", r.Entry.ID, err)
	}
	return nil
}

func (l *Library) dirOf(id string) string { return filepath.Join(l.cfg.Recordings, id) }

// folders are the ids of the recordings on disk.
func (l *Library) folders() (ids []string) {
	entries, err := os.ReadDir(l.cfg.Recordings)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.cfg.Log.Warn("recordings not listed", "err", err)
	}
	for _, e := range entries {
		if e.IsDir() && ValidID(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// ValidID reports whether a name can be a recording's: a lesson's id, [a-z0-9-]{1,40}, perhaps with a number. Nothing else ever becomes part
// of a path.
func ValidID(s string) bool {
	if len(s) < 1 || len(s) > 48 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Space is what the disk has.
type Space struct {
	Total, Free, Reserve int64
	Lessons              int // how many more fit
}

// Space is what the disk of the recordings has, and how many more lessons fit.
func (l *Library) Space() (Space, error) {
	total, free, err := space(l.cfg.Recordings)
	if err != nil {
		return Space{}, fmt.Errorf("space of %s: %w", l.cfg.Recordings, err)
	}
	s := Space{Total: total, Free: free, Reserve: l.reserve(total)}
	s.Lessons = forecast(l.List(), free, s.Reserve)
	return s, nil
}

// reserve is what stays free of a disk.
func (l *Library) reserve(total int64) int64 {
	if l.cfg.Reserve > 0 {
		return l.cfg.Reserve
	}
	return min(total/20, 5e9)
}

// Stats are figures for the status.
type Stats struct {
	Recordings int   `json:"recordings"`
	Bytes      int64 `json:"bytes"`
	Live       int   `json:"live"`
	Protected  int   `json:"protected"`
	Open       int   `json:"open"` // for playing
}

// Stats counts.
func (l *Library) Stats() (s Stats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range maps.Values(l.records) {
		s.Recordings++
		s.Bytes += r.Entry.Bytes
		if r.Entry.Live {
			s.Live++
		}
		if r.Entry.Protected {
			s.Protected++
		}
	}
	s.Open = len(l.movies)
	return s
}
