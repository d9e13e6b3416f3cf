package relay

import (
	"testing"
	"testing/synctest"
	"time"

	"tongke/media/codec"
	"tongke/media/track"
)

// obedient is a publisher that makes only the layers that are wanted, each beginning with a keyframe.
type obedient struct {
	maker
	src     *Source
	ups     map[track.Layer]*Up
	senders map[track.Layer]*sender
	cannot  map[track.Layer]bool
}

func newObedient(t *testing.T, r *Relay, path []string) *obedient {
	t.Helper()
	o := &obedient{ups: map[track.Layer]*Up{}, senders: map[track.Layer]*sender{}, cannot: map[track.Layer]bool{}}
	layers := []track.Layer{"q", "h", "f"}
	var err error
	if o.src, err = r.Publish(SourceInfo{Key: key, Kind: track.Video, Codec: codec.H264, Layers: layers, Path: path}, o); err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		o.ups[l], o.senders[l] = o.src.Up(l), &sender{seq: 1000, gop: 10, size: byte(i)}
	}
	return o
}

// run sends for a while.
func (o *obedient) run(d time.Duration) {
	for range d / (33 * time.Millisecond) {
		for l, s := range o.senders {
			if o.wants(l) && !o.cannot[l] {
				s.push(o.ups[l], 1)
			}
		}
		time.Sleep(33 * time.Millisecond)
		synctest.Wait()
	}
}

var key = track.Key{Lesson: "l", Origin: "box", Source: track.Pupils}

func TestSizeDecidesWhatIsMade(t *testing.T) {
	for _, path := range [][]string{nil, {"box"}} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t)
			o := newObedient(t, r, path)
			tile, screen := &sink{}, &sink{}
			slot := func(s *sink) *Subscriber {
				sub, err := r.Subscribe(SubscriberConfig{Slots: []SlotConfig{videoSlot(s)}})
				if err != nil {
					t.Fatal(err)
				}
				return sub
			}
			last := func(s *sink) (byte, int) {
				_, bodies := s.got()
				if len(bodies) == 0 {
					return 255, 0
				}
				return bodies[len(bodies)-1][1], len(bodies)
			}
			teacher, other := slot(tile), slot(screen)
			teacher.Bind(0, key, BindOptions{Size: Smallest})
			synctest.Wait()
			o.run(time.Second)
			if l, n := last(tile); l != 0 || n < 60 {
				t.Fatalf("the tile shows layer %d after %d packets", l, n)
			}
			if o.wants("h") || o.wants("f") {
				t.Error("layers are made that nobody wants")
			}

			// Called on: both want it large; the tile plays on meanwhile.
			_, before := last(tile)
			teacher.Bind(0, key, BindOptions{Size: Largest})
			other.Bind(0, key, BindOptions{})
			synctest.Wait()
			o.run(500 * time.Millisecond)
			if l, n := last(tile); l != 2 || n-before < 42 {
				t.Errorf("the tile shows layer %d, %d packets in 0.5 s", l, n-before)
			}
			if l, _ := last(screen); l != 2 {
				t.Errorf("the screen shows layer %d", l)
			}

			// The largest cannot be made any more: what can is asked for.
			o.cannot["f"] = true
			other.Unbind(0)
			o.run(4 * time.Second)
			if l, _ := last(tile); l != 1 || !o.wants("f") {
				t.Errorf("without the largest the tile shows layer %d", l)
			}

			// Back to a tile.
			teacher.Bind(0, key, BindOptions{Size: Smallest})
			synctest.Wait()
			o.run(5 * time.Second)
			if l, _ := last(tile); l != 0 || o.wants("f") || o.wants("h") {
				t.Errorf("as a tile again: layer %d, wanted h %v f %v", l, o.wants("h"), o.wants("f"))
			}
		})
	}
}
