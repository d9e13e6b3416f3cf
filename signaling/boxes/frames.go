package boxes

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// Frame takes what another box says. An error says that the frame was no good; the link may stay.
func (r *Roster) Frame(box string, parent bool, m protocol.Message) error {
	r.mu.Lock()
	p := r.peers[box]
	r.mu.Unlock()
	if p == nil {
		return fmt.Errorf("%s: from a box without a link", protocol.Kind(m))
	}
	now := time.Now().UTC()
	switch m := m.(type) {
	case protocol.BoxState:
		if !parent {
			return r.stated(p, m, now)
		}
	case protocol.Boxes:
		if !parent {
			r.listedBy(p, m.Boxes, now)
			return nil
		}
	case protocol.CallTold:
		if parent {
			r.answered(p, m, now)
			return nil
		}
	}
	return fmt.Errorf("%s: not from this side", protocol.Kind(m))
}

// takeLocked uses up one of the rows that a link may bring; what is over is dropped, and that is said once.
func (r *Roster) takeLocked(p *peer, now time.Time) bool {
	p.tokens = min(rowsBurst, p.tokens+rowsRate*max(0, now.Sub(p.at).Seconds()))
	p.at = now
	if p.tokens >= 1 {
		p.tokens--
		return true
	}
	if !p.dropped {
		p.dropped = true
		r.cfg.Log.Warn("a box tells more than it may", "peer", p.id)
	}
	return false
}

// sane is a time of another clock, for people: never in the future, and unknown where that clock was never set.
func sane(at protocol.Millis, now time.Time) time.Time {
	switch t := at.Time().UTC(); {
	case at == 0 || t.Year() < 2020:
		return time.Time{}
	case t.After(now):
		return now
	default:
		return t
	}
}

// stated takes a child's word on itself or on a box below it.
func (r *Roster) stated(p *peer, m protocol.BoxState, now time.Time) error {
	r.mu.Lock()
	may := r.takeLocked(p, now)
	r.mu.Unlock()
	if !may {
		return nil // before the disk is asked
	}
	children, err := r.cfg.Store.Children()
	if err != nil {
		return err
	}
	is := func(id string) bool {
		return slices.ContainsFunc(children, func(c store.Child) bool { return c.ID == id })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.rows[m.Box]
	switch itself := m.Box == p.id; {
	case !is(p.id):
		return fmt.Errorf("box: %s is no child", p.id)
	case m.Box == r.cfg.Box, !itself && is(m.Box):
		return fmt.Errorf("box: %s cannot speak for %s", p.id, m.Box)
	case !itself && known && old.Via != p.id && is(old.Via): // who told first keeps it while away too: a silence gives nobody's call to another
		return fmt.Errorf("box: %s is told of by another", m.Box)
	case !itself && (!known || old.Via != p.id) && r.viaLocked(p.id) >= protocol.MaxBelow:
		return fmt.Errorf("box: %s tells of too many", p.id)
	case itself:
		m.Online = true
		if old.Via != p.id { // what another said of it, before it was invited here, is not its word
			old = row{}
		}
	}
	next := row{
		Via: p.id, Name: m.Name, Campus: m.Campus, Classroom: m.Classroom, Version: m.Version, Verdict: m.Verdict, Online: m.Online, Seen: sane(m.Seen, now), Told: now,
	}
	for _, f := range m.Findings {
		next.Findings = append(next.Findings, Finding{f.Code, f.Severity, sane(f.Since, now)})
	}
	next.Call = r.mergeLocked(m.Box, m.Box == p.id, old.Call, m.Call, now)
	r.rows[m.Box] = next
	if !same(old, next) {
		r.dirty[m.Box] = true
		r.nudge()
	}
	return nil
}

// same compares what is worth writing down.
func same(a, b row) bool {
	if b.Told.Sub(a.Told).Abs() < time.Hour {
		a.Told = b.Told
	}
	return reflect.DeepEqual(a, b)
}

// viaLocked counts the boxes that a child tells of, besides itself.
func (r *Roster) viaLocked(child string) (n int) {
	for id, one := range r.rows {
		if one.Via == child && id != child {
			n++
		}
	}
	return n
}

// mergeLocked is the call of a box after its word: a call only rises, another one takes its place, and no word of it ends none.
func (r *Roster) mergeLocked(box string, itself bool, old *Call, got *protocol.Call, now time.Time) *Call {
	if got == nil {
		return old
	}
	if old == nil || old.ID != got.ID {
		if now.Sub(r.called[box]) < callsEvery {
			return old // it is told again
		}
		r.called[box] = now
		since := sane(got.Since, now)
		if since.IsZero() {
			since = now
		}
		r.urgent = true
		r.owed[box] = itself
		return &Call{ID: got.ID, Since: since, From: got.From, Code: got.Code, State: got.State, At: now}
	}
	next := *old
	if rank(got.State) > rank(old.State) {
		next.State, next.At, next.By = got.State, now, ""
		r.urgent = true
	}
	if itself || rank(next.State) > rank(got.State) { // the child below answers its own children
		r.owed[box] = true
		r.nudge()
	}
	return &next
}

// listedBy forgets the boxes that a child does not tell of any more.
func (r *Roster) listedBy(p *peer, list []string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.takeLocked(p, now) {
		return
	}
	for id, one := range r.rows {
		if one.Via == p.id && id != p.id && !slices.Contains(list, id) {
			delete(r.rows, id)
			r.dirty[id] = true
		}
	}
	r.nudge()
}

// answered takes the parent's word on a call of this box or of one below.
func (r *Roster) answered(p *peer, m protocol.CallTold, now time.Time) {
	at := sane(m.At, now)
	if at.IsZero() {
		at = now
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.nudge()
	if m.Box == r.cfg.Box {
		r.answeredMineLocked(p, m, at)
		return
	}
	one, ok := r.rows[m.Box]
	if !ok || one.Call == nil || one.Call.ID != m.ID || m.State != protocol.CallSeen && m.State != protocol.CallDone || rank(m.State) <= rank(one.Call.State) {
		return
	}
	c := *one.Call
	c.State, c.At, c.By = m.State, at, ""
	one.Call = &c
	r.rows[m.Box] = one
	r.dirty[m.Box], r.owed[m.Box] = true, true
}

func (r *Roster) answeredMineLocked(p *peer, m protocol.CallTold, at time.Time) {
	if r.mine == nil || r.mine.Call.ID != m.ID {
		return
	}
	next := *r.mine
	next.Told = p.id
	over := m.State == protocol.CallDone || m.State == protocol.CallBack
	switch {
	case next.Call.State == protocol.CallBack && over:
		r.mine, r.unsaid = nil, true
		return
	case next.Call.State != protocol.CallBack && m.State != protocol.CallBack && rank(m.State) > rank(next.Call.State):
		next.Call.State, next.Call.At = m.State, at
	}
	if next != *r.mine {
		r.mine, r.unsaid = &next, true
	}
}

// answer tells the boxes whose calls are on the disk what is kept of them.
func (r *Roster) answer(owed map[string]bool) {
	for box, yes := range owed {
		r.mu.Lock()
		one, ok := r.rows[box]
		p := r.peers[one.Via]
		r.mu.Unlock()
		if !yes || !ok || one.Call == nil || p == nil {
			continue
		}
		m := protocol.CallTold{Box: box, ID: one.Call.ID, State: one.Call.State, At: protocol.At(one.Call.At)}
		if m.State == protocol.CallOpen {
			m.State = protocol.CallGot
		}
		r.send(p, m)
	}
}

// send tells the box at the other end of a link; what does not go is told when the link is back.
func (r *Roster) send(p *peer, m protocol.Message) []byte {
	frame, err := protocol.Encode(m)
	if err == nil {
		err = p.send(frame)
	}
	if err != nil {
		r.cfg.Log.Debug("not told", "peer", p.id, "frame", protocol.Kind(m), "err", err)
		return nil
	}
	return frame
}
