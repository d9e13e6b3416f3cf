// Package link emulates a network between two boxes over real sockets, without privileges: a child reaches its parent's TCP and UDP port
// only at a port of the emulator, which passes on, delays, loses, reorders and doubles what comes, in each direction by conditions of its
// own.
//
// What happens to a packet is repeatable. Loss, reordering and duplication of RTP are a hash of seed, link, direction, stream, number in
// the stream and transmission (Identity), so the same seed loses the same packets however the machine is scheduled; what depends on time
// (jitter, stalls, bursts, rates, outages) is drawn beforehand on a grid of 1 ms that begins with Start. How long each packet was really
// held is logged, from the kernel's arrival stamp to the send call.
//
// Of TCP the kernel has acknowledged the bytes already: a lost piece comes one retransmission later, an outage holds the stream until the
// sender's next try would get through, and a full queue slows the sender down.
//
// New opens the sockets, Run carries packets until its context ends and closes them.
package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tongke/media/packet"
)

// Config is what a Link needs.
type Config struct {
	Name   string // two links of one seed lose different packets
	Seed   uint64
	Listen string // host:port for children; port 0: one that is free for TCP and UDP
	Parent string // host:port, TCP and UDP
	Length time.Duration
	Down   Conditions // parent to child
	Up     Conditions

	// NewNamer makes the namer of a direction. nil: NewOrder.
	NewNamer func(Direction) Namer
}

// Link is one emulated way between a child and its parent.
type Link struct {
	parent *net.UDPAddr
	udp    *net.UDPConn
	tcp    net.Listener
	flows  flows
	pipes  [2]*pipe
	log    journal
	zero   atomic.Int64
}

// New opens the sockets and draws the plans. It starts nothing.
func New(cfg Config) (*Link, error) {
	if err := errors.Join(prefix("down", cfg.Down.Validate()), prefix("up", cfg.Up.Validate())); err != nil {
		return nil, err
	}
	if cfg.Length <= 0 {
		cfg.Length = time.Minute
	}
	parent, err := net.ResolveUDPAddr("udp", cfg.Parent)
	if err != nil {
		return nil, fmt.Errorf("parent: %w", err)
	}
	l := &Link{parent: parent}
	l.flows = flows{l: l, byFrom: map[netip.AddrPort]*net.UDPConn{}}
	for d, c := range []Conditions{cfg.Down, cfg.Up} {
		w, err := newWaiter()
		if err != nil {
			return nil, errors.Join(err, l.closeWaiters())
		}
		namer := NewOrder()
		if cfg.NewNamer != nil {
			namer = cfg.NewNamer(Direction(d))
		}
		l.pipes[d] = &pipe{plan: newPlan(c, cfg.Seed, cfg.Name, Direction(d), cfg.Length), dir: Direction(d), log: &l.log, namer: namer, wait: w,
			zero: &l.zero, made: packet.Now()}
	}
	if err := l.listen(cfg.Listen); err != nil {
		return nil, errors.Join(err, l.closeWaiters())
	}
	return l, nil
}

func prefix(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// listen opens TCP and UDP at one port.
func (l *Link) listen(addr string) error {
	for tries := 0; ; tries++ {
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("open TCP port: %w", err)
		}
		at := tcp.Addr().(*net.TCPAddr)
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port})
		if err == nil {
			_ = udp.SetReadBuffer(udpBuffer)
			if err = stamped(udp); err == nil {
				l.tcp, l.udp = tcp, udp
				return nil
			}
			_ = udp.Close()
		}
		_ = tcp.Close()
		if tries == 20 {
			return fmt.Errorf("open UDP port: %w", err)
		}
	}
}

func (l *Link) closeWaiters() error {
	var errs []error
	for _, p := range l.pipes {
		if p != nil {
			errs = append(errs, p.wait.close())
		}
	}
	return errors.Join(errs...)
}

// Addr is where children find the parent.
func (l *Link) Addr() netip.AddrPort { return l.udp.LocalAddr().(*net.UDPAddr).AddrPort() }

// Start begins the plan's time: outages, rates, bursts and stalls count from here. Before it packets are delayed and lost as well, by
// themselves, and nothing else happens.
func (l *Link) Start(at packet.Time) { l.zero.Store(int64(at)) }

// Run carries packets until ctx ends, then closes the sockets. It may be called once.
func (l *Link) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	// All end with ctx: the pipes by themselves, the readers when their sockets are closed.
	for _, p := range l.pipes {
		wg.Go(func() { p.run(ctx) })
	}
	wg.Go(func() { l.flows.run(ctx) })
	wg.Go(func() { l.accept(ctx) })
	<-ctx.Done()
	err := errors.Join(l.udp.Close(), l.tcp.Close())
	wg.Wait()
	return errors.Join(err, l.closeWaiters())
}
