package lesson

import (
	"fmt"
	"slices"
	"strings"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// subtree is the campuses of this box and of all below it, as far as is known, in order.
func (r *Registry) subtree() ([]string, error) {
	m, err := r.store.Meta()
	if err != nil {
		return nil, err
	}
	children, err := r.store.Children()
	if err != nil {
		return nil, err
	}
	all := []string{}
	add := func(campus string) {
		if campus != "" {
			all = append(all, campus)
		}
	}
	add(m.CampusID)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range children {
		add(c.CampusID)
		all = append(all, r.below[c.ID]...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), protocol.MaxBelow)], nil
}

// tellBelow tells the parent which campuses there are below it by this box, if that is new to it or always.
func (r *Registry) tellBelow(always bool) {
	r.telling.Lock() // what is newer is told later
	defer r.telling.Unlock()
	all, err := r.subtree()
	if err != nil {
		r.cfg.Log.Warn("campuses below not read", "err", err)
		return
	}
	r.mu.Lock()
	parent := r.parentLocked()
	old := r.told
	r.told = all
	r.mu.Unlock()
	if parent != nil && (always || !slices.Equal(old, all)) {
		r.send(parent, protocol.Below{Campuses: all})
	}
}

// belowOf takes a child's word of where it leads.
func (r *Registry) belowOf(p *peer, m protocol.Below) error {
	if p.parent {
		return fmt.Errorf("below: a parent said it")
	}
	meta, err := r.store.Meta()
	if err != nil {
		return err
	}
	children, err := r.store.Children()
	if err != nil {
		return err
	}
	own := func(c store.Child) bool { return c.ID == p.id }
	i := slices.IndexFunc(children, own)
	if i < 0 {
		return fmt.Errorf("below: no child %s", p.id)
	}
	mine := children[i].CampusID
	campuses := slices.DeleteFunc(slices.Clone(m.Campuses), func(campus string) bool {
		return campus != mine && (campus == meta.CampusID || slices.ContainsFunc(children, func(c store.Child) bool { return c.CampusID == campus && !own(c) }))
	})
	r.mu.Lock()
	changed := !slices.Equal(r.below[p.id], campuses)
	r.below[p.id] = campuses
	r.mu.Unlock()
	if changed {
		r.tellBelow(false)
		if r.cfg.Reach != nil {
			r.cfg.Reach()
		}
	}
	return nil
}

// Reaches reports whether one of a lesson's members is below a child, as the child says.
func (r *Registry) Reaches(box string, members protocol.Campuses) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.below[box], func(campus string) bool {
		return slices.ContainsFunc(members, func(m string) bool { return m == campus || strings.HasPrefix(m, campus+"/") })
	})
}
