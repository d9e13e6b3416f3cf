package peer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"tongke/media/packet"
)

// Classroom watches a lesson by WHEP: the voice, the teacher's camera and the board. It answers like a browser (receiver reports, TWCC
// feedback, NACK, PLI) and measures instead of decoding.
type Classroom struct {
	cfg Config

	mu        sync.Mutex
	meters    [3]*meter // voice, camera, board
	connected bool
	sessions  int
	lastErr   error
}

// The places of the sources in the offer and in Classroom.meters.
const (
	voiceAt = iota
	cameraAt
	boardAt
)

// ClassroomStats is what a classroom has measured so far.
type ClassroomStats struct {
	Connected            bool
	Sessions             int   // WHEP sessions that were connected
	LastError            error // of the latest session that ended; nil before
	Voice, Camera, Board TrackStats
}

// NewClassroom makes a classroom.
func NewClassroom(cfg Config) (*Classroom, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	c := &Classroom{cfg: cfg, meters: [3]*meter{newMeter("voice"), newMeter("camera"), newMeter("board")}}
	for _, m := range c.meters {
		m.observe = cfg.Observe
	}
	return c, nil
}

// Anew makes the figures count from now on; Join and what is known of the streams stay.
func (c *Classroom) Anew() {
	now := packet.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.meters {
		m.anew(now)
	}
}

// Stats is a copy of the figures.
func (c *Classroom) Stats() ClassroomStats {
	now := packet.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return ClassroomStats{Connected: c.connected, Sessions: c.sessions, LastError: c.lastErr,
		Voice: c.meters[voiceAt].stats(now), Camera: c.meters[cameraAt].stats(now), Board: c.meters[boardAt].stats(now)}
}

// Run watches until ctx ends, and starts again whenever a session is lost or refused. It returns nil when ctx has ended.
func (c *Classroom) Run(ctx context.Context) error {
	return repeat(ctx, c.watch, func(err error) {
		c.cfg.Log.Debug("watching ended, starting again", "err", err)
		c.mu.Lock()
		c.lastErr = err
		c.mu.Unlock()
	})
}

// watch is one WHEP session, from the offer until it is lost.
func (c *Classroom) watch(ctx context.Context) (bool, error) {
	s := &watchSession{c: c, streams: make(map[uint32]*watchStream)}
	api, err := newAPI(c.cfg.loopback(), true, s.register)
	if err != nil {
		return false, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return false, err
	}
	s.pc = pc
	connected, lost := watchState(pc)
	watching, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		_ = pc.Close() // readers end with it
		s.wg.Wait()
	}()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return false, fmt.Errorf("add %v: %w", kind, err)
		}
	}
	pc.OnTrack(s.onTrack)
	now := packet.Now()
	c.mu.Lock()
	for _, m := range c.meters {
		m.begin(now)
	}
	c.mu.Unlock()
	resource, err := c.cfg.connect(ctx, pc, c.cfg.URL+"/whep/"+c.cfg.Lesson)
	if resource != "" {
		defer c.cfg.leave(ctx, resource)
	}
	if err != nil {
		return false, err
	}
	s.wg.Go(func() { s.feedback(watching) }) // ends with watching
	defer c.setConnected(false)
	return session{c.cfg, resource, connected, lost, &s.heard}.stay(ctx, func() { c.setConnected(true) })
}

func (c *Classroom) setConnected(v bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = v
	if v {
		c.sessions++
	}
}

// watchSession is the state of one peer connection. What it shares with pion's goroutines stands under the classroom's lock.
type watchSession struct {
	c       *Classroom
	pc      *webrtc.PeerConnection
	wg      sync.WaitGroup
	heard   atomic.Int64            // packet.Time of the latest packet
	streams map[uint32]*watchStream // by SSRC of the media stream; under c.mu
}

// watchStream is one media stream of the session. Until pion has said which m-line it belongs to, its packets wait.
type watchStream struct {
	meter     *meter
	track     *webrtc.TrackRemote
	captureID uint8
	early     []earlyPacket
}

// register adds the interceptors: ours outermost, so that it sees each packet when it arrives.
func (s *watchSession) register(_ *webrtc.MediaEngine, r *interceptor.Registry) error {
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(silent()))
	if err != nil {
		return err
	}
	r.Add(reports)
	feedback, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(silent()))
	if err != nil {
		return err
	}
	r.Add(feedback)
	r.Add(tapFactory{s})
	return nil
}

// onTrack is called by pion once a stream's m-line is known.
func (s *watchSession) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	place := -1
	for i, tr := range s.pc.GetTransceivers() {
		if tr.Receiver() == receiver {
			place = i
		}
	}
	if place < 0 || place >= len(s.c.meters) {
		return
	}
	var captureID uint8
	for _, e := range receiver.GetParameters().HeaderExtensions {
		if e.URI == captureURI {
			captureID = uint8(e.ID)
		}
	}
	s.c.mu.Lock()
	st := s.stream(uint32(track.SSRC()))
	st.meter, st.track, st.captureID = s.c.meters[place], track, captureID
	for _, p := range st.early {
		st.push(p)
	}
	st.early = nil
	if rtx := uint32(track.RtxSSRC()); rtx != 0 {
		s.streams[rtx] = st
	}
	s.c.mu.Unlock()
	// Both readers only keep pion going, the tap has measured already; they end when pc is closed.
	s.wg.Go(func() {
		buf := make([]byte, 1500)
		for {
			if _, _, err := track.Read(buf); err != nil {
				return
			}
		}
	})
	s.wg.Go(func() { s.readReports(receiver) })
}

// readReports keeps the newest sender report of each stream.
func (s *watchSession) readReports(receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			sr, ok := p.(*rtcp.SenderReport)
			if !ok {
				continue
			}
			s.c.mu.Lock()
			if st := s.streams[sr.SSRC]; st != nil && st.meter != nil {
				st.meter.report = sr
			}
			s.c.mu.Unlock()
		}
	}
}

// stream finds or makes the entry of an SSRC; the lock is held.
func (s *watchSession) stream(ssrc uint32) *watchStream {
	st := s.streams[ssrc]
	if st == nil {
		st = &watchStream{}
		s.streams[ssrc] = st
	}
	return st
}

// feedbackTick is how often browsers look whether something is to be asked for.
const feedbackTick = 20 * time.Millisecond

func (s *watchSession) feedback(ctx context.Context) {
	tick := time.NewTicker(feedbackTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := packet.Now()
		var out []rtcp.Packet
		s.c.mu.Lock()
		for ssrc, st := range s.streams {
			if st.meter == nil || st.track.Kind() != webrtc.RTPCodecTypeVideo || uint32(st.track.SSRC()) != ssrc {
				continue
			}
			out = append(out, st.meter.feedback(ssrc, now)...)
		}
		s.c.mu.Unlock()
		if len(out) > 0 {
			_ = s.pc.WriteRTCP(out) // a lost connection is noticed by its state
		}
	}
}
