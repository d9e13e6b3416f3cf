package rtc

import (
	"time"

	"tongke/media/packet"
)

const (
	logWindow   = 2048 // packets whose receipt is remembered; a power of two. 2048 is 8 s of 2.5 Mb/s
	maxMissing  = 512  // past this the publisher's keyframe is cheaper than the repair
	maxNacks    = 10   // requests for one packet
	nackFor     = packet.Time(time.Second)
	nackLeast   = 20 * time.Millisecond // between two requests for one packet
	nackEvery   = 20 * time.Millisecond
	nackPerTick = 256 // requests in one tick of one stream
)

// receipt is what the log says of a packet.
type receipt uint8

const (
	fresh   receipt = iota // newer than all before
	late                   // fills a gap
	again                  // was there already
	tooLate                // older than the log remembers
)

// recvLog extends the 16-bit sequence numbers of one stream to 48 bits that begin with the first number seen, and knows which are missing.
// The zero value is ready. Pure: no clock, no lock.
type recvLog struct {
	started bool
	highest uint64
	seen    [logWindow / 64]uint64
	missing []gap // oldest first
	padding []uint64
	base    uint64 // padding-only packets that have left padding
	lost    uint64 // given up
	asked   uint64 // requests made
}

// gap is a missing packet.
type gap struct {
	seq   uint64
	since packet.Time
	next  packet.Time // when to ask (again)
	tries uint8
}

// extend places seq next to the newest number.
func (l *recvLog) extend(seq uint16) (uint64, bool) {
	d := int64(int16(seq - uint16(l.highest)))
	if d < 0 && uint64(-d) > l.highest {
		return 0, false // before the beginning
	}
	return uint64(int64(l.highest) + d), true
}

// receive notes a packet. overflow tells that more is missing than can be repaired; the gaps are then forgotten.
func (l *recvLog) receive(seq uint16, now packet.Time) (ext uint64, r receipt, overflow bool) {
	if !l.started {
		l.started = true
		l.highest = uint64(seq)
		l.mark(l.highest)
		return l.highest, fresh, false
	}
	ext, ok := l.extend(seq)
	switch {
	case !ok || ext+logWindow <= l.highest:
		return ext, tooLate, false
	case ext <= l.highest:
		if l.marked(ext) {
			return ext, again, false
		}
		l.mark(ext)
		l.fill(ext)
		return ext, late, false
	}
	overflow = l.advance(ext, now)
	l.mark(ext)
	return ext, fresh, overflow
}

// advance makes ext the newest number and notes the gap before it.
func (l *recvLog) advance(ext uint64, now packet.Time) (overflow bool) {
	n := ext - l.highest - 1
	if n >= logWindow {
		clear(l.seen[:])
	} else {
		for i := l.highest + 1; i <= ext; i++ {
			l.seen[i%logWindow/64] &^= 1 << (i % 64)
		}
	}
	if n+uint64(len(l.missing)) > maxMissing {
		l.lost += n + uint64(len(l.missing))
		l.missing = l.missing[:0]
		overflow = true
	} else {
		for i := l.highest + 1; i < ext; i++ {
			l.missing = append(l.missing, gap{seq: i, since: now, next: now})
		}
	}
	l.highest = ext
	return overflow
}

func (l *recvLog) mark(ext uint64)        { l.seen[ext%logWindow/64] |= 1 << (ext % 64) }
func (l *recvLog) marked(ext uint64) bool { return l.seen[ext%logWindow/64]&(1<<(ext%64)) != 0 }

// fill takes ext out of what is missing.
func (l *recvLog) fill(ext uint64) {
	for i := range l.missing {
		if l.missing[i].seq == ext {
			l.missing = append(l.missing[:i], l.missing[i+1:]...)
			return
		}
	}
}

// pad notes that the packet just received as fresh was padding alone. What comes after is numbered as if it had never been, because a
// receiver that counts would wait for it.
func (l *recvLog) pad(ext uint64) {
	l.padding = append(l.padding, ext)
	for len(l.padding) > 0 && l.padding[0]+logWindow <= l.highest {
		l.base++
		l.padding = l.padding[1:]
	}
}

// number is the sequence number of a packet among those that are not padding.
func (l *recvLog) number(ext uint64) uint64 {
	n := l.base
	for _, p := range l.padding {
		if p < ext {
			n++
		}
	}
	return ext - n
}

// nacks appends to dst the packets to ask for at now and gives up those asked for too often or too long. rtt spaces repeated requests.
func (l *recvLog) nacks(now packet.Time, rtt time.Duration, dst []uint16) []uint16 {
	kept := l.missing[:0]
	again := packet.Time(max(nackLeast, rtt+rtt/4))
	for _, g := range l.missing {
		if g.tries >= maxNacks && now >= g.next || now-g.since > nackFor || g.seq+logWindow <= l.highest {
			l.lost++
			continue
		}
		if now >= g.next && g.tries < maxNacks && len(dst) < nackPerTick {
			dst = append(dst, uint16(g.seq))
			g.tries++
			g.next = now + again
			l.asked++
		}
		kept = append(kept, g)
	}
	l.missing = kept
	return dst
}

// nackPairs packs sequence numbers in rising order into pairs of a packet and a mask of the 16 after it (RFC 4585 §6.2.1).
func nackPairs(seqs []uint16, pair func(id, mask uint16)) {
	for i := 0; i < len(seqs); {
		id, mask := seqs[i], uint16(0)
		for i++; i < len(seqs); i++ {
			d := seqs[i] - id
			if d == 0 || d > 16 {
				break
			}
			mask |= 1 << (d - 1)
		}
		pair(id, mask)
	}
}
