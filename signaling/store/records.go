package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// The tables that more than one package reads.
var (
	Metas       = TableOf[Meta](BucketBox)
	Parents     = TableOf[Parent](BucketBox)
	Secrets     = TableOf[[]byte](BucketBox)
	Users       = TableOf[User](BucketUsers)
	Sessions    = TableOf[Session](BucketSessions)
	Invitations = TableOf[Invitation](BucketInvitations)
	Children    = TableOf[Child](BucketChildren)
)

// Meta says where the box stands: in which alliance, on which campus, in which classroom.
type Meta struct {
	AllianceID   string `json:"allianceId"`
	AllianceName string `json:"allianceName,omitzero"`
	CampusID     string `json:"campusId"`
	CampusName   string `json:"campusName,omitzero"`
	Classroom    string `json:"classroom,omitzero"`
	BoxName      string `json:"boxName,omitzero"` // "" = the default name of its identity
}

// User is a person who signs in with a password. The first is the administrator.
type User struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Campus   string    `json:"campus,omitzero"`   // where the person works; "" = everywhere
	Disabled bool      `json:"disabled,omitzero"` // may not sign in
	Password string    `json:"password"`          // argon2id, PHC string
	OneTime  bool      `json:"oneTime"`           // the password still is the one made by the box
	CodeEnds time.Time `json:"codeEnds,omitzero"` // until when a code for a new password can be used; zero = the administrator's first one, always
	Created  time.Time `json:"created"`
	Changed  time.Time `json:"changed"`           // when the password was last set
	SignedIn time.Time `json:"signedIn,omitzero"` // first sign-in; zero = nobody came yet
}

// Session is a sign-in, kept by the hash of its cookie so that a stolen file opens nothing.
type Session struct {
	User    string    `json:"user"`          // "" = nobody by name
	Role    string    `json:"role,omitzero"` // of nobody by name: who came by a code made for this box
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	OneTime bool      `json:"oneTime,omitzero"` // came by a code: a new password is due, and the old one is not asked for
}

// Invitation is one code given out: its id is the first group, Key the other 60 bits.
type Invitation struct {
	ID           string    `json:"id"`
	Key          []byte    `json:"key"`
	AllianceID   string    `json:"allianceId"`
	AllianceName string    `json:"allianceName,omitzero"`
	CampusID     string    `json:"campusId"`
	Classroom    string    `json:"classroom,omitzero"`
	BoxName      string    `json:"boxName,omitzero"`
	Replaces     string    `json:"replaces,omitzero"` // id of the box whose place the new one takes
	By           string    `json:"by,omitzero"`       // who made it, and as what
	ByRole       string    `json:"byRole,omitzero"`
	Created      time.Time `json:"created"`
	Expires      time.Time `json:"expires"`
	Used         time.Time `json:"used,omitzero"`
	UsedBy       string    `json:"usedBy,omitzero"`  // box id
	Request      []byte    `json:"request,omitzero"` // SHA-256 of the request that used it: the same one again gets the same answer
	Answer       []byte    `json:"answer,omitzero"`
}

// Child is a box that joined below this one.
type Child struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CampusID  string    `json:"campusId"`
	Classroom string    `json:"classroom,omitzero"`
	Pin       string    `json:"pin"` // of its identity certificate
	Joined    time.Time `json:"joined"`
	LastSeen  time.Time `json:"lastSeen,omitzero"` // written when its uplink comes and goes, not while it lasts
	URLs      []string  `json:"urls,omitzero"`     // where it says that it answers
}

// Parent is the box above this one.
type Parent struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	URLs         []string  `json:"urls"`            // the one that join used first
	Chosen       string    `json:"chosen,omitzero"` // of the URLs the one that a person wrote, once another came before it
	Pin          string    `json:"pin"`             // of its identity certificate
	AllianceID   string    `json:"allianceId"`
	AllianceName string    `json:"allianceName,omitzero"`
	CampusID     string    `json:"campusId"` // this box's campus and classroom, as the parent granted them
	Classroom    string    `json:"classroom,omitzero"`
	Joined       time.Time `json:"joined"`
}

// Meta reads where the box stands; the zero value before the first start wrote it.
func (s *Store) Meta() (m Meta, err error) {
	err = s.View(func(tx *Tx) error {
		m, err = Metas.Get(tx, KeyMeta)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return m, err
}

// UpdateMeta changes it.
func (s *Store) UpdateMeta(f func(*Meta)) error {
	return s.Update(func(tx *Tx) error {
		m, err := Metas.Get(tx, KeyMeta)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		f(&m)
		return Metas.Put(tx, KeyMeta, m)
	})
}

// Parent reads the box above; ok is false for a root.
func (s *Store) Parent() (p Parent, ok bool, err error) {
	err = s.View(func(tx *Tx) error {
		p, err = Parents.Get(tx, KeyParent)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}

// Children reads the boxes below.
func (s *Store) Children() (children []Child, err error) {
	err = s.View(func(tx *Tx) error {
		rows, err := Children.All(tx)
		for _, r := range rows {
			children = append(children, r.Value)
		}
		return err
	})
	return children, err
}

// Child reads one box below; ErrNotFound if no such box joined.
func (s *Store) Child(id string) (c Child, err error) {
	err = s.View(func(tx *Tx) error {
		c, err = Children.Get(tx, id)
		return err
	})
	return c, err
}

// ChildSeen notes that a child's uplink came or went.
func (s *Store) ChildSeen(id string, at time.Time) error {
	return s.Update(func(tx *Tx) error {
		c, err := Children.Get(tx, id)
		if err != nil {
			return err
		}
		c.LastSeen = at
		return Children.Put(tx, id, c)
	})
}

// EnsureMeta reads where the box stands and fills in what a box that belongs to nobody yet needs: an alliance of its own, and the campus
// "core".
func (s *Store) EnsureMeta() (m Meta, err error) {
	err = s.Update(func(tx *Tx) error {
		m, err = Metas.Get(tx, KeyMeta)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if m.AllianceID != "" && m.CampusID != "" {
			return nil
		}
		if m.AllianceID == "" {
			r := make([]byte, 8)
			if _, err := rand.Read(r); err != nil {
				return err
			}
			m.AllianceID = "a-" + hex.EncodeToString(r)
		}
		if m.CampusID == "" {
			m.CampusID = "core"
		}
		return Metas.Put(tx, KeyMeta, m)
	})
	return m, err
}
