package boxes

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// Entry is one box as this one shows it.
type Entry struct {
	Box       string // id
	Name      string
	Campus    string // of a child as this box invited it; of one further below as it says
	Classroom string
	Own       bool   // this box itself
	Via       string // the child that it is below; "" for a child
	Online    bool
	LastSeen  time.Time // when it last came or went
	Version   string
	Verdict   string // "" not known
	Findings  []Finding
	Told      time.Time // when it said so; zero: never
	Call      *Call     // that waits for somebody, or is dealt with; nil for none

	last *Call // also one that is over
}

// List is this box and all below it, the worst first.
func (r *Roster) List() ([]Entry, error) {
	all, err := r.entries()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	slices.SortStableFunc(all, func(a, b Entry) int { return worse(a, b, now) })
	return all, nil
}

// entries are this box, its children, and what those tell of, each in the order of ids.
func (r *Roster) entries() ([]Entry, error) {
	children, err := r.cfg.Store.Children()
	if err != nil {
		return nil, err
	}
	_, joined, err := r.cfg.Store.Parent()
	if err != nil {
		return nil, err
	}
	self := r.cfg.Self()
	r.mu.Lock()
	defer r.mu.Unlock()
	own := Entry{Box: r.cfg.Box, Name: self.Name, Campus: self.Campus, Classroom: self.Classroom, Own: true, Online: true, Version: self.Version, Verdict: self.Verdict, Findings: self.Findings}
	if r.mine != nil {
		c := r.mine.Call
		if own.last = &c; !joined && !c.ended() {
			own.Call = &c
		}
	}
	all := []Entry{own}
	ours := map[string]bool{}
	for _, c := range children {
		ours[c.ID] = true
		all = append(all, r.childLocked(c))
	}
	for id, one := range r.rows {
		if one.Via == id || ours[id] || !ours[one.Via] {
			continue
		}
		e := Entry{Box: id, Name: one.Name, Campus: one.Campus, Classroom: one.Classroom, Via: one.Via, LastSeen: one.Seen}
		if e.Online = one.Online && r.peers[one.Via] != nil; !e.Online && one.Online {
			e.LastSeen = one.Told
		}
		all = append(all, filled(e, one))
	}
	slices.SortFunc(all[1+len(children):], func(a, b Entry) int { return strings.Compare(a.Box, b.Box) })
	return all, nil
}

// childLocked is a child: where it stands is what its invitation said.
func (r *Roster) childLocked(c store.Child) Entry {
	e := Entry{Box: c.ID, Name: c.Name, Campus: c.CampusID, Classroom: c.Classroom, Online: r.peers[c.ID] != nil, LastSeen: c.LastSeen}
	if one, ok := r.rows[c.ID]; ok && one.Via == c.ID {
		return filled(e, one)
	}
	return e
}

func filled(e Entry, one row) Entry {
	e.Version, e.Verdict, e.Findings, e.Told, e.last = one.Version, one.Verdict, slices.Clone(one.Findings), one.Told, one.Call
	if !one.Call.ended() {
		c := *one.Call
		e.Call = &c
	}
	return e
}

// worst ranks a box: somebody waits, no lesson is possible, away for a day, problems, away, well.
func (e *Entry) worst(now time.Time) int {
	switch away := !e.Online; {
	case e.Call != nil && e.Call.State == protocol.CallOpen:
		return 0
	case !away && e.Verdict == protocol.VerdictDown:
		return 1
	case away && now.Sub(e.LastSeen) >= 24*time.Hour:
		return 2
	case !away && e.Verdict == protocol.VerdictWorks:
		return 3
	case away:
		return 4
	}
	return 5
}

func worse(a, b Entry, now time.Time) int {
	rank := a.worst(now)
	if c := cmp.Compare(rank, b.worst(now)); c != 0 {
		return c
	}
	c := 0
	switch rank {
	case 0:
		c = a.Call.Since.Compare(b.Call.Since) // who waits longest
	case 1, 3:
		c = cmp.Compare(len(b.Findings), len(a.Findings))
	case 2, 4:
		c = a.LastSeen.Compare(b.LastSeen)
	}
	return cmp.Or(c, strings.Compare(a.Campus, b.Campus), strings.Compare(a.Classroom, b.Classroom), strings.Compare(a.Box, b.Box))
}

// tell brings to the parent what it does not have yet. It belongs to Run.
func (r *Roster) tell(parent *peer, now time.Time) {
	all, err := r.entries()
	if err != nil {
		r.cfg.Log.Warn("boxes not told", "err", err)
		return
	}
	if r.to != parent {
		r.to, r.told, r.toldAt, r.listed = parent, map[string][]byte{}, time.Time{}, nil
	}
	all = all[:min(len(all), 1+protocol.MaxBelow)]
	kept := map[string][]byte{}
	list := protocol.Boxes{Boxes: []string{}}
	for _, e := range all {
		one := row{Name: e.Name, Campus: e.Campus, Classroom: e.Classroom, Version: e.Version, Verdict: e.Verdict, Findings: e.Findings}
		if !e.Online {
			one.Seen = e.LastSeen
		}
		call, again := e.last, false
		if e.Own {
			call, again = r.ownCall(parent.id)
			again = again || now.Sub(r.toldAt) >= repeat
		} else {
			list.Boxes = append(list.Boxes, e.Box)
		}
		kept[e.Box] = r.told[e.Box]
		m := frameOf(e.Box, one, e.Online, call)
		frame, err := protocol.Encode(m)
		if err != nil || !again && bytes.Equal(frame, r.told[e.Box]) {
			continue
		}
		if kept[e.Box] = r.send(parent, m); e.Own {
			r.toldAt = now
		}
	}
	r.told = kept
	if frame, err := protocol.Encode(list); err == nil && !bytes.Equal(frame, r.listed) {
		r.listed = r.send(parent, list)
	}
}

// ownCall is this box's call as a parent is told of it, and whether the parent has still to answer it.
func (r *Roster) ownCall(parent string) (c *Call, unanswered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mine == nil || r.mine.Call.State == protocol.CallDone {
		return nil, false
	}
	call := r.mine.Call
	return &call, r.mine.Told != parent || call.State == protocol.CallBack
}
