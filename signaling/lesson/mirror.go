package lesson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tongke/signaling/protocol"
)

// givenUp is the revision of a mirror that ended without its owner's word: any word of the owner counts higher.
const givenUp = 0

// peer is the other end of a link that is up.
type peer struct {
	id     string
	parent bool
	send   func(frame []byte) error
	seen   map[string]bool // put since the link came up; nil after lesson.synced
}

// asked are the children that wait for an answer about a lesson.
type asked struct {
	since time.Time
	by    map[string]bool // box ids
}

// LinkUp says that the lesson channel to another box is open; send must not block. What this box knows goes over at once. down says that
// this channel is closed: its lessons stay as they are known, stale. A later channel to the same box takes this one's place.
func (r *Registry) LinkUp(box string, parent bool, send func(frame []byte) error) (down func()) {
	p := &peer{id: box, parent: parent, send: send, seen: map[string]bool{}}
	r.mu.Lock()
	r.peers[box] = p
	early := r.early[box]
	delete(r.early, box)
	delete(r.gone, box)
	var known []Lesson
	for _, rec := range r.records {
		if rec.Via != box && rec.Lesson.State != protocol.Ended {
			known = append(known, rec.Lesson)
		}
	}
	r.mu.Unlock()
	for _, l := range known {
		r.send(p, protocol.LessonPut{Lesson: l})
	}
	r.send(p, protocol.LessonSynced{})
	r.tellBelow(parent)
	for _, frame := range early {
		if err := r.Frame(box, frame); err != nil {
			r.cfg.Log.Debug("early lesson frame refused", "peer", box, "err", err)
		}
	}
	if r.hub != nil {
		r.hub.post(func() { r.hub.linkUp(box) })
	}
	return func() { r.linkDown(p) }
}

func (r *Registry) linkDown(p *peer) {
	r.mu.Lock()
	if r.peers[p.id] != p {
		r.mu.Unlock()
		return
	}
	delete(r.peers, p.id)
	delete(r.early, p.id)
	r.gone[p.id] = time.Now()
	var waiting []chan struct{}
	if p.parent {
		for id, w := range r.waiting {
			waiting = append(waiting, w...)
			delete(r.waiting, id)
		}
	}
	r.mu.Unlock()
	for _, w := range waiting {
		close(w)
	}
	if r.hub != nil {
		r.hub.post(func() { r.hub.linkDown(p.id) })
	}
}

func (r *Registry) send(p *peer, m protocol.Message) {
	frame, err := protocol.Encode(m)
	if err == nil {
		err = p.send(frame)
	}
	if err != nil { // the link's end will bring everything anew when it is back
		r.cfg.Log.Debug("lesson frame not sent", "peer", p.id, "err", err)
	}
}

// Frame takes a frame from another box and keeps nothing of it. An error says that the frame was no good; the link may stay.
func (r *Registry) Frame(box string, frame []byte) error {
	m, err := protocol.DecodeFrame(frame)
	if err != nil {
		return fmt.Errorf("lesson frame: %w", err)
	}
	r.mu.Lock()
	p := r.peers[box]
	if p == nil { // the other end opened the channel an instant earlier
		defer r.mu.Unlock()
		if len(r.early) >= maxEarly && r.early[box] == nil || len(r.early[box]) > maxMirrors {
			return errors.New("lesson frame: from a box without a link")
		}
		r.early[box] = append(r.early[box], bytes.Clone(frame))
		return nil
	}
	r.mu.Unlock()
	switch m := m.(type) {
	case protocol.LessonPut:
		return r.put(p, m.Lesson)
	case protocol.LessonEnd:
		return r.ended(p, m)
	case protocol.LessonAsk:
		r.askedBy(p, m.ID)
	case protocol.LessonNone:
		if p.parent {
			r.none(m.ID)
		}
	case protocol.LessonSynced:
		return r.synced(p)
	case protocol.Below:
		return r.belowOf(p, m)
	case protocol.BoxState, protocol.Boxes, protocol.CallTold:
		if r.cfg.Boxes == nil {
			return fmt.Errorf("%s: nobody takes it", protocol.Kind(m))
		}
		return r.cfg.Boxes(p.id, p.parent, m)
	default:
		if r.hub != nil {
			return r.hub.frame(p.id, p.parent, m)
		}
	}
	return nil
}

// verdict is what to do with a version of a lesson that came from another box.
type verdict int

const (
	ignore verdict = iota
	accept         // it is newer
	answer         // ours is newer: say so
)

// judge compares the version known with the one that came by the link via. heard: the known one is open and came by another link that is
// up. It is pure.
func judge(known record, ok bool, got Lesson, own, via string, fromParent, heard bool) verdict {
	have := known.Lesson
	open := ok && have.State != protocol.Ended
	newer := got.Epoch > have.Epoch || got.Epoch == have.Epoch && got.Revision > have.Revision
	switch {
	case got.Owner == own:
		if ok && have.Owner == own && !newer {
			return ignore
		}
		return answer // this box forgot it, or says something else now
	case !ok, !open && got.Owner != have.Owner:
		if got.State == protocol.Ended {
			return ignore
		}
		return accept
	case got.Owner != have.Owner: // both made it while apart
		switch {
		case got.State == protocol.Ended:
			return ignore
		case fromParent, known.Via == via:
			return accept
		}
		return answer
	case heard && !fromParent:
		return ignore
	case newer:
		return accept
	case got.Epoch < have.Epoch && !fromParent:
		return answer
	case got.Epoch == have.Epoch && got.Revision == have.Revision && known.Via != via && !heard:
		return accept // its owner is heard from another direction now
	}
	return ignore
}

func (r *Registry) put(p *peer, l Lesson) error {
	if err := valid(l); err != nil {
		return fmt.Errorf("lesson.put: %w", err)
	}
	l.Start, l.End = l.Start.UTC(), l.End.UTC()
	var reply *Lesson
	err := r.change(l.ID, func(rec record, ok bool) (record, error) {
		r.mu.Lock()
		if p.seen != nil {
			p.seen[l.ID] = true
		}
		heard := rec.Via != "" && rec.Lesson.State != protocol.Ended && rec.Via != p.id && r.peers[rec.Via] != nil
		mirrors := 0
		for _, other := range r.records {
			if other.Via == p.id && other.Lesson.State != protocol.Ended {
				mirrors++
			}
		}
		r.mu.Unlock()
		switch judge(rec, ok, l, r.cfg.Box, p.id, p.parent, heard) {
		case accept:
			if !ok && mirrors >= maxMirrors {
				return rec, ErrTooMany
			}
			return record{Lesson: l, Via: p.id}, nil
		case answer:
			known := rec.Lesson
			ours := ok && known.State != protocol.Ended
			switch {
			case ours && known.Owner == r.cfg.Box && l.Owner == r.cfg.Box: // our word of another life counts higher: rise above it
				rec.Lesson.Epoch = l.Epoch + 1
				return rec, nil
			case !ours: // what that word speaks of is over
				known = l
				known.State, known.Ended = protocol.Ended, time.Now().UTC()
				known.Revision++
			}
			reply = &known
		}
		return rec, errUnchanged
	})
	if err != nil {
		return fmt.Errorf("lesson.put: %w", err)
	}
	if reply != nil {
		r.reply(p, *reply)
	}
	return nil
}

func (r *Registry) reply(p *peer, l Lesson) {
	if l.State == protocol.Ended {
		r.send(p, protocol.LessonEnd{ID: l.ID, Owner: l.Owner, Epoch: l.Epoch, Revision: l.Revision, Ended: l.Ended})
		return
	}
	r.send(p, protocol.LessonPut{Lesson: l})
}

func (r *Registry) ended(p *peer, m protocol.LessonEnd) error {
	err := r.change(m.ID, func(rec record, ok bool) (record, error) {
		// Only the direction that a lesson is heard from can end it; an end of an older or another epoch means another lesson.
		if !ok || rec.Via != p.id || rec.Lesson.State == protocol.Ended || m.Owner != rec.Lesson.Owner || m.Epoch != rec.Lesson.Epoch ||
			m.Revision != givenUp && m.Revision <= rec.Lesson.Revision {
			return rec, errUnchanged
		}
		rec.Lesson.State, rec.Lesson.Ended, rec.Lesson.Revision = protocol.Ended, m.Ended.UTC(), m.Revision
		return rec, nil
	})
	if err != nil {
		return fmt.Errorf("lesson.end: %w", err)
	}
	return nil
}

// synced ends what was learned by this link once and is not known at its other end any more.
func (r *Registry) synced(p *peer) error {
	r.mu.Lock()
	seen := p.seen
	p.seen = nil
	var over []string
	if seen != nil {
		for id, rec := range r.records {
			if rec.Via == p.id && rec.Lesson.State != protocol.Ended && !seen[id] {
				over = append(over, id)
			}
		}
	}
	r.mu.Unlock()
	var errs []error
	for _, id := range over {
		errs = append(errs, r.change(id, func(rec record, ok bool) (record, error) {
			if !ok || rec.Via != p.id || rec.Lesson.State == protocol.Ended {
				return rec, errUnchanged
			}
			rec.Lesson.State, rec.Lesson.Ended, rec.Lesson.Revision = protocol.Ended, time.Now().UTC(), givenUp
			return rec, nil
		}))
	}
	return errors.Join(errs...)
}

// Ask finds a lesson that has not ended: here, else at the parent, which is given 2 s. ErrUnknown if there is none.
func (r *Registry) Ask(ctx context.Context, id string) (Lesson, error) {
	if l, ok := r.Open(id); ok {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	r.mu.Lock()
	parent := r.parentLocked()
	if parent == nil || len(r.waiting) > maxMirrors {
		r.mu.Unlock()
		return Lesson{}, ErrUnknown
	}
	answered := make(chan struct{})
	r.waiting[id] = append(r.waiting[id], answered)
	r.mu.Unlock()
	r.send(parent, protocol.LessonAsk{ID: id})
	select {
	case <-answered:
	case <-ctx.Done():
		r.forget(id, answered)
	}
	if l, ok := r.Open(id); ok {
		return l, nil
	}
	return Lesson{}, ErrUnknown
}

func (r *Registry) parentLocked() *peer {
	for _, p := range r.peers {
		if p.parent {
			return p
		}
	}
	return nil
}

func (r *Registry) forget(id string, answered chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range r.waiting[id] {
		if w == answered {
			r.waiting[id] = append(r.waiting[id][:i:i], r.waiting[id][i+1:]...)
			break
		}
	}
	if len(r.waiting[id]) == 0 {
		delete(r.waiting, id)
	}
}

// askedBy answers a child, or asks the parent for it.
func (r *Registry) askedBy(p *peer, id string) {
	if l, ok := r.Open(id); ok {
		r.send(p, protocol.LessonPut{Lesson: l})
		return
	}
	r.mu.Lock()
	parent := r.parentLocked()
	_, known := r.asking[id]
	if parent == nil || parent == p || !known && len(r.asking) >= maxMirrors {
		r.mu.Unlock()
		r.send(p, protocol.LessonNone{ID: id})
		return
	}
	if !known {
		r.asking[id] = asked{since: time.Now(), by: map[string]bool{}}
	}
	r.asking[id].by[p.id] = true
	r.mu.Unlock()
	r.send(parent, protocol.LessonAsk{ID: id})
}

// none passes the parent's answer on to all who wait for it.
func (r *Registry) none(id string) {
	r.mu.Lock()
	waiting := r.waiting[id]
	delete(r.waiting, id)
	var to []*peer
	for box := range r.asking[id].by {
		if p := r.peers[box]; p != nil {
			to = append(to, p)
		}
	}
	delete(r.asking, id)
	r.mu.Unlock()
	for _, w := range waiting {
		close(w)
	}
	for _, p := range to {
		r.send(p, protocol.LessonNone{ID: id})
	}
}
