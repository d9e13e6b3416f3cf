package lesson

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// waiting is an act of this box that its owner has not answered.
type waiting struct {
	lesson   string
	via      string
	deadline time.Time
	answer   func(error) // called once, from Run
}

// route and back say where an act came from that was passed on.
type (
	route struct{ box, id string }
	back  struct {
		link     string
		deadline time.Time
	}
)

func ownerAway() error {
	return protocol.Errorf(protocol.OwnerAway, "the lesson's box cannot be reached")
}

// Act does what somebody of this box asks for: here if this box owns the lesson, else at the owner, which is given 3 s. Requests that stay in
// the room's box (Local) are only looked up in the table: nil means that the caller may do them. The error is a *protocol.Error.
func (h *Hub) Act(ctx context.Context, lesson string, a Actor, m protocol.Request) error {
	a.Box = h.box
	if Local(m) {
		return h.checkLocal(lesson, a, m)
	}
	answer := make(chan error, 1)
	err := h.do(ctx, func() { h.act(lesson, a, m, func(err error) { answer <- err }) })
	if err == nil {
		select {
		case err = <-answer:
		case <-h.stopped:
			err = errStopped
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	var e *protocol.Error
	switch {
	case err == nil, errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errStopped):
		return ownerAway()
	}
	h.cfg.Log.Error("act not done", "lesson", lesson, "type", protocol.Kind(m), "err", err)
	return protocol.Errorf(protocol.Internal, "the box could not do this; its log says why")
}

func (h *Hub) checkLocal(lesson string, a Actor, m protocol.Request) error {
	s, ok := h.State(lesson)
	if !ok {
		return protocol.Errorf(protocol.UnknownLesson, "no lesson %q", lesson)
	}
	return Check(a, m, s.State)
}

// act runs in Run.
func (h *Hub) act(lesson string, a Actor, m protocol.Request, answer func(error)) {
	now := time.Now()
	v := h.view(lesson, now)
	switch {
	case v == nil:
		answer(protocol.Errorf(protocol.UnknownLesson, "no lesson %q", lesson))
	case v.live != nil:
		err := h.apply(v, a, m, now)
		h.flush(now) // who is answered has seen what came of it
		answer(err)
	default:
		h.ask(v, a, m, now, answer)
	}
}

// apply does an act on a lesson of this box. What must survive a power cut is on disk before it counts.
func (h *Hub) apply(v *view, a Actor, m protocol.Request, now time.Time) error {
	if !durable(m) {
		return v.live.Apply(a, m, now)
	}
	was := v.live.kept.clone()
	if err := v.live.Apply(a, m, now); err != nil {
		return err
	}
	if v.version() == of(was.State) {
		return nil // as it was
	}
	var err error
	if _, last := m.(protocol.LessonFinish); !last {
		err = v.writes.take(now)
	}
	if err == nil {
		err = h.persist(v, m)
	}
	if err != nil {
		v.live.kept = was
		return err
	}
	v.saved, v.savedAt = v.version(), now
	h.cfg.Log.Info("lesson changed", "lesson", v.id, "by", string(a.Role), "type", protocol.Kind(m), "room", a.Room)
	return nil
}

// durable reports whether a request is on disk before it is answered. Of what a teacher sets, how it looks is not.
func durable(m protocol.Request) bool {
	if set, ok := m.(protocol.LessonSet); ok {
		return set.Closed != nil || set.Record != nil || set.Scope != nil
	}
	return rules[protocol.Kind(m)].durable
}

// bucket bounds how often one lesson makes the hub wait for the disk, because all lessons wait with it: 5 times a second, 20 at once.
type bucket struct {
	left float64
	at   time.Time
}

const (
	writesAtOnce    = 20
	writesPerSecond = 5
)

func (b *bucket) take(now time.Time) error {
	if b.at.IsZero() {
		b.left = writesAtOnce
	} else {
		b.left = min(writesAtOnce, b.left+now.Sub(b.at).Seconds()*writesPerSecond)
	}
	b.at = now
	if b.left < 1 {
		return protocol.Errorf(protocol.TooMany, "too many changes of one lesson")
	}
	b.left--
	return nil
}

func (h *Hub) persist(v *view, m protocol.Request) error {
	s := v.live.kept.State
	switch m.(type) {
	case protocol.LessonFinish:
		if _, err := h.reg.End(v.id); err != nil {
			return err
		}
	case protocol.Feedback:
		return h.reg.setFeedback(v.id, v.live.kept.Feedback)
	case protocol.LessonSet:
		if err := h.reg.setRecord(v.id, s.Record, s.Scope); err != nil {
			return err
		}
	}
	return h.saver.now(v.id, v.live.kept.clone())
}

// setRecord changes what a lesson keeps.
func (r *Registry) setRecord(id, keeps, scope string) error {
	return r.change(id, func(rec record, ok bool) (record, error) {
		if !ok || rec.Lesson.Owner != r.cfg.Box {
			return rec, ErrUnknown
		}
		if rec.Lesson.Record == keeps && rec.Lesson.Scope == scope {
			return rec, errUnchanged
		}
		rec.Lesson.Record, rec.Lesson.Scope = keeps, scope
		rec.Lesson.Revision++
		return rec, nil
	})
}

// setFeedback keeps how a lesson went with its record.
func (r *Registry) setFeedback(id string, said map[string]bool) error {
	return r.change(id, func(rec record, ok bool) (record, error) {
		if !ok || rec.Lesson.Owner != r.cfg.Box {
			return rec, ErrUnknown
		}
		rec.Feedback = maps.Clone(said)
		return rec, nil
	})
}

// ask sends an act to the owner.
func (h *Hub) ask(v *view, a Actor, m protocol.Request, now time.Time, answer func(error)) {
	// What this role may never do need not travel; where the lesson stands its owner knows better.
	if err := Check(a, m, v.mirror.State); errors.Is(err, &protocol.Error{Code: protocol.Forbidden}) {
		answer(err)
		return
	}
	request, err := protocol.EncodeRequest(1, m)
	if err != nil {
		answer(err)
		return
	}
	h.nextAct++
	id := h.life + "-" + strconv.FormatUint(h.nextAct, 10)
	rec, _ := h.reg.record(v.id)
	sent := rec.Via != "" && h.reg.sendTo(rec.Via, protocol.Act{
		ID: id, Lesson: v.id, From: h.box, Hops: 1, Request: request,
		Who: protocol.Who{Role: string(a.Role), Room: a.Room, Session: a.Session, Remote: a.Remote},
	})
	if !sent {
		answer(ownerAway())
		return
	}
	h.pending[id] = waiting{lesson: v.id, via: rec.Via, deadline: now.Add(actWait), answer: answer}
}

// expire answers acts that nobody answered, and forgets the ways back.
func (h *Hub) expire(now time.Time) {
	for id, w := range h.pending {
		if now.After(w.deadline) {
			delete(h.pending, id)
			w.answer(ownerAway())
		}
	}
	for r, b := range h.routes {
		if now.After(b.deadline) {
			delete(h.routes, r)
		}
	}
}

// linkUp: the owners beyond this link hear at once what they may have missed.
func (h *Hub) linkUp(link string) {
	now := time.Now()
	for _, v := range h.views {
		if rec, ok := h.reg.record(v.id); !ok || rec.Via != link || v.live != nil {
			continue
		}
		for _, s := range v.own {
			s.dirty, s.sent = true, time.Time{}
		}
		v.beatAt = now
		h.beat(v)
		h.tell(v, now)
	}
}

// linkDown: what went by this link is not answered any more.
func (h *Hub) linkDown(link string) {
	for id, w := range h.pending {
		if w.via == link {
			delete(h.pending, id)
			w.answer(ownerAway())
		}
	}
	for _, v := range h.views {
		delete(v.links, link)
	}
}

// Presence says what there is of a room of this box, whole; the hub restates it each second. A room that nobody is in any more (no page, no
// phones, no teachers) is forgotten once the owner had time to hear it. It does not wait.
func (h *Hub) Presence(lesson string, p protocol.Presence) {
	p.Box, p.Known = h.box, nil
	if p.Teachers == nil {
		p.Teachers = []string{}
	}
	h.post(func() {
		now := time.Now()
		v := h.view(lesson, now)
		if v == nil {
			return
		}
		s := v.own[p.Room]
		gone := !p.Page && p.Phones == 0 && len(p.Teachers) == 0
		if s == nil {
			if gone {
				return
			}
			s = &said{}
			v.own[p.Room] = s
		}
		s.p, s.dirty = p, true
		switch {
		case !gone:
			s.gone = time.Time{}
		case s.gone.IsZero():
			s.gone = now
		}
		h.tell(v, now)
	})
}

// Published says what publishers without a page send as the teacher of a lesson, whole. Where another box owns the lesson nothing is done:
// its own hub is told.
func (h *Hub) Published(lesson string, sources []string) {
	h.post(func() {
		now := time.Now()
		if v := h.view(lesson, now); v != nil && v.live != nil {
			v.live.Published(sources, now)
		}
	})
}

// actor is who acts, as another box says.
func actorOf(m protocol.Act) Actor {
	return Actor{Role: auth.Role(m.Who.Role), Box: m.From, Room: m.Who.Room, Session: m.Who.Session, Remote: m.Who.Remote}
}
