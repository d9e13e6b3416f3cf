package main

import (
	"strings"
	"testing"

	"tongke/media/track"
	"tongke/signaling/api"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
)

// TestCamerasSpeak: one camera of those whose sound is switched on is the room's voice while no page is, and leaves the box with the floor.
func TestCamerasSpeak(t *testing.T) {
	c, s := newShelf(t, openShelfStore(t, t.TempDir()), CameraConfig{Name: "a", URL: "rtsp://127.0.0.1:9/1", Sound: true},
		CameraConfig{Name: "b", URL: "rtsp://127.0.0.1:9/2", Sound: true}, CameraConfig{Name: "c", URL: "rtsp://127.0.0.1:9/3", As: "board", Sound: true})
	voice := hearing{key: track.Key{Lesson: "l", Origin: "box", Source: track.Voice}}
	open := hearing{voice.key, true}
	none := hearing{}
	taught := func(s *stage) {
		s.state = protocol.State{ID: "l", State: protocol.Live, OwnerBox: "box", Master: protocol.RoomRef{Room: "sanhe"}, Lead: &protocol.Lead{Room: "sanhe", Box: "box", Online: true}}
		s.scenes = []session.Scene{{Lesson: "l"}}
	}
	for _, step := range []struct {
		name   string
		change func(*stage)
		want   [3]hearing
	}{
		{"no lesson", func(*stage) {}, [3]hearing{}},
		{"taught here: the first and the board's film", taught, [3]hearing{open, none, none}},
		{"the teacher has muted himself", func(s *stage) { s.state.Sources.Muted = true }, [3]hearing{voice, none, none}},
		{"the teacher's page speaks", func(s *stage) { s.state.Sources.Muted, s.scenes[0].Voice = false, true }, [3]hearing{}},
		{"it shares the board too, and does not speak", func(s *stage) {
			s.scenes[0].Voice, s.scenes[0].Sources = false, []string{track.Board}
		}, [3]hearing{open, none, none}},
		{"covered", func(s *stage) { s.scenes[0].Covered = true }, [3]hearing{}},
		{"attends", func(s *stage) {
			s.state.Master.Room, s.state.Lead, s.state.OwnerBox = "core", &protocol.Lead{Room: "core", Box: "core", Online: true}, "core"
			s.state.Rooms = []protocol.RoomState{{Room: "sanhe", Box: "box", State: protocol.RoomLive}}
			s.scenes = []session.Scene{{Lesson: "l", Screen: true}}
		}, [3]hearing{voice, none, none}},
	} {
		s.set(step.change)
		got := c.hearings(c.wants())
		for i, n := range c.all {
			if got[n] != step.want[i] {
				t.Errorf("%s: camera %s: %+v, want %+v", step.name, n.config.Name, got[n], step.want[i])
			}
		}
	}
	// By the page of the device.
	c, s = newShelf(t, openShelfStore(t, t.TempDir()))
	on := true
	one, err := c.Add(api.CameraChange{Name: text("后墙"), URL: text("rtsp://127.0.0.1:9/1"), As: text("camera")})
	if err != nil || one.Sound {
		t.Fatalf("%+v %v: the sound is on and nobody said so", one, err)
	}
	s.set(func(s *stage) {
		s.state = protocol.State{ID: "l", State: protocol.Live, OwnerBox: "core", Master: protocol.RoomRef{Room: "core"}, Lead: &protocol.Lead{Room: "core", Box: "core", Online: true},
			Rooms: []protocol.RoomState{{Room: "sanhe", Box: "box", State: protocol.RoomLive}}, Floor: []protocol.Holder{{Room: "sanhe"}}}
		s.scenes = []session.Scene{{Lesson: "l", Screen: true}}
	})
	is := func() hearing { return c.hearings(c.wants())[c.byID[one.ID]] }
	if got := is(); got != none {
		t.Errorf("%+v with the sound off", got)
	}
	if one, err = c.Change(one.ID, api.CameraChange{Sound: &on}); err != nil || !one.Sound {
		t.Fatalf("%+v %v", one, err)
	}
	if one, err = c.Change(one.ID, api.CameraChange{Name: text("前面")}); err != nil || !one.Sound {
		t.Fatalf("%+v %v: another name turns the sound off", one, err)
	}
	if got := is(); got != open {
		t.Errorf("%+v with the sound on and the floor", got)
	}
	s.set(func(s *stage) { s.state.Floor = nil })
	if got := is(); got != voice {
		t.Errorf("%+v without the floor", got)
	}
	if films := c.films("l", "sanhe"); len(films) != 1 || strings.Contains(films[0].Source, track.Voice) {
		t.Errorf("films %+v of a camera that is not heard", films)
	}
}
