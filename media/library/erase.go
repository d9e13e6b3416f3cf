package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
)

// Why a recording goes.
const (
	ReasonAsked = "asked" // a person said so
	ReasonAge   = "age"
	ReasonDisk  = "disk" // the disk was too full
)

// ByBox is who deleted when no person did.
const ByBox = "box"

// Proof says what a deletion took from this box, and when. It is made after everything is gone.
type Proof struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Start  time.Time `json:"start"` // of the lesson
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Keys   int       `json:"keys"`  // sources whose keys were dropped, the lesson's own included
	Files  int       `json:"files"` // that were removed
	Bytes  int64     `json:"bytes"`
	Late   bool      `json:"late,omitempty"` // a power cut came in between, and the next start finished it
}

// Delete takes a recording from this box: its keys are dropped, then its files removed. When it returns nil, nothing of it can be read here
// any more, not by a power cut either: what is begun is finished at the next start.
func (l *Library) Delete(id, by string) (Proof, error) { return l.delete(id, by, ReasonAsked) }

func (l *Library) delete(id, by, reason string) (Proof, error) {
	l.deleting.Lock()
	defer l.deleting.Unlock()
	e, err := l.Get(id)
	switch {
	case err != nil:
		return Proof{}, err
	case e.Live:
		return Proof{}, ErrLive
	case e.Protected:
		return Proof{}, ErrProtected
	}
	p := Proof{ID: id, Title: e.Title, Start: e.Start, By: by, Reason: reason}
	l.mu.Lock()
	l.closeMovieLocked(id)
	l.mu.Unlock()
	l.exports.dropRecording(id)
	dir := l.dirOf(id)
	if p.Files, p.Bytes, err = measure(dir); err != nil {
		return Proof{}, fmt.Errorf("delete %s: %w", id, err)
	}
	p.Keys = sources(dir, l.cfg.Keys)
	if err := l.cat.begin(p); err != nil {
		return Proof{}, fmt.Errorf("delete %s: %w", id, err)
	}
	if err := journal.Remove(dir, l.cfg.Keys); err != nil {
		return Proof{}, fmt.Errorf("delete %s: %w", id, err)
	}
	p.At = time.Now().UTC().Truncate(time.Second)
	if err := l.forget(id); err != nil {
		return Proof{}, err
	}
	l.cfg.Log.Info("recording deleted", "lesson", id, "reason", reason, "by", by, "bytes", p.Bytes, "files", p.Files, "keys", p.Keys)
	l.told(p)
	return p, l.cat.end()
}

// Erasure is what is to be taken out of a recording: a stream, or a stretch of one, or of all where no stream is named.
type Erasure struct {
	Stream   string
	From, To time.Duration // both 0: all of the stream
}

// lateBy is how long after it was made the last of something erased may have come.
const lateBy = 2 * time.Second

// Erase takes something out of a recording for good, and with it everything that was made of it: the index, files for download, the entry's facts.
func (l *Library) Erase(id string, what Erasure) error {
	l.deleting.Lock()
	defer l.deleting.Unlock()
	e, err := l.Get(id)
	if err != nil {
		return err
	}
	if e.Live {
		return ErrLive
	}
	if e.Protected {
		return ErrProtected
	}
	r, err := journal.Open(l.dirOf(id), l.cfg.Keys)
	if err != nil {
		return fmt.Errorf("erase from %s: %w", id, err)
	}
	var stream mux.Stream
	if err := l.with(id, func(mv *movie) error {
		for _, s := range mv.m.Streams() {
			if s.Name == what.Stream {
				stream = s
			}
		}
		return nil
	}); err != nil {
		return err
	}
	whole := what.From == 0 && what.To == 0
	if !whole {
		what.To += lateBy // a packet lies in the journal where it came, not where it is shown
	}
	of := map[journal.ErasedRange]bool{}
	for _, t := range r.Tracks() {
		if t.Source == stream.Source && t.Campus == stream.Campus && t.Room == stream.Room {
			of[journal.ErasedRange{From: what.From, To: what.To, Origin: t.Origin, Source: t.Source}] = true
		}
	}
	if what.Stream == "" && !whole {
		of[journal.ErasedRange{From: what.From, To: what.To}] = true
	}
	if len(of) == 0 {
		return ErrNoStream
	}
	l.mu.Lock()
	l.closeMovieLocked(id)
	l.mu.Unlock()
	l.exports.dropRecording(id)
	defer func() { // whatever of it was done: files that were begun meanwhile go, and the entry is made anew
		l.exports.dropRecording(id)
		l.lookAgain(id)
	}()
	for e := range of {
		if whole {
			err = journal.EraseSource(l.dirOf(id), l.cfg.Keys, e.Origin, e.Source)
		} else {
			err = journal.EraseRange(l.dirOf(id), l.cfg.Keys, e)
		}
		if err != nil {
			return fmt.Errorf("erase from %s: %w", id, err)
		}
	}
	l.cfg.Log.Info("something erased from a recording", "lesson", id, "stream", what.Stream, "from", what.From, "to", what.To)
	return nil
}

func (l *Library) told(p Proof) {
	if l.cfg.Deleted != nil {
		l.cfg.Deleted(p)
	}
}

// forget takes a recording that is gone out of the catalogue.
func (l *Library) forget(id string) error {
	l.mu.Lock()
	l.closeMovieLocked(id)
	delete(l.records, id)
	l.mu.Unlock()
	if err := l.cat.remove(id); err != nil {
		return fmt.Errorf("forget %s: %w", id, err)
	}
	return nil
}

// measure counts the files of a folder.
func measure(dir string) (files int, bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		files++
		bytes += st.Size()
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return files, bytes, err
}

// sources counts what has a key of its own in a journal; 0 where it cannot be read any more.
func sources(dir string, keys journal.Keys) int {
	r, err := journal.Open(dir, keys)
	if err != nil {
		return 0
	}
	all := map[[2]string]bool{{}: true} // the lesson's own
	for _, t := range r.Tracks() {
		all[[2]string{t.Origin, t.Source}] = true
	}
	return len(all)
}

// finishDeletions does at the start what a power cut interrupted: what was noted as being deleted, whether its files are gone or not, and what its
// journal says is being deleted.
func (l *Library) finishDeletions() {
	begun, ok := l.cat.begun()
	if ok {
		l.finish(begun)
	}
	for _, id := range l.folders() {
		if _, err := os.Stat(filepath.Join(l.dirOf(id), deletedMark)); err != nil {
			continue
		}
		p := Proof{ID: id, By: ByBox, Reason: ReasonAsked}
		if e, err := l.Get(id); err == nil {
			p.Title, p.Start = e.Title, e.Start
		}
		p.Files, p.Bytes, _ = measure(l.dirOf(id))
		l.finish(p)
	}
	if ok {
		if err := l.cat.end(); err != nil {
			l.cfg.Log.Warn("finished deletion still noted", "lesson", begun.ID, "err", err)
		}
	}
}

func (l *Library) finish(p Proof) {
	if err := journal.Remove(l.dirOf(p.ID), l.cfg.Keys); err != nil {
		l.cfg.Log.Warn("interrupted deletion not finished", "lesson", p.ID, "err", err)
		return
	}
	p.At, p.Late = time.Now().UTC().Truncate(time.Second), true
	if err := l.forget(p.ID); err != nil {
		l.cfg.Log.Warn("deleted recording still in the catalogue", "lesson", p.ID, "err", err)
	}
	l.cfg.Log.Info("interrupted deletion finished", "lesson", p.ID, "by", p.By)
	l.told(p)
}

// deletedMark is the file by which a journal says that it is being deleted (README of media/recorder).
const deletedMark = "deleted"

// expire deletes what is over age.
func (l *Library) expire(ctx context.Context) {
	l.mu.Lock()
	ids := due(l.listLocked(), l.nowLocked().Age, l.cfg.Retention)
	l.mu.Unlock()
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		if _, err := l.delete(id, ByBox, ReasonAge); err != nil {
			l.cfg.Log.Warn("old recording not deleted", "lesson", id, "err", err)
		}
	}
}

// makeRoom deletes the oldest until the reserve is free. It stops when that does not help: then something else fills the disk.
func (l *Library) makeRoom(ctx context.Context) {
	for ctx.Err() == nil {
		total, free, err := space(l.cfg.Recordings)
		if err != nil || free >= wanted(l.List(), free, l.reserve(total)) {
			return
		}
		id, ok := yields(l.List())
		if !ok {
			return
		}
		p, err := l.delete(id, ByBox, ReasonDisk)
		if err != nil {
			l.cfg.Log.Warn("recording not deleted for the disk", "lesson", id, "err", err)
			return
		}
		if _, after, err := space(l.cfg.Recordings); err != nil || after-free < p.Bytes/2 {
			l.cfg.Log.Warn("deleting a recording gave the disk no room", "lesson", id, "free", after)
			return // until the next look
		}
	}
}
