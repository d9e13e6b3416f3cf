package ingest

import (
	"sync"

	"tongke/media/relay"
	"tongke/media/track"
)

// voiceSlot is the sound of a subscriber: the voice of whoever has the floor, else the teacher's.
type voiceSlot struct {
	s    *Server
	x    *session
	sub  *relay.Subscriber
	slot int // below 0: it asked for none

	mu    sync.Mutex
	bound track.Key
}

// bind binds the voice, the same one too: what a connection could not take before it was up begins anew.
func (v *voiceSlot) bind() {
	if v.slot < 0 {
		return
	}
	key := v.s.voice(v.x)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bound = key
	v.sub.Bind(v.slot, key, relay.BindOptions{})
}

// follow binds the voice if it is another.
func (v *voiceSlot) follow() {
	key := v.s.voice(v.x)
	v.mu.Lock()
	defer v.mu.Unlock()
	if key != v.bound {
		v.bound = key
		v.sub.Bind(v.slot, key, relay.BindOptions{})
	}
}

// voice is what a subscriber hears now. Outside the lesson's classrooms nobody hears a pupil.
func (s *Server) voice(x *session) track.Key {
	if s.cfg.Voice == nil || x.grant.Room == "" {
		return track.Key{Lesson: x.lesson, Source: track.Voice}
	}
	return s.cfg.Voice(x.lesson, x.grant.Room)
}

// VoiceChanged has the subscribers of a lesson follow the floor. It does not block.
func (s *Server) VoiceChanged(lesson string) {
	for _, x := range s.matching(func(x *session) bool { return x.lesson == lesson && x.hear != nil }) {
		x.hear()
	}
}
