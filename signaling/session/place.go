package session

import (
	"net/http"
	"strings"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// Place is where a box stands.
type Place struct {
	Campus, CampusName, Classroom string
}

// roomID is how a room is named in a lesson.
func roomID(campus, classroom string) string {
	if classroom == "" {
		return campus
	}
	return campus + "/" + classroom
}

// Room is how the box's own room is named in a lesson.
func (p Place) Room() string { return roomID(p.Campus, p.Classroom) }

// NameOf is what people call a room of a lesson.
func (p Place) NameOf(room string) string {
	campus, classroom, _ := strings.Cut(room, "/")
	return p.roomName(campus, classroom)
}

// roomName is what people call a classroom. A campus below is called as it was invited, by its id; only the box's own has a name besides.
func (p Place) roomName(campus, classroom string) string {
	name := campus
	if campus == p.Campus && p.CampusName != "" {
		name = p.CampusName
	}
	return strings.TrimSpace(name + " " + classroom)
}

// entrance says who may connect at all: whoever has nothing to do in a lesson by a page is told so before the upgrade.
func entrance(role auth.Role) (status int) {
	switch role {
	case auth.Nobody:
		return http.StatusUnauthorized
	case auth.Publish, auth.Watch, auth.Inspector:
		return http.StatusForbidden
	}
	return 0
}

// roleOn is what somebody is on a page in a lesson, and whether he may open it. A page never has more rights than it shows: a signed-in
// administrator in front of the classroom's screen is the classroom. l is nil where the page names no lesson.
func roleOn(page string, p auth.Principal, l *protocol.Lesson) (auth.Role, bool) {
	if p.Lesson != "" && l != nil && l.ID != p.Lesson {
		return auth.Nobody, false
	}
	switch page {
	case protocol.PageClass:
		switch p.Role {
		case auth.Classroom, auth.Administrator: // not a technician: the screen on loopback is the room's own whoever has signed in there
			return auth.Classroom, true
		}
	case protocol.PageTeach:
		switch {
		case l == nil:
		case p.Role == auth.Teacher && p.Teaches(l.ID, l.Teacher, l.CreatedBy):
			return auth.Teacher, true
		case p.Role == auth.Administrator && p.User != "" && (p.User == l.Teacher || p.User == l.CreatedBy):
			return auth.Teacher, true // who made the lesson teaches it
		case p.Role == auth.Administrator:
			return auth.Administrator, true
		}
	case protocol.PageAssist:
		return auth.Assistant, p.Role == auth.Assistant && l != nil
	case protocol.PageHome:
		switch p.Role {
		case auth.Teacher, auth.Administrator, auth.Technician:
			return p.Role, l == nil
		}
	}
	return auth.Nobody, false
}

// ask is the request as it is judged for a page: the wall screen on loopback is the room's own, whoever has signed in in that browser; a
// phone comes by its code alone; a browser that holds several tokens of a lesson uses the one that the page is for.
func ask(r *http.Request, page, session string) *http.Request {
	as := map[string]auth.Role{protocol.PageClass: auth.Classroom, protocol.PageTeach: auth.Teacher, protocol.PageAssist: auth.Assistant}[page]
	if as == "" {
		return r
	}
	out := r.Clone(r.Context())
	q := out.URL.Query()
	q.Set("as", string(as))
	out.URL.RawQuery = q.Encode()
	if page == protocol.PageTeach {
		return out
	}
	local := page == protocol.PageClass && auth.ListenerOf(r.Context()) == auth.Local
	out.Header.Del("Cookie")
	for _, c := range r.Cookies() {
		if !local && (c.Name != session || page == protocol.PageClass) {
			out.AddCookie(c)
		}
	}
	return out
}
