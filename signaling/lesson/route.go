package lesson

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// frame takes a frame of a live lesson that came by a link.
func (h *Hub) frame(link string, parent bool, m protocol.Message) error {
	var err error
	stopped := h.do(context.Background(), func() {
		now := time.Now()
		switch m := m.(type) {
		case protocol.Watch:
			h.watched(link, m, now)
		case protocol.PresenceFrame:
			err = h.presence(link, parent, m, now)
		case protocol.Act:
			err = h.acts(link, parent, m, now)
		case protocol.Acted:
			err = h.acted(link, m)
		case protocol.StateFrame:
			err = h.stated(link, m, now)
		case protocol.Pulse:
			err = h.pulsed(link, m, now)
		default:
			err = fmt.Errorf("%s: not for live lessons", protocol.Kind(m))
		}
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// from finds the view of a lesson and the direction of its owner; "" where that is this box.
func (h *Hub) from(id string, now time.Time) (v *view, via string) {
	v = h.view(id, now)
	if v == nil {
		return nil, ""
	}
	rec, _ := h.reg.record(id)
	return v, rec.Via
}

// watched: somebody beyond a link looks at a lesson.
func (h *Hub) watched(link string, m protocol.Watch, now time.Time) {
	v, via := h.from(m.Lesson, now)
	if v == nil || via == link {
		return
	}
	first := v.links[link].IsZero()
	v.links[link] = now
	if first {
		v.beatAt = time.Time{} // pass it on at once
	}
	if s, ok := v.state(); ok && (version{m.Epoch, m.Rev}).less(of(s)) {
		h.reg.sendTo(link, protocol.StateFrame{Lesson: s, Hops: 1})
	}
}

// believes reports whether a link may speak for a room. See README.md of signaling/protocol, "Who is believed".
func (h *Hub) believes(v *view, link string, parent bool, from, room string, now time.Time) bool {
	if held, ok := v.held[room]; ok && held.link != link && held.link != "" && now.Sub(held.at) <= lostAfter {
		return false
	}
	campus := campusOf(room)
	if from == h.box || campus == h.place.campus && room == h.place.here(nil).Room {
		return false
	}
	mine := h.place.campusOf(link)
	if mine == "" && !parent { // it may have joined this very moment
		h.place.at = time.Time{}
		h.place.read(h.reg.store, now)
		mine = h.place.campusOf(link)
	}
	for _, c := range h.place.children {
		if c.ID != link && roomOf(c) == room && h.reg.linked(c.ID) {
			return false // a sister's
		}
	}
	others := slices.ContainsFunc(h.place.children, func(c store.Child) bool { return c.ID != link && c.CampusID == campus && campus != mine })
	switch {
	case parent:
		return !others
	case mine == "":
		return false // no child of this box
	case from == link:
		return campus == mine
	}
	return !others && (campus != h.place.campus || campus == mine)
}

func (h *Hub) presence(link string, parent bool, m protocol.PresenceFrame, now time.Time) error {
	v, via := h.from(m.Lesson, now)
	if v == nil || via == link || v.ended() {
		return nil
	}
	if !h.believes(v, link, parent, m.Room.Box, m.Room.Room, now) {
		return fmt.Errorf("presence: %s cannot speak for %q", m.Room.Box, m.Room.Room)
	}
	if !v.hold(m.Room.Room, link, now) {
		return fmt.Errorf("presence: %s speaks for too many rooms", link)
	}
	v.links[link] = now
	if v.live != nil {
		if len(m.Room.Teachers)+len(m.Room.Sources) > 0 && !h.mayTeach(v, link, parent) {
			m.Room.Teachers, m.Room.Sources = []string{}, nil
		}
		v.live.Presence(m.Room, now)
		return nil
	}
	return h.passOn(via, m.Hops, func(hops int) protocol.Message { m.Hops = hops; return m })
}

// roomOf is the room that a child is in.
func roomOf(c store.Child) string {
	if c.Classroom == "" {
		return c.CampusID
	}
	return c.CampusID + "/" + c.Classroom
}

// hold notes by which link a room is heard. A link has a bounded number of them.
func (v *view) hold(room, link string, now time.Time) bool {
	n := 0
	for r, held := range v.held {
		switch {
		case now.Sub(held.at) > heldFor:
			delete(v.held, r)
		case held.link == link && r != room:
			n++
		}
	}
	if n >= protocol.MaxRooms {
		return false
	}
	v.held[room] = heldBy{link, now}
	return true
}

func (h *Hub) mayTeach(v *view, link string, parent bool) bool {
	return parent || h.cfg.MayTeach != nil && h.cfg.MayTeach(v.id, link)
}

// passOn sends a frame to the next box, unless it has come too far.
func (h *Hub) passOn(link string, hops int, with func(hops int) protocol.Message) error {
	if hops >= protocol.MaxHops {
		return fmt.Errorf("a frame over %d hops", hops)
	}
	h.reg.sendTo(link, with(hops+1))
	return nil
}

// acts: a person of another box asks for something.
func (h *Hub) acts(link string, parent bool, m protocol.Act, now time.Time) error {
	reply := func(err error) {
		a := protocol.Acted{ID: m.ID, Lesson: m.Lesson, To: m.From, Hops: 1}
		if err != nil {
			e := asError(err)
			a.Code, a.Message = e.Code, e.Message
		}
		h.reg.sendTo(link, a)
	}
	v, via := h.from(m.Lesson, now)
	switch {
	case v == nil:
		reply(protocol.Errorf(protocol.UnknownLesson, "no lesson %q", m.Lesson))
		return nil
	case via == link:
		return fmt.Errorf("act: came from the owner's side")
	}
	if !h.believes(v, link, parent, m.From, m.Who.Room, now) {
		reply(protocol.Errorf(protocol.Forbidden, "%s is not yours", m.Who.Room))
		return fmt.Errorf("act: %s cannot act for %q", m.From, m.Who.Room)
	}
	v.links[link] = now
	if v.live == nil {
		key := route{m.From, m.ID}
		if _, twice := h.routes[key]; twice || len(h.routes) >= maxRoutes {
			reply(protocol.Errorf(protocol.TooMany, "too many acts under way"))
			return nil
		}
		if via == "" || m.Hops >= protocol.MaxHops {
			reply(ownerAway())
			return nil
		}
		h.routes[key] = back{link, now.Add(actWait)}
		return h.passOn(via, m.Hops, func(hops int) protocol.Message { m.Hops = hops; return m })
	}
	err := h.actFrom(v, link, parent, m, now)
	h.flush(now) // the state goes before the answer
	reply(err)
	return nil
}

// actFrom does another box's act on a lesson of this one.
func (h *Hub) actFrom(v *view, link string, parent bool, m protocol.Act, now time.Time) error {
	_, r, err := protocol.Decode(m.Request)
	if err != nil {
		return err
	}
	a := actorOf(m)
	switch {
	case a.Role == auth.Teacher && !h.mayTeach(v, link, parent):
		return protocol.Errorf(protocol.Forbidden, "nobody teaches this lesson from there")
	case a.Role == auth.Administrator && !parent:
		return protocol.Errorf(protocol.Forbidden, "a box below runs no lesson of this one")
	}
	if Local(r) {
		return protocol.Errorf(protocol.Forbidden, "%s stays in its room", protocol.Kind(r))
	}
	return h.apply(v, a, r, now)
}

func asError(err error) *protocol.Error {
	if e, ok := err.(*protocol.Error); ok {
		return e
	}
	return protocol.Errorf(protocol.Internal, "the lesson's box could not do this; its log says why")
}

// acted: the owner answers.
func (h *Hub) acted(link string, m protocol.Acted) error {
	if m.To == h.box {
		w, ok := h.pending[m.ID]
		if !ok || w.via != link {
			return nil // too late
		}
		delete(h.pending, m.ID)
		if m.Code == "" {
			w.answer(nil)
		} else {
			w.answer(&protocol.Error{Code: m.Code, Message: m.Message})
		}
		return nil
	}
	key := route{m.To, m.ID}
	b, ok := h.routes[key]
	if rec, known := h.reg.record(m.Lesson); !ok || !known || rec.Via != link {
		return nil
	}
	delete(h.routes, key)
	return h.passOn(b.link, m.Hops, func(hops int) protocol.Message { m.Hops = hops; return m })
}

// stated: the owner says what its lesson is now.
func (h *Hub) stated(link string, m protocol.StateFrame, now time.Time) error {
	s := m.Lesson
	v, via := h.from(s.ID, now)
	if v == nil || v.live != nil || via != link {
		return nil
	}
	v.heard = now
	if v.mirror.Epoch != 0 && !of(v.mirror).less(of(s)) || v.ended() {
		return nil
	}
	s.Stale = false
	v.mirror = s
	for to := range v.links {
		if to == link {
			continue
		}
		if err := h.passOn(to, m.Hops, func(hops int) protocol.Message { return protocol.StateFrame{Lesson: s, Hops: hops} }); err != nil {
			return err
		}
	}
	return nil
}

// pulsed: the owner is there.
func (h *Hub) pulsed(link string, m protocol.Pulse, now time.Time) error {
	v, via := h.from(m.Lesson, now)
	if v == nil || v.live != nil || via != link {
		return nil
	}
	v.heard = now
	if of(v.mirror).less(version{m.Epoch, m.Rev}) {
		v.beatAt = time.Time{} // ask for it
	}
	h.levels(v, m.Rooms)
	for to := range v.links {
		if err := h.passOn(to, m.Hops, func(hops int) protocol.Message { m.Hops = hops; return m }); err != nil {
			return err
		}
	}
	return nil
}
