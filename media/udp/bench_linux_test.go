package udp

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkCork sends rounds of one 1216-byte datagram to each of 50 sockets on loopback, as fast as it can or 500 rounds a second, and
// reports CPU µs/packet of the process: through Go's own socket, through a Conn one by one, and through a corked Conn; on one address and
// on the wildcard, where each datagram also names its source. On loopback the sender pays for the receiver's kernel work too.
func BenchmarkCork(b *testing.B) {
	const peers, size = 50, 1216
	for _, bb := range []struct {
		name, addr string
		round      func(c *Conn, p []byte, to []netip.AddrPort)
	}{
		{"net.UDPConn", "127.0.0.1:0", func(c *Conn, p []byte, to []netip.AddrPort) {
			for _, a := range to {
				c.sock.WriteToUDPAddrPort(p, a)
			}
		}},
		{"direct", "127.0.0.1:0", direct},
		{"corked", "127.0.0.1:0", corked},
		{"direct/wildcard", ":0", direct},
		{"corked/wildcard", ":0", corked},
	} {
		for _, paced := range []bool{false, true} {
			name := bb.name + "/free"
			if paced {
				name = bb.name + "/paced"
			}
			b.Run(name, func(b *testing.B) {
				c := listen(b, bb.addr)
				var to []netip.AddrPort
				var receivers []*Conn
				for range peers {
					r := listen(b, "127.0.0.1:0")
					receivers = append(receivers, r)
					to = append(to, at(r, "127.0.0.1"))
					if c.pins != nil {
						c.pins.learn(to[len(to)-1], netip.MustParseAddr("127.0.0.1"))
					}
				}
				p := make([]byte, size)
				var spent time.Duration
				begin := cpuTime()
				for i := 0; b.Loop(); i++ {
					bb.round(c, p, to)
					if paced {
						time.Sleep(2 * time.Millisecond)
					}
					if i%500 == 499 { // before their buffers are full
						b.StopTimer()
						spent += cpuTime() - begin
						for _, r := range receivers {
							drainSocket(r, 500)
						}
						begin = cpuTime()
						b.StartTimer()
					}
				}
				spent += cpuTime() - begin
				b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/peers/1e3, "cpu-µs/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func drainSocket(c *Conn, n int) {
	b := make([]byte, 1500)
	for range n {
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, _, err := c.ReadFromAddrPort(b); err != nil {
			return
		}
	}
}

func direct(c *Conn, p []byte, to []netip.AddrPort) {
	for _, a := range to {
		c.WriteToAddrPort(p, a)
	}
}

func corked(c *Conn, p []byte, to []netip.AddrPort) {
	c.Cork()
	direct(c, p, to)
	c.Uncork()
}
