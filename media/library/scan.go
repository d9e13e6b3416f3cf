package library

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

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
	l.mu.Lock()
	var gone []string
	for id := range l.records {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	l.scanned = true
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

// look brings one recording's entry up to date, if anything changed.
func (l *Library) look(id string) {
	dir := l.dirOf(id)
	stamp, err := stampOf(dir)
	if err != nil {
		return // gone meanwhile
	}
	if _, err := os.Stat(filepath.Join(dir, deletedMark)); err == nil {
		return
	}
	l.mu.Lock()
	old, known := l.records[id]
	l.mu.Unlock()
	if known && !old.Entry.Live && old.Stamp.Equal(stamp) {
		return
	}
	r, err := journal.Open(dir, l.cfg.Keys)
	if err != nil {
		if !errors.Is(err, journal.ErrNotJournal) {
			l.cfg.Log.Debug("journal not read", "lesson", id, "err", err)
		}
		return
	}
	info, live := r.Info(), r.Live()
	if info.Mode != journal.ModeKeep {
		return // it goes at the lesson's end
	}
	f := facts{
		info: info, events: r.Events(), tracks: r.Tracks(), start: r.Start(), duration: r.Duration(), bytes: r.Bytes(), live: live, erased: r.Erased(),
	}
	if err := l.enter(id, old, known, f); err != nil {
		l.cfg.Log.Warn("recording not entered into the catalogue", "lesson", id, "err", err)
	}
}

// enter makes the entry and keeps it. While the lesson goes on the catalogue's file is written when it begins and ends only.
func (l *Library) enter(id string, old record, known bool, f facts) error {
	dir := l.dirOf(id)
	l.mu.Lock()
	age := l.nowLocked().Age
	if known && old.Entry.Live && !f.live {
		l.closeMovieLocked(id) // its index is made anew of the whole
	}
	l.mu.Unlock()
	if !f.live {
		if known {
			// so that the index finds the entry; it stays Live until its streams are known
		} else if err := l.keepQuietly(record{Entry: describe(id, f)}); err != nil {
			return err
		}
		list, err := l.Streams(id)
		if err != nil {
			return err
		}
		f.streams = streamsFacts(list)
	}
	e := describe(id, f)
	r := record{Entry: e}
	if !f.live {
		m, err := readMark(dir)
		if err != nil {
			m = mark{Born: age}
			if known && !old.Entry.Live {
				m = mark{Protected: old.Entry.Protected, Born: old.Entry.Born}
			}
			if err := writeMark(dir, m); err != nil {
				return err
			}
		}
		r.Entry.Protected, r.Entry.Born = m.Protected, min(m.Born, age)
	}
	var err error
	if r.Stamp, err = stampOf(dir); err != nil {
		return err
	}
	if known && f.live && old.Entry.Live {
		return l.keepQuietly(r)
	}
	return l.keep(r)
}

// keepQuietly changes the list and not the file.
func (l *Library) keepQuietly(r record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[r.Entry.ID] = r
	return nil
}

func streamsFacts(list []Stream) []streamFacts {
	var out []streamFacts
	for _, s := range list {
		one := streamFacts{name: s.Name, campus: s.Campus, voice: !s.Video}
		var spans []Span
		var bytes []int
		for _, f := range s.Fragments {
			if f.Gap {
				continue
			}
			spans = append(spans, Span{f.At, f.At + f.Duration})
			bytes = append(bytes, f.Bytes)
		}
		one.spans = merge(spans, 50*time.Millisecond)
		if one.voice {
			one.loud = loudParts(spans, bytes)
		}
		out = append(out, one)
	}
	return out
}
