package auth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/signaling/store"
)

// A technician's code opens one box. It is three groups of four signs of Crockford's base32, 60 bits:
//
//	20 bits  until when it is good, in quarters of an hour since the beginning of 2026 (until 2055)
//	40 bits  HMAC-SHA256(key of the box, "tongke code 1" 00 purpose 00 those 20 bits as 4 bytes), its first five bytes
//
// The key of a box below is HKDF-SHA256(the parent's secret, info "tongke technician key 1" 00 box id). A box gets its own key from its
// parent over the proven connection and keeps it, so a code needs no link. It cannot make another box's key of it.
//
// A code opens once. Because the clock of a box may be wrong by years, its end is held against the clock only where the clock is known to
// be right, and else against the latest time that was ever known to be right here.
const (
	codeUnit  = 15 * time.Minute
	codeTag   = 5  // bytes
	codeSize  = 12 // signs
	usedCodes = 512

	// A technician often sets the clock right, which ends the sign-in made under the wrong one; so the same code opens some times more, by
	// the time that has passed and not by the clock. That is for who used it: from the same address, or in front of the box. A code for a
	// password opens nothing more once the password is chosen.
	againFor   = 12 * time.Hour
	againTimes = 4

	codeGuesses = 30 // of everybody together, then one a second: 2^40 / 3·10^7 a year

	timeBack = 24 * time.Hour // how far a noted time may be ahead of the parent's

	// MaxCodeLife is the longest that a code can be good for.
	MaxCodeLife = 7 * 24 * time.Hour
)

var codeEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Purpose is what a code is for.
type Purpose string

// The purposes.
const (
	ForTechnician Purpose = "technician" // to look after the box
	ForPassword   Purpose = "password"   // to choose a new password of its administrator
)

var purposes = []Purpose{ForTechnician, ForPassword}

var (
	// ErrCodeUsed means that the code was good and has been used.
	ErrCodeUsed = errors.New("this code was used already; ask the administrator of the core for another")
	// ErrCodeExpired means that the code was good and its time is over.
	ErrCodeExpired = errors.New("the time of this code is over; ask the administrator of the core for another")
	// ErrCodeRequest means that no such code can be made.
	ErrCodeRequest = fmt.Errorf("a code is for technician or password and lives from %v to %v", codeUnit, MaxCodeLife)
)

// technicians is what the box remembers of codes, under one key of the store.
type technicians struct {
	Secret  []byte    `json:"secret"`            // keys of boxes below, and of this one, are made of it
	Parent  string    `json:"parent,omitempty"`  // box id
	Key     []byte    `json:"key,omitempty"`     // of this box, from that parent
	Used    []string  `json:"used,omitempty"`    // codes that opened here, in the order of their use
	Issued  []string  `json:"issued,omitempty"`  // of codes made here: no two are the same
	Trusted time.Time `json:"trusted,omitempty"` // the latest time that was known to be right
}

var technicianTable = store.TableOf[technicians](store.BucketBox)

// codes is what this process remembers of them.
type codes struct {
	tries *Throttle

	mu      sync.Mutex
	again   map[string]reuse
	guesses float64 // left of codeGuesses
	counted time.Time
}

type reuse struct {
	first time.Time // with its monotonic reading
	from  netip.Addr
	times int
}

func newCodes() codes {
	return codes{tries: NewThrottle(5, time.Minute, 15*time.Minute), again: map[string]reuse{}, guesses: codeGuesses, counted: time.Now()}
}

// guess reports whether one more code of a stranger may be looked at now.
func (c *codes) guess() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.guesses = min(codeGuesses, c.guesses+now.Sub(c.counted).Seconds())
	c.counted = now
	if c.guesses < 1 {
		return false
	}
	c.guesses--
	return true
}

// visitor is where somebody types a code.
type visitor struct {
	from  netip.Addr
	local bool // in front of the box
}

// onceMore reports whether a used code opens again.
func (c *codes) onceMore(id string, v visitor) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.again[id]
	if !ok || u.times >= againTimes || time.Since(u.first) > againFor || !v.local && v.from != u.from {
		return false
	}
	u.times++
	c.again[id] = u
	return true
}

// used notes the first use of a code.
func (c *codes) used(id string, v visitor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for old, u := range c.again {
		if time.Since(u.first) > againFor {
			delete(c.again, old)
		}
	}
	if _, known := c.again[id]; !known {
		c.again[id] = reuse{first: time.Now(), from: v.from}
	}
}

// chosen ends the codes for a password: it is chosen.
func (c *codes) chosen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.again {
		if strings.HasPrefix(id, string(ForPassword)+" ") {
			delete(c.again, id)
		}
	}
}

// TechnicianKey is the key of a box below, for that box alone.
func (a *Auth) TechnicianKey(box string) (key []byte, err error) {
	err = a.changeTechnicians(func(t *technicians) (bool, error) {
		key, err = boxKey(t.Secret, box)
		return false, err
	})
	return key, err
}

func boxKey(secret []byte, box string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "tongke technician key 1\x00"+box, 32)
}

var errUnchanged = errors.New("nothing to write") // ends a transaction without a write to the disk

// changeTechnicians reads the record, with a secret in it, and writes it if f says so.
func (a *Auth) changeTechnicians(f func(*technicians) (changed bool, err error)) error {
	err := a.store.Update(func(tx *store.Tx) error {
		t, err := technicianTable.Get(tx, store.KeyTechnicians)
		made := errors.Is(err, store.ErrNotFound)
		if made {
			t.Secret = make([]byte, 32)
			_, err = rand.Read(t.Secret)
		}
		if err != nil {
			return err
		}
		changed, err := f(&t)
		if err == nil && !changed && !made {
			err = errUnchanged
		}
		if err != nil {
			return err
		}
		return technicianTable.Put(tx, store.KeyTechnicians, t)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// UseTechnicianKey keeps the key of this box that a parent gave it, and forgets that of another parent.
func (a *Auth) UseTechnicianKey(parent string, key []byte) error {
	if len(key) != 32 {
		return fmt.Errorf("a technician key of %d bytes", len(key))
	}
	return a.changeTechnicians(func(t *technicians) (bool, error) {
		if t.Parent == parent && hmac.Equal(t.Key, key) {
			return false, nil
		}
		t.Parent, t.Key = parent, key
		return true, nil
	})
}

// NoteTime keeps a time that the parent says is right: codes that ended before it open nothing here, whatever the clock says later.
//
// It goes forward, by a quarter of an hour at least. It goes back only where the parent is more than a day behind what was noted: then the
// parent's own clock was wrong and has been mended, and without that the box would take no code for as long as the clock had been ahead.
// A parent that is a little behind (a slow clock, a measurement of the link) changes nothing. What a code opened stays used either way.
func (a *Auth) NoteTime(now time.Time) error {
	return a.changeTechnicians(func(t *technicians) (bool, error) {
		if ahead := now.Sub(t.Trusted); ahead < codeUnit && ahead >= -timeBack {
			return false, nil
		}
		t.Trusted = now.UTC().Truncate(time.Second)
		return true, nil
	})
}

// NewTechnicianCode makes a code for a box: this one, or one right below it.
func (a *Auth) NewTechnicianCode(box string, life time.Duration, why Purpose) (code string, expires time.Time, err error) {
	if !slices.Contains(purposes, why) || life < codeUnit || life > MaxCodeLife {
		return "", time.Time{}, ErrCodeRequest
	}
	now := time.Now()
	err = a.changeTechnicians(func(t *technicians) (bool, error) {
		key, err := boxKey(t.Secret, box)
		if err != nil {
			return false, err
		}
		t.Issued = slices.DeleteFunc(t.Issued, func(s string) bool { return slotTime(issuedSlot(s)).Before(now) })
		slot := slotOf(now.Add(life))
		for slices.Contains(t.Issued, issued(box, why, slot)) {
			slot++
		}
		if slot >= 1<<20 {
			return false, ErrCodeRequest
		}
		t.Issued = append(t.Issued, issued(box, why, slot))
		code, expires = codeText(slot, codeMAC(key, why, slot)), slotTime(slot)
		return true, nil
	})
	return code, expires, err
}

// slotOf rounds up.
func slotOf(at time.Time) uint32 {
	d := at.Sub(codeEpoch)
	return uint32(max(0, min((d+codeUnit-1)/codeUnit, 1<<20))) // #nosec G115 -- bounded by 2^20
}

func slotTime(slot uint32) time.Time { return codeEpoch.Add(time.Duration(slot) * codeUnit) }

func issued(box string, why Purpose, slot uint32) string {
	return fmt.Sprintf("%05x %s %s", slot, why, box)
}

func issuedSlot(s string) (slot uint32) {
	_, _ = fmt.Sscanf(s, "%05x", &slot) // what cannot be read is of long ago
	return slot
}

func codeMAC(key []byte, why Purpose, slot uint32) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("tongke code 1\x00" + string(why) + "\x00"))
	m.Write(binary.BigEndian.AppendUint32(nil, slot))
	return m.Sum(nil)[:codeTag]
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func codeText(slot uint32, mac []byte) string {
	v := uint64(slot)<<40 | uint64(mac[0])<<32 | uint64(binary.BigEndian.Uint32(mac[1:]))
	var b strings.Builder
	for i := range codeSize {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(crockford[v>>(55-5*i)&31])
	}
	return b.String()
}

// parseCode reads a code as a person typed it.
func parseCode(typed string) (slot uint32, mac []byte, ok bool) {
	typed = strings.NewReplacer("O", "0", "I", "1", "L", "1", "–", "", "—", "", "－", "").Replace(typedCode(typed))
	if len(typed) != codeSize {
		return 0, nil, false
	}
	var v uint64
	for _, c := range []byte(typed) {
		i := strings.IndexByte(crockford, c)
		if i < 0 {
			return 0, nil, false
		}
		v = v<<5 | uint64(i) // #nosec G115 -- 0 to 31
	}
	return uint32(v >> 40), binary.BigEndian.AppendUint64(nil, v)[3:], true // #nosec G115 -- 20 bits
}

// SignInByCode opens this box by a code that its parent, or its own administrator, made for it. Errors: *WrongCode, *TooManyTries,
// ErrCodeUsed, ErrCodeExpired, ErrBusy.
func (a *Auth) SignInByCode(remote string, local bool, typed string) (Session, error) {
	try, wait := a.codes.tries.Begin(remote)
	if wait > 0 {
		return Session{}, &TooManyTries{wait}
	}
	if !local && !a.codes.guess() {
		return Session{}, ErrBusy
	}
	slot, mac, ok := parseCode(typed)
	if !ok {
		return Session{}, &WrongCode{try.Left}
	}
	right, trusted := time.Now(), true
	if a.cfg.Clock != nil {
		right, trusted = a.cfg.Clock()
	}
	why, err := a.useCode(slot, mac, right, trusted, visitor{throttleAddress(remote), local})
	if errors.Is(err, errNoCode) {
		return Session{}, &WrongCode{try.Left}
	}
	if err != nil {
		return Session{}, err
	}
	try.Right()
	if why == ForPassword {
		return a.newSession(store.User{Name: Admin}, true)
	}
	return a.newSession(store.User{Role: string(Technician)}, false)
}

var errNoCode = errors.New("no such code")

// useCode finds what a code is for and uses it up.
func (a *Auth) useCode(slot uint32, mac []byte, now time.Time, trusted bool, by visitor) (why Purpose, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := ""
	err = a.changeTechnicians(func(t *technicians) (bool, error) {
		own, err := boxKey(t.Secret, a.cfg.BoxID)
		if err != nil {
			return false, err
		}
		clock := now
		for _, key := range [][]byte{own, t.Key} { // all are compared, whichever is the one
			for _, p := range purposes {
				if len(key) > 0 && hmac.Equal(mac, codeMAC(key, p, slot)) {
					why, id = p, fmt.Sprintf("%s %05x %s", p, slot, hex.EncodeToString(mac))
				}
			}
		}
		if id == "" {
			return false, errNoCode
		}
		if slices.Contains(t.Used, id) {
			if a.codes.onceMore(id, by) {
				return false, nil
			}
			return false, ErrCodeUsed
		}
		if !trusted {
			clock = t.Trusted
		}
		if !clock.Before(slotTime(slot)) {
			return false, ErrCodeExpired
		}
		t.Used = append(t.Used, id)
		if len(t.Used) > usedCodes {
			t.Used = t.Used[len(t.Used)-usedCodes:]
		}
		return true, nil
	})
	if err == nil && id != "" {
		a.codes.used(id, by)
	}
	return why, err
}
