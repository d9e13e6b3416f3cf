package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
)

// fakePeer is a connection that remembers what it was told.
type fakePeer struct {
	x *session

	mu         sync.Mutex
	candidates []string
	restarts   int
	refuse     bool
	closed     int
}

func (p *fakePeer) AddCandidate(_, c string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case strings.Contains(c, ".local"):
		return errors.New("cannot resolve")
	case c == "":
		return nil
	}
	p.candidates = append(p.candidates, c)
	return nil
}

func (p *fakePeer) RestartICE(_ context.Context, remote rtc.Credentials) (rtc.Credentials, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return rtc.Credentials{}, errors.New("no")
	}
	p.restarts++
	p.candidates = append([]string(nil), remote.Candidates...)
	return rtc.Credentials{Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuvwx", Candidates: []string{"candidate:1 1 udp 1 127.0.0.1 8443 typ host"}}, nil
}

func (p *fakePeer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	return nil
}

func (p *fakePeer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

const fakeAnswer = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-options:trickle ice2\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 udp 1 127.0.0.1 8443 typ host\r\na=end-of-candidates\r\na=recvonly\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"

// fakeLessons knows "math" and makes what WHIP names, except "over" and "closed".
type fakeLessons struct {
	mu    sync.Mutex
	known map[string]bool
	in    map[string]int
	slow  bool
}

func (l *fakeLessons) Exists(ctx context.Context, id string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slow {
		l.mu.Unlock()
		<-ctx.Done()
		l.mu.Lock()
		return false, ctx.Err()
	}
	return l.known[id], nil
}

func (l *fakeLessons) CreateByWHIP(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch id {
	case "broken":
		return errors.New("database is closed")
	case "over":
		return ErrLessonEnded
	case "closed":
		return ErrForbidden
	}
	l.known[id] = true
	return nil
}

func (l *fakeLessons) PublisherJoined(lesson, source string) { l.add(lesson+"/"+source, 1) }
func (l *fakeLessons) PublisherLeft(lesson, source string)   { l.add(lesson+"/"+source, -1) }

func (l *fakeLessons) add(k string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in[k] += n
}

func (l *fakeLessons) present(k string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in[k]
}

// authorize knows tokens of the form direction-name: pub-a may publish, sub-a may watch, pubsub-a both.
func authorize(r *http.Request, lesson string, publish bool) (Grant, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	dir, name, named := strings.Cut(token, "-")
	if c, err := r.Cookie("session"); !ok && err == nil {
		dir, name, named, ok = "pubsub", c.Value, true, true
	}
	if name == "broken" {
		return Grant{}, errors.New("database is closed")
	}
	if !ok || !named {
		return Grant{}, ErrNoToken
	}
	want := "sub"
	if publish {
		want = "pub"
	}
	if !strings.Contains(dir, want) {
		return Grant{}, ErrForbidden
	}
	return Grant{TokenID: token, Name: name}, nil
}

// rig is a server with fake connections and its surroundings.
type rig struct {
	*Server
	lessons *fakeLessons
	relay   *relay.Relay
	halt    func() // ends both and waits

	mu    sync.Mutex
	peers []*fakePeer
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	g := &rig{lessons: &fakeLessons{known: map[string]bool{"math": true}, in: map[string]int{}}}
	g.relay = relay.New(relay.Config{Log: slog.New(slog.DiscardHandler)})
	cfg := Config{
		Relay:     g.relay,
		Box:       "box1",
		Authorize: authorize,
		Lessons:   g.lessons,
		Limits:    DefaultLimits(),
		Log:       slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	dial := func(_ context.Context, x *session, sdp string, _ *offer) (peer, string, error) {
		if strings.Contains(sdp, "VP7") {
			return nil, "", offerProblem(&rtc.CodecError{MID: "1", Kind: track.Video, Offered: []string{"VP7"}}, codec.None)
		}
		p := &fakePeer{x: x}
		g.mu.Lock()
		g.peers = append(g.peers, p)
		g.mu.Unlock()
		return p, fakeAnswer, nil
	}
	g.Server = newServer(cfg, dialer{receive: dial, send: dial})

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.relay.Run(ctx) })
	wg.Go(func() { _ = g.Server.Run(ctx) })
	g.halt = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(g.halt)
	return g
}

func (g *rig) last() *fakePeer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peers[len(g.peers)-1]
}

// do sends one request without a socket.
func (g *rig) do(method, path, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Result()
}

func (g *rig) post(path, token, sdp string) *http.Response {
	return g.do("POST", path, sdp, "Content-Type", "application/sdp", "Authorization", "Bearer "+token)
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
