package auth

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	codeSigns  = "ABCDEFGHJKMNPQRSTUVWXYZ" // without I, L and O: 23^6 is 148 million
	codeLength = 6

	roomPhones = 3               // at a time, for one room in one lesson
	phoneGone  = 2 * time.Minute // a phone that is gone for so long gives its place to another
	phoneLife  = 12 * time.Hour  // of what a phone gets for the code; the lesson's end ends it before
	maxCodes   = 512
)

// WrongCode is a code that opens nothing: Left tries remain in this minute.
type WrongCode struct{ Left int }

func (e *WrongCode) Error() string {
	return fmt.Sprintf("the code is wrong or over; %d tries left", e.Left)
}

// ErrPhones means that three phones of the room are in the lesson.
var ErrPhones = fmt.Errorf("%d phones of this room are in the lesson", roomPhones)

// seat is one room in one lesson.
type seat struct{ lesson, campus, classroom string }

// phones keeps the codes of the assistants' phones. They live in memory: a restart of the box makes new ones, and phones that are in
// already keep their cookie. Only which codes were withdrawn is on the disk, for as long as such a cookie lives.
type phones struct {
	tries *Throttle

	mu    *sync.Mutex
	codes map[string]seat
	seats map[seat]*room
	old   []oldCode // the last one withdrawn of each room, oldest first
}

type room struct {
	code string
	n    int              // of codes before this one
	in   map[string]phone // by TokenID
}

// phone is one phone's place in a room.
type phone struct {
	sessions int       // of the same phone: a page that is loaded anew has two for a while
	went     time.Time // when the last one ended
}

func newPhones() phones {
	return phones{tries: NewThrottle(5, time.Minute, time.Minute), mu: &sync.Mutex{}, codes: map[string]seat{}, seats: map[seat]*room{}}
}

// AssistCode is the code by which phones of a room come into a lesson, for the wall screen to show. It stays the same until EndAssist.
func (a *Auth) AssistCode(lesson, campus, classroom string) string {
	a.phones.mu.Lock()
	defer a.phones.mu.Unlock()
	return a.phones.roomLocked(seat{lesson, campus, classroom}).code
}

// AssistRound makes the n-th new code of a room in a lesson, unless that was done: the older ones open nothing any more. Whoever is in by one
// is Withdrawn. An error says that this is not on the disk; it holds until the box is started anew all the same.
func (a *Auth) AssistRound(lesson, campus, classroom string, n int) error {
	a.phones.mu.Lock()
	defer a.phones.mu.Unlock()
	s := seat{lesson, campus, classroom}
	r := a.phones.roomLocked(s)
	if n <= r.n {
		return nil
	}
	delete(a.phones.codes, r.code)
	r.n, r.in = n, map[string]phone{}
	a.phones.nameLocked(r, s)
	return a.withdrawLocked(s, n, time.Now())
}

// nameLocked gives a room a code that no other has.
func (p *phones) nameLocked(r *room, s seat) {
	r.code = newAssistCode()
	for _, taken := p.codes[r.code]; taken; _, taken = p.codes[r.code] {
		r.code = newAssistCode()
	}
	p.codes[r.code] = s
}

func (p *phones) roomLocked(s seat) *room {
	if r := p.seats[s]; r != nil {
		return r
	}
	for len(p.seats) >= maxCodes { // more rooms than an alliance has: forget any
		for old, r := range p.seats {
			delete(p.codes, r.code)
			delete(p.seats, old)
			break
		}
	}
	r := &room{in: map[string]phone{}}
	p.nameLocked(r, s)
	p.seats[s] = r
	return r
}

func newAssistCode() string {
	code := make([]byte, 0, codeLength)
	for len(code) < codeLength {
		var b [1]byte
		rand.Read(b[:])
		if int(b[0]) < 256/len(codeSigns)*len(codeSigns) { // no letter more likely than another
			code = append(code, codeSigns[int(b[0])%len(codeSigns)])
		}
	}
	return string(code)
}

// EndAssist makes the codes of a lesson open nothing any more.
func (a *Auth) EndAssist(lesson string) {
	a.phones.mu.Lock()
	defer a.phones.mu.Unlock()
	for s, r := range a.phones.seats {
		if s.lesson == lesson {
			delete(a.phones.codes, r.code)
			delete(a.phones.seats, s)
		}
	}
}

// Assist trades a code for the cookie of an assistant of its room and lesson. Errors: *WrongCode, *TooManyTries, ErrPhones. A phone that
// has the cookie already keeps its place.
func (a *Auth) Assist(w http.ResponseWriter, r *http.Request, code string) (Principal, error) {
	try, wait := a.phones.tries.Begin(r.RemoteAddr)
	if wait > 0 {
		return Principal{}, &TooManyTries{wait}
	}
	a.phones.mu.Lock()
	s, ok := a.phones.codes[typedCode(code)]
	full, n := false, 0
	if ok {
		full, n = a.phones.seats[s].taken(time.Now()) >= roomPhones, a.phones.seats[s].n+1
	}
	a.phones.mu.Unlock()
	if !ok {
		return Principal{}, &WrongCode{try.Left}
	}
	try.Right()
	if p, has := a.lessonCookieOf(r, s.lesson); has && p.Role == Assistant && p.Campus == s.campus && p.Classroom == s.classroom && p.Phone == n {
		return p, nil
	}
	if full {
		return Principal{}, ErrPhones
	}
	place := s.campus
	if s.classroom != "" {
		place += "/" + s.classroom
	}
	token, err := a.newToken(s.lesson, Assistant, place, phoneLife, n)
	if err != nil {
		return Principal{}, err
	}
	return a.SetLessonCookie(w, r, token)
}

// typedCode is a code as a person may have typed it, on a keyboard of full-width signs too.
func typedCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		switch {
		case r == ' ' || r == '　' || r == '-':
			return -1
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		return r
	}, typed)
}

// PhoneCame is asked when a phone begins a session; ErrPhones if three others are there.
func (a *Auth) PhoneCame(p Principal) error {
	a.phones.mu.Lock()
	defer a.phones.mu.Unlock()
	r := a.phones.roomLocked(seat{p.Lesson, p.Campus, p.Classroom})
	at, known := r.in[p.TokenID]
	if !known && r.taken(time.Now()) >= roomPhones {
		return ErrPhones
	}
	at.sessions++
	r.in[p.TokenID] = at
	return nil
}

// PhoneWent is told when its session ended.
func (a *Auth) PhoneWent(p Principal) {
	a.phones.mu.Lock()
	defer a.phones.mu.Unlock()
	if r := a.phones.seats[seat{p.Lesson, p.Campus, p.Classroom}]; r != nil {
		if at := r.in[p.TokenID]; at.sessions > 0 {
			r.in[p.TokenID] = phone{at.sessions - 1, time.Now()}
		}
	}
}

// taken counts places and forgets phones that went long ago.
func (r *room) taken(now time.Time) int {
	for id, at := range r.in {
		if at.sessions == 0 && now.Sub(at.went).Abs() > phoneGone {
			delete(r.in, id)
		}
	}
	return len(r.in)
}
