// Package relay is the hot path: up tracks, their caches, slots, and who subscribes to whom. It knows sources and connections, no
// person and no peer connection.
//
// One goroutine (Run) owns all state. Everything else reaches it through a mailbox that never blocks: packets from the readers, RTCP from
// subscribers, and functions. What is waiting is taken as one batch, and whatever the batch makes leaves the box by one flush, so the
// cost of a wake-up and of a system call is shared. Nothing on the way of a packet allocates, logs, takes a lock during I/O, or reads
// the clock more than twice a batch.
//
// Numbers. A packet is named by (origin box, source, layer, 48-bit origin sequence). The relay makes that number where a source is
// published and leaves it alone everywhere else. Toward a subscriber each slot has numbers of its own that go on over every
// change of binding; within one binding slot number and origin number differ by a constant, so gaps stay gaps and late packets keep
// their place. A slot number is sent once at most under its media SSRC: SRTP would otherwise seal two packets with one nonce
// (RFC 7714 §8.1 for GCM).
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// Batcher holds datagrams back between Cork and Uncork and then sends them with few system calls.
type Batcher interface {
	Cork()
	Uncork()
}

// Config is what a Relay needs. Batch may be nil.
type Config struct {
	Log   *slog.Logger
	Batch Batcher
}

// CodecError refuses a source whose video codec is not the lesson's.
type CodecError struct {
	Lesson    string
	Have, Got codec.Codec
}

func (e *CodecError) Error() string {
	return fmt.Sprintf("lesson %s has video codec %s, not %s", e.Lesson, e.Have, e.Got)
}

// ErrTaken is returned by PublishFree.
var ErrTaken = errors.New("source is published by another")

// ErrClosed is returned once Run has ended.
var ErrClosed = errors.New("relay is closed")

const (
	tickEvery   = 100 * time.Millisecond // presence of layers, demand, sender reports
	replayEvery = 5 * time.Millisecond   // pace of a replay from the cache
	maxWaiting  = 8192                   // packets in the mailbox; beyond it they are dropped and counted
)

// Relay forwards packets from makers to subscribers. Make it with New, let its owner call Run.
type Relay struct {
	log   *slog.Logger
	batch Batcher
	wake  chan struct{} // 1: there is mail
	done  chan struct{} // closed when Run has ended

	mu      sync.Mutex
	mail    []letter
	waiting int // packets in mail
	lost    uint64
	closed  bool

	// Owned by Run.
	spare     []letter
	sources   map[track.Key]*source
	lessons   map[string]*lessonState
	subs      map[*Subscriber]struct{}
	replaying []*slot
	watchers  map[int]func(SourceEvent)
	watchID   int
	counts    counters
	arrivals  []packet.Time // of this batch's packets
	scratch   []byte        // one retransmission
}

// letter is one thing in the mailbox: a packet, or a function to run.
type letter struct {
	up  *upTrack
	gen uint32
	buf *packet.Buffer
	fn  func()
}

// lessonState is what the relay keeps of a lesson as a whole.
type lessonState struct {
	teaching string      // origin that "" in a key means; "" = the first published
	codec    codec.Codec // of all its video sources
	order    []track.Key // present sources, oldest first
}

// New makes a relay at rest.
func New(cfg Config) *Relay {
	return &Relay{
		log:      cfg.Log,
		batch:    cfg.Batch,
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		sources:  map[track.Key]*source{},
		lessons:  map[string]*lessonState{},
		subs:     map[*Subscriber]struct{}{},
		watchers: map[int]func(SourceEvent){},
		scratch:  make([]byte, packet.MaxPayload+2),
	}
}

// Run forwards until ctx ends. It may be called once.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	replay := time.NewTimer(time.Hour)
	defer replay.Stop()
	defer r.end()
	for {
		ticked := false
		select {
		case <-r.wake:
		case <-tick.C:
			ticked = true
		case <-replay.C:
		case <-ctx.Done():
			return nil
		}
		r.turn(ticked)
		if len(r.replaying) > 0 {
			replay.Reset(replayEvery)
		}
	}
}

// turn handles all that is waiting as one batch.
func (r *Relay) turn(ticked bool) {
	r.mu.Lock()
	mail := r.mail
	r.mail, r.waiting = r.spare[:0], 0
	r.mu.Unlock()

	now := packet.Now()
	r.cork()
	for i := range mail {
		l := &mail[i]
		if l.buf != nil {
			r.accept(l, now)
		} else {
			l.fn()
		}
		*l = letter{}
	}
	if len(r.replaying) > 0 {
		r.replay(now)
	}
	if ticked {
		r.tick(now)
	}
	r.uncork()
	r.spare = mail[:0]
	r.counts.observe(r.arrivals, packet.Now())
	r.arrivals = r.arrivals[:0]
}

func (r *Relay) cork() {
	if r.batch != nil {
		r.batch.Cork()
	}
}

func (r *Relay) uncork() {
	if r.batch != nil {
		r.batch.Uncork()
	}
}

// post puts l into the mailbox. A packet is refused when too many wait or the relay is closed; a function only when it is closed.
func (r *Relay) post(l letter) bool {
	r.mu.Lock()
	if r.closed || (l.buf != nil && r.waiting >= maxWaiting) {
		if l.buf != nil {
			r.lost++
		}
		r.mu.Unlock()
		return false
	}
	if l.buf != nil {
		r.waiting++
	}
	r.mail = append(r.mail, l)
	first := len(r.mail) == 1
	r.mu.Unlock()
	if first {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// do runs f in the relay's goroutine, later.
func (r *Relay) do(f func()) { r.post(letter{fn: f}) }

// call runs f in the relay's goroutine and waits for it. It must not be called from there.
func (r *Relay) call(f func()) error {
	ran := make(chan struct{})
	if !r.post(letter{fn: func() { f(); close(ran) }}) {
		return ErrClosed
	}
	select {
	case <-ran:
		return nil
	case <-r.done:
		select {
		case <-ran:
			return nil
		default:
			return ErrClosed
		}
	}
}

// end releases what the relay holds, once Run is over.
func (r *Relay) end() {
	r.mu.Lock()
	r.closed = true
	mail := r.mail
	r.mail = nil
	r.mu.Unlock()
	for i := range mail {
		if mail[i].buf != nil {
			mail[i].buf.Release()
		}
	}
	for _, s := range r.sources {
		for _, u := range s.ups {
			u.cache.clear()
		}
	}
	close(r.done)
}

// tick does what has a period rather than a cause.
func (r *Relay) tick(now packet.Time) {
	for _, s := range r.sources {
		s.tick(now)
	}
	for sub := range r.subs {
		sub.tick(now)
	}
}

// lesson returns the state of a lesson, made at its first use.
func (r *Relay) lesson(id string) *lessonState {
	l := r.lessons[id]
	if l == nil {
		l = &lessonState{}
		r.lessons[id] = l
	}
	return l
}

// SetTeaching says which box's sources a key without an origin means.
func (r *Relay) SetTeaching(lesson, origin string) {
	r.do(func() {
		r.lesson(lesson).teaching = origin
		r.resolve(lesson)
	})
}

// LessonCodec is the video codec of a lesson, None until somebody publishes video in it.
func (r *Relay) LessonCodec(lesson string) (c codec.Codec) {
	_ = r.call(func() {
		if l := r.lessons[lesson]; l != nil {
			c = l.codec
		}
	})
	return c
}

// EndLesson closes the lesson's sources and forgets it.
func (r *Relay) EndLesson(lesson string) {
	r.do(func() {
		for k, s := range r.sources {
			if k.Lesson == lesson {
				r.withdraw(s)
				s.forget()
				delete(r.sources, k)
			}
		}
		delete(r.lessons, lesson)
	})
}
