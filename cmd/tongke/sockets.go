package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"tongke/media/udp"
)

const (
	mainAddr  = ":8443"
	extraAddr = ":443" // the port that most firewalls let through; taken when it is free and nobody named addresses
)

// endpoint is one address for others: TCP for pages, signalling and ICE-TCP, UDP of the same number for media.
type endpoint struct {
	tcp net.Listener
	udp *udp.Conn
}

func (e endpoint) close() { _ = errors.Join(e.tcp.Close(), e.udp.Close()) }

// listen opens one endpoint. Port 0 takes a port that is free for both.
func listen(addr string) (endpoint, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return endpoint{}, listenFault("TCP", addr, err)
	}
	for tries := 0; ; tries++ {
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return endpoint{}, listenFault("TCP", addr, err)
		}
		at := net.JoinHostPort(host, strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port))
		conn, err := udp.Listen(at, udp.Options{})
		if err == nil {
			return endpoint{tcp, conn}, nil
		}
		tcp.Close()
		if port != "0" || tries == 20 || !errors.Is(err, syscall.EADDRINUSE) {
			return endpoint{}, listenFault("UDP", at, err)
		}
	}
}

// listenAll opens the named addresses, or the usual ones when none is named.
func listenAll(named []string, log *slog.Logger) ([]endpoint, error) {
	addrs := named
	if len(addrs) == 0 {
		addrs = []string{mainAddr}
	}
	var all []endpoint
	for _, a := range addrs {
		e, err := listen(a)
		if err != nil {
			for _, e := range all {
				e.close()
			}
			return nil, err
		}
		all = append(all, e)
	}
	if len(named) == 0 {
		if e, err := listen(extraAddr); err == nil {
			all = append(all, e)
		} else {
			log.Debug("port 443 is not used", "err", err)
		}
	}
	return all, nil
}

// serve runs an HTTP server on ln until ctx ends, then lets answers that are under way finish for a moment.
func serve(srv *http.Server, ln net.Listener) func(context.Context) error {
	return func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ln) }() // ends when the server or the listener is closed, below
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
		}
		grace, cancel := context.WithTimeout(context.Background(), partLimit/2)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close() // long downloads and websockets are cut
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// newServer bounds what a connection may cost: slow or endless headers, idle ones. Bodies and answers are bounded by their handlers,
// because a websocket lives for a lesson.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// batchers corks all sockets as one.
type batchers []*udp.Conn

func (b batchers) Cork() {
	for _, c := range b {
		c.Cork()
	}
}

func (b batchers) Uncork() {
	for _, c := range b {
		c.Uncork()
	}
}
