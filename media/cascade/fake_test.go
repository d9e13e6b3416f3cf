package cascade

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

// fakeConn is a connection whose other side is the test.
type fakeConn struct {
	slots []relay.SlotConfig
	h     handlers
	began chan struct{}

	answers atomic.Uint64 // to checks of the path

	mu     sync.Mutex
	out    []message
	closed bool
	mute   bool // pings are not answered
}

func (c *fakeConn) Slots() []relay.SlotConfig { return c.slots }
func (c *fakeConn) SetClock(time.Duration)    {}
func (c *fakeConn) Answers() uint64           { return c.answers.Load() }
func (c *fakeConn) Checks() (uint64, uint64)  { n := c.answers.Load(); return n, n }
func (c *fakeConn) Start(h handlers)          { c.h = h; close(c.began) }
func (c *fakeConn) Close() error              { c.mu.Lock(); c.closed = true; c.mu.Unlock(); return nil }

func (c *fakeConn) Send(ch channel, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ch {
	case channelPing:
		if p, ok := parsePing(data); ok && p.typ == 1 && !c.mute {
			p.typ, p.t2, p.t3 = 2, p.t1, p.t1
			go c.h.message(channelPing, p.append(nil)) // a test's goroutine ends at once
		}
	case channelControl:
		m, err := new(decoder).decode(data)
		if err != nil {
			panic(err)
		}
		c.out = append(c.out, m)
	}
	return nil
}

// said lists the messages sent so far.
func (c *fakeConn) said() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]message(nil), c.out...)
}

func (c *fakeConn) say(t *testing.T, m message) {
	t.Helper()
	data, err := encode(m)
	if err != nil {
		t.Fatal(err)
	}
	c.h.message(channelControl, data)
}

func saw[M message](c *fakeConn, ok func(M) bool) bool {
	for _, m := range c.said() {
		if x, is := m.(M); is && ok(x) {
			return true
		}
	}
	return false
}

// fakeNode is a node with a link to a peer that the test plays.
func fakeNode(t *testing.T, parent bool, change func(*Config)) (*Node, *relay.Relay, *fakeConn) {
	t.Helper()
	log := testLog("node")
	rel := relay.New(relay.Config{Log: log})
	b := &testBox{tb: t, key: newKey(t)}
	cfg := Config{ID: boxA, Log: log, Relay: rel, ClientTLS: newClientTLS(b), Peers: noPeers}
	if change != nil {
		change(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	relCtx, relCancel := context.WithCancel(context.Background())
	var wg, relWG sync.WaitGroup
	relWG.Go(func() { _ = rel.Run(relCtx) })
	wg.Go(func() { _ = n.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait(); relCancel(); relWG.Wait() })
	c := newFake()
	attach(n, c, boxB, parent)
	return n, rel, c
}

func newFake() *fakeConn {
	c := &fakeConn{began: make(chan struct{})}
	for i := range 3 {
		s := relay.SlotConfig{Kind: track.Video, SSRC: uint32(10 + i), PayloadTypes: ptMap(), Sink: &watcher{}}
		if i == 0 {
			s.Kind = track.Audio
		}
		c.slots = append(c.slots, s)
	}
	return c
}

// attach makes c a link of n to the box id, opened.
func attach(n *Node, c *fakeConn, id string, parent bool, capabilities ...string) {
	_ = n.call(func() {
		l := newLink(n, Peer{ID: id, Name: "peer"}, rungUDP, c, &hello{Version: 1, Capabilities: capabilities, Path: []string{id}})
		l.dialled = parent
		n.add(l)
	})
	<-c.began
	c.h.opened()
}

var announced = &announce{sourceRef: sourceRef{"l1", boxB, "teacher"}, Layers: []string{""}, Codec: "vp8", Path: []string{boxB}, Epoch: 7, Live: true}

func TestBadMessageEndsLink(t *testing.T) {
	for _, tt := range []struct {
		name   string
		data   string
		reason string
	}{
		{"not JSON", "hello", byeProtocol},
		{"unknown", `{"type":"dance"}`, byeProtocol},
		{"too long", `{"type":"pli","slot":` + strings.Repeat(" ", maxMessage) + `1}`, byeProtocol},
		{"path ends elsewhere", `{"type":"announce","lesson":"l","origin":"` + boxC + `","source":"voice","layers":[""],"codec":"opus","path":["` + boxC + `"],"epoch":1,"live":true,"alliance":"","campus":""}`, byeProtocol},
		{"hello from a child", `{"type":"hello","version":1,"capabilities":[],"path":["` + boxB + `"],"alliance":"","campus":"","desiredVersion":""}`, byeProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, c := fakeNode(t, false, nil)
			c.h.message(channelControl, []byte(tt.data))
			eventually(t, 2*time.Second, "bye", func() bool { return saw(c, func(m *bye) bool { return m.Reason == tt.reason }) })
			eventually(t, 2*time.Second, "closed", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.closed })
		})
	}
}

func TestFlood(t *testing.T) {
	_, _, c := fakeNode(t, false, nil)
	for range messageBurst + 500 {
		c.say(t, &pli{Slot: 1})
	}
	eventually(t, 2*time.Second, "bye", func() bool { return saw(c, func(m *bye) bool { return m.Reason == byeTooMany }) })
}

func TestTooManyWants(t *testing.T) {
	_, _, c := fakeNode(t, false, nil)
	for i := range maxWants + 1 {
		c.say(t, &want{sourceRef: sourceRef{"l" + strings.Repeat("x", i%20), boxA, "s" + strings.Repeat("y", i/20)}, Priority: 1})
	}
	eventually(t, 2*time.Second, "bye", func() bool { return saw(c, func(m *bye) bool { return m.Reason == byeTooMany }) })
}

func TestParentsPathLeadsBack(t *testing.T) {
	n, _, c := fakeNode(t, true, nil)
	eventually(t, time.Second, "up", func() bool { return len(n.Stats().Peers) == 1 && n.Stats().Peers[0].Up })
	c.say(t, &hello{Version: 1, Capabilities: []string{}, Path: []string{boxB, boxA}})
	eventually(t, time.Second, "bye", func() bool { return saw(c, func(m *bye) bool { return m.Reason == byeLoop }) })
}

func TestWantAnswers(t *testing.T) {
	_, rel, c := fakeNode(t, false, func(cfg *Config) {
		cfg.Visible = func(_ Peer, lesson string) bool { return lesson != "secret" }
	})
	open, secret := sourceRef{"l1", boxA, "teacher"}, sourceRef{"secret", boxA, "teacher"}
	for _, r := range []sourceRef{open, secret} {
		if _, err := rel.Publish(relay.SourceInfo{Key: r.key(), Kind: track.Video, Codec: 4}, new(maker)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Second, "announced", func() bool { return saw(c, func(m *announce) bool { return m.Lesson == "l1" && m.Epoch > 0 }) })
	c.say(t, &want{sourceRef: secret, Priority: 1})
	c.say(t, &want{sourceRef: open, Layer: "x", Priority: 1})
	c.say(t, &want{sourceRef: sourceRef{"l9", boxA, "voice"}, Priority: 1})
	for _, d := range []deny{{secret, "", denyForbidden}, {open, "x", denyUnknown}, {sourceRef{"l9", boxA, "voice"}, "", denyUnknown}} {
		eventually(t, time.Second, "deny", func() bool { return saw(c, func(m *deny) bool { return *m == d }) })
	}
	if saw(c, func(m *announce) bool { return m.Lesson == "secret" }) {
		t.Error("a lesson was announced that the peer may not see")
	}
	// A want that waits is served when its source comes.
	src, err := rel.Publish(relay.SourceInfo{Key: track.Key{Lesson: "l9", Origin: boxA, Source: "voice"}, Kind: track.Audio, Codec: 1}, new(maker))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	b := packet.Get()
	b.Seq, b.Codec = 9, 1
	b.SetPayload([]byte("x"))
	src.Up("").Push(b)
	eventually(t, time.Second, "bind", func() bool {
		return saw(c, func(m *bind) bool { return m.Slot == 0 && m.Lesson == "l9" && m.OriginSequence != 0 && m.Epoch != 0 })
	})
	src.Close()
	eventually(t, time.Second, "withdraw and unbind", func() bool {
		return saw(c, func(m *withdraw) bool { return m.Lesson == "l9" }) && saw(c, func(m *unbind) bool { return m.Slot == 0 })
	})
}

func TestStaleAnnouncement(t *testing.T) {
	n, rel, c := fakeNode(t, false, nil)
	c.say(t, announced)
	eventually(t, time.Second, "known", func() bool { return len(rel.Sources()) == 1 })
	old := *announced
	old.Epoch, old.Layers = 6, []string{"a", "b"}
	c.say(t, &old)
	loop := *announced
	loop.Origin, loop.Path = boxC, []string{boxC, boxA, boxB}
	c.say(t, &loop)
	unknown := *announced
	unknown.Source = "hologram"
	c.say(t, &unknown)
	_ = n.call(func() {})
	if s := rel.Sources(); len(s) != 1 || len(s[0].Layers) != 1 {
		t.Errorf("sources %+v", s)
	}
}

func TestSourceOutlivesItsLink(t *testing.T) {
	n, rel, c := fakeNode(t, true, nil)
	c.say(t, announced)
	eventually(t, time.Second, "known", func() bool { return len(rel.Sources()) == 1 })
	sub, err := rel.Subscribe(relay.SubscriberConfig{Slots: []relay.SlotConfig{{Kind: track.Video, SSRC: 1, PayloadTypes: ptMap(), Sink: &watcher{}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	sub.Bind(0, announced.key(), relay.BindOptions{})
	eventually(t, time.Second, "want", func() bool { return saw(c, func(m *want) bool { return m.Source == "teacher" && m.Priority == 3 }) })
	c.h.ended()
	eventually(t, time.Second, "link gone", func() bool { return !n.Stats().Peers[0].Up })
	if len(rel.Sources()) != 1 {
		t.Error("the source went with its link")
	}
	again := newFake()
	attach(n, again, boxB, true)
	again.say(t, announced)
	eventually(t, time.Second, "want on the new link", func() bool { return saw(again, func(m *want) bool { return m.Source == "teacher" }) })
	again.say(t, &withdraw{announced.sourceRef})
	eventually(t, time.Second, "gone", func() bool { return len(rel.Sources()) == 0 })
	again.say(t, announced)
	eventually(t, time.Second, "wanted again by the same subscriber", func() bool {
		k := 0
		for _, m := range again.said() {
			if _, is := m.(*want); is {
				k++
			}
		}
		return k == 2
	})
}

func TestSilence(t *testing.T) {
	n, _, c := fakeNode(t, true, nil)
	up := func() bool { p := n.Stats().Peers; return len(p) == 1 && p[0].Up }
	eventually(t, time.Second, "up", up)
	c.mu.Lock()
	c.mute = true
	c.mu.Unlock()
	took := eventually(t, 3*time.Second, "dead", func() bool { return !up() })
	if took < silentAfter-2*tickEvery || took > (silentAfter+4*tickEvery)*slack {
		t.Errorf("dead after %s, want %s", took, silentAfter)
	}
	c.mu.Lock()
	c.mute = false
	c.mu.Unlock()
	eventually(t, time.Second, "up again", up)
}
