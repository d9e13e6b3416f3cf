package link

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tongke/media/packet"
)

// pipe is one direction of a link: the plan, the queue before the rate, and what is on its way. Any goroutine may put; run delivers.
type pipe struct {
	plan  *plan
	dir   Direction
	log   *journal
	namer Namer
	wait  *waiter
	zero  *atomic.Int64 // packet.Time of Start; 0 before
	made  packet.Time

	mu     sync.Mutex
	held   parcels
	order  uint64
	free   packet.Time // when the rate has sent all that waits
	last   packet.Time // when the newest datagram leaves: later ones do not overtake it
	counts [5]uint64   // datagrams that are not RTP, by kind: their numbers
}

// parcel is what is on its way.
type parcel struct {
	due   packet.Time
	order uint64
	send  func() // must not block
	rec   Record
}

type parcels []*parcel

func (p parcels) Len() int { return len(p) }
func (p parcels) Less(i, j int) bool {
	return p[i].due < p[j].due || p[i].due == p[j].due && p[i].order < p[j].order
}
func (p parcels) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push implements heap.Interface.
func (p *parcels) Push(x any) { *p = append(*p, x.(*parcel)) }

// Pop implements heap.Interface.
func (p *parcels) Pop() any {
	old := *p
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*p = old[:len(old)-1]
	return x
}

// since is a moment on the plan's clock. Before Start it is negative.
func (p *pipe) since(at packet.Time) time.Duration {
	if zero := p.zero.Load(); zero != 0 {
		return at.Sub(packet.Time(zero))
	}
	return min(at.Sub(p.made)-time.Hour, -1)
}

// ipHeaders are IPv4 (20) and UDP (8).
const ipHeaders = 28

// datagram takes one datagram that came at a moment; send brings it to the other side and must not block.
func (p *pipe) datagram(b []byte, at packet.Time, send func()) {
	kind, h := Inspect(b)
	rec := Record{At: at, Direction: p.dir, Kind: kind, Size: len(b) + ipHeaders, Header: h}
	t := p.since(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == RTP {
		rec.ID = p.namer.Name(h, at)
	} else {
		rec.ID = Identity{Stream: 1<<31 | uint32(kind), Number: p.counts[kind]}
		p.counts[kind]++
	}
	rec.Verdict = p.judge(rec.ID, t)
	if rec.Verdict != Passed {
		p.log.add(rec)
		return
	}
	departs, fits := p.admit(rec.Size, at, t)
	if !fits {
		rec.Verdict = LostFull
		p.log.add(rec)
		return
	}
	due := departs.Add(p.plan.delay(t))
	if p.plan.reorder(rec.ID) {
		due = due.Add(p.plan.c.ReorderBy)
	} else {
		due = max(due, p.last)
		p.last = due
	}
	rec.Wanted = due.Sub(at)
	p.putLocked(&parcel{due: due, send: send, rec: rec})
	if p.plan.duplicate(rec.ID) {
		rec.Copy = true
		p.putLocked(&parcel{due: due.Add(grid), send: send, rec: rec})
	}
}

func (p *pipe) judge(id Identity, t time.Duration) Verdict {
	if p.plan.c.BlockUDP {
		return Blocked
	}
	if _, out := p.plan.outage(t); out {
		return LostOut
	}
	return p.plan.fate(id, t)
}

// admit puts size bytes into the queue and tells when the last of them leaves it; false when it is full.
func (p *pipe) admit(size int, at packet.Time, t time.Duration) (packet.Time, bool) {
	rate := p.plan.rate(t)
	if rate == 0 {
		return at, true
	}
	begins := max(p.free, at)
	waiting := int64(begins.Sub(at)) * rate / 8 / int64(time.Second)
	if waiting+int64(size) > int64(p.plan.c.Queue) {
		return 0, false
	}
	p.free = begins.Add(time.Duration(int64(size) * 8 * int64(time.Second) / rate))
	return p.free, true
}

// full is how long a piece of a TCP stream has to wait until the queue takes it: TCP is not dropped but slowed down.
func (p *pipe) full(size int, at packet.Time) time.Duration {
	rate := p.plan.rate(p.since(at))
	if rate == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := int64(max(p.free, at).Sub(at)) * rate / 8 / int64(time.Second)
	return max(0, time.Duration((waiting+int64(size)-int64(p.plan.c.Queue))*8*int64(time.Second)/rate))
}

func (p *pipe) putLocked(x *parcel) {
	p.order++
	x.order = p.order
	heap.Push(&p.held, x)
	if p.held[0] == x {
		p.wait.wake()
	}
}

// run delivers until ctx ends. What is on its way then is lost. Its goroutine is good for nothing else afterwards.
func (p *pipe) run(ctx context.Context) {
	p.wait.begin()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { p.wait.wake(); close(woken) })
	defer func() {
		if !stop() {
			<-woken // the waiter is closed after this
		}
	}()
	for ctx.Err() == nil {
		x, next := p.take(packet.Now())
		if x == nil {
			p.wait.until(next)
			continue
		}
		x.rec.Left = packet.Now()
		x.send()
		p.log.add(x.rec)
	}
}

// take is the parcel that is due, or when the next one is.
func (p *pipe) take(now packet.Time) (*parcel, packet.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.held) == 0:
		return nil, 0
	case p.held[0].due > now:
		return nil, p.held[0].due
	}
	return heap.Pop(&p.held).(*parcel), 0
}
