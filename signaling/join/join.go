// Package join binds a box to its parent by an invitation code, once, over HTTPS to the parent's ordinary port.
//
// # The code
//
// XXXX-XXXX-XXXX-XXXX, Crockford base32. The first group is the invitation's id; the other twelve symbols are a 60-bit number, whose eight
// big-endian bytes are the key K. A code lives 15 minutes and is used once. Typed input may be lower case, without dashes, in full-width
// signs; O is 0, I and L are 1.
//
// # The exchange
//
// Both ends show their identity certificates in the TLS handshake, which proves that each holds its key. The child then looks at the
// certificate it saw, and posts to /api/v1/join
//
//	{"invitation": id, "body": base64 of B, "mac": base64 of M}
//
// where B is the JSON of Hello: the child's certificate, the SHA-256 of the certificate it saw, its name, a nonce. The parent answers with
// the same envelope around the JSON of Grant: its certificate, the SHA-256 of the child's B, and what the child becomes. The marks are
//
//	child to parent:  M = HMAC-SHA256(K, "tongke-join/1 child"  00 id B)
//	parent to child:  M = HMAC-SHA256(K, "tongke-join/1 parent" 00 id B)
//
// with id as its four ASCII bytes and 00 one zero byte. So each end proves both certificates to the other, neither mark can be sent back as
// the other, and the grant belongs to this request. A third party between the two has to show a certificate of its own; the parent finds it
// in Hello.Seen, the child in Grant.Certificate, and both say certificate-mismatch. The key's 60 bits are to be tried against the parent,
// which a network carries some 10^7 times in 15 minutes, or against a recorded B within the code's life: 2^60 marks in 15 minutes.
//
// The invitation is used, the child is noted and the answer is kept in one transaction before the parent answers. The very same request
// again (the answer was lost on the way) gets the very same answer; any other gets code-used.
package join

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Life is how long a code can be used.
const Life = 15 * time.Minute

const (
	childLabel  = "tongke-join/1 child\x00"
	parentLabel = "tongke-join/1 parent\x00"

	maxName = 64 // characters of a campus, classroom or box name
)

// Error is a refusal with the code that stands in the API and on the command line.
type Error struct {
	Code string
	Text string
}

func (e *Error) Error() string { return e.Text }

// The refusals.
var (
	ErrWrong       = &Error{"code-wrong", "there is no such invitation: check the code's sixteen characters"}
	ErrUsed        = &Error{"code-used", "this invitation was already used: ask for a new one"}
	ErrExpired     = &Error{"code-expired", "this invitation is older than 15 minutes: ask for a new one"}
	ErrUnreachable = &Error{"unreachable", "the parent does not answer"}
	ErrMismatch    = &Error{"certificate-mismatch", "the two boxes see different certificates: something between them opens the connection"}
	ErrTries       = &Error{"too-many-tries", "too many wrong codes: wait a minute"}
	ErrLoop        = &Error{"loop", "a box cannot join itself or a box below it"}
	ErrJoined      = &Error{"already-joined", "this box already has a parent"}
	ErrRequest     = &Error{"join-request-invalid", "the request to join is not one this version understands"}
	ErrPlace       = &Error{"place-invalid", "names of campuses, classrooms and boxes have 1 to 64 characters, no slash and no control characters"}
	ErrNoBox       = &Error{"box-unknown", "no such box is below this one"}
	ErrOccupied    = &Error{"room-occupied", "a box of that room is connected, or went only minutes ago: withdraw it at the core first"}
	ErrInvitations = &Error{"too-many-invitations", "too many invitations are open: wait until some end"}
)

// refusals finds an error by the code the parent answered with.
var refusals = map[string]*Error{
	ErrWrong.Code: ErrWrong, ErrUsed.Code: ErrUsed, ErrExpired.Code: ErrExpired, ErrMismatch.Code: ErrMismatch,
	ErrTries.Code: ErrTries, ErrLoop.Code: ErrLoop, ErrRequest.Code: ErrRequest,
	ErrPairings.Code: ErrPairings, ErrNoPairing.Code: ErrNoPairing, ErrNoBox.Code: ErrNoBox, ErrPlace.Code: ErrPlace, ErrOccupied.Code: ErrOccupied,
}

// Envelope carries a body that is marked with the code's key.
type Envelope struct {
	Invitation string `json:"invitation"`
	Body       []byte `json:"body"`
	MAC        []byte `json:"mac"`
}

// Hello is what the child says.
type Hello struct {
	Certificate []byte `json:"certificate"` // its identity certificate, DER
	Seen        []byte `json:"seen"`        // SHA-256 of the certificate that the parent's end of TLS showed
	Name        string `json:"name"`        // the box's name
	Nonce       []byte `json:"nonce"`       // 16 random bytes: no two requests are the same
}

// Grant is what the parent answers.
type Grant struct {
	Request      []byte   `json:"request"`     // SHA-256 of the Hello's bytes
	Certificate  []byte   `json:"certificate"` // the parent's identity certificate, DER
	Name         string   `json:"name"`        // the parent's name
	AllianceID   string   `json:"allianceId"`
	AllianceName string   `json:"allianceName,omitempty"`
	CampusID     string   `json:"campusId"` // where the child stands
	Classroom    string   `json:"classroom,omitempty"`
	BoxName      string   `json:"boxName"` // what the child is called among the parent's children
	URLs         []string `json:"urls"`    // where the parent's uplink port answers, as far as it knows
}

func mark(key []byte, label, invitation string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(label))
	m.Write([]byte(invitation))
	m.Write(body)
	return m.Sum(nil)
}

// Code is an invitation code.
type Code struct {
	ID  string // four symbols
	Key uint64 // 60 bits
}

const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford base32

// NewCode draws a code.
func NewCode() (Code, error) {
	var r [16]byte
	if _, err := rand.Read(r[:]); err != nil {
		return Code{}, err
	}
	id := make([]byte, 4)
	for i := range id {
		id[i] = symbols[r[8+i]&31]
	}
	return Code{ID: string(id), Key: binary.BigEndian.Uint64(r[:8]) & (1<<60 - 1)}, nil
}

// String is the code as it is given out.
func (c Code) String() string {
	var b strings.Builder
	b.WriteString(c.ID)
	for i := range 12 {
		if i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(symbols[c.Key>>(55-5*i)&31])
	}
	return b.String()
}

func (c Code) key() []byte { return binary.BigEndian.AppendUint64(nil, c.Key) }

// ParseCode reads a code as a person typed it; ErrWrong if it cannot be one.
func ParseCode(typed string) (Code, error) {
	if len(typed) > 128 {
		return Code{}, ErrWrong
	}
	var s []byte
	for _, r := range typed {
		if r >= '！' && r <= '～' { // full-width signs of an input method
			r -= '！' - '!'
		}
		switch {
		case r == '-' || r == ' ' || r == '　' || r == '–' || r == '—':
			continue
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		switch r {
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if r >= utf8.RuneSelf || strings.IndexByte(symbols, byte(r)) < 0 {
			return Code{}, ErrWrong
		}
		s = append(s, byte(r))
	}
	if len(s) != 16 {
		return Code{}, ErrWrong
	}
	c := Code{ID: string(s[:4])}
	for _, b := range s[4:] {
		c.Key = c.Key<<5 | uint64(strings.IndexByte(symbols, b))
	}
	return c, nil
}

// ValidName reports whether s can name a campus, classroom or box.
func ValidName(s string) bool { return place(s) }

// place reports whether s can name a campus, classroom or box.
func place(s string) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxName || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		// Signs that nobody sees would make another box's name of a known one, or turn the rest of a line around.
		if r == '/' || !unicode.IsGraphic(r) {
			return false
		}
	}
	return true
}
