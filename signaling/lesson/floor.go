package lesson

import (
	"slices"
	"time"

	"tongke/signaling/protocol"
)

func (l *Live) holder(room string) int {
	return slices.IndexFunc(l.kept.State.Floor, func(h protocol.Holder) bool { return h.Room == room })
}

// call gives a room the floor: alone, or as the second beside the first.
func (l *Live) call(_ Actor, m protocol.FloorCall, now time.Time) error {
	s := &l.kept.State
	r, err := l.known(m.Room)
	if err != nil {
		return err
	}
	if r.State != protocol.RoomLive {
		return protocol.Errorf(protocol.WrongState, "%s is %s", m.Room, r.State)
	}
	has := l.holder(m.Room) >= 0
	next := protocol.Holder{Room: m.Room, Since: protocol.At(now)}
	switch {
	case m.Second && has:
		return nil
	case m.Second && len(s.Floor) > 0:
		next.Second = true
		s.Floor = []protocol.Holder{s.Floor[0], next}
	case has && len(s.Floor) == 1:
		return nil
	default:
		if has { // goes on alone
			next.Since = s.Floor[l.holder(m.Room)].Since
		}
		s.Floor = []protocol.Holder{next}
	}
	r.Hand = 0
	if !has {
		l.at(m.Room).loud = now
	}
	l.settle()
	return nil
}

// settle makes what follows from the floor hold.
func (l *Live) settle() {
	s := &l.kept.State
	if len(s.Floor) > 0 {
		s.Floor[0].Second = false
	}
	for i := range s.Rooms {
		if l.holder(s.Rooms[i].Room) < 0 {
			s.Rooms[i].Quiet = false
		}
	}
	l.touch()
}

// endFloor takes the floor from a room, if it has it.
func (l *Live) endFloor(room string) bool {
	i := l.holder(room)
	if i < 0 {
		return false
	}
	l.kept.State.Floor = slices.Delete(l.kept.State.Floor, i, i+1)
	l.settle()
	return true
}

func (l *Live) release(_ Actor, m protocol.FloorRelease, _ time.Time) error {
	if m.Room != "" {
		if _, err := l.known(m.Room); err != nil {
			return err
		}
		l.endFloor(m.Room) // a second press finds nothing to do
		return nil
	}
	if len(l.kept.State.Floor) > 0 {
		l.kept.State.Floor = []protocol.Holder{}
		l.settle()
	}
	return nil
}

func (l *Live) done(a Actor, _ protocol.FloorDone, now time.Time) error {
	if _, err := l.own(a); err != nil {
		return err
	}
	i := l.holder(a.Room)
	switch {
	case i < 0:
		return protocol.Errorf(protocol.NotYours, "%s has not got the floor", a.Room)
	case now.Sub(l.kept.State.Floor[i].Since.Time()) < doneAfter:
		return protocol.Errorf(protocol.WrongState, "the floor was given %v ago", now.Sub(l.kept.State.Floor[i].Since.Time()).Round(time.Millisecond))
	}
	l.endFloor(a.Room)
	return nil
}

func (l *Live) raise(a Actor, _ protocol.HandRaise, now time.Time) error {
	r, err := l.own(a)
	if err != nil {
		return err
	}
	if l.holder(a.Room) >= 0 {
		return protocol.Errorf(protocol.WrongState, "%s has the floor", a.Room)
	}
	if r.Hand == 0 {
		r.Hand = protocol.At(now)
		for _, other := range l.kept.State.Rooms { // of two in one millisecond the first stays first
			if other.Room != r.Room && other.Hand >= r.Hand {
				r.Hand = other.Hand + 1
			}
		}
		l.touch()
	}
	return nil
}

func (l *Live) lower(a Actor, _ protocol.HandLower, _ time.Time) error {
	r, err := l.own(a)
	if err == nil && r.Hand != 0 {
		r.Hand = 0
		l.touch()
	}
	return err
}
