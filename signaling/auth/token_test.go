package auth

import (
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, other := newAuth(t, t.TempDir()), newAuth(t, t.TempDir())
		token, err := a.NewToken("math-1", Classroom, "north/三(2)班", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := other.NewToken("math-1", Classroom, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		payload, sum, _ := strings.Cut(strings.TrimPrefix(token, tokenPrefix), ".")
		data, _ := base64.RawURLEncoding.DecodeString(payload)
		teacher := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(data), "classroom", "teacher", 1)))
		for _, tt := range []struct {
			name, token, lesson string
			want                error
		}{
			{"good", token, "math-1", nil},
			{"any lesson", token, "", nil},
			{"wrong lesson", token, "math-2", ErrTokenLesson},
			{"of another box", foreign, "math-1", ErrTokenForged},
			{"another role", tokenPrefix + teacher + "." + sum, "math-1", ErrTokenForged},
			{"cut", token[:len(token)-4], "math-1", ErrTokenForged},
			{"last sign altered", token[:len(token)-1] + "x", "math-1", ErrTokenForged},
			{"no mac", tokenPrefix + payload + ".", "math-1", ErrTokenForged},
			{"no prefix", payload + "." + sum, "math-1", ErrTokenForged},
			{"empty", "", "math-1", ErrTokenForged},
			{"long", tokenPrefix + strings.Repeat("A", 1<<20), "math-1", ErrTokenForged},
		} {
			got, err := a.CheckToken(tt.token, tt.lesson)
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
			}
			if err == nil && (got.Role != Classroom || got.Campus != "north" || got.Classroom != "三(2)班" || got.ID == "") {
				t.Errorf("%s: %+v", tt.name, got)
			}
		}
		time.Sleep(time.Hour)
		if _, err := a.CheckToken(token, "math-1"); !errors.Is(err, ErrTokenExpired) {
			t.Errorf("an hour later: %v", err)
		}
		if _, err := a.CheckToken(token, "math-2"); !errors.Is(err, ErrTokenExpired) {
			t.Errorf("an hour later, another lesson: %v", err)
		}
	})
}

func TestTokensThatCannotBe(t *testing.T) {
	a := newAuth(t, t.TempDir())
	for _, tt := range []struct {
		lesson string
		role   Role
		ttl    time.Duration
	}{
		{"math", Administrator, time.Hour}, {"math", Operator, time.Hour}, {"math", "", time.Hour}, {"math", "king", time.Hour},
		{"", Watch, time.Hour}, {"Math", Watch, time.Hour}, {"a/b", Watch, time.Hour}, {strings.Repeat("a", 41), Watch, time.Hour},
		{"math", Watch, 0}, {"math", Watch, -time.Hour}, {"math", Watch, 5 * 365 * 24 * time.Hour},
	} {
		if token, err := a.NewToken(tt.lesson, tt.role, "", tt.ttl); !errors.Is(err, ErrTokenRequest) {
			t.Errorf("%+v: %q, %v", tt, token, err)
		}
	}
}

func TestWho(t *testing.T) {
	a := newAuth(t, t.TempDir())
	mint := func(lesson string, role Role) string {
		t.Helper()
		token, err := a.NewToken(lesson, role, "north", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	session, err := a.SignIn(t.Context(), "192.0.2.1:1", Admin, oneTime(t, a))
	if err != nil {
		t.Fatal(err)
	}
	signed := func(l Listener) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.SetSession(w, request(l, "POST", "/"), session)
		return w
	}
	traded := httptest.NewRecorder()
	for _, role := range []Role{Classroom, Teacher} {
		if _, err := a.SetLessonCookie(traded, request(Public, "POST", "/"), mint("math", role)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		r    func() (Principal, error)
		role Role
		err  error
	}{
		{"nobody", func() (Principal, error) { return a.Who(request(Public, "GET", "/"), "math") }, Nobody, nil},
		{"bearer", func() (Principal, error) {
			return a.Who(request(Public, "POST", "/", header("Authorization", "bearer "+mint("math", Publish))), "math")
		}, Publish, nil},
		{"bearer from another site's page", func() (Principal, error) {
			return a.Who(request(Public, "POST", "/", header("Authorization", "Bearer "+mint("math", Watch)), header("Origin", "https://player.example")), "math")
		}, Watch, nil},
		{"bearer of another lesson", func() (Principal, error) {
			return a.Who(request(Public, "POST", "/", header("Authorization", "Bearer "+mint("art", Publish))), "math")
		}, Nobody, ErrTokenLesson},
		{"wrong bearer does not fall back on loopback", func() (Principal, error) {
			return a.Who(request(Local, "POST", "/", header("Authorization", "Bearer x")), "math")
		}, Nobody, ErrTokenForged},
		{"signed in", func() (Principal, error) {
			return a.Who(request(Public, "POST", "/", cookies(signed(Public)), header("Origin", "https://example.com")), "")
		}, Administrator, nil},
		{"signed in, another site's page", func() (Principal, error) {
			return a.Who(request(Public, "POST", "/", cookies(signed(Public)), header("Origin", "https://evil.example")), "")
		}, Nobody, nil},
		{"signed in, another site's form", func() (Principal, error) {
			return a.Who(request(Public, "POST", "/", cookies(signed(Public)), header("Sec-Fetch-Site", "cross-site")), "")
		}, Nobody, nil},
		{"signed in at the other listener", func() (Principal, error) { return a.Who(request(Public, "GET", "/", cookies(signed(Local))), "") }, Nobody, nil},
		{"loopback", func() (Principal, error) { return a.Who(request(Local, "GET", "/"), "math") }, Classroom, nil},
		{"loopback, another site's page", func() (Principal, error) {
			return a.Who(request(Local, "POST", "/", header("Origin", "http://evil.example")), "math")
		}, Nobody, nil},
		{"loopback, a sandboxed page", func() (Principal, error) {
			return a.Who(request(Local, "GET", "/", header("Origin", "null")), "math")
		}, Nobody, nil},
		{"loopback, another port's page", func() (Principal, error) {
			return a.Who(request(Local, "GET", "http://127.0.0.1:8080/", header("Origin", "http://127.0.0.1:8090")), "math")
		}, Nobody, nil},
		{"administrator at loopback", func() (Principal, error) { return a.Who(request(Local, "GET", "/", cookies(signed(Local))), "") }, Administrator, nil},
		{"two cookies of a lesson: the stronger", func() (Principal, error) { return a.Who(request(Public, "GET", "/", cookies(traded)), "math") }, Teacher, nil},
		{"two cookies, one asked for", func() (Principal, error) {
			return a.Who(request(Public, "GET", "/?as=classroom", cookies(traded)), "math")
		}, Classroom, nil},
		{"cookies of another lesson", func() (Principal, error) { return a.Who(request(Public, "GET", "/", cookies(traded)), "art") }, Nobody, nil},
		{"control socket", func() (Principal, error) { return a.Who(request(Control, "POST", "/"), "") }, Operator, nil},
	} {
		p, err := tt.r()
		if p.Role != tt.role || !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) {
			t.Errorf("%s: %+v, %v; want %q, %v", tt.name, p, err, tt.role, tt.err)
		}
	}
	if p, _ := a.Who(request(Local, "GET", "/"), ""); p.Campus != "core" || p.Classroom != "三(2)班" {
		t.Errorf("loopback stands at %q %q", p.Campus, p.Classroom)
	}
}

func TestLocalHost(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8080": true, "localhost": true, "LOCALHOST:8080": true, "[::1]": true, "[::1]:8080": true,
		"": false, "::1": false, "127.0.0.1.evil.example": false, "evil.example:8080": false, "localhost.evil.example": false,
		"127.0.0.1:80:80": false, "127.0.0.1:80a": false, "192.168.1.5:8080": false, "localhost.": false,
	} {
		if got := LocalHost(host); got != want {
			t.Errorf("LocalHost(%q) = %v", host, got)
		}
	}
}

func FuzzToken(f *testing.F) {
	a := &Auth{secret: []byte("0123456789abcdef0123456789abcdef")}
	good, err := a.encodeToken(Token{ID: "x", Lesson: "math", Role: Watch, Campus: "north", Expires: 4102444800}) // 2100
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("tk1.")
	f.Add("tk1.e30.AAAA")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := a.CheckToken(s, "math"); err == nil && s != good {
			t.Errorf("accepted %q", s)
		}
		// The payload's reader must stand anything, should a secret ever leak.
		if tok, err := decodeToken([]byte(s)); err == nil && (!LessonID(tok.Lesson) || strength[tok.Role] == 0) {
			t.Errorf("read %+v", tok)
		}
	})
}
