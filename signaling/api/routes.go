package api

import (
	"net/http"

	"tongke/signaling/auth"
	"tongke/signaling/join"
)

// roles is a set of roles.
type roles uint16

var bits = map[auth.Role]roles{
	auth.Nobody: 1 << 0, auth.Publish: 1 << 1, auth.Watch: 1 << 2, auth.Teacher: 1 << 3, auth.Assistant: 1 << 4, auth.Classroom: 1 << 5,
	auth.Inspector: 1 << 6, auth.Technician: 1 << 7, auth.Administrator: 1 << 8, auth.Operator: 1 << 9,
}

// everybody is asked for nothing: these routes check by themselves what they need, or need nothing.
const everybody roles = 1<<16 - 1

func these(list ...auth.Role) (set roles) {
	for _, r := range list {
		set |= bits[r]
	}
	return set
}

func (s roles) has(r auth.Role) bool { return s&bits[r] != 0 }

// route is one line of the table.
type route struct {
	method, path string
	who          roles
	summary      string
	status       int // of success
	body, answer any // examples of the types, for the description
	do           func(http.ResponseWriter, request) error
}

// lesson is the lesson that a request is about.
func (rt route) lesson(r *http.Request) string { return r.PathValue("lesson") }

// routes is the table. The lessons' own rules (a token opens one lesson, a classroom sees those it attends) stand in lessons.go.
func (a *API) routes() []route {
	admins := these(auth.Administrator, auth.Operator)
	teachers := admins | these(auth.Teacher)
	members := teachers | these(auth.Publish, auth.Watch, auth.Assistant, auth.Classroom, auth.Inspector, auth.Technician)
	return []route{
		{"GET", "/healthz", everybody, "The box works.", 200, nil, health{}, a.healthz},
		{"GET", "/readyz", everybody, "The box takes lessons.", 200, nil, health{}, a.readyz},
		{"GET", "/api/v1/openapi.json", everybody, "This description.", 200, nil, nil, a.describe},
		{"GET", "/api/v1/box", everybody, "Which box this is.", 200, nil, Box{}, a.box},
		{"GET", "/api/v1/status", admins | these(auth.Technician), "How the box is.", 200, nil, Status{}, a.status},

		{"POST", "/api/v1/session", everybody, "Sign in with a password, or trade a lesson token for a cookie.", 204, signIn{}, nil, a.signIn},
		{"GET", "/api/v1/session", members, "Who this box takes you for.", 200, nil, session{}, a.session},
		{"DELETE", "/api/v1/session", everybody, "Sign out.", 204, nil, nil, a.signOut},
		{"POST", "/api/v1/password", admins | these(auth.Technician), "Change a password; all its other sign-ins end.", 204, newPassword{}, nil, a.password},

		{"GET", "/api/v1/lessons", members, "The lessons you may see, newest first.", 200, nil, []Lesson{}, a.lessons},
		{"POST", "/api/v1/lessons", teachers, "Make a lesson.", 201, newLesson{}, Lesson{}, a.createLesson},
		{"GET", "/api/v1/lessons/{lesson}", members, "One lesson.", 200, nil, Lesson{}, a.lesson},
		{"POST", "/api/v1/lessons/{lesson}/end", teachers, "End a lesson.", 200, nil, Lesson{}, a.endLesson},
		{"POST", "/api/v1/tokens", admins, "Make a token for one lesson and role.", 201, newToken{}, token{}, a.token},

		{"GET", "/api/v1/invitations", admins, "The invitations that can still be used.", 200, nil, []invitation{}, a.invitations},
		{"POST", "/api/v1/invitations", admins, "Make an invitation code for a box: 15 minutes, one use.", 201, newInvitation{}, invitation{}, a.invite},
		{"DELETE", "/api/v1/invitations/{id}", admins, "Withdraw an invitation.", 204, nil, nil, a.withdraw},
		{"POST", "/api/v1/join", everybody, "A box with an invitation code joins this one (package signaling/join has the bytes).", 200, join.Envelope{}, join.Envelope{}, a.accept},
		{"POST", "/api/v1/parent", admins | these(auth.Classroom), "Join this box to a parent. The screen beside the box may, while nobody ever signed in.", 200, newParent{}, parent{}, a.joinParent},
	}
}
