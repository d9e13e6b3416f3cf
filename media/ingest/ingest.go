// Package ingest is media without our web pages: WHIP (RFC 9725) brings a lesson's sources in, WHEP (draft-ietf-wish-whep) takes
// them out, for OBS, GStreamer, cameras and other programs.
//
// A POST makes a session: a peer connection of media/rtc whose incoming tracks are published to media/relay, or whose slots are
// subscribed there. The session is a resource of its own under an unguessable address (Location); PATCH brings it ICE candidates or
// restarts ICE, DELETE ends it. A Server owns all sessions. It ends when the context of Run ends: then every session is closed, and
// further requests are answered 503.
//
//	connecting ──connected──▶ live ◀──────▶ lost          (ICE)
//	     │                     │              │
//	     │ ConnectWithin       │ replaced     │ LostFor
//	     ▼                     ▼              ▼
//	   ended ◀──────────────────────────────────          DELETE, Kick, Holds, CloseLesson, B-frames, DTLS closed: at once
//
// A publisher that is replaced by the same token loses its resource at once (404), and goes on sending until its successor's media is
// there (make before break).
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
)

// Grant says who a request comes from.
type Grant struct {
	TokenID string // the same for all requests of one token or sign-in; tells a publisher's return from a rival
	Name    string // for the log; never a pupil's name
	Room    string // of a subscriber in one of the lesson's classrooms, as Config.Voice knows it; "" outside
	// Holds reports whether the session may go on: false once what it was made by was taken back. It is asked from Run's goroutine, at least
	// twice a second, and must not wait. nil: always.
	Holds func() bool
}

// Lessons is what must be known of lessons. Its methods may be called from many goroutines.
type Lessons interface {
	// Exists tells whether the lesson is known here or at a parent, and has not ended. ctx ends after two seconds, here and below.
	Exists(ctx context.Context, lesson string) (bool, error)
	// CreateByWHIP makes the lesson that a publisher has named, unless it is known. It may return ErrForbidden or ErrLessonEnded.
	CreateByWHIP(ctx context.Context, lesson string) error
	// PublisherJoined and PublisherLeft frame the time in which somebody holds a source of the lesson; they alternate. The first may come
	// before CreateByWHIP. They must not wait for the Server.
	PublisherJoined(lesson, source string)
	PublisherLeft(lesson, source string)
}

// ICEServer is a STUN or TURN server that clients are told of (RFC 9725 §4.6).
type ICEServer struct {
	URL                  string // e.g. "turns:box.example:443?transport=tcp"
	Username, Credential string // "" for STUN
}

// Limits bound what clients may take of the box.
type Limits struct {
	Publishers  int // sessions at once
	Subscribers int

	ConnectWithin time.Duration // from the answer to the first connection
	LostFor       time.Duration // how long a connection may be lost before its session ends
	ReplaceWithin time.Duration // how long a replaced publisher may go on until its successor's media is there
}

// DefaultLimits are for one box of a school. pion calls a connection lost 5 s after the last sign of life, so LostFor 10 s lets a
// radio hiccup of some seconds pass and ends a dead session within 20 s.
func DefaultLimits() Limits {
	return Limits{
		Publishers:    64,
		Subscribers:   512,
		ConnectWithin: 20 * time.Second,
		LostFor:       10 * time.Second,
		ReplaceWithin: 10 * time.Second,
	}
}

// Validate reports every impossible value.
func (l Limits) Validate() error {
	var errs []error
	for _, n := range []struct {
		name  string
		value int
	}{{"publishers", l.Publishers}, {"subscribers", l.Subscribers}} {
		if n.value < 1 || n.value > 10000 {
			errs = append(errs, fmt.Errorf("ingest.%s: %d is not in 1…10000", n.name, n.value))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"connect_within", l.ConnectWithin}, {"lost_for", l.LostFor}, {"replace_within", l.ReplaceWithin}} {
		if d.value < time.Second || d.value > time.Minute {
			errs = append(errs, fmt.Errorf("ingest.%s: %v is not in 1s…1m", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}

// Config is what a Server needs. ICEServers may be nil.
type Config struct {
	Engine *rtc.Engine
	Relay  *relay.Relay
	Box    string // this box's id: the origin of what is published here

	// Authorize says who asks, and whether it may publish to, or watch, the lesson. It returns ErrNoToken or ErrForbidden. Requests
	// from a page of another origin reach it only with an Authorization header.
	Authorize  func(r *http.Request, lesson string, publish bool) (Grant, error)
	Lessons    Lessons
	ICEServers func(r *http.Request) []ICEServer
	// Voice says whose voice a subscriber in a room hears now; VoiceChanged when that may be another. nil: always the teacher's.
	Voice func(lesson, room string) track.Key

	Limits Limits
	Log    *slog.Logger
}

// Stats counts sessions.
type Stats struct {
	Publishers, Subscribers int    // now
	Accepted, Refused       uint64 // requests for a session, since the start
	Replaced                uint64 // publishers taken over by their own token
	Lost                    uint64 // sessions that ended because their connection died or never came up
}
