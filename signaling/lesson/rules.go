package lesson

import (
	"slices"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// Actor is who acts: a session, as the box that it is connected to knows it.
type Actor struct {
	Role    auth.Role
	Box     string // where the session is
	Room    string // "campus/classroom", or "campus"
	Session string
	Remote  bool // a teacher's second page: acts for the lead, never becomes it
	LAN     bool // reaches its box from the box's own network
}

// Phases in which something may be done.
type phases []protocol.Phase

var (
	always   = phases{protocol.Planned, protocol.Waiting, protocol.Live, protocol.Over, protocol.Ended}
	whenOpen = always[:4]
	notBegun = always[:2]
	teaching = always[2:4]
	talking  = always[1:4]
	after    = always[4:]
)

// cell is how a role may do something.
type cell int

const (
	never cell = iota
	may
	leads // if its page leads the lesson, or acts for the one that does
)

// roles is a row of the table: what is not named may never.
type roles map[auth.Role]cell

// rule is what holds for one type of request.
type rule struct {
	who     roles
	when    phases
	local   bool // stays in the box of the room: the lesson's owner is not asked
	durable bool // is on disk before it is answered
	do      func(l *Live, a Actor, m protocol.Request, now time.Time) error
}

func on[M protocol.Request](f func(l *Live, a Actor, m M, now time.Time) error) func(*Live, Actor, protocol.Request, time.Time) error {
	return func(l *Live, a Actor, m protocol.Request, now time.Time) error { return f(l, a, m.(M), now) }
}

var (
	teacher  = roles{auth.Teacher: leads}
	chair    = roles{auth.Teacher: leads, auth.Administrator: may}
	inRoom   = roles{auth.Assistant: may, auth.Classroom: may}
	players  = roles{auth.Teacher: may, auth.Classroom: may}
	everyone = roles{auth.Teacher: may, auth.Assistant: may, auth.Classroom: may, auth.Technician: may, auth.Administrator: may}
)

// rules is the one table of who may do what, and when, in a lesson of mode same. An inspector may nothing yet: whoever looks at pupils from
// outside must be seen by them, and the sign for it does not exist.
var rules = map[string]rule{
	"hello": {who: everyone, when: whenOpen, do: on((*Live).enter)},
	"bye":   {who: everyone, when: always, do: on((*Live).leave)},

	"lesson.start":  {who: chair, when: notBegun, durable: true, do: on((*Live).start)},
	"lesson.end":    {who: chair, when: whenOpen, durable: true, do: on((*Live).finish)},
	"lesson.extend": {who: chair, when: teaching, durable: true, do: on((*Live).extend)},
	"lesson.set":    {who: teacher, when: whenOpen, durable: true, do: on((*Live).set)},
	"lesson.take":   {who: roles{auth.Teacher: may}, when: whenOpen, durable: true, do: on((*Live).take)},

	"floor.call":    {who: teacher, when: teaching, do: on((*Live).call)},
	"floor.release": {who: teacher, when: teaching, do: on((*Live).release)},
	"floor.done":    {who: inRoom, when: teaching, do: on((*Live).done)},
	"hand.raise":    {who: inRoom, when: teaching, do: on((*Live).raise)},
	"hand.lower":    {who: inRoom, when: teaching, do: on((*Live).lower)},

	"room.mute":   {who: teacher, when: teaching, durable: true, do: on((*Live).mute)},
	"room.remove": {who: teacher, when: whenOpen, durable: true, do: on((*Live).remove)},
	"room.admit":  {who: teacher, when: whenOpen, durable: true, do: on((*Live).admit)},
	"room.code":   {who: teacher, when: whenOpen, durable: true, do: on((*Live).newCode)},
	"room.ready":  {who: inRoom, when: notBegun, do: on((*Live).ready)},
	"room.cover":  {who: inRoom, when: always, local: true},
	"room.layout": {who: inRoom, when: always, local: true},
	"room.volume": {who: inRoom, when: always, local: true},
	"self.mute":   {who: teacher, when: whenOpen, do: on((*Live).muteSelf)},

	"note.phrase": {who: roles{auth.Assistant: may}, when: talking, do: on((*Live).phrase)},
	"note.text":   {who: roles{auth.Assistant: may, auth.Teacher: leads}, when: talking, do: on((*Live).text)},
	"note.seen":   {who: roles{auth.Assistant: may, auth.Teacher: leads}, when: whenOpen, do: on((*Live).seen)},
	"help":        {who: inRoom, when: always, local: true},
	"feedback":    {who: roles{auth.Assistant: may}, when: after, durable: true, do: on((*Live).feedback)},

	"media.up":        {who: players, when: whenOpen, local: true},
	"media.down":      {who: players, when: whenOpen, local: true},
	"media.candidate": {who: players, when: whenOpen, local: true},
	"media.restart":   {who: players, when: whenOpen, local: true},
	"encoded":         {who: players, when: whenOpen, local: true},
	"stats":           {who: players, when: whenOpen, local: true},
	"devices":         {who: players, when: always, local: true},
	"self-test":       {who: roles{auth.Classroom: may}, when: after, local: true},
}

// Check looks up whether a role may send a request to a lesson in a phase. Whether it leads, and what the request names, is looked at by
// whoever does it. The error is a *protocol.Error.
func Check(a Actor, m protocol.Request, phase protocol.Phase) error {
	r, ok := rules[protocol.Kind(m)]
	switch {
	case !ok || r.who[a.Role] == never:
		return protocol.Errorf(protocol.Forbidden, "%s may not send %s", roleName(a.Role), protocol.Kind(m))
	case !slices.Contains(r.when, phase):
		return protocol.Errorf(protocol.WrongState, "the lesson is %s", phase)
	}
	if c, ok := m.(protocol.RoomCover); ok && !c.Covered && a.Role == auth.Assistant && !a.LAN {
		return protocol.Errorf(protocol.Forbidden, "the camera is uncovered in the room")
	}
	return nil
}

// Local reports whether a request stays in the box of the room.
func Local(m protocol.Request) bool { return rules[protocol.Kind(m)].local }

func roleName(r auth.Role) auth.Role { return def(r, "nobody") }
