package session

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/udp"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func logTo(t testing.TB) *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	return slog.New(slog.DiscardHandler)
}

// box is one box with all of signaling, and media on loopback. Boxes of a test share a relay, as if their uplinks cost nothing.
type box struct {
	t        testing.TB
	id       string
	store    *store.Store
	auth     *auth.Auth
	registry *lesson.Registry
	hub      *lesson.Hub
	srv      *Server
	relay    *relay.Relay
	place    atomic.Pointer[Place]
	offset   atomic.Int64 // what its clock lacks
	public   string       // http://…, as if it were HTTPS
	local    string
	stop     func()
}

func newRelay(t testing.TB) *relay.Relay {
	t.Helper()
	r := relay.New(relay.Config{Log: logTo(t)})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

func newBox(t testing.TB, id, campus string, r *relay.Relay) *box {
	t.Helper()
	b := &box{t: t, id: id, relay: r}
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b.store, err = store.Open(t.TempDir())
	check(err)
	check(b.store.UpdateMeta(func(m *store.Meta) { m.AllianceID, m.CampusID, m.CampusName = "a", campus, strings.ToUpper(campus) }))
	b.place.Store(&Place{Campus: campus, CampusName: strings.ToUpper(campus)})
	place := func() Place { return *b.place.Load() }
	b.auth, err = auth.New(b.store, auth.Config{BoxID: id, Place: func() (string, string) { p := place(); return p.Campus, p.Classroom }})
	check(err)
	b.registry, err = lesson.New(b.store, lesson.Config{Box: id, Log: logTo(t)})
	check(err)
	offset := func() time.Duration { return time.Duration(b.offset.Load()) }
	b.hub, err = lesson.NewHub(lesson.HubConfig{Registry: b.registry, ClockOffset: offset, Log: logTo(t)})
	check(err)
	conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
	check(err)
	engine, err := rtc.New(rtc.Config{UDP: conn, Log: slog.New(slog.DiscardHandler)})
	check(err)
	b.srv = New(Config{
		Auth: b.auth, Hub: b.hub, Records: b.registry, Engine: engine, Relay: r,
		Box: id, BoxName: func() string { return "box of " + campus }, Place: place, ClockOffset: offset, Log: logTo(t).With("box", campus),
	})
	serve := func(l auth.Listener) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.srv.ServeHTTP(w, r.WithContext(auth.WithListener(r.Context(), l)))
		}))
	}
	public, local := serve(auth.Public), serve(auth.Local)
	b.public, b.local = public.URL, local.URL
	ctx, cancel := context.WithCancel(context.Background())
	var wg, hub sync.WaitGroup
	hubCtx, stopHub := context.WithCancel(context.Background())
	wg.Go(func() { _ = b.srv.Run(ctx) })
	hub.Go(func() { _ = b.hub.Run(hubCtx) })
	hub.Go(func() { _ = b.registry.Run(hubCtx) })
	b.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		public.Close()
		local.Close()
		stopHub()
		hub.Wait()
		engine.Close()
		b.store.Close()
	})
	t.Cleanup(b.stop)
	return b
}

// link connects two boxes' registries as an uplink does.
func link(t testing.TB, parent, child *box) {
	t.Helper()
	pipe := func(to *box, from string) (send func([]byte) error, stop func()) {
		frames := make(chan []byte, 4096)
		var wg sync.WaitGroup
		var mu sync.Mutex
		closed := false
		wg.Go(func() {
			for f := range frames {
				if err := to.registry.Frame(from, f); err != nil {
					t.Errorf("frame: %v", err)
				}
			}
		})
		return func(f []byte) error {
				mu.Lock()
				defer mu.Unlock()
				if closed {
					return context.Canceled
				}
				frames <- append([]byte(nil), f...)
				return nil
			}, func() {
				mu.Lock()
				closed = true
				close(frames)
				mu.Unlock()
				wg.Wait()
			}
	}
	meta, err := child.store.Meta()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.store.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, child.id, store.Child{ID: child.id, Name: meta.CampusName, CampusID: meta.CampusID})
	}); err != nil {
		t.Fatal(err)
	}
	toChild, stopChild := pipe(child, parent.id)
	toParent, stopParent := pipe(parent, child.id)
	ready := make(chan func())
	go func() { ready <- parent.registry.LinkUp(child.id, false, toChild) }()
	downChild := child.registry.LinkUp(parent.id, true, toParent)
	downParent := <-ready
	t.Cleanup(func() { downParent(); downChild(); stopChild(); stopParent() })
}

func (b *box) token(lesson string, role auth.Role, campus string) string {
	b.t.Helper()
	tok, err := b.auth.NewToken(lesson, role, campus, time.Hour)
	if err != nil {
		b.t.Fatal(err)
	}
	return tok
}

func (b *box) create(id string) {
	b.t.Helper()
	if _, err := b.registry.Create(lesson.Spec{ID: id, Title: id}, "admin"); err != nil {
		b.t.Fatal(err)
	}
	b.relay.SetTeaching(id, b.id)
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}
