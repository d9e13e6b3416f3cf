package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tongke/signaling/store"
)

// oldCode is the last code of a room's phones that was withdrawn in a lesson.
type oldCode struct {
	Lesson    string `json:"lesson"`
	Campus    string `json:"campus"`
	Classroom string `json:"classroom,omitempty"`
	N         int    `json:"n"`  // its number, as Principal.Phone
	At        int64  `json:"at"` // Unix seconds
}

func (o oldCode) seat() seat { return seat{o.Lesson, o.Campus, o.Classroom} }

var oldCodes = store.TableOf[[]oldCode](store.BucketBox)

func (a *Auth) openOldCodes() error {
	return a.store.View(func(tx *store.Tx) (err error) {
		a.phones.old, err = oldCodes.Get(tx, store.KeyOldCodes)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
}

// withdrawLocked notes that a room's codes up to the n-th open nothing any more; phones.mu is held until it is on the disk, so that the last
// list written is the newest.
func (a *Auth) withdrawLocked(s seat, n int, now time.Time) error {
	over := now.Add(-phoneLife).Unix()
	a.phones.old = slices.DeleteFunc(a.phones.old, func(o oldCode) bool { return o.seat() == s || o.At < over })
	a.phones.old = a.phones.old[max(0, len(a.phones.old)-maxCodes+1):]
	a.phones.old = append(a.phones.old, oldCode{s.lesson, s.campus, s.classroom, n, now.Unix()})
	err := a.store.Update(func(tx *store.Tx) error { return oldCodes.Put(tx, store.KeyOldCodes, a.phones.old) })
	if err != nil {
		return fmt.Errorf("keep a withdrawn code: %w", err)
	}
	return nil
}

// Withdrawn reports whether a phone came by a code that was withdrawn since, also when the lesson is over. A later lesson of the same id
// counts its codes anew, so what came after the withdrawal is not meant.
func (a *Auth) Withdrawn(p Principal) bool {
	if p.Phone == 0 {
		return false
	}
	came := p.Expires.Add(-phoneLife).Unix()
	a.phones.mu.Lock()
	defer a.phones.mu.Unlock()
	return slices.ContainsFunc(a.phones.old, func(o oldCode) bool {
		return o.seat() == seat{p.Lesson, p.Campus, p.Classroom} && p.Phone <= o.N && came <= o.At
	})
}
