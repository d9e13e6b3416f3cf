package lesson

import (
	"time"

	"tongke/signaling/protocol"
)

// watch adds a watcher and tells it what is known.
func (v *view) watch(w *watcher) {
	v.watchers[w] = true
	v.beatAt = time.Time{}
	if v.live != nil || v.mirror.Epoch != 0 || v.mirror.Stale && time.Since(v.heard) > staleAfter {
		s, _ := v.state()
		w.f(s)
	} // else its owner is asked, or is told to be away in 2 s
}

// Watch calls f with the lesson's State, now and at each change, at most 20 times a second, and with Levels while somebody has the floor,
// until cancel. f is called from the hub's goroutine: it must not block, and not wait for the hub. While cancel runs f may be called once more.
func (h *Hub) Watch(lesson string, f func(protocol.Event)) (cancel func()) {
	w := &watcher{f: f}
	h.post(func() {
		if w.gone.Load() {
			return
		}
		v := h.view(lesson, time.Now())
		if v == nil {
			if h.early[lesson] == nil {
				h.early[lesson] = map[*watcher]bool{}
			}
			h.early[lesson][w] = true
			return
		}
		v.watch(w)
	})
	return func() {
		w.gone.Store(true)
		h.post(func() {
			if v := h.views[lesson]; v != nil {
				delete(v.watchers, w)
				v.used = time.Now()
			}
			if early := h.early[lesson]; early != nil {
				delete(early, w)
				if len(early) == 0 {
					delete(h.early, lesson)
				}
			}
		})
	}
}
