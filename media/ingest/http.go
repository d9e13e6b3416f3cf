package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tongke/media/track"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840 §9
)

// Times of one request.
const (
	readWithin  = 10 * time.Second // the body, so that a trickling client holds no goroutine for long
	existWithin = 2 * time.Second  // the parent's answer whether it knows a lesson
)

// ServeHTTP answers /whip/{lesson}, /whep/{lesson} and the resources below them.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	// Tokens travel in a header and cookies are refused across origins (authorize), so any page may try.
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Retry-After, Accept-Patch, Accept-Post, Allow")
	err := s.route(w, r)
	if err == nil {
		return
	}
	var p *problem
	if !errors.As(err, &p) {
		s.log.Error("ingest request", "method", r.Method, "err", err)
	}
	writeProblem(w, err)
}

// route finds the resource by its path. No path is ever redirected: RFC 9725 §4.5 forbids 301 and 302.
func (s *Server) route(w http.ResponseWriter, r *http.Request) error {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(part) < 2 || len(part) > 3 || (part[0] != "whip" && part[0] != "whep") {
		return refuse(http.StatusNotFound, "not-found", "POST to /whip/{lesson} or /whep/{lesson}")
	}
	publish, lesson := part[0] == "whip", part[1]
	if !lessonID(lesson) {
		return refuse(http.StatusNotFound, "lesson-unknown", "a lesson's id is 1 to 40 of a-z, 0-9 and -")
	}
	if len(part) == 2 {
		return s.endpoint(w, r, publish, lesson)
	}
	return s.resource(w, r, publish, lesson, part[2])
}

func lessonID(id string) bool {
	if len(id) < 1 || len(id) > 40 {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// endpoint answers where sessions are made.
func (s *Server) endpoint(w http.ResponseWriter, r *http.Request, publish bool, lesson string) error {
	const allow = "GET, HEAD, OPTIONS, POST"
	switch r.Method {
	case http.MethodPost:
		return s.create(w, r, publish, lesson)
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeSDP)
		s.options(w, r, allow)
		return nil
	case http.MethodGet, http.MethodHead:
		// RFC 9725 §4.1: no representation, so success without content.
		w.Header().Set("Accept-Post", typeSDP)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return refuse(http.StatusMethodNotAllowed, "method-not-allowed", "%s does nothing here; POST an offer", r.Method).with("Allow", allow)
}

// resource answers for one session.
func (s *Server) resource(w http.ResponseWriter, r *http.Request, publish bool, lesson, id string) error {
	const allow = "DELETE, GET, HEAD, OPTIONS, PATCH"
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", typeFragment)
		s.options(w, r, allow)
		return nil
	case http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodDelete:
	default:
		return refuse(http.StatusMethodNotAllowed, "method-not-allowed", "%s does nothing here; PATCH candidates or DELETE the session", r.Method).with("Allow", allow)
	}
	x, err := s.find(publish, lesson, id)
	if err != nil {
		return err
	}
	if err := s.mine(r, x); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodPatch:
		return s.patch(w, r, x)
	case http.MethodDelete: // If-Match is ignored here (RFC 9725 §4.3.1)
		s.end(x, "deleted", nil)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// options answers OPTIONS, which is a preflight (Fetch §4.8) when it names a method.
func (s *Server) options(w http.ResponseWriter, r *http.Request, allow string) {
	h := w.Header()
	h.Set("Allow", allow)
	if r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", allow)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Link")
		h.Set("Access-Control-Max-Age", "86400")
	} else {
		s.link(h, r) // not on preflights: credentials may be costly (RFC 9725 §4.6)
	}
	w.WriteHeader(http.StatusOK)
}

// link names the STUN and TURN servers (RFC 9725 §4.6).
func (s *Server) link(h http.Header, r *http.Request) {
	if s.cfg.ICEServers == nil {
		return
	}
	for _, srv := range s.cfg.ICEServers(r) {
		v := fmt.Sprintf(`<%s>; rel="ice-server"`, srv.URL)
		if srv.Username != "" {
			v += fmt.Sprintf(`; username=%q; credential=%q; credential-type="password"`, srv.Username, srv.Credential)
		}
		h.Add("Link", v)
	}
}

// authorize asks who sends r. A page of another origin must bring a token: what the box grants to loopback or to a cookie is for its own
// pages only.
func (s *Server) authorize(r *http.Request, lesson string, publish bool) (Grant, error) {
	token := r.Header.Get("Authorization") != ""
	if !token && foreign(r) {
		return Grant{}, unauthorized(false)
	}
	g, err := s.cfg.Authorize(r, lesson, publish)
	switch {
	case errors.Is(err, ErrNoToken):
		return Grant{}, unauthorized(token)
	case errors.Is(err, ErrForbidden):
		return Grant{}, forbidden(lesson, publish)
	case err != nil:
		return Grant{}, fmt.Errorf("authorize: %w", err)
	}
	return g, nil
}

func unauthorized(tried bool) *problem {
	// RFC 6750 §3.1: no error code when no token was tried.
	challenge := `Bearer realm="tongke"`
	if tried {
		challenge += `, error="invalid_token"`
	}
	return refuse(http.StatusUnauthorized, "unauthorized",
		"a valid token is needed: Authorization: Bearer …; make one with tongke token --lesson L --role publish|watch").with("WWW-Authenticate", challenge)
}

func forbidden(lesson string, publish bool) *problem {
	role := "watch"
	if publish {
		role = "publish"
	}
	return refuse(http.StatusForbidden, "forbidden", "the token does not allow this; make one with tongke token --lesson %s --role %s", lesson, role).
		with("WWW-Authenticate", `Bearer realm="tongke", error="insufficient_scope"`)
}

// foreign reports whether a browser sent r for a page of another origin.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
}

// mine refuses a request to a session that another token made.
func (s *Server) mine(r *http.Request, x *session) error {
	if x.sameBearer(r) {
		return nil
	}
	g, err := s.authorize(r, x.lesson, x.publish)
	if err != nil {
		return err
	}
	if g.TokenID != x.grant.TokenID {
		return forbidden(x.lesson, x.publish)
	}
	return nil
}

// create answers POST of an offer.
func (s *Server) create(w http.ResponseWriter, r *http.Request, publish bool, lesson string) error {
	source, err := sourceOf(r, publish)
	if err != nil {
		return err
	}
	grant, err := s.authorize(r, lesson, publish)
	if err != nil {
		return err
	}
	if err := contentType(r, typeSDP, "Accept-Post"); err != nil {
		return err
	}
	body, err := read(w, r, maxOffer, "sdp-too-large")
	if err != nil {
		return err
	}
	o, err := parseOffer(body)
	if err != nil {
		return err
	}
	x := s.newSession(r, publish, lesson, source, grant)
	if err := s.reserve(x); err != nil {
		return err
	}
	var answer string
	if publish {
		answer, err = s.publish(r.Context(), x, body, o)
	} else {
		answer, err = s.watch(r.Context(), x, body, o)
	}
	s.release(err)
	if err != nil {
		x.close()
		return err
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	// A relative reference (RFC 9110 §10.2.2) stays right behind proxies.
	h.Set("Location", x.path())
	h.Set("ETag", x.etag)
	h.Set("Accept-Patch", typeFragment)
	s.link(h, r)
	w.WriteHeader(http.StatusCreated)
	// A client that is gone by now never connects, and sweep ends the session.
	_, _ = io.WriteString(w, muxOnly(answer))
	return nil
}

// muxOnly adds what RFC 9725 §4.4.1 wants beyond WebRTC: each m-line says that RTCP never has a port of its own (RFC 8858 §3).
func muxOnly(sdp string) string {
	if strings.Contains(sdp, "a=rtcp-mux-only\r\n") {
		return sdp
	}
	return strings.ReplaceAll(sdp, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")
}

func (s *Server) newSession(r *http.Request, publish bool, lesson, source string, g Grant) *session {
	x := &session{
		id:      random(16),
		lesson:  lesson,
		source:  source,
		publish: publish,
		grant:   g,
		poke:    s.poke,
		created: time.Now(),
	}
	if h := r.Header.Get("Authorization"); h != "" {
		x.bearer = sha256.Sum256([]byte(h))
	}
	role := "subscriber"
	if publish {
		role = "publisher"
	}
	x.log = s.log.With("lesson", lesson, "role", role, "session", x.id[:6], "name", g.Name)
	if publish {
		x.log = x.log.With("source", source)
	}
	return x
}

// sourceOf is the source that the session's video is, or for a subscriber "".
func sourceOf(r *http.Request, publish bool) (string, error) {
	source := r.URL.Query().Get("source")
	if !publish {
		if source == track.Pupils {
			return "", refuse(http.StatusForbidden, "pupils-not-given", "pictures of pupils are never given to WHEP; the lesson's own pages show them")
		}
		return "", nil
	}
	switch source {
	case "", track.Teacher:
		return track.Teacher, nil
	case track.Board, track.Pupils:
		return source, nil
	}
	return "", refuse(http.StatusBadRequest, "source-unknown", "source is board or pupils, or left out for the teacher's camera and microphone")
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request, x *session) error {
	if err := contentType(r, typeFragment, "Accept-Patch"); err != nil {
		return err
	}
	ifMatch := strings.Join(r.Header.Values("If-Match"), ",")
	if strings.TrimSpace(ifMatch) == "" {
		return refuse(http.StatusPreconditionRequired, "if-match-missing", "send If-Match with the ETag of the last 201 or 200, or * to restart ICE")
	}
	body, err := read(w, r, maxFragment, "fragment-too-large")
	if err != nil {
		return err
	}
	f, err := parseFragment(body)
	if err != nil {
		return err
	}
	out, etag, err := x.patch(r.Context(), ifMatch, f)
	if err != nil {
		return err
	}
	if etag == "" {
		w.WriteHeader(http.StatusNoContent) // and no ETag (RFC 9725 §4.3.2)
		return nil
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", typeFragment)
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, out) // as in create
	return nil
}

func contentType(r *http.Request, want, header string) error {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		return refuse(http.StatusUnsupportedMediaType, "wrong-content-type", "Content-Type must be %s", want).with(header, want)
	}
	return nil
}

// read takes a body of at most limit bytes.
func read(w http.ResponseWriter, r *http.Request, limit int64, code string) (string, error) {
	large := refuse(http.StatusRequestEntityTooLarge, code, "the body has more than %d bytes", limit)
	if r.ContentLength > limit {
		return "", large
	}
	// Tests' recorders have no deadline; real connections do.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readWithin))
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return "", large
	case err != nil:
		return "", refuse(http.StatusRequestTimeout, "body-cut-short", "the body did not come whole within %v", readWithin)
	}
	return string(b), nil
}

// exists asks whether a lesson is known, for at most existWithin.
func (s *Server) exists(ctx context.Context, lesson string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, existWithin)
	defer cancel()
	ok, err := s.cfg.Lessons.Exists(ctx, lesson)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil // the parent does not answer: the lesson cannot be had now
	}
	return ok, err
}
