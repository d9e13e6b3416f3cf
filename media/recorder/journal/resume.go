package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	longestDown = 12 * time.Hour // a wall clock that says more was wrong, before or after
	unknownDown = time.Second    // what is assumed where no clock can tell
)

// Resume goes on with the journal in dir after a restart of the daemon or the machine. It cuts off what is not whole at the end of the
// last segment, reads the ends of the others, and names the time in between as a gap. ErrNotJournal where there is none.
func Resume(dir string, keys Keys, o Options) (*Writer, error) {
	o = o.filled()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJournal
	}
	w, err := newWriter(dir, keys, o)
	if err != nil {
		return nil, err
	}
	if err := w.recover(); err != nil {
		w.lock.Close()
		return nil, fmt.Errorf("resume journal: %w", err)
	}
	return w, nil
}

func (w *Writer) recover() error {
	if deleting(w.dir) {
		return ErrErased
	}
	if err := tidy(w.dir); err != nil {
		return err
	}
	numbers, err := segments(w.dir)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return ErrNotJournal
	}
	r, err := open(&Reader{dir: w.dir, keys: w.keys, owner: true, reads: w.o.reads})
	if err != nil {
		return err
	}
	v := r.now()
	newest := v.parts[len(v.parts)-1]
	for _, p := range v.parts { // the last one, and those whose index had not reached the disk
		if p.sealed || p.failed { // of what the disk did not give nothing is cut off
			continue
		}
		if err := p.seal(w.keys, filepath.Base(w.dir)); err != nil {
			return err
		}
	}
	w.info, w.zero, w.number = v.info, r.Start().UnixNano(), numbers[len(numbers)-1]
	if newest.number == w.number {
		w.promised = newest.end
	}
	for _, p := range v.parts {
		w.lastID = max(w.lastID, p.header.tracks)
		for id := range p.orphans {
			w.lastID = max(w.lastID, id)
		}
		w.past = append(w.past, sealed{p.number, p.idx.Last})
	}
	for _, t := range v.tracks {
		w.tracks = append(w.tracks, t)
		w.lastID = max(w.lastID, t.ID)
		w.byName[nameless(t)] = t.ID
	}
	w.goOn(newest, r.Duration())
	return nil
}

func nameless(t Track) Track {
	t.ID = 0
	return t
}

// goOn sets journal time to the last one there is and the time that nobody wrote.
func (w *Writer) goOn(newest *part, last time.Duration) {
	down := unknownDown
	if w.boot == newest.header.boot && w.boot != [16]byte{} {
		down = w.up() - newest.idx.Up
	} else if d := time.Duration(w.o.Wall().UnixNano() - newest.idx.Wall); d >= 0 && d <= longestDown {
		down = d
	}
	if down <= 0 {
		down = unknownDown
	}
	now := w.o.Media()
	begin := now
	if w.o.Begin != 0 && w.o.Begin < now {
		begin = w.o.Begin
	}
	at := last + max(down-now.Sub(begin), time.Millisecond)
	w.base = begin.Add(-at)
	w.last, w.synced = last, last
	_ = w.Event(gapEvent(last, at, CauseRestart, nil))
	_ = w.Event(Event{At: at, Name: EventResume})
}

// seal cuts the segment after its last whole record and gives it an index, so that the next one who opens the journal need not read
// it. The index is sealed under a key of its own: no nonce of the segment is used for it.
func (p *part) seal(keys Keys, lesson string) error {
	key, err := keys.Open(lesson, "", "")
	if err != nil {
		return err
	}
	a, err := sealer(key, labelIndex, &p.header.id)
	if err != nil {
		return err
	}
	body, err := json.Marshal(&p.idx)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(p.end); err != nil {
		return err
	}
	if _, err := f.WriteAt(appendIndex(nil, p.end, body, &p.header, a, p.idx.Last), p.end); err != nil {
		return err
	}
	return f.Sync()
}
