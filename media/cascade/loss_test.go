package cascade

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongke/media/track"
)

// Lost handshakes let the tunnel win. The dial by UDP that has its answers goes on beside it and takes over, without another.
func TestUDPComesAfterTheTunnel(t *testing.T) {
	t.Parallel()
	core, member := newBox(t, "core"), newBox(t, "member")
	w := wireTo(t, core)
	var up atomic.Bool                                                                    // the tunnel is: from now on handshakes pass, and no further dial by UDP comes to anything
	lose := func(_ bool, p []byte) bool { return !up.Load() && p[0] >= 20 && p[0] <= 63 } // RFC 7983 §7: DTLS
	w.filter.Store(&lose)
	parent := w.through(member, core)
	change := member.node.mangleOffer
	member.node.mangleOffer = func(s string) string {
		if up.Load() {
			return ""
		}
		return change(s)
	}
	voice := core.publish("l1", track.Voice)
	heard := member.watch(voice.key)
	member.node.SetParents([]Parent{parent})
	first := settle(t, member, core)
	if rung := member.stats(core).Rung; rung != "tunnel" {
		t.Fatalf("up by %s without handshakes", rung)
	}
	up.Store(true)
	took := eventually(t, 10*time.Second, "UDP", func() bool { return member.stats(core).Rung == "udp" })
	t.Logf("up after %s, on UDP %s later", first, took)
	n := heard.count()
	eventually(t, 2*time.Second, "voice by UDP", func() bool { return heard.count() > n+20 })
	eventually(t, 2*time.Second, "tunnel closed", func() bool { return len(linksOf(core)) == 1 && len(linksOf(member)) == 1 })
}

// linksOf lists the rungs of a box's links.
func linksOf(b *testBox) (rungs []string) {
	_ = b.node.call(func() {
		for l := range b.node.links {
			rungs = append(rungs, l.rung.String())
		}
	})
	return rungs
}

// A line that loses a fifth each way ends on UDP, whoever came up first.
func TestHeavyLoss(t *testing.T) {
	for seed := range 3 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			core, member := newBox(t, "core"), newBox(t, "member")
			w := wireTo(t, core)
			w.delay = 50 * time.Millisecond
			var up, down uint64
			lose := func(toParent bool, _ []byte) bool {
				n := atomic.AddUint64(map[bool]*uint64{true: &up, false: &down}[toParent], 1)
				h := fnv.New64a()
				fmt.Fprint(h, seed, toParent, n)
				return h.Sum64()%1000 < 200
			}
			w.filter.Store(&lose)
			member.node.SetParents([]Parent{w.through(member, core)})
			first := settle(t, member, core)
			rung := member.stats(core).Rung
			took := eventually(t, 15*time.Second, "UDP", func() bool { return member.stats(core).Rung == "udp" })
			t.Logf("up after %s by %s, on UDP %s later, link %d", first, rung, took, member.stats(core).Links)
			voice := core.publish("l1", track.Voice)
			heard := member.watch(voice.key)
			eventually(t, 5*time.Second, "voice", func() bool { return heard.count() > 50 })
			eventually(t, 20*time.Second, "the loss in the figures", func() bool {
				s := member.stats(core)
				return s.Answers > 0 && s.Checks > s.Answers+1 // one may be under way
			})
		})
	}
}

// slowly dials in fake time: tunnels open 200 ms after their start, UDP after open, if the path answers or not.
func slowly(open time.Duration, answers bool) (dial func(context.Context, *attempt) (connected, error), udp func() []*fakeConn) {
	var mu sync.Mutex
	var conns []*fakeConn
	return func(_ context.Context, a *attempt) (connected, error) {
			time.Sleep(100 * time.Millisecond)
			c := newFake()
			wait := 100 * time.Millisecond
			if a.rung == rungUDP {
				wait = open
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
			}
			end := time.Now().Add(wait)
			var step func()
			step = func() {
				switch {
				case c.isClosed():
				case !time.Now().Before(end):
					<-c.began
					c.h.opened()
				default:
					if answers {
						c.answers.Add(1)
					}
					time.AfterFunc(100*time.Millisecond, step)
				}
			}
			time.AfterFunc(100*time.Millisecond, step)
			return connected{conn: c, hello: &hello{Version: 1, Path: []string{boxB}}, peer: Peer{ID: boxB, Name: "core"}}, nil
		}, func() []*fakeConn {
			mu.Lock()
			defer mu.Unlock()
			return conns
		}
}

func (c *fakeConn) isClosed() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.closed }

func TestPatienceWhileThePathAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		open    time.Duration
		answers bool
		at      time.Duration
		rung    string
		dials   int // by UDP until then
	}{
		{"in time", 3 * time.Second, true, 4 * time.Second, "udp", 1},
		{"late, the path answers", 12 * time.Second, true, 13 * time.Second, "udp", 1},
		{"late, it does not", 12 * time.Second, false, 4500 * time.Millisecond, "tunnel", 1},
		{"late, it does not, and is looked for again", 12 * time.Second, false, 30 * time.Second, "tunnel", 3},
		{"too late", time.Hour, true, 15 * time.Second, "tunnel", 1},
		{"too late, and looked for again", time.Hour, true, 40 * time.Second, "tunnel", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dial, udp := slowly(tt.open, tt.answers)
			inBubble(t, true, dial, func(n *Node, s *tries) {
				n.SetParents(oneParent())
				time.Sleep(1500 * time.Millisecond)
				if p := n.Stats().Peers[0]; p.Rung != "tunnel" || !p.Up {
					t.Errorf("at first %s %v", p.Rung, p.Up)
				}
				time.Sleep(tt.at - 1500*time.Millisecond)
				if p := n.Stats().Peers[0]; p.Rung != tt.rung || !p.Up {
					t.Errorf("%s %v, want %s", p.Rung, p.Up, tt.rung)
				}
				if got := s.of("core udp"); len(got) != tt.dials {
					t.Errorf("dials by UDP at %v, want %d", got, tt.dials)
				}
				if tt.rung == "udp" {
					return
				}
				if c := udp()[0]; c.isClosed() != (tt.at > 16*time.Second || !tt.answers) {
					t.Errorf("first dial by UDP closed: %v", c.isClosed())
				}
			})
		})
	}
}

// Answers to pings that wait behind lost ones do not kill a link whose path answers.
func TestLateAnswers(t *testing.T) {
	dial, udp := slowly(100*time.Millisecond, true)
	inBubble(t, true, dial, func(n *Node, s *tries) {
		n.SetParents(oneParent())
		time.Sleep(time.Second)
		c := udp()[0]
		<-c.began
		silent := func(long time.Duration, answers bool) {
			c.mu.Lock()
			c.mute = true
			c.mu.Unlock()
			for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
				c.h.rtcp(0, nil) // it speaks
				if answers {
					c.answers.Add(1)
				}
			}
			c.mu.Lock()
			c.mute = false
			c.mu.Unlock()
		}
		up := func() bool { return n.Stats().Peers[0].Up && n.Stats().Peers[0].Rung == "udp" && len(s.list) == 1 }
		silent(7*time.Second, true)
		if !up() {
			t.Errorf("dead by late answers: %v", s.list)
		}
		time.Sleep(time.Second)
		silent(3500*time.Millisecond, false)
		if up() {
			t.Error("alive with no answer of any kind")
		}
	})
}
