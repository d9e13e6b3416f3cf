// Package health keeps what a box must know of its own past: how often its power was cut, whether its state was put back to an older one
// (a reset card, a restored disk image), and whether its state was copied onto other hardware. It owns the file health.json in the data
// directory, and a copy of its counter in other places where that is possible.
//
// The wall switch is the normal shutdown, so a power cut is only counted, never an error. The file is written beside and renamed; one that
// is damaged is begun anew, because nothing of a lesson depends on it.
package health

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/device/durable"
	"tongke/device/probe"
)

// FileName is the file in the data directory; mirrors hold one of the same name.
const FileName = "health.json"

const (
	mostBoots = 200
	keep      = 14 * 24 * time.Hour
)

// Boot is one start of the machine (not of the daemon).
type Boot struct {
	ID    string    `json:"id"`    // the kernel's
	At    time.Time `json:"at"`    // when the daemon first ran in it, by the clock of then
	Last  time.Time `json:"last"`  // its last sign of life
	Clean bool      `json:"clean"` // ended by a shutdown that told us
}

// record is health.json.
type record struct {
	Counter uint64   `json:"counter"` // starts of the daemon and beats, in all its life; only rises
	Boots   []Boot   `json:"boots"`
	Machine []string `json:"machine"` // marks of the hardware that this state belongs to
	// RolledBack is when this state was last found older than a copy of its counter.
	RolledBack time.Time `json:"rolledBack,omitzero"`
	Copied     time.Time `json:"copied,omitzero"` // when it was found on other hardware
}

// History is what the past says now.
type History struct {
	PowerCuts  map[string]int // by day, 2006-01-02 in the machine's own zone: boots that no shutdown ended
	RolledBack time.Time      // zero: never
	Copied     time.Time      // zero: never
	Counter    uint64
}

// Log is the open health.json. Its methods may be called from any goroutine.
type Log struct {
	dir     string
	mirrors []string

	mu  sync.Mutex
	rec record
}

// Open notes that the daemon starts on m. mirrors are folders that a reset card may treat otherwise than the data directory; those that
// do not exist are passed over. now is the wall clock, perhaps wrong.
func Open(dir string, mirrors []string, m probe.Machine, now time.Time) (*Log, error) {
	l := &Log{dir: dir, mirrors: mirrors}
	if doc, err := os.ReadFile(filepath.Join(dir, FileName)); err == nil {
		if json.Unmarshal(doc, &l.rec) != nil {
			l.rec = record{}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read health: %w", err)
	}
	fresh := l.rec.Counter == 0
	if highest := l.mirrored(); highest > l.rec.Counter {
		// A counter that is ahead of us was written by us later than this state. On a fresh box it is a leftover of an erased one.
		if !fresh {
			l.rec.RolledBack = now
		}
		l.rec.Counter = highest
	}
	if copied(l.rec.Machine, Marks(m)) {
		l.rec.Copied = now
	} else {
		l.rec.Machine = merge(l.rec.Machine, Marks(m))
	}
	if n := len(l.rec.Boots); n == 0 || l.rec.Boots[n-1].ID != m.BootID {
		l.rec.Boots = append(l.rec.Boots, Boot{ID: m.BootID, At: now, Last: now})
	}
	l.rec.Boots[len(l.rec.Boots)-1].Clean = false // it runs again
	l.forget(now)
	return l, l.save()
}

// forget drops what is too old or too much. A clock that jumped ahead would drop everything, so the newest few always stay.
func (l *Log) forget(now time.Time) {
	b := l.rec.Boots
	for len(b) > mostBoots || len(b) > 20 && now.Sub(b[0].Last) > keep {
		b = b[1:]
	}
	l.rec.Boots = slices.Clone(b)
}

// mirrored is the highest counter of the copies.
func (l *Log) mirrored() uint64 {
	var highest uint64
	for _, m := range l.mirrors {
		doc, err := os.ReadFile(filepath.Join(m, FileName))
		var r record
		if err == nil && json.Unmarshal(doc, &r) == nil {
			highest = max(highest, r.Counter)
		}
	}
	return highest
}

// save raises the counter and writes it everywhere; a mirror that cannot be written is passed over.
func (l *Log) save() error {
	l.rec.Counter++
	doc, err := json.Marshal(l.rec)
	if err != nil {
		return fmt.Errorf("write health: %w", err)
	}
	if err := durable.Replace(filepath.Join(l.dir, FileName), doc, 0o600); err != nil {
		return fmt.Errorf("write health: %w", err)
	}
	short, err := json.Marshal(record{Counter: l.rec.Counter})
	if err != nil {
		return fmt.Errorf("write health: %w", err)
	}
	for _, m := range l.mirrors {
		_ = durable.Replace(filepath.Join(m, FileName), short, 0o600) // one place is enough to run
	}
	return nil
}

// Beat notes that the machine still lives; once a minute is enough to tell the day of a power cut.
func (l *Log) Beat(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rec.Boots[len(l.rec.Boots)-1].Last = now
	return l.save()
}

// Shutdown notes that the machine, or only the daemon, was asked to end. A daemon that starts again in the same boot takes it back.
func (l *Log) Shutdown(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.rec.Boots[len(l.rec.Boots)-1]
	b.Last, b.Clean = now, true
	return l.save()
}

// Elsewhere compares the counter with the one that another box remembers of us, such as the parent: the one place that no reset card
// reaches. It reports whether our state was put back.
func (l *Log) Elsewhere(counter uint64, now time.Time) (rolledBack bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if counter <= l.rec.Counter {
		return false, nil
	}
	l.rec.Counter, l.rec.RolledBack = counter, now
	return true, l.save()
}

// History tells the past as it stands.
func (l *Log) History() History {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rec.history()
}

func (r record) history() History {
	h := History{PowerCuts: map[string]int{}, RolledBack: r.RolledBack, Copied: r.Copied, Counter: r.Counter}
	for i, b := range r.Boots {
		if i < len(r.Boots)-1 && !b.Clean { // the last one still runs
			h.PowerCuts[b.Last.Local().Format(time.DateOnly)]++
		}
	}
	return h
}

// Read tells the past without changing it, for a program beside the daemon. m is the machine as it is.
func Read(dir string, m probe.Machine) (History, error) {
	doc, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		return History{}, fmt.Errorf("read health: %w", err)
	}
	var r record
	if err := json.Unmarshal(doc, &r); err != nil {
		return History{}, fmt.Errorf("read health: %w", err)
	}
	h := r.history()
	if h.Copied.IsZero() && copied(r.Machine, Marks(m)) {
		h.Copied = m.At
	}
	return h, nil
}

// Adopt makes the state belong to the present hardware, after a person has said that this is meant.
func (l *Log) Adopt(m probe.Machine) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rec.Machine, l.rec.Copied = Marks(m), time.Time{}
	return l.save()
}

// Marks tell one machine from another of the same make: its network cards, its disk, its board. Each is hashed, so that the file holds no
// serial numbers.
func Marks(m probe.Machine) []string {
	var out []string
	mark := func(kind, value string) {
		if value == "" {
			return
		}
		sum := sha256.Sum256([]byte(kind + "\x00" + strings.ToLower(value)))
		out = append(out, kind+":"+hex.EncodeToString(sum[:6]))
	}
	for _, l := range m.Network.Links {
		if l.Permanent && l.MAC != "" && !strings.HasPrefix(l.MAC, "00:00:00") {
			mark("mac", l.MAC)
		}
	}
	for _, id := range m.HardwareIDs {
		kind, value, _ := strings.Cut(id, ":")
		mark(kind, value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// copied: not one mark is left of at least two, and there are new ones. A disk moved into a spare box keeps the disk's mark, a repaired
// network card leaves the disk's.
func copied(known, now []string) bool {
	if len(known) < 2 || len(now) < 2 {
		return false
	}
	return !slices.ContainsFunc(now, func(m string) bool { return slices.Contains(known, m) })
}

// merge remembers new marks beside the old ones, the newest last, twelve at most.
func merge(known, now []string) []string {
	out := slices.Clone(known)
	for _, m := range now {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out[max(0, len(out)-12):]
}

// First is when the daemon first ran on this state, as far as it is remembered; zero when that was long ago.
func (l *Log) First() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rec.Boots) >= 20 { // older ones may be forgotten
		return time.Time{}
	}
	return l.rec.Boots[0].At
}
