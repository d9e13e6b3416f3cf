package rtsp

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

// How long a stream rests before it is dialled again. Together with the dialling it stays below 3 s for a camera that answers.
var rests = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 1200 * time.Millisecond}

// stubbornRest is for what a person must put right at the camera. A refused password rests longer.
const stubbornRest = 30 * time.Second

// Publish connects the camera and publishes it as key until ctx ends; then the source is withdrawn and the camera left. A camera that
// cannot be reached is tried again; Status says why. It returns when all that it started has ended.
func (c *Camera) Publish(ctx context.Context, r *relay.Relay, key track.Key) {
	c.note(func() { c.wanted, c.refused, c.redials, c.requests = true, nil, 0, 0 })
	p := &publication{camera: c, relay: r, key: key, layers: map[track.Layer]*outlet{}}
	for _, s := range c.streams {
		p.layers[s.layer] = &outlet{layer: s.layer}
	}
	c.note(func() { c.published = p })
	var wg sync.WaitGroup
	for _, s := range c.streams {
		wg.Go(func() { c.keep(ctx, s, p) }) // ends with ctx
	}
	wg.Wait()
	p.close()
	c.note(func() { c.published = nil })
	c.note(func() { c.wanted, c.live, c.looked = false, false, time.Now().UTC() })
}

// keep dials one stream again and again until ctx ends.
func (c *Camera) keep(ctx context.Context, s *stream, p *publication) {
	tries := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := s.connect(ctx, func(one *frame, sps []byte, pps [][]byte, arrival, capture packet.Time) {
			p.frame(p.layers[s.layer], one, sps, pps, arrival, capture)
		}, p.sound)
		was := p.silence(p.layers[s.layer])
		if ctx.Err() != nil {
			return
		}
		f := explain(err)
		c.failed(s, f, was)
		if was || time.Since(began) > firstWithin+answerWithin {
			tries = 0
		}
		rest := rests[min(tries, len(rests)-1)]
		if f.stubborn() {
			rest = max(stubbornRest, c.secret.rest())
		}
		tries++
		if !c.secret.wait(ctx, rest) {
			return
		}
		c.note(func() { c.redials++ })
	}
}

// failed notes why a stream is away, and tells the log when that is news.
func (c *Camera) failed(s *stream, f *Fault, was bool) {
	s.mu.Lock()
	news := was || s.fault == nil || s.fault.Code != f.Code
	s.fault = f
	s.mu.Unlock()
	if news {
		c.log.Warn("camera away", "stream", layerName(s.layer), "code", f.Code, "text", f.Text.EN, "detail", f.Detail)
	}
}

func layerName(l track.Layer) string {
	if l == "" {
		return string(LayerMain)
	}
	return string(l)
}

// publication is a camera's source at the relay. Frames come from one goroutine a stream.
type publication struct {
	camera *Camera
	relay  *relay.Relay
	key    track.Key

	mu     sync.Mutex // one change or frame at a time; never held by calls from the relay
	source *relay.Source
	layers map[track.Layer]*outlet
	voice  voice
	closed bool
}

// outlet is one layer with numbers and times of its own, which run on over its connections.
type outlet struct {
	layer track.Layer
	live  bool
	up    *relay.Up

	seq     uint64 // of the next packet
	began   bool   // the mapping of timestamps is valid for this connection
	offset  uint32 // ours − the camera's
	last    uint32 // our timestamp of the last frame
	lastAt  packet.Time
	used    bool
	scratch [maxPayload]byte
}

// frame sends one frame. The first one of a stream is a keyframe.
func (p *publication) frame(o *outlet, one *frame, sps []byte, pps [][]byte, arrival, capture packet.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !o.live && !(one.key && p.enter(o)) {
		return
	}
	if !o.began {
		o.begin(one.timestamp, arrival)
	}
	if one.gap {
		o.seq++ // what is missing keeps a place
	}
	timestamp := one.timestamp + o.offset
	o.last, o.lastAt, o.used = timestamp, arrival, true
	packets(sps, pps, one, o.scratch[:], func(b []byte, flags packet.Flags) {
		o.up.Push(fill(b, codec.H264, flags, o.seq, timestamp, arrival, capture))
		o.seq++
	})
}

// begin lets the timestamps of a new connection go on from those of the one before, by the time that has passed.
func (o *outlet) begin(timestamp uint32, arrival packet.Time) {
	o.began = true
	if !o.used {
		o.offset = 0
		return
	}
	passed := max(min(arrival.Sub(o.lastAt), time.Hour), 10*time.Millisecond)
	o.offset = o.last + uint32(passed*90000/time.Second) - timestamp
	o.seq++ // and a gap, so that nobody joins the halves of two frames
}

// enter makes a layer part of the source, and publishes the source with its first layer. False where the relay refuses. Called with mu held.
func (p *publication) enter(o *outlet) bool {
	o.live = true
	layers := p.present()
	if p.source != nil {
		p.source.SetLayers(layers)
		o.up = p.source.Up(o.layer)
		return true
	}
	made, err := p.relay.Publish(relay.SourceInfo{Key: p.key, Kind: track.Video, Codec: codec.H264, Layers: layers}, maker{p.camera})
	if err != nil {
		o.live = false
		p.refused(err)
		return false
	}
	p.source = made
	o.up = made.Up(o.layer)
	p.camera.note(func() { p.camera.live, p.camera.refused = true, nil })
	p.camera.log.Info("camera published", "lesson", p.key.Lesson, "source", p.key.Source, "layers", len(layers))
	return true
}

// refused notes what the relay says of the source.
func (p *publication) refused(err error) {
	var other *relay.CodecError
	c := p.camera
	if !errors.As(err, &other) {
		return // the box is stopping
	}
	c.mu.Lock()
	news := c.refused == nil
	c.refused = fault(LessonCodec, "%s", other.Have)
	c.mu.Unlock()
	if news {
		c.log.Warn("camera has another codec than the lesson", "lesson", p.key.Lesson, "codec", other.Have.String())
	}
}

// present lists the live layers, the smallest first.
func (p *publication) present() []track.Layer {
	var out []track.Layer
	for _, s := range p.camera.streams {
		if p.layers[s.layer].live {
			out = append(out, s.layer)
		}
	}
	return out
}

// silence takes a layer out of the source, and withdraws the source with its last one. It reports whether the layer was live.
func (p *publication) silence(o *outlet) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := o.live
	o.live, o.began = false, false
	if o.layer != LayerSub {
		p.hush() // the sound is the main stream's
	}
	if !was || p.source == nil {
		return was
	}
	if left := p.present(); len(left) > 0 {
		p.source.SetLayers(left)
		return true
	}
	p.source.Close()
	p.source = nil
	p.camera.note(func() { p.camera.live = false })
	return true
}

func (p *publication) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.hush()
	if p.source != nil {
		p.source.Close()
		p.source = nil
	}
}

// maker is what the relay may ask of a camera: nothing.
type maker struct{ c *Camera }

// RequestKeyframe implements track.Maker. RTSP has no such request: the next keyframe comes when the camera makes one.
func (m maker) RequestKeyframe(track.Layer, bool) {
	m.c.mu.Lock()
	m.c.requests++
	m.c.mu.Unlock()
}

// Want implements track.Maker. Both streams stay connected while the camera publishes: to dial one when it is wanted would take as long
// as the camera's next keyframe.
func (m maker) Want(track.Layer, bool) {}

var _ track.Maker = maker{}

// Found is what a try of a camera has shown.
type Found struct {
	OK      bool     `json:"ok"`
	Streams []Stream `json:"streams"`
	Fault   *Fault   `json:"fault,omitempty"`
	Verdict Words    `json:"verdict"`
}

// tryFor bounds a try: two keyframes of any camera that is set as it should be are seen within it.
const tryFor = 8 * time.Second

// Probe connects a camera that nobody publishes, looks at what comes, and leaves it.
func (c *Camera) Probe(ctx context.Context) Found {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range c.streams {
		wg.Go(func() { // ends with ctx, or before
			looked, enough := context.WithCancel(ctx)
			defer enough()
			err := s.connect(looked, func(one *frame, _ []byte, _ [][]byte, _, _ packet.Time) {
				if s.figures.keys > 0 && s.figures.fps > 0 { // mu is held
					enough()
				}
			}, nil)
			s.mu.Lock()
			defer s.mu.Unlock()
			switch {
			case looked.Err() == nil:
				s.fault = explain(err)
			case s.figures.frames == 0:
				s.fault = fault(Silent, "nothing in %v", tryFor)
			case !s.figures.keyTaken:
				s.fault = fault(NoKeyframe, "none in %v", tryFor)
			}
		})
	}
	wg.Wait()
	return c.found()
}

func (c *Camera) found() Found {
	var f Found
	for _, s := range c.streams {
		one := s.seen()
		f.Streams = append(f.Streams, one)
		if one.Fault != nil {
			f.Fault = one.Fault // the main stream's, if it has one: it comes last
		}
	}
	slices.Reverse(f.Streams)
	f.OK = f.Fault == nil
	rare := slices.ContainsFunc(f.Streams, func(s Stream) bool { return s.KeyframeSeconds > rareAfter.Seconds() })
	switch {
	case f.Fault != nil:
		f.Verdict = f.Fault.Text
	case rare:
		f.Verdict = noteRare
	default:
		f.Verdict = Words{"摄像头可以用", "The camera can be used"}
	}
	return f
}
