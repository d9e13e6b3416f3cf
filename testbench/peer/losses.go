package peer

import (
	"time"

	"tongke/media/packet"
)

// losses follows the sequence numbers of one RTP stream: what came, what came as a repair, what is missing and to be asked for. It is pure.
type losses struct {
	started bool
	first   uint64
	highest uint64
	state   [ringPackets]received // by sequence

	originals, repaired, duplicates uint64
	expectedBefore                  uint64 // of streams that ended
}

type received struct {
	seq    uint64
	have   bool
	asked  int
	lastAt packet.Time // when it was found missing, then when it was last asked for
}

const (
	nackTries  = 10
	nackAgain  = 50 * time.Millisecond
	nackWindow = 1000    // packets
	nackFirst  = 5 * 1e6 // ns: what is only out of order is not asked for
	startSeq   = 1 << 20 // so that packets before the first one have a number too
	jump       = 3000    // RFC 3550 A.1 MAX_DROPOUT
	maxNACKs   = 200     // packets asked for at once
)

// note takes a packet and gives its extended sequence. fresh is false for duplicates; restarted says that the numbers jumped.
func (l *losses) note(seq16 uint16, repair bool, now packet.Time) (ext uint64, fresh, restarted bool) {
	if !l.started {
		l.begin(seq16)
		restarted = true
	}
	delta := int64(int16(seq16 - uint16(l.highest)))
	if !repair && (delta > jump || delta < -jump) {
		l.expectedBefore += l.highest - l.first + 1
		l.begin(seq16)
		delta, restarted = 0, true
	}
	ext = uint64(int64(l.highest) + delta)
	if ext < l.first {
		if l.first-ext > 64 {
			return ext, false, restarted
		}
		l.first = ext // disorder at the very start
	}
	for s := l.highest + 1; s <= ext; s++ {
		l.state[s%ringPackets] = received{seq: s, lastAt: now}
	}
	l.highest = max(l.highest, ext)
	e := &l.state[ext%ringPackets]
	if e.seq != ext {
		if l.highest-ext >= ringPackets {
			return ext, false, restarted
		}
		*e = received{seq: ext}
	}
	if e.have {
		l.duplicates++
		return ext, false, restarted
	}
	e.have = true
	if repair {
		l.repaired++
	} else {
		l.originals++
	}
	return ext, true, restarted
}

func (l *losses) begin(seq16 uint16) {
	l.started = true
	l.first = startSeq + uint64(seq16)
	l.highest = l.first
	l.state = [ringPackets]received{}
	l.state[l.first%ringPackets] = received{seq: l.first}
}

// end closes the account of a stream that was left.
func (l *losses) end() {
	if l.started {
		l.expectedBefore += l.highest - l.first + 1
		l.started = false
	}
}

// expected is how many packets were sent, as far as the numbers tell.
func (l *losses) expected() uint64 {
	if !l.started {
		return l.expectedBefore
	}
	return l.expectedBefore + l.highest - l.first + 1
}

// missing lists what to ask for now; abandoned says that something was asked for in vain for too long.
func (l *losses) missing(now packet.Time) (seqs []uint16, abandoned bool) {
	if !l.started {
		return nil, false
	}
	from := l.first
	if l.highest > nackWindow {
		from = max(from, l.highest-nackWindow)
	}
	for s := from; s < l.highest && len(seqs) < maxNACKs; s++ {
		e := &l.state[s%ringPackets]
		if e.seq != s || e.have {
			continue
		}
		switch {
		case e.asked == nackTries:
			e.asked++
			abandoned = true
		case e.asked > nackTries:
		case e.asked == 0 && now.Sub(e.lastAt) >= nackFirst, e.asked > 0 && now.Sub(e.lastAt) >= nackAgain:
			e.asked++
			e.lastAt = now
			seqs = append(seqs, uint16(s))
		}
	}
	return seqs, abandoned
}
