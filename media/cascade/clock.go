package cascade

import (
	"encoding/binary"
	"time"

	"tongke/media/packet"
)

const (
	pingEvery   = 250 * time.Millisecond
	pingMemory  = 16 // questions that may still be answered
	clockWindow = 30 * time.Second
	requestLen  = 16
	responseLen = 32
)

// pingMessage is a request (typ 1) or a response (typ 2); times are on the speaker's media clock.
type pingMessage struct {
	typ        byte
	id         uint32
	t1, t2, t3 packet.Time
}

func (p pingMessage) append(b []byte) []byte {
	b = append(b, p.typ, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, p.id)
	b = binary.BigEndian.AppendUint64(b, uint64(p.t1))
	if p.typ == 2 {
		b = binary.BigEndian.AppendUint64(b, uint64(p.t2))
		b = binary.BigEndian.AppendUint64(b, uint64(p.t3))
	}
	return b
}

// parsePing reads either form; ok is false for anything else.
func parsePing(b []byte) (p pingMessage, ok bool) {
	if len(b) < requestLen || b[1]|b[2]|b[3] != 0 {
		return p, false
	}
	p.typ, p.id, p.t1 = b[0], binary.BigEndian.Uint32(b[4:]), packet.Time(binary.BigEndian.Uint64(b[8:]))
	switch {
	case p.typ == 1 && len(b) == requestLen:
		return p, true
	case p.typ == 2 && len(b) == responseLen:
		p.t2, p.t3 = packet.Time(binary.BigEndian.Uint64(b[16:])), packet.Time(binary.BigEndian.Uint64(b[24:]))
		return p, true
	}
	return p, false
}

// clock estimates round trip and the peer's clock from ping answers. It is pure.
type clock struct {
	next    uint32
	asked   [pingMemory]packet.Time // t1 by id
	samples []clockSample           // of clockWindow: rising round trips, oldest first (the minimum stands at the front)
	rtt     time.Duration           // smoothed
	known   bool
}

type clockSample struct {
	at          packet.Time
	rtt, offset time.Duration
}

// request makes the next question.
func (c *clock) request(now packet.Time) pingMessage {
	c.next++
	c.asked[c.next%pingMemory] = now
	return pingMessage{typ: 1, id: c.next, t1: now}
}

// response takes an answer that arrived now, and reports false for one to no question of ours.
func (c *clock) response(p pingMessage, now packet.Time) bool {
	if c.next-p.id >= pingMemory || p.id == 0 || c.asked[p.id%pingMemory] != p.t1 || p.t1 == 0 {
		return false
	}
	c.asked[p.id%pingMemory] = 0
	s := clockSample{at: now, rtt: now.Sub(p.t1) - p.t3.Sub(p.t2), offset: (p.t2.Sub(p.t1) + p.t3.Sub(now)) / 2}
	if s.rtt < 0 || s.rtt > now.Sub(p.t1) {
		return false // the times of the answer contradict each other
	}
	if c.rtt += (s.rtt - c.rtt) / 8; !c.known {
		c.rtt, c.known = s.rtt, true
	}
	n := len(c.samples)
	for n > 0 && c.samples[n-1].rtt >= s.rtt {
		n--
	}
	c.samples = append(c.samples[:n], s)
	for len(c.samples) > 1 && now.Sub(c.samples[0].at) > clockWindow {
		c.samples = append(c.samples[:0], c.samples[1:]...)
	}
	return true
}

// offset is the peer's clock minus ours; ok is false before the first answer.
func (c *clock) offset() (d time.Duration, ok bool) {
	if len(c.samples) == 0 {
		return 0, false
	}
	return c.samples[0].offset, true
}
