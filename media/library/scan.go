package library

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
)

// scan looks at the folders: new recordings, running ones, those that ended, those that went.
func (l *Library) scan(ctx context.Context) {
	there := map[string]bool{}
	for _, id := range l.folders() {
		if ctx.Err() != nil {
			return
		}
		there[id] = true
		l.look(id)
	}
	l.lookDeeper()
	l.mu.Lock()
	var gone []string
	for id := range l.records {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	l.mu.Unlock()
	for _, id := range gone {
		if _, err := os.Stat(l.cfg.Recordings); err != nil {
			return // the disk is away, not the recordings
		}
		if err := l.forget(id); err != nil {
			l.cfg.Log.Warn("recording that went not forgotten", "lesson", id, "err", err)
		}
	}
}

// lookDeeper has one recording after the other looked at again if somebody wrote into its segments, which its folder does not show.
func (l *Library) lookDeeper() {
	l.mu.Lock()
	ids := slices.Sorted(maps.Keys(l.records))
	if len(ids) == 0 {
		l.mu.Unlock()
		return
	}
	l.deep++
	id := ids[l.deep%len(ids)]
	r := l.records[id]
	l.mu.Unlock()
	if r.Entry.Live || r.Entry.Fault != "" || r.Deep.Equal(newestOf(l.dirOf(id))) {
		return
	}
	l.lookAgain(id)
}

// lookAgain finds out at once what is left of a recording.
func (l *Library) lookAgain(id string) {
	l.again(id)
	l.look(id)
}

// again has a recording looked at anew: what its entry says is not so any more.
func (l *Library) again(id string) {
	if err := l.with(id, func(mv *movie) error {
		mv.updated = time.Time{}
		return nil
	}); err != nil {
		l.cfg.Log.Debug("recording not opened", "lesson", id, "err", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.records[id]; ok {
		r.Stamp, r.looked = time.Time{}, time.Time{}
		l.records[id] = r
	}
}

// newestOf is when a segment in a folder was last written into.
func newestOf(dir string) (at time.Time) {
	paths, _ := filepath.Glob(filepath.Join(dir, "*.seg")) // the pattern is right
	for _, p := range paths {
		if st, err := os.Stat(p); err == nil && st.ModTime().After(at) {
			at = st.ModTime()
		}
	}
	return at
}

// look brings one recording's entry up to date, if anything changed.
func (l *Library) look(id string) {
	dir := l.dirOf(id)
	stamp, err := stampOf(dir)
	if err != nil {
		return // gone meanwhile
	}
	if _, err := os.Stat(filepath.Join(dir, deletedMark)); err == nil {
		l.mu.Lock()
		l.closeMovieLocked(id)
		l.mu.Unlock()
		return
	}
	l.mu.Lock()
	old, known := l.records[id]
	l.mu.Unlock()
	if known && !old.Entry.Live && old.Stamp.Equal(stamp) || known && old.Entry.Live && time.Since(old.looked) < liveEvery {
		return
	}
	r, err := journal.Open(dir, l.cfg.Keys)
	if err != nil {
		l.unreadable(id, old, stamp, err)
		return
	}
	info, live := r.Info(), r.Live()
	if info.Mode != journal.ModeKeep && info.Mode != "" { // it goes at the lesson's end; "": what said so is damaged
		if known {
			if err := l.forget(id); err != nil {
				l.cfg.Log.Warn("recording that is not kept any more not forgotten", "lesson", id, "err", err)
			}
		}
		return
	}
	f := facts{
		info: info, events: r.Events(), tracks: r.Tracks(), start: r.Start(), duration: r.Duration(), bytes: r.Bytes(), live: live, erased: r.Erased(),
		damage: mux.DamageOf(r.Events()),
	}
	if err := l.enter(id, old, known, f); err != nil {
		l.cfg.Log.Warn("recording not entered into the catalogue", "lesson", id, "err", err)
	}
}

// enter makes the entry and keeps it. While the lesson goes on the catalogue's file is written when it begins and ends only.
func (l *Library) enter(id string, old record, known bool, f facts) error {
	if f.live {
		r := record{Entry: describe(id, f), looked: time.Now()}
		if known && old.Entry.Live {
			l.hold(r)
			return nil
		}
		return l.keep(r)
	}
	deep := newestOf(l.dirOf(id))
	list, damage, err := l.contents(id) // reads the whole journal where its index is not kept yet
	if err != nil {
		return err
	}
	f.streams = streamsFacts(list)
	f.damage = damage
	if known && !old.Entry.Live && old.Entry.Fault == "" && len(f.erased) == 0 {
		f.before = old.Entry.Duration
	}
	r := record{Entry: describe(id, f), Deep: deep}
	if err := l.marked(&r.Entry, old.Entry, known && !old.Entry.Live); err != nil {
		return err
	}
	if r.Stamp, err = stampOf(l.dirOf(id)); err != nil {
		return err
	}
	return l.keep(r)
}

// unreadable keeps a recording in the list of which nothing can be read: that it was lost is to be seen, and it can be deleted.
func (l *Library) unreadable(id string, old record, stamp time.Time, why error) {
	e := old.Entry
	switch {
	case errors.Is(why, journal.ErrNoKey):
		e.Fault = FaultKeys
	case errors.Is(why, journal.ErrDamaged):
		e.Fault = FaultDamaged
	case errors.Is(why, journal.ErrNewer):
		e.Fault = FaultNewer
	default:
		l.cfg.Log.Debug("journal not read", "lesson", id, "err", why)
		return
	}
	if e.ID == "" {
		e = Entry{ID: id, Lesson: id, Title: id, Start: stamp.UTC().Truncate(time.Second), Campuses: []Campus{}, Streams: []string{}, Chapters: []Chapter{}, Heard: []Heard{}, Gaps: []Gap{}, Fault: e.Fault}
		_, e.Bytes, _ = measure(l.dirOf(id))
	}
	e.Live = false
	err := l.marked(&e, old.Entry, old.Entry.ID != "" && !old.Entry.Live)
	if err == nil {
		stamp, err = stampOf(l.dirOf(id))
	}
	if err == nil {
		err = l.keep(record{Entry: e, Stamp: stamp})
	}
	l.cfg.Log.Warn("recording cannot be read", "lesson", id, "err", errors.Join(why, err))
}

// marked puts into an entry what is decided about it; a recording that ended just now gets its mark.
func (l *Library) marked(e *Entry, old Entry, known bool) error {
	l.mu.Lock()
	age := l.nowLocked().Age
	l.mu.Unlock()
	m, err := readMark(l.dirOf(e.ID))
	if err != nil {
		m = mark{Born: age}
		if known {
			m = mark{Protected: old.Protected, Born: old.Born}
		}
		if err := writeMark(l.dirOf(e.ID), m); err != nil {
			return err
		}
	}
	e.Protected, e.Born = m.Protected, min(m.Born, age)
	return nil
}

// hold changes the list and not the file.
func (l *Library) hold(r record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[r.Entry.ID] = r
}

func streamsFacts(list []Stream) []streamFacts {
	var out []streamFacts
	for _, s := range list {
		one := streamFacts{name: s.Name, campus: s.Campus, voice: !s.Video}
		var missing, whole []Span
		for _, g := range s.Gaps {
			missing = append(missing, Span{g.From, g.To})
		}
		for _, f := range s.Fragments {
			at := Span{f.At, f.At + f.Duration}
			whole = append(whole, at)
			if f.Gap {
				missing = append(missing, at)
			}
		}
		for _, w := range merge(whole, 0) {
			one.spans = append(one.spans, holes(missing, w, 0)...)
		}
		if one.voice {
			var spans []Span
			var bytes []int
			for _, f := range s.Fragments {
				if !f.Gap {
					spans = append(spans, Span{f.At, f.At + f.Duration})
					bytes = append(bytes, f.Bytes)
				}
			}
			one.loud = loudParts(spans, bytes)
		}
		out = append(out, one)
	}
	return out
}
