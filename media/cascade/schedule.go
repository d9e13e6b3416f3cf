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
	firstProbe     = 2 * time.Second  // and twice as long after each
	laterProbe     = 10 * time.Second // the first one after a UDP link has died
	probeEvery     = time.Minute      // the longest
	trustAfter     = 5 * time.Minute  // a UDP link that lived so long says that UDP works here

	silentAfter   = 1500 * time.Millisecond // no RTP, RTCP or message
	uselessAfter  = 3 * time.Second         // no answer, neither to a ping nor to a check of the path
	brokenAfter   = 8 * time.Second         // no answer to a ping, whatever the path answers
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
	return slices.DeleteFunc(slices.Clone(all), func(p planned) bool { return !p.improves(now) })
}

func (t target) improves(now target) bool {
	earlier := t.parent >= 0 && (t.parent < now.parent || now.parent < 0)
	direct := t.parent == now.parent && now.rung != rungUDP && t.rung == rungUDP
	return earlier || direct
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

// probePause is the pause before look k (from 0) for something better than a link that has just come up: soon at first, because it may have
// won by one lost packet, and longer with each death of a UDP link after the first.
func probePause(k, deaths int) time.Duration {
	first, most := firstProbe, probeEvery
	if deaths > 0 {
		n := min(deaths-1, 4)
		first, most = laterProbe<<n, probeEvery<<n
	}
	return min(first<<min(k, 10), most)
}

// dead says from silences whether a link is dead. Answers to pings come late by seconds on a line that loses a fifth, because the channel
// repairs its losses; checks of the path do not wait for each other, but a path may carry them and nothing else.
func dead(sinceHeard, sinceAnswer, sinceCheck time.Duration) bool {
	return sinceHeard >= silentAfter || sinceAnswer >= uselessAfter && sinceCheck >= uselessAfter || sinceAnswer >= brokenAfter
}
