package api

import (
	"net/http"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/store"
)

// trustRoutes are what an administrator does with boxes below, and what those ask by their certificate.
func (a *API) trustRoutes() []route {
	admins := these(auth.Administrator, auth.Operator)
	return []route{
		{"POST", "/api/v1/technician-codes", admins, "Make codes by which a technician opens one box each, also without its uplink.", 201, newCodes{}, madeCodes{}, a.technicianCodes, false},
		{"DELETE", "/api/v1/boxes/{id}", admins, "Withdraw a box below this one: its certificate is refused from now on, its uplink ends at once.", 204, nil, nil, a.withdrawBox, false},

		{"GET", join.KeyPath, everybody, "A box below asks for the key of its technician's codes.", 200, nil, join.BoxKey{}, a.technicianKey, false},
		{"PUT", join.AddressesPath, everybody, "A box below tells where it answers, and is told where this one does.", 200, join.Addresses{}, join.Addresses{}, a.addresses, false},
		{"POST", join.HerePath, everybody, "The box above tells where it is now.", 204, join.Addresses{}, nil, a.parentIsHere, false},
		{"GET", join.RoomsPath, everybody, "A box below asks which rooms it could stand in.", 200, nil, []join.Room{}, a.roomsBelow, false},
		{"PUT", join.RoomPath, everybody, "A box below takes a room, if need be that of a box that is away.", 200, join.RoomWish{}, join.Placed{}, a.takeRoom, false},
	}
}

const defaultCodeLife = 24 * time.Hour

// newCodes says which boxes codes are for.
type newCodes struct {
	Box     string       `json:"box,omitempty"`     // id of a box right below; "" = this one, "all" = this one and all below
	Minutes int          `json:"minutes,omitempty"` // 1440
	For     auth.Purpose `json:"for,omitempty"`     // technician, or password for a new administrator's password
}

// madeCodes are told once, to who asked.
type madeCodes struct {
	Code    string    `json:"code,omitempty"` // of the first, where one box was named
	Expires time.Time `json:"expires"`
	Codes   []madeFor `json:"codes"`
}

// madeFor is one box with its code.
type madeFor struct {
	Box       string    `json:"box"` // id
	Name      string    `json:"name"`
	Campus    string    `json:"campus"`
	Classroom string    `json:"classroom,omitempty"`
	Code      string    `json:"code"`
	Expires   time.Time `json:"expires"`
}

func (a *API) technicianCodes(w http.ResponseWriter, r request) error {
	var in newCodes
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	life := time.Duration(in.Minutes) * time.Minute
	if in.Minutes == 0 {
		life = defaultCodeLife
	}
	if in.For == "" {
		in.For = auth.ForTechnician
	}
	boxes, err := a.codeBoxes(in.Box)
	if err != nil {
		return err
	}
	out := madeCodes{Codes: boxes}
	for i := range boxes {
		b := &boxes[i]
		if b.Code, b.Expires, err = a.cfg.Auth.NewTechnicianCode(b.Box, life, in.For); err != nil {
			return err
		}
		out.Expires = b.Expires
		a.cfg.Log.Info("technician's code made", "box", b.Box, "for", string(in.For), "until", b.Expires, "by", r.who.User)
		if err := a.cfg.Store.Audit(store.AuditRow{
			At: time.Now().UTC(), Action: store.AuditCode, Who: r.who.User, Role: string(r.who.Role), Object: b.Box, Detail: map[string]string{"for": string(in.For)},
		}); err != nil {
			return err
		}
	}
	if len(boxes) == 1 {
		out.Code = boxes[0].Code
	}
	return writeJSON(w, http.StatusCreated, out)
}

// codeBoxes are the boxes that codes are asked for.
func (a *API) codeBoxes(which string) (list []madeFor, err error) {
	m, err := a.cfg.Store.Meta()
	if err != nil {
		return nil, err
	}
	children, err := a.cfg.Store.Children()
	if err != nil {
		return nil, err
	}
	if which == "" || which == "all" || which == a.cfg.BoxID {
		list = append(list, madeFor{Box: a.cfg.BoxID, Name: a.cfg.Name(), Campus: m.CampusID, Classroom: m.Classroom})
	}
	for _, c := range children {
		if which == "all" || which == c.ID {
			list = append(list, madeFor{Box: c.ID, Name: c.Name, Campus: c.CampusID, Classroom: c.Classroom})
		}
	}
	if list == nil {
		return nil, join.ErrNoBox
	}
	return list, nil
}

// signInByCode is a technician's sign-in, or that of an administrator who forgot the password.
func (a *API) signInByCode(w http.ResponseWriter, r request, code string) error {
	s, err := a.cfg.Auth.SignInByCode(r.RemoteAddr, auth.ListenerOf(r.Context()) == auth.Local, code)
	if err != nil {
		return err
	}
	role := auth.Technician
	if s.User != "" {
		role = auth.Administrator
	}
	a.cfg.Log.Info("signed in by a code", "role", string(role), "address", r.RemoteAddr)
	if err := a.cfg.Store.Audit(store.AuditRow{At: time.Now().UTC(), Action: store.AuditCodeUsed, Who: s.User, Role: string(role), Object: a.cfg.BoxID}); err != nil {
		return err
	}
	a.cfg.Auth.SetSession(w, r.Request, s)
	return done(w)
}

// by is who asks, for package join's rows of the audit.
func by(r request) join.By { return join.By{Name: r.who.User, Role: string(r.who.Role)} }

func (a *API) withdrawBox(w http.ResponseWriter, r request) error {
	if _, err := a.cfg.Host.Withdraw(r.PathValue("id"), by(r)); err != nil {
		return err
	}
	return done(w)
}

// below is the box below that asks, by its certificate.
func (a *API) below(r request) (store.Child, error) {
	return a.cfg.Host.ChildOf(peerOf(r))
}

func (a *API) technicianKey(w http.ResponseWriter, r request) error {
	c, err := a.below(r)
	if err != nil {
		return err
	}
	key, err := a.cfg.Auth.TechnicianKey(c.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, join.BoxKey{Key: key})
}

func (a *API) addresses(w http.ResponseWriter, r request) error {
	c, err := a.below(r)
	if err != nil {
		return err
	}
	var in join.Addresses
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	out, err := a.cfg.Host.NoteAddresses(c, in.URLs)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) parentIsHere(w http.ResponseWriter, r request) error {
	var in join.Addresses
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Host.ParentIsHere(r.RemoteAddr, peerOf(r), in.URLs); err != nil {
		return err
	}
	return done(w)
}

func (a *API) roomsBelow(w http.ResponseWriter, r request) error {
	c, err := a.below(r)
	if err != nil {
		return err
	}
	rooms, err := a.cfg.Host.Rooms(c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rooms)
}

func (a *API) takeRoom(w http.ResponseWriter, r request) error {
	c, err := a.below(r)
	if err != nil {
		return err
	}
	var in join.RoomWish
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	p, err := a.cfg.Host.TakeRoom(c, in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}
