package api

import (
	"net/http"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// Lesson is a lesson as the API shows it.
type Lesson struct {
	protocol.Lesson
	Stale    bool            `json:"stale,omitempty"`    // its box cannot be heard at the moment; this is what was known last
	Feedback map[string]bool `json:"feedback,omitempty"` // how it went, by room; for its teacher and administrators, at the box that owns it
}

func (a *API) show(l protocol.Lesson) Lesson {
	return Lesson{Lesson: l, Stale: a.cfg.Lessons.Stale(l.ID)}
}

// sees reports whether somebody may know of a lesson: with a token its own, a classroom those it attends, a teacher the own ones, other
// people of the box all.
func (a *API) sees(p auth.Principal, l protocol.Lesson) bool {
	switch {
	case p.Lesson != "":
		return p.Lesson == l.ID
	case p.Role == auth.Classroom:
		return a.cfg.Lessons.Visible(l, p.Campus, p.Classroom)
	case p.Role == auth.Teacher:
		return p.Teaches(l.ID, l.Teacher, l.CreatedBy)
	case p.Role == auth.Technician && p.User == "": // by a code
		return false
	}
	return true
}

func (a *API) lessons(w http.ResponseWriter, r request) error {
	list := []Lesson{}
	for _, l := range a.cfg.Lessons.List() {
		if a.sees(r.who, l) {
			list = append(list, a.show(l))
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (a *API) lesson(w http.ResponseWriter, r request) error {
	id := r.PathValue("lesson")
	if !auth.LessonID(id) {
		return lesson.ErrUnknown
	}
	l, ok := a.cfg.Lessons.Get(id)
	if !ok {
		var err error
		if l, err = a.cfg.Lessons.Ask(r.Context(), id); err != nil {
			return err
		}
	}
	if !a.sees(r.who, l) {
		return lesson.ErrUnknown // not told apart from one that does not exist
	}
	out := a.show(l)
	if r.who.Role == auth.Administrator || r.who.Role == auth.Operator || r.who.Teaches(l.ID, l.Teacher, l.CreatedBy) {
		out.Feedback = a.cfg.Lessons.Feedback(l.ID)
	}
	return writeJSON(w, http.StatusOK, out)
}

// newLesson is what a caller says about a lesson; what is left out gets the defaults.
type newLesson struct {
	ID       string             `json:"id,omitempty"`
	Title    string             `json:"title"`
	Subject  string             `json:"subject,omitempty"`
	Teacher  string             `json:"teacher,omitempty"`
	Campuses *protocol.Campuses `json:"campuses"`
	Mode     string             `json:"mode,omitempty"`
	Record   string             `json:"record,omitempty"`
	Scope    string             `json:"scope,omitempty"`
	Start    time.Time          `json:"start,omitzero"`
	End      time.Time          `json:"end,omitzero"`
}

func (a *API) createLesson(w http.ResponseWriter, r request) error {
	var in newLesson
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if in.Campuses == nil {
		return &lesson.Invalid{Field: "campuses", Text: `a list of campus ids, or "all"`}
	}
	if r.who.Lesson != "" { // a teacher's token makes its own lesson only
		if in.ID == "" {
			in.ID = r.who.Lesson
		}
		if in.ID != r.who.Lesson {
			return auth.ErrTokenLesson
		}
	}
	if r.who.Role == auth.Teacher && r.who.Lesson == "" {
		if in.Teacher != "" && in.Teacher != r.who.User { // for oneself only
			return errForbidden
		}
	}
	by := r.who.User
	if by == "" {
		by = string(r.who.Role)
	}
	l, err := a.cfg.Lessons.Create(lesson.Spec{
		ID: in.ID, Title: in.Title, Subject: in.Subject, Teacher: in.Teacher, Campuses: *in.Campuses,
		Mode: in.Mode, Record: in.Record, Scope: in.Scope, Start: in.Start, End: in.End,
	}, by)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/lessons/"+l.ID)
	return writeJSON(w, http.StatusCreated, a.show(l))
}

func (a *API) endLesson(w http.ResponseWriter, r request) error {
	if l, ok := a.cfg.Lessons.Get(r.PathValue("lesson")); ok && r.who.Role == auth.Teacher && !r.who.Teaches(l.ID, l.Teacher, l.CreatedBy) {
		return lesson.ErrUnknown // not told apart from one that does not exist
	}
	l, err := a.cfg.Lessons.End(r.PathValue("lesson"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.show(l))
}
