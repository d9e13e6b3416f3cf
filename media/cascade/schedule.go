package cascade

import (
	"cmp"
	"slices"
	"time"
)

// rung is one way for the media of a link, best first.
type rung uint8

const (
	rungUDP    rung = iota
	rungTunnel      // WebSocket on the parent's HTTPS port
	rungProxy       // the same through an HTTP proxy
)

func (r rung) String() string { return [...]string{"udp", "tunnel", "proxy"}[r] }

// wire is the rung's name in the connect request.
func (r rung) wire() string {
	if r == rungUDP {
		return "udp"
	}
	return "tunnel"
}

// target is one way to reach a parent.
type target struct {
	parent int    // place in the list of parents; −1 for an alternative that a bye named
	url    string // https://host[:port]
	rung   rung
}

// planned is an attempt and when it starts, from the beginning of its round.
type planned struct {
	target
	after time.Duration
}

const (
	parentStep     = time.Second
	urlStep        = 300 * time.Millisecond
	tunnelStep     = time.Second
	proxyStep      = 1500 * time.Millisecond
	attemptTimeout = 4 * time.Second
	maxAttempts    = 12 // at a time: a box that is short of CPU must not be kept from finishing one by starting more
	maxJitter      = 300 * time.Millisecond
	firstProbe     = 10 * time.Second
	probeEvery     = time.Minute
	trustAfter     = 5 * time.Minute // a UDP link that lived so long says that UDP works here

	silentAfter   = 1500 * time.Millisecond // no RTP, RTCP or message
	uselessAfter  = 3 * time.Second         // no answer to a ping
	giveUpAfter   = 30 * time.Second        // a dead link
	overlapFor    = 500 * time.Millisecond  // the old link beside the new, on the child
	relieveAfter  = 5 * time.Second         // the same on the parent, where the child has not said bye
	graceFor      = 30 * time.Second        // a source without a supplier
	redialLesson  = 2 * time.Second
	redialDefault = 15 * time.Second
)

// reach is how one parent can be reached.
type reach struct {
	urls    []string
	proxied []bool // of each URL: there is an HTTP proxy for it
}

// round orders all ways to all parents; worked, if any, starts at once. hurry is for a link that was there and is not: then what carried it
// is not to be trusted, and all rungs start together. The result is sorted by start.
func round(parents []reach, alternatives reach, worked *target, hurry bool) (out []planned) {
	next, tunnel, proxy := parentStep, tunnelStep, proxyStep
	if hurry {
		next, tunnel, proxy = urlStep, 0, urlStep
	}
	add := func(parent int, r reach, base time.Duration) {
		for i, u := range r.urls {
			at := base + time.Duration(i)*urlStep
			out = append(out, planned{target{parent, u, rungUDP}, at}, planned{target{parent, u, rungTunnel}, at + tunnel})
			if r.proxied[i] {
				out = append(out, planned{target{parent, u, rungProxy}, at + proxy})
			}
		}
	}
	add(-1, alternatives, 0)
	for i, r := range parents {
		add(i, r, time.Duration(i)*next)
	}
	for i := range out {
		if worked != nil && out[i].url == worked.url && out[i].rung == worked.rung {
			out[i].after = 0
		}
	}
	slices.SortStableFunc(out, func(a, b planned) int { return cmp.Compare(a.after, b.after) })
	return out
}

// better keeps what would improve on the present link: an earlier parent, or the same by UDP instead of a tunnel.
func better(all []planned, now target) []planned {
	return slices.DeleteFunc(slices.Clone(all), func(p planned) bool {
		earlier := p.parent >= 0 && (p.parent < now.parent || now.parent < 0)
		direct := p.parent == now.parent && now.rung != rungUDP && p.rung == rungUDP
		return !earlier && !direct
	})
}

// backoff is the pause between the starts of round n (from 0) and the next. refused: every parent answered with an error that will not pass by itself.
func backoff(n int, busy, refused bool) time.Duration {
	if refused {
		n = max(n, 5)
	}
	limit := redialDefault
	if busy {
		limit = redialLesson
	}
	return min(time.Duration(1<<min(n, 5))*500*time.Millisecond, limit)
}

// probePause makes the pause before a look for something better longer with each death of a UDP link after the first.
func probePause(base time.Duration, deaths int) time.Duration {
	return base << min(max(deaths-1, 0), 4)
}

// dead says from silences whether a link is dead.
func dead(sinceHeard, sinceAnswer time.Duration) bool {
	return sinceHeard >= silentAfter || sinceAnswer >= uselessAfter
}
