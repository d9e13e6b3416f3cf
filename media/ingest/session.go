package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tongke/media/codec"
	"tongke/media/rtc"
)

// peer is a connection to a client: *rtc.Peer, or a fake in tests of time and status codes.
type peer interface {
	AddCandidate(mid, line string) error
	// RestartICE takes the client's new credentials and returns ours. On an error the former ICE session stays as it was.
	RestartICE(ctx context.Context, remote rtc.Credentials) (rtc.Credentials, error)
	Close() error
}

// Why sweep ends a session.
const (
	endReplaced = "replaced by the same token"
	endNever    = "never connected"
	endLost     = "connection lost"
	endClosed   = "connection closed by the client"
	endCodec    = "codec mismatch"
	endRevoked  = "token taken back"
)

// Rates of PATCH that no honest client reaches: a browser sends one or two fragments a connection, and restarts ICE when its network changes.
const (
	patchPerSecond, patchBurst     = 10, 40
	restartPerSecond, restartBurst = 0.5, 5
	maxSessionCandidates           = 256 // over all fragments of one ICE session
)

// session is one publication or one subscription.
type session struct {
	id      string
	lesson  string
	source  string // of a publisher: what its video is
	publish bool
	grant   Grant
	bearer  [sha256.Size]byte // hash of the Authorization header it was made with; zero if there was none
	log     *slog.Logger
	poke    func() // asks the server for a sweep
	media   media
	created time.Time
	frame   string                // what a fragment of this end holds beside credentials and candidates
	shows   map[codec.Codec]uint8 // of a subscriber that asked for pictures: what it can decode
	hear    func()                // of a subscriber that asked for sound: binds the voice that is to be heard now

	patching sync.Mutex // one PATCH at a time; never held together with mu by others
	patches  bucket     // under patching
	restarts bucket     // under patching

	mu         sync.Mutex
	peer       peer
	closed     bool
	connected  bool      // has ever been
	lostSince  time.Time // zero while connected
	dead       bool      // the other end closed, or ICE gave up
	started    bool      // a publisher: its media is at the relay
	replaced   time.Time // zero: not
	successor  *session
	etag       string // names the ICE session (RFC 9725 §4.3.1)
	ufrag      string // the client's
	candidates int
}

// media is what a session holds at the relay.
type media interface{ Close() }

func (x *session) seat() seat {
	if !x.publish {
		return seat{}
	}
	return seat{x.lesson, x.source}
}

// path is the resource's address on this box.
func (x *session) path() string {
	if x.publish {
		return "/whip/" + x.lesson + "/" + x.id
	}
	return "/whep/" + x.lesson + "/" + x.id
}

func newEtag() string { return `"` + random(10) + `"` }

// open gives the session its connection, before anybody else knows the session.
func (x *session) open(p peer, ufrag, answer string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.peer, x.ufrag, x.etag, x.frame = p, ufrag, newEtag(), frameOf(answer)
}

// close ends the media, then the connection, so that the relay writes to no closed peer. It waits for both. Closing twice is harmless.
func (x *session) close() {
	x.mu.Lock()
	p, was := x.peer, x.closed
	x.closed = true
	x.mu.Unlock()
	if was {
		return
	}
	if x.media != nil {
		x.media.Close()
	}
	if p != nil {
		if err := p.Close(); err != nil {
			x.log.Debug("peer close", "err", err)
		}
	}
}

// blind reports whether a subscriber asked for pictures and cannot decode the lesson's.
func (x *session) blind(lesson codec.Codec) bool {
	_, ok := x.shows[lesson]
	return x.shows != nil && lesson != codec.None && !ok
}

// setConnected is told by the peer whether packets can pass.
func (x *session) setConnected(is bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if is {
		x.connected, x.lostSince = true, time.Time{}
	} else if x.lostSince.IsZero() {
		x.lostSince = time.Now()
	}
}

// setDead is told by the peer that nothing will pass any more.
func (x *session) setDead() {
	x.mu.Lock()
	x.dead = true
	x.mu.Unlock()
	x.poke()
}

// setStarted tells that a publisher's media is at the relay.
func (x *session) setStarted() {
	x.mu.Lock()
	x.started = true
	x.mu.Unlock()
	x.poke()
}

// replace tells that y has taken the seat.
func (x *session) replace(y *session) {
	x.mu.Lock()
	x.replaced, x.successor = time.Now(), y
	x.mu.Unlock()
	x.poke()
}

// done reports whether a successor's predecessor is no longer needed: its media runs, or it has failed.
func (x *session) done() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.started || x.closed
}

// overdue says why the session must end now, or "".
func (x *session) overdue(now time.Time, l Limits) string {
	x.mu.Lock()
	successor, replaced := x.successor, x.replaced
	var reason string
	switch {
	case x.dead:
		reason = endClosed
	case !x.connected && now.Sub(x.created) >= l.ConnectWithin:
		reason = endNever
	case x.connected && !x.lostSince.IsZero() && now.Sub(x.lostSince) >= l.LostFor:
		reason = endLost
	}
	x.mu.Unlock()
	if reason == "" && successor != nil && (now.Sub(replaced) >= l.ReplaceWithin || successor.done()) {
		reason = endReplaced
	}
	return reason
}

// sameBearer reports whether the request carries the Authorization header that the session was made with. Such a request needs no
// second look at the token, which may have run out in mid-lesson.
func (x *session) sameBearer(r *http.Request) bool {
	h := r.Header.Get("Authorization")
	if h == "" {
		return false
	}
	sum := sha256.Sum256([]byte(h))
	return subtle.ConstantTimeCompare(sum[:], x.bearer[:]) == 1
}

// patch applies a fragment under the precondition ifMatch. It returns the body and the new ETag after an ICE restart, and nothing after
// candidates were added (RFC 9725 §4.3.2 and §4.3.3).
func (x *session) patch(ctx context.Context, ifMatch string, f *fragment) (body, etag string, err error) {
	x.patching.Lock()
	defer x.patching.Unlock()
	now := time.Now()
	if !x.patches.take(now, patchPerSecond, patchBurst) {
		return "", "", refuse(http.StatusTooManyRequests, "too-many-patches", "gather candidates into one PATCH").retry(time.Second)
	}
	x.mu.Lock()
	p, current, ufrag, closed := x.peer, x.etag, x.ufrag, x.closed
	x.mu.Unlock()
	if closed || p == nil {
		return "", "", refuse(http.StatusNotFound, "session-unknown", "the session has ended; POST a new offer")
	}
	star, ok := matches(ifMatch, current)
	if !ok {
		return "", "", refuse(http.StatusPreconditionFailed, "etag-stale", "If-Match names a former ICE session; use the ETag of the last 201 or 200")
	}
	if f.ufrag != "" && f.ufrag != ufrag {
		return x.restart(ctx, p, f, now)
	}
	if star && len(f.candidates) == 0 && !f.end {
		return "", "", refuse(http.StatusConflict, "nothing-to-do", "If-Match: * asks for an ICE restart, but the fragment has no new ice-ufrag and ice-pwd, and no candidates")
	}
	return "", "", x.trickle(p, f)
}

// trickle adds candidates. One that cannot be used is passed over in silence (RFC 9725 §4.3.2).
func (x *session) trickle(p peer, f *fragment) error {
	x.mu.Lock()
	full := x.candidates+len(f.candidates) > maxSessionCandidates
	if !full {
		x.candidates += len(f.candidates)
	}
	x.mu.Unlock()
	if full {
		return refuse(http.StatusRequestEntityTooLarge, "fragment-too-large", "the session has had more than %d candidates", maxSessionCandidates)
	}
	lines := f.candidates
	if f.end {
		lines = append(lines, "") // no more will come
	}
	for _, c := range lines {
		if err := p.AddCandidate(f.mid, c); err != nil {
			x.log.Debug("candidate passed over", "err", err)
		}
	}
	return nil
}

func (x *session) restart(ctx context.Context, p peer, f *fragment, now time.Time) (body, etag string, err error) {
	if !x.restarts.take(now, restartPerSecond, restartBurst) {
		return "", "", refuse(http.StatusTooManyRequests, "too-many-restarts", "ICE was restarted too often; wait").retry(2 * time.Second)
	}
	local, err := p.RestartICE(ctx, rtc.Credentials{Ufrag: f.ufrag, Pwd: f.pwd, Candidates: f.candidates})
	if err != nil {
		x.log.Warn("ice restart", "err", err)
		// The session goes on with the ICE session that it has (RFC 9725 §4.3.3).
		return "", "", refuse(http.StatusServiceUnavailable, "restart-failed", "ICE could not be restarted; the session goes on as before").retry(time.Second)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.etag, x.ufrag, x.candidates = newEtag(), f.ufrag, len(f.candidates)
	return x.frame + fragmentOf(local), x.etag, nil
}

// matches judges an If-Match field (RFC 9110 §13.1.1, strong comparison). star is true for *, which some clients put in quotes as
// the examples of RFC 9725 do.
func matches(field, current string) (star, ok bool) {
	for tag := range strings.SplitSeq(field, ",") {
		switch tag = strings.TrimSpace(tag); tag {
		case "*", `"*"`:
			return true, true
		case current, strings.Trim(current, `"`):
			return false, true
		}
	}
	return false, false
}

// bucket is a token bucket that starts full.
type bucket struct {
	level float64
	last  time.Time
}

func (b *bucket) take(now time.Time, perSecond, burst float64) bool {
	if b.last.IsZero() {
		b.level = burst
	} else {
		b.level = min(burst, b.level+now.Sub(b.last).Seconds()*perSecond)
	}
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
