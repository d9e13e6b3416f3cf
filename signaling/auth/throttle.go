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
	failed int           // wrong tries in this run, which a silence of the longest wait ends
	wait   time.Duration // of the last run; 0 = none yet
	until  time.Time
	last   time.Time
}

// NewThrottle allows a number of wrong tries, then makes wait; the wait doubles up to longest and is forgotten twice longest after the
// last try.
func NewThrottle(tries int, wait, longest time.Duration) *Throttle {
	return &Throttle{tries: tries, wait: wait, longest: longest, entries: map[netip.Addr]*throttled{}}
}

// Try is one attempt under way.
type Try struct {
	t      *Throttle
	addr   netip.Addr
	until  time.Time     // of the wait that this one began, as the last of its run
	before time.Duration // the wait of the run before
	Left   int           // tries left if this one is wrong
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
	if now.Sub(e.last) > t.longest {
		e.failed = 0
	}
	e.failed++
	e.last = now
	try = Try{t: t, addr: addr, before: e.wait, Left: t.tries - e.failed}
	if e.failed >= t.tries {
		e.wait = min(max(2*e.wait, t.wait), t.longest)
		e.until, e.failed = now.Add(e.wait), 0
		try.until = e.until
	}
	return try, 0
}

// Right says that the attempt was right: it does not count. The wrong ones before it do, or somebody who knows one password or code could
// guess another without end, with a right one in between.
func (y Try) Right() {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	e := y.t.entries[y.addr]
	switch {
	case e == nil:
	case !y.until.IsZero() && e.until.Equal(y.until):
		e.until, e.wait, e.failed = time.Time{}, y.before, y.t.tries-1
	default:
		e.failed = max(0, e.failed-1)
	}
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
