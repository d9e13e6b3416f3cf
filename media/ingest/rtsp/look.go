package rtsp

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// lookAgain is how long a camera that did not answer may take to start before that is believed.
const lookAgain = 3 * time.Second

// describeWithin bounds all questions and answers of a look.
const describeWithin = 15 * time.Second

// Look asks the camera, which nobody publishes, what it offers, and leaves it without taking a picture. Status tells what is wrong. A password
// that rests is not shown.
func (c *Camera) Look(ctx context.Context) {
	other := c.again()
	other.ask(ctx)
	if other.away() && c.secret.wait(ctx, lookAgain) {
		other.ask(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	for i, s := range other.streams {
		was := c.streams[i]
		was.mu.Lock()
		old := was.fault
		was.mu.Unlock()
		if s.fault == nil && old != nil && slices.Contains([]string{BFrames, NoKeyframe, NoTransport}, old.Code) {
			s.fault = old // a description shows nothing of that
		}
	}
	c.take(other)
}

// Try connects the camera for some seconds, as Probe does of one that nobody publishes, and keeps what it finds. A password that rests is not
// shown.
func (c *Camera) Try(ctx context.Context) Found {
	other := c.again()
	found := other.Probe(ctx)
	if ctx.Err() == nil {
		c.take(other)
	}
	return found
}

// Learn takes over what a Camera of the same configuration has found when a person tried it, and has everything tried again at once.
func (c *Camera) Learn(other *Camera) {
	c.secret.lift(other.secret)
	c.take(other)
}

// again is the same camera once more, behind the same password.
func (c *Camera) again() *Camera {
	other := New(c.cfg, c.log)
	other.secret = c.secret
	return other
}

// take keeps what another has seen, unless this one sees for itself. The other has ended.
func (c *Camera) take(other *Camera) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wanted {
		return
	}
	c.looked = time.Now().UTC()
	for i, s := range c.streams {
		from := other.streams[i]
		s.mu.Lock()
		s.fault, s.sound, s.basic = from.fault, from.sound, from.basic
		if from.codec != "" {
			s.codec = from.codec
		}
		if from.figures.frames > 0 {
			s.figures, s.ended = from.figures, from.ended
		}
		s.mu.Unlock()
	}
}

// away reports whether a stream's camera did not answer at all.
func (c *Camera) away() bool {
	return slices.ContainsFunc(c.streams, func(s *stream) bool { return s.fault != nil && s.fault.Code == Unreachable })
}

// ask has each stream described.
func (c *Camera) ask(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.streams {
		wg.Go(func() { // ends with ctx, or before
			s.fault = nil
			if err := s.describe(ctx); err != nil {
				s.fault = explain(err)
			}
		})
	}
	wg.Wait()
}

// describe asks what the stream is.
func (s *stream) describe(ctx context.Context) error {
	u, err := parse(s.address)
	if err != nil {
		return fault(NotUnderstood, "its address")
	}
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	c, _ := s.client(u, TCP)
	g := keepHome(c, u)
	if err := c.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.Close)()
	defer c.Close()
	session, err := s.offers(ctx, c, u)
	if err != nil {
		return g.explain(orEnded(ctx, err))
	}
	_, _, err = s.choose(session)
	return err
}

// home keeps a client at the place that it is made for. A redirection (RFC 2326 §11.3) to another host, or to another scheme, would take the
// password there; one to itself would never end.
type home struct {
	dials int    // of the client's goroutine, as the next
	at    string // host and port
	sent  atomic.Bool
}

// maxDials bounds the redirections of one camera.
const maxDials = 3

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func keepHome(c *gortsplib.Client, u *base.URL) *home {
	h := &home{}
	c.DialContext, c.OnResponse = h.dial(c.DialContext), h.watch(u, c.OnResponse)
	if c.DialTLSContext != nil {
		c.DialTLSContext = h.dial(c.DialTLSContext)
	}
	return h
}

// dial dials no other place.
func (h *home) dial(open dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if h.dials++; h.dials == 1 {
			h.at = address
		}
		if h.sent.Load() || address != h.at || h.dials > maxDials {
			h.sent.Store(true)
			return nil, fault(Elsewhere, "")
		}
		return open(ctx, network, address)
	}
}

// watch looks where answers send us to, before the client goes there.
func (h *home) watch(u *base.URL, next func(*base.Response)) func(*base.Response) {
	return func(r *base.Response) {
		if r.StatusCode >= base.StatusMovedPermanently && r.StatusCode <= base.StatusUseProxy && len(r.Header["Location"]) > 0 {
			to, err := base.ParseURL(r.Header["Location"][0])
			if err != nil || to.Scheme != u.Scheme || !strings.EqualFold(to.Hostname(), u.Hostname()) || portOf(to) != portOf(u) {
				h.sent.Store(true)
			}
		}
		next(r)
	}
}

// portOf is the port of an address, the usual one where it names none (RFC 2326 §1.4, RFC 7826 §4.2).
func portOf(u *base.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "rtsps":
		return "322"
	}
	return "554"
}

// explain is the error of a client that was sent elsewhere, or err.
func (h *home) explain(err error) error {
	if h.sent.Load() {
		return fault(Elsewhere, "")
	}
	return err
}
