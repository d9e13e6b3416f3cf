package api

import (
	"net/http"
	"time"

	"tongke/signaling/auth"
)

// signIn is a person's name and password, or a lesson token, or a code made for this box.
type signIn struct {
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	Code     string `json:"code,omitempty"`
}

func (a *API) signIn(w http.ResponseWriter, r request) error {
	var in signIn
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if in.Token != "" {
		if _, err := a.cfg.Auth.SetLessonCookie(w, r.Request, in.Token); err != nil {
			return err
		}
		return done(w)
	}
	if in.Code != "" {
		return a.signInByCode(w, r, in.Code)
	}
	s, err := a.cfg.Auth.SignIn(r.Context(), r.RemoteAddr, in.User, in.Password)
	if err != nil {
		return err
	}
	a.cfg.Auth.SetSession(w, r.Request, s)
	return done(w)
}

// session is who somebody is to this box.
type session struct {
	Role      auth.Role `json:"role"`
	User      string    `json:"user,omitempty"`
	Lesson    string    `json:"lesson,omitempty"`
	Campus    string    `json:"campus,omitempty"`
	Classroom string    `json:"classroom,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`
	OneTime   bool      `json:"oneTime,omitempty"` // the administrator still has the password made by the box
	ByCode    bool      `json:"byCode,omitempty"`  // came by a code: has to choose a password before anything else
}

func (a *API) session(w http.ResponseWriter, r request) error {
	p := r.who
	s := session{Role: p.Role, User: p.User, Lesson: p.Lesson, Campus: p.Campus, Classroom: p.Classroom, Expires: p.Expires, ByCode: p.ByCode}
	if p.Role == auth.Administrator {
		var err error
		if s.OneTime, err = a.cfg.Auth.OneTime(); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, s)
}

func (a *API) signOut(w http.ResponseWriter, r request) error {
	if err := a.cfg.Auth.EndSession(w, r.Request); err != nil {
		return err
	}
	return done(w)
}

// newPassword is a person's own change, with the old password, or the operator's for somebody else, without.
type newPassword struct {
	User     string `json:"user,omitempty"`
	Old      string `json:"old,omitempty"`
	Password string `json:"password"`
}

func (a *API) password(w http.ResponseWriter, r request) error {
	var in newPassword
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if r.who.Role == auth.Operator {
		if in.User == "" {
			in.User = auth.Admin
		}
		if err := a.cfg.Auth.SetPassword(r.Context(), in.User, in.Password); err != nil {
			return err
		}
		return done(w)
	}
	if in.User != "" && in.User != r.who.User {
		return errForbidden
	}
	if r.who.User == "" { // a token has no password
		return errForbidden
	}
	if err := a.cfg.Auth.ChangePassword(r.Context(), r.RemoteAddr, r.who, in.Old, in.Password); err != nil {
		return err
	}
	s, err := a.cfg.Auth.SignIn(r.Context(), r.RemoteAddr, r.who.User, in.Password) // this browser stays signed in
	if err != nil {
		return err
	}
	a.cfg.Auth.SetSession(w, r.Request, s)
	return done(w)
}

// newToken asks for a token; ttl is a Go duration such as "1h" (the default).
type newToken struct {
	Lesson string    `json:"lesson"`
	Role   auth.Role `json:"role"`
	Campus string    `json:"campus,omitempty"`
	TTL    string    `json:"ttl,omitempty"`
}

type token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

func (a *API) token(w http.ResponseWriter, r request) error {
	var in newToken
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	ttl := time.Hour
	if in.TTL != "" {
		var err error
		if ttl, err = time.ParseDuration(in.TTL); err != nil {
			return &badJSON{err}
		}
	}
	t, err := a.cfg.Auth.NewToken(in.Lesson, in.Role, in.Campus, ttl)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, token{t, time.Now().UTC().Add(ttl).Truncate(time.Second)})
}
