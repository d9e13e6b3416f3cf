package udp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// packetOf makes an RTP packet whose last four bytes are n.
func packetOf(size int, ssrc uint32, marker bool, n uint32) []byte {
	b := make([]byte, size)
	b[0], b[1] = 0x80, 96
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint32(b[8:], ssrc)
	binary.BigEndian.PutUint32(b[size-4:], n)
	return b
}

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want Class
	}{
		{"stun", []byte(stunFrame[2:]), Control},
		{"dtls", append([]byte{22, 254, 253}, make([]byte, 1100)...), Control},
		{"rtcp sender report", append([]byte{0x80, 200}, make([]byte, 26)...), Control},
		{"rtcp of 1000 bytes", append([]byte{0x8f, 205}, make([]byte, 998)...), Control},
		{"voice", packetOf(160, 1, false, 0), Voice},
		{"video", packetOf(1200, 1, false, 0), Video},
		{"marker and payload type 96", packetOf(1200, 1, true, 0), Video},
		{"empty", nil, Control},
		{"cut", []byte{0x80}, Control},
	} {
		if got := Classify(tt.b); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func newOutbox() *outbox {
	o := new(outbox)
	o.init(Classify)
	return o
}

func drain(o *outbox) (all []*datagram) {
	for d := o.take(); d != nil; d = o.take() {
		all = append(all, d)
	}
	return all
}

func TestOutboxDropsVideoToTheEndOfTheFrame(t *testing.T) {
	o := newOutbox()
	for i := range uint32(videoLane) {
		o.put(packetOf(1200, 1, i%10 == 9, i))
	}
	o.put(packetOf(1200, 1, false, 1000)) // no room: its frame is lost
	o.put(packetOf(160, 2, false, 2000))  // voice has room
	o.put([]byte(stunFrame[2:]))
	kept := drain(o)
	if len(kept) != videoLane+2 || kept[0].data[0] != 0x80 || kept[1].data[0] != 0 {
		t.Fatalf("kept %d", len(kept))
	}
	o.put(packetOf(1200, 1, false, 1001)) // room again, but the frame is broken
	o.put(packetOf(1200, 3, false, 3000)) // another source is not concerned
	o.put(packetOf(1200, 1, true, 1002))
	o.put(packetOf(1200, 1, false, 1003))
	kept = drain(o)
	if len(kept) != 2 {
		t.Fatalf("kept %d", len(kept))
	}
	for i, want := range []uint32{3000, 1003} {
		if got := binary.BigEndian.Uint32(kept[i].data[1196:]); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if got := o.dropped.Load(); got != 3 {
		t.Errorf("dropped %d, want 3", got)
	}
}

func TestOutboxKeepsRoomForControl(t *testing.T) {
	o := newOutbox()
	for i := range uint32(1000) {
		o.put(packetOf(100, 1, false, i))
	}
	for range fastLane / 4 {
		o.put([]byte(stunFrame[2:]))
	}
	o.put(make([]byte, datagramSize+1))
	if got := len(drain(o)); got != fastLane {
		t.Errorf("kept %d, want %d", got, fastLane)
	}
}

func TestOutboxForgetsStaleMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		o.put(packetOf(100, 1, false, 0))
		o.put(packetOf(1200, 2, false, 0))
		o.put([]byte(stunFrame[2:]))
		time.Sleep(staleAfter)
		o.put(packetOf(1200, 2, true, 7))
		kept := drain(o)
		if len(kept) != 2 || kept[0].data[0] != 0 || o.dropped.Load() != 2 {
			t.Fatalf("kept %d, dropped %d", len(kept), o.dropped.Load())
		}
	})
}

func TestAddTunnel(t *testing.T) {
	c := NewVirtual()
	defer c.Close()
	a, _ := newPipe()
	if _, err := c.AddTunnel(a, netip.MustParseAddrPort("127.0.0.1:9"), nil); !errors.Is(err, ErrNotSynthetic) {
		t.Errorf("real address: %v", err)
	}
	first, err := c.AddTunnel(a, ParentAddr, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddTunnel(a, ParentAddr, nil); !errors.Is(err, ErrAddressTaken) {
		t.Errorf("second: %v", err)
	}
	first.Close()
	first.Close()
	if _, err := c.AddTunnel(a, ParentAddr, nil); err != nil {
		t.Errorf("after close: %v", err)
	}
	c.Close()
	if _, err := c.AddTunnel(a, netip.AddrPort{}, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	for range 100 {
		if a := RandomAddr(); !IsSynthetic(a.Addr()) || a.Addr().Less(netip.MustParseAddr("100::1:0:0")) {
			t.Fatalf("drew %s", a)
		}
	}
}

// The reader gets datagrams of the socket and of a tunnel, in each one's order, while both bring many.
func TestReadMergesTunnelAndSocket(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		c, peer := listen(t, addr), listen(t, "127.0.0.1:0")
		a, b := newPipe()
		tun, err := c.AddTunnel(a, netip.AddrPort{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		run(t, tun)
		const each = 300
		go func() { // ends when all is read
			for i := range each {
				b.WriteDatagram(fmt.Appendf(nil, "%d", i))
			}
		}()
		go func() { // ends when all is written
			for i := range each {
				peer.WriteToAddrPort(fmt.Appendf(nil, "%d", i), at(c, "127.0.0.1"))
			}
		}()
		next := map[netip.AddrPort]int{}
		for range 2 * each {
			got, from := read(t, c)
			if got != fmt.Sprint(next[from]) {
				t.Fatalf("got %q from %s, want %d", got, from, next[from])
			}
			next[from]++
		}
		if len(next) != 2 || next[tun.Addr()] != each {
			t.Fatalf("read %v", next)
		}
		// Idle again: a blocked reader wakes for each.
		for range 20 {
			b.WriteDatagram([]byte("t"))
			if got, from := read(t, c); got != "t" || from != tun.Addr() {
				t.Fatalf("got %q from %s", got, from)
			}
			write(t, peer, "u", at(c, "127.0.0.1"))
			if got, _ := read(t, c); got != "u" {
				t.Fatalf("got %q", got)
			}
		}
	}
}

func TestTunnelEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		end  func(c *Conn, tun *Tunnel, cancel func(), f *failing)
		want error
	}{
		{"context", func(_ *Conn, _ *Tunnel, cancel func(), _ *failing) { cancel() }, nil},
		{"close", func(_ *Conn, tun *Tunnel, _ func(), _ *failing) { tun.Close() }, nil},
		{"conn", func(c *Conn, _ *Tunnel, _ func(), _ *failing) { c.Close() }, nil},
		{"read fails", func(_ *Conn, _ *Tunnel, _ func(), f *failing) { f.read <- broken }, broken},
		{"write fails", func(c *Conn, tun *Tunnel, _ func(), f *failing) {
			f.write <- broken
			c.WriteToAddrPort([]byte("x"), tun.Addr())
		}, broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewVirtual()
			defer c.Close()
			f := &failing{make(chan error, 1), make(chan error, 1), make(chan struct{}, 8)}
			tun, err := c.AddTunnel(f, ParentAddr, nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan error)
			go func() { done <- tun.Run(ctx) }()
			tt.end(c, tun, cancel, f)
			if err := <-done; !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
			if _, err := c.WriteToAddrPort([]byte("x"), ParentAddr); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Errorf("write after the end: %v", err)
			}
			if len(*c.tunnels.Load()) != 0 {
				t.Error("the address is not free")
			}
		})
	}
}

// failing is a Framer that blocks until told to fail.
type failing struct {
	read, write chan error
	closed      chan struct{} // gets a value for each Close
}

func (f *failing) ReadDatagram([]byte) (int, error) {
	select {
	case err := <-f.read:
		return 0, err
	case <-f.closed:
		f.closed <- struct{}{}
		return 0, io.EOF
	}
}

func (f *failing) WriteDatagram([]byte) error {
	select {
	case err := <-f.write:
		return err
	case <-f.closed:
		f.closed <- struct{}{}
		return io.ErrClosedPipe
	}
}

func (f *failing) Close() error {
	f.closed <- struct{}{}
	return nil
}

func TestInboxIsBounded(t *testing.T) {
	c := listen(t, "127.0.0.1:0")
	for i := range inboxSize + 10 {
		c.in.put(fmt.Appendf(nil, "%d", i), ParentAddr)
	}
	if got := c.Stats().InboxFull; got != 10 {
		t.Errorf("dropped %d, want 10", got)
	}
	for i := range inboxSize {
		if got, _ := read(t, c); got != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
}
