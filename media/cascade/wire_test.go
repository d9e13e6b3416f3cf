package cascade

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is a network between a child and its parent that can be cut: a UDP forwarder and a TCP forwarder. What is cut is neither closed
// nor answered, like a cable that is out.
type wire struct {
	tb      testing.TB
	url     string
	udpAddr netip.AddrPort
	parent  netip.AddrPort
	sock    *net.UDPConn
	noUDP   atomic.Bool
	noTCP   atomic.Bool
	filter  atomic.Pointer[func(toParent bool, p []byte) bool] // true: lost
	passed  atomic.Uint64
	delay   time.Duration // of datagrams, each way

	mu    sync.Mutex
	flows map[netip.AddrPort]*net.UDPConn
	ends  []io.Closer
	wg    sync.WaitGroup
}

// wireTo puts a wire before parent. child is told to use it.
func wireTo(tb testing.TB, parent *testBox) *wire {
	tb.Helper()
	w := &wire{tb: tb, flows: map[netip.AddrPort]*net.UDPConn{}}
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w.sock, w.udpAddr = sock, sock.LocalAddr().(*net.UDPAddr).AddrPort()
	w.parent = parent.sock.LocalAddr().(*net.UDPAddr).AddrPort()
	w.url = "https://" + ln.Addr().String()
	target := strings.TrimPrefix(parent.url, "https://")
	w.ends = append(w.ends, sock, ln)
	w.wg.Go(w.forwardUDP)
	w.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.forwardTCP(c, target) })
		}
	})
	tb.Cleanup(func() {
		w.cut(false)
		w.mu.Lock()
		for _, e := range w.ends {
			_ = e.Close()
		}
		for _, f := range w.flows {
			_ = f.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

func (w *wire) cut(yes bool) { w.noUDP.Store(yes); w.noTCP.Store(yes) }

func (w *wire) lost(toParent bool, p []byte) bool {
	if w.noUDP.Load() {
		return true
	}
	f := w.filter.Load()
	return f != nil && (*f)(toParent, p)
}

func (w *wire) forwardUDP() {
	b := make([]byte, 2048)
	for {
		n, from, err := w.sock.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if w.lost(true, b[:n]) {
			continue
		}
		w.mu.Lock()
		f := w.flows[from]
		if f == nil {
			f, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(w.parent))
			if err != nil {
				w.mu.Unlock()
				return
			}
			w.flows[from] = f
			w.wg.Go(func() { w.back(f, from) })
		}
		w.mu.Unlock()
		w.passed.Add(1)
		w.later(b[:n], func(p []byte) { _, _ = f.Write(p) })
	}
}

func (w *wire) back(f *net.UDPConn, to netip.AddrPort) {
	b := make([]byte, 2048)
	for {
		n, err := f.Read(b)
		if err != nil {
			return
		}
		if !w.lost(false, b[:n]) {
			w.later(b[:n], func(p []byte) { _, _ = w.sock.WriteToUDPAddrPort(p, to) })
		}
	}
}

// later delivers a datagram after the wire's delay.
func (w *wire) later(b []byte, send func([]byte)) {
	if w.delay == 0 {
		send(b)
		return
	}
	b = bytes.Clone(b)
	time.AfterFunc(w.delay, func() { send(b) })
}

func (w *wire) forwardTCP(c net.Conn, target string) {
	w.mu.Lock()
	w.ends = append(w.ends, c)
	w.mu.Unlock()
	defer c.Close()
	p, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer p.Close()
	var wg sync.WaitGroup
	pipe := func(dst, src net.Conn) {
		defer dst.Close()
		defer src.Close()
		b := make([]byte, 16<<10)
		for {
			n, err := src.Read(b)
			for w.noTCP.Load() {
				time.Sleep(10 * time.Millisecond)
			}
			if err != nil {
				return
			}
			if _, err := dst.Write(b[:n]); err != nil {
				return
			}
		}
	}
	wg.Go(func() { pipe(p, c) })
	pipe(c, p)
	wg.Wait()
}

var candidateLine = regexp.MustCompile(`(?m)^a=candidate:.* udp [0-9]+ [0-9a-f.:]+ [0-9]+ typ host.*\r\n`)

// through makes child reach parent by the wire alone.
func (w *wire) through(child, parent *testBox) Parent {
	parent.invite(child)
	child.node.mangleOffer = func(s string) string {
		if strings.Contains(s, " 100::") {
			return s // a tunnel's
		}
		return candidateLine.ReplaceAllString(s, "")
	}
	child.node.mangleAnswer = func(s string) string {
		return strings.ReplaceAll(s, fmt.Sprintf("127.0.0.1 %d typ", w.parent.Port()), fmt.Sprintf("127.0.0.1 %d typ", w.udpAddr.Port()))
	}
	return Parent{Peer: parent.peer(), Pin: parent.key.pin, URLs: []string{w.url}}
}

// proxy is an HTTP proxy that knows CONNECT alone, asks for a password, and reaches the host named from by dialling to.
type proxy struct {
	url   string
	used  atomic.Int64
	wrong atomic.Int64
}

func newProxy(tb testing.TB, from, to string) *proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{url: "http://class:secret@" + ln.Addr().String()}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if user, pass, ok := proxyAuth(r); !ok || user != "class" || pass != "secret" || r.Method != http.MethodConnect {
			p.wrong.Add(1)
			rw.Header().Set("Proxy-Authenticate", "Basic")
			rw.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		p.used.Add(1)
		out, err := net.Dial("tcp", to)
		if err != nil || r.Host != from {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		in, buf, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		join(in, buf.Reader, out)
	})}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	tb.Cleanup(func() { _ = srv.Shutdown(context.Background()); wg.Wait() })
	return p
}

func proxyAuth(r *http.Request) (user, pass string, ok bool) {
	q := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return q.BasicAuth()
}

func join(in net.Conn, r *bufio.Reader, out net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(out, r); _ = out.Close() })
	_, _ = io.Copy(in, out)
	_ = in.Close()
	wg.Wait()
}
