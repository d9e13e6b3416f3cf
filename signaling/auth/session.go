package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tongke/signaling/store"
)

const (
	sessionLife  = 12 * time.Hour // one school day
	userSessions = 32             // per person; the oldest ends
)

// Session is a sign-in with the secret that its cookie carries.
type Session struct {
	Secret  string
	User    string
	Expires time.Time
}

func sessionKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (a *Auth) newSession(user store.User, byCode bool) (Session, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return Session{}, err
	}
	now := time.Now().UTC()
	s := Session{Secret: base64.RawURLEncoding.EncodeToString(secret), User: user.Name, Expires: now.Add(sessionLife)}
	err := a.store.Update(func(tx *store.Tx) error {
		if err := tidySessions(tx, user.Name, now); err != nil {
			return err
		}
		return store.Sessions.Put(tx, sessionKey(s.Secret), store.Session{User: user.Name, Role: roleOf(user), Created: now, Expires: s.Expires, OneTime: byCode})
	})
	a.ends.Add(1) // the oldest may have gone
	if err != nil {
		return Session{}, fmt.Errorf("keep sign-in: %w", err)
	}
	return s, nil
}

// roleOf is the role of somebody without a name; a person's stands with the person.
func roleOf(user store.User) string {
	if user.Name == "" {
		return user.Role
	}
	return ""
}

// tidySessions removes what ended, and the oldest of a user who has too many.
func tidySessions(tx *store.Tx, user string, now time.Time) error {
	rows, err := store.Sessions.All(tx)
	if err != nil {
		return err
	}
	var own []store.Row[store.Session]
	for _, r := range rows {
		switch {
		case !live(r.Value, now):
			if err := store.Sessions.Delete(tx, r.Key); err != nil {
				return err
			}
		case r.Value.User == user:
			own = append(own, r)
		}
	}
	slices.SortFunc(own, func(a, b store.Row[store.Session]) int { return a.Value.Created.Compare(b.Value.Created) })
	for len(own) >= userSessions {
		if err := store.Sessions.Delete(tx, own[0].Key); err != nil {
			return err
		}
		own = own[1:]
	}
	return nil
}

// live also ends a session that began in the future: the clock was set back by more than a little.
func live(s store.Session, now time.Time) bool {
	return now.Before(s.Expires) && now.After(s.Created.Add(-sessionLife))
}

func dropSessions(tx *store.Tx, user string) error {
	rows, err := store.Sessions.All(tx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Value.User == user {
			if err := store.Sessions.Delete(tx, r.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// CookieName is the sign-in's cookie at the listener a request came through. It carries the box id because cookies know no ports and
// several boxes can share a host; the prefix (RFC 6265bis §4.1.3.2) needs HTTPS.
func (a *Auth) CookieName(r *http.Request) string {
	name := "tongke-" + a.cfg.BoxID[:8]
	if ListenerOf(r.Context()) == Local {
		return name
	}
	return "__Host-" + name
}

func (a *Auth) cookie(r *http.Request, name, value string, expires time.Time) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: ListenerOf(r.Context()) != Local}
	if value == "" {
		c.MaxAge = -1
		return c
	}
	c.MaxAge = max(1, int(time.Until(expires)/time.Second)) // not Expires: the browser's clock may differ
	return c
}

// SetSession gives the browser a sign-in's cookie.
func (a *Auth) SetSession(w http.ResponseWriter, r *http.Request, s Session) {
	http.SetCookie(w, a.cookie(r, a.CookieName(r), s.Secret, s.Expires))
}

// EndSession ends the request's sign-in and the lesson tokens that this browser holds for this box. Without one it does nothing.
func (a *Auth) EndSession(w http.ResponseWriter, r *http.Request) error {
	name := a.CookieName(r)
	for _, c := range r.Cookies() {
		if c.Name != name && !strings.HasPrefix(c.Name, name+".") {
			continue
		}
		if c.Name == name {
			err := a.store.Update(func(tx *store.Tx) error { return store.Sessions.Delete(tx, sessionKey(c.Value)) })
			if err != nil {
				return fmt.Errorf("end sign-in: %w", err)
			}
			a.ends.Add(1)
		}
		http.SetCookie(w, a.cookie(r, c.Name, "", time.Time{}))
	}
	return nil
}

func (a *Auth) sessionOf(r *http.Request) (Principal, bool) {
	c, err := r.Cookie(a.CookieName(r))
	if err != nil || c.Value == "" {
		return Principal{}, false
	}
	key := sessionKey(c.Value)
	var p Principal
	err = a.store.View(func(tx *store.Tx) error {
		s, err := store.Sessions.Get(tx, key)
		if err != nil {
			return err
		}
		if !live(s, time.Now()) {
			return store.ErrNotFound
		}
		if s.User == "" && s.Role == string(Technician) {
			p = Principal{Role: Technician, TokenID: "session-" + key[:16], Expires: s.Expires}
			return nil
		}
		u, err := store.Users.Get(tx, s.User)
		if err != nil {
			return err
		}
		if u.Disabled {
			return store.ErrNotFound
		}
		p = Principal{Role: Role(u.Role), Campus: u.Campus, User: u.Name, TokenID: "session-" + key[:16], Expires: s.Expires, ByCode: s.OneTime}
		return nil
	})
	return p, err == nil
}
