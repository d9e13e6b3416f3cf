package udp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// split runs a Splitter on loopback until the test ends.
func split(t testing.TB) *Splitter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Split(ln)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("splitter ended with %v", err)
		}
	})
	return s
}

func dial(t testing.TB, s *Splitter) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// stunFrame is a binding request in RFC 4571 framing.
const stunFrame = "\x00\x14\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"

func TestSplitKeepsEveryByte(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		side       func(*Splitter) net.Listener
	}{
		{"tls", "\x16\x03\x01rest of the hello", (*Splitter).TLS},
		{"one byte of tls", "\x16", (*Splitter).TLS},
		{"ice", stunFrame + "more", (*Splitter).ICE},
	} {
		for _, chunk := range []int{1, 3, 1000} {
			t.Run(tt.name, func(t *testing.T) {
				s := split(t)
				c := dial(t, s)
				go func() { // ends when all is written
					for d := tt.data; d != ""; d = d[min(chunk, len(d)):] {
						io.WriteString(c, d[:min(chunk, len(d))])
						time.Sleep(time.Millisecond)
					}
					c.(*net.TCPConn).CloseWrite()
				}()
				in, err := tt.side(s).Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				if in.RemoteAddr().String() != c.LocalAddr().String() {
					t.Errorf("comes from %s", in.RemoteAddr())
				}
				if got, err := io.ReadAll(in); string(got) != tt.data || err != nil {
					t.Errorf("got %q, %v; want %q", got, err, tt.data)
				}
			})
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	s := split(t)
	for _, tt := range []struct{ name, send string }{
		{"ssl 2", "\x80\x2e\x01"},
		{"a frame too long for a check", "\x03\x00\x00\x01"},
		{"not the cookie", "\x00\x14\x00\x01\x00\x00\x21\x12\xa4\x43abcdefghijkl"},
		{"an answer", "\x00\x14\x01\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"},
		{"lengths differ", "\x00\x15\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s)
			io.WriteString(c, tt.send)
			if got, _ := io.ReadAll(c); len(got) != 0 {
				t.Errorf("got %q", got)
			}
		})
	}
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		r, err := http.NewRequest(method, "http://"+s.ln.Addr().String()+"/x", strings.NewReader(strings.Repeat("a", 6000)))
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		if a.StatusCode != 400 || string(body) != httpsAdvice || err != nil {
			t.Errorf("%s: got %d %q, %v", method, a.StatusCode, body, err)
		}
	}
	if got := s.Stats().Refused; got != 8 {
		t.Errorf("refused %d, want 8", got)
	}
}

// More silent connections than are looked at cost the oldest ones, and never whoever speaks.
func TestSplitSurvivesSilentConnections(t *testing.T) {
	s := split(t)
	first := dial(t, s)
	for range maxUndecided + 20 {
		dial(t, s)
	}
	c := dial(t, s)
	io.WriteString(c, "\x16")
	in, err := s.TLS().Accept()
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest got %v", err)
	}
	if s.Stats().Evicted == 0 {
		t.Error("nothing evicted")
	}
}

func TestSplitClose(t *testing.T) {
	s := split(t)
	for range 2 {
		if err := s.ICE().Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := s.ICE().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	c := dial(t, s)
	io.WriteString(c, stunFrame)
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("ICE without a taker: %v", err)
	}
	c = dial(t, s)
	io.WriteString(c, "\x16")
	in, err := s.TLS().Accept()
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
}

func TestSplitEndsWithWaiters(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Split(ln)
	ctx, cancel := context.WithCancel(context.Background())
	done, accepted := make(chan error), make(chan error)
	go func() { done <- s.Run(ctx) }()
	go func() { _, err := s.ICE().Accept(); accepted <- err }()
	silent, waiting := dial(t, s), dial(t, s)
	io.WriteString(waiting, "\x16") // nobody takes it
	time.Sleep(10 * time.Millisecond)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run ended with %v", err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept ended with %v", err)
	}
	for _, c := range []net.Conn{silent, waiting} {
		if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("still open: %v", err)
		}
	}
}

// HTTPS and a peer connection over ICE-TCP share the port.
func TestHTTPSAndICETCPOnOnePort(t *testing.T) {
	s := split(t)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	web.Listener.Close()
	web.Listener = s.TLS()
	web.StartTLS()
	defer web.Close()

	tcp := ice.NewTCPMuxDefault(ice.TCPMuxParams{Listener: s.ICE(), ReadBufferSize: 20, FirstStunBindTimeout: decideWithin})
	defer tcp.Close()
	api := func(mux ice.TCPMux) *webrtc.API {
		var e webrtc.SettingEngine
		e.SetNet(NewNet())
		e.SetIncludeLoopbackCandidate(true)
		e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
		if mux != nil {
			e.SetICETCPMux(mux)
		}
		return webrtc.NewAPI(webrtc.WithSettingEngine(e))
	}
	echo(t, newPeer(t, api(nil)), newPeer(t, api(tcp)), 20)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	r, err := client.Get("https://" + s.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, _ := io.ReadAll(r.Body); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
}

// FuzzSniff: the decision depends on the bytes alone, falls by the tenth, and more bytes never change it.
func FuzzSniff(f *testing.F) {
	for _, s := range []string{"", "\x16\x03\x01", stunFrame, "GET / HTTP/1.1", "\x00\x14\x00", "\x03", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), peekSize)]
		got := undecided
		for i := range len(b) + 1 {
			k := sniff(b[:i])
			if got != undecided && k != got {
				t.Fatalf("%x: %d after %d", b[:i], k, got)
			}
			got = k
		}
		if len(b) == peekSize && got == undecided {
			t.Fatalf("%x leaves it open", b)
		}
	})
}
