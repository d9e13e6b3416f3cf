package api

import (
	"cmp"
	"net/http"
	"runtime"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
)

// Box says which box this is and where it stands.
type Box struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Alliance  string `json:"alliance"`
	Campus    string `json:"campus"`
	School    string `json:"school,omitempty"` // what the campus is called, if that is not its id
	Classroom string `json:"classroom"`
	Parent    string `json:"parent"` // box id; "" for a root
	Version   string `json:"version"`
}

func (a *API) thisBox() (Box, error) {
	m, err := a.cfg.Store.Meta()
	if err != nil {
		return Box{}, err
	}
	p, _, err := a.cfg.Store.Parent()
	return Box{
		ID: a.cfg.BoxID, Name: a.cfg.Name(), Alliance: m.AllianceID, Campus: m.CampusID, School: m.CampusName, Classroom: m.Classroom, Parent: p.ID, Version: a.cfg.Version,
	}, err
}

func (a *API) box(w http.ResponseWriter, _ request) error {
	b, err := a.thisBox()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b)
}

// newPlace is what the school and the classroom of this box are called.
type newPlace struct {
	School    string `json:"school"`
	Classroom string `json:"classroom,omitempty"`
}

// namePlace names the place of a box that has no parent; a parent names the places of those below it when it invites them.
func (a *API) namePlace(w http.ResponseWriter, r request) error {
	var in newPlace
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if !join.ValidName(in.School) || in.Classroom != "" && !join.ValidName(in.Classroom) {
		return join.ErrPlace
	}
	if _, joined, err := a.cfg.Store.Parent(); err != nil || joined {
		return cmp.Or(err, error(join.ErrJoined))
	}
	if err := a.cfg.Store.UpdateMeta(func(m *store.Meta) { m.CampusName, m.Classroom = in.School, in.Classroom }); err != nil {
		return err
	}
	a.cfg.Log.Info("place named", "campus", in.School, "classroom", in.Classroom)
	return done(w)
}

// Status is how the box is, for tongke status.
type Status struct {
	Box           Box            `json:"box"`
	ParentName    string         `json:"parentName,omitempty"`
	UptimeSeconds int            `json:"uptimeSeconds"`
	Ready         bool           `json:"ready"`
	OneTime       bool           `json:"oneTime"` // the administrator's password was never changed
	Lessons       lesson.Stats   `json:"lessons"`
	Live          []Lesson       `json:"live"`
	Children      []Child        `json:"children"`
	MemoryBytes   uint64         `json:"memoryBytes"` // taken from the system
	Goroutines    int            `json:"goroutines"`
	Parts         map[string]any `json:"parts,omitempty"`
}

// Child is a box below this one.
type Child struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Campus    string    `json:"campus"`
	Classroom string    `json:"classroom,omitempty"`
	Joined    time.Time `json:"joined"`
	LastSeen  time.Time `json:"lastSeen,omitzero"` // when its uplink last came or went
	URLs      []string  `json:"urls,omitempty"`    // where it says that it answers
}

func (a *API) status(w http.ResponseWriter, _ request) error {
	s := Status{
		UptimeSeconds: int(time.Since(a.started) / time.Second), Ready: a.cfg.Ready == nil || a.cfg.Ready() == nil,
		Lessons: a.cfg.Lessons.Stats(), Live: []Lesson{}, Children: []Child{}, Goroutines: runtime.NumGoroutine(),
	}
	var err error
	if s.Box, err = a.thisBox(); err != nil {
		return err
	}
	if s.OneTime, err = a.cfg.Auth.OneTime(); err != nil {
		return err
	}
	p, _, err := a.cfg.Store.Parent()
	if err != nil {
		return err
	}
	s.ParentName = p.Name
	children, err := a.cfg.Store.Children()
	if err != nil {
		return err
	}
	for _, c := range children {
		s.Children = append(s.Children, Child{c.ID, c.Name, c.CampusID, c.Classroom, c.Joined, c.LastSeen, c.URLs})
	}
	for _, l := range a.cfg.Lessons.List() {
		if l.State == "live" {
			s.Live = append(s.Live, a.show(l))
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	s.MemoryBytes = mem.Sys
	if a.cfg.Parts != nil {
		s.Parts = a.cfg.Parts()
	}
	return writeJSON(w, http.StatusOK, s)
}

type health struct {
	Status string `json:"status"`
}

func (a *API) healthz(w http.ResponseWriter, r request) error {
	if a.cfg.Healthy != nil {
		if err := a.cfg.Healthy(r.Context()); err != nil {
			a.cfg.Log.Warn("not healthy", "err", err)
			return errNotReady
		}
	}
	return writeJSON(w, http.StatusOK, health{"ok"})
}

func (a *API) readyz(w http.ResponseWriter, _ request) error {
	if a.cfg.Ready != nil {
		if err := a.cfg.Ready(); err != nil {
			return errNotReady
		}
	}
	return writeJSON(w, http.StatusOK, health{"ok"})
}

// newInvitation is whom to ask in.
type newInvitation struct {
	Campus    string `json:"campus"`
	Classroom string `json:"classroom,omitempty"`
	Name      string `json:"name,omitempty"`
	Replaces  string `json:"replaces,omitempty"` // id of the box whose place and room the new one takes
}

// invitation is an open one; the code is told once, to who made it.
type invitation struct {
	ID        string    `json:"id"`
	Code      string    `json:"code,omitempty"`
	Campus    string    `json:"campus"`
	Classroom string    `json:"classroom,omitempty"`
	Name      string    `json:"name,omitempty"`
	Expires   time.Time `json:"expires"`
	URLs      []string  `json:"urls,omitempty"` // where the new box finds this one
}

func (a *API) invite(w http.ResponseWriter, r request) error {
	var in newInvitation
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	code, inv, err := join.Invite(a.cfg.Store, join.Invitation{Campus: in.Campus, Classroom: in.Classroom, Name: in.Name, Replaces: in.Replaces, By: by(r)})
	if err != nil {
		return err
	}
	a.cfg.Log.Info("invitation made", "campus", inv.CampusID, "classroom", inv.Classroom)
	return writeJSON(w, http.StatusCreated, invitation{inv.ID, code.String(), inv.CampusID, inv.Classroom, inv.BoxName, inv.Expires, a.cfg.Host.URLs()})
}

func (a *API) invitations(w http.ResponseWriter, _ request) error {
	open, err := join.Open(a.cfg.Store)
	if err != nil {
		return err
	}
	list := []invitation{}
	for _, inv := range open {
		list = append(list, invitation{inv.ID, "", inv.CampusID, inv.Classroom, inv.BoxName, inv.Expires, nil})
	}
	return writeJSON(w, http.StatusOK, list)
}

func (a *API) withdraw(w http.ResponseWriter, r request) error {
	if err := join.Withdraw(a.cfg.Store, r.PathValue("id")); err != nil {
		return err
	}
	return done(w)
}

// accept is the parent's side of a join; the code in the request is what lets it in.
func (a *API) accept(w http.ResponseWriter, r request) error {
	var in join.Envelope
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	out, err := a.cfg.Host.Accept(r.RemoteAddr, peerOf(r), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

// newParent is where to join, and with which code.
type newParent struct {
	URL     string `json:"url"`
	Code    string `json:"code"`
	Replace bool   `json:"replace,omitempty"` // leave the present parent
}

// parent is what came of it.
type parent struct {
	Name   string `json:"name"` // what the parent calls this box
	Parent string `json:"parent"`
}

func (a *API) joinParent(w http.ResponseWriter, r request) error {
	if r.who.Role == auth.Classroom {
		if err := a.freshScreen(r); err != nil {
			return err
		}
	}
	var in newParent
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if a.cfg.Join == nil {
		return errNoBox
	}
	name, err := a.cfg.Join(r.Context(), in.URL, in.Code, in.Replace)
	if err != nil {
		return err
	}
	p, _, err := a.cfg.Store.Parent()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, parent{Name: name, Parent: p.ID})
}

// freshScreen lets the screen beside a box join it while the box belongs to nobody: no parent, and no administrator ever came.
func (a *API) freshScreen(r request) error {
	fresh, err := a.cfg.Auth.Fresh()
	if err != nil {
		return err
	}
	_, joined, err := a.cfg.Store.Parent()
	if err != nil {
		return err
	}
	if !fresh || joined || auth.ListenerOf(r.Context()) != auth.Local || r.who.Lesson != "" {
		return errForbidden
	}
	return nil
}
