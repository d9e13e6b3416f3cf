// Package session is the box's side of the pages: one websocket, one loop and a table of typed handlers (tongke.v1, signaling/protocol).
//
// A Session is a page's place in a room and a lesson: its role, its two media connections, what it is shown. It outlives its websocket by
// 30 s, so that a page that comes back with its resume token finds all as it was; media never notices. One goroutine (Session.run) owns a
// session's state; websockets, peers, the relay and the hub reach it through a mailbox that never blocks.
//
//	       hello                 lost                resume
//	(new) ───────▶ attached ◀──────────────▶ parked ────────
//	                  │ bye, taken over         │ 30 s
//	                  ▼                         ▼
//	                ended ◀─────────────────────
//
// What decides is pure and stands apart: limit.go (rates), place.go (who may be what), layout.go (who sees and hears whom), take.go (what a
// child may have), slots.go (which slot carries what), encode.go (what a page is asked to make), camera.go (Stage: what a camera of the box may
// send in a lesson). What a role may do in a lesson is the table of signaling/lesson; the state that is shown is the hub's.
//
// Run ends when its context ends: every page gets a bye, and all that was started has ended when it returns.
package session
