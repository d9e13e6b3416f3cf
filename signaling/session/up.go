package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// up is the connection on which a page publishes. Its sources are at the relay as soon as the offer is answered, before anything is sent:
// what nobody wants is not made, and who wants it must find it.
type up struct {
	s      *Session
	lesson string
	peer   *rtc.Peer

	entering sync.Mutex // one track or negotiation at a time; never held by calls from the relay

	mu      sync.Mutex
	sources map[string]*published // by mid
	closed  bool
}

// published is one source of a page.
type published struct {
	u      *up
	source string
	line   rtc.Line
	made   []track.Layer // of line.Layers, the last ones: what the page's machine can encode
	src    *relay.Source
	open   atomic.Bool // what comes may pass

	// Guarded by u.mu.
	layers map[track.Layer]*rtc.Incoming
	wants  map[track.Layer]bool
}

// mayPublish says whether the page may send these sources. A classroom sends its own voice and pupils and nothing else; the screen in the
// master classroom sends nothing, because the teacher's page does.
func (s *Session) mayPublish(tracks []protocol.Track) error {
	if err := s.mayPlay(); err != nil {
		return err
	}
	switch {
	case s.remote:
		return protocol.Errorf(protocol.Forbidden, "this page sends nothing")
	case s.role == auth.Teacher && !s.leads():
		return protocol.Errorf(protocol.NotYours, "another page teaches")
	case s.role == auth.Classroom && s.inMaster():
		return protocol.Errorf(protocol.Forbidden, "the screen of the master classroom sends nothing")
	case s.role == auth.Classroom && s.state != nil && taughtAt(s.state) == s.srv.cfg.Box:
		return protocol.Errorf(protocol.Full, "this box sends for the room where the lesson is taught")
	}
	seen, filmed := map[string]bool{}, s.filmed()
	for _, t := range tracks {
		if s.role == auth.Classroom && t.Source != track.Voice && t.Source != track.Pupils {
			return protocol.Errorf(protocol.Forbidden, "a classroom does not send %s", t.Source)
		}
		if slices.Contains(filmed, t.Source) {
			return protocol.Errorf(protocol.Full, "a camera of this room sends %s", t.Source)
		}
		if seen[t.Source] {
			return protocol.Errorf(protocol.Malformed, "tracks: %s twice", t.Source)
		}
		seen[t.Source] = true
	}
	return nil
}

// taughtAt is the box whose sources are the teacher's.
func taughtAt(st *protocol.State) string {
	if st.Lead != nil && st.Lead.Box != "" {
		return st.Lead.Box
	}
	return st.OwnerBox
}

// mediaUp answers what the page offers to send, the first time or again.
func mediaUp(ctx context.Context, s *Session, m protocol.MediaUp) (any, error) {
	if err := s.mayPublish(m.Tracks); err != nil {
		return nil, err
	}
	if err := s.mayNegotiate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, mediaWithin)
	defer cancel()
	answer, err := s.negotiate(ctx, m)
	if err == nil {
		err = s.publish(m.Tracks)
	}
	if err != nil {
		s.dropUp()
		return nil, mediaError(err)
	}
	s.gate(s.state)
	s.ask()
	return protocol.SDP{SDP: answer}, nil
}

func (s *Session) negotiate(ctx context.Context, m protocol.MediaUp) (string, error) {
	var video []codec.Codec // what the lesson has, while somebody publishes pictures in it
	for _, info := range s.srv.cfg.Relay.Sources() {
		if info.Key.Lesson == s.lesson && info.Kind == track.Video {
			video = []codec.Codec{info.Codec}
		}
	}
	if s.up != nil {
		s.up.entering.Lock()
		answer, err := s.up.peer.Renegotiate(ctx, m.SDP, video)
		s.up.entering.Unlock()
		if !errors.Is(err, rtc.ErrAnother) {
			return answer, err
		}
		s.dropUp()
	}
	u := &up{s: s, lesson: s.lesson, sources: map[string]*published{}}
	p, answer, err := s.srv.cfg.Engine.ReceivePage(ctx, m.SDP, rtc.ReceiveOptions{Name: s.id, Video: video, OnTrack: u.track})
	if err != nil {
		return "", err
	}
	u.peer, s.up = p, u
	p.OnState(func(st rtc.State) {
		if st == rtc.Closed {
			s.post(func() {
				if s.up == u {
					s.log.Info("page sends no more", "err", u.peer.Reason())
					s.dropUp()
				}
			})
		}
	})
	return answer, nil
}

// dropUp takes all back that the page sent.
func (s *Session) dropUp() {
	if s.up == nil {
		return
	}
	s.up.close()
	s.up = nil
	s.note(func(f *facts) { f.published = nil })
}

// publish brings the relay's sources to what the page now sends.
func (s *Session) publish(tracks []protocol.Track) error {
	u := s.up
	lines := map[string]rtc.Line{}
	for _, l := range u.peer.Lines() {
		lines[l.MID] = l
	}
	wanted := map[string]string{} // source by mid
	for _, t := range tracks {
		l, ok := lines[t.MID]
		if !ok {
			continue // it rests
		}
		if kind, _ := track.KindOf(t.Source); kind != l.Kind {
			return protocol.Errorf(protocol.Malformed, "tracks: m-line %s is no %s", t.MID, t.Source)
		}
		wanted[t.MID] = t.Source
	}
	u.entering.Lock()
	defer u.entering.Unlock()
	for mid, p := range u.snapshot() {
		l := lines[mid]
		if wanted[mid] != p.source || l.Codec != p.line.Codec || !slices.Equal(l.Layers, p.line.Layers) {
			u.remove(mid)
		}
	}
	for mid, source := range wanted {
		if _, there := u.snapshot()[mid]; there {
			continue
		}
		p := &published{u: u, source: source, line: lines[mid], made: s.limits().keep(lines[mid].Layers), layers: map[track.Layer]*rtc.Incoming{}, wants: map[track.Layer]bool{}}
		if !s.srv.claim(p.key(), s) {
			return protocol.Errorf(protocol.Full, "another room of this box sends %s", source)
		}
		u.mu.Lock()
		u.sources[mid] = p
		u.mu.Unlock()
		if err := p.publish(); err != nil {
			return err
		}
		s.log.Info("source published", "source", source, "codec", p.line.Codec.String(), "layers", len(p.line.Layers))
	}
	names := slices.Sorted(maps.Values(wanted))
	s.note(func(f *facts) { f.published = names })
	return nil
}

func (u *up) snapshot() map[string]*published {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.sources)
}

// remove is called with entering held.
func (u *up) remove(mid string) {
	u.mu.Lock()
	p := u.sources[mid]
	delete(u.sources, mid)
	u.mu.Unlock()
	if p == nil {
		return
	}
	p.open.Store(false)
	if p.src != nil {
		p.src.Close()
	}
	u.s.srv.release(p.key(), u.s)
}

func (u *up) close() {
	u.entering.Lock()
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	for mid := range u.snapshot() {
		u.remove(mid)
	}
	u.entering.Unlock()
	_ = u.peer.Close()
}

func (p *published) key() track.Key {
	return track.Key{Lesson: p.u.lesson, Origin: p.u.s.srv.cfg.Box, Source: p.source}
}

// publish makes the source known to the relay, or begins it anew. Called with entering held, and not with u.mu: the relay asks back.
func (p *published) publish() (err error) {
	r := p.u.s.srv.cfg.Relay
	p.src, err = r.Publish(relay.SourceInfo{Key: p.key(), Kind: p.line.Kind, Codec: p.line.Codec, Layers: p.made}, p)
	return err
}

// track leads a stream to its source. It is called from the connection's goroutine.
func (u *up) track(in *rtc.Incoming) {
	u.entering.Lock()
	defer u.entering.Unlock()
	u.mu.Lock()
	p := u.sources[in.MID]
	var again bool
	if p != nil {
		again = p.layers[in.RID] != nil
		p.layers[in.RID] = in
	}
	u.mu.Unlock()
	if p == nil || !slices.Contains(p.made, in.RID) {
		in.SetSink((*packet.Buffer).Release) // an m-line that was given no source, or a layer that is about to be turned off
		return
	}
	if !again {
		in.SetSink(p.through(p.src.Up(in.RID).Push))
		return
	}
	// A stream in the place of a former one has numbers of its own.
	if err := p.publish(); err != nil {
		u.s.log.Warn("source not published again", "source", p.source, "err", err)
		return
	}
	for rid, each := range p.incoming() {
		if !slices.Contains(p.made, rid) {
			continue
		}
		each.SetSink(p.through(p.src.Up(rid).Push))
	}
}

// through lets packets pass while the source is open: what a room says without the floor does not even reach its own box's relay.
func (p *published) through(push func(*packet.Buffer)) func(*packet.Buffer) {
	return func(b *packet.Buffer) {
		if p.open.Load() {
			push(b)
		} else {
			b.Release()
		}
	}
}

func (p *published) incoming() map[track.Layer]*rtc.Incoming {
	p.u.mu.Lock()
	defer p.u.mu.Unlock()
	return maps.Clone(p.layers)
}

// RequestKeyframe implements track.Maker.
func (p *published) RequestKeyframe(l track.Layer, urgent bool) {
	p.u.mu.Lock()
	in := p.layers[l]
	p.u.mu.Unlock()
	if in != nil {
		in.RequestKeyframe(urgent)
	}
}

// Want implements track.Maker: the page is asked to make what is wanted, and nothing else.
func (p *published) Want(l track.Layer, wanted bool) {
	p.u.mu.Lock()
	p.wants[l] = wanted
	p.u.mu.Unlock()
	p.u.s.post(p.u.s.ask)
}

var _ track.Maker = (*published)(nil)

// mayForward reports whether a source may leave this box now.
func (s *Session) mayForward(source string) bool {
	st := s.state
	if !s.teaching() {
		return false
	}
	if s.role == auth.Teacher {
		return s.leads() && (source != track.Voice || !st.Sources.Muted)
	}
	r, ok := roomOf(st, s.room)
	if !ok || r.State == protocol.RoomRemoved {
		return false
	}
	return source != track.Voice || hasFloor(st, s.room) && !r.Muted
}

// gate opens and closes the page's sources by the state of the lesson. before is the state until now: who has just been called is asked
// for a keyframe at once, past all limits.
func (s *Session) gate(before *protocol.State) {
	if s.up == nil {
		return
	}
	called := s.state != nil && hasFloor(s.state, s.room) && (before == nil || !hasFloor(before, s.room))
	turned := false
	for _, p := range s.up.snapshot() {
		open := s.mayForward(p.source)
		was := p.open.Swap(open)
		turned = turned || was != open
		if p.line.Kind == track.Video && (open && !was || called) {
			for _, in := range p.incoming() {
				in.RequestKeyframe(true)
			}
		}
	}
	if turned {
		s.ask()
	}
}

// claim reserves a source of this box for one room: sources are known by their box, so two rooms behind one would be taken for one another.
// The page that teaches takes the place of a room that attended until now.
func (s *Server) claim(k track.Key, one *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.claims[k]; old != nil && old != one && old.room != one.room {
		if one.role != auth.Teacher {
			return false
		}
		old.post(old.dropUp)
	}
	s.claims[k] = one
	return true
}

func (s *Server) release(k track.Key, one *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claims[k] == one {
		delete(s.claims, k)
	}
}
