package cascade

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"

	"tongke/media/packet"
)

// dialler keeps the uplink up: rounds of attempts while there is none that lives, a look for something better now and then while it is
// second best. Run's goroutine owns it.
type dialler struct {
	n            *Node
	try          func(context.Context, *attempt, []*hello) (connected, error) // Node.connect; a test has its own
	parents      []Parent
	alternatives []string // URLs that a parent named in its bye
	worked       *target  // the way that was up last
	deaths       int      // of UDP links, of late

	on       bool // dialling rounds; else an uplink is up, or there is nobody to dial
	round    int
	queue    []due
	next     packet.Time // next round, or next probe
	probes   int         // of the present uplink
	attempts map[*attempt]struct{}
	answers  map[int]string // this round's refusals, by parent
}

// due is an attempt that is to start at a time.
type due struct {
	target
	at packet.Time
}

// attempt is one dial, from its start until its link is up or it has failed.
type attempt struct {
	target
	parents []Parent // whose pins may answer
	until   packet.Time
	cancel  context.CancelFunc
	link    *Link // once descriptions are exchanged
}

func (d *dialler) init(n *Node) { d.n, d.try, d.attempts = n, n.connect, map[*attempt]struct{}{} }

// restart begins anew, after a change of parents.
func (d *dialler) restart() {
	d.stop()
	d.on, d.queue, d.next = false, nil, 0
}

// stop ends all attempts.
func (d *dialler) stop() {
	for a := range d.attempts {
		d.drop(a)
	}
}

// drop ends an attempt and the link that it has made so far.
func (d *dialler) drop(a *attempt) {
	delete(d.attempts, a)
	a.cancel()
	if l := a.link; l != nil && l.state == stateOpening {
		l.attempt = nil
		d.n.endLink(l, byeSuperseded)
	}
}

// step does what is due and returns when something will be again, 0 for never.
func (d *dialler) step(now packet.Time) packet.Time {
	if len(d.parents) == 0 {
		return 0
	}
	up := d.n.uplink
	switch {
	case up != nil && up.state == stateUp:
		if d.on { // the old link spoke again
			d.restart()
			d.probes, d.next = 0, now.Add(probePause(0, d.deaths))
		}
		d.probe(up, now)
	case !d.on:
		d.stop()
		d.on, d.round, d.next, d.answers = true, 0, 0, nil
		fallthrough
	default:
		if now >= d.next {
			d.begin(now)
		}
	}
	return d.launch(now)
}

// begin starts a round.
func (d *dialler) begin(now packet.Time) {
	refused := len(d.answers) >= len(d.parents)
	busy := d.n.cfg.Busy == nil || d.n.cfg.Busy()
	jitter := rand.N(maxJitter) // #nosec G404 -- keeps boxes from dialling at once, no secret
	d.next = now.Add(backoff(d.round, busy, refused) + jitter)
	if d.round == 0 {
		jitter = 0 // the first is at once
	}
	d.answers = map[int]string{}
	d.plan(d.ways(d.worked != nil), now.Add(jitter))
	d.round++
}

func (d *dialler) plan(ways []planned, from packet.Time) {
	for _, p := range ways {
		d.queue = append(d.queue, due{p.target, from.Add(p.after)})
	}
}

// probe looks for something better than up.
func (d *dialler) probe(up *Link, now packet.Time) {
	if now < d.next {
		return
	}
	d.probes++
	d.next = now.Add(probePause(d.probes, d.deaths))
	d.plan(better(d.ways(false), up.target), now)
}

// launch starts the attempts that are due.
func (d *dialler) launch(now packet.Time) (wake packet.Time) {
	wake = d.next
	d.queue = slices.DeleteFunc(d.queue, func(p due) bool {
		if now >= p.at {
			if !d.halfway(p.target) && len(d.attempts) < maxAttempts {
				d.begun(p.target)
			}
			return true
		}
		if wake == 0 || p.at < wake {
			wake = p.at
		}
		return false
	})
	return wake
}

// halfway reports an attempt of the same way that has got an answer already: TCP is not what it waits for, and a second would wait for
// the same.
func (d *dialler) halfway(t target) bool {
	for a := range d.attempts {
		if a.target == t && a.link != nil {
			return true
		}
	}
	return false
}

// ways lists all ways to all parents.
func (d *dialler) ways(hurry bool) []planned {
	all := make([]reach, len(d.parents))
	for i, p := range d.parents {
		all[i] = d.reach(p.URLs)
	}
	return round(all, d.reach(d.alternatives), d.worked, hurry)
}

func (d *dialler) reach(urls []string) reach {
	r := reach{urls: urls, proxied: make([]bool, len(urls))}
	for i, u := range urls {
		p, err := d.n.proxyFor(u)
		r.proxied[i] = err == nil && p != nil
	}
	return r
}

// proxyFor is the HTTP proxy for a parent's URL, nil for none.
func (n *Node) proxyFor(base string) (*url.URL, error) {
	find := n.cfg.Proxy
	if find == nil {
		find = http.ProxyFromEnvironment
	}
	req, err := http.NewRequest(http.MethodGet, base, nil)
	if err != nil {
		return nil, err
	}
	return find(req)
}

// begun starts one attempt.
func (d *dialler) begun(t target) {
	ctx, cancel := context.WithTimeout(d.n.ctx, attemptTimeout)
	a := &attempt{target: t, cancel: cancel, parents: d.parents, until: packet.Now().Add(attemptTimeout)}
	if t.parent >= 0 {
		a.parents = d.parents[t.parent : t.parent+1]
	}
	d.attempts[a] = struct{}{}
	h := make([]*hello, len(a.parents))
	for i, p := range a.parents {
		h[i] = d.n.hello(p.Peer)
	}
	own := d.n.cfg.ID
	d.n.wg.Go(func() { // ends with the attempt's timeout at the latest
		res, err := d.try(ctx, a, h)
		if err == nil {
			if code := joinable(own, res.hello.Path); code != "" {
				_ = res.conn.Close()
				err = &refusal{code: code}
			}
		}
		posted := d.n.box.post(func() { d.connected(a, res, err) })
		if !posted && err == nil {
			_ = res.conn.Close()
		}
	})
}

// connected takes an attempt's result: descriptions are exchanged, or it has failed. From here on the link's ticks judge it.
func (d *dialler) connected(a *attempt, res connected, err error) {
	a.cancel()
	if _, wanted := d.attempts[a]; !wanted && err == nil {
		d.n.wg.Go(func() { _ = res.conn.Close() }) // ends when the connection is gone
		return
	}
	if err != nil {
		d.over(a, err)
		return
	}
	l := newLink(d.n, res.peer, a.rung, res.conn, res.hello)
	l.dialled, l.target, l.attempt = true, a.target, a
	a.link = l
	for other := range d.attempts { // waiting for TCP on the same way: not needed any more
		if other.target == a.target && other.link == nil {
			d.drop(other)
		}
	}
	d.n.add(l)
}

// over ends an attempt that did not lead to a link.
func (d *dialler) over(a *attempt, err error) {
	if _, known := d.attempts[a]; !known {
		return
	}
	var no *refusal
	if errors.As(err, &no) && no.lasting() && d.answers != nil {
		d.answers[a.parent] = no.code
	}
	d.n.log.Debug("dial failed", "url", a.url, "rung", a.rung.String(), "err", err)
	d.drop(a)
}

// won ends the race: l is up. What would be better than l and is on its way may still come, and then relieves it.
func (d *dialler) won(l *Link, now packet.Time) {
	if l.attempt != nil {
		delete(d.attempts, l.attempt)
		l.attempt = nil
	}
	for a := range d.attempts {
		if !a.improves(l.target) {
			d.drop(a)
		}
	}
	t := l.target
	d.worked = &t
	d.on, d.queue, d.probes, d.next = false, nil, 0, now.Add(probePause(0, d.deaths))
	d.alternatives = nil
}

// died notes that the uplink fell silent. Some firewalls let UDP begin and cut it later: moving back to it every minute would cost a gap each time.
func (d *dialler) died(l *Link, now packet.Time) {
	switch {
	case l != d.n.uplink || l.rung != rungUDP:
	case now.Sub(l.upAt) > trustAfter:
		d.deaths = 1
	default:
		d.deaths++
	}
}

// setAlternatives takes the URLs of a parent's bye.
func (d *dialler) setAlternatives(_ string, urls []string) {
	d.alternatives = slices.DeleteFunc(slices.Clone(urls), func(u string) bool {
		return slices.ContainsFunc(d.parents, func(p Parent) bool { return slices.Contains(p.URLs, u) })
	})
}

// refusal is the parent's error answer.
type refusal struct {
	status int
	code   string
	text   string
}

func (r *refusal) Error() string { return "refused: " + r.code + ": " + r.text }

// lasting reports a refusal that will not pass by itself, so that dialling may take its time.
func (r *refusal) lasting() bool {
	return !slices.Contains([]string{"too-many", "shutting-down", "busy"}, r.code)
}
