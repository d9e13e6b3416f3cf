package ingest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

type noMaker struct{}

func (noMaker) RequestKeyframe(track.Layer, bool) {}
func (noMaker) Want(track.Layer, bool)            {}

// Who watches from a classroom hears whoever has the floor; who watches from outside does not.
func TestVoiceFollowsTheFloor(t *testing.T) {
	b := newBox(t)
	campus := track.Key{Lesson: "math", Origin: "campus", Source: track.Voice}
	var called atomic.Bool
	b.Server.cfg.Voice = func(lesson, room string) track.Key {
		if called.Load() && room == "north" {
			return campus
		}
		return track.Key{Lesson: lesson, Source: track.Voice}
	}
	b.Server.cfg.Authorize = func(r *http.Request, lesson string, publish bool) (Grant, error) {
		g, err := authorize(r, lesson, publish)
		if g.TokenID == "sub-a" {
			g.Room = "north"
		}
		return g, err
	}
	b.relay.SetTeaching("math", "box1")
	inside, outside := newClient(t, nil), newClient(t, nil)
	inside.watchOnly(1)
	inside.dial(b, "/whep/math", "sub-a", false)
	outside.watchOnly(1)
	outside.dial(b, "/whep/math", "sub-b", false)
	src, err := b.relay.Publish(relay.SourceInfo{Key: campus, Kind: track.Audio, Codec: codec.Opus, Layers: []track.Layer{""}}, noMaker{})
	if err != nil {
		t.Fatal(err)
	}
	up := src.Up("")
	n := uint64(1000)
	speak := func() {
		p := packet.Get()
		p.Seq, p.Timestamp, p.Codec, p.Arrival = n, uint32(n*960), codec.Opus, packet.Now()
		p.SetPayload([]byte{0x78, 1, 2})
		n++
		up.Push(p)
		time.Sleep(5 * time.Millisecond)
	}
	for range 40 {
		speak()
	}
	if n := inside.packets[track.Audio].Load(); n > 0 {
		t.Errorf("%d packets of a campus that was not called", n)
	}
	called.Store(true)
	b.VoiceChanged("math")
	eventually(t, func() bool { speak(); return inside.packets[track.Audio].Load() > 10 })
	called.Store(false)
	b.VoiceChanged("math")
	time.Sleep(50 * time.Millisecond)
	was := inside.packets[track.Audio].Load()
	for range 40 {
		speak()
	}
	if n := inside.packets[track.Audio].Load(); n > was+1 {
		t.Errorf("%d packets after the floor was given back", n-was)
	}
	if n := outside.packets[track.Audio].Load(); n > 0 {
		t.Errorf("%d packets of a pupil's voice outside the classrooms", n)
	}
}
