package ingest

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/track"
)

// sweepEvery is how often sessions are looked at whose time may be over.
const sweepEvery = 500 * time.Millisecond

// goneFor is how long a resource that the box ended still says why (410); at most maxGone of them are kept.
const (
	goneFor = time.Minute
	maxGone = 256
)

// maxCreating bounds the offers in work at once. One takes about a millisecond, or two seconds if the parent is asked and silent: a whole
// school that joins at one stroke of the bell must fit.
const maxCreating = 256

// Server owns all WHIP and WHEP sessions. It is an http.Handler for /whip/ and /whep/. Make it with New, let its owner call Run.
type Server struct {
	cfg  Config
	log  *slog.Logger
	dial dialer
	wake chan struct{}  // 1: a session wants to be looked at
	wg   sync.WaitGroup // closes in flight

	telling sync.Mutex
	told    map[seat]bool // seats that lessons know to be held

	news   sync.Mutex             // never held for long: the relay's goroutine takes it
	codecs map[string]codec.Codec // of lessons that have got one since the last sweep

	mu         sync.Mutex
	resources  map[string]*session // by resource id; a replaced or ended session is not in it
	sessions   map[*session]struct{}
	publishers map[seat]*session
	gone       map[string]departed
	creating   int
	stopped    bool
	stats      Stats
}

// seat is what only one publisher can hold.
type seat struct{ lesson, source string }

// departed remembers why the box ended a session.
type departed struct {
	why   *problem
	until time.Time
}

// New makes a server without sessions.
func New(cfg Config) *Server {
	s := newServer(cfg, dialer{})
	s.dial = dialer{receive: s.receive, send: s.send}
	return s
}

func newServer(cfg Config, d dialer) *Server {
	return &Server{
		cfg:        cfg,
		log:        cfg.Log,
		wake:       make(chan struct{}, 1),
		resources:  map[string]*session{},
		sessions:   map[*session]struct{}{},
		publishers: map[seat]*session{},
		gone:       map[string]departed{},
		codecs:     map[string]codec.Codec{},
		told:       map[seat]bool{},
		dial:       d,
	}
}

// Run ends sessions whose time is over, until ctx ends; then it ends all of them, and returns when they have.
func (s *Server) Run(ctx context.Context) error {
	defer s.cfg.Relay.Watch(s.sourceChanged)()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sweep(time.Now())
		case <-s.wake:
			s.sweep(time.Now())
		case <-ctx.Done():
			s.stop()
			s.wg.Wait()
			return nil
		}
	}
}

// sourceChanged notes which codec a lesson has got; it is called from the relay's goroutine. Who came before the first publisher may
// find that it cannot decode what came: that session ends with the reason, and the client learns it by asking again.
func (s *Server) sourceChanged(e relay.SourceEvent) {
	if e.Gone || e.Info.Kind != track.Video {
		return
	}
	s.news.Lock()
	s.codecs[e.Info.Key.Lesson] = e.Info.Codec
	s.news.Unlock()
	s.poke()
}

// dropBlind ends the subscribers that cannot decode what their lesson has got since the last sweep.
func (s *Server) dropBlind() {
	s.news.Lock()
	codecs := s.codecs
	s.codecs = map[string]codec.Codec{}
	s.news.Unlock()
	if len(codecs) == 0 {
		return
	}
	for _, x := range s.matching(func(x *session) bool { return x.blind(codecs[x.lesson]) }) {
		s.endLater(x, endCodec, mismatch(codecs[x.lesson]).gone())
	}
}

// dropRevoked ends the sessions of those whose rights were taken back.
func (s *Server) dropRevoked() {
	for _, x := range s.matching(func(x *session) bool { return x.grant.Holds != nil }) {
		if !x.grant.Holds() {
			s.endLater(x, endRevoked, revoked())
		}
	}
}

func revoked() *problem {
	return refuse(http.StatusGone, "token-revoked", "the token of this session was taken back; ask for a new one")
}

// poke asks Run for a sweep now.
func (s *Server) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sweep ends what is dead, late, replaced or blind, and forgets old reasons.
func (s *Server) sweep(now time.Time) {
	s.dropBlind()
	s.dropRevoked()
	s.mu.Lock()
	var dead []*session
	var why []string
	for x := range s.sessions {
		if reason := x.overdue(now, s.cfg.Limits); reason != "" {
			dead, why = append(dead, x), append(why, reason)
			if reason != endReplaced {
				s.stats.Lost++
			}
		}
	}
	for id, d := range s.gone {
		if now.After(d.until) {
			delete(s.gone, id)
		}
	}
	s.mu.Unlock()
	for i, x := range dead {
		s.endLater(x, why[i], nil)
	}
}

// endLater ends x in a goroutine of its own, which lasts as long as the peer connection takes to close.
func (s *Server) endLater(x *session, reason string, why *problem) {
	if s.remove(x, why) {
		go s.close(x, reason) // ends by itself; remove counted it into s.wg
	}
}

// end ends x and returns when it has ended; false if it was ended before.
func (s *Server) end(x *session, reason string, why *problem) bool {
	if !s.remove(x, why) {
		return false
	}
	s.close(x, reason)
	return true
}

// close ends a session that was taken out of the tables.
func (s *Server) close(x *session, reason string) {
	defer s.wg.Done()
	x.close()
	if x.publish {
		s.tell(x.seat())
	}
	x.log.Info("session ended", "reason", reason)
}

// tell lets the lesson know whether a seat is held, if that is news. A return of the same token is none.
func (s *Server) tell(k seat) {
	s.telling.Lock() // held during the call: joined and left must arrive in their order
	defer s.telling.Unlock()
	s.mu.Lock()
	held := s.publishers[k] != nil
	s.mu.Unlock()
	switch {
	case held && !s.told[k]:
		s.told[k] = true
		s.cfg.Lessons.PublisherJoined(k.lesson, k.source)
	case !held && s.told[k]:
		delete(s.told, k)
		s.cfg.Lessons.PublisherLeft(k.lesson, k.source)
	}
}

// remove takes x out of all tables and counts its closing into s.wg. It reports false when somebody else has done it, who then also
// closes x.
func (s *Server) remove(x *session, why *problem) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.sessions[x]; !ok {
		return false
	}
	// Run waits only after stop has removed what was left, and nothing is added then: no Add can race with that Wait.
	s.wg.Add(1)
	delete(s.sessions, x)
	if s.resources[x.id] == x {
		delete(s.resources, x.id)
		if why != nil && len(s.gone) < maxGone {
			s.gone[x.id] = departed{why, time.Now().Add(goneFor)}
		}
	}
	if x.publish {
		s.stats.Publishers--
		if s.publishers[x.seat()] == x {
			delete(s.publishers, x.seat())
		}
	} else {
		s.stats.Subscribers--
	}
	return true
}

// reserve counts a request for a session in, or refuses it: too many sessions or requests (503), or the seat is another token's (409).
// After nil the caller must call release.
func (s *Server) reserve(x *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admissibleLocked(x); err != nil {
		s.stats.Refused++
		return err
	}
	s.creating++
	s.wg.Add(1)
	return nil
}

func (s *Server) release(err error) {
	s.mu.Lock()
	s.creating--
	if err != nil {
		s.stats.Refused++
	}
	s.mu.Unlock()
	s.wg.Done()
}

func (s *Server) admissibleLocked(x *session) error {
	holder := s.publishers[x.seat()]
	now, most := s.stats.Subscribers, s.cfg.Limits.Subscribers
	if x.publish {
		now, most = s.stats.Publishers, s.cfg.Limits.Publishers
	}
	switch {
	case s.stopped:
		return refuse(http.StatusServiceUnavailable, "stopping", "the box is stopping; try again when it is back").retry(5 * time.Second)
	case x.publish && holder != nil && holder.grant.TokenID != x.grant.TokenID:
		return refuse(http.StatusConflict, "source-taken",
			"another token publishes %s in lesson %s; end that publication, or publish another source", x.source, x.lesson).retry(5 * time.Second)
	case s.creating >= maxCreating:
		return refuse(http.StatusServiceUnavailable, "overloaded", "the box is answering %d other offers; try again", s.creating).retry(time.Second)
	case holder == nil && now >= most:
		return refuse(http.StatusServiceUnavailable, "overloaded", "the box has %d sessions of this kind, as many as it may; try again later", now).retry(5 * time.Second)
	}
	return nil
}

// admit makes x a session with a resource. A publisher of the same token loses its resource to it.
func (s *Server) admit(x *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.creating-- // x is judged as if it had not been counted
	err := s.admissibleLocked(x)
	s.creating++
	if err != nil {
		return err
	}
	s.stats.Accepted++
	s.sessions[x] = struct{}{}
	s.resources[x.id] = x
	if !x.publish {
		s.stats.Subscribers++
		return nil
	}
	s.stats.Publishers++
	if old := s.publishers[x.seat()]; old != nil {
		s.stats.Replaced++
		delete(s.resources, old.id)
		old.replace(x)
	}
	s.publishers[x.seat()] = x
	return nil
}

// find returns the session of a resource, or why there is none.
func (s *Server) find(publish bool, lesson, id string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.resources[id]; x != nil && x.publish == publish && x.lesson == lesson {
		return x, nil
	}
	if d, ok := s.gone[id]; ok {
		return nil, d.why
	}
	return nil, refuse(http.StatusNotFound, "session-unknown", "there is no such session, or it has ended; POST a new offer")
}

// stop refuses new sessions and ends the present ones.
func (s *Server) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	for _, x := range s.matching(func(*session) bool { return true }) {
		s.endLater(x, "box stops", nil)
	}
}

func (s *Server) matching(f func(*session) bool) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*session
	for x := range s.sessions {
		if f(x) {
			out = append(out, x)
		}
	}
	return out
}

// CloseLesson ends all sessions of a lesson, because it has ended. It does not wait for them.
func (s *Server) CloseLesson(lesson string) {
	why := refuse(http.StatusGone, "lesson-ended", "lesson %s has ended", lesson)
	for _, x := range s.matching(func(x *session) bool { return x.lesson == lesson }) {
		s.endLater(x, "lesson ended", why)
	}
}

// Kick ends all sessions of a token, because it was taken back. It does not wait for them.
func (s *Server) Kick(tokenID string) {
	for _, x := range s.matching(func(x *session) bool { return x.grant.TokenID == tokenID }) {
		s.endLater(x, endRevoked, revoked())
	}
}

// Stats counts the sessions.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Subscribers counts the WHEP sessions of a lesson.
func (s *Server) Subscribers(lesson string) int {
	return len(s.matching(func(x *session) bool { return !x.publish && x.lesson == lesson }))
}

// random is n random bytes as lower-case base32 without padding.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
