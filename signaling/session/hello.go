package session

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

const askWithin = 3 * time.Second // for a lesson that this box does not know yet

// hello gives a connection its session: the one that its token names, or a new one. It is called by the connection's goroutine.
func (s *Server) hello(c *conn, r *http.Request, id int, h protocol.Hello) (*Session, error) {
	if h.Version > protocol.Version {
		return nil, protocol.Errorf(protocol.VersionCode, "this box speaks version %d", protocol.Version)
	}
	who, err := s.cfg.Auth.Who(ask(r, h.Page, s.cfg.Auth.CookieName(r)), h.Lesson)
	if err != nil {
		return nil, protocol.Errorf(protocol.Forbidden, "token is not good for this")
	}
	record, err := s.record(h)
	if err != nil {
		return nil, err
	}
	role, ok := roleOn(h.Page, who, record)
	if !ok {
		return nil, protocol.Errorf(protocol.Forbidden, "%s is not for this page or lesson", orNobody(who.Role))
	}
	place := s.cfg.Place()
	campus, classroom := who.Campus, who.Classroom
	placed := campus == "" || who.TokenID == auth.LocalID || role == auth.Teacher || role == auth.Administrator
	if placed {
		campus, classroom = place.Campus, place.Classroom
	}
	if record != nil && role == auth.Classroom && !s.cfg.Records.Visible(*record, campus, classroom) {
		return nil, protocol.Errorf(protocol.Forbidden, "this room does not attend that lesson")
	}
	one := &Session{
		srv: s, id: "s-" + secret()[:12], page: h.Page, role: role, who: who,
		room: roomID(campus, classroom), roomName: place.roomName(campus, classroom), campus: campus, classroom: classroom,
		remote: h.Remote && h.Page == protocol.PageTeach, lan: onLAN(r), fixed: record != nil, placed: placed,
		acts: make(chan job, maxWaiting), wake: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	one.log = s.log.With("session", one.id, "role", string(role), "room", one.room)
	if old := s.resumed(h.Resume, one); old != nil {
		s.greet(old, c, id)
		return old, nil
	}
	if record != nil {
		if err := s.enterable(r.Context(), one, h); err != nil {
			return nil, err
		}
	}
	if role == auth.Assistant {
		if st, ok := s.cfg.Hub.State(who.Lesson); ok && one.outdated(st) {
			return nil, protocol.Errorf(protocol.Forbidden, "the room has a new code")
		}
		if err := s.cfg.Auth.PhoneCame(who); err != nil {
			return nil, protocol.Errorf(protocol.Full, "three phones of this room are in the lesson")
		}
	}
	if err := s.seat(one, h.Take == protocol.TakePlay); err != nil {
		if role == auth.Assistant {
			s.cfg.Auth.PhoneWent(who)
		}
		return nil, err
	}
	if record != nil {
		one.post(func() { one.enter(record.ID) })
	}
	s.greet(one, c, id)
	one.log.Info("session joined", "page", h.Page, "lesson", h.Lesson)
	return one, nil
}

func orNobody(r auth.Role) auth.Role {
	if r == "" {
		return "nobody"
	}
	return r
}

// record finds the lesson that a hello names. The lesson of a page that comes back may be over: its people still have a word to say.
func (s *Server) record(h protocol.Hello) (*protocol.Lesson, error) {
	if h.Lesson == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, askWithin)
	defer cancel()
	l, err := s.cfg.Records.Ask(ctx, h.Lesson)
	if old, known := s.cfg.Records.Get(h.Lesson); err != nil && known && h.Resume != "" {
		return &old, nil
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.UnknownLesson, "no lesson %s here, nor at a box above", h.Lesson)
	}
	return &l, nil
}

// enterable asks the hub whether the page may come in. An owner that cannot be reached keeps nobody out: what is known is shown as stale.
func (s *Server) enterable(ctx context.Context, one *Session, h protocol.Hello) error {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	h.Resume = "" // stays in this box
	err := s.cfg.Hub.Act(ctx, h.Lesson, one.actor(), h)
	if errors.Is(err, &protocol.Error{Code: protocol.OwnerAway}) {
		return nil
	}
	return err
}

// greet attaches c to a session and answers its hello.
func (s *Server) greet(one *Session, c *conn, id int) {
	token := secret()
	s.mu.Lock()
	delete(s.sessions, one.resume)
	one.resume = token
	s.sessions[token] = one
	name := one.roomName
	s.mu.Unlock()
	ok := protocol.HelloOK{
		Session: one.id, Resume: token, Role: string(one.role), Room: one.room, RoomName: name,
		Box: protocol.BoxRef{ID: s.cfg.Box, Name: s.cfg.BoxName()}, Now: protocol.At(s.right(time.Now())),
	}
	if s.cfg.BoxURL != nil {
		ok.Box.URL = s.cfg.BoxURL()
	}
	c.seated.Store(true)
	one.post(func() { one.attach(c, id, ok) })
}

// resumed is the session of a resume token, if the page is the same as before in all that gives it rights. The token is used up.
func (s *Server) resumed(token string, as *Session) *Session {
	if token == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.sessions[token]
	if old == nil || old.page != as.page || old.role != as.role || !same(old.who, as.who) || old.room != as.room || old.remote != as.remote {
		return nil
	}
	return old
}

// same reports whether two requests came from the same person or token.
func same(a, b auth.Principal) bool {
	return a.Role == b.Role && a.User == b.User && a.TokenID == b.TokenID && a.Lesson == b.Lesson
}

// onLAN reports whether a page reaches its box from the box's own network: by a private address, and the address that it came from is one.
func onLAN(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	a := at.Addr().Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}
