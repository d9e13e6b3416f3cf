// Package onebox runs the media path of one box in this process: the relay, WHIP and WHEP over real sockets on loopback, and the pages. It
// has no store, no rights (any bearer token, or none) and no uplink, so a test that only asks what a client sees needs no daemon.
package onebox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"tongke/media/ingest"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/udp"
	"tongke/signaling/console"
)

// Box is a running box. Close ends it.
type Box struct {
	URL   string // http://127.0.0.1:port
	Relay *relay.Relay

	close func() error
}

// Start starts a box on free ports. log may be nil.
func Start(log *slog.Logger) (*Box, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pages, err := console.Handler()
	if err != nil {
		return nil, err
	}
	conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
	if err != nil {
		return nil, fmt.Errorf("listen for media: %w", err)
	}
	engine, err := rtc.New(rtc.Config{UDP: conn, Log: log})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	b := &Box{URL: "http://" + listener.Addr().String(), Relay: relay.New(relay.Config{Log: log, Batch: conn})}
	media := ingest.New(ingest.Config{Engine: engine, Relay: b.Relay, Box: "testbox", Authorize: anyone, Lessons: &lessons{known: map[string]bool{}},
		Limits: ingest.DefaultLimits(), Log: log})
	mux := http.NewServeMux()
	mux.Handle("/whip/", media)
	mux.Handle("/whep/", media)
	mux.Handle("/", pages)
	web := &http.Server{Handler: mux}

	ctx, stopMedia := context.WithCancel(context.Background())
	relayCtx, stopRelay := context.WithCancel(context.Background())
	var wg, relays sync.WaitGroup
	wg.Go(func() { _ = media.Run(ctx) })            // ends with ctx
	wg.Go(func() { _ = web.Serve(listener) })       // ends with web.Close
	relays.Go(func() { _ = b.Relay.Run(relayCtx) }) // ends with relayCtx
	b.close = sync.OnceValue(func() error {
		err := web.Close() // first, so that nothing new comes
		stopMedia()
		wg.Wait()
		stopRelay() // the sessions are gone, nobody needs it any more
		relays.Wait()
		return errors.Join(err, engine.Close())
	})
	return b, nil
}

// Close ends the box and everything that is connected to it. Closing twice is harmless.
func (b *Box) Close() error { return b.close() }

// anyone lets everybody in; a publisher's token still tells one publisher from another.
func anyone(r *http.Request, _ string, _ bool) (ingest.Grant, error) {
	return ingest.Grant{TokenID: r.Header.Get("Authorization"), Name: "test"}, nil
}

// lessons knows what was published once.
type lessons struct {
	mu    sync.Mutex
	known map[string]bool
}

// Exists implements ingest.Lessons.
func (l *lessons) Exists(_ context.Context, lesson string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[lesson], nil
}

// CreateByWHIP implements ingest.Lessons.
func (l *lessons) CreateByWHIP(_ context.Context, lesson string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[lesson] = true
	return nil
}

// PublisherJoined implements ingest.Lessons.
func (l *lessons) PublisherJoined(string, string) {}

// PublisherLeft implements ingest.Lessons.
func (l *lessons) PublisherLeft(string, string) {}
