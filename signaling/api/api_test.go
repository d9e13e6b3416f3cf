package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
)

const boxID = "0123456789abcdef"

// box is a box's API over a real store.
type box struct {
	*API
	t        testing.TB
	store    *store.Store
	auth     *auth.Auth
	lessons  *lesson.Registry
	identity jointest.Box
	password string
	admin    []*http.Cookie // a sign-in at the public door
}

func newBox(t testing.TB) *box {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.EnsureMeta(); err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, store: s, identity: jointest.New(t)}
	if b.auth, err = auth.New(s, auth.Config{BoxID: boxID, Place: func() (string, string) { return "north", "1" }}); err != nil {
		t.Fatal(err)
	}
	discard := slog.New(slog.DiscardHandler)
	if b.lessons, err = lesson.New(s, lesson.Config{Box: boxID, Log: discard}); err != nil {
		t.Fatal(err)
	}
	name := func() string { return "core-box" }
	b.API = New(Config{
		Timetable: timetable.NewKeeper(timetable.Config{Store: s, Lessons: b.lessons, Log: discard}),
		Online:    func(box string) bool { return box == b.identity.Identity.ID },
		Log:       discard, Auth: b.auth, Store: s, Lessons: b.lessons, BoxID: boxID, Name: name, Version: "1.2.3",
		Host:   join.NewHost(join.Host{Store: s, Identity: b.identity.Identity, Name: name, URLs: func() []string { return nil }, Log: discard}),
		Backup: func(w io.Writer) error { _, err := io.WriteString(w, "everything"); return err },
		Pairer: join.NewPairer(join.PairerConfig{Store: s, Identity: b.identity.Identity, TLS: b.identity.Client, Name: name, Log: discard}),
		Join: func(_ context.Context, url, code string, replace bool) (string, error) {
			if url != "https://core" {
				return "", join.ErrUnreachable
			}
			return "tk-" + code, nil
		},
		Parts: func() map[string]any { return map[string]any{"relay": map[string]int{"subscribers": 3}} },
		Mounts: map[string]http.Handler{
			"/whip/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, r.URL.Path, " ", auth.ListenerOf(r.Context()))
			}),
			"/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page") }),
		},
	})
	data, err := os.ReadFile(filepath.Join(dir, auth.PasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	b.password = strings.TrimSpace(string(data))
	return b
}

// ask sends a request to one of the doors. body is JSON text, "" for none.
func (b *box) ask(door http.Handler, method, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if !strings.HasPrefix(target, "http") {
		r.Host = "127.0.0.1"
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w
}

func (b *box) signedIn(r *http.Request) {
	b.t.Helper()
	if b.admin == nil {
		w := b.ask(b.Public(), "POST", "/api/v1/session", `{"user":"admin","password":"`+b.password+`"}`)
		if w.Code != http.StatusNoContent {
			b.t.Fatalf("sign in: %d %s", w.Code, w.Body)
		}
		b.admin = w.Result().Cookies()
	}
	for _, c := range b.admin {
		r.AddCookie(c)
	}
}

// person adds somebody, who comes in by the code and chooses a password.
func (b *box) person(name string, role auth.Role) func(*http.Request) {
	b.t.Helper()
	code, err := b.auth.AddPerson(b.t.Context(), name, role, "north")
	if err != nil {
		b.t.Fatal(err)
	}
	w := b.ask(b.Public(), "POST", "/api/v1/session", `{"user":"`+name+`","password":"`+code+`"}`)
	cookie := func(r *http.Request) {
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
	}
	if w = b.ask(b.Public(), "POST", "/api/v1/password", `{"password":"long enough"}`, cookie); w.Code != http.StatusNoContent {
		b.t.Fatalf("%s chooses a password: %d %s", name, w.Code, w.Body)
	}
	return cookie
}

func (b *box) bearer(lesson string, role auth.Role) func(*http.Request) {
	b.t.Helper()
	token, err := b.auth.NewToken(lesson, role, "north/1", time.Hour)
	if err != nil {
		b.t.Fatal(err)
	}
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func code(w *httptest.ResponseRecorder) string {
	var f fault
	json.Unmarshal(w.Body.Bytes(), &f)
	return f.Code
}

// permissions is every route with the roles that it serves. A route without a line here fails the test.
var permissions = map[string]string{
	"GET /healthz":                                             "everybody",
	"GET /readyz":                                              "everybody",
	"GET /api/v1/openapi.json":                                 "everybody",
	"GET /api/v1/box":                                          "everybody",
	"POST /api/v1/session":                                     "everybody",
	"DELETE /api/v1/session":                                   "everybody",
	"POST /api/v1/join":                                        "everybody",
	"POST /api/v1/pair":                                        "everybody", // these ask for the certificate of a box
	"POST /api/v1/pair/{id}":                                   "everybody",
	"GET /api/v1/pair/{id}":                                    "everybody",
	"DELETE /api/v1/pair/{id}":                                 "everybody",
	"POST /api/v1/below/speed":                                 "everybody",
	"GET /api/v1/below/rooms":                                  "everybody",
	"PUT /api/v1/below/room":                                   "everybody",
	"GET /api/v1/below/technician-key":                         "everybody",
	"PUT /api/v1/below/addresses":                              "everybody",
	"POST /api/v1/above/here":                                  "everybody",
	"GET /api/v1/pairings":                                     "technician administrator operator",
	"POST /api/v1/pairings/{id}":                               "technician administrator operator",
	"POST /api/v1/device/pairing":                              "technician administrator operator", // a classroom on a fresh box: TestFreshScreenMayPair
	"GET /api/v1/device/pairing":                               "technician administrator operator",
	"POST /api/v1/device/pairing/{id}":                         "technician administrator operator",
	"DELETE /api/v1/device/pairing":                            "technician administrator operator",
	"GET /api/v1/device":                                       "classroom technician administrator operator", // of classrooms only the screen beside the box: TestDeviceRights
	"GET /api/v1/device/history":                               "classroom technician administrator operator",
	"POST /api/v1/device/volume":                               "classroom technician administrator operator",
	"GET /api/v1/device/call":                                  "classroom technician administrator operator",
	"POST /api/v1/device/call":                                 "classroom technician administrator operator",
	"DELETE /api/v1/device/call":                               "classroom technician administrator operator",
	"GET /api/v1/boxes":                                        "technician administrator operator",
	"POST /api/v1/boxes/{id}/call":                             "technician administrator operator",
	"POST /api/v1/device/installed":                            "classroom technician administrator operator",
	"POST /api/v1/device/look":                                 "classroom technician administrator operator",
	"GET /api/v1/device/check":                                 "classroom technician administrator operator",
	"POST /api/v1/device/check":                                "classroom technician administrator operator",
	"POST /api/v1/device/check/answer":                         "classroom technician administrator operator",
	"GET /api/v1/device/network":                               "classroom technician administrator operator",
	"PUT /api/v1/device/network":                               "classroom technician administrator operator",
	"POST /api/v1/device/network/confirm":                      "everybody", // whoever has the token
	"DELETE /api/v1/device/network/confirm":                    "classroom technician administrator operator",
	"POST /api/v1/device/join":                                 "classroom technician administrator operator",
	"GET /api/v1/device/rooms":                                 "classroom technician administrator operator",
	"PUT /api/v1/device/room":                                  "classroom technician administrator operator",
	"POST /api/v1/device/factory-reset":                        "technician administrator operator",
	"POST /api/v1/device/poweroff":                             "technician administrator operator",
	"POST /api/v1/technician-codes":                            "administrator operator",
	"GET /api/v1/backup":                                       "operator",
	"GET /api/v1/cameras":                                      "technician administrator operator",
	"POST /api/v1/cameras":                                     "technician administrator operator",
	"POST /api/v1/cameras/test":                                "technician administrator operator",
	"PATCH /api/v1/cameras/{camera}":                           "technician administrator operator",
	"DELETE /api/v1/cameras/{camera}":                          "technician administrator operator",
	"DELETE /api/v1/boxes/{id}":                                "administrator operator",
	"GET /api/v1/session":                                      "publish watch teacher assistant classroom inspector technician administrator operator",
	"GET /api/v1/lessons":                                      "publish watch teacher assistant classroom inspector technician administrator operator",
	"GET /api/v1/lessons/{lesson}":                             "publish watch teacher assistant classroom inspector technician administrator operator",
	"POST /api/v1/lessons":                                     "teacher administrator operator",
	"POST /api/v1/lessons/{lesson}/end":                        "teacher administrator operator",
	"GET /api/v1/status":                                       "technician administrator operator",
	"POST /api/v1/password":                                    "teacher inspector technician administrator operator",
	"GET /api/v1/people":                                       "administrator operator",
	"POST /api/v1/people":                                      "administrator operator",
	"POST /api/v1/people/{name}/code":                          "administrator operator",
	"POST /api/v1/people/{name}/disabled":                      "administrator operator",
	"POST /api/v1/assist":                                      "everybody",
	"GET /api/v1/campuses":                                     "teacher administrator operator",
	"PUT /api/v1/box":                                          "administrator operator",
	"GET /api/v1/timetable":                                    "administrator operator",
	"POST /api/v1/timetable/preview":                           "administrator operator",
	"PUT /api/v1/timetable":                                    "administrator operator",
	"POST /api/v1/tokens":                                      "administrator operator",
	"GET /api/v1/recordings":                                   "teacher assistant classroom inspector administrator operator",
	"GET /api/v1/recordings/{recording}":                       "teacher assistant classroom inspector administrator operator",
	"PATCH /api/v1/recordings/{recording}":                     "teacher assistant classroom inspector administrator operator",
	"DELETE /api/v1/recordings/{recording}":                    "teacher assistant classroom inspector administrator operator",
	"POST /api/v1/recordings/{recording}/erase":                "teacher assistant classroom inspector administrator operator",
	"GET /api/v1/recordings/{recording}/media/{stream}/{part}": "teacher assistant classroom inspector administrator operator",
	"POST /api/v1/recordings/{recording}/export":               "teacher assistant classroom inspector administrator operator",
	"GET /api/v1/recordings/{recording}/export/{job}":          "teacher assistant classroom inspector administrator operator",
	"DELETE /api/v1/recordings/{recording}/export/{job}":       "teacher assistant classroom inspector administrator operator",
	"GET /api/v1/recordings/{recording}/export/{job}/file":     "teacher assistant classroom inspector administrator operator",
	"GET /api/v1/disk":                                         "teacher technician administrator operator",
	"GET /api/v1/audit":                                        "administrator operator",
	"GET /api/v1/invitations":                                  "administrator operator",
	"POST /api/v1/invitations":                                 "administrator operator",
	"DELETE /api/v1/invitations/{id}":                          "administrator operator",
	"POST /api/v1/parent":                                      "administrator operator", // a classroom on a fresh box: TestFreshScreenMayJoin
}

func TestEveryRouteAndEveryRole(t *testing.T) {
	b := newBox(t)
	if _, err := b.lessons.Create(lesson.Spec{ID: "math", Title: "x"}, "admin"); err != nil {
		t.Fatal(err)
	}
	type door struct {
		role   auth.Role
		by     string // token, person or box
		at     http.Handler
		change func(*http.Request)
	}
	doors := []door{
		{auth.Nobody, "box", b.Public(), func(*http.Request) {}},
		{auth.Classroom, "box", b.Local(), func(*http.Request) {}},
		{auth.Administrator, "box", b.Public(), b.signedIn},
		{auth.Operator, "box", b.Control(), func(*http.Request) {}},
	}
	for _, role := range auth.TokenRoles {
		doors = append(doors, door{role, "token", b.Public(), b.bearer("math", role)})
	}
	for _, role := range auth.PersonRoles {
		doors = append(doors, door{role, "person", b.Public(), b.person("some "+string(role), role)})
	}
	b.signedIn(httptest.NewRequest("GET", "/", nil)) // the box is not fresh any more
	asked := 0
	for _, rt := range b.routes() {
		name := rt.method + " " + rt.path
		allowed, ok := permissions[name]
		if !ok {
			t.Errorf("%s has no line in the table of permissions", name)
			continue
		}
		target := strings.NewReplacer("{lesson}", "math", "{id}", "ABCD", "{name}", "nobody", "{recording}", "math", "{stream}", "teacher", "{part}", "init", "{job}", "0").Replace(rt.path)
		for _, d := range doors {
			if d.by == "person" && name == "DELETE /api/v1/session" {
				continue // would be out for the rest of the table
			}
			method, body := rt.method, ""
			if rt.body != nil {
				body = `{}`
			}
			if name == "POST /api/v1/lessons/{lesson}/end" && d.role != auth.Nobody { // one for each, so that it can end
				b.lessons.End("math")
				b.lessons.Create(lesson.Spec{ID: "math", Title: "x"}, "admin")
			}
			from := func(r *http.Request) { asked++; r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", asked/256, asked%256) } // none waits for another's tries
			w := b.ask(d.at, method, target, body, from, d.change)
			refused := w.Code == http.StatusForbidden && code(w) == "forbidden" || w.Code == http.StatusUnauthorized && code(w) == "sign-in-needed"
			want := allowed == "everybody" || slices.Contains(strings.Fields(allowed), string(d.role)) && (d.by != "token" || name != "POST /api/v1/password")
			if refused == want {
				t.Errorf("%s as %q: %d %s, want allowed %v", name, d.role, w.Code, w.Body, want)
			}
			if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusBadGateway {
				t.Errorf("%s as %q: %d %s", name, d.role, w.Code, w.Body)
			}
			if name == "DELETE /api/v1/session" && d.role == auth.Administrator {
				b.admin = nil
			}
		}
	}
	if len(permissions) != len(b.routes()) {
		t.Errorf("%d lines for %d routes", len(permissions), len(b.routes()))
	}
}

func TestSignInOverHTTPS(t *testing.T) {
	b := newBox(t)
	srv := httptest.NewTLSServer(b.Public())
	defer srv.Close()
	post := func(body string) *http.Response {
		t.Helper()
		resp, err := srv.Client().Post(srv.URL+"/api/v1/session", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	resp := post(`{"user":"admin","password":"` + b.password + `"}`)
	if resp.StatusCode != http.StatusNoContent || len(resp.Cookies()) != 1 || resp.Cookies()[0].Name != "__Host-tongke-01234567" || !resp.Cookies()[0].Secure {
		t.Fatalf("%d %v", resp.StatusCode, resp.Cookies())
	}
	req, _ := http.NewRequest("GET", srv.URL+"/api/v1/session", nil)
	req.AddCookie(resp.Cookies()[0])
	got, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var s session
	if json.NewDecoder(got.Body).Decode(&s); s.Role != auth.Administrator || s.User != "admin" || !s.OneTime {
		t.Errorf("%+v", s)
	}
	for left := 4; left >= 0; left-- {
		if resp := post(`{"user":"admin","password":"nope nope"}`); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d tries left: %d", left, resp.StatusCode)
		}
	}
	if resp := post(`{"user":"admin","password":"` + b.password + `"}`); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("sixth: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

func TestTokenBecomesCookie(t *testing.T) {
	b := newBox(t)
	b.lessons.Create(lesson.Spec{ID: "math", Title: "x"}, "admin")
	token, _ := b.auth.NewToken("math", auth.Classroom, "north/1", time.Hour)
	for name, door := range map[string]http.Handler{"public": b.Public(), "local": b.Local()} {
		w := b.ask(door, "POST", "/api/v1/session", `{"token":"`+token+`"}`)
		if w.Code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		got := b.ask(door, "GET", "/api/v1/lessons/math", "", func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) })
		if got.Code != http.StatusOK {
			t.Errorf("%s: with the cookie: %d %s", name, got.Code, got.Body)
		}
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/session", `{"token":"tk1.x.y"}`); w.Code != http.StatusUnauthorized || code(w) != "token-forged" {
		t.Errorf("forged: %d %s", w.Code, w.Body)
	}
}

func TestPasswordChange(t *testing.T) {
	b := newBox(t)
	var old []*http.Cookie
	r := httptest.NewRequest("GET", "/", nil)
	b.signedIn(r)
	old = b.admin
	for _, tt := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"old":"nope","password":"a new password"}`, 401, "password-wrong"},
		{`{"old":"` + b.password + `","password":"short"}`, 400, "password-refused"},
		{`{"user":"other","old":"` + b.password + `","password":"a new password"}`, 403, "forbidden"},
		{`{"old":"` + b.password + `","password":"a new password"}`, 204, ""},
	} {
		w := b.ask(b.Public(), "POST", "/api/v1/password", tt.body, b.signedIn)
		if w.Code != tt.status || code(w) != tt.code {
			t.Errorf("%s: %d %s", tt.body, w.Code, w.Body)
		}
		if w.Code == 204 {
			b.admin = w.Result().Cookies()
		}
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/session", "", b.signedIn); w.Code != 200 {
		t.Errorf("the browser that changed it: %d", w.Code)
	}
	b.admin = old
	if w := b.ask(b.Public(), "GET", "/api/v1/session", "", b.signedIn); w.Code != 401 {
		t.Errorf("an earlier sign-in: %d", w.Code)
	}
	if w := b.ask(b.Control(), "POST", "/api/v1/password", `{"password":"set by the operator"}`); w.Code != 204 {
		t.Errorf("operator: %d %s", w.Code, w.Body)
	}
	if _, err := b.auth.SignIn(t.Context(), "192.0.2.1:1", "admin", "set by the operator"); err != nil {
		t.Error(err)
	}
}

func TestLessons(t *testing.T) {
	b := newBox(t)
	for _, tt := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"all", `{"id":"math","title":"数学","campuses":"all"}`, 201, ""},
		{"again", `{"id":"math","title":"数学","campuses":"all"}`, 409, "lesson-exists"},
		{"members", `{"id":"art","title":"美术","campuses":["south","north/2"],"teacher":"李芳","start":"2026-09-01T08:00:00+08:00"}`, 201, ""},
		{"no campuses", `{"id":"a","title":"x"}`, 400, "lesson-invalid"},
		{"campuses of another kind", `{"id":"a","title":"x","campuses":"some"}`, 400, "json-invalid"},
		{"campuses null", `{"id":"a","title":"x","campuses":null}`, 400, "lesson-invalid"},
		{"no title", `{"id":"a","campuses":"all"}`, 400, "lesson-invalid"},
		{"id", `{"id":"A","title":"x","campuses":"all"}`, 400, "lesson-invalid"},
		{"keep", `{"id":"a","title":"x","campuses":"all","record":"keep"}`, 409, "recording-not-available"},
		{"unknown field", `{"id":"a","title":"x","campuses":"all","colour":"red"}`, 400, "json-invalid"},
		{"two values", `{"id":"a","title":"x","campuses":"all"}{}`, 400, "json-invalid"},
		{"cut", `{"id":"a"`, 400, "json-invalid"},
		{"large", `{"id":"a","title":"` + strings.Repeat("x", maxBody) + `"}`, 413, "body-too-large"},
	} {
		w := b.ask(b.Public(), "POST", "/api/v1/lessons", tt.body, b.signedIn)
		if w.Code != tt.status || code(w) != tt.code {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
	w := b.ask(b.Public(), "GET", "/api/v1/lessons/math", "", b.signedIn)
	var l Lesson
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || l.ID != "math" || l.Teacher != "admin" || l.Record != "buffer" || l.Scope != "teacher+board" ||
		l.Mode != "same" || l.Owner != boxID || l.CreatedBy != "admin" || l.State != protocol.Live || !strings.Contains(w.Body.String(), `"campuses":"all"`) {
		t.Errorf("%s, %v", w.Body, err)
	}
	list := func(door http.Handler, change ...func(*http.Request)) (ids []string) {
		var all []Lesson
		json.Unmarshal(b.ask(door, "GET", "/api/v1/lessons", "", change...).Body.Bytes(), &all)
		for _, l := range all {
			ids = append(ids, l.ID)
		}
		slices.Sort(ids)
		return ids
	}
	for _, tt := range []struct {
		name string
		got  []string
		want string
	}{
		{"administrator", list(b.Public(), b.signedIn), "art math"},
		{"this box's classroom: it owns both", list(b.Local()), "art math"},
		{"token", list(b.Public(), b.bearer("art", auth.Watch)), "art"},
		{"nobody", list(b.Public()), ""},
	} {
		if got := strings.Join(tt.got, " "); got != tt.want {
			t.Errorf("%s sees %q, want %q", tt.name, got, tt.want)
		}
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/lessons/math", "", b.bearer("art", auth.Watch)); w.Code != 403 || code(w) != "token-wrong-lesson" {
		t.Errorf("token of another lesson: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/lessons/none", "", b.signedIn); w.Code != 404 || code(w) != "lesson-unknown" {
		t.Errorf("unknown: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons/math/end", "", b.bearer("art", auth.Teacher)); w.Code != 403 {
		t.Errorf("another lesson's teacher ends it: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons", `{"title":"x","campuses":"all"}`, b.bearer("own", auth.Teacher)); w.Code != 201 || !strings.Contains(w.Body.String(), `"own"`) || w.Header().Get("Location") != "/api/v1/lessons/own" {
		t.Errorf("a teacher makes the lesson of its token: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons", `{"id":"more","title":"x","campuses":"all"}`, b.bearer("own", auth.Teacher)); w.Code != 403 {
		t.Errorf("a teacher makes another: %d %s", w.Code, w.Body)
	}
	for range 2 {
		if w := b.ask(b.Public(), "POST", "/api/v1/lessons/math/end", "", b.signedIn); w.Code != 200 || !strings.Contains(w.Body.String(), `"ended"`) {
			t.Errorf("end: %d %s", w.Code, w.Body)
		}
	}
}

// mirror makes a lesson of another box known.
func (b *box) mirror(id string, members protocol.Campuses) {
	b.t.Helper()
	b.lessons.LinkUp("core", true, func([]byte) error { return nil })
	frame, err := protocol.Encode(protocol.LessonPut{Lesson: protocol.Lesson{
		ID: id, Title: id, Campuses: members, Mode: "same", Record: "buffer", Scope: "teacher+board", State: protocol.Live, Owner: "core", Epoch: 1, Revision: 1,
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.lessons.Frame("core", frame); err != nil {
		b.t.Fatal(err)
	}
}

func TestClassroomSeesWhatItAttends(t *testing.T) {
	b := newBox(t) // stands in north, room 1
	for id, want := range map[string]int{"all": 200, "campus": 200, "room": 200, "other-room": 404, "other-campus": 404} {
		b.mirror(id, map[string]protocol.Campuses{"all": nil, "campus": {"north"}, "room": {"north/1"}, "other-room": {"north/2"}, "other-campus": {"south"}}[id])
		if w := b.ask(b.Local(), "GET", "/api/v1/lessons/"+id, ""); w.Code != want {
			t.Errorf("%s: %d %s", id, w.Code, w.Body)
		}
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons/all/end", "", b.signedIn); w.Code != 409 || code(w) != "lesson-elsewhere" {
		t.Errorf("another box's lesson: %d %s", w.Code, w.Body)
	}
}

func TestOtherSitesPages(t *testing.T) {
	b := newBox(t)
	origin := func(o string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Origin", o) } }
	body := `{"id":"math","title":"x","campuses":"all"}`
	for _, tt := range []struct {
		name   string
		w      *httptest.ResponseRecorder
		status int
	}{
		{"its own page", b.ask(b.Public(), "POST", "https://box/api/v1/lessons", body, b.signedIn, origin("https://box")), 201},
		{"another site", b.ask(b.Public(), "POST", "https://box/api/v1/lessons", body, b.signedIn, origin("https://evil.example")), 403},
		{"another site signs in", b.ask(b.Public(), "POST", "https://box/api/v1/session", `{}`, origin("https://evil.example")), 403},
		{"a form", b.ask(b.Public(), "POST", "/api/v1/lessons", body, b.signedIn, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), 415},
		{"another site reads", b.ask(b.Local(), "GET", "http://127.0.0.1/api/v1/lessons", "", origin("http://evil.example")), 401},
		{"another name for loopback", b.ask(b.Local(), "GET", "http://evil.example/api/v1/lessons", ""), 421},
		{"another name for a page", b.ask(b.Local(), "GET", "http://evil.example/", ""), 421},
		{"localhost", b.ask(b.Local(), "GET", "http://localhost:8080/api/v1/lessons", ""), 200},
	} {
		if tt.w.Code != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, tt.w.Code, tt.w.Body, tt.status)
		}
	}
}

func TestMethodsHeadersAndMounts(t *testing.T) {
	b := newBox(t)
	if w := b.ask(b.Public(), "PUT", "/api/v1/lessons", ""); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, OPTIONS, POST" || code(w) != "method-not-allowed" {
		t.Errorf("PUT: %d %q %s", w.Code, w.Header().Get("Allow"), w.Body)
	}
	if w := b.ask(b.Public(), "OPTIONS", "/api/v1/box", ""); w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD, OPTIONS, PUT" {
		t.Errorf("OPTIONS: %d %q", w.Code, w.Header().Get("Allow"))
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/nothing", ""); w.Code != 404 || code(w) != "not-found" {
		t.Errorf("nothing: %d %s", w.Code, w.Body)
	}
	w := b.ask(b.Public(), "GET", "/api/v1/box", "")
	var got Box
	json.Unmarshal(w.Body.Bytes(), &got)
	m, _ := b.store.Meta()
	if want := (Box{ID: boxID, Name: "core-box", Alliance: m.AllianceID, Campus: "core", Version: "1.2.3"}); got != want {
		t.Errorf("box %+v, want %+v", got, want)
	}
	for k, want := range map[string]string{"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": ""} {
		if got := w.Header().Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	for want, door := range map[string]http.Handler{"/whip/math 0": b.Public(), "/whip/math 1": b.Local()} {
		if w := b.ask(door, "POST", "/whip/math", ""); w.Body.String() != want {
			t.Errorf("mount: %q, want %q", w.Body, want)
		}
	}
	if w := b.ask(b.Public(), "GET", "/class/math", ""); w.Body.String() != "page" {
		t.Errorf("page: %q", w.Body)
	}
}

func TestInviteAndJoinOverHTTPS(t *testing.T) {
	b, child := newBox(t), jointest.New(t)
	srv := httptest.NewUnstartedServer(b.Public())
	srv.TLS = b.identity.Server.Clone()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	w := b.ask(b.Control(), "POST", "/api/v1/invitations", `{"campus":"north","classroom":"三(2)班"}`)
	var inv invitation
	if err := json.Unmarshal(w.Body.Bytes(), &inv); err != nil || w.Code != 201 || inv.Code == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Control(), "GET", "/api/v1/invitations", ""); strings.Contains(w.Body.String(), inv.Code) || !strings.Contains(w.Body.String(), inv.ID) {
		t.Errorf("list %s", w.Body)
	}
	got, err := join.Join(t.Context(), srv.URL, inv.Code, child.Identity, child.Client, "tk-child")
	if err != nil || got.Parent.CampusID != "north" || got.Parent.Name != "core-box" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := join.Join(t.Context(), srv.URL, inv.Code, child.Identity, child.Client, "tk-child"); !errors.Is(err, join.ErrUsed) {
		t.Errorf("again: %v", err)
	}
	for range 5 {
		if _, err := join.Join(t.Context(), srv.URL, "ZZZZ-ZZZZ-ZZZZ-ZZZZ", child.Identity, child.Client, "x"); !errors.Is(err, join.ErrWrong) {
			t.Errorf("wrong: %v", err)
		}
	}
	if _, err := join.Join(t.Context(), srv.URL, "ZZZZ-ZZZZ-ZZZZ-ZZZZ", child.Identity, child.Client, "x"); !errors.Is(err, join.ErrTries) {
		t.Errorf("sixth: %v", err)
	}
	var s Status
	if w := b.ask(b.Control(), "GET", "/api/v1/status", ""); json.Unmarshal(w.Body.Bytes(), &s) != nil || len(s.Children) != 1 || s.Children[0].Name != "tk-child" || s.Parts["relay"] == nil || !s.Ready {
		t.Errorf("status %s", w.Body)
	}
	w = b.ask(b.Control(), "POST", "/api/v1/invitations", `{"campus":"north"}`)
	json.Unmarshal(w.Body.Bytes(), &inv)
	if w := b.ask(b.Control(), "DELETE", "/api/v1/invitations/"+inv.ID, ""); w.Code != 204 {
		t.Errorf("withdraw: %d", w.Code)
	}
	if w := b.ask(b.Control(), "POST", "/api/v1/invitations", `{"campus":"a/b"}`); w.Code != 400 || code(w) != "place-invalid" {
		t.Errorf("place: %d %s", w.Code, w.Body)
	}
}

func TestFreshScreenMayJoin(t *testing.T) {
	b := newBox(t)
	body := `{"url":"https://core","code":"x"}`
	if w := b.ask(b.Public(), "POST", "/api/v1/parent", body); w.Code != 401 {
		t.Errorf("from elsewhere: %d", w.Code)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/parent", body, b.bearer("math", auth.Classroom)); w.Code != 403 {
		t.Errorf("with a classroom's token: %d", w.Code)
	}
	if w := b.ask(b.Local(), "POST", "/api/v1/parent", body); w.Code != 200 || !strings.Contains(w.Body.String(), `"tk-x"`) {
		t.Errorf("on the screen: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Local(), "POST", "/api/v1/parent", `{"url":"https://gone","code":"x"}`); w.Code != 502 || code(w) != "unreachable" {
		t.Errorf("unreachable: %d %s", w.Code, w.Body)
	}
	b.signedIn(httptest.NewRequest("GET", "/", nil))
	if w := b.ask(b.Local(), "POST", "/api/v1/parent", body); w.Code != 403 {
		t.Errorf("after a sign-in: %d", w.Code)
	}
	if w := b.ask(b.Control(), "POST", "/api/v1/parent", body); w.Code != 200 {
		t.Errorf("operator: %d %s", w.Code, w.Body)
	}
}

func TestTokenOverControl(t *testing.T) {
	b := newBox(t)
	for _, tt := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"lesson":"math","role":"watch"}`, 201, ""},
		{`{"lesson":"math","role":"publish","campus":"north","ttl":"24h0m0s"}`, 201, ""},
		{`{"lesson":"math","role":"administrator"}`, 400, "token-invalid"},
		{`{"lesson":"math","role":"watch","ttl":"soon"}`, 400, "json-invalid"},
		{`{"lesson":"math","role":"watch","ttl":"-1h"}`, 400, "token-invalid"},
	} {
		w := b.ask(b.Control(), "POST", "/api/v1/tokens", tt.body)
		if w.Code != tt.status || code(w) != tt.code {
			t.Errorf("%s: %d %s", tt.body, w.Code, w.Body)
		}
		var got token
		if json.Unmarshal(w.Body.Bytes(), &got); w.Code == 201 {
			if _, err := b.auth.CheckToken(got.Token, "math"); err != nil {
				t.Errorf("%s: %v", tt.body, err)
			}
		}
	}
}

func TestDescriptionNamesEveryRoute(t *testing.T) {
	b := newBox(t)
	w := b.ask(b.Public(), "GET", "/api/v1/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary   string
			Responses map[string]any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%v, %s", err, w.Body)
	}
	for _, rt := range b.routes() {
		op, ok := doc.Paths[rt.path][strings.ToLower(rt.method)]
		if !ok || op.Summary == "" || op.Responses[fmt.Sprint(rt.status)] == nil {
			t.Errorf("%s %s: %+v", rt.method, rt.path, op)
		}
	}
	for _, path := range []string{"/whip/{lesson}", "/whep/{lesson}", "/metrics"} {
		if doc.Paths[path] == nil {
			t.Errorf("%s is not in it", path)
		}
	}
	if want := `"campuses":{"oneOf"`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("schema without %s", want)
	}
}

func TestHealth(t *testing.T) {
	b := newBox(t)
	sick := false
	b.API.cfg.Ready = func() error {
		if sick {
			return errors.New("starting")
		}
		return nil
	}
	b.API.cfg.Healthy = func(context.Context) error { return b.API.cfg.Ready() }
	for _, s := range []bool{false, true} {
		sick = s
		for _, path := range []string{"/healthz", "/readyz"} {
			want := 200
			if s {
				want = 503
			}
			if w := b.ask(b.Public(), "GET", path, ""); w.Code != want || strings.Contains(w.Body.String(), "starting") {
				t.Errorf("%s, sick %v: %d %s", path, s, w.Code, w.Body)
			}
		}
	}
}

func TestInnerTextStaysInside(t *testing.T) {
	b := newBox(t)
	b.signedIn(httptest.NewRequest("GET", "/", nil))
	b.store.Close()
	w := b.ask(b.Control(), "GET", "/api/v1/box", "")
	if w.Code != 500 || code(w) != "internal" || strings.Contains(w.Body.String(), "database") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestEveryCodeIsKebabCase(t *testing.T) {
	for _, c := range codes {
		if strings.ToLower(c.code) != c.code || strings.ContainsAny(c.code, "_ ") || c.code == "" {
			t.Errorf("code %q", c.code)
		}
		if status, f, _ := describe(fmt.Errorf("around: %w", c.err)); status != c.status || f.Code != c.code {
			t.Errorf("%v: %d %q, want %d %q", c.err, status, f.Code, c.status, c.code)
		}
	}
}

func FuzzBodies(f *testing.F) {
	for _, s := range []string{`{"id":"a","title":"x","campuses":"all"}`, `{"campuses":["a/b"]}`, `{"user":"admin","password":"x"}`, `{"start":"2026-09-01T08:00:00Z"}`, `{}{}`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, v := range []any{&newLesson{}, &signIn{}, &newPassword{}, &newToken{}, &newInvitation{}, &newParent{}, &join.Envelope{}, &newPerson{}, &disabled{}, &assistCode{}, &plan{}, &newPlace{}} {
			err := decodeJSON(strings.NewReader(string(data)), v)
			var bad *badJSON
			if err != nil && !errors.As(err, &bad) {
				t.Errorf("%T: %v", v, err)
			}
		}
	})
}
