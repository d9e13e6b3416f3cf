package cascade

import (
	"context"

	"tongke/media/packet"
)

// tick asks the peer for a sign of life and judges those that came.
func (l *Link) tick(now packet.Time, stalled bool) {
	if l.state == stateOpening {
		l.tickOpening(now)
		return
	}
	l.ping(now)
	for i := range l.in {
		s := &l.in[i]
		s.mu.Lock()
		s.b.expire(now)
		s.mu.Unlock()
	}
	silent := !stalled && l.silent(now)
	switch {
	case l.relieve != 0 && now >= l.relieve:
		l.n.endLink(l, byeSuperseded)
	case l.state == stateUp && silent:
		l.n.move(l, eventSilent)
		l.deadAt = now
		l.n.dial.died(l, now)
		l.n.peerChanged(l.peer.ID)
		l.n.reroute()
	case l.state == stateDead && !silent:
		l.n.move(l, eventHeard)
		l.n.peerChanged(l.peer.ID)
		l.n.reroute()
	case l.state == stateDead && now.Sub(l.deadAt) >= giveUpAfter:
		l.n.endLink(l, byeShutdown)
	case !l.dialled && l.state == stateUp && now.Sub(l.upAt) >= relieveAfter:
		l.n.relieveOlder(l)
	}
}

// silent judges the signs of life.
func (l *Link) silent(now packet.Time) bool {
	l.check(now)
	return dead(now.Sub(packet.Time(l.heard.Load())), now.Sub(packet.Time(l.answered.Load())), now.Sub(l.checkedAt))
}

// check looks whether the path passes packets.
func (l *Link) check(now packet.Time) {
	n := l.conn.Answers()
	if n > l.checks { // it falls to 0 when ICE fails
		l.checkedAt = now
	}
	l.checks = n
}

// tickOpening asks a new link for its first answer, and gives it up when its time is over. While the path itself answers it has longer: then
// handshakes are only lost now and then, and beginning anew would lose as many.
func (l *Link) tickOpening(now packet.Time) {
	if l.ready {
		l.ping(now)
	}
	l.check(now)
	until := l.born.Add(openTimeout)
	if l.attempt != nil {
		until = l.attempt.until
	}
	answers := l.checkedAt != 0 && now.Sub(l.checkedAt) < silentAfter
	switch {
	case now < until || answers && now.Sub(l.born) < patientTimeout:
	case l.attempt != nil:
		l.n.dial.over(l.attempt, context.DeadlineExceeded)
	default:
		l.n.endLink(l, byeShutdown)
	}
}

func (l *Link) ping(now packet.Time) {
	l.clockMu.Lock()
	p := l.clock.request(now)
	l.clockMu.Unlock()
	_ = l.conn.Send(channelPing, p.append(nil)) // what is lost is asked again
}

// pinged answers a question or takes an answer.
func (l *Link) pinged(data []byte, now packet.Time) {
	p, ok := parsePing(data)
	switch {
	case !ok:
	case p.typ == 1:
		p.typ, p.t2, p.t3 = 2, now, packet.Now()
		_ = l.conn.Send(channelPing, p.append(nil))
	default:
		l.clockMu.Lock()
		first := !l.clock.known
		ok := l.clock.response(p, now)
		off, known := l.clock.offset()
		l.clockMu.Unlock()
		if !ok {
			return
		}
		l.answered.Store(int64(now))
		if known {
			l.conn.SetClock(-off)
		}
		if first {
			l.n.box.post(func() { l.n.opened(l) })
		}
	}
}
