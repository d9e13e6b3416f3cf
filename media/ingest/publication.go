package ingest

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
)

// publication is a publisher's media at the relay. It makes its sources when their first track comes, so that a subscriber that is
// bound to a source never waits for a publisher who only connected.
type publication struct {
	server *Server
	x      *session

	publishing sync.Mutex // one track at a time; never held by calls from the relay
	voice      *relay.Source
	video      *relay.Source
	closed     bool
	waiting    [2]bool // by kind: offered, and not begun yet

	mu               sync.Mutex // changes to the maps; publishing is held as well
	sounds, pictures map[track.Layer]*rtc.Incoming
}

func newPublication(s *Server, x *session, o *offer) *publication {
	p := &publication{server: s, x: x, sounds: map[track.Layer]*rtc.Incoming{}, pictures: map[track.Layer]*rtc.Incoming{}}
	p.waiting[track.Audio] = o.sends(track.Audio) && x.source == track.Teacher
	p.waiting[track.Video] = o.sends(track.Video)
	return p
}

// track is called from the connection's goroutine when a stream or layer begins.
func (p *publication) track(in *rtc.Incoming) {
	if in.Kind == track.Audio && p.x.source != track.Teacher {
		in.SetSink((*packet.Buffer).Release) // board and pupils bring no sound
		return
	}
	p.publishing.Lock()
	defer p.publishing.Unlock()
	if p.closed {
		return
	}
	err := p.enter(in)
	var conflict *relay.CodecError
	switch {
	case errors.As(err, &conflict):
		// Two publishers began at once, before the lesson had a codec.
		p.x.log.Warn("publisher has another codec than the lesson", "err", err)
		p.server.endLater(p.x, endCodec, mismatch(conflict.Have).gone())
	case err != nil:
		p.x.log.Error("publish", "err", err)
		p.server.endLater(p.x, "relay refused", nil)
	default:
		p.x.log.Info("track published", "kind", in.Kind.String(), "codec", in.Codec.String(), "layer", string(in.RID))
		p.begun(in.Kind)
	}
}

// enter leads a track to the relay. A stream that comes in the place of a former one has numbers of its own, so the source begins anew.
func (p *publication) enter(in *rtc.Incoming) error {
	source, layers, name := &p.video, p.pictures, p.x.source
	if in.Kind == track.Audio {
		source, layers, name = &p.voice, p.sounds, track.Voice
	}
	p.mu.Lock()
	again := layers[in.RID] != nil
	layers[in.RID] = in
	p.mu.Unlock()
	if *source != nil && !again {
		in.SetSink((*source).Up(in.RID).Push)
		return nil
	}
	made, err := p.server.cfg.Relay.Publish(relay.SourceInfo{
		Key:    track.Key{Lesson: p.x.lesson, Origin: p.server.cfg.Box, Source: name},
		Kind:   in.Kind,
		Codec:  in.Codec,
		Layers: slices.Sorted(maps.Keys(layers)),
	}, &maker{p, layers})
	if err != nil {
		return err
	}
	*source = made
	for _, each := range layers {
		each.SetSink(made.Up(each.RID).Push)
	}
	return nil
}

// begun tells the session that its media is there, once all that it offered has begun: then a publisher that it replaces may go.
func (p *publication) begun(k track.Kind) {
	p.waiting[k] = false
	if !p.waiting[track.Audio] && !p.waiting[track.Video] {
		p.x.setStarted()
	}
}

// maker passes the relay's wishes to the streams of one kind (track.Maker).
type maker struct {
	p      *publication
	layers map[track.Layer]*rtc.Incoming
}

func (m *maker) RequestKeyframe(l track.Layer, urgent bool) {
	m.p.mu.Lock()
	in := m.layers[l]
	m.p.mu.Unlock()
	if in != nil {
		in.RequestKeyframe(urgent)
	}
}

// Want changes nothing: a WHIP publisher cannot be told to rest a layer.
func (m *maker) Want(track.Layer, bool) {}

// Close takes the sources back.
func (p *publication) Close() {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.closed = true
	for _, s := range []*relay.Source{p.voice, p.video} {
		if s != nil {
			s.Close()
		}
	}
}
