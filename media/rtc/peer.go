package rtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"tongke/media/packet"
	"tongke/media/relay"
)

// gatherWithin bounds the wait for our own candidates, which are local.
const gatherWithin = 3 * time.Second

// State is what has become of a peer's connection.
//
//	idle ──▶ connecting ──▶ connected ◀──▶ disconnected
//	              └───────────┴────────────────┴──────▶ closed
type State uint8

const (
	Idle         State = iota
	Connecting         // ICE or DTLS is at work
	Connected          // media may flow
	Disconnected       // no sign of life; comes back by itself, by an ICE restart, or not at all
	Closed             // over, see Reason
)

func (s State) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Connected:
		return "connected"
	case Disconnected:
		return "disconnected"
	case Closed:
		return "closed"
	}
	return "idle"
}

// Peer is one connection. Its methods may be called from any goroutine; Close, which waits, not from its own callbacks: those call End.
type Peer struct {
	e       *Engine
	pc      *webrtc.PeerConnection
	log     *slog.Logger
	remote  *description // replaced whole by RestartICE
	offered *description // of OfferUplink
	recv    *receiver
	out     []*sender
	outBy   atomic.Pointer[map[uint32]int] // slot by SSRC and RTX SSRC

	channels map[string]*Channel // fixed
	talkBy   time.Duration       // how long the channels may take to open once the ends are connected; fixed
	feedback bool                // we receive media; fixed

	wake chan struct{} // something for run to look at
	quit chan struct{} // closed by the first End
	done chan struct{} // closed when run has ended

	state    atomic.Int32
	ready    atomic.Bool // has been connected, and is not over
	lastSeen atomic.Int64
	sent     counters
	onRTCP   atomic.Pointer[func(int, []rtcp.Packet)]

	restart sync.Mutex // one restart at a time

	figures  sync.Mutex // held while pion gathers them: it forgets unlocked, in its Close, where from
	shutting bool       // from here on it must not be asked

	mu         sync.Mutex
	reason     error
	onState    func(State)
	told       State
	streams    []*stream
	candidates int // taken by AddCandidate since the last restart
}

// counters count RTP packets and their bytes (headers and payload).
type counters struct{ packets, bytes, dropped atomic.Uint64 }

// newPeer makes a peer without its connection; run is started by start.
func (e *Engine) newPeer(name string, local bool) *Peer {
	p := &Peer{
		e: e, log: e.log, channels: map[string]*Channel{},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if name != "" {
		p.log = p.log.With("peer", name)
	}
	p.recv = newReceiver(p, local)
	return p
}

// connect gives p its pion connection.
func (p *Peer) connect(d *description, times pathTimes, tunnel netip.AddrPort) error {
	media, err := d.mediaEngine()
	if err != nil {
		return err
	}
	pc, err := p.e.connection(media, settings{times: times, activeDTLS: d.setup == "passive", tunnel: tunnel, buffers: p.newStream})
	if err != nil {
		return fmt.Errorf("make connection: %w", err)
	}
	p.pc, p.talkBy = pc, unheard*times.message
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { p.poke() })
	pc.OnDataChannel(func(c *webrtc.DataChannel) { _ = c.Close() }) // all channels of ours are agreed beforehand
	return nil
}

// start makes the engine own p and starts its goroutine, which ends after End.
func (p *Peer) start() error {
	if !p.e.add(p) {
		_ = p.pc.Close()
		return ErrClosed
	}
	go p.run()
	p.poke()
	return nil
}

// abandon ends a peer that was never given out.
func (p *Peer) abandon() {
	if p.pc != nil {
		p.closeStreams()
		_ = p.pc.GracefulClose()
	}
}

// answer sets the offer d and returns the answer with all candidates.
func (p *Peer) answer(ctx context.Context, d *description) (string, error) {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: d.canonical()}); err != nil {
		return "", badOffer("description is refused: %s", oneLine(err.Error()))
	}
	for _, s := range p.out {
		if _, err := p.pc.AddTrack(s); err != nil { // takes the first free m-line of its kind, and they are in order
			return "", fmt.Errorf("add track: %w", err)
		}
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", badOffer("description cannot be answered: %s", oneLine(err.Error()))
	}
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("set answer: %w", err)
	}
	if err := wait(ctx, gathered); err != nil {
		return "", err
	}
	p.remote = d
	return d.complete(p.pc.LocalDescription().SDP)
}

func wait(ctx context.Context, gathered <-chan struct{}) error {
	timer := time.NewTimer(gatherWithin)
	defer timer.Stop()
	select {
	case <-gathered:
		return nil
	case <-timer.C:
		return errors.New("gather candidates: not done in time")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poke wakes run.
func (p *Peer) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// unheard is how many messages may go without an answer before channels count as dead. pion sends the first message of an association, and
// the second, nine times at most (maxInitRetrans of its sctp) and then gives up without a word. What comes later all the same wedges its
// reader in completeHandshake, which nobody waits for any more: no Close ends that goroutine. So we close before it gives up.
const unheard = 8

// run is the peer's goroutine. It ends after End.
func (p *Peer) run() {
	var ticks, talk <-chan time.Time
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	if p.feedback {
		t := time.NewTicker(nackEvery)
		defer t.Stop()
		ticks = t.C
	}
	for {
		select {
		case <-p.quit:
			p.shut()
			return
		case <-p.wake:
			p.look()
			if talk == nil && len(p.channels) > 0 && p.ready.Load() {
				talk = time.After(p.talkBy)
			}
			p.recv.serve(packet.Now())
		case <-talk:
			if p.pc.SCTP().State() != webrtc.SCTPTransportStateConnected {
				p.End(ErrFailed)
			}
		case <-retry.C:
			p.recv.serve(packet.Now())
		case <-ticks:
			p.recv.tick(packet.Now())
		}
		if d, missing := p.recv.retryIn(packet.Now()); missing {
			retry.Reset(d)
		}
	}
}

// look tells a change of state.
func (p *Peer) look() {
	state := Idle
	switch p.pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnecting:
		state = Connecting
	case webrtc.PeerConnectionStateConnected:
		state = Connected
	case webrtc.PeerConnectionStateDisconnected:
		state = Disconnected
	case webrtc.PeerConnectionStateFailed:
		p.End(ErrFailed)
		return
	case webrtc.PeerConnectionStateClosed:
		p.End(ErrRemoteClosed)
		return
	}
	if state == Connected {
		p.ready.Store(true)
	}
	p.tell(state)
}

// tell calls OnState once for each change.
func (p *Peer) tell(state State) {
	p.state.Store(int32(state))
	p.mu.Lock()
	f, changed := p.onState, state != p.told
	p.told = state
	p.mu.Unlock()
	if changed {
		p.log.Debug("peer state", "state", state.String())
		if f != nil {
			f(state)
		}
	}
}

// shut closes everything of p, in this order: no more packets out and no questions for figures, the streams, so that nothing of pion waits in
// them, then pion, which waits for its goroutines, and last whoever waits for p.
func (p *Peer) shut() {
	p.ready.Store(false)
	p.figures.Lock()
	p.shutting = true
	p.figures.Unlock()
	p.closeStreams()
	_ = p.pc.GracefulClose() // its errors are of sockets that are gone
	p.closeStreams()         // any that came meanwhile
	p.recv.close()
	p.e.remove(p)
	p.tell(Closed)
	close(p.done)
}

func (p *Peer) closeStreams() {
	p.mu.Lock()
	streams := slices.Clone(p.streams)
	p.mu.Unlock()
	for _, s := range streams {
		_ = s.Close()
	}
}

// End begins to close p for a reason and does not wait. The first reason stays.
func (p *Peer) End(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil {
		p.reason = reason
		close(p.quit)
	}
}

// Close ends p and waits until all of it has ended.
func (p *Peer) Close() error {
	p.End(ErrClosed)
	<-p.done
	return nil
}

// Done is closed when p has ended.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Reason tells why p ended or is ending; nil while it lives.
func (p *Peer) Reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// State is the state of the moment.
func (p *Peer) State() State { return State(p.state.Load()) }

// OnState sets who hears of changes of state, from p's goroutine. A state other than Idle that was reached before is told at once, by the
// caller's goroutine.
func (p *Peer) OnState(f func(State)) {
	p.mu.Lock()
	p.onState = f
	told := p.told
	p.mu.Unlock()
	if f != nil && told != Idle {
		f(told)
	}
}

// OnRTCP sets who gets the RTCP of our slots: reception reports, NACK, PLI, FIR, transport feedback. It is called from the connection's
// reading goroutine and must not block; the packets are given away.
func (p *Peer) OnRTCP(f func(slot int, pkts []rtcp.Packet)) {
	if f == nil {
		p.onRTCP.Store(nil)
		return
	}
	p.onRTCP.Store(&f)
}

// Slots are the m-lines on which we send, in order: the places that the relay may bind.
func (p *Peer) Slots() []relay.SlotConfig {
	out := make([]relay.SlotConfig, len(p.out))
	for i, s := range p.out {
		out[i] = s.config()
	}
	return out
}

// Incoming are the m-lines on which we receive, in order, of an uplink. What a publisher sends is told by ReceiveOptions.OnTrack.
func (p *Peer) Incoming() []*Incoming { return p.recv.slots() }
