package api

import (
	"net/http"
	"time"

	"tongke/signaling/auth"
)

// person is somebody who can sign in.
type person struct {
	Name     string    `json:"name"`
	Role     auth.Role `json:"role"`
	Campus   string    `json:"campus,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Pending  bool      `json:"pending,omitempty"` // has not chosen a password yet
	SignedIn time.Time `json:"signedIn,omitzero"` // the first time
}

func (a *API) people(w http.ResponseWriter, _ request) error {
	all, err := a.cfg.Auth.People()
	if err != nil {
		return err
	}
	list := []person{}
	for _, p := range all {
		list = append(list, person{p.Name, p.Role, p.Campus, p.Disabled, p.Pending, p.SignedIn})
	}
	return writeJSON(w, http.StatusOK, list)
}

// newPerson is whom to add.
type newPerson struct {
	Name   string    `json:"name"`
	Role   auth.Role `json:"role"`
	Campus string    `json:"campus,omitempty"`
}

// personCode is told once, to who asked for it.
type personCode struct {
	Name string `json:"name"`
	Code string `json:"code"`
}

func (a *API) addPerson(w http.ResponseWriter, r request) error {
	var in newPerson
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	code, err := a.cfg.Auth.AddPerson(r.Context(), in.Name, in.Role, in.Campus)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("person added", "role", string(in.Role), "by", r.who.User)
	return writeJSON(w, http.StatusCreated, personCode{in.Name, code})
}

func (a *API) resetPerson(w http.ResponseWriter, r request) error {
	name := r.PathValue("name")
	code, err := a.cfg.Auth.ResetPerson(r.Context(), name)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("person gets a new code", "by", r.who.User)
	return writeJSON(w, http.StatusCreated, personCode{name, code})
}

// disabled says whether a person is shut out.
type disabled struct {
	Disabled bool `json:"disabled"`
}

func (a *API) disablePerson(w http.ResponseWriter, r request) error {
	var in disabled
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Auth.DisablePerson(r.PathValue("name"), in.Disabled, r.who.User); err != nil {
		return err
	}
	a.cfg.Log.Info("person changed", "disabled", in.Disabled, "by", r.who.User)
	return done(w)
}

// assistCode is the six letters of the wall screen.
type assistCode struct {
	Code string `json:"code"`
}

func (a *API) assist(w http.ResponseWriter, r request) error {
	var in assistCode
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	p, err := a.cfg.Auth.Assist(w, r.Request, in.Code)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, session{Role: p.Role, Lesson: p.Lesson, Campus: p.Campus, Classroom: p.Classroom, Expires: p.Expires})
}
