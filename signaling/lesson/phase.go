package lesson

import "tongke/signaling/protocol"

// happening is what moves a live lesson from one phase to another.
type happening int

const (
	somebodyCame happening = iota
	begun                  // 上课
	bellRang               // the timetable's end, with the minutes added
	extended               // five more minutes
	finished               // 下课, or the record ended
)

func (h happening) String() string {
	return [...]string{"somebody came", "begun", "bell", "extended", "finished"}[h]
}

// transition is the one place where a lesson changes its phase; the diagram stands in the package comment. What does not move it leaves it.
func transition(from protocol.Phase, h happening) protocol.Phase {
	switch {
	case h == finished:
		return protocol.Ended
	case h == somebodyCame && from == protocol.Planned:
		return protocol.Waiting
	case h == begun && (from == protocol.Planned || from == protocol.Waiting):
		return protocol.Live
	case h == bellRang && from == protocol.Live:
		return protocol.Over
	case h == extended && from == protocol.Over:
		return protocol.Live
	}
	return from
}
