// Package layer decides which simulcast layer a subscriber gets. It is pure: states in, a choice out.
package layer

import "tongke/media/track"

// State is what is known of one layer at the moment of choice.
type State struct {
	Layer   track.Layer
	Rank    int  // place in the publisher's list, lowest 0: decides while sizes are not known
	Pixels  int  // width × height of its last keyframe; 0 = not seen yet
	Present bool // it is being sent, or would be if asked for
}

// Best is the index of the best present layer, or -1. A known size beats a place in the list: publishers name and order their layers as
// they like, while a picture's size is in its own parameter sets. current (an index, or -1) is kept among equals.
func Best(states []State, current int) int {
	best := -1
	for i, s := range states {
		if !s.Present {
			continue
		}
		if best < 0 || better(s, states[best]) || (i == current && !better(states[best], s)) {
			best = i
		}
	}
	return best
}

func better(a, b State) bool {
	if a.Pixels != b.Pixels && a.Pixels > 0 && b.Pixels > 0 {
		return a.Pixels > b.Pixels
	}
	return a.Rank > b.Rank
}
