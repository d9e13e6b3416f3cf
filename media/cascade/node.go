package cascade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

// ErrClosed is returned once Run has ended.
var ErrClosed = errors.New("cascade is closed")

// ErrNoLink is returned when a peer cannot be reached now.
var ErrNoLink = errors.New("no link to this peer")

const (
	tickEvery   = pingEvery
	byeLingers  = 200 * time.Millisecond // a bye on its way, before the connection is closed under it
	maxOffered  = 1024                   // announcements of one peer
	maxWants    = 256                    // wants of one peer
	openTimeout = 5 * time.Second        // a child's link that does not open: the child has given up by then
	// patientTimeout is the same for either end while the path answers. At 20 % loss each way and 100 ms there and back one link in 300 takes
	// more than 5 s for ICE, DTLS and SCTP.
	patientTimeout = 15 * time.Second
)

// Node is this box in the tree: its links up and down. Make it with New, let its owner call Run.
type Node struct {
	cfg  Config // Alliance and Campus are Run's
	log  *slog.Logger
	box  mailbox
	done chan struct{}  // closed when Run has ended
	wg   sync.WaitGroup // dials and closing connections; waited for by Run

	tunnels tunnelCount  // of children
	nextTry atomic.Int64 // packet.Time

	// A test's network between two boxes: change the candidates in descriptions on the child's side. Set before SetParents.
	mangleOffer, mangleAnswer func(sdp string) string

	mu   sync.Mutex
	best map[string]*Link // newest link that is up, by peer id

	// Owned by Run.
	ctx     context.Context
	links   map[*Link]struct{} // not closed
	dying   []dying
	peers   map[string]*peerState
	uplink  *Link // to the parent, up or dead
	path    []string
	present map[track.Key]relay.SourceInfo // in the relay
	epochs  map[track.Key]uint32           // of sources published here
	remotes map[track.Key]*remote
	dial    dialler
	birth   uint64 // counts links that have opened
	ticked  packet.Time
}

// dying is a link that has said bye.
type dying struct {
	l  *Link
	at packet.Time
}

// peerState is what is kept of a peer over all its links.
type peerState struct {
	peer    Peer
	up      bool
	parent  bool
	links   uint64
	in, out uint64 // bytes of links that are gone
	lost    uint64
	recent  []packet.Time // connect and tunnel requests
}

// New makes a node at rest.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cascade: %w", err)
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, done: make(chan struct{}), best: map[string]*Link{},
		links: map[*Link]struct{}{}, peers: map[string]*peerState{}, path: []string{cfg.ID},
		present: map[track.Key]relay.SourceInfo{}, epochs: map[track.Key]uint32{}, remotes: map[track.Key]*remote{},
	}
	n.box.init()
	n.dial.init(n)
	n.tunnels.open = map[string]int{}
	return n, nil
}

// Run keeps the links until ctx ends. It may be called once.
func (n *Node) Run(ctx context.Context) error {
	run, cancel := context.WithCancel(context.Background())
	defer cancel()
	n.ctx = run
	defer close(n.done)
	stopWatch := n.cfg.Relay.Watch(func(e relay.SourceEvent) { n.box.post(func() { n.sourceChanged(e) }) })
	defer stopWatch()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.box.wake:
		case <-tick.C:
			n.tick(packet.Now())
		case <-timer.C:
		case <-ctx.Done():
			n.end(cancel)
			return nil
		}
		for _, f := range n.box.take() {
			f()
		}
		now := packet.Now()
		at := n.dial.step(now)
		n.nextTry.Store(int64(at))
		if at != 0 {
			timer.Reset(max(at.Sub(now), time.Millisecond))
		}
	}
}

// NextTry is when a parent is dialled next; the zero time where none is. A dial that is under way shows its end, should it find nobody.
func (n *Node) NextTry() time.Time {
	if at := n.nextTry.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Up reports whether a peer can be reached now. It does not wait.
func (n *Node) Up(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.best[id] != nil
}

// end says bye, gives it a moment, and waits for all that runs.
func (n *Node) end(cancel context.CancelFunc) {
	n.dial.stop()
	for l := range n.links {
		n.endLink(l, byeShutdown)
	}
	time.Sleep(byeLingers)
	n.reap(packet.Now().Add(byeLingers))
	cancel()
	for _, r := range n.remotes {
		r.close()
	}
	// Children cannot come any more: the handler is refused by call. Dials that just succeeded close what they opened.
	for _, f := range n.box.close() {
		f()
	}
	for l := range n.links {
		n.endLink(l, byeShutdown)
	}
	n.reap(packet.Now().Add(time.Hour))
	n.wg.Wait()
}

// call runs f in Run's goroutine and waits for it.
func (n *Node) call(f func()) error {
	ran := make(chan struct{})
	if !n.box.post(func() { f(); close(ran) }) {
		return ErrClosed
	}
	select {
	case <-ran:
		return nil
	case <-n.done:
		select {
		case <-ran:
			return nil
		default:
			return ErrClosed
		}
	}
}

// SetParents replaces the ordered list of parents. A link to a box that is not in it any more ends; nil makes this box a root.
func (n *Node) SetParents(p []Parent) {
	n.box.post(func() {
		n.dial.parents = slices.Clone(p)
		n.dial.alternatives, n.dial.worked = nil, nil
		for l := range n.links {
			if l.dialled && !slices.ContainsFunc(p, func(p Parent) bool { return p.ID == l.peer.ID }) {
				n.endLink(l, byeRemoved)
			}
		}
		n.dial.restart()
	})
}

// SetPlace says in which alliance and on which campus this box stands now; joining a parent changes both. Call it before SetParents. Links
// begin anew on a change, because the other side knows this box by them.
func (n *Node) SetPlace(alliance, campus string) {
	n.box.post(func() {
		switch {
		case n.cfg.Alliance == alliance && n.cfg.Campus == campus:
			return
		case !isText(alliance) || !isText(campus):
			n.log.Error("alliance or campus is longer than 64 characters or has control characters")
			return
		}
		n.cfg.Alliance, n.cfg.Campus = alliance, campus
		for l := range n.links {
			n.endLink(l, byeShutdown)
		}
		n.dial.restart()
	})
}

// Drop ends the links of a peer that is no longer one.
func (n *Node) Drop(id string) {
	n.box.post(func() {
		for l := range n.links {
			if l.peer.ID == id {
				n.endLink(l, byeRemoved)
			}
		}
	})
}

// Refresh asks Visible and MayTake again for every peer and source.
func (n *Node) Refresh() {
	n.box.post(func() {
		for l := range n.links {
			n.announceAll(l)
		}
	})
}

// SendLesson sends a lesson frame on the newest link to a peer, whose it then is. It does not block.
func (n *Node) SendLesson(id string, frame []byte) error {
	if len(frame) > maxLessonSize {
		return fmt.Errorf("lesson frame of %d bytes is over the limit of %d", len(frame), maxLessonSize)
	}
	n.mu.Lock()
	l := n.best[id]
	n.mu.Unlock()
	if l == nil {
		return fmt.Errorf("send to %s: %w", id, ErrNoLink)
	}
	return l.conn.Send(channelLesson, frame)
}

func (n *Node) tick(now packet.Time) {
	stalled := n.ticked != 0 && now.Sub(n.ticked) > time.Second // this process stood still: silences say nothing of the peers
	n.ticked = now
	for l := range n.links {
		l.tick(now, stalled)
	}
	n.reap(now)
	for _, r := range n.remotes {
		r.tick(now)
	}
}

// reap closes the connections of links that have said bye.
func (n *Node) reap(now packet.Time) {
	n.dying = slices.DeleteFunc(n.dying, func(d dying) bool {
		if now >= d.at {
			n.shut(d.l)
		}
		return now >= d.at
	})
}

func (n *Node) shut(l *Link) {
	n.wg.Go(func() { // ends when the connection is gone
		if err := l.conn.Close(); err != nil {
			n.log.Debug("close link", "peer", l.peer.Name, "err", err)
		}
	})
}

// state finds or makes what is kept of a peer.
func (n *Node) state(p Peer) *peerState {
	s := n.peers[p.ID]
	if s == nil {
		s = &peerState{}
		n.peers[p.ID] = s
	}
	s.peer = p
	return s
}
