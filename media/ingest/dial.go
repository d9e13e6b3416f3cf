package ingest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/pion/rtcp"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
)

// dialer makes connections: media/rtc, or a fake in tests of time and status codes. x gets the connection's news.
type dialer struct {
	receive, send func(ctx context.Context, x *session, sdp string, o *offer) (p peer, answer string, err error)
}

// receive answers a publisher; its tracks are published as they come.
func (s *Server) receive(ctx context.Context, x *session, sdp string, o *offer) (peer, string, error) {
	pub := newPublication(s, x, o)
	x.media = pub
	var video []codec.Codec
	lesson := s.settled(x.lesson)
	if lesson != codec.None {
		video = []codec.Codec{lesson}
	}
	var life life
	p, answer, err := s.cfg.Engine.Receive(ctx, sdp, rtc.ReceiveOptions{
		Name: x.id[:6], Video: video, OnTrack: pub.track, OnState: func(st rtc.State) { life.state(s, x, st) },
	})
	if err != nil {
		return nil, "", offerProblem(err, lesson)
	}
	life.set(p)
	return p, answer, nil
}

// settled is the codec that all video of the lesson must have: the lesson's, while somebody publishes video in it.
func (s *Server) settled(lesson string) codec.Codec {
	for _, info := range s.cfg.Relay.Sources() {
		if info.Key.Lesson == lesson && info.Kind == track.Video {
			return info.Codec
		}
	}
	return codec.None
}

// send answers a subscriber and binds its slots: the first sound to the voice, the first picture to the teacher, the second to the board.
// Further slots stay empty. An origin of "" is whichever box teaches.
func (s *Server) send(ctx context.Context, x *session, sdp string, _ *offer) (peer, string, error) {
	lesson := s.cfg.Relay.LessonCodec(x.lesson)
	var life life
	p, answer, err := s.cfg.Engine.Send(ctx, sdp, rtc.SendOptions{Name: x.id[:6]})
	if err != nil {
		return nil, "", offerProblem(err, lesson)
	}
	life.set(p)
	slots := p.Slots()
	sources := assign(slots)
	if i := slices.Index(sources, track.Teacher); i >= 0 {
		x.shows = slots[i].PayloadTypes
	}
	if x.blind(lesson) {
		_ = p.Close()
		return nil, "", mismatch(lesson)
	}
	sub, err := s.cfg.Relay.Subscribe(relay.SubscriberConfig{Name: x.id[:6], Slots: slots})
	if err != nil {
		_ = p.Close()
		return nil, "", err
	}
	x.media = sub
	p.OnRTCP(func(slot int, pkts []rtcp.Packet) { sub.HandleRTCP(slot, pkts) })
	voice := voiceSlot{s: s, x: x, sub: sub, slot: slices.Index(sources, track.Voice)}
	if voice.slot >= 0 {
		x.hear = voice.follow
	}
	bind := func() {
		voice.bind()
		for i, source := range sources {
			if source != "" && source != track.Voice {
				sub.Bind(i, track.Key{Lesson: x.lesson, Source: source}, relay.BindOptions{})
			}
		}
	}
	bind() // at once, so that what must come over the uplink is on its way,
	var once sync.Once
	p.OnState(func(st rtc.State) {
		if st == rtc.Connected {
			once.Do(bind) // and again when it can be sent: from the cached keyframe
		}
		life.state(s, x, st)
	})
	return p, answer, nil
}

// assign says which source each slot shows, "" for none.
func assign(slots []relay.SlotConfig) []string {
	left := map[track.Kind][]string{track.Audio: {track.Voice}, track.Video: {track.Teacher, track.Board}}
	out := make([]string, len(slots))
	for i, c := range slots {
		if l := left[c.Kind]; len(l) > 0 {
			out[i], left[c.Kind] = l[0], l[1:]
		}
	}
	return out
}

// offerProblem turns what media/rtc says of an offer into an answer.
func offerProblem(err error, lesson codec.Codec) error {
	var bad *rtc.OfferError
	var none *rtc.CodecError
	switch {
	case errors.As(err, &bad):
		return refuse(http.StatusBadRequest, "sdp-malformed", "%s", bad.Text)
	case errors.As(err, &none) && none.Kind == track.Video && lesson != codec.None:
		return mismatch(lesson)
	case errors.As(err, &none):
		return refuse(http.StatusUnprocessableEntity, "codec-mismatch", "m-line %s offers %s; offer H264 (packetization-mode 1) or VP8 for pictures, Opus for sound",
			none.MID, strings.Join(none.Offered, ", "))
	case errors.Is(err, rtc.ErrNothing):
		return refuse(http.StatusUnprocessableEntity, "nothing-offered", "the offer has no m-line that can be used")
	case errors.Is(err, rtc.ErrClosed):
		return refuse(http.StatusServiceUnavailable, "stopping", "the box is stopping")
	}
	return err
}

func mismatch(lesson codec.Codec) *problem {
	name := strings.ToUpper(lesson.String())
	return refuse(http.StatusUnprocessableEntity, "codec-mismatch", "this lesson's pictures are %s and the offer does not have it; offer %s, or use a program that can", name, name)
}

// life passes a connection's states to its session. The first ones may come before the connection is returned.
type life struct {
	mu sync.Mutex
	p  *rtc.Peer
}

func (l *life) set(p *rtc.Peer) {
	l.mu.Lock()
	l.p = p
	l.mu.Unlock()
}

func (l *life) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.p == nil {
		return nil
	}
	return l.p.Reason()
}

// state is called from the connection's goroutine, which must not wait for its own end.
func (l *life) state(s *Server, x *session, st rtc.State) {
	switch st {
	case rtc.Connected:
		x.setConnected(true)
	case rtc.Disconnected:
		x.setConnected(false)
	case rtc.Closed:
		if errors.Is(l.reason(), rtc.ErrBFrames) {
			x.log.Warn("publisher sends B-frames: turn B-frames off / 请关闭 B 帧")
			s.endLater(x, "b-frames", bFrames)
		}
		x.setDead()
	}
}

// bFrames answers for a session that was ended because of them: receivers of WebRTC show frames in the order in which they come.
var bFrames = refuse(http.StatusGone, "b-frames", "请关闭 B 帧 / turn B-frames off in the encoder (in OBS: bf=0, or tune zerolatency), then publish again")
