package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"tongke/media/relay"
)

// benchFlags are what the testbench says to a box that it starts. They are no promise to anybody else.
type benchFlags struct {
	UplinkVia   string        `hidden:"" help:"Reach the parent's TCP and UDP port here and nowhere else: a link emulator's address."`
	SlowRelay   time.Duration `hidden:"" help:"Hold every batch of packets so long, to see that the testbench notices."`
	JitterRelay time.Duration `hidden:"" help:"Hold every batch of packets up to so long, each differently."`
}

// benchValues are the flags as the parts take them.
type benchValues struct {
	via       netip.AddrPort
	hold, jit time.Duration
}

func (f benchFlags) values() (v benchValues, err error) {
	if f.UplinkVia != "" {
		if v.via, err = netip.ParseAddrPort(f.UplinkVia); err != nil {
			return v, usage(fmt.Errorf("--uplink-via: %w", err))
		}
	}
	v.hold, v.jit = f.SlowRelay, f.JitterRelay
	return v, nil
}

// urls are the addresses of the parent: only the emulator's where there is one.
func (v benchValues) urls(known []string) []string {
	if v.via.IsValid() {
		return []string{"https://" + v.via.String()}
	}
	return known
}

// slow makes a relay slow on purpose.
func (v benchValues) slow(b relay.Batcher) relay.Batcher {
	if v.hold == 0 && v.jit == 0 {
		return b
	}
	return slowBatcher{b, v}
}

// slowBatcher lets the relay's only goroutine sleep before each flush.
type slowBatcher struct {
	relay.Batcher
	by benchValues
}

// Uncork waits, then sends.
func (s slowBatcher) Uncork() {
	d := s.by.hold
	if s.by.jit > 0 {
		d += rand.N(s.by.jit) // #nosec G404 -- an emulated network
	}
	time.Sleep(d)
	s.Batcher.Uncork()
}
