package link

import (
	"sync"
	"time"

	"tongke/media/packet"
)

// Record is one packet, or one piece of a TCP stream, as the link saw it.
type Record struct {
	At        packet.Time // arrival, by the kernel's stamp where there is one
	Left      packet.Time // 0 unless it passed
	Wanted    time.Duration
	Direction Direction
	Kind      Kind
	Verdict   Verdict
	Copy      bool // a duplicate that the link made
	Size      int  // bytes of the IP packet
	Header    Header
	ID        Identity
}

// Delay is how long the link really held it.
func (r Record) Delay() time.Duration { return r.Left.Sub(r.At) }

// journal collects records. A record stands in it once its fate is known.
type journal struct {
	mu      sync.Mutex
	records []Record
	sum     Totals
}

// Totals count what came in both directions.
type Totals struct {
	Packets, Passed, Dropped [2]uint64
	Bytes                    [2]uint64 // that passed
}

func (j *journal) add(r Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, r)
	d := r.Direction
	j.sum.Packets[d]++
	if r.Verdict == Passed {
		j.sum.Passed[d]++
		j.sum.Bytes[d] += uint64(r.Size)
	} else {
		j.sum.Dropped[d]++
	}
}

// Records is a copy of everything so far, in the order in which fates were decided.
func (l *Link) Records() []Record {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	return append([]Record(nil), l.log.records...)
}

// Totals are the counts so far.
func (l *Link) Totals() Totals {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	return l.log.sum
}
