package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t testing.TB, addr string) *Conn {
	t.Helper()
	c, err := Listen(addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// at is c's address as seen by a peer on the loopback of that family.
func at(c *Conn, ip string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(c.local.Port))
}

func read(t testing.TB, c *Conn) (string, netip.AddrPort) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	defer c.SetReadDeadline(time.Time{})
	b := make([]byte, 4096)
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), from
}

func write(t testing.TB, c *Conn, s string, to netip.AddrPort) {
	t.Helper()
	if _, err := c.WriteToAddrPort([]byte(s), to); err != nil {
		t.Fatal(err)
	}
}

func TestEcho(t *testing.T) {
	for _, tt := range []struct{ name, server, via, client string }{
		{"ipv4", "127.0.0.1:0", "127.0.0.1", "127.0.0.1:0"},
		{"ipv6", "[::1]:0", "::1", "[::1]:0"},
		{"wildcard, ipv4 peer", ":0", "127.0.0.1", "127.0.0.1:0"},
		{"wildcard, ipv6 peer", ":0", "::1", "[::1]:0"},
		{"wildcard, wildcard peer", ":0", "127.0.0.1", ":0"},
		{"ipv4 wildcard", "0.0.0.0:0", "127.0.0.1", ":0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := listen(t, tt.server), listen(t, tt.client)
			to := at(s, tt.via)
			write(t, c, "ping", to)
			got, from := read(t, s)
			if got != "ping" {
				t.Fatalf("got %q", got)
			}
			write(t, s, "pong", from)
			if got, from := read(t, c); got != "pong" || from != to {
				t.Fatalf("got %q from %s, want pong from %s", got, from, to)
			}
			b := make([]byte, 10)
			if _, err := c.WriteTo([]byte("more"), net.UDPAddrFromAddrPort(to)); err != nil {
				t.Fatal(err)
			}
			if n, a, err := s.ReadFrom(b); err != nil || string(b[:n]) != "more" || a.(*net.UDPAddr).AddrPort() != from {
				t.Fatalf("got %q from %v, %v", b[:n], a, err)
			}
		})
	}
}

func TestCloseTwiceEndsReadAndWrite(t *testing.T) {
	for name, c := range map[string]*Conn{"socket": listen(t, "127.0.0.1:0"), "wildcard": listen(t, ":0"), "virtual": NewVirtual()} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error)
			go func() { // ends with Close
				_, _, err := c.ReadFromAddrPort(make([]byte, 10))
				done <- err
			}()
			c.Cork()
			c.WriteToAddrPort([]byte("x"), netip.MustParseAddrPort("127.0.0.1:9"))
			if err := errors.Join(c.Close(), c.Close()); err != nil {
				t.Fatal(err)
			}
			c.Uncork()
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Fatalf("read ended with %v", err)
			}
			if _, err := c.WriteToAddrPort([]byte("x"), netip.MustParseAddrPort("127.0.0.1:9")); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("write ended with %v", err)
			}
			if _, _, err := c.ReadFromAddrPort(nil); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("second read ended with %v", err)
			}
		})
	}
}

func TestReadDeadline(t *testing.T) {
	for name, c := range map[string]*Conn{"socket": listen(t, ":0"), "virtual": NewVirtual()} {
		t.Run(name, func(t *testing.T) {
			defer c.Close()
			c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if _, _, err := c.ReadFromAddrPort(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// Unreachable destinations must neither end reads nor hurt the other datagrams of the batch.
func TestRefusedDestinationsAreSkipped(t *testing.T) {
	c, peer := listen(t, ":0"), listen(t, "127.0.0.1:0")
	gone := listen(t, "127.0.0.1:0")
	goneAt := at(gone, "127.0.0.1")
	gone.Close()
	bad := []netip.AddrPort{
		goneAt, // ICMP port unreachable
		netip.MustParseAddrPort("255.255.255.255:9"), // EACCES without SO_BROADCAST
		netip.MustParseAddrPort("[2001:db8::1]:9"),   // often no route
		netip.MustParseAddrPort("[fe80::1%none]:9"),  // a zone that is not there
		netip.MustParseAddrPort("[100::dead]:9"),     // a tunnel that is not there
		netip.MustParseAddrPort("127.0.0.1:0"),       // EINVAL
	}
	for range 3 {
		c.Cork()
		for _, b := range bad {
			write(t, c, "lost", b)
			write(t, c, "kept", at(peer, "127.0.0.1"))
		}
		c.Uncork()
		for range bad {
			if got, _ := read(t, peer); got != "kept" {
				t.Fatalf("got %q", got)
			}
		}
	}
	write(t, peer, "alive", at(c, "127.0.0.1"))
	if got, _ := read(t, c); got != "alive" {
		t.Fatalf("got %q", got)
	}
	s := c.Stats()
	if s.Refused < 3 || s.Unroutable != 3 || s.Sent < 18 {
		t.Fatalf("stats %+v", s)
	}
	// An IPv4-only socket refuses an IPv6 destination and goes on.
	write(t, peer, "lost", netip.MustParseAddrPort("[::1]:9"))
	if s := peer.Stats(); s.Refused != 1 {
		t.Fatalf("stats %+v", s)
	}
	if _, err := c.WriteToAddrPort(nil, netip.AddrPort{}); err == nil {
		t.Fatal("wrote to no address")
	}
}

func TestCorkHoldsBackAndKeepsOrder(t *testing.T) {
	c, peer := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	to := at(peer, "127.0.0.1")
	c.Cork()
	c.Cork()
	for i := range 100 {
		write(t, c, fmt.Sprint(i), to)
	}
	c.Uncork()
	if s := c.Stats(); s.Sent != 0 {
		t.Fatalf("sent while corked: %+v", s)
	}
	c.Uncork()
	c.Uncork() // one too many does no harm
	for i := range 100 {
		if got, _ := read(t, peer); got != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
	if s := c.Stats(); s.Sent != 100 || sendsBatches && s.Calls != 1 {
		t.Fatalf("stats %+v", s)
	}
	write(t, c, "direct", to)
	if got, _ := read(t, peer); got != "direct" {
		t.Fatalf("got %q", got)
	}
}

func TestFullQueueIsSentEarly(t *testing.T) {
	c, peer := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	c.Cork()
	for i := range 2*maxBatch + 1 {
		write(t, c, fmt.Sprint(i), at(peer, "127.0.0.1"))
	}
	if s := c.Stats(); s.Sent != 2*maxBatch {
		t.Fatalf("stats %+v", s)
	}
	c.Uncork()
	for i := range 2*maxBatch + 1 {
		if got, _ := read(t, peer); got != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
}

// A caller may reuse its buffer at once, and a datagram longer than a slot passes whole.
func TestWriteCopies(t *testing.T) {
	c, peer := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	b := bytes.Repeat([]byte{1}, 4000)
	c.Cork()
	for _, n := range []int{10, 4000, 0, 1500} {
		c.WriteToAddrPort(b[:n], at(peer, "127.0.0.1"))
	}
	clear(b)
	c.Uncork()
	for _, n := range []int{10, 4000, 0, 1500} {
		if got, _ := read(t, peer); got != string(bytes.Repeat([]byte{1}, n)) {
			t.Fatalf("got %d bytes, want %d ones", len(got), n)
		}
	}
}

// Many goroutines write, some of them under cork. Every datagram arrives once and in its writer's order.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 400
	c, peer := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	to := at(peer, "127.0.0.1")
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			b := make([]byte, 8)
			for i := range each {
				corks := w < 2 && i%10 == 0
				if corks {
					c.Cork()
				}
				binary.BigEndian.PutUint32(b, uint32(w))
				binary.BigEndian.PutUint32(b[4:], uint32(i))
				c.WriteToAddrPort(b, to)
				if w < 2 && i%10 == 9 {
					c.Uncork()
				}
			}
		})
	}
	var next [writers]uint32
	for range writers * each {
		got, _ := read(t, peer)
		w, i := binary.BigEndian.Uint32([]byte(got)), binary.BigEndian.Uint32([]byte(got[4:]))
		if i != next[w] {
			t.Fatalf("writer %d: got %d, want %d", w, i, next[w])
		}
		next[w]++
	}
	wg.Wait()
	if s := c.Stats(); s.Sent != writers*each || s.Full != 0 {
		t.Fatalf("stats %+v", s)
	}
}

// A full socket buffer drops and counts; it never blocks.
func TestFullSocketBufferDrops(t *testing.T) {
	c, err := Listen("127.0.0.1:0", Options{Buffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peer := listen(t, "127.0.0.1:0")
	b := make([]byte, 1400)
	done := make(chan struct{})
	go func() { // ends by itself
		defer close(done)
		for range 10 {
			c.Cork()
			for range maxBatch {
				c.WriteToAddrPort(b, at(peer, "127.0.0.1"))
			}
			c.Uncork()
		}
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("a writer waits")
	}
	if s := c.Stats(); s.Sent+s.Full+s.Refused != 10*maxBatch {
		t.Fatalf("stats %+v", s)
	}
}

func TestListenForTakesTheFamilyOfTheRemote(t *testing.T) {
	for _, tt := range []struct{ remote, want string }{
		{"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"192.0.2.7", "0.0.0.0"}, {"2001:db8::1", "::"}, {"::ffff:192.0.2.7", "0.0.0.0"},
	} {
		c, err := ListenFor(netip.MustParseAddr(tt.remote), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.LocalAddr().(*net.UDPAddr); got.IP.String() != tt.want || got.Port == 0 {
			t.Errorf("for %s got %s, want %s", tt.remote, got, tt.want)
		}
		c.Close()
	}
}

func TestPacketsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, addr := range []string{"127.0.0.1:0", ":0", "0.0.0.0:0"} {
		c, peer := listen(t, addr), listen(t, "127.0.0.1:0")
		to, back := at(peer, "127.0.0.1"), at(c, "127.0.0.1")
		b, r := make([]byte, 1200), make([]byte, 1500)
		round := func() {
			peer.WriteToAddrPort(b, back)
			c.ReadFromAddrPort(r)
			c.WriteToAddrPort(b, to)
			peer.ReadFromAddrPort(r)
			c.Cork()
			for range 10 {
				c.WriteToAddrPort(b, to)
			}
			c.Uncork()
			for range 10 {
				peer.ReadFromAddrPort(r)
			}
		}
		round()
		round()
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%s: %v allocations in 24 packets", addr, n)
		}
	}
}

func TestMuxedPacketsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		m, peer := NewMux(listen(t, addr)), listen(t, "127.0.0.1:0")
		c := candidateConn(t, m, "aaaa", "127.0.0.1")
		to, back := at(peer, "127.0.0.1"), at(m.conn, "127.0.0.1")
		b, r := make([]byte, 1200), make([]byte, 1500)
		round := func() {
			c.WriteToAddrPort(b, to)
			peer.ReadFromAddrPort(r)
			peer.WriteToAddrPort(b, back)
			c.ReadFromAddrPort(r)
		}
		round()
		if n := testing.AllocsPerRun(200, round); n != 0 {
			t.Errorf("%s: %v allocations in a round", addr, n)
		}
	}
}
