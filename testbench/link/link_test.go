package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tongke/media/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// ends are a link between two plain sockets; parent hears what child sends and the other way round.
type ends struct {
	link          *Link
	child, parent *net.UDPConn
}

func start(t *testing.T, cfg Config) *Link {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l
}

func udpEnds(t *testing.T, cfg Config) *ends {
	t.Helper()
	parent, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parent.Close() })
	cfg.Parent = parent.LocalAddr().String()
	e := &ends{link: start(t, cfg), parent: parent}
	if e.child, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(e.link.Addr())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.child.Close() })
	_ = parent.SetReadBuffer(4 << 20)
	_ = e.child.SetReadBuffer(4 << 20)
	return e
}

// rtpPacket is a datagram whose first bytes are an RTP header.
func rtpPacket(ssrc uint32, seq uint16, size int) []byte {
	b := make([]byte, max(size, 28))
	b[0], b[1] = 0x80, 96
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], uint32(seq)*960)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	binary.BigEndian.PutUint64(b[12:], uint64(packet.Now()))
	return b
}

// heard is what arrived: sequence and one-way delay.
type heard struct {
	seq   uint16
	delay time.Duration
}

func listen(c *net.UDPConn, quiet time.Duration) (got []heard) {
	b := make([]byte, 2048)
	for {
		_ = c.SetReadDeadline(time.Now().Add(quiet))
		if _, _, err := c.ReadFrom(b); err != nil {
			return got
		}
		got = append(got, heard{binary.BigEndian.Uint16(b[2:]), packet.Now().Sub(packet.Time(binary.BigEndian.Uint64(b[12:])))})
	}
}

func TestDelayIsRight(t *testing.T) {
	for _, want := range []time.Duration{ms(2), ms(30)} {
		e := udpEnds(t, Config{Up: Conditions{Delay: want}})
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 300 {
				_, _ = e.child.Write(rtpPacket(1, uint16(i), 200))
				time.Sleep(2 * time.Millisecond)
			}
		})
		got := listen(e.parent, 500*time.Millisecond)
		wg.Wait()
		if len(got) != 300 {
			t.Fatalf("%v: %d of 300 arrived", want, len(got))
		}
		slices.SortFunc(got, func(a, b heard) int { return int(a.delay - b.delay) })
		median := got[len(got)/2].delay
		t.Logf("wanted %v: from send to read p50 %v, p95 %v, p99 %v", want, median, got[285].delay, got[297].delay)
		if d := median - want; d < -50*time.Microsecond || d > time.Millisecond {
			t.Errorf("median %v, want %v to within 1 ms", median, want)
		}
		var own []time.Duration
		for _, r := range e.link.Records() {
			own = append(own, r.Delay())
		}
		slices.Sort(own)
		if d := (own[len(own)/2] - want).Abs(); d > time.Millisecond {
			t.Errorf("the log says %v, want %v", own[len(own)/2], want)
		}
	}
}

func TestSameSeedLosesTheSamePackets(t *testing.T) {
	run := func(seed uint64, pause time.Duration) []Identity {
		e := udpEnds(t, Config{Name: "x", Seed: seed, Up: Conditions{Delay: ms(1), Loss: 0.2}})
		var raw [4]byte
		_, _ = rand.Read(raw[:])
		ssrc := binary.BigEndian.Uint32(raw[:]) // another one in each run, as in a real call
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 2000 { // across the wrap at 65535
				_, _ = e.child.Write(rtpPacket(ssrc, uint16(65000+i), 60))
				if i%20 == 0 {
					time.Sleep(pause)
				}
			}
		})
		listen(e.parent, 300*time.Millisecond)
		wg.Wait()
		var lost []Identity
		for _, r := range e.link.Records() {
			if r.Verdict == Lost {
				lost = append(lost, r.ID)
			}
		}
		return lost
	}
	first, second, other := run(7, time.Millisecond), run(7, 3*time.Millisecond), run(8, time.Millisecond)
	if !slices.Equal(first, second) {
		t.Errorf("the same seed lost %d packets and then other %d", len(first), len(second))
	}
	if slices.Equal(first, other) {
		t.Error("another seed lost the same packets")
	}
	if share := float64(len(first)) / 2000; math.Abs(share-0.2) > 0.03 {
		t.Errorf("%.3f lost, want 0.2", share)
	}
	if first[len(first)-1].Number < 1900 {
		t.Errorf("the last lost packet has number %d: numbers do not go on over the wrap", first[len(first)-1].Number)
	}
}

func TestRateAndQueue(t *testing.T) {
	const rate, queue, size = 2_000_000, 30_000, 1000
	e := udpEnds(t, Config{Up: Conditions{RateBPS: rate, Queue: queue}})
	for i := range 100 { // 100 kB at once: the queue takes 30 of them
		_, _ = e.child.Write(rtpPacket(1, uint16(i), size))
	}
	began := packet.Now()
	got := listen(e.parent, 300*time.Millisecond)
	var last Record
	full := 0
	for _, r := range e.link.Records() {
		if r.Verdict == LostFull {
			full++
		} else if r.Left > last.Left {
			last = r
		}
	}
	if n := len(got); n < 28 || n > 34 { // it empties while they come
		t.Errorf("%d packets passed, want about %d", n, queue/(size+ipHeaders))
	}
	if full+len(got) != 100 {
		t.Errorf("%d passed and %d were dropped", len(got), full)
	}
	want := time.Duration(len(got)*(size+ipHeaders)*8) * time.Second / rate
	if took := last.Left.Sub(began); took < want-ms(15) || took > want+ms(60) {
		t.Errorf("%d packets took %v, want %v", len(got), took, want)
	}
}

func TestReorderAndDuplicate(t *testing.T) {
	e := udpEnds(t, Config{Seed: 3, Up: Conditions{Delay: ms(5), Reorder: 0.1, ReorderBy: ms(10), Duplicate: 0.05}})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 500 {
			_, _ = e.child.Write(rtpPacket(1, uint16(i), 100))
			time.Sleep(time.Millisecond)
		}
	})
	got := listen(e.parent, 300*time.Millisecond)
	wg.Wait()
	late, seen, twice := 0, map[uint16]bool{}, 0
	for i, g := range got {
		if i > 0 && g.seq < got[i-1].seq && !seen[g.seq] {
			late++
		}
		if seen[g.seq] {
			twice++
		}
		seen[g.seq] = true
	}
	if len(seen) != 500 {
		t.Errorf("%d of 500 packets arrived", len(seen))
	}
	if late < 25 || late > 80 {
		t.Errorf("%d packets were overtaken, want about 50", late)
	}
	if twice < 10 || twice > 45 {
		t.Errorf("%d came twice, want about 25", twice)
	}
}

func TestOutageAndStart(t *testing.T) {
	e := udpEnds(t, Config{Up: Conditions{Outages: []Outage{{At: ms(200), For: ms(300)}}}})
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(300 * time.Millisecond) // before Start there is none
		e.link.Start(packet.Now())
	})
	wg.Go(func() {
		for i := range 200 {
			_, _ = e.child.Write(rtpPacket(1, uint16(i), 100))
			time.Sleep(5 * time.Millisecond)
		}
	})
	got := listen(e.parent, 700*time.Millisecond)
	wg.Wait()
	zero := packet.Time(e.link.zero.Load())
	for _, r := range e.link.Records() {
		at := r.At.Sub(zero)
		if out := at >= ms(200) && at < ms(500); out != (r.Verdict == LostOut) {
			t.Errorf("at %v: %v", at, r.Verdict)
		}
	}
	if len(got) < 100 || len(got) > 170 {
		t.Errorf("%d of 200 packets arrived", len(got))
	}
}

func TestBlockedUDPAndTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer ln.Close()
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); _, _ = io.Copy(c, c) })
		}
	})
	l := start(t, Config{Seed: 5, Parent: ln.Addr().String(), Up: Conditions{Delay: ms(20), Loss: 0.02, BlockUDP: true, RateBPS: 20e6, Queue: 60_000},
		Down: Conditions{Delay: ms(20), BlockUDP: true}})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
		t.Fatalf("%q %v", b, err)
	}
	// Half a round trip for the SYN's way, which a listener cannot hold back, then one for the word.
	if took := time.Since(began); took < ms(79) || took > ms(400) {
		t.Errorf("first word came back after %v, want 80 ms", took)
	}
	sent := make([]byte, 300_000)
	_, _ = rand.Read(sent)
	wg.Go(func() { _, _ = c.Write(sent); _ = c.(*net.TCPConn).CloseWrite() })
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes came back: %v", len(got), len(sent), err)
	}
	u, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	_, _ = u.Write([]byte{0, 1, 2})
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if r := l.Records(); slices.ContainsFunc(r, func(r Record) bool { return r.Kind == STUN && r.Verdict == Blocked }) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no datagram was blocked")
		}
	}
}
