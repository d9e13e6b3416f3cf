package api

import (
	"net/http"
	"slices"

	"tongke/media/library"
	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/timetable"
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
	due          bool // also for who came by a code and has not chosen a password yet
}

// lessonOf is the lesson that a request is about.
func (a *API) lessonOf(r *http.Request) string {
	if id := r.PathValue("recording"); id != "" {
		return a.lessonOfRecording(id)
	}
	return r.PathValue("lesson")
}

// routes is the table. The lessons' own rules (a token opens one lesson, a classroom sees those it attends) stand in lessons.go.
func (a *API) routes() []route {
	admins := these(auth.Administrator, auth.Operator)
	teachers := admins | these(auth.Teacher)
	people := admins | these(auth.Technician, auth.Teacher, auth.Inspector)
	members := teachers | these(auth.Publish, auth.Watch, auth.Assistant, auth.Classroom, auth.Inspector, auth.Technician)
	players := teachers | these(auth.Assistant, auth.Classroom, auth.Inspector)
	return slices.Concat([]route{
		{"GET", "/healthz", everybody, "The box works.", 200, nil, health{}, a.healthz, false},
		{"GET", "/readyz", everybody, "The box takes lessons.", 200, nil, health{}, a.readyz, false},
		{"GET", "/api/v1/openapi.json", everybody, "This description.", 200, nil, nil, a.describe, false},
		{"GET", "/api/v1/box", everybody, "Which box this is.", 200, nil, Box{}, a.box, false},
		{"PUT", "/api/v1/box", admins, "Name the school and classroom of a box that has no parent.", 204, newPlace{}, nil, a.namePlace, false},
		{"GET", "/api/v1/status", admins | these(auth.Technician), "How the box is.", 200, nil, Status{}, a.status, false},

		{"POST", "/api/v1/session", everybody, "Sign in with a password, or trade a lesson token for a cookie.", 204, signIn{}, nil, a.signIn, false},
		{"GET", "/api/v1/session", members, "Who this box takes you for.", 200, nil, session{}, a.session, true},
		{"DELETE", "/api/v1/session", everybody, "Sign out.", 204, nil, nil, a.signOut, false},
		{"POST", "/api/v1/password", people, "Change a password; all its other sign-ins end.", 204, newPassword{}, nil, a.password, true},

		{"GET", "/api/v1/lessons", members, "The lessons you may see, newest first.", 200, nil, []Lesson{}, a.lessons, false},
		{"POST", "/api/v1/lessons", teachers, "Make a lesson.", 201, newLesson{}, Lesson{}, a.createLesson, false},
		{"GET", "/api/v1/lessons/{lesson}", members, "One lesson.", 200, nil, Lesson{}, a.lesson, false},
		{"POST", "/api/v1/lessons/{lesson}/end", teachers, "End a lesson.", 200, nil, Lesson{}, a.endLesson, false},
		{"POST", "/api/v1/tokens", admins, "Make a token for one lesson and role.", 201, newToken{}, token{}, a.token, false},

		{"GET", "/api/v1/people", admins, "Who can sign in.", 200, nil, []person{}, a.people, false},
		{"POST", "/api/v1/people", admins, "Add a person; the code opens once, then a password is chosen.", 201, newPerson{}, personCode{}, a.addPerson, false},
		{"POST", "/api/v1/people/{name}/code", admins, "A code for a new password; the old one and all sign-ins end.", 201, nil, personCode{}, a.resetPerson, false},
		{"POST", "/api/v1/people/{name}/disabled", admins, "Shut a person out, or let in again; all sign-ins end.", 204, disabled{}, nil, a.disablePerson, false},
		{"POST", "/api/v1/assist", everybody, "Trade the code on the wall screen for an assistant's cookie.", 200, assistCode{}, session{}, a.assist, false},

		{"GET", "/api/v1/campuses", teachers, "The campuses and their classrooms, with the boxes there.", 200, nil, []Campus{}, a.campuses, false},
		{"GET", "/api/v1/timetable", admins, "The weekly plan.", 200, nil, timetable.Timetable{}, a.timetable, false},
		{"POST", "/api/v1/timetable/preview", admins, "What an import would change, and every fault of the files.", 200, plan{}, timetable.Preview{}, a.previewTimetable, false},
		{"PUT", "/api/v1/timetable", admins, "Import files that were looked at in a preview of that revision.", 200, plan{}, timetable.Preview{}, a.importTimetable, false},

		{"GET", "/api/v1/recordings", players, "The recordings you may play, newest first.", 200, nil, []Recording{}, a.recordings, false},
		{"GET", "/api/v1/recordings/{recording}", players, "One recording with what a player needs; with ?newest the newest of a lesson's id.", 200, nil, RecordingDetail{}, a.recordingDetail, false},
		{"PATCH", "/api/v1/recordings/{recording}", players, "Have a recording stay, or go like the others.", 200, protection{}, Recording{}, a.protectRecording, false},
		{"DELETE", "/api/v1/recordings/{recording}", players, "Delete a recording from this box; the answer says what was erased.", 200, nil, library.Proof{}, a.deleteRecording, false},
		{"POST", "/api/v1/recordings/{recording}/erase", players, "Erase a stream, or a stretch, from a recording for good.", 204, erasure{}, nil, a.eraseRecording, false},
		{"GET", "/api/v1/recordings/{recording}/media/{stream}/{part}", players, "A stream's beginning (init) or one fragment, by number.", 200, nil, nil, a.recordingMedia, false},
		{"POST", "/api/v1/recordings/{recording}/export", players, "Begin to make a file.", 202, newExport{}, export{}, a.startExport, false},
		{"GET", "/api/v1/recordings/{recording}/export/{job}", players, "How far the file is.", 200, nil, export{}, a.exportState, false},
		{"DELETE", "/api/v1/recordings/{recording}/export/{job}", players, "Cancel it, or remove the file.", 204, nil, nil, a.cancelExport, false},
		{"GET", "/api/v1/recordings/{recording}/export/{job}/file", players, "The file; a cut download goes on by Range.", 200, nil, nil, a.exportFile, false},
		{"GET", "/api/v1/disk", teachers | these(auth.Technician), "The disk of the recordings, and how many more lessons fit.", 200, nil, Disk{}, a.disk, false},
		{"GET", "/api/v1/audit", admins, "Who played pupils, downloaded or deleted: the last rows, newest first.", 200, nil, []auditRow{}, a.auditList, false},

		{"GET", "/api/v1/invitations", admins, "The invitations that can still be used.", 200, nil, []invitation{}, a.invitations, false},
		{"POST", "/api/v1/invitations", admins, "Make an invitation code for a box: 15 minutes, one use.", 201, newInvitation{}, invitation{}, a.invite, false},
		{"DELETE", "/api/v1/invitations/{id}", admins, "Withdraw an invitation.", 204, nil, nil, a.withdraw, false},
		{"POST", "/api/v1/join", everybody, "A box with an invitation code joins this one (package signaling/join has the bytes).", 200, join.Envelope{}, join.Envelope{}, a.accept, false},
		{"POST", "/api/v1/parent", admins | these(auth.Classroom), "Join this box to a parent. The screen beside the box may, while nobody ever signed in.", 200, newParent{}, parent{}, a.joinParent, false},
	}, a.deviceRoutes(), a.rosterRoutes(), a.pairingRoutes(), a.cameraRoutes(), a.trustRoutes(), a.backupRoutes())
}
