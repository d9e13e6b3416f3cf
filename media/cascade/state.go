package cascade

// linkState is where a link is in its life.
//
//	          opened             silent
//	opening ─────────▶ up ────────────────────▶ dead
//	   │               ▲ │         heard          │
//	   │               └─┼────────────────────────┤
//	   │  ended          │ ended                  │ ended
//	   ▼                 ▼                        ▼
//	closed ◀──────────────────────────────────────┘
//
// opened: all three channels are open and the peer answered a ping. silent: nothing came for 1.5 s, or no answer to a ping for 3 s; media
// and messages are still sent. heard: it spoke again. ended: a bye either way, relieved by a newer link, given up after 30 s, or never opened.
type linkState uint8

const (
	stateOpening linkState = iota
	stateUp
	stateDead
	stateClosed
)

func (s linkState) String() string { return [...]string{"opening", "up", "dead", "closed"}[s] }

type linkEvent uint8

const (
	eventOpened linkEvent = iota
	eventSilent
	eventHeard
	eventEnded
)

func (e linkEvent) String() string { return [...]string{"opened", "silent", "heard", "ended"}[e] }

// transition is the state after e; ok is false where e means nothing.
func transition(s linkState, e linkEvent) (next linkState, ok bool) {
	switch {
	case s != stateClosed && e == eventEnded:
		return stateClosed, true
	case s == stateOpening && e == eventOpened:
		return stateUp, true
	case s == stateUp && e == eventSilent:
		return stateDead, true
	case s == stateDead && e == eventHeard:
		return stateUp, true
	}
	return s, false
}
