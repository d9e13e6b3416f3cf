package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"tongke/signaling/store"
)

// PasswordFile holds the one-time password in the data directory until it is changed.
const PasswordFile = "admin-password"

// Bounds of a password a person chooses (NIST SP 800-63B §3.1.1: length, no rules of composition).
const (
	minPassword = 8
	maxPassword = 128
)

var (
	// ErrPassword means a password outside the bounds.
	ErrPassword = fmt.Errorf("a password has %d to %d characters", minPassword, maxPassword)
	// ErrCredentials means a wrong name or password; which of the two is not said.
	ErrCredentials = errors.New("name or password is wrong")
)

// WrongPassword is a sign-in that did not match: Left tries remain before the address must wait.
type WrongPassword struct{ Left int }

func (e *WrongPassword) Error() string {
	return fmt.Sprintf("%v; %d tries left", ErrCredentials, e.Left)
}

// Unwrap makes errors.Is(err, ErrCredentials) true.
func (e *WrongPassword) Unwrap() error { return ErrCredentials }

// TooManyTries means that the address must wait.
type TooManyTries struct{ Wait time.Duration }

func (e *TooManyTries) Error() string {
	return fmt.Sprintf("too many tries; wait %v", e.Wait.Round(time.Second))
}

// openAdmin makes the administrator the first time. The file is written before the store: a kill between the two leaves a file that the
// next start replaces, never an administrator whose password nobody knows.
func (a *Auth) openAdmin() error {
	user, err := a.user(Admin)
	if err == nil {
		if !user.OneTime { // a kill between the change and the removal
			return a.store.RemoveFile(PasswordFile)
		}
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	password, err := newOneTime()
	if err != nil {
		return err
	}
	hash, err := a.passwords.hash(context.Background(), password)
	if err != nil {
		return err
	}
	if err := a.store.WriteFile(PasswordFile, []byte(password+"\n")); err != nil {
		return err
	}
	now := time.Now().UTC()
	return a.putUser(store.User{Name: Admin, Role: string(Administrator), Password: hash, OneTime: true, Created: now, Changed: now})
}

func (a *Auth) user(name string) (u store.User, err error) {
	err = a.store.View(func(tx *store.Tx) error {
		u, err = store.Users.Get(tx, name)
		return err
	})
	return u, err
}

func (a *Auth) putUser(u store.User) error {
	return a.store.Update(func(tx *store.Tx) error { return store.Users.Put(tx, u.Name, u) })
}

// OneTime reports whether the administrator's password still is the one made by the box.
func (a *Auth) OneTime() (bool, error) {
	u, err := a.user(Admin)
	return u.OneTime, err
}

// Fresh reports whether nobody ever signed in as administrator: only then may the screen beside the box join it to a parent.
func (a *Auth) Fresh() (bool, error) {
	u, err := a.user(Admin)
	return u.OneTime && u.SignedIn.IsZero(), err
}

// SignIn checks a password and starts a session; remote is the address that is made to wait after wrong tries. Errors: *WrongPassword,
// *TooManyTries, ErrBusy.
func (a *Auth) SignIn(ctx context.Context, remote, name, password string) (Session, error) {
	user, err := a.checkPassword(ctx, remote, name, password)
	if err != nil {
		return Session{}, err
	}
	byCode := user.OneTime && !user.CodeEnds.IsZero()
	if user.SignedIn.IsZero() || byCode {
		if user, err = a.firstSignIn(user, byCode); err != nil {
			return Session{}, err
		}
	}
	return a.newSession(user, byCode)
}

// firstSignIn notes the first time somebody came, and that a code was used: nobody comes in by it again.
func (a *Auth) firstSignIn(checked store.User, byCode bool) (store.User, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	user, err := a.user(checked.Name)
	if err != nil {
		return user, err
	}
	if user.Disabled || user.Password != checked.Password { // another was quicker
		return user, ErrCredentials
	}
	if user.SignedIn.IsZero() {
		user.SignedIn = time.Now().UTC()
	}
	if byCode {
		user.Password = ""
	}
	if err := a.putUser(user); err != nil {
		return user, fmt.Errorf("note sign-in: %w", err)
	}
	return user, nil
}

func (a *Auth) checkPassword(ctx context.Context, remote, name, password string) (store.User, error) {
	try, wait := a.SignIns.Begin(remote)
	if wait > 0 {
		return store.User{}, &TooManyTries{wait}
	}
	user, err := a.user(name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.User{}, err
	}
	if user.OneTime {
		password = lenient(password)
	}
	ok := false
	if utf8.RuneCountInString(password) <= maxPassword {
		if ok, err = a.passwords.verify(ctx, user.Password, password); err != nil {
			return store.User{}, err
		}
	}
	if user.Disabled || user.OneTime && !user.CodeEnds.IsZero() && !time.Now().Before(user.CodeEnds) {
		ok = false // told and timed like a wrong password
	}
	if !ok {
		return store.User{}, &WrongPassword{try.Left}
	}
	try.Right()
	return user, nil
}

// ChangePassword is a person's own change: the old password is asked for, unless the person came by a code; all other sign-ins of that
// person end.
func (a *Auth) ChangePassword(ctx context.Context, remote string, p Principal, old, password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword {
		return ErrPassword // before a try is spent
	}
	if !p.ByCode {
		if _, err := a.checkPassword(ctx, remote, p.User, old); err != nil {
			return err
		}
	}
	return a.SetPassword(ctx, p.User, password)
}

// SetPassword sets a password without asking for the old one (the control socket, the command line) and ends that person's sign-ins.
func (a *Auth) SetPassword(ctx context.Context, name, password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword {
		return ErrPassword
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.ends.Add(1)
	err = a.store.Update(func(tx *store.Tx) error {
		u, err := store.Users.Get(tx, name)
		if err != nil {
			return err
		}
		u.Password, u.OneTime, u.CodeEnds, u.Changed = hash, false, time.Time{}, time.Now().UTC()
		if err := store.Users.Put(tx, name, u); err != nil {
			return err
		}
		return dropSessions(tx, name)
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if name == Admin {
		a.codes.chosen()
		return a.store.RemoveFile(PasswordFile)
	}
	return nil
}
