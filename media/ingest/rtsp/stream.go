package rtsp

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

const (
	dialWithin   = 2500 * time.Millisecond
	answerWithin = 5 * time.Second // of a command; slow cameras take seconds for DESCRIBE
	writeWithin  = 2 * time.Second
	firstWithin  = 5 * time.Second         // the first packet, after PLAY
	silentFor    = 1500 * time.Millisecond // packets, after the first: the camera is dialled again
	keyWithin    = 20 * time.Second        // the first keyframe
	lookEvery    = 250 * time.Millisecond
)

// stream is one of a camera's streams. It lasts as long as the camera, over all its connections.
type stream struct {
	camera  *Camera
	address string
	layer   track.Layer

	mu         sync.Mutex
	transport  string // that worked last
	trying     string // while it is connected
	framer     framer
	clock      captureClock
	listens    bool // the sound of this stream is taken
	soundClock captureClock
	soundHeard packet.Time // the last packet of it
	figures    figures
	codec      string
	sound      string
	basic      bool // the password went over the net readable
	live       bool
	fault      *Fault
	lost       uint64 // of former connections
	dropped    uint64
	heard      packet.Time // the last packet
	began      packet.Time // of the connection
	ended      packet.Time // of the last one
}

func newStream(c *Camera, address string, layer track.Layer) *stream {
	return &stream{camera: c, address: address, layer: layer, listens: c.cfg.Sound && layer != LayerSub}
}

// seen is what Status tells of the stream.
func (s *stream) seen() Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stream{
		Layer: s.layer, Live: s.live, Codec: s.codec, Width: s.figures.width, Height: s.figures.height, FPS: round(s.figures.fps), Kbps: s.figures.kbps,
		Lost: s.lost + s.framer.lost, Dropped: s.dropped + s.framer.dropped, Transport: s.trying, Sound: s.sound, Fault: s.fault,
	}
	now := packet.Now()
	out.Hears = s.soundHeard != 0 && s.trying != "" && now.Sub(s.soundHeard) < silentFor
	apart := s.figures.between(now)
	switch {
	case s.trying == "":
		apart = s.figures.between(s.ended)
	case !s.live && s.heard != 0:
		out.WaitSeconds = round(now.Sub(s.began).Seconds())
	}
	out.KeyframeSeconds = round(apart.Seconds())
	for _, n := range []struct {
		is   bool
		text Words
	}{
		{apart > rareAfter, noteRare},
		{s.figures.width*s.figures.height > large, noteLarge},
		{s.basic, noteBasic},
		{s.sound != "" && !s.listens && s.layer != LayerSub, noteSound},
		{s.listens && s.sound == "" && s.codec != "", noteNoSound},
		{s.listens && s.sound != "" && s.sound != g711, noteOtherSound},
	} {
		if n.is {
			out.Notes = append(out.Notes, n.text)
		}
	}
	return out
}

// handler gets whole frames, one after the other, from a goroutine of the connection. It must not block for long.
type handler func(one *frame, sps []byte, pps [][]byte, arrival, capture packet.Time)

// connect reads the stream by one connection until ctx ends or something is wrong, and says what. By itself it tries UDP where the
// camera refuses TCP.
func (s *stream) connect(ctx context.Context, h handler, l listener) error {
	ways := []string{TCP, UDP}
	switch t := s.camera.cfg.Transport; {
	case t == TCP || t == UDP:
		ways = []string{t}
	case s.lastWay() == UDP:
		ways = []string{UDP, TCP}
	}
	var err error
	for _, way := range ways {
		err = s.over(ctx, way, h, l)
		if f := explain(err); ctx.Err() != nil || f.Code != NoTransport {
			return err
		}
	}
	return err
}

func (s *stream) lastWay() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport
}

// over is one connection. It returns when all that it started has ended.
func (s *stream) over(ctx context.Context, way string, h handler, l listener) error {
	u, err := parse(s.address)
	if err != nil {
		return fault(NotUnderstood, "its address")
	}
	s.reset(way)
	failed := make(chan error, 1)
	fail := func(err error) {
		select {
		case failed <- err:
		default: // the first one counts
		}
	}
	c, udp := s.client(u, way)
	g := keepHome(c, u)
	if err := c.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.Close)
	var wg sync.WaitGroup
	defer func() {
		stop()
		c.Close() // twice is harmless; it returns when the client's goroutines have ended
		wg.Wait()
		s.away()
	}()
	if err := s.play(ctx, c, u, udp, h, l, fail); err != nil {
		return g.explain(orEnded(ctx, err))
	}
	wg.Go(func() { fail(c.Wait()) }) // ends with the client
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-failed:
			return orEnded(ctx, err)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if f := s.overdue(packet.Now()); f != nil {
				return f
			}
		}
	}
}

// orEnded is why a connection ended: what it says of itself when we closed it is not the reason.
func orEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// reset forgets what was seen by the connection before.
func (s *stream) reset(way string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += s.framer.lost
	s.dropped += s.framer.dropped
	s.framer, s.clock, s.soundClock, s.figures = framer{}, captureClock{rate: codec.H264.ClockRate()}, captureClock{rate: codec.PCMA.ClockRate()}, figures{}
	s.trying, s.heard, s.soundHeard, s.began = way, 0, 0, packet.Now()
}

func (s *stream) away() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.trying, s.ended = false, "", packet.Now()
}

// overdue says why the connection is given up, or nil.
func (s *stream) overdue(now packet.Time) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.figures.reordered():
		return fault(BFrames, "%d B slices, %d timestamps back", s.figures.bFrames, s.figures.backwards)
	case s.heard == 0 && now.Sub(s.began) >= firstWithin && s.trying == UDP:
		return fault(Silent, "nothing came by UDP; a firewall or another network is between")
	case s.heard == 0 && now.Sub(s.began) >= firstWithin:
		return fault(Silent, "nothing came")
	case s.heard != 0 && now.Sub(s.heard) >= silentFor:
		return fault(Silent, "nothing came any more")
	case !s.live && s.heard != 0 && now.Sub(s.began) >= keyWithin:
		return fault(NoKeyframe, "none in %v", keyWithin)
	}
	return nil
}

// client is a connection that is not dialled yet, and where to look at its packets; nil where that is the library's own callback: by TCP,
// and of a camera that seals them.
func (s *stream) client(u *base.URL, way string) (*gortsplib.Client, *tap) {
	protocol := gortsplib.ProtocolTCP
	c := &gortsplib.Client{
		Scheme:      u.Scheme,
		Host:        u.Host,
		Protocol:    &protocol,
		ReadTimeout: answerWithin, WriteTimeout: writeWithin,
		UserAgent:   "tongke",
		DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext,
		OnResponse:  s.answered(u.Scheme),

		OnTransportSwitch: func(error) {},  // the library would write to the standard log
		OnPacketsLost:     func(uint64) {}, // counted by framer
		OnDecodeError:     func(error) {},
	}
	if u.Scheme == "rtsps" {
		c.DialTLSContext = s.sealed(u)
	}
	if way != UDP {
		return c, nil
	}
	protocol = gortsplib.ProtocolUDP
	if u.Scheme == "rtsps" {
		return c, nil
	}
	t := &tap{}
	c.ListenPacket, c.DialContext = t.listen, t.dial
	return c, t
}

// answered notes that the camera wants the password readable on a connection that anybody can read.
func (s *stream) answered(scheme string) func(*base.Response) {
	return func(r *base.Response) {
		if r.StatusCode != base.StatusUnauthorized || scheme == "rtsps" || s.camera.cfg.User == "" {
			return
		}
		offers := strings.ToLower(strings.Join(r.Header["WWW-Authenticate"], ","))
		if strings.Contains(offers, "basic") && !strings.Contains(offers, "digest") {
			s.mu.Lock()
			s.basic = true
			s.mu.Unlock()
		}
	}
}

// offers asks what the camera has, and shows the password where it asks for one.
func (s *stream) offers(ctx context.Context, c *gortsplib.Client, u *base.URL) (session *description.Session, err error) {
	cfg := s.camera.cfg
	if cfg.User == "" {
		session, _, err = c.Describe(u)
		return session, err
	}
	full := *u
	full.User = url.UserPassword(cfg.User, cfg.Password)
	err = s.camera.secret.show(ctx, func() error {
		session, _, err = c.Describe(&full)
		return err
	})
	return session, err
}

// play asks for the stream's H264 and begins to receive it.
func (s *stream) play(ctx context.Context, c *gortsplib.Client, u *base.URL, udp *tap, h handler, l listener, fail func(error)) error {
	session, err := s.offers(ctx, c, u)
	if err != nil {
		return err
	}
	medium, h264, err := s.choose(session)
	if err != nil {
		return err
	}
	if _, err := c.Setup(session.BaseURL, medium, 0, 0); err != nil {
		return err
	}
	s.mu.Lock()
	if len(h264.SPS) > 0 && len(h264.PPS) > 0 {
		s.framer.setSPS(h264.SPS)
		s.framer.setPPS(h264.PPS)
	}
	s.transport, s.began = s.trying, packet.Now()
	s.mu.Unlock()
	if s.listens && l != nil {
		s.setupSound(c, session, udp, l)
	}
	c.OnPacketRTP(medium, h264, udp.instead(0, h264.PayloadTyp, func(p *rtp.Packet) { s.take(p, h, fail) }))
	c.OnPacketRTCP(medium, s.reports(&s.clock))
	_, err = c.Play(nil)
	return err
}

// reports takes the camera's sender reports of its pictures or its sound, each of which have a clock here; the camera has one for both.
func (s *stream) reports(of *captureClock) func(rtcp.Packet) {
	return func(p rtcp.Packet) {
		sr, ok := p.(*rtcp.SenderReport)
		if !ok {
			return
		}
		now := packet.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if at, ok := of.report(sr.RTPTime, sr.NTPTime); ok {
			s.camera.clock.sample(at, now)
		}
	}
}

// take is called for each packet, in order, from one goroutine.
func (s *stream) take(p *rtp.Packet, h handler, fail func(error)) {
	now := packet.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = now
	s.framer.take(p, func(one *frame) {
		n := 0
		for _, u := range one.units {
			n += len(u)
		}
		s.figures.see(one, n, now)
		if s.figures.reordered() {
			fail(fault(BFrames, "%d B slices, %d timestamps back", s.figures.bFrames, s.figures.backwards))
			return
		}
		if one.key {
			s.figures.width, s.figures.height = s.framer.size()
		}
		if !s.live && (!one.key || !s.framer.decodable()) {
			return // nobody could decode it
		}
		s.live, s.fault = true, nil
		h(one, s.framer.sps, s.framer.pps, now, s.clock.capture(one.timestamp, &s.camera.clock, now))
	})
}
