package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tongke/media/durable"
)

// EraseSource makes one source of a journal unreadable for ever, by its key. A Writer beside it leaves the source out from its next segment on.
func EraseSource(dir string, keys Keys, origin, source string) error {
	if origin == "" || source == "" {
		return errors.New("erase source: no source named")
	}
	if err := dropDerived(dir); err != nil { // before, so that a power cut leaves none; and after, for somebody may be making one
		return fmt.Errorf("erase source: %w", err)
	}
	if err := keys.Erase(filepath.Base(dir), origin, source); err != nil {
		return err
	}
	if err := dropDerived(dir); err != nil {
		return fmt.Errorf("erase source: %w", err)
	}
	return nil
}

// DerivedMark is in the names of files that repeat something of a journal's content (sizes and times of pictures). Whatever is erased from
// the journal, they are overwritten and removed.
const DerivedMark = ".mux"

// dropDerived overwrites and removes what was derived from a journal.
func dropDerived(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	dropped := false
	for _, e := range entries {
		if !strings.Contains(e.Name(), DerivedMark) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		err := zeroFile(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dropped = true
	}
	if dropped {
		return durable.SyncFolder(dir)
	}
	return nil
}

// EraseRange takes the packets that arrived in from ≤ t < to out of a journal that nobody writes: those of one source, or of all where origin
// and source are "". Each segment touched is written anew and the former one overwritten; a power cut in between is finished by
// Tidy or Resume.
func EraseRange(dir string, keys Keys, e ErasedRange) error {
	if e.To <= e.From {
		return fmt.Errorf("erase: nothing lies between %v and %v", e.From, e.To)
	}
	l, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	defer l.Close()
	if err := tidy(dir); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	r, err := open(&Reader{dir: dir, keys: keys, owner: true})
	if err == nil {
		err = dropDerived(dir)
	}
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	for _, p := range r.now().parts {
		if p.idx.Last < e.From || p.idx.First >= e.To {
			continue
		}
		if err := r.rewrite(p, e); err != nil {
			return fmt.Errorf("erase from segment %d: %w", p.number, err)
		}
	}
	if err := dropDerived(dir); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return nil
}

func (e *ErasedRange) hits(t Track, at time.Duration) bool {
	return at >= e.From && at < e.To && (e.Origin == "" || e.Origin == t.Origin) && (e.Source == "" || e.Source == t.Source)
}

// rewrite puts a segment without some of its packets in the place of the former one: new id, therefore new keys and nonces.
func (r *Reader) rewrite(p *part, e ErasedRange) error {
	h := p.header
	s, err := begin(beside{}, r.keys, r.dir, p.idx.Info, h, 0, p.idx.Before)
	if err != nil {
		return err
	}
	s.idx.Wall, s.idx.Up = p.idx.Wall, p.idx.Up
	if err := r.copy(s, p, e); err != nil {
		s.abandon()
		return err
	}
	if err := s.end(true); err != nil {
		s.abandon()
		return err
	}
	half, dead := halfName(s.path), s.path[:len(s.path)-len(segmentExt)]+deadExt
	if err := os.Link(s.path, dead); err != nil {
		return err
	}
	if err := (system{}).Rename(half, s.path); err != nil {
		return err
	}
	if err := zeroFile(dead); err != nil {
		return err
	}
	if err := os.Remove(dead); err != nil {
		return err
	}
	return durable.SyncFolder(r.dir)
}

// beside is the system's disk for a segment that is made beside the one that it replaces, on every system.
type beside struct{ system }

func halfName(path string) string { return path[:len(path)-len(segmentExt)] + halfExt }

// copy writes into s what stays of p, batch by batch.
func (r *Reader) copy(s *segment, p *part, e ErasedRange) error {
	for _, old := range append(p.idx.Erased, e) {
		body, err := json.Marshal(old)
		if err != nil {
			return err
		}
		s.addPlain(record{kind: kindErased, arrival: p.header.start, capture: p.header.start}, body)
		s.idx.Erased = append(s.idx.Erased, old)
	}
	for i := range p.idx.Events {
		if p.idx.Events[i].Detail["cause"] == CauseDamaged {
			continue // the reader's own, it finds it again where it is still true
		}
		if err := s.addJSON(kindEvent, p.header.start, &p.idx.Events[i], 0); err != nil {
			return err
		}
		s.idx.Events = append(s.idx.Events, p.idx.Events[i])
	}
	s.addSync(p.header.start, p.header.wall, p.header.up)
	c := &copier{r: r, s: s, p: p, e: e}
	if err := c.run(); err != nil {
		return err
	}
	s.addSync(s.idx.Last, p.idx.Wall, p.idx.Up)
	s.idx.Last = max(s.idx.Last, p.idx.Last)
	return s.write()
}

// copier carries the packets that stay from one segment to another.
type copier struct {
	r     *Reader
	s     *segment
	p     *part
	e     ErasedRange
	batch int64 // bytes at which the running batch began
}

const copyBatch = 128 << 10

func (c *copier) run() error {
	c.s.noteBatch(c.p.header.start)
	c.batch = c.s.at()
	return c.r.walk(c.p, 0, 1<<63-1, nil, func(t Track, pk Packet) error {
		if c.e.hits(t, pk.Arrival) {
			return nil
		}
		if c.s.at()-c.batch > copyBatch {
			c.s.addSync(pk.Arrival, c.p.idx.Wall, c.p.idx.Up)
			if err := c.s.write(); err != nil {
				return err
			}
			c.s.noteBatch(pk.Arrival)
			c.batch = c.s.at()
		}
		en := entryOf(&pk)
		if err := c.s.addPacket(t, &en); err != nil {
			return err
		}
		c.s.note(&en, t)
		return nil
	})
}
