package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"tongke/device/identity"
	"tongke/media/relay"
	"tongke/media/udp"
	"tongke/signaling/store"
)

// daemon is one running box: every part, and the funcs by which they meet.
type daemon struct {
	cfg Config
	dir string
	con *console
	log *slog.Logger

	store *store.Store
	box   *identity.Box
	ends  []endpoint
	local net.Listener
	at    addresses

	relay *relay.Relay
	parts *parts
	ready atomic.Bool
}

// openDaemon opens everything that can fail, so that a fault is told before anything runs.
func openDaemon(cfg Config, dir string, con *console, log *slog.Logger) (_ *daemon, err error) {
	d := &daemon{cfg: cfg, dir: dir, con: con, log: log, parts: newParts(log)}
	defer func() {
		if err != nil {
			d.closeSockets()
			d.closeStore()
		}
	}()
	if err := prepareData(dir); err != nil {
		return nil, err
	}
	if d.store, err = openStore(dir); err != nil {
		return nil, err
	}
	meta, err := d.store.Meta()
	if err != nil {
		return nil, dataFault(dir, err)
	}
	name := meta.BoxName
	if name == "" {
		name = cfg.Box.Name
	}
	if d.box, err = identity.Open(dir, name); err != nil {
		return nil, dataFault(dir, err)
	}
	if d.ends, err = listenAll(cfg.Listen, log); err != nil {
		return nil, err
	}
	if d.local, err = net.Listen("tcp", cfg.Local); err != nil {
		return nil, listenFault("TCP", cfg.Local, err)
	}
	d.at = addresses{PID: os.Getpid(), Local: d.local.Addr().String()}
	for _, e := range d.ends {
		d.at.Listen = append(d.at.Listen, e.tcp.Addr().String())
	}
	return d, nil
}

func openStore(dir string) (*store.Store, error) {
	s, err := store.Open(dir)
	if errors.Is(err, store.ErrLocked) {
		return nil, inUseFault(dir, err)
	}
	return s, dataFault(dir, err)
}

// start runs all parts, those that others lean on first, and returns when the box answers.
func (d *daemon) start() error {
	conns := make(batchers, len(d.ends))
	for i, e := range d.ends {
		conns[i] = e.udp
	}
	d.relay = relay.New(relay.Config{Log: d.log.With("part", "relay"), Batch: conns})
	d.parts.start("relay", d.relay.Run)

	h := d.handler()
	for _, e := range d.ends {
		d.parts.start("https "+e.tcp.Addr().String(), serve(newServer(h, d.log), tls.NewListener(e.tcp, d.box.ServerTLS())))
	}
	d.parts.start("http "+d.at.Local, serve(newServer(h, d.log), d.local))
	if err := d.at.write(d.dir); err != nil {
		return err
	}
	d.parts.start("watchdog", watchdog(func() { d.relay.Stats() }, d.log))
	d.ready.Store(true)
	return nil
}

// close ends all parts and reports whether each did in time. The order, and why: first the pages and uplinks are told and cut, so that
// nobody new comes and peers fail over at once; then the publishers and subscribers, whose last packets still find the relay; then the
// relay; then the sockets; the store last, because every part may still note something.
func (d *daemon) close() bool {
	d.ready.Store(false)
	clean := d.parts.end()
	d.closeSockets()
	_ = os.Remove(filepath.Join(d.dir, addressFile))
	d.closeStore()
	return clean
}

func (d *daemon) closeSockets() {
	for _, e := range d.ends {
		e.close()
	}
	if d.local != nil {
		d.local.Close()
	}
}

func (d *daemon) closeStore() {
	if d.store == nil {
		return
	}
	if err := d.store.Close(); err != nil {
		d.log.Error("store not closed", "err", err)
	}
}

func (d *daemon) name() string { return d.box.DefaultName() }

// handler is everything over HTTP that belongs to no part.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
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
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !d.ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", metricsHandler(figures{
		relay:        d.relay.Stats,
		links:        func() []linkFigures { return nil },
		participants: func() map[string]int { return nil },
	}))
	return mux
}

var _ udp.Options
