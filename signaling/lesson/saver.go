package lesson

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"tongke/signaling/store"
)

var liveTable = store.TableOf[kept](store.BucketLive)

// saver writes live lessons down: at once where the caller waits, else behind. An older state never takes a newer one's place.
type saver struct {
	store *store.Store
	wake  chan struct{}

	mu      sync.Mutex // memory only
	waiting map[string]kept

	write sync.Mutex // held over the disk
	last  map[string]version
}

func newSaver(s *store.Store) *saver {
	return &saver{store: s, wake: make(chan struct{}, 1), waiting: map[string]kept{}, last: map[string]version{}}
}

// load reads what is kept of open lessons, and removes the rest.
func (s *saver) load(open func(id string) bool) (map[string]kept, error) {
	all := map[string]kept{}
	err := s.store.Update(func(tx *store.Tx) error {
		rows, err := liveTable.All(tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if open(r.Key) {
				all[r.Key] = r.Value
			} else if err := liveTable.Delete(tx, r.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read live lessons: %w", err)
	}
	return all, nil
}

// offer has a lesson written soon; it does not wait.
func (s *saver) offer(id string, k kept) {
	s.mu.Lock()
	s.waiting[id] = k
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes what was offered, until ctx ends.
func (s *saver) run(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-s.wake:
			s.drain(log)
		case <-ctx.Done():
			return
		}
	}
}

func (s *saver) drain(log *slog.Logger) {
	s.mu.Lock()
	batch := s.waiting
	s.waiting = map[string]kept{}
	s.mu.Unlock()
	for id, k := range batch {
		if err := s.now(id, k); err != nil { // the next change tries again
			log.Warn("live lesson not written", "lesson", id, "err", err)
		}
	}
}

// now writes a lesson; it is on disk when now returns nil.
func (s *saver) now(id string, k kept) error {
	s.write.Lock()
	defer s.write.Unlock()
	if of(k.State).less(s.last[id]) {
		return nil
	}
	if err := s.store.Update(func(tx *store.Tx) error { return liveTable.Put(tx, id, k) }); err != nil {
		return fmt.Errorf("write live lesson: %w", err)
	}
	s.last[id] = of(k.State)
	return nil
}

// drop forgets a lesson, now or when the box is started next.
func (s *saver) drop(id string) {
	s.mu.Lock()
	delete(s.waiting, id)
	s.mu.Unlock()
}

// saveAll writes what Run had not handed on.
func (h *Hub) saveAll() {
	for id, v := range h.views {
		if v.live != nil && v.saved != v.version() {
			h.saver.offer(id, v.live.kept.clone())
		}
	}
	h.saver.drain(h.cfg.Log)
}
