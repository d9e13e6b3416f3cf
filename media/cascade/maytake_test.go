package cascade

import (
	"sync/atomic"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/track"
)

// A source that a child may not take is not announced, its want is refused; it comes and goes with the answer.
func TestMayTake(t *testing.T) {
	var floor atomic.Bool
	n, rel, c := fakeNode(t, false, func(cfg *Config) {
		cfg.MayTake = func(_ Peer, k track.Key) bool { return k.Source != track.Pupils || floor.Load() }
	})
	pupils, voice := sourceRef{"l", boxA, track.Pupils}, sourceRef{"l", boxA, track.Voice}
	for _, r := range []sourceRef{pupils, voice} {
		kind, _ := track.KindOf(r.Source)
		c := map[track.Kind]codec.Codec{track.Audio: codec.Opus, track.Video: codec.VP8}[kind]
		if _, err := rel.Publish(relay.SourceInfo{Key: r.key(), Kind: kind, Codec: c}, new(maker)); err != nil {
			t.Fatal(err)
		}
	}
	announced := func(m *announce) bool { return m.Source == track.Pupils }
	eventually(t, time.Second, "voice announced", func() bool { return saw(c, func(m *announce) bool { return m.Source == track.Voice }) })
	c.say(t, &want{sourceRef: pupils, Priority: 1})
	eventually(t, time.Second, "deny", func() bool {
		return saw(c, func(m *deny) bool { return m.sourceRef == pupils && m.Code == denyForbidden })
	})
	if saw(c, announced) {
		t.Error("pupils are announced")
	}
	floor.Store(true)
	n.Refresh()
	eventually(t, time.Second, "announced", func() bool { return saw(c, announced) })
	floor.Store(false)
	n.Refresh()
	eventually(t, time.Second, "withdrawn", func() bool { return saw(c, func(m *withdraw) bool { return m.sourceRef == pupils }) })
}
