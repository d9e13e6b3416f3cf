package relay

import (
	"slices"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// Publish makes a source known and lets m feed it. A source of the same key is taken over: its subscribers stay, and the former handle
// becomes inert. It returns a *CodecError or ErrClosed.
func (r *Relay) Publish(info SourceInfo, m track.Maker) (*Source, error) {
	return r.publishIf(info, m, false)
}

// PublishFree is Publish for a maker that gives way to any other: ErrTaken while the source has one.
func (r *Relay) PublishFree(info SourceInfo, m track.Maker) (*Source, error) {
	return r.publishIf(info, m, true)
}

func (r *Relay) publishIf(info SourceInfo, m track.Maker, free bool) (*Source, error) {
	var out *Source
	var refused error
	err := r.call(func() {
		if s := r.sources[info.Key]; free && s != nil && s.maker != nil {
			refused = ErrTaken
			return
		}
		l := r.lesson(info.Key.Lesson)
		if info.Kind == track.Video {
			if l.codec != codec.None && l.codec != info.Codec && !r.onlyVideo(info.Key) {
				refused = &CodecError{Lesson: info.Key.Lesson, Have: l.codec, Got: info.Codec}
				return
			}
			l.codec = info.Codec
		}
		out = r.publish(l, info, m)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// onlyVideo reports whether no other video source of the lesson is present: then the codec may change.
func (r *Relay) onlyVideo(k track.Key) bool {
	for _, other := range r.lesson(k.Lesson).order {
		if other != k && r.sources[other].info.Kind == track.Video {
			return false
		}
	}
	return true
}

func (r *Relay) publish(l *lessonState, info SourceInfo, m track.Maker) *Source {
	s := r.source(info.Key)
	if s.maker == nil {
		for _, u := range s.ups {
			u.renewed = true
		}
	}
	s.info, s.maker = info, m
	if len(s.info.Layers) == 0 {
		s.info.Layers = []track.Layer{""}
	}
	// Wall seconds as a floor: the count rises over restarts of this box too.
	s.gen = max(s.gen+1, uint32(time.Now().Unix()))
	for _, layer := range s.info.Layers {
		s.up(layer)
	}
	for i := range s.demands {
		s.demands[i].want = false // the new maker has been told nothing
	}
	if !slices.Contains(l.order, info.Key) {
		l.order = append(l.order, info.Key)
	}
	r.tell(SourceEvent{Info: s.info})
	r.resolve(info.Key.Lesson)
	s.choose(packet.Now())
	return &Source{r: r, src: s, gen: s.gen}
}
