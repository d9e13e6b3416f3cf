package join

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/store"
)

const (
	maxOpen    = 200            // invitations at a time
	rememberIt = 24 * time.Hour // how long a used or expired code is told from a wrong one
)

// Invitation is whom a code asks in.
type Invitation struct {
	Campus    string // campus id
	Classroom string
	Name      string // of the box; "" = its own
	Replaces  string // id of the box whose place it takes, and its campus and classroom where none are given; "" = none
	By        By     // who asks it in
}

// Invite makes a code. It needs the store only, so that the command line can do it while no daemon runs.
func Invite(s *store.Store, in Invitation) (Code, store.Invitation, error) {
	if in.Replaces != "" {
		old, err := s.Child(in.Replaces)
		if errors.Is(err, store.ErrNotFound) {
			return Code{}, store.Invitation{}, ErrNoBox
		}
		if err != nil {
			return Code{}, store.Invitation{}, err
		}
		if in.Campus == "" {
			in.Campus, in.Classroom = old.CampusID, old.Classroom
		}
	}
	if !place(in.Campus) || in.Classroom != "" && !place(in.Classroom) || in.Name != "" && !place(in.Name) {
		return Code{}, store.Invitation{}, ErrPlace
	}
	meta, err := s.EnsureMeta()
	if err != nil {
		return Code{}, store.Invitation{}, err
	}
	now := time.Now().UTC()
	var code Code
	var inv store.Invitation
	err = s.Update(func(tx *store.Tx) error {
		open, err := tidy(tx, now)
		if err != nil {
			return err
		}
		if open >= maxOpen {
			return ErrInvitations
		}
		for {
			if code, err = NewCode(); err != nil {
				return err
			}
			if _, err = store.Invitations.Get(tx, code.ID); errors.Is(err, store.ErrNotFound) {
				break // the 20 bits of an id are few enough to meet one again
			} else if err != nil {
				return err
			}
		}
		inv = store.Invitation{
			ID: code.ID, Key: code.key(), AllianceID: meta.AllianceID, AllianceName: meta.AllianceName,
			CampusID: in.Campus, Classroom: in.Classroom, BoxName: in.Name, Replaces: in.Replaces, By: in.By.Name, ByRole: in.By.Role,
			Created: now, Expires: now.Add(Life),
		}
		return store.Invitations.Put(tx, code.ID, inv)
	})
	return code, inv, err
}

// tidy removes invitations that ended long ago and counts the open ones.
func tidy(tx *store.Tx, now time.Time) (open int, err error) {
	rows, err := store.Invitations.All(tx)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		if now.Sub(r.Value.Expires).Abs() > rememberIt+Life { // Abs: or made under a clock that was far ahead
			if err := store.Invitations.Delete(tx, r.Key); err != nil {
				return 0, err
			}
		} else if r.Value.Used.IsZero() && now.Before(r.Value.Expires) {
			open++
		}
	}
	return open, nil
}

// Open lists the invitations that can still be used, without their keys.
func Open(s *store.Store) (open []store.Invitation, err error) {
	now := time.Now()
	err = s.View(func(tx *store.Tx) error {
		rows, err := store.Invitations.All(tx)
		for _, r := range rows {
			if r.Value.Used.IsZero() && now.Before(r.Value.Expires) {
				r.Value.Key = nil
				open = append(open, r.Value)
			}
		}
		return err
	})
	return open, err
}

// Withdraw ends an invitation before its time; store.ErrNotFound if there is none.
func Withdraw(s *store.Store, id string) error {
	return s.Update(func(tx *store.Tx) error {
		if _, err := store.Invitations.Get(tx, id); err != nil {
			return err
		}
		return store.Invitations.Delete(tx, id)
	})
}

// Identity is what package join needs of a box's identity; the functions are those of device/identity.
type Identity struct {
	ID          string
	Certificate *x509.Certificate
	IDOf        func(*x509.Certificate) (string, bool)
	Pin         func(*x509.Certificate) string
}

// Host is the parent's side.
type Host struct {
	Store    *store.Store
	Identity Identity
	Name     func() string                // the box's name
	URLs     func() []string              // where its uplink port answers
	Joined   func(store.Child)            // told after a box joined; may be nil; must not block
	Left     func(id string)              // told after a box was withdrawn or replaced, to end its uplink; may be nil; must not block
	Online   func(id string) bool         // whether a box below is connected; nil: none is
	Began    time.Time                    // since when Online is looked at: nobody is away longer
	Moved    func()                       // told after the parent of this box said where it is now; may be nil; must not block
	Planned  func(campus string) []string // classrooms of a campus that the timetable knows; may be nil
	Log      *slog.Logger

	tries *auth.Throttle
	pairs *pairs
	moves *moves
}

// NewHost completes h.
func NewHost(h Host) *Host {
	h.tries, h.pairs, h.moves = auth.NewThrottle(5, time.Minute, time.Minute), &pairs{}, &moves{all: map[string]moved{}}
	return &h
}

// Accept answers a request. remote is the address it came from, peer the certificate its end of TLS showed.
func (h *Host) Accept(remote string, peer *x509.Certificate, req Envelope) (Envelope, error) {
	try, wait := h.tries.Begin(remote)
	if wait > 0 && !h.marked(req) {
		return Envelope{}, ErrTries
	}
	var answer Envelope
	var child store.Child
	replaces := ""
	err := h.Store.Update(func(tx *store.Tx) error {
		inv, err := store.Invitations.Get(tx, req.Invitation)
		if errors.Is(err, store.ErrNotFound) {
			return ErrWrong
		}
		if err != nil {
			return err
		}
		if !hmac.Equal(req.MAC, mark(inv.Key, childLabel, inv.ID, req.Body)) {
			return ErrWrong
		}
		if wait == 0 {
			try.Right() // who knows the key does not guess
		}
		replaces = inv.Replaces
		answer, child, err = h.accept(tx, inv, peer, req)
		return err
	})
	if err != nil {
		return Envelope{}, err
	}
	if child.ID != "" {
		h.joined(child, replaces)
	}
	return answer, nil
}

// marked reports whether who asks knows the code. Such a one need not wait: the wrong tries from that address were somebody else's, behind
// the same address translator, who could keep a school's boxes from joining otherwise. 60 bits need no help by waiting.
func (h *Host) marked(req Envelope) (yes bool) {
	_ = h.Store.View(func(tx *store.Tx) error {
		inv, err := store.Invitations.Get(tx, req.Invitation)
		yes = err == nil && hmac.Equal(req.MAC, mark(inv.Key, childLabel, inv.ID, req.Body))
		return err
	})
	return yes
}

// accept is everything after the mark: the request is from somebody who knows the code.
func (h *Host) accept(tx *store.Tx, inv store.Invitation, peer *x509.Certificate, req Envelope) (Envelope, store.Child, error) {
	now := time.Now().UTC()
	sum := sha256.Sum256(req.Body)
	if !inv.Used.IsZero() {
		if !bytes.Equal(inv.Request, sum[:]) || now.After(inv.Expires) {
			return Envelope{}, store.Child{}, ErrUsed
		}
		return h.seal(inv, inv.Answer), store.Child{}, nil // its answer was lost on the way
	}
	if now.After(inv.Expires) {
		return Envelope{}, store.Child{}, ErrExpired
	}
	var hello Hello
	if err := strict(req.Body, &hello); err != nil || len(hello.Nonce) < 16 {
		return Envelope{}, store.Child{}, ErrRequest
	}
	own := sha256.Sum256(h.Identity.Certificate.Raw)
	if peer == nil || !bytes.Equal(peer.Raw, hello.Certificate) || !bytes.Equal(hello.Seen, own[:]) {
		return Envelope{}, store.Child{}, ErrMismatch
	}
	id, ok := h.Identity.IDOf(peer)
	if !ok {
		return Envelope{}, store.Child{}, ErrMismatch
	}
	if err := h.refuseLoop(tx, id); err != nil {
		return Envelope{}, store.Child{}, err
	}
	name := inv.BoxName
	if name == "" {
		name = hello.Name
	}
	if !place(name) {
		return Envelope{}, store.Child{}, ErrRequest
	}
	if _, err := takeOver(tx, inv.Replaces, id, place3{campus: inv.CampusID}, By{inv.By, inv.ByRole}); err != nil && !errors.Is(err, ErrNoBox) { // withdrawn meanwhile
		return Envelope{}, store.Child{}, err
	}
	name, err := freeName(tx, name, id)
	if err != nil {
		return Envelope{}, store.Child{}, err
	}
	child := store.Child{ID: id, Name: name, CampusID: inv.CampusID, Classroom: inv.Classroom, Pin: h.Identity.Pin(peer), Joined: now}
	grant, err := json.Marshal(Grant{
		Request: sum[:], Certificate: h.Identity.Certificate.Raw, Name: h.Name(),
		AllianceID: inv.AllianceID, AllianceName: inv.AllianceName, CampusID: inv.CampusID, Classroom: inv.Classroom,
		BoxName: name, URLs: h.URLs(),
	})
	if err != nil {
		return Envelope{}, store.Child{}, err
	}
	inv.Used, inv.UsedBy, inv.Request, inv.Answer = now, id, sum[:], grant
	if err := store.Invitations.Put(tx, inv.ID, inv); err != nil {
		return Envelope{}, store.Child{}, err
	}
	return h.seal(inv, grant), child, store.Children.Put(tx, id, child)
}

func (h *Host) seal(inv store.Invitation, grant []byte) Envelope {
	return Envelope{Invitation: inv.ID, Body: grant, MAC: mark(inv.Key, parentLabel, inv.ID, grant)}
}

// refuseLoop finds the loops that one box can see; the uplink's path finds the longer ones.
func (h *Host) refuseLoop(tx *store.Tx, id string) error {
	if id == h.Identity.ID {
		return ErrLoop
	}
	p, err := store.Parents.Get(tx, store.KeyParent)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && p.ID == id {
		return ErrLoop
	}
	return err
}

// freeName keeps the names of children apart, since figures are given by name.
func freeName(tx *store.Tx, name, id string) (string, error) {
	rows, err := store.Children.All(tx)
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, r := range rows {
		if r.Key != id {
			taken[r.Value.Name] = true
		}
	}
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free, nil
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
