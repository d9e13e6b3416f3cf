package relay

import (
	"slices"
	"time"

	"tongke/media/layer"
	"tongke/media/packet"
	"tongke/media/track"
)

// lowerAfter is how long a slot waits for the layer that it wants before its maker is told that the next lower one is wanted too. A maker
// that suspends what nobody wants would otherwise leave a slot without any picture when it cannot make the layer asked for. The lowest is
// wanted at once: somebody's tile shows it anyway, and a browser that sent only that took 0.6 to 1 s until it dared to send the highest.
const lowerAfter = 700 * time.Millisecond

// aim is the layer that a slot would have if it could.
type aim struct {
	up    *upTrack
	since packet.Time // when it was first missed; 0: it is there
	lower []*upTrack  // wanted beside it meanwhile
}

// aims reports whether the slot wants a layer to be made.
func (s *slot) aims(u *upTrack) bool { return u == s.aim.up || slices.Contains(s.aim.lower, u) }

// aimed is the index of the layer to take now, −1 for none, and notes which one is aimed at: by size where all sizes are known, else by the
// publisher's order.
func (s *slot) aimed(states []layer.State, now packet.Time) int {
	if len(states) == 0 {
		return -1
	}
	if len(states) == 1 || s.cfg.Kind != track.Video {
		s.aim = aim{}
		return layer.Best(states, s.indexOf(states))
	}
	if !slices.ContainsFunc(states, func(l layer.State) bool { return l.Pixels == 0 }) {
		slices.SortStableFunc(states, func(a, b layer.State) int { return a.Pixels - b.Pixels })
	}
	top := len(states) - 1
	switch s.opts.Size {
	case Middle:
		top = len(states) / 2
	case Smallest:
		top = 0
	}
	s.missing(states[:top+1], now)
	if i := layer.Best(states[:top+1], s.indexOf(states[:top+1])); i >= 0 {
		return i
	}
	for i := range states { // better too large than none
		if states[i].Present {
			return i
		}
	}
	return top
}

func (s *slot) indexOf(states []layer.State) int {
	for i := range states {
		if s.current != nil && states[i].Layer == s.current.layer {
			return i
		}
	}
	return -1
}

// missing notes what is wanted of the layers up to the one aimed at.
func (s *slot) missing(states []layer.State, now packet.Time) {
	top := len(states) - 1
	up := s.src.up(states[top].Layer)
	if up != s.aim.up {
		s.aim = aim{up: up}
	}
	s.aim.lower = s.aim.lower[:0]
	if up.last != 0 && now.Sub(up.last) < layerSilent {
		s.aim.since = 0
		return
	}
	if s.aim.since == 0 {
		s.aim.since = now
	}
	for i := top - 1; i >= 0; i-- {
		if i == 0 || now.Sub(s.aim.since) >= time.Duration(top-i)*lowerAfter {
			s.aim.lower = append(s.aim.lower, s.src.up(states[i].Layer))
		}
	}
}
