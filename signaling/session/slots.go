package session

import (
	"tongke/media/track"
	"tongke/signaling/protocol"
)

// assign says which slot carries which source, of wants in order of importance. A source that has a slot keeps it, whatever else changes: a
// page's element must not jump. What does not fit is returned as left.
func assign(kinds []track.Kind, now []want, wants []want) (next []want, left []want) {
	next = make([]want, len(kinds))
	room := map[track.Kind]int{}
	for _, k := range kinds {
		room[k]++
	}
	var chosen []want
	for _, w := range wants {
		k, _ := track.KindOf(w.key.Source)
		if room[k] == 0 {
			left = append(left, w)
			continue
		}
		room[k]--
		chosen = append(chosen, w)
	}
	var fresh []want
	for _, w := range chosen {
		kept := false
		for i, old := range now {
			if old.key == w.key && old.key.Source != "" {
				next[i], kept = w, true
			}
		}
		if !kept {
			fresh = append(fresh, w)
		}
	}
	for _, w := range fresh {
		k, _ := track.KindOf(w.key.Source)
		for i := range next {
			if kinds[i] == k && next[i].key.Source == "" {
				next[i] = w
				break
			}
		}
	}
	return next, left
}

// table is the event bound: all slots, then what a layout wants and had no place for.
func table(kinds []track.Kind, mids []string, now, left []want) protocol.Bound {
	t := protocol.Bound{Slots: []protocol.Slot{}}
	for i, w := range now {
		t.Slots = append(t.Slots, protocol.Slot{Slot: i, MID: mids[i], Kind: kinds[i].String(), Source: w.key.Source, Room: w.room, Name: w.name, Own: w.own})
	}
	for _, w := range left {
		k, _ := track.KindOf(w.key.Source)
		t.Slots = append(t.Slots, protocol.Slot{Slot: -1, Kind: k.String(), Source: w.key.Source, Room: w.room, Name: w.name, Own: w.own, Reason: "full"})
	}
	return t
}
