package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

const (
	helloWithin   = 5 * time.Second
	maxConns      = 512 // of one box
	presenceEvery = time.Second
)

// Hub is the live lessons as sessions need them: signaling/lesson's Hub. Callbacks come from one goroutine of the hub's and do not block.
type Hub interface {
	// Act does what a person asks, here or at the lesson's owner. Its errors are *protocol.Error where the person can be told.
	Act(ctx context.Context, lesson string, a lesson.Actor, m protocol.Request) error
	// Presence says what a room of this box is like; the hub passes it on.
	Presence(lesson string, p protocol.Presence)
	// State is a lesson as last known.
	State(lesson string) (protocol.State, bool)
	// Watch calls f with the state now and at each change, and with the other events of the lesson, until cancel.
	Watch(lesson string, f func(protocol.Event)) (cancel func())
	// ForRoom is the lesson that a room should be in now.
	ForRoom(campus, classroom string) (id string, ok bool)
	// Overran reports whether a room leaves a lesson that has run beyond its bell for the room's next one.
	Overran(lesson, campus, classroom string) bool
	// WatchRooms calls f whenever ForRoom may answer otherwise than before.
	WatchRooms(f func()) (cancel func())
}

// Records are the lessons that this box knows: signaling/lesson's Registry.
type Records interface {
	Ask(ctx context.Context, id string) (protocol.Lesson, error)
	Get(id string) (protocol.Lesson, bool) // whatever its state
	List() []protocol.Lesson
	Visible(l protocol.Lesson, campus, classroom string) bool
}

// Auth knows who asks: signaling/auth's Auth.
type Auth interface {
	Who(r *http.Request, lesson string) (auth.Principal, error)
	CookieName(r *http.Request) string
	// Ends rises whenever StillIn may answer otherwise than before.
	Ends() uint64
	// StillIn reports whether nobody has ended what a page came in by.
	StillIn(p auth.Principal) bool
	// PhoneCame gives an assistant's phone one of its room's three places; PhoneWent frees it in a while.
	PhoneCame(p auth.Principal) error
	PhoneWent(p auth.Principal)
}

// Config is what a Server needs. Funcs that may be nil say so; none may block.
type Config struct {
	Auth    Auth
	Hub     Hub
	Records Records
	Engine  *rtc.Engine
	Relay   *relay.Relay
	Box     string        // id: the origin of what pages publish here
	BoxName func() string // for people
	BoxURL  func() string // where other computers and phones find this box, "" where none can; nil: nowhere
	Place   func() Place

	// ClockOffset is what the box's clock lacks to the right time, as far as that is known. nil: nothing.
	ClockOffset func() time.Duration

	Fresh func() bool // the box has no parent and nobody has signed in; nil: never
	// Installed is how many minutes setting up the box took, while that is news; else 0. nil: never.
	Installed func() int
	Uplink    func() *protocol.Uplink // nil: no parent, ever
	// Assist is how a phone comes into this room's lesson; codes is how often its code was made anew. nil: not at all.
	Assist func(lesson, campus, classroom string, codes int) *protocol.Assist
	Help   func(lesson, room, code string) // calls the technician; nil: nobody
	// Films are the sources that cameras of the box itself make for a room in a lesson. nil: there are none.
	Films func(lesson, room string) []Film
	// Changed is called when Scenes may answer otherwise than before. nil: nobody asks.
	Changed func()
	// Recording is what this box does with a lesson. nil: it has no recorder.
	Recording func(lesson string) protocol.Recording
	// Capture is what this machine can encode at its own wall screen; nil: whatever a lesson wants.
	Capture func() Capture
	Log     *slog.Logger
}

// Server owns all sessions of a box. Its methods may be called from any goroutine.
type Server struct {
	cfg      Config
	log      *slog.Logger
	upgrader websocket.Upgrader

	ctx    context.Context // of all sessions
	cancel context.CancelFunc
	wg     sync.WaitGroup // connections and sessions

	telling sync.Mutex   // held while a room's presence is made and told
	tests   atomic.Int32 // self-tests so far
	made    time.Time

	mu       sync.Mutex
	closed   bool
	conns    int
	sessions map[string]*Session    // by resume token
	rooms    map[string]*roomHere   // by room
	claims   map[track.Key]*Session // who publishes a source of this box
	spoken   map[string]struct{}    // "lesson\x00room" of the last presence, so that the last page's leaving is told once
}

// New makes a server at rest.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, made: time.Now(), log: cfg.Log, sessions: map[string]*Session{}, rooms: map[string]*roomHere{}, spoken: map[string]struct{}{}, claims: map[track.Key]*Session{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: 5 * time.Second,
		ReadBufferSize:   4096,
		WriteBufferSize:  4096,
		Subprotocols:     []string{protocol.Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // checked before, with an answer in our words
	}
	return s
}

// Run restates presence each second until ctx ends, then ends every session and waits for all.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.replace(s.cfg.Place())
			s.restate()
		case <-ctx.Done():
			s.mu.Lock()
			s.closed = true
			s.mu.Unlock()
			s.cancel()
			s.wg.Wait()
			return nil
		}
	}
}

// Stats counts.
type Stats struct {
	Connections int
	Sessions    int // with those that are parked
	Roles       map[string]int
}

// Stats are the figures of the moment.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Connections: s.conns, Sessions: len(s.sessions), Roles: map[string]int{}}
	for _, one := range s.sessions {
		st.Roles[string(one.role)]++
	}
	return st
}

// problem answers a request that is not upgraded.
func problem(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"code":"` + code + `","message":"` + message + `"}` + "\n"))
}

// ServeHTTP is GET /ws.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	defer s.leave()
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // answered
	}
	defer ws.Close()
	c := newConn(ws)
	var writing sync.WaitGroup
	writing.Go(c.write) // ends when c is closed, below at the latest
	stop := context.AfterFunc(s.ctx, func() {
		if !c.seated.Load() { // else its session says bye
			c.close(websocket.CloseGoingAway, "shutdown")
		}
	})
	defer stop()
	err = s.serve(c, r)
	c.close(websocket.CloseNormalClosure, "")
	writing.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Debug("page left", "err", err)
	}
}

// admit checks what can be checked before the upgrade, and counts the connection.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method != http.MethodGet || !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		problem(w, http.StatusUpgradeRequired, "upgrade-required", "this address speaks WebSocket, subprotocol tongke.v1")
		return false
	case auth.ListenerOf(r.Context()) == auth.Local && !auth.LocalHost(r.Host), !ownOrigin(r):
		problem(w, http.StatusForbidden, "origin", "a page of another site may not connect")
		return false
	case !offers(r, protocol.Subprotocol):
		problem(w, http.StatusBadRequest, "version", "offer the subprotocol tongke.v1")
		return false
	}
	status := http.StatusUnauthorized
	if p, err := s.cfg.Auth.Who(r, ""); err == nil {
		status = entrance(p.Role)
	}
	if status != 0 {
		code := map[int]string{http.StatusUnauthorized: "sign-in", http.StatusForbidden: "forbidden"}[status]
		problem(w, status, code, "nobody with a place in a lesson")
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.conns >= maxConns {
		w.Header().Set("Retry-After", "2")
		problem(w, http.StatusServiceUnavailable, "full", "too many pages, or the box is stopping")
		return false
	}
	s.conns++
	s.wg.Add(1)
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	s.conns--
	s.mu.Unlock()
	s.wg.Done()
}

// ownOrigin: browsers always name the page's origin here, and it must be this very address. Programs name none, and bring their token.
func ownOrigin(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return len(values) == 1 && strings.EqualFold(values[0], scheme+r.Host)
}

func offers(r *http.Request, name string) bool {
	for _, p := range websocket.Subprotocols(r) {
		if p == name {
			return true
		}
	}
	return false
}

// serve reads one connection: first its hello, then what its session is asked.
func (s *Server) serve(c *conn, r *http.Request) error {
	var mine *Session
	last := 0
	timer := time.AfterFunc(helloWithin, func() { c.close(websocket.ClosePolicyViolation, "no hello") })
	defer timer.Stop()
	err := c.read(func(id int, m protocol.Request, err error) {
		if err == nil && id <= last {
			err = protocol.Errorf(protocol.Malformed, "id: must rise")
		}
		last = max(last, id)
		hello, is := m.(protocol.Hello)
		switch {
		case err != nil:
		case mine == nil && !is:
			err = protocol.Errorf(protocol.WrongState, "hello comes first")
		case mine != nil && is:
			err = protocol.Errorf(protocol.WrongState, "hello was said")
		case is:
			if mine, err = s.hello(c, r, id, hello); err == nil {
				timer.Stop()
			}
		default:
			mine.post(func() { mine.request(c, id, m) })
		}
		if err != nil && id != 0 {
			c.fail(id, err)
		}
	})
	if mine != nil {
		mine.post(func() { mine.lost(c) })
	}
	return err
}

// secret draws a word that nobody guesses.
func secret() string {
	b := make([]byte, 18)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// bindSlot makes a slot carry a source, as large as it is drawn.
func (s *Server) bindSlot(sub *relay.Subscriber, slot int, w want) {
	sub.Bind(slot, w.key, relay.BindOptions{Size: [...]relay.Size{small: relay.Smallest, medium: relay.Middle, large: relay.Largest}[w.size]})
}
