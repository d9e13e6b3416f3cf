package relay

import (
	"tongke/media/packet"
	"tongke/media/track"
)

// demand is what the maker was told of one layer.
type demand struct {
	layer track.Layer
	want  bool
	until packet.Time // when want is told to be over; 0 while somebody consumes
}

// updateDemand tells the maker which layers are wanted: at once when one is, after demandFalls when none is.
func (s *source) updateDemand(now packet.Time) {
	if s.maker == nil {
		return
	}
	for _, u := range s.ups {
		wanted := false
		for _, sl := range s.slots {
			wanted = wanted || sl.current == u || sl.target == u || sl.aims(u)
		}
		for _, t := range s.taps {
			wanted = wanted || t.aims(u)
		}
		d := s.demand(u.layer)
		switch {
		case wanted && !d.want:
			d.want, d.until = true, 0
			s.maker.Want(u.layer, true)
		case wanted:
			d.until = 0
		case d.want && d.until == 0:
			d.until = now.Add(demandFalls)
		case d.want && now >= d.until:
			d.want, d.until = false, 0
			s.maker.Want(u.layer, false)
		}
	}
}

func (s *source) demand(l track.Layer) *demand {
	for i := range s.demands {
		if s.demands[i].layer == l {
			return &s.demands[i]
		}
	}
	s.demands = append(s.demands, demand{layer: l})
	return &s.demands[len(s.demands)-1]
}

// requestKeyframe asks the maker, once for all who ask at the same moment.
func (u *upTrack) requestKeyframe(now packet.Time, urgent bool) {
	if u.src.maker == nil || (u.lastKeyReq != 0 && now.Sub(u.lastKeyReq) < keyframeEvery) {
		return
	}
	u.lastKeyReq = now
	u.src.maker.RequestKeyframe(u.layer, urgent)
}
