// Package cascade is the uplink between boxes: it dials the parent, accepts children, and makes the sources of other boxes known to the
// relay beside its own. README.md is the wire text.
//
// A Node is a box's place in the tree. One goroutine (Run) owns all its state and reaches the relay through the relay's mailbox; what
// comes from outside (messages of peers, calls of the relay, ends of dials) is posted to it. Packets do not pass through it: the
// connection's reader maps their numbers and pushes them into the relay (binding.go), and the relay's goroutine writes them to the
// connection's sinks.
//
// What decides is pure and stands apart: message.go and grammar.go (the wire), binding.go (numbers of what is received), slots.go (who
// has a slot), clock.go (the peer's clock), schedule.go (whom to dial when), state.go (the life of a link).
//
// Ending: Run says bye on every link, waits for what it started, and closes the connections. Sources of other boxes are closed in
// the relay, whose subscribers stay bound to them by name.
package cascade
