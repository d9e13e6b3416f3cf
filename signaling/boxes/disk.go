package boxes

import (
	"fmt"

	"tongke/signaling/store"
)

// unwritten is what goes to the disk in one transaction.
type unwritten struct {
	put    map[string]row
	gone   []string
	mine   *own
	unsaid bool // mine is among it
	audits []store.AuditRow
}

// gatherLocked takes what is to be written.
func (r *Roster) gatherLocked() unwritten {
	u := unwritten{put: map[string]row{}, unsaid: r.unsaid, audits: r.audits}
	for id := range r.dirty {
		if one, ok := r.rows[id]; ok {
			u.put[id] = one
		} else {
			u.gone = append(u.gone, id)
		}
	}
	if r.mine != nil {
		c := *r.mine
		u.mine = &c
	}
	r.dirty, r.unsaid, r.audits = map[string]bool{}, false, nil
	return u
}

func (u *unwritten) write(tx *store.Tx) error {
	for _, id := range u.gone {
		if err := rows.Delete(tx, id); err != nil {
			return err
		}
	}
	for id, one := range u.put {
		if err := rows.Put(tx, id, one); err != nil {
			return err
		}
	}
	for _, a := range u.audits {
		if err := tx.Audit(a); err != nil {
			return err
		}
	}
	switch {
	case !u.unsaid:
		return nil
	case u.mine == nil:
		return calls.Delete(tx, store.KeyCall)
	}
	return calls.Put(tx, store.KeyCall, *u.mine)
}

// save writes what is to be written, then answers the calls that are on the disk by it.
func (r *Roster) save() error {
	r.write.Lock()
	defer r.write.Unlock()
	r.mu.Lock()
	u, owed := r.gatherLocked(), r.owed
	r.owed = map[string]bool{}
	r.mu.Unlock()
	if len(u.put)+len(u.gone)+len(u.audits) > 0 || u.unsaid {
		if err := r.cfg.Store.Update(u.write); err != nil {
			r.again(u, owed)
			return fmt.Errorf("write boxes: %w", err)
		}
	}
	r.answer(owed)
	return nil
}

// again puts back what was not written.
func (r *Roster) again(u unwritten, owed map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range u.put {
		r.dirty[id] = true
	}
	for _, id := range u.gone {
		r.dirty[id] = true
	}
	for id, yes := range owed {
		r.owed[id] = r.owed[id] || yes
	}
	r.unsaid = r.unsaid || u.unsaid
	r.audits = append(u.audits, r.audits...)
}
