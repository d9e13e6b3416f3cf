// Package join also joins two boxes by comparing digits.
//
// A wall screen with a remote control has no keys for sixteen characters. There the child shows six digits, the parent's page shows six
// digits beside the child's name, and people (on the telephone, or one person who sees both) say at both ends whether they are the same.
//
//	child  → parent  POST /api/v1/pair        commit, name      commit = SHA-256("tongke-pair/1 commit" 00 C P c)
//	parent → child                            id, p
//	child  → parent  POST /api/v1/pair/{id}   c                 the parent makes commit again from what it sees, or refuses
//	both show                                 digits            HMAC-SHA256(c p, "tongke-pair/1 digits" 00 C P), first 8 bytes mod 10^6
//	child  → parent  GET  /api/v1/pair/{id}   until accepted: the Grant, as in a join by code
//
// C and P are the SHA-256 of the certificates of child and parent, each end taking its own and the one it sees; their keys are proven by
// TLS. c and p are 32 random bytes. The parent's p is drawn after it has the commitment and before it knows c, and the child's c is fixed
// before it knows p: the commitment of RFC 6189 §4.4.1.1, which is why so few digits are enough. Bluetooth's numeric comparison has the
// same order.
//
// What an active third party can do. It has to hold one pairing with each end, under certificates of its own, so C and P differ in the two,
// and in each one an honest end draws its number after the other's is fixed. Whichever it finishes first, the digits of the other are
// drawn at random after it, and it has one guess in a million. It can give up a pairing with the parent before it reveals and begin
// another, so what was begun counts, not what was finished: five pairings in five minutes, however they ended, until a person has answered
// them. A child's five minutes overlap with ten such at most: ten in a million for each time that people press the key on both ends.
//
// Both ends ask a person. If only the parent's operator were asked, a third party could tell the child "accepted" at once, and would be
// the parent of a box with a camera in a classroom; the digits bind the certificates only for who looks at them. So a child that nobody
// confirmed at believes no acceptance.
package join

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	// PairLife is how long digits are shown.
	PairLife = 5 * time.Minute

	commitLabel = "tongke-pair/1 commit\x00"
	digitsLabel = "tongke-pair/1 digits\x00"
	nonceSize   = 32
)

// The refusals of a pairing.
var (
	ErrPairings    = &Error{"too-many-pairings", "five boxes have asked in the last five minutes: answer them, or wait"}
	ErrNoPairing   = &Error{"pairing-unknown", "this pairing is over: begin again"}
	ErrRefused     = &Error{"pairing-refused", "somebody said that the digits differ"}
	ErrPairExpired = &Error{"pairing-expired", "nobody compared the digits within five minutes"}
	ErrPairing     = &Error{"pairing-running", "this box is being joined already: cancel that first"}
)

// The messages of a pairing between two boxes.
type (
	// PairCommit is the child's first word.
	PairCommit struct {
		Commit []byte `json:"commit"`
		Name   string `json:"name"`
	}
	// PairNonce answers it.
	PairNonce struct {
		ID    string `json:"id"`
		Nonce []byte `json:"nonce"`
	}
	// PairReveal opens the commitment.
	PairReveal struct {
		Nonce []byte `json:"nonce"`
	}
	// PairState is what the child is told when it asks.
	PairState struct {
		State string `json:"state"` // "compare", "accepted" or "refused"
		Grant *Grant `json:"grant,omitempty"`
	}
)

// States of a pairing, at the parent and at the child.
const (
	PairIdle     = "idle"     // the child's: there is none
	PairLooking  = "looking"  // the child's: it dials
	PairCompare  = "compare"  // the digits are shown
	PairAccepted = "accepted" // joined
	PairRefused  = "refused"  // somebody said that they differ, or cancelled
	PairExpired  = "expired"
	PairFailed   = "failed" // the child's
)

func pairCommit(child, parent *x509.Certificate, nonce []byte) []byte {
	h := sha256.New()
	h.Write([]byte(commitLabel))
	writePrints(h.Write, child, parent)
	h.Write(nonce)
	return h.Sum(nil)
}

// pairDigits are the six digits as people read them.
func pairDigits(child, parent *x509.Certificate, c, p []byte) string {
	m := hmac.New(sha256.New, append(append(make([]byte, 0, 2*nonceSize), c...), p...))
	m.Write([]byte(digitsLabel))
	writePrints(m.Write, child, parent)
	n := binary.BigEndian.Uint64(m.Sum(nil)) % 1_000_000
	return fmt.Sprintf("%03d %03d", n/1000, n%1000)
}

func writePrints(write func([]byte) (int, error), child, parent *x509.Certificate) {
	for _, c := range []*x509.Certificate{child, parent} {
		sum := sha256.Sum256(c.Raw)
		_, _ = write(sum[:]) // of a hash: never fails
	}
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
