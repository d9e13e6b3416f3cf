package peer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/webrtc/v4"

	"tongke/media/packet"
	"tongke/testbench/lesson"
)

// Teacher publishes the synthetic lesson: camera and voice by one WHIP session, the board by a second one. Frame k of a track is captured
// k intervals after the teacher's epoch, also across reconnects, so anyone with the same clock can compute a latency from a frame's stamp.
type Teacher struct {
	cfg    Config
	lesson *lesson.Lesson
	board  bool
	epoch  packet.Time

	mu    sync.Mutex
	stats TeacherStats
}

// TeacherStats tells how the publishing goes.
type TeacherStats struct {
	Camera, Board        bool // connected
	Sessions             int  // WHIP sessions that were connected, of both kinds
	Packets, Bytes       uint64
	Frames, VoicePackets uint64
	RED                  bool  // the voice is sent with redundancy
	LastError            error // of the latest session that ended; nil before
}

// NewTeacher makes a teacher; board says whether the slides are published too.
func NewTeacher(cfg Config, l *lesson.Lesson, board bool) (*Teacher, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	return &Teacher{cfg: cfg, lesson: l, board: board, epoch: packet.Now()}, nil
}

// Stats is a copy of the figures.
func (t *Teacher) Stats() TeacherStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// CaptureTime is when the frame with this stamp was last captured before now. Every frame is sent within a few milliseconds of it.
func (t *Teacher) CaptureTime(stamp uint32, now packet.Time) packet.Time {
	clip := t.lesson.Camera
	if stamp&lesson.StampBoard != 0 {
		clip = t.lesson.Board
	}
	return captureTime(clip, t.epoch, stamp&^lesson.StampBoard, now)
}

func captureTime(clip *lesson.Clip, epoch packet.Time, frame uint32, now packet.Time) packet.Time {
	round := int64(clip.Duration())
	first := epoch.Add(unitTime(clip, int64(frame)))
	if now < first {
		return first
	}
	return first.Add(time.Duration(int64(now.Sub(first)) / round * round))
}

// unitTime is how long after the epoch unit k is captured, exact to the nanosecond over days.
func unitTime(clip *lesson.Clip, k int64) time.Duration {
	ticks, rate := k*int64(clip.Step), int64(clip.Codec.ClockRate())
	return time.Duration(ticks/rate)*time.Second + time.Duration(ticks%rate*int64(time.Second)/rate)
}

// Run publishes until ctx ends, and starts again whenever a session is lost or refused. It returns nil when ctx has ended.
func (t *Teacher) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	run := func(name, query string, up *bool, tracks func() []*sender) {
		log := t.cfg.Log.With("source", name)
		_ = repeat(ctx, func(ctx context.Context) (bool, error) { return t.publish(ctx, query, up, tracks()) }, func(err error) {
			log.Debug("publishing ended, starting again", "err", err)
			t.mu.Lock()
			t.stats.LastError = err
			t.mu.Unlock()
		}) // repeat only ends with ctx
	}
	// Both end with ctx.
	wg.Go(func() {
		run("teacher", "", &t.stats.Camera, func() []*sender {
			return []*sender{newSender(t, t.lesson.Voice, "voice"), newSender(t, t.lesson.Camera, "camera")}
		})
	})
	if t.board {
		wg.Go(func() {
			run("board", "?source=board", &t.stats.Board, func() []*sender {
				return []*sender{newSender(t, t.lesson.Board, "board")}
			})
		})
	}
	wg.Wait()
	return nil
}

// publish is one WHIP session, from the offer until it is lost. up is set while it is connected.
func (t *Teacher) publish(ctx context.Context, query string, up *bool, tracks []*sender) (bool, error) {
	api, err := newAPI(t.cfg.loopback(), false, registerTeacher)
	if err != nil {
		return false, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return false, err
	}
	connected, lost := watchState(pc)
	sending, stop := context.WithCancel(ctx)
	var heard atomic.Int64
	var wg sync.WaitGroup
	defer func() {
		stop() // senders first: they write to pc
		_ = pc.Close()
		wg.Wait()
	}()
	for _, s := range tracks {
		tr, err := pc.AddTransceiverFromTrack(s, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return false, fmt.Errorf("add %s: %w", s.name, err)
		}
		// Reading drives pion's retransmission; it ends when pc is closed.
		wg.Go(func() {
			buf := make([]byte, 1500)
			for {
				if _, _, err := tr.Sender().Read(buf); err != nil {
					return
				}
				heard.Store(int64(packet.Now()))
			}
		})
	}
	resource, err := t.cfg.connect(ctx, pc, t.cfg.URL+"/whip/"+t.cfg.Lesson+query)
	if resource != "" {
		defer t.cfg.leave(ctx, resource)
	}
	if err != nil {
		return false, err
	}
	defer t.set(up, false)
	return session{t.cfg, resource, connected, lost, &heard}.stay(ctx, func() {
		t.set(up, true)
		for _, s := range tracks {
			wg.Go(func() { s.run(sending, pc) }) // ends with sending
		}
	})
}

func (t *Teacher) set(up *bool, v bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*up = v
	if v {
		t.stats.Sessions++
	}
}

// registerTeacher adds retransmission (RFC 4588) and transport-wide sequence numbers. Sender reports are made by the sender itself, which
// knows the capture times exactly.
func registerTeacher(_ *webrtc.MediaEngine, r *interceptor.Registry) error {
	responder, err := nack.NewResponderInterceptor(nack.WithResponderLoggerFactory(silent()))
	if err != nil {
		return err
	}
	r.Add(responder)
	numbers, err := twcc.NewHeaderExtensionInterceptor()
	if err != nil {
		return err
	}
	r.Add(numbers)
	return nil
}
