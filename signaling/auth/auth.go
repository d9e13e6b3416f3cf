// Package auth knows who asks: passwords and sign-ins of people, tokens that open one lesson, and the loopback listener, which is this
// box's own classroom. It decides nothing about what somebody may do; that is the table of signaling/api and of signaling/lesson.
//
// Users, sessions and the token secret live in the store; sign-ins therefore survive a restart. Time is the wall clock of the box: one that
// is far off makes tokens and sign-ins end early or late and nothing else.
package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tongke/signaling/store"
)

// Role is what somebody is to this box or in one lesson.
type Role string

// The roles. The first six are given by tokens.
const (
	Publish       Role = "publish"       // WHIP into one lesson, nothing else
	Watch         Role = "watch"         // WHEP out of one lesson, nothing else
	Teacher       Role = "teacher"       // the teacher's page of one lesson
	Assistant     Role = "assistant"     // a phone in one classroom, for one lesson
	Classroom     Role = "classroom"     // the screen in a classroom
	Inspector     Role = "inspector"     // looks at classrooms, visibly
	Technician    Role = "technician"    // a signed-in person who looks after boxes
	Administrator Role = "administrator" // a signed-in person who may change the box
	Operator      Role = "operator"      // whoever reaches the control socket: root or the daemon's own user
	Nobody        Role = ""
)

// TokenRoles are the roles that a lesson token can carry.
var TokenRoles = []Role{Publish, Watch, Teacher, Assistant, Classroom, Inspector}

// LocalID is the TokenID of the screen beside the box.
const LocalID = "local"

// Admin is the name of the first user.
const Admin = "admin"

// Principal is who asks, as far as this box knows.
type Principal struct {
	Role      Role
	Lesson    string    // the only lesson it may touch; "" = not bound to one
	Campus    string    // campus id, where the role belongs to one
	Classroom string    // room on that campus
	User      string    // the signed-in person
	TokenID   string    // tells one bearer from another: a second publisher with the same one is the first, come again
	Expires   time.Time // zero = does not end by itself
	Phone     int       // of an assistant's phone that came by the wall screen's code: the number of that code, from 1
	ByCode    bool      // signed in by a code: has to choose a password before anything else
}

// Teaches reports whether a teacher may act in a lesson: by its token, or as the person it was planned for or who made it.
func (p Principal) Teaches(lesson, teacher, createdBy string) bool {
	if p.Role != Teacher {
		return false
	}
	if p.Lesson != "" {
		return p.Lesson == lesson
	}
	return p.User != "" && (p.User == teacher || p.User == createdBy)
}

// Config is what Auth needs to know of the box.
type Config struct {
	BoxID string
	// Place gives the campus and classroom the box stands in, for the loopback listener's classroom. It may change by joining.
	Place func() (campus, classroom string)
	// Clock is the time as others say it, and whether it is known to be right. Nil: the box's own clock is right.
	Clock func() (now time.Time, right bool)
}

// Auth answers who asks. Its methods may be used from any goroutine.
type Auth struct {
	cfg    Config
	store  *store.Store
	secret []byte // of lesson tokens

	passwords hasher
	SignIns   *Throttle
	phones    phones
	codes     codes

	mu sync.Mutex // one change of users at a time

	ends atomic.Uint64 // counts what may have ended sign-ins
}

// Ends rises whenever sign-ins may have ended: whoever keeps a connection open asks StillIn again then.
func (a *Auth) Ends() uint64 { return a.ends.Load() + 1 }

// New reads the token secret and the users, and makes the administrator with a one-time password at the first start.
func New(s *store.Store, cfg Config) (*Auth, error) { return open(s, cfg, newHasher()) }

func open(s *store.Store, cfg Config, h hasher) (*Auth, error) {
	if cfg.Place == nil {
		cfg.Place = func() (string, string) { return "", "" }
	}
	if len(cfg.BoxID) < 8 {
		return nil, fmt.Errorf("box id %q is too short", cfg.BoxID)
	}
	a := &Auth{cfg: cfg, store: s, passwords: h, SignIns: NewThrottle(5, time.Minute, 15*time.Minute), phones: newPhones(), codes: newCodes()}
	if err := a.openSecret(); err != nil {
		return nil, fmt.Errorf("token secret: %w", err)
	}
	if err := a.openAdmin(); err != nil {
		return nil, fmt.Errorf("administrator: %w", err)
	}
	if err := a.openOldCodes(); err != nil {
		return nil, fmt.Errorf("withdrawn codes: %w", err)
	}
	return a, nil
}

func (a *Auth) openSecret() error {
	return a.store.Update(func(tx *store.Tx) error {
		secret, err := store.Secrets.Get(tx, store.KeyTokenSecret)
		if errors.Is(err, store.ErrNotFound) {
			secret = make([]byte, 32)
			if _, err := rand.Read(secret); err != nil {
				return err
			}
			err = store.Secrets.Put(tx, store.KeyTokenSecret, secret)
		}
		if err == nil && len(secret) < 32 {
			return fmt.Errorf("has %d bytes", len(secret))
		}
		a.secret = secret
		return err
	})
}

// Listener says which door a request came through.
type Listener int

// The doors of a box.
const (
	Public  Listener = iota // HTTPS
	Local                   // plain HTTP on loopback, for the screen beside the box
	Control                 // the control socket
)

type listenerKey struct{}

// WithListener marks a request's context; the server does it for every request of a listener.
func WithListener(ctx context.Context, l Listener) context.Context {
	return context.WithValue(ctx, listenerKey{}, l)
}

// ListenerOf is the door a request came through; Public if nobody said.
func ListenerOf(ctx context.Context) Listener {
	l, _ := ctx.Value(listenerKey{}).(Listener)
	return l
}

// ErrPasswordDue means that somebody came by a code and has not chosen a password yet.
var ErrPasswordDue = errors.New("choose a password first")

// Who is WhoOrDue for every door but the one where a password is chosen: who came by a code is nobody's teacher or administrator before.
func (a *Auth) Who(r *http.Request, lesson string) (Principal, error) {
	p, err := a.WhoOrDue(r, lesson)
	if err == nil && p.ByCode {
		return Principal{}, ErrPasswordDue
	}
	return p, err
}

// WhoOrDue says who makes a request: a bearer token, else a sign-in's cookie, else a lesson token's cookie, else the loopback listener.
// lesson is the lesson that the request is about, "" if none. Somebody without credentials is Nobody and no error; credentials that are
// wrong are an error (ErrTokenForged, ErrTokenExpired, ErrTokenLesson), never Nobody.
//
// Cookies and loopback are given along by a browser without being asked, so a request that another site's page made is Nobody by them.
func (a *Auth) WhoOrDue(r *http.Request, lesson string) (Principal, error) {
	if ListenerOf(r.Context()) == Control {
		return Principal{Role: Operator, User: "operator", TokenID: "operator"}, nil
	}
	if bearer, ok := bearerToken(r); ok {
		t, err := a.CheckToken(bearer, lesson)
		if err != nil {
			return Principal{}, err
		}
		return t.principal(), nil
	}
	if !SameOrigin(r) {
		return Principal{}, nil
	}
	if r.URL.Query().Get("as") != "" { // a page that says as what it comes: a phone on which somebody is signed in stays a phone
		if p, ok := a.lessonCookieOf(r, lesson); ok {
			return p, nil
		}
	}
	if p, ok := a.sessionOf(r); ok {
		return p, nil
	}
	if p, ok := a.lessonCookieOf(r, lesson); ok {
		return p, nil
	}
	if ListenerOf(r.Context()) == Local {
		campus, room := a.cfg.Place()
		return Principal{Role: Classroom, Campus: campus, Classroom: room, TokenID: LocalID}, nil
	}
	return Principal{}, nil
}

func bearerToken(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: the scheme's case does not matter
		return "", false
	}
	return strings.TrimSpace(token), true
}

// SameOrigin reports whether what a browser says about the request's origin allows to trust its cookies. Programs that are no browsers say
// nothing and bring cookies only on purpose.
func SameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		_, host, ok := strings.Cut(origin, "://")
		return ok && strings.EqualFold(host, r.Host)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions: // a link or an address typed in; these change nothing
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return false
}

// LocalHost reports whether a Host header names the loopback listener. Another name there means that a page of some other site had its own
// name resolved to 127.0.0.1 (DNS rebinding) and would pass for this site.
func LocalHost(host string) bool {
	if port := strings.LastIndexByte(host, ':'); port >= 0 && !strings.HasSuffix(host, "]") {
		for _, c := range []byte(host[port+1:]) {
			if c < '0' || c > '9' {
				return false
			}
		}
		host = host[:port]
	}
	return host == "127.0.0.1" || host == "[::1]" || strings.EqualFold(host, "localhost")
}
