package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// A token is "tk1." + base64url(JSON) + "." + base64url(HMAC-SHA256 under the box's secret of tokenLabel and the JSON bytes). Only the
	// box that made it takes it.
	tokenPrefix = "tk1."
	tokenLabel  = "tongke lesson token 1\x00"
	maxToken    = 1024

	maxTokenLife = 400 * 24 * time.Hour // an encoder in a lecture hall may keep one for a school year
)

var (
	// ErrTokenForged means that this box did not make the token: altered, cut, or made by another box.
	ErrTokenForged = errors.New("the token was not made by this box")
	// ErrTokenExpired means that the token was good once.
	ErrTokenExpired = errors.New("the token has expired")
	// ErrTokenLesson means that the token opens another lesson.
	ErrTokenLesson = errors.New("the token belongs to another lesson")
	// ErrTokenRequest means that no such token can be made.
	ErrTokenRequest = errors.New("no such token")
)

// Token opens one lesson at one box for one role.
type Token struct {
	ID        string `json:"id"`
	Lesson    string `json:"lesson"`
	Role      Role   `json:"role"`
	Campus    string `json:"campus,omitempty"`
	Classroom string `json:"classroom,omitempty"`
	Expires   int64  `json:"expires"` // Unix seconds
	Phone     int    `json:"phone,omitempty"`
}

func (t Token) principal() Principal {
	return Principal{Role: t.Role, Lesson: t.Lesson, Campus: t.Campus, Classroom: t.Classroom, TokenID: t.ID, Expires: time.Unix(t.Expires, 0), Phone: t.Phone}
}

// NewToken makes a token that lives for ttl. campus may be "campus/classroom".
func (a *Auth) NewToken(lesson string, role Role, campus string, ttl time.Duration) (string, error) {
	return a.newToken(lesson, role, campus, ttl, 0)
}

func (a *Auth) newToken(lesson string, role Role, campus string, ttl time.Duration, phone int) (string, error) {
	if !slices.Contains(TokenRoles, role) {
		return "", fmt.Errorf("role %q: %w", role, ErrTokenRequest)
	}
	if !LessonID(lesson) {
		return "", fmt.Errorf("lesson %q is not 1 to 40 of a-z 0-9 -: %w", lesson, ErrTokenRequest)
	}
	if ttl < time.Second || ttl > maxTokenLife {
		return "", fmt.Errorf("a life of %v is not 1s to %v: %w", ttl, maxTokenLife, ErrTokenRequest)
	}
	campus, room, _ := strings.Cut(campus, "/")
	if len(campus) > 128 || len(room) > 128 {
		return "", fmt.Errorf("campus or classroom is too long: %w", ErrTokenRequest)
	}
	id := make([]byte, 9)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	t := Token{ID: base64.RawURLEncoding.EncodeToString(id), Lesson: lesson, Role: role, Campus: campus, Classroom: room, Expires: time.Now().Add(ttl).Unix(), Phone: phone}
	return a.encodeToken(t)
}

func (a *Auth) encodeToken(t Token) (string, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(data) + "." + base64.RawURLEncoding.EncodeToString(a.tokenMAC(data)), nil
}

func (a *Auth) tokenMAC(data []byte) []byte {
	m := hmac.New(sha256.New, a.secret)
	m.Write([]byte(tokenLabel))
	m.Write(data)
	return m.Sum(nil)
}

// CheckToken reads a token. lesson is the lesson that is asked for; "" takes a token of any.
func (a *Auth) CheckToken(s, lesson string) (Token, error) {
	rest, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(s) > maxToken || strings.ContainsAny(s, "\r\n") { // a base64 decoder, even a strict one, passes over line ends
		return Token{}, ErrTokenForged
	}
	payload, sum, ok := strings.Cut(rest, ".")
	strict := base64.RawURLEncoding.Strict() // one spelling of a token, so that a log of refused ones can be compared
	data, err := strict.DecodeString(payload)
	if !ok || err != nil {
		return Token{}, ErrTokenForged
	}
	mac, err := strict.DecodeString(sum)
	if err != nil || !hmac.Equal(mac, a.tokenMAC(data)) {
		return Token{}, ErrTokenForged
	}
	t, err := decodeToken(data)
	if err != nil {
		return Token{}, ErrTokenForged
	}
	if !time.Now().Before(time.Unix(t.Expires, 0)) {
		return Token{}, ErrTokenExpired
	}
	if lesson != "" && t.Lesson != lesson {
		return Token{}, ErrTokenLesson
	}
	return t, nil
}

func decodeToken(data []byte) (t Token, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return t, errors.New("more than one value")
	}
	if !LessonID(t.Lesson) || !slices.Contains(TokenRoles, t.Role) || t.ID == "" {
		return t, errors.New("not a token")
	}
	return t, nil
}

// LessonID reports whether s can name a lesson: [a-z0-9-]{1,40}.
func LessonID(s string) bool {
	if len(s) < 1 || len(s) > 40 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// SetLessonCookie trades a token for a cookie of its lesson and role, so that a page can drop the token from its address.
func (a *Auth) SetLessonCookie(w http.ResponseWriter, r *http.Request, token string) (Principal, error) {
	t, err := a.CheckToken(token, "")
	if err != nil {
		return Principal{}, err
	}
	name := a.CookieName(r) + "." + t.Lesson + "." + string(t.Role)
	http.SetCookie(w, a.cookie(r, name, token, time.Unix(t.Expires, 0)))
	return t.principal(), nil
}

// strength orders token roles, for a browser that holds several cookies of one lesson (a teacher who also opened the classroom's page).
var strength = map[Role]int{Teacher: 6, Assistant: 5, Classroom: 4, Inspector: 3, Watch: 2, Publish: 1}

// lessonCookieOf finds the strongest lesson token among the request's cookies. The query parameter "as" takes one role only.
func (a *Auth) lessonCookieOf(r *http.Request, lesson string) (Principal, bool) {
	var best Principal
	prefix := a.CookieName(r) + "."
	as := Role(r.URL.Query().Get("as"))
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		t, err := a.CheckToken(c.Value, lesson)
		if err != nil || as != "" && t.Role != as {
			continue
		}
		if strength[t.Role] > strength[best.Role] {
			best = t.principal()
		}
	}
	return best, best.Role != Nobody
}
