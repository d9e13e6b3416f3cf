package cascade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongke/media/relay"
)

// tries notes dials in fake time and answers them as the test says.
type tries struct {
	mu    sync.Mutex
	begin time.Time
	list  []string
	at    []time.Duration
	ends  []time.Duration
	f     func(ctx context.Context, a *attempt) (connected, error)
}

func (s *tries) try(ctx context.Context, a *attempt, _ []*hello) (connected, error) {
	s.mu.Lock()
	s.list = append(s.list, fmt.Sprintf("%s %s", strings.TrimPrefix(a.url, "https://"), a.rung))
	s.at = append(s.at, time.Since(s.begin))
	s.mu.Unlock()
	c, err := s.f(ctx, a)
	s.mu.Lock()
	s.ends = append(s.ends, time.Since(s.begin))
	s.mu.Unlock()
	return c, err
}

// of lists when a way was tried.
func (s *tries) of(way string) (out []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.list {
		if w == way {
			out = append(out, s.at[i])
		}
	}
	return out
}

// inBubble runs a node whose dials are the test's, in fake time.
func inBubble(t *testing.T, busy bool, f func(ctx context.Context, a *attempt) (connected, error), test func(n *Node, s *tries)) {
	t.Helper()
	k := newKey(t)
	synctest.Test(t, func(t *testing.T) {
		log := testLog("node")
		rel := relay.New(relay.Config{Log: log})
		n, err := New(Config{ID: boxA, Log: log, Relay: rel, ClientTLS: newClientTLS(&testBox{key: k}), Peers: noPeers,
			Busy: func() bool { return busy }, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
		if err != nil {
			t.Fatal(err)
		}
		s := &tries{begin: time.Now(), f: f}
		n.dial.try = s.try
		ctx, cancel := context.WithCancel(t.Context())
		relCtx, relCancel := context.WithCancel(t.Context())
		var wg, relWG sync.WaitGroup
		relWG.Go(func() { _ = rel.Run(relCtx) })
		wg.Go(func() { _ = n.Run(ctx) })
		test(n, s)
		cancel()
		wg.Wait()
		relCancel()
		relWG.Wait()
	})
}

var errNoRoute = errors.New("no route to host")

func oneParent() []Parent { return []Parent{{Peer: Peer{ID: boxB}, URLs: []string{"https://core"}}} }

func TestRedialPace(t *testing.T) {
	for _, tt := range []struct {
		name   string
		busy   bool
		f      func(ctx context.Context, a *attempt) (connected, error)
		atMost time.Duration // between starts of UDP
		least  int           // of them in two minutes
		most   int
	}{
		{"lesson, network dead", true, func(ctx context.Context, _ *attempt) (connected, error) { <-ctx.Done(); return connected{}, ctx.Err() },
			redialLesson + maxJitter, 52, 64},
		{"lesson, refused at once", true, func(context.Context, *attempt) (connected, error) { return connected{}, errNoRoute }, redialLesson + maxJitter, 52, 64},
		{"no lesson", false, func(context.Context, *attempt) (connected, error) { return connected{}, errNoRoute }, redialDefault + maxJitter, 10, 14},
		{"not invited", false, func(context.Context, *attempt) (connected, error) { return connected{}, &refusal{code: "unknown-peer"} },
			redialDefault + maxJitter, 8, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.busy, tt.f, func(n *Node, s *tries) {
				n.SetParents(oneParent())
				time.Sleep(2 * time.Minute)
				at := s.of("core udp")
				if len(at) < tt.least || len(at) > tt.most {
					t.Errorf("%d dials by UDP in two minutes, want %d to %d", len(at), tt.least, tt.most)
				}
				last := time.Duration(0)
				for _, x := range at {
					if x-last > tt.atMost+maxJitter { // the jitter of one start may be 0 and of the next the most
						t.Errorf("%s between dials, want at most %s", x-last, tt.atMost)
					}
					last = x
				}
				if at[0] > 10*time.Millisecond {
					t.Errorf("first dial after %s", at[0])
				}
				if tun := s.of("core tunnel"); tun[0] < tunnelStep || tun[0] > tunnelStep+10*time.Millisecond {
					t.Errorf("first tunnel after %s, want %s", tun[0], tunnelStep)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				for i, e := range s.ends {
					if i < len(s.at) && e-s.at[i] > attemptTimeout+time.Millisecond {
						t.Errorf("an attempt took %s", e-s.at[i])
					}
				}
			})
		})
	}
}

// A parent that answers every dial: the first way wins, dead links bring new dials, and probes seek something better.
func TestUplinkLife(t *testing.T) {
	var mu sync.Mutex
	var conns []*fakeConn
	noUDP := false
	answer := func(ctx context.Context, a *attempt) (connected, error) {
		mu.Lock()
		blocked := noUDP && a.rung == rungUDP
		mu.Unlock()
		if blocked {
			<-ctx.Done()
			return connected{}, ctx.Err()
		}
		time.Sleep(200 * time.Millisecond)
		c := newFake()
		mu.Lock()
		conns = append(conns, c)
		mu.Unlock()
		go func() { <-c.began; c.h.opened() }() // ends when the node has started the link, which it does
		return connected{conn: c, hello: &hello{Version: 1, Path: []string{boxB}}, peer: Peer{ID: boxB, Name: "core"}}, nil
	}
	inBubble(t, true, answer, func(n *Node, s *tries) {
		rungNow := func() string { p := n.Stats().Peers; return fmt.Sprintf("%s %v", p[0].Rung, p[0].Up) }
		n.SetParents(oneParent())
		time.Sleep(time.Second)
		if got := rungNow(); got != "udp true" || len(s.list) != 1 {
			t.Fatalf("%s after %v", got, s.list)
		}
		time.Sleep(10 * time.Minute)
		if len(s.list) != 1 {
			t.Fatalf("dials while all is well: %v", s.list)
		}
		// UDP dies: the tunnel starts at once and wins.
		mu.Lock()
		noUDP = true
		first := conns[0]
		mu.Unlock()
		first.mu.Lock()
		first.mute = true
		first.mu.Unlock()
		time.Sleep(silentAfter + 2*tickEvery + 300*time.Millisecond)
		if got := rungNow(); got != "tunnel true" {
			t.Fatalf("%s after %v", got, s.list)
		}
		time.Sleep(time.Second)
		first.mu.Lock()
		if !first.closed {
			t.Error("the old connection is still open after the overlap")
		}
		first.mu.Unlock()
		// A look for UDP after 10 s, 20 s, 40 s, then every minute, and back when it works.
		before := len(s.of("core udp"))
		time.Sleep(2*time.Minute + 15*time.Second)
		if probes := len(s.of("core udp")) - before; probes != 4 {
			t.Errorf("%d probes in 2¼ minutes, want 4", probes)
		}
		mu.Lock()
		noUDP = false
		mu.Unlock()
		time.Sleep(time.Minute)
		if got := rungNow(); got != "udp true" {
			t.Errorf("%s after UDP came back", got)
		}
		// A link that speaks again ends the dialling for another.
		mu.Lock()
		last := conns[len(conns)-1]
		mu.Unlock()
		dials := len(s.list)
		last.mu.Lock()
		last.mute = true
		last.mu.Unlock()
		_ = n.call(func() {
			n.dial.try = func(ctx context.Context, _ *attempt, _ []*hello) (connected, error) {
				<-ctx.Done()
				return connected{}, ctx.Err()
			}
		})
		time.Sleep(3 * time.Second)
		last.mu.Lock()
		last.mute = false
		last.mu.Unlock()
		time.Sleep(time.Second)
		if got := rungNow(); got != "udp true" || len(s.list) != dials {
			t.Errorf("%s, %d dials", got, len(s.list)-dials)
		}
		_ = n.call(func() {
			if len(n.dial.attempts) != 0 {
				t.Errorf("%d attempts still run", len(n.dial.attempts))
			}
		})
	})
}
