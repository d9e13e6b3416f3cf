package boxes

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// Who is the person, or the screen, that calls or answers.
type Who struct{ Name, Role string }

// Mine is this box's call as the room sees it; ok is false without one. had says that the box that looks after this one has it: the
// parent, or this box where it has none.
func (r *Roster) Mine() (c Call, had, ok bool) {
	p, joined, err := r.cfg.Store.Parent()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mine == nil {
		return Call{}, false, false
	}
	return r.mine.Call, err == nil && (!joined || r.mine.Told == p.ID), true
}

// Raise calls for somebody to look, and is on the disk when it returns. One that waits already is left as it is.
func (r *Roster) Raise(from, code string, who Who) (Call, error) {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return Call{}, err
	}
	now := time.Now().UTC()
	r.mu.Lock()
	if r.mine != nil && !r.mine.Call.ended() {
		defer r.mu.Unlock()
		return r.mine.Call, nil
	}
	if len(r.mineAt) >= mostCalls {
		if now.Sub(r.mineAt[0]) < callsSpan {
			defer r.mu.Unlock()
			return Call{}, ErrTooOften
		}
		r.mineAt = r.mineAt[1:]
	}
	r.mineAt = append(r.mineAt, now)
	before := r.mine
	next := &own{Call: Call{ID: hex.EncodeToString(id), Since: now, From: from, Code: code, State: protocol.CallOpen, At: now}}
	r.mine, r.unsaid, r.urgent = next, true, true
	r.auditLocked(store.AuditCall, who, r.cfg.Box, next.Call)
	r.mu.Unlock()
	if err := r.save(); err != nil {
		r.undo(next, before)
		r.mu.Lock()
		r.mineAt = slices.DeleteFunc(r.mineAt, now.Equal) // what was not kept is no call
		r.mu.Unlock()
		return Call{}, err
	}
	r.nudge()
	return next.Call, nil
}

// undo takes back in memory what could not be written.
func (r *Roster) undo(next, before *own) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.audits = slices.DeleteFunc(r.audits, func(a store.AuditRow) bool { return a.Object == r.cfg.Box })
	if r.mine == next {
		r.mine = before
	}
}

// TakeBack ends this box's call; without one it does nothing. The parent is told when it can be.
func (r *Roster) TakeBack(who Who) error {
	_, joined, err := r.cfg.Store.Parent()
	if err != nil {
		return err
	}
	r.mu.Lock()
	if r.mine == nil || r.mine.Call.ended() {
		r.mu.Unlock()
		return nil
	}
	before := r.mine
	next := *before
	next.Call.State, next.Call.At = protocol.CallBack, time.Now().UTC()
	r.mine, r.unsaid, r.urgent = &next, true, true
	if !joined {
		r.mine = nil
	}
	after := r.mine
	r.auditLocked(store.AuditCallBack, who, r.cfg.Box, before.Call)
	r.mu.Unlock()
	if err := r.save(); err != nil {
		r.undo(after, before)
		return err
	}
	r.nudge()
	return nil
}

// Answer says that a person here knows of a box's call (protocol.CallSeen) or has dealt with it (protocol.CallDone). Saying it twice is
// saying it once.
func (r *Roster) Answer(box, id, state string, who Who) error {
	now := time.Now().UTC()
	r.mu.Lock()
	call := r.rows[box].Call
	if box == r.cfg.Box && r.mine != nil {
		call = &r.mine.Call
	}
	switch {
	case call == nil, call.ID != id, call.State == protocol.CallBack:
		r.mu.Unlock()
		return ErrNoCall
	case rank(state) <= rank(call.State):
		r.mu.Unlock()
		return r.save() // the first time may not have come to the disk
	}
	next := *call
	next.State, next.At, next.By = state, now, who.Name
	if box == r.cfg.Box {
		r.mine, r.unsaid = &own{next, r.mine.Told}, true
	} else {
		one := r.rows[box]
		one.Call = &next
		r.rows[box] = one
		r.dirty[box], r.owed[box] = true, true
	}
	r.urgent = true
	action := store.AuditCallSeen
	if state == protocol.CallDone {
		action = store.AuditCallDone
	}
	r.auditLocked(action, who, box, next)
	r.mu.Unlock()
	if err := r.save(); err != nil {
		return err // it stays to be written, and the box is told once it is
	}
	r.nudge()
	return nil
}

// auditLocked has a row written together with what it tells of.
func (r *Roster) auditLocked(action string, who Who, box string, c Call) {
	detail := map[string]string{"call": c.ID, "since": c.Since.Format(time.RFC3339), "from": c.From}
	if c.Code != "" {
		detail["code"] = c.Code
	}
	r.cfg.Log.Info(action, "box", box, "by", who.Name, "role", who.Role, "since", c.Since)
	r.audits = append(r.audits, store.AuditRow{At: time.Now().UTC(), Action: action, Who: who.Name, Role: who.Role, Object: box, Detail: detail})
}
