package api

import (
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/join"
)

// pairingRoutes are the two ends of joining by comparing digits: people at the parent, people at the child, and the boxes themselves.
func (a *API) pairingRoutes() []route {
	hosts := these(auth.Administrator, auth.Operator, auth.Technician)
	here := hosts | these(auth.Classroom)
	return []route{
		{"GET", "/api/v1/pairings", hosts, "The boxes that ask to join by comparing digits.", 200, nil, []pending{}, a.pairings, false},
		{"POST", "/api/v1/pairings/{id}", hosts, "Say whether the digits are the same; then the box is below this one.", 200, pairAnswer{}, paired{}, a.answerPairing, false},

		{"POST", "/api/v1/device/pairing", here, "Begin to join a parent by comparing digits. The screen beside the box may, while nobody ever signed in.", 202, newPairing{}, pairingID{}, a.beginPairing, false},
		{"GET", "/api/v1/device/pairing", here, "How it stands, with the digits.", 200, nil, pairing{}, a.pairing, false},
		{"POST", "/api/v1/device/pairing/{id}", here, "Say whether the digits are the same, at this end.", 204, sameDigits{}, nil, a.sayPairing, false},
		{"DELETE", "/api/v1/device/pairing", here, "Cancel it.", 204, nil, nil, a.cancelPairing, false},

		{"POST", "/api/v1/pair", everybody, "A box commits itself to a number (package signaling/join has the exchange).", 200, join.PairCommit{}, join.PairNonce{}, a.pairBegin, false},
		{"POST", "/api/v1/pair/{id}", everybody, "It tells the number.", 200, join.PairReveal{}, struct{}{}, a.pairReveal, false},
		{"GET", "/api/v1/pair/{id}", everybody, "It asks whether the digits were found the same.", 200, nil, join.PairState{}, a.pairAsk, false},
		{"DELETE", "/api/v1/pair/{id}", everybody, "It gives up.", 204, nil, nil, a.pairCancel, false},
	}
}

// pending is a box that waits to be compared.
type pending struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Digits  string    `json:"digits"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

func (a *API) pairings(w http.ResponseWriter, _ request) error {
	list := []pending{}
	for _, p := range a.cfg.Host.Pairings() {
		list = append(list, pending(p))
	}
	return writeJSON(w, http.StatusOK, list)
}

// pairAnswer is what a person at the parent says.
type pairAnswer struct {
	Same      bool   `json:"same"`
	Campus    string `json:"campus,omitempty"` // "" = name is the school
	Classroom string `json:"classroom,omitempty"`
	Name      string `json:"name,omitempty"`     // of the box
	Replaces  string `json:"replaces,omitempty"` // id of the box whose place it takes
}

// paired is what the box is from now on; all empty where it was refused.
type paired struct {
	Box       string `json:"box,omitempty"` // its id
	Name      string `json:"name,omitempty"`
	Campus    string `json:"campus,omitempty"`
	Classroom string `json:"classroom,omitempty"`
}

func (a *API) answerPairing(w http.ResponseWriter, r request) error {
	var in pairAnswer
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if in.Replaces != "" && r.who.Role == auth.Technician { // withdrawing a box is the administrator's
		return errForbidden
	}
	// A box below is sent the lessons, which who came by a code may not see; so such a one cannot take one in.
	if in.Same && r.who.Role == auth.Technician && r.who.User == "" {
		return errForbidden
	}
	c, err := a.cfg.Host.PairAnswer(r.PathValue("id"), join.PairAnswer{
		Same: in.Same, Campus: in.Campus, Classroom: in.Classroom, Name: in.Name, Replaces: in.Replaces, By: by(r),
	})
	if err != nil {
		return err
	}
	a.cfg.Log.Info("digits compared", "same", in.Same, "box", c.ID, "role", string(r.who.Role), "by", r.who.User)
	return writeJSON(w, http.StatusOK, paired{c.ID, c.Name, c.CampusID, c.Classroom})
}

// newPairing is where to join.
type newPairing struct {
	Address string `json:"address"`
	Replace bool   `json:"replace,omitempty"` // leave the present parent
}

type pairingID struct {
	ID string `json:"id"`
}

// mayPair lets the screen beside the box act as long as the box belongs to nobody.
func (a *API) mayPair(r request) error {
	if a.cfg.Pairer == nil {
		return errNoBox
	}
	if r.who.Role == auth.Classroom {
		return a.freshScreen(r)
	}
	return nil
}

func (a *API) beginPairing(w http.ResponseWriter, r request) error {
	if err := a.mayPair(r); err != nil {
		return err
	}
	var in newPairing
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if in.Replace && r.who.Role == auth.Technician { // so is leaving a parent
		return errForbidden
	}
	id, err := a.cfg.Pairer.Begin(in.Address, in.Replace)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, pairingID{id})
}

// pairing is how it stands at the child.
type pairing struct {
	ID        string    `json:"id,omitempty"`
	State     string    `json:"state"`            // idle, looking, compare, accepted, refused, expired, failed
	Digits    string    `json:"digits,omitempty"` // "123 456"
	Confirmed bool      `json:"confirmed"`        // found the same at this end
	Code      string    `json:"code,omitempty"`   // why it failed
	Message   string    `json:"message,omitempty"`
	Name      string    `json:"name,omitempty"`   // what the parent calls this box
	Parent    string    `json:"parent,omitempty"` // box id
	Expires   time.Time `json:"expires,omitzero"`
}

// pairing is told to the screen for as long as it could have begun it, and of the one that just went well.
func (a *API) pairing(w http.ResponseWriter, r request) error {
	if a.cfg.Pairer == nil {
		return errNoBox
	}
	v := a.cfg.Pairer.View()
	if v.State != join.PairAccepted {
		if err := a.mayPair(r); err != nil {
			return err
		}
	}
	p := pairing{ID: v.ID, State: v.State, Digits: v.Digits, Confirmed: v.Confirmed, Name: v.Name, Parent: v.Parent, Expires: v.Expires}
	if v.Err != nil {
		_, f, _ := describe(v.Err)
		p.Code, p.Message = f.Code, f.Message
	}
	return writeJSON(w, http.StatusOK, p)
}

type sameDigits struct {
	Same bool `json:"same"`
}

func (a *API) sayPairing(w http.ResponseWriter, r request) error {
	if err := a.mayPair(r); err != nil {
		return err
	}
	var in sameDigits
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Pairer.Say(r.PathValue("id"), in.Same); err != nil {
		return err
	}
	return done(w)
}

func (a *API) cancelPairing(w http.ResponseWriter, r request) error {
	if err := a.mayPair(r); err != nil {
		return err
	}
	a.cfg.Pairer.Cancel()
	return done(w)
}

// peerOf is the certificate that another box's end of TLS showed; nil if it showed none.
func peerOf(r request) *x509.Certificate {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0]
	}
	return nil
}

func (a *API) pairBegin(w http.ResponseWriter, r request) error {
	var in join.PairCommit
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	out, err := a.cfg.Host.PairBegin(r.RemoteAddr, peerOf(r), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) pairReveal(w http.ResponseWriter, r request) error {
	var in join.PairReveal
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Host.PairReveal(r.PathValue("id"), peerOf(r), in); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct{}{})
}

func (a *API) pairAsk(w http.ResponseWriter, r request) error {
	out, err := a.cfg.Host.PairAsk(r.PathValue("id"), peerOf(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) pairCancel(w http.ResponseWriter, r request) error {
	if err := a.cfg.Host.PairCancel(r.PathValue("id"), peerOf(r)); err != nil && !errors.Is(err, join.ErrNoPairing) {
		return err
	}
	return done(w)
}
