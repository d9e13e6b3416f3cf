package cascade

import (
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

// TestOlderPeer: a source of a codec that came later is announced to whom can take it; for the others it is not there, and is again when it has
// another codec.
func TestOlderPeer(t *testing.T) {
	n, rel, older := fakeNode(t, false, nil)
	newer := newFake()
	attach(n, newer, boxC, false, capabilityOf(codec.PCMA))
	voice := sourceRef{"l1", boxA, track.Voice}
	publish := func(c codec.Codec) {
		t.Helper()
		if _, err := rel.Publish(relay.SourceInfo{Key: voice.key(), Kind: track.Audio, Codec: c}, new(maker)); err != nil {
			t.Fatal(err)
		}
	}
	announced := func(c codec.Codec) func(*announce) bool {
		return func(m *announce) bool { return m.sourceRef == voice && m.Codec == c.String() }
	}
	publish(codec.Opus)
	for _, c := range []*fakeConn{older, newer} {
		eventually(t, time.Second, "opus announced", func() bool { return saw(c, announced(codec.Opus)) })
	}
	publish(codec.PCMA)
	eventually(t, time.Second, "pcma announced", func() bool { return saw(newer, announced(codec.PCMA)) })
	eventually(t, time.Second, "withdrawn", func() bool { return saw(older, func(m *withdraw) bool { return m.sourceRef == voice }) })
	publish(codec.PCMU)
	eventually(t, time.Second, "withdrawn", func() bool { return saw(newer, func(m *withdraw) bool { return m.sourceRef == voice }) })
	publish(codec.Opus)
	eventually(t, time.Second, "opus again", func() bool {
		count := 0
		for _, m := range older.said() {
			if a, is := m.(*announce); is && announced(codec.Opus)(a) {
				count++
			}
		}
		return count == 2
	})
	if saw(older, announced(codec.PCMA)) || saw(older, announced(codec.PCMU)) || saw(newer, announced(codec.PCMU)) {
		t.Error("a codec was announced to whom does not take it")
	}
}

// TestNewerPeer: a codec of a newer release is no broken message; the source is not there until it has one that is known.
func TestNewerPeer(t *testing.T) {
	_, rel, c := fakeNode(t, false, nil)
	sources := func(want int) {
		t.Helper()
		eventually(t, time.Second, "sources", func() bool { return len(rel.Sources()) == want })
	}
	m := *announced
	for i, step := range []struct {
		codec string
		want  int
	}{{"vp8", 1}, {"av1", 0}, {"vp8", 1}} {
		m.Codec = step.codec
		m.Epoch = uint32(7 + i)
		again := m
		c.say(t, &again)
		sources(step.want)
	}
	if saw(c, func(*bye) bool { return true }) {
		t.Error("the link was ended")
	}
}

// TestBindingKnowsTheClock: packets that have overtaken the bind of a voice with another clock wait for it.
func TestBindingKnowsTheClock(t *testing.T) {
	var opus, pcma pushed
	var s bindings
	s.bind(binding{first: 100, origin: 5000, gen: 1, rate: 48000, up: &opus}, 1)
	send := func(seq uint64, ts uint32, c codec.Codec, at packet.Time) {
		b := packet.Get()
		b.Seq, b.Timestamp, b.Codec, b.Arrival = seq, ts, c, at
		s.push(b, at)
	}
	send(100, 960, codec.Opus, 1e9)
	send(101, 1920, codec.RED, 1e9+20e6)
	send(102, 2000, codec.PCMA, 1e9+40e6) // its timestamp alone would not show it
	send(103, 2160, codec.PCMA, 1e9+60e6)
	if len(opus) != 2 || len(pcma) != 0 {
		t.Fatalf("%d and %d packets", len(opus), len(pcma))
	}
	s.bind(binding{first: 102, origin: 9000, gen: 2, rate: 8000, up: &pcma}, 1e9+80e6)
	send(104, 2320, codec.PCMA, 1e9+80e6)
	if len(opus) != 2 || len(pcma) != 3 || pcma[0] != 9000 || pcma[2] != 9002 {
		t.Errorf("%v and %v", opus, pcma)
	}
}

// pushed notes origin numbers.
type pushed []uint64

func (p *pushed) Push(b *packet.Buffer) { *p = append(*p, b.Seq); b.Release() }

// TestVoiceChangesItsCodecOverALink: what a page says and what a camera hears are the same source below too, each in its own clock, and the
// delay from capture is known of both.
func TestVoiceChangesItsCodecOverALink(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	member.join(core)
	settle(t, member, core)
	m := core.publish("l1", track.Voice)
	w := member.watch(m.key)
	eventually(t, 5*time.Second, "opus", func() bool { return w.count() > 10 })
	for _, c := range []codec.Codec{codec.PCMA, codec.Opus, codec.PCMU} {
		m.close()
		m = core.publishAs("l1", track.Voice, c)
		before := w.count()
		eventually(t, 5*time.Second, c.String(), func() bool { return w.count() > before+15 })
		w.mu.Lock()
		at := len(w.ts)
		steps := 0 // a busy machine may lose a packet
		for i := at - 10; i < at; i++ {
			if w.ts[i]-w.ts[i-1] == c.ClockRate()/50 {
				steps++
			}
		}
		if steps < 5 {
			t.Errorf("%v: timestamps %v", c, w.ts[at-11:])
		}
		w.mu.Unlock()
		for _, s := range member.node.Stats().Sources {
			if s.Delay < 0.004 || s.Delay > 0.1*slack {
				t.Errorf("%v: delay from capture %v s, want 5 ms and a little", c, s.Delay)
			}
		}
	}
}
