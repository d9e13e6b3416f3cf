package cascade

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
	"tongke/media/udp"
)

var verbose = os.Getenv("TONGKE_TEST_LOG") != ""

func testLog(name string) *slog.Logger {
	if !verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("box", name)
}

// key is a box's identity, made as device/identity does.
type key struct {
	id, pin string
	cert    tls.Certificate
}

func newKey(tb testing.TB) key {
	tb.Helper()
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed)
	return keyFrom(tb, seed)
}

func keyFrom(tb testing.TB, seed []byte) key {
	tb.Helper()
	priv := ed25519.NewKeyFromSeed(seed)
	pub := priv.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(pub)
	id := base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").EncodeToString(sum[:10])
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, priv)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return key{id: id, pin: pinOf(leaf), cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: priv, Leaf: leaf}}
}

func pinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

var errPin = errors.New("wrong pin")

// testBox is a whole box as far as this package sees one: relay, sockets, HTTPS port, node.
type testBox struct {
	tb   testing.TB
	key  key
	name string
	node *Node
	rel  *relay.Relay
	eng  *rtc.Engine
	sock *udp.Conn
	url  string
	cfg  Config

	mu     sync.Mutex
	peers  map[string]Peer // by pin
	events []PeerEvent
	frames []string

	stop func()
}

type boxOption func(*testBox)

func withProxy(u string) boxOption {
	return func(b *testBox) {
		b.cfg.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(u) }
	}
}

func newBox(tb testing.TB, name string, opts ...boxOption) *testBox {
	tb.Helper()
	return newBoxOn(tb, name, "127.0.0.1", opts...)
}

func newBoxOn(tb testing.TB, name, host string, opts ...boxOption) *testBox {
	tb.Helper()
	b := &testBox{tb: tb, name: name, peers: map[string]Peer{}}
	for _, o := range opts {
		o(b)
	}
	if b.key.id == "" {
		b.key = newKey(tb)
	}
	log := testLog(name)
	var err error
	if b.sock, err = udp.Listen(net.JoinHostPort(host, "0"), udp.Options{}); err != nil {
		tb.Fatal(err)
	}
	if b.eng, err = rtc.New(rtc.Config{UDP: b.sock, Log: log}); err != nil {
		tb.Fatal(err)
	}
	b.rel = relay.New(relay.Config{Log: log})
	b.cfg = Config{
		ID: b.key.id, Alliance: "county", Campus: name, Log: log, Relay: b.rel, Engine: b.eng, UDP: b.sock,
		ClientTLS: newClientTLS(b),
		Peers: func(cs *tls.ConnectionState) (Peer, bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			p, ok := b.peers[pinOf(cs.PeerCertificates[0])]
			return p, ok
		},
		Proxy:    func(*http.Request) (*url.URL, error) { return nil, nil },
		OnLesson: func(p Peer, f []byte) { b.mu.Lock(); b.frames = append(b.frames, p.Name+":"+string(f)); b.mu.Unlock() },
		OnPeer:   func(e PeerEvent) { b.mu.Lock(); b.events = append(b.events, e); b.mu.Unlock() },
	}
	for _, o := range opts {
		o(b)
	}
	if b.node, err = New(b.cfg); err != nil {
		tb.Fatal(err)
	}
	ln, err := tls.Listen("tcp", net.JoinHostPort(host, "0"), &tls.Config{Certificates: []tls.Certificate{b.key.cert},
		NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		tb.Fatal(err)
	}
	b.url = "https://" + ln.Addr().String()
	srv := &http.Server{Handler: b.node.Handler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ctx, cancel := context.WithCancel(context.Background())
	relCtx, relCancel := context.WithCancel(context.Background())
	var wg, relWG sync.WaitGroup
	relWG.Go(func() { _ = b.rel.Run(relCtx) })
	wg.Go(func() { _ = b.node.Run(ctx) })
	wg.Go(func() { _ = srv.Serve(ln) })
	b.stop = sync.OnceFunc(func() {
		cancel()
		_ = srv.Close()
		wg.Wait()
		_ = b.eng.Close()
		relCancel()
		relWG.Wait()
	})
	tb.Cleanup(b.stop)
	return b
}

func newClientTLS(b *testBox) func(string) *tls.Config {
	return func(pin string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{b.key.cert}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13,
			NextProtos: []string{"tongke-box/1", "http/1.1"},
			VerifyConnection: func(cs tls.ConnectionState) error {
				if pinOf(cs.PeerCertificates[0]) != pin {
					return errPin
				}
				return nil
			}}
	}
}

func noPeers(*tls.ConnectionState) (Peer, bool) { return Peer{}, false }

func ptMap() map[codec.Codec]uint8 {
	return map[codec.Codec]uint8{codec.Opus: 111, codec.VP8: 96, codec.H264: 102, codec.PCMA: 8, codec.PCMU: 0}
}

func (b *testBox) peer() Peer {
	return Peer{ID: b.key.id, Name: b.name, Alliance: "county", Campus: b.name}
}

// invite makes child known here.
func (b *testBox) invite(child *testBox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.peers[child.key.pin] = child.peer()
}

// join makes parents, in order, those of b.
func (b *testBox) join(parents ...*testBox) {
	var list []Parent
	for _, p := range parents {
		p.invite(b)
		list = append(list, Parent{Peer: p.peer(), Pin: p.key.pin, URLs: []string{p.url}})
	}
	b.node.SetParents(list)
}

func (b *testBox) stats(of *testBox) PeerStats {
	for _, p := range b.node.Stats().Peers {
		if p.Peer.ID == of.key.id {
			return p
		}
	}
	return PeerStats{}
}

// eventually waits for what is to come within a time, which slack stretches, and returns how long it took.
func eventually(tb testing.TB, within time.Duration, what string, ok func() bool) time.Duration {
	tb.Helper()
	within *= slack
	begin := time.Now()
	for time.Since(begin) < within {
		if ok() {
			return time.Since(begin)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if !ok() {
		tb.Fatalf("not within %s: %s", within, what)
	}
	return time.Since(begin)
}

// maker publishes on a box: video frames of VP8 or sound, with the packet's number in the payload.
type maker struct {
	src   *relay.Source
	key   track.Key
	video bool
	codec codec.Codec
	seq   uint64
	ts    uint32
	want  atomic.Bool
	wants atomic.Int64 // changes
	keyed atomic.Int64 // keyframes asked for
	ask   atomic.Bool
	stop  chan struct{}
	wg    sync.WaitGroup
	sent  atomic.Uint64
}

func (m *maker) RequestKeyframe(track.Layer, bool) { m.keyed.Add(1); m.ask.Store(true) }
func (m *maker) Want(_ track.Layer, w bool)        { m.want.Store(w); m.wants.Add(1) }

// vp8 is a payload (RFC 7741 §4.2) with a 15-bit picture id; the rest carries text.
func vp8(key bool, pid uint16, text string) []byte {
	p := []byte{0x90, 0x80, 0x80 | byte(pid>>8), byte(pid)}
	if key {
		p = append(p, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00)
	} else {
		p = append(p, 0x11, 0, 0)
	}
	return append(p, text...)
}

func (b *testBox) publish(lesson, source string) *maker {
	b.tb.Helper()
	c := codec.Opus
	if kind, _ := track.KindOf(source); kind == track.Video {
		c = codec.VP8
	}
	return b.publishAs(lesson, source, c)
}

func (b *testBox) publishAs(lesson, source string, c codec.Codec) *maker {
	b.tb.Helper()
	kind, _ := track.KindOf(source)
	m := &maker{key: track.Key{Lesson: lesson, Origin: b.key.id, Source: source}, video: kind == track.Video, codec: c, stop: make(chan struct{}),
		seq: 65000, ts: 1<<32 - 90000}
	var err error
	if m.src, err = b.rel.Publish(relay.SourceInfo{Key: m.key, Kind: kind, Codec: c}, m); err != nil {
		b.tb.Fatal(err)
	}
	m.ask.Store(true)
	up := m.src.Up("")
	m.wg.Go(func() { m.run(up) })
	b.tb.Cleanup(m.close)
	return m
}

func (m *maker) close() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	m.wg.Wait()
	m.src.Close()
}

func (m *maker) run(up *relay.Up) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for pid := uint16(1); ; pid++ {
		select {
		case <-tick.C:
		case <-m.stop:
			return
		}
		m.push(up, pid)
	}
}

func (m *maker) push(up *relay.Up, pid uint16) {
	now := packet.Now()
	n := 1
	key := false
	if m.video {
		n, key = 4, m.ask.Swap(false)
		m.ts += 1800
	} else {
		m.ts += m.codec.ClockRate() / 50
	}
	for i := range n {
		b := packet.Get()
		m.seq++
		b.Seq, b.Timestamp, b.Arrival, b.Capture, b.Codec = m.seq, m.ts, now, now.Add(-5*time.Millisecond), m.codec
		text := fmt.Sprintf("%s %d", m.key.Source, m.sent.Add(1))
		if m.video {
			b.SetPayload(vp8(key && i == 0, pid, text+strings.Repeat(".", 800)))
			if key && i == 0 {
				b.Flags |= packet.Keyframe
			}
			if i == 0 {
				b.Flags |= packet.FrameStart
			}
			if i == n-1 {
				b.Flags |= packet.Marker
			}
		} else {
			b.SetPayload([]byte(text))
		}
		up.Push(b)
	}
}

// watcher is a local subscriber of one source.
type watcher struct {
	sub *relay.Subscriber
	mu  sync.Mutex
	got []string // texts
	at  []time.Time
	ts  []uint32
}

func (w *watcher) WriteRTP(h *rtp.Header, p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) > 4 && p[0] == 0x90 {
		skip := 7
		if p[4]&1 == 0 {
			skip = 14
		}
		p = p[skip:]
	}
	w.got = append(w.got, strings.TrimRight(string(p), "."))
	w.at = append(w.at, time.Now())
	w.ts = append(w.ts, h.Timestamp)
	return nil
}
func (w *watcher) WriteRTCP([]rtcp.Packet) error { return nil }

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

func (b *testBox) watch(k track.Key) *watcher {
	b.tb.Helper()
	w := &watcher{}
	kind, _ := track.KindOf(k.Source)
	sub, err := b.rel.Subscribe(relay.SubscriberConfig{Name: "watcher", Slots: []relay.SlotConfig{{Kind: kind, SSRC: 1, PayloadTypes: ptMap(), Sink: w}}})
	if err != nil {
		b.tb.Fatal(err)
	}
	sub.Bind(0, k, relay.BindOptions{})
	w.sub = sub
	b.tb.Cleanup(sub.Close)
	return w
}
