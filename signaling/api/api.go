// Package api is everything over HTTP that is not media: thin handlers under /api/v1 over signaling/auth, lesson, join and store, and the
// places where other parts' handlers (WHIP, WHEP, uplink, pages, figures) are mounted. It keeps no state of its own (but which rows of the audit
// need not be written again) and starts nothing.
//
// One handler serves three doors, told apart by auth.Listener: HTTPS for everybody; plain HTTP on loopback, where whoever asks is this
// box's classroom; and the control socket, where whoever asks is the operator. routes.go is the table of what is there and who may.
//
// Answers are JSON; errors are {code, message} by the table in errors.go. Bodies are at most 64 KiB, strict, and read within 15 s. The
// server around it bounds headers and idle connections.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/media/library"
	"tongke/signaling/auth"
	"tongke/signaling/boxes"
	"tongke/signaling/join"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
)

const (
	maxBody  = 64 << 10
	bodyWait = 15 * time.Second
)

// Config is what the handlers lean on.
type Config struct {
	Log     *slog.Logger
	Auth    *auth.Auth
	Store   *store.Store
	Lessons *lesson.Registry
	Host    *join.Host // answers boxes that join
	BoxID   string
	Name    func() string // the box's name
	Version string

	// Join binds this box to a parent and starts the uplink; it gives the name the parent calls this box by.
	Join func(ctx context.Context, url, code string, replace bool) (name string, err error)
	// Pairer joins this box to a parent by comparing digits. Nil: not at the moment.
	Pairer *join.Pairer
	// Healthy and Ready say why the box is not; nil errors are good. Nil funcs are always good.
	Healthy func(ctx context.Context) error
	Ready   func() error
	// Timetable holds the weekly plan.
	Timetable *timetable.Keeper
	// Online reports whether a box below is connected now. Nil: not known.
	Online func(box string) bool
	// Parts gives the figures of the media parts for the status, by the part's name. Nil: none.
	Parts func() map[string]any

	// Outdated reports whether a phone came by a code that was withdrawn since. Nil: none did.
	Outdated func(p auth.Principal) bool

	// Library is the recordings. Nil: this box keeps none.
	Library *library.Library
	// Boxes is what the boxes below say of themselves, and calls for somebody to look. Nil: not at the moment.
	Boxes *boxes.Roster
	// Finding gives the words for a code of the doctor's. Nil: none.
	Finding func(code string) (text, hint Words, ok bool)
	// Device is the machine under the box. Nil: nobody looks after it.
	Device Device

	// Backup writes everything that makes this box itself. Nil: not now.
	Backup func(io.Writer) error

	// Cameras are the network cameras. Nil: this box takes none.
	Cameras Cameras

	// Mounts are other parts' handlers by http.ServeMux pattern, as "/whip/". They ask Auth themselves.
	Mounts map[string]http.Handler
}

// API is the handlers of one box.
type API struct {
	cfg     Config
	started time.Time
	mux     *http.ServeMux
	played  played

	measuring sync.Mutex // held while one box below measures its line
}

// New builds the handlers.
func New(cfg Config) *API {
	a := &API{cfg: cfg, started: time.Now(), mux: http.NewServeMux()}
	byPath := map[string][]route{}
	for _, r := range a.routes() {
		byPath[r.path] = append(byPath[r.path], r)
	}
	for path, routes := range byPath {
		a.mux.Handle(path, a.methods(routes))
	}
	a.mux.Handle("/api/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w)
		a.fail(w, r, errNoRoute)
	}))
	for pattern, h := range cfg.Mounts {
		a.mux.Handle(pattern, h)
	}
	return a
}

// Public serves HTTPS.
func (a *API) Public() http.Handler { return a.through(auth.Public) }

// Control serves the control socket: whoever can open it is the operator.
func (a *API) Control() http.Handler { return a.through(auth.Control) }

// Local serves plain HTTP on loopback. A request for another host name was led here by that name's owner and is refused.
func (a *API) Local() http.Handler {
	local := a.through(auth.Local)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !auth.LocalHost(r.Host) {
			headers(w)
			a.fail(w, r, errHost)
			return
		}
		local.ServeHTTP(w, r)
	})
}

func (a *API) through(l auth.Listener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mux.ServeHTTP(w, r.WithContext(auth.WithListener(r.Context(), l)))
	})
}

// headers are for answers that are data. There is no Strict-Transport-Security: with a certificate of the site's own it would take away
// the person's choice to go on.
func headers(w http.ResponseWriter) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// methods serves one path.
func (a *API) methods(routes []route) http.Handler {
	var allowed []string
	for _, r := range routes {
		allowed = append(allowed, r.method)
		if r.method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	allowed = append(allowed, http.MethodOptions)
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w)
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // net/http drops the body
		}
		if method == http.MethodOptions {
			w.Header().Set("Allow", allow)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		for _, rt := range routes {
			if rt.method == method {
				a.serve(w, r, rt)
				return
			}
		}
		w.Header().Set("Allow", allow)
		a.fail(w, r, errMethod)
	})
}

// serve asks who it is and whether the table lets that role in, then calls the handler.
func (a *API) serve(w http.ResponseWriter, r *http.Request, rt route) {
	// Nothing that changes state is done for another site's page, whatever it brings along; a bearer token is brought on purpose.
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Authorization") == "" && !auth.SameOrigin(r) {
		a.fail(w, r, errOrigin)
		return
	}
	req := request{r, auth.Principal{}}
	if rt.who != everybody {
		p, err := a.cfg.Auth.WhoOrDue(r, a.lessonOf(r))
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if !rt.who.has(p.Role) {
			if p.Role == auth.Nobody {
				a.fail(w, r, errSignIn)
			} else {
				a.fail(w, r, errForbidden)
			}
			return
		}
		if p.ByCode && !rt.due {
			a.fail(w, r, errDue)
			return
		}
		req.who = p
	}
	if err := rt.do(w, req); err != nil {
		a.fail(w, r, err)
	}
}

// request is an HTTP request with who made it.
type request struct {
	*http.Request
	who auth.Principal
}

// readJSON reads a body of one strict JSON value. Another media type is refused, because a form of another site could send it.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error { return readLong(w, r, maxBody, v) }

func readLong(w http.ResponseWriter, r *http.Request, most int64, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errMediaType
	}
	// Not every writer has a deadline (tests); the limit holds without it.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWait))
	return decodeJSON(http.MaxBytesReader(w, r.Body, most), v)
}

func decodeJSON(body io.Reader, v any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.New("more than one value")
		}
	}
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return errTooLarge
	}
	return &badJSON{fmt.Errorf("%w", err)}
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // who went away needs no answer
	return nil
}

func done(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
