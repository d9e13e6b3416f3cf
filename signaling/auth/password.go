package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argon2id (RFC 9106) sized for an N100: 19 MiB and two passes take about 45 ms on the slow development machine.
const (
	argonMemory = 19 * 1024 // KiB
	argonPasses = 2
	argonLanes  = 1
	saltLength  = 16
	hashLength  = 32

	hashesAtOnce  = 2  // 38 MiB at most, however many ask
	hashesWaiting = 16 // more than that are told to come back
)

// ErrBusy means that too many passwords are being checked at the moment.
var ErrBusy = errors.New("too many sign-ins at once")

// hasher bounds the memory and the processors that password checks can take.
type hasher struct {
	memory  uint32 // KiB, of new hashes
	waiting chan struct{}
	running chan struct{}
}

func newHasher() hasher {
	return hasher{memory: argonMemory, waiting: make(chan struct{}, hashesAtOnce+hashesWaiting), running: make(chan struct{}, hashesAtOnce)}
}

func (h hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.waiting <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running; <-h.waiting }, nil
	case <-ctx.Done():
		<-h.waiting
		return nil, ctx.Err()
	}
}

// hash makes a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$hash
func (h hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	sum := argon2.IDKey([]byte(password), salt, argonPasses, h.memory, argonLanes, hashLength)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, argonPasses, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// verify compares in constant time. A stored "" (no such user) takes as long as any other and never matches.
func (h hasher) verify(ctx context.Context, stored, password string) (bool, error) {
	p, err := parsePHC(stored)
	if stored == "" {
		p, err = phc{memory: h.memory, passes: argonPasses, lanes: argonLanes, salt: make([]byte, saltLength), hash: make([]byte, hashLength)}, nil
	}
	if err != nil {
		return false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	sum := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.hash)))
	return subtle.ConstantTimeCompare(sum, p.hash) == 1 && stored != "", nil
}

type phc struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

func parsePHC(s string) (p phc, err error) {
	bad := errors.New("stored password is damaged: set it again with tongke password")
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, bad
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil || n != 3 {
		return p, bad
	}
	p.salt, err = base64.RawStdEncoding.DecodeString(f[4])
	if err != nil {
		return p, bad
	}
	p.hash, err = base64.RawStdEncoding.DecodeString(f[5])
	// The bounds keep a damaged record from taking the box's memory or making argon2 panic.
	if err != nil || len(p.salt) < 8 || len(p.hash) < 16 || len(p.hash) > 64 || p.memory < 8 || p.memory > 64*1024 || p.passes < 1 || p.passes > 10 || p.lanes < 1 || p.lanes > 4 {
		return p, bad
	}
	return p, nil
}

// easy is the alphabet of one-time passwords: lower case, without signs that look alike.
const easy = "23456789abcdefghjkmnpqrstuvwxyz"

// newOneTime makes a password of 12 easy signs in three groups: 59 bits.
func newOneTime() (string, error) {
	var b strings.Builder
	for n := 0; n < 12; {
		var r [1]byte
		if _, err := rand.Read(r[:]); err != nil {
			return "", err
		}
		if int(r[0]) >= 256/len(easy)*len(easy) { // no sign more likely than another
			continue
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(easy[int(r[0])%len(easy)])
		n++
	}
	return b.String(), nil
}

// lenient is a one-time password as a person may have typed it.
func lenient(typed string) string {
	s := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.ToLower(typed))
	if len(s) != 12 {
		return typed
	}
	return s[:4] + "-" + s[4:8] + "-" + s[8:]
}
