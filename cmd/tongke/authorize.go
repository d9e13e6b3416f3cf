package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"tongke/media/ingest"
	"tongke/signaling/auth"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
)

// authorize says who publishes or watches by WHIP and WHEP. What a role may do there stands in mayMedia.
func (d *daemon) authorize(r *http.Request, lesson string, publish bool) (ingest.Grant, error) {
	ends := d.auth.Ends() // before anything is asked, so that nothing ends unseen between
	p, err := d.auth.Who(r, lesson)
	if err != nil || p.Role == auth.Nobody {
		return ingest.Grant{}, ingest.ErrNoToken
	}
	if !d.mayMedia(r, p, lesson, publish) {
		return ingest.Grant{}, ingest.ErrForbidden
	}
	return ingest.Grant{TokenID: p.TokenID, Name: string(p.Role), Room: d.roomOf(p), Holds: d.holds(p, ends)}, nil
}

// holds is the question whether somebody who was let in when ends was read may stay. As with pages, a sign-in that runs out in mid-lesson
// holds until its end, and one that somebody ended ends at once.
func (d *daemon) holds(p auth.Principal, ends uint64) func() bool {
	return func() bool {
		if d.outdated(p) {
			return false
		}
		n := d.auth.Ends()
		if n == ends || !p.Expires.IsZero() && !time.Now().Before(p.Expires) {
			return true
		}
		ends = n
		return d.auth.StillIn(p)
	}
}

func (d *daemon) mayMedia(r *http.Request, p auth.Principal, id string, publish bool) bool {
	if p.Lesson != "" && p.Lesson != id {
		return false
	}
	switch p.Role {
	case auth.Administrator, auth.Operator:
		return true
	case auth.Teacher:
		l, _ := d.registry.Get(id)
		return p.Teaches(id, l.Teacher, l.CreatedBy)
	case auth.Publish:
		return publish
	case auth.Watch: // no inspector yet: whoever looks into a lesson from outside must be seen there, and the sign is missing
		return !publish && p.Lesson != "" // by a token of this lesson, not by being somebody
	case auth.Assistant:
		return !publish && p.Lesson != "" && !d.outdated(p)
	case auth.Classroom:
		return !publish && (p.Lesson != "" || d.attends(r, p, id))
	}
	return false
}

// outdated reports whether a phone came by a code that the teacher has withdrawn since.
func (d *daemon) outdated(p auth.Principal) bool {
	if p.Phone == 0 {
		return false
	}
	if d.auth.Withdrawn(p) {
		return true
	}
	if d.hub == nil {
		return false
	}
	room := session.Place{Campus: p.Campus, Classroom: p.Classroom}.Room()
	st, _ := d.hub.State(p.Lesson)
	return slices.ContainsFunc(st.Rooms, func(r protocol.RoomState) bool { return r.Room == room && p.Phone <= r.Codes })
}

// keepWithdrawn notes which codes of a lesson's rooms were withdrawn: the lesson's state is soon forgotten, and a phone's cookie lives on.
func (d *daemon) keepWithdrawn(lesson string) {
	if d.hub == nil {
		return
	}
	st, _ := d.hub.State(lesson)
	for _, r := range st.Rooms {
		if r.Codes == 0 {
			continue
		}
		campus, classroom, _ := strings.Cut(r.Room, "/")
		if err := d.auth.AssistRound(lesson, campus, classroom, r.Codes); err != nil {
			d.log.Warn("withdrawn code not kept", "lesson", lesson, "room", r.Room, "err", err)
		}
	}
}

// attends reports whether the classroom beside this box is a member of the lesson, which the parent may have to be asked for. An unknown
// lesson passes: it is answered as such a moment later.
func (d *daemon) attends(r *http.Request, p auth.Principal, id string) bool {
	l, err := d.registry.Ask(r.Context(), id)
	return err != nil || d.registry.Visible(l, p.Campus, p.Classroom)
}

// roomOf is the classroom that somebody watches from; "" from outside. Whoever teaches is in the box's own room.
func (d *daemon) roomOf(p auth.Principal) string {
	at := d.place()
	switch {
	case p.Role == auth.Teacher, p.Role == auth.Classroom && p.Campus == "":
		return at.Room()
	case p.Role == auth.Classroom:
		return session.Place{Campus: p.Campus, Classroom: p.Classroom}.Room()
	}
	return ""
}
