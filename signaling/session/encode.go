package session

import (
	"slices"
	"time"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

// step is one encoding that a page may be asked for.
type step struct {
	maxBitrate int // bit/s
	scale      float64
	fps        int
}

// ladders are the encodings of a source by their number, lowest first. Rates are for 1280 × 720 captured: what a classroom's camera
// needs at the sizes of the layouts (320, 640, 1280 wide). The board is text: few frames, all pixels.
var ladders = map[string]map[int][]step{
	track.Board: {1: {{2_500_000, 1, 15}}},
	track.Teacher: {
		1: {{1_500_000, 1, 30}},
		2: {{300_000, 2, 30}, {1_500_000, 1, 30}},
		3: {{120_000, 4, 15}, {450_000, 2, 30}, {1_500_000, 1, 30}},
	},
	track.Pupils: {
		1: {{1_200_000, 1, 25}},
		2: {{250_000, 2, 25}, {1_200_000, 1, 25}},
		3: {{100_000, 4, 15}, {350_000, 2, 25}, {1_200_000, 1, 25}},
	},
}

// Capture bounds what a page is asked to encode; a field that is 0 bounds nothing.
type Capture struct{ Width, Height, FPS, Layers int }

// limits are what the page's machine can encode, where that is known: of the wall screen beside its box.
func (s *Session) limits() Capture {
	if s.srv.cfg.Capture == nil || !s.beside() {
		return Capture{}
	}
	return s.srv.cfg.Capture()
}

// keep is which layers of those that a page offers may be made. The largest stay: the tile of a room that is called is large, and a layer
// that is not made costs a thin link no more than one that does not fit.
func (c Capture) keep(layers []track.Layer) []track.Layer {
	if c.Layers == 0 || len(layers) <= c.Layers {
		return layers
	}
	return layers[len(layers)-c.Layers:]
}

// bound makes an encoding one that the machine can make. dropped are the layers that it must not.
func (c Capture) bound(e protocol.Encoding, dropped []track.Layer) protocol.Encoding {
	e.MaxWidth, e.MaxHeight = c.Width, c.Height
	var layers []protocol.EncodingLayer
	for i, l := range dropped {
		layers = append(layers, protocol.EncodingLayer{RID: string(l), Scale: float64(int(1) << (len(dropped) + len(e.Layers) - 1 - i)), FPS: 1})
	}
	e.Layers = append(layers, e.Layers...)
	for i := range e.Layers {
		if c.FPS > 0 {
			e.Layers[i].FPS = min(e.Layers[i].FPS, c.FPS)
		}
	}
	return e
}

// encoding is what a page is asked to make of a source: the layers that somebody wants. It is pure.
func encoding(source string, layers []track.Layer, wants map[track.Layer]bool, open bool) protocol.Encoding {
	e := protocol.Encoding{Source: source, Layers: []protocol.EncodingLayer{}}
	ladder := ladders[source][len(layers)]
	for i, l := range layers {
		at := step{maxBitrate: 1_500_000, scale: 1, fps: 30}
		if i < len(ladder) {
			at = ladder[i]
		}
		e.Layers = append(e.Layers, protocol.EncodingLayer{RID: string(l), MaxBitrate: at.maxBitrate, Scale: at.scale, FPS: at.fps, Active: open && wants[l]})
	}
	return e
}

// How often a recording asks for a keyframe of what it keeps. It asks the relay, which asks the page by RTCP.
const (
	keyframeEvery      = 4 * time.Second
	boardKeyframeEvery = 10 * time.Second // it hardly changes, and its keyframes are large
)

// keyframes is how often the page is asked for keyframes of a source because this box records it; 0: it does not.
func (s *Session) keyframes(source string) time.Duration {
	if s.srv.cfg.Recording == nil {
		return 0
	}
	switch r := s.srv.cfg.Recording(s.lesson); {
	case r.Mode == protocol.RecordOff || r.Fault != "" || source == track.Pupils && r.Scope != protocol.ScopePupils:
		return 0
	case source == track.Board:
		return boardKeyframeEvery
	}
	return keyframeEvery
}

// ask tells the page what to make, where that has changed.
func (s *Session) ask() {
	if s.up == nil || s.conn == nil {
		return
	}
	for _, p := range s.up.snapshot() {
		if p.line.Kind != track.Video {
			continue
		}
		s.up.mu.Lock()
		e := encoding(p.source, p.made, p.wants, p.open.Load())
		s.up.mu.Unlock()
		e = s.limits().bound(e, p.line.Layers[:len(p.line.Layers)-len(p.made)])
		e.KeyframeEvery = int(s.keyframes(p.source).Milliseconds())
		if old, told := s.asks[p.source]; told && old.KeyframeEvery == e.KeyframeEvery && slices.Equal(old.Layers, e.Layers) {
			continue
		}
		s.asks[p.source] = e
		s.tell(e)
	}
}
