package udp

import (
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// second is another of our addresses that a peer on loopback can ask.
var second = netip.MustParseAddr("127.0.0.2")

// A wildcard socket answers from the address that was asked, when used plainly and through the mux.
func TestAnswersFromTheAddressThatWasAsked(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0"} {
		t.Run("plain "+addr, func(t *testing.T) {
			s, peer := listen(t, addr), listen(t, "127.0.0.1:0")
			for _, ip := range []string{"127.0.0.2", "127.0.0.1", "127.0.0.2"} {
				write(t, peer, "ask", at(s, ip))
				_, from := read(t, s)
				s.Cork()
				write(t, s, "answer", from)
				s.Uncork()
				if _, from := read(t, peer); from != at(s, ip) {
					t.Errorf("asked %s, answered by %s", ip, from)
				}
			}
		})
		t.Run("mux "+addr, func(t *testing.T) {
			m, peer := NewMux(listen(t, addr)), listen(t, "127.0.0.1:0")
			defer m.Close()
			one, two := candidateConn(t, m, "aaaa", "127.0.0.1"), candidateConn(t, m, "aaaa", "127.0.0.2")
			other := candidateConn(t, m, "bbbb", "127.0.0.1")
			for _, tt := range []struct {
				ask, ufrag string
				c          *muxed
			}{
				{"127.0.0.1", "aaaa", one}, {"127.0.0.2", "aaaa", two}, {"127.0.0.1", "aaaa", one},
				{"127.0.0.2", "bbbb", other}, // an address that came after the candidates: answered from there all the same
				{"127.0.0.1", "bbbb", other},
				{"127.0.0.3", "bbbb", other},
			} {
				write(t, peer, string(bindingRequest(tt.ufrag+":x")), at(m.conn, tt.ask))
				_, from := readMuxed(t, tt.c)
				for range 2 {
					tt.c.WriteToAddrPort([]byte("answer"), from)
					if _, from := read(t, peer); from != at(m.conn, tt.ask) {
						t.Errorf("%s asked %s, answered by %s", tt.ufrag, tt.ask, from)
					}
					write(t, peer, "media", at(m.conn, tt.ask))
					readMuxed(t, tt.c)
				}
			}
		})
	}
}

// An address that is no longer ours is forgotten and the datagram sent anyway.
func TestGoneAddressIsForgotten(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0"} {
		s, peer := listen(t, addr), listen(t, "127.0.0.1:0")
		to := at(peer, "127.0.0.1")
		s.pins.learn(to, netip.MustParseAddr("203.0.113.9"))
		write(t, s, "anyway", to)
		if got, _ := read(t, peer); got != "anyway" {
			t.Errorf("got %q", got)
		}
		if a := s.pins.lookup(to); a.IsValid() {
			t.Errorf("still remembers %s", a)
		}
	}
}

func TestPinsAreBounded(t *testing.T) {
	p := newPins(listen(t, ":0").sock)
	p.learn(netip.AddrPortFrom(second, 1), second)
	for i := range 3 * maxPins {
		p.learn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1), second)
		if i%1000 == 0 { // who is heard from stays
			p.learn(netip.AddrPortFrom(second, 1), second)
		}
	}
	if n := len(p.young) + len(p.old); n > 2*maxPins {
		t.Errorf("%d entries", n)
	}
	if !p.lookup(netip.AddrPortFrom(second, 1)).IsValid() {
		t.Error("forgot who was heard from")
	}
}

func FuzzArrivedAt(f *testing.F) {
	b := make([]byte, maxControl)
	f.Add(b[:packetInfo(b, netip.IPv6Loopback(), true)])
	f.Add(b[:packetInfo(b, second, false)])
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) { arrivedAt(b) })
}

func TestPacketInfoRoundTrip(t *testing.T) {
	b := make([]byte, maxControl)
	for _, six := range []bool{true, false} {
		if got := arrivedAt(b[:packetInfo(b, second, six)]); got != second {
			t.Errorf("six %v: got %s", six, got)
		}
	}
}

// inNamespace runs f in a network namespace of its own, in which nothing is up, with a func that calls ip(8) there.
func inNamespace(t *testing.T, f func(ip func(args ...string))) {
	t.Helper()
	if unix.Geteuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	done := make(chan string)
	go func() { // ends by itself; its thread, left locked, ends with it
		skip := ""
		defer func() { done <- skip }()
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			skip = "no network namespaces here: " + err.Error()
			return
		}
		f(func(args ...string) {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				t.Errorf("ip %v: %v: %s", args, err, out)
			}
		})
	}()
	if skip := <-done; skip != "" {
		t.Skip(skip)
	}
}

// The lists follow the host's addresses.
func TestListsFollowTheAddresses(t *testing.T) {
	inNamespace(t, func(ip func(args ...string)) {
		want := func(step string, want ...string) {
			t.Helper()
			var got []string
			for range 100 { // the kernel tells of a carrier a little later
				list, err := usable(true, true)
				if err != nil {
					t.Error(err)
				}
				got = nil
				for _, a := range list {
					got = append(got, a.String())
				}
				if slices.Equal(got, want) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("%s: got %v, want %v", step, got, want)
		}
		want("nothing up")
		ip("link", "set", "lo", "up")
		want("loopback", "127.0.0.1", "::1")
		ip("link", "add", "a0", "type", "veth", "peer", "name", "b0")
		ip("addr", "add", "10.9.0.1/24", "dev", "a0")
		ip("addr", "add", "10.9.0.1/24", "dev", "b0") // the same twice
		ip("addr", "add", "2001:db8::1/64", "dev", "a0", "nodad")
		want("down", "127.0.0.1", "::1")
		ip("link", "set", "a0", "up")
		want("no carrier", "127.0.0.1", "::1")
		ip("link", "set", "b0", "up")
		want("up, once each, no link-local IPv6", "127.0.0.1", "::1", "10.9.0.1", "2001:db8::1")
		n := NewNet()
		if _, err := n.InterfaceByName("a0"); err != nil {
			t.Error(err)
		}
		ip("addr", "flush", "dev", "a0")
		ip("link", "del", "a0")
		want("gone", "127.0.0.1", "::1")
		if _, err := n.InterfaceByName("a0"); err == nil {
			t.Error("a0 is still there")
		}
	})
}

// IPv6 is answered from the address that was asked too, and a sender on the real network cannot pass for a tunnel.
func TestIPv6SourcesAndForgedOnes(t *testing.T) {
	inNamespace(t, func(ip func(args ...string)) {
		ip("link", "set", "lo", "up")
		ip("addr", "add", "2001:db8::1/128", "dev", "lo", "nodad")
		ip("addr", "add", "100::5/128", "dev", "lo", "nodad")
		inPlace(t, "2001:db8::1", "100::5")
		addrs, err := usable(false, true)
		if want := []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("2001:db8::1")}; err != nil || len(addrs) != 2 ||
			!slices.Contains(addrs, want[0]) || !slices.Contains(addrs, want[1]) {
			t.Errorf("lists %v, %v", addrs, err)
		}
		s, err := Listen(":0", Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		peer, err := Listen("[::1]:0", Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer peer.Close()
		forger, err := Listen("[100::5]:0", Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer forger.Close()
		forger.WriteToAddrPort([]byte("forged"), at(s, "::1"))
		b := make([]byte, 100)
		for _, ip := range []string{"2001:db8::1", "::1"} {
			if _, err := peer.WriteToAddrPort([]byte("ask"), at(s, ip)); err != nil {
				t.Error(err)
			}
			s.SetReadDeadline(time.Now().Add(5 * time.Second))
			n, from, err := s.ReadFromAddrPort(b)
			if err != nil || string(b[:n]) != "ask" {
				t.Errorf("got %q, %v", b[:n], err)
				return
			}
			s.WriteToAddrPort([]byte("answer"), from)
			peer.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, from, err := peer.ReadFromAddrPort(b); err != nil || from != at(s, ip) {
				t.Errorf("asked %s, answered by %s, %v", ip, from, err)
			}
		}
		if got := s.Stats().Forged; got != 1 {
			t.Errorf("forged %d, want 1", got)
		}
	})
}

// inPlace waits until the addresses get what is sent to them: the kernel makes the route after the command has returned.
func inPlace(t *testing.T, addrs ...string) {
	b := make([]byte, 1)
	for _, ip := range addrs {
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP(ip)})
			if err == nil {
				conn.WriteTo(b, conn.LocalAddr())
				conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				_, _, err = conn.ReadFrom(b)
				conn.Close()
			}
			if err == nil {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Errorf("%s never came: %v", ip, err)
				return
			}
		}
	}
}
