package relay

import (
	"testing"
	"testing/synctest"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// A box whose clock lost its battery starts anew in 1970 and counts from there: who watched it before must see it again.
func TestOriginWithoutTheTimeOfDayComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := start(t), &sink{}
		info := SourceInfo{Key: teacher, Kind: track.Video, Codec: codec.H264, Path: []string{"core"}}
		push := func(u *Up, gen uint32, n uint64) {
			for i := range n {
				b := packet.Get()
				b.Seq, b.Gen, b.Codec, b.Timestamp, b.Arrival = uint64(gen)<<16|i, gen, codec.H264, uint32(i), packet.Now()
				b.SetPayload([]byte{0x41})
				if i == 0 {
					b.Flags = packet.Keyframe
				}
				u.Push(b)
			}
			synctest.Wait()
		}
		src := publish(t, r, info, &maker{})
		subscribe(t, r, s).Bind(0, teacher, BindOptions{})
		push(src.Up(""), 1790000000, 5)
		push(src.Up(""), 300, 5)
		if h, _ := s.got(); len(h) != 5 {
			t.Fatalf("%d packets, want 5: what is late of an earlier gen is dropped", len(h))
		}
		src.Close()
		push(publish(t, r, info, &maker{}).Up(""), 301, 5)
		if h, _ := s.got(); len(h) != 10 {
			t.Errorf("%d packets, want 10: the source was published anew", len(h))
		}
	})
}
