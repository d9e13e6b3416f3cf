package cascade

import (
	"cmp"
	"slices"

	"tongke/media/track"
)

// layerKey names one layer of one source.
type layerKey struct {
	track.Key
	Layer track.Layer
}

// wish is one want of the peer.
type wish struct {
	key      layerKey
	kind     track.Kind
	priority int
	order    uint64 // of arrival: among equals the first stays
	ready    bool   // the source is announced and allowed
	denied   bool   // the peer has been told that it must wait
}

type slotState uint8

// A slot is free until bound to a wish; on its way back it waits for the peer's unbound, because packets may overtake messages.
const (
	slotFree slotState = iota
	slotBound
	slotClosing
)

func (s slotState) String() string { return [...]string{"free", "bound", "closing"}[s] }

type outSlot struct {
	kind  track.Kind
	state slotState
	key   layerKey
}

// slotTable decides which wish has which slot. It is pure: plan returns what to do.
type slotTable struct {
	slots  []outSlot
	wishes map[layerKey]*wish
	count  uint64
}

// step is one thing to do after plan.
type step struct {
	slot   int // −1 for deny
	unbind bool
	key    layerKey
	code   string // of deny
}

func newSlotTable(kinds []track.Kind) *slotTable {
	t := &slotTable{wishes: map[layerKey]*wish{}}
	for _, k := range kinds {
		t.slots = append(t.slots, outSlot{kind: k})
	}
	return t
}

// want notes a wish or changes its priority. ready false keeps it waiting and out of the slots.
func (t *slotTable) want(k layerKey, kind track.Kind, priority int, ready bool) {
	w := t.wishes[k]
	if w == nil {
		t.count++
		w = &wish{key: k, kind: kind, order: t.count}
		t.wishes[k] = w
	}
	w.priority, w.ready = priority, ready
}

func (t *slotTable) unwant(k layerKey) { delete(t.wishes, k) }

// freed notes the peer's unbound and reports whether one was awaited.
func (t *slotTable) freed(slot int) bool {
	if slot >= len(t.slots) || t.slots[slot].state != slotClosing {
		return false
	}
	t.slots[slot] = outSlot{kind: t.slots[slot].kind}
	return true
}

// bound is what a slot carries.
func (t *slotTable) bound(slot int) (layerKey, bool) {
	if slot < 0 || slot >= len(t.slots) || t.slots[slot].state != slotBound {
		return layerKey{}, false
	}
	return t.slots[slot].key, true
}

// plan brings slots and wishes together: the most important wishes have slots, who has one keeps it while it is among them.
func (t *slotTable) plan() (steps []step) {
	for _, kind := range []track.Kind{track.Audio, track.Video} {
		steps = append(steps, t.planKind(kind)...)
	}
	return steps
}

func (t *slotTable) planKind(kind track.Kind) (steps []step) {
	room := 0
	for _, s := range t.slots {
		if s.kind == kind {
			room++
		}
	}
	var sorted []*wish
	for _, w := range t.wishes {
		if w.kind == kind && w.ready {
			sorted = append(sorted, w)
		}
	}
	slices.SortFunc(sorted, func(a, b *wish) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.order, b.order))
	})
	chosen := map[layerKey]bool{}
	for i, w := range sorted {
		if i < room {
			chosen[w.key] = true
			w.denied = false
			continue
		}
		if !w.denied {
			w.denied = true
			steps = append(steps, step{slot: -1, key: w.key, code: denyFull})
		}
	}
	var free []int
	for i := range t.slots {
		s := &t.slots[i]
		switch {
		case s.kind != kind:
		case s.state == slotFree:
			free = append(free, i)
		case s.state == slotBound && chosen[s.key]:
			delete(chosen, s.key)
		case s.state == slotBound:
			steps = append(steps, step{slot: i, unbind: true, key: s.key})
			s.state = slotClosing
		}
	}
	for _, w := range sorted {
		if !chosen[w.key] || len(free) == 0 {
			continue
		}
		i := free[0]
		free = free[1:]
		t.slots[i].state, t.slots[i].key = slotBound, w.key
		steps = append(steps, step{slot: i, key: w.key})
	}
	return steps
}
