package main

import (
	"tongke/media/track"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
)

// hearing is as what a camera's sound is published, zero: as nothing, and whether it may leave now.
type hearing struct {
	key  track.Key
	open bool
}

// hearings is what each camera's sound should be now, for what the cameras publish. A room has one voice: the first camera's that films it and
// has its sound switched on.
func (c *cameras) hearings(wants map[*netCamera]track.Key) map[*netCamera]hearing {
	room := c.room()
	scenes, states := map[string]session.Scene{}, map[string]protocol.State{}
	for _, at := range c.scenes(room) {
		if st, ok := c.state(at.Lesson); ok {
			scenes[at.Lesson], states[at.Lesson] = at, st
		}
	}
	out, spoken := map[*netCamera]hearing{}, map[track.Key]bool{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.all {
		out[n] = hearing{}
		key := track.Key{Lesson: wants[n].Lesson, Origin: c.box, Source: track.Voice}
		st, ok := states[key.Lesson]
		if !ok || !n.config.Sound || wants[n] == (track.Key{}) || spoken[key] {
			continue
		}
		if is, open := session.StageVoice(st, c.box, room, scenes[key.Lesson]); is {
			out[n], spoken[key] = hearing{key, open}, true
		}
	}
	return out
}

// speak has the cameras' sound follow. What another publisher has taken the place of and left begins anew.
func (c *cameras) speak(wants map[*netCamera]track.Key, displaced map[track.Key]bool) {
	for n, h := range c.hearings(wants) {
		if displaced[h.key] {
			n.camera.Voice(track.Key{}, false)
		}
		n.camera.Voice(h.key, h.open)
	}
}

// heard is the voice that a camera gives its room in a lesson now.
func (c *cameras) heard(lesson string) session.Film {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.all {
		if n.camera.Speaking().Lesson == lesson {
			return session.Film{Source: track.Voice, On: true, Level: n.camera.Loudness()}
		}
	}
	return session.Film{Source: track.Voice}
}
