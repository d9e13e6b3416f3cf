package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tongke/signaling/store"
)

// codeLife is how long a code for a new password can be used: over a weekend.
const codeLife = 72 * time.Hour

// maxUsers bounds the table.
const maxUsers = 1000

// PersonRoles are what a person who signs in can be.
var PersonRoles = []Role{Teacher, Inspector, Technician, Administrator}

var (
	// ErrPerson means a name or role that nobody can have.
	ErrPerson = errors.New("a person has a name of 1 to 32 characters and one of the roles teacher, inspector, technician, administrator")
	// ErrPersonExists means that somebody has that name.
	ErrPersonExists = errors.New("somebody has that name")
	// ErrPersonUnknown means that nobody has that name.
	ErrPersonUnknown = errors.New("nobody has that name")
	// ErrLastAdmin means a change that could leave the box without an administrator.
	ErrLastAdmin = errors.New("this person stays an administrator: the first one, or who asks")
	// ErrTooManyPeople means that the box has as many as it takes.
	ErrTooManyPeople = errors.New("too many people")
)

// Person is somebody who can sign in, without the password.
type Person struct {
	Name     string
	Role     Role
	Campus   string
	Disabled bool
	Pending  bool // has a code, or none at all, and no password
	Created  time.Time
	SignedIn time.Time // the first time; zero = never
}

// People are all, by name.
func (a *Auth) People() (list []Person, err error) {
	err = a.store.View(func(tx *store.Tx) error {
		rows, err := store.Users.All(tx)
		for _, r := range rows {
			u := r.Value
			list = append(list, Person{u.Name, Role(u.Role), u.Campus, u.Disabled, u.OneTime, u.Created, u.SignedIn})
		}
		return err
	})
	return list, err
}

// WorksAt reports whether somebody is a teacher of a campus, and not shut out.
func (a *Auth) WorksAt(name, campus string) bool {
	u, err := a.user(name)
	return err == nil && campus != "" && u.Campus == campus && Role(u.Role) == Teacher && !u.Disabled
}

// AddPerson makes a person, who chooses a password after coming in once by the code.
func (a *Auth) AddPerson(ctx context.Context, name string, role Role, campus string) (code string, err error) {
	if !personName(name) || !slices.Contains(PersonRoles, role) || campus != "" && !personName(campus) {
		return "", ErrPerson
	}
	code, hash, err := a.newCode(ctx)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return code, a.store.Update(func(tx *store.Tx) error {
		all, err := store.Users.All(tx)
		if err != nil {
			return err
		}
		for _, r := range all {
			if strings.EqualFold(r.Key, name) { // two names that look alike mislead
				return ErrPersonExists
			}
		}
		if len(all) >= maxUsers {
			return ErrTooManyPeople
		}
		now := time.Now().UTC()
		return store.Users.Put(tx, name, store.User{
			Name: name, Role: string(role), Campus: campus, Password: hash, OneTime: true, CodeEnds: now.Add(codeLife), Created: now, Changed: now,
		})
	})
}

// ResetPerson makes a new code; the old password and all sign-ins end.
func (a *Auth) ResetPerson(ctx context.Context, name string) (code string, err error) {
	code, hash, err := a.newCode(ctx)
	if err != nil {
		return "", err
	}
	return code, a.changePerson(name, func(u *store.User) error {
		if u.Name == Admin { // tongke password on the box itself does that
			return ErrLastAdmin
		}
		now := time.Now().UTC()
		u.Password, u.OneTime, u.CodeEnds, u.Changed = hash, true, now.Add(codeLife), now
		return nil
	})
}

// DisablePerson shuts somebody out, or lets the person in again; all sign-ins end. by is who asks.
func (a *Auth) DisablePerson(name string, disabled bool, by string) error {
	return a.changePerson(name, func(u *store.User) error {
		if u.Name == Admin || u.Name == by {
			return ErrLastAdmin
		}
		u.Disabled = disabled
		return nil
	})
}

func (a *Auth) changePerson(name string, f func(*store.User) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.ends.Add(1) // once it is on disk
	return a.store.Update(func(tx *store.Tx) error {
		u, err := store.Users.Get(tx, name)
		if errors.Is(err, store.ErrNotFound) {
			return ErrPersonUnknown
		}
		if err == nil {
			err = f(&u)
		}
		if err == nil {
			err = store.Users.Put(tx, name, u)
		}
		if err != nil {
			return err
		}
		return dropSessions(tx, name)
	})
}

// StillIn reports whether a sign-in that a long connection began with still holds: nobody signed it out, shut the person out or reset
// the password. Other principals hold until Expires.
func (a *Auth) StillIn(p Principal) bool {
	if !p.Expires.IsZero() && !time.Now().Before(p.Expires) {
		return false
	}
	prefix, ok := strings.CutPrefix(p.TokenID, "session-")
	if !ok {
		return true
	}
	held := false
	err := a.store.View(func(tx *store.Tx) error {
		rows, err := store.Sessions.All(tx)
		for _, r := range rows {
			held = held || strings.HasPrefix(r.Key, prefix) && r.Value.User == p.User
		}
		return err
	})
	return err != nil || held // a store that does not answer ends no lesson
}

func (a *Auth) newCode(ctx context.Context) (code, hash string, err error) {
	if code, err = newOneTime(); err != nil {
		return "", "", err
	}
	hash, err = a.passwords.hash(ctx, code)
	return code, hash, err
}

// personName reports whether s can name a person or a campus.
func personName(s string) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > 32 || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r == '/' || !unicode.IsGraphic(r) // nor a sign that nobody sees
	})
}
