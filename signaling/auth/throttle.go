package auth

import (
	"net/netip"
	"sync"
	"time"
)

// throttleEntries bounds the memory a flood from many addresses can take.
const throttleEntries = 4096

// Throttle counts wrong tries per address: after a few it makes the address wait, each time twice as long. It is used for passwords,
// invitation codes and the like.
type Throttle struct {
	tries    int
	wait     time.Duration // after the first run of wrong tries
	longest  time.Duration
	mu       sync.Mutex
	entries  map[netip.Addr]*throttled
	lastTidy time.Time
}

type throttled struct {
	failed int           // wrong tries in this run
	wait   time.Duration // of the last run; 0 = none yet
	until  time.Time
	last   time.Time
}

// NewThrottle allows a number of wrong tries, then makes wait; the wait doubles up to longest and is forgotten twice longest after the
// last wrong try.
func NewThrottle(tries int, wait, longest time.Duration) *Throttle {
	return &Throttle{tries: tries, wait: wait, longest: longest, entries: map[netip.Addr]*throttled{}}
}

// Try is one attempt under way.
type Try struct {
	t    *Throttle
	addr netip.Addr
	Left int // tries left if this one is wrong
}

// Begin starts an attempt of a remote address ("host:port" or "host"). It counts as wrong until Right is called, so that many at once gain
// nothing. wait > 0: not now, come back after it.
func (t *Throttle) Begin(remote string) (try Try, wait time.Duration) {
	addr := throttleAddress(remote)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tidyLocked(now)
	e := t.entries[addr]
	if e == nil {
		e = &throttled{}
		t.entries[addr] = e
	}
	if left := e.until.Sub(now); left > 0 {
		return Try{}, left
	}
	e.failed++
	e.last = now
	if e.failed >= t.tries {
		e.wait = min(max(2*e.wait, t.wait), t.longest)
		e.until, e.failed = now.Add(e.wait), 0
		return Try{t, addr, 0}, 0
	}
	return Try{t, addr, t.tries - e.failed}, 0
}

// Right says that the attempt was right: the address starts anew.
func (y Try) Right() {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	delete(y.t.entries, y.addr)
}

// tidyLocked forgets old addresses, and when the table is full, half of it: rather those that need not wait.
func (t *Throttle) tidyLocked(now time.Time) {
	if len(t.entries) < throttleEntries && now.Sub(t.lastTidy).Abs() < time.Minute {
		return
	}
	t.lastTidy = now
	for a, e := range t.entries {
		if now.Sub(e.last).Abs() > 2*t.longest {
			delete(t.entries, a)
		}
	}
	if len(t.entries) < throttleEntries {
		return
	}
	for _, waiting := range []bool{false, true} {
		for a, e := range t.entries {
			if len(t.entries) <= throttleEntries/2 {
				return
			}
			if waiting || !e.until.After(now) {
				delete(t.entries, a)
			}
		}
	}
}

// throttleAddress is what one person cannot change at will: the IPv4 address, or the /64 of an IPv6 address (RFC 6177: the least a site gets).
func throttleAddress(remote string) netip.Addr {
	var addr netip.Addr
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		addr = ap.Addr()
	} else if addr, err = netip.ParseAddr(remote); err != nil {
		return netip.IPv4Unspecified() // a unix socket: all share one entry
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() && !addr.IsLoopback() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
