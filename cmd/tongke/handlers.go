package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"tongke/signaling/auth"
	pages "tongke/signaling/console"
)

// handlers are what others reach over HTTPS and what the screen beside the box reaches over HTTP.
func (d *daemon) handlers() (public, local http.Handler, err error) {
	screens, err := pages.Handler()
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", d.healthz)
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", metricsHandler(figures{
		relay: d.relay.Stats, links: d.links, participants: d.participants,
	}))
	mux.Handle("/whip/", d.ingest)
	mux.Handle("/whep/", d.ingest)
	mux.Handle("/uplink/v1/", d.node.Handler())
	mux.Handle("/", screens)
	return through(auth.Public, mux), through(auth.Local, onlyLocalHost(mux)), nil
}

// through marks requests with the door they came by.
func through(l auth.Listener, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(auth.WithListener(r.Context(), l)))
	})
}

// onlyLocalHost refuses requests that were led to the loopback listener by another host name.
func onlyLocalHost(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !auth.LocalHost(r.Host) {
			http.Error(w, "open this box as http://127.0.0.1 (请用 http://127.0.0.1 打开)", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// healthz asks the relay, which does the work, for a sign of life.
func (d *daemon) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	alive := make(chan struct{})
	go func() { d.relay.Stats(); close(alive) }() // ends when the relay answers or has ended
	select {
	case <-alive:
		fmt.Fprintln(w, "ok")
	case <-ctx.Done():
		http.Error(w, "relay does not answer", http.StatusServiceUnavailable)
	}
}

func (d *daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	if !d.ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// participants counts those who take part in live lessons, by role.
func (d *daemon) participants() map[string]int {
	s := d.ingest.Stats()
	return map[string]int{"publisher": s.Publishers, "subscriber": s.Subscribers}
}
