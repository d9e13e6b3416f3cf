package cascade

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

// Limits of a peer's control messages: far above what a box says when every source of a county changes at once.
const (
	messageRate  = 200
	messageBurst = 2000
)

// Link is either end of a connection between two boxes. Run's goroutine owns it, apart from what is said to be shared.
type Link struct {
	n       *Node
	peer    Peer
	rung    rung
	dialled bool // the peer is our parent
	target  target
	attempt *attempt // the dial it came from
	conn    conn
	hello   *hello // the peer's newest
	birth   uint64 // counts links as they open; 0 before

	state   linkState
	born    packet.Time
	upAt    packet.Time
	deadAt  packet.Time
	relieve packet.Time // when a newer link has taken over for good; 0: none has
	ready   bool        // channels are open
	older   bool        // the log was told that the peer's release does not take a source's codec

	checks    uint64      // answers to checks of the path, and
	checkedAt packet.Time // when their number was seen to have risen; 0: not yet

	sub       *relay.Subscriber
	ssrcs     []uint32
	table     *slotTable
	tokens    []uint64 // counts the bindings of each slot: what the relay tells of a former one is stale
	announced map[track.Key]announce
	offered   map[track.Key]*supply

	// Owned by the connection's goroutine that brings control messages.
	dec    decoder
	credit float64
	filled packet.Time
	broken bool

	// Shared.
	heard    atomic.Int64 // packet.Time of the last sign of life
	answered atomic.Int64 // of the last answer to a ping
	bytesIn  atomic.Uint64
	bytesOut atomic.Uint64
	in       [maxSlot + 1]inSlot

	clockMu sync.Mutex
	clock   clock
}

// inSlot is a slot that the peer fills.
type inSlot struct {
	mu    sync.Mutex
	b     bindings
	key   layerKey
	bound bool
	delay time.Duration // from capture to arrival, smoothed; 0 = not known
}

func newLink(n *Node, p Peer, r rung, c conn, h *hello) *Link {
	l := &Link{n: n, peer: p, rung: r, conn: c, hello: h, credit: messageBurst,
		announced: map[track.Key]announce{}, offered: map[track.Key]*supply{}}
	l.dec.learn(h.Capabilities)
	now := int64(packet.Now())
	l.heard.Store(now)
	l.answered.Store(now)
	return l
}

// start subscribes the link's slots and begins delivery.
func (l *Link) start() error {
	slots := l.conn.Slots()
	kinds := make([]track.Kind, len(slots))
	for i := range slots {
		kinds[i] = slots[i].Kind
		l.ssrcs = append(l.ssrcs, slots[i].SSRC)
		slots[i].Sink = countingSink{slots[i].Sink, &l.bytesOut}
	}
	l.table = newSlotTable(kinds)
	l.tokens = make([]uint64, len(slots))
	sub, err := l.n.cfg.Relay.Subscribe(relay.SubscriberConfig{Name: "uplink " + l.peer.Name, Slots: slots, Exact: true})
	if err != nil {
		return err
	}
	l.sub = sub
	l.conn.Start(handlers{
		opened:  func() { l.n.box.post(l.channelsOpen) },
		message: l.message,
		packet:  l.packet,
		rtcp: func(slot int, p []rtcp.Packet) {
			l.heard.Store(int64(packet.Now()))
			if slot >= 0 && slot < len(slots) {
				sub.HandleRTCP(slot, p)
			}
		},
		ended: func() { l.n.box.post(func() { l.n.endLink(l, "") }) },
	})
	return nil
}

// countingSink counts what a slot sends.
type countingSink struct {
	relay.Sink
	bytes *atomic.Uint64
}

func (s countingSink) WriteRTP(h *rtp.Header, payload []byte) error {
	err := s.Sink.WriteRTP(h, payload)
	if err == nil {
		s.bytes.Add(uint64(len(payload)))
	}
	return err
}

func (l *Link) channelsOpen() {
	l.ready = true
	l.ping(packet.Now())
}

// stopMedia ends both directions; the connection still carries messages.
func (l *Link) stopMedia() {
	if l.sub != nil {
		l.sub.Close()
	}
	for i := range l.in {
		s := &l.in[i]
		s.mu.Lock()
		s.b.close()
		s.bound = false
		s.mu.Unlock()
	}
}

// send gives the peer a control message and reports whether it is on its way. An error means that the connection is going, which is told
// otherwise.
func (l *Link) send(m message) bool {
	data, err := encode(m)
	if err == nil {
		err = l.conn.Send(channelControl, data)
	}
	if err != nil {
		l.n.log.Debug("send on uplink", "peer", l.peer.Name, "message", m.name(), "err", err)
	}
	return err == nil
}

// message takes what came on a channel, in the connection's goroutine.
func (l *Link) message(c channel, data []byte) {
	now := packet.Now()
	l.heard.Store(int64(now))
	switch c {
	case channelPing:
		l.pinged(data, now)
	case channelLesson:
		if l.n.cfg.OnLesson != nil && len(data) <= maxLessonSize {
			l.n.cfg.OnLesson(l.peer, data)
		}
	case channelControl:
		l.control(data, now)
	}
}

func (l *Link) control(data []byte, now packet.Time) {
	if l.broken {
		return
	}
	if l.filled != 0 {
		l.credit = min(messageBurst, l.credit+now.Sub(l.filled).Seconds()*messageRate)
	}
	l.filled = now
	l.credit--
	m, err := l.dec.decode(data)
	reason := byeProtocol
	if err == nil && l.credit < 0 {
		err, reason = errors.New("too many messages"), byeTooMany
	}
	switch {
	case errors.Is(err, errSkipped):
	case err != nil:
		l.broken = true
		l.n.box.post(func() { l.violated(reason, err) })
	default:
		l.n.box.post(func() { l.handle(m) })
	}
}

// violated ends a link whose peer broke the wire text.
func (l *Link) violated(reason string, err error) {
	l.n.log.Warn("uplink peer broke the protocol", "peer", l.peer.Name, "err", err)
	l.n.endLink(l, reason)
}

// handle takes a control message, in Run's goroutine.
func (l *Link) handle(m message) {
	if l.state == stateClosed {
		return
	}
	switch m := m.(type) {
	case *hello:
		l.helloAgain(m)
	case *announce:
		l.announcedBy(m)
	case *withdraw:
		l.withdrawnBy(m.key())
	case *want:
		l.wanted(m)
	case *unwant:
		l.table.unwant(layerKey{m.key(), track.Layer(m.Layer)})
		l.serve()
	case *deny:
		l.n.log.Debug("uplink denies", "peer", l.peer.Name, "track", m.Source, "code", m.Code)
	case *bind:
		l.boundBy(m)
	case *unbind:
		l.unboundBy(m)
	case *unbound:
		if l.table.freed(m.Slot) {
			l.serve()
		}
	case *pli:
		if _, ok := l.table.bound(m.Slot); ok {
			l.sub.HandleRTCP(m.Slot, []rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: l.ssrcs[m.Slot]}})
		}
	case *bye:
		l.saidBye(m)
	}
}

// helloAgain takes a parent's new path.
func (l *Link) helloAgain(m *hello) {
	if !l.dialled || m.Path[0] != l.peer.ID || m.Version != l.hello.Version || m.Alliance != l.hello.Alliance || m.Campus != l.hello.Campus {
		l.violated(byeProtocol, errors.New("hello changed"))
		return
	}
	l.hello = m
	if code := joinable(l.n.cfg.ID, m.Path); code != "" {
		l.n.log.Warn("parent's path leads back here or is too long", "peer", l.peer.Name, "code", code)
		l.n.endLink(l, code)
		return
	}
	if l == l.n.uplink {
		l.n.pathChanged()
	}
}

func (l *Link) saidBye(m *bye) {
	l.n.log.Info("uplink peer says bye", "peer", l.peer.Name, "reason", m.Reason)
	if l.dialled && m.Reason == byeShutdown {
		l.n.dial.setAlternatives(l.peer.ID, m.Alternatives)
	}
	l.n.endLink(l, "")
}

// packet takes one packet of a slot, in the connection's goroutine.
func (l *Link) packet(slot int, b *packet.Buffer) {
	if slot < 0 || slot > maxSlot {
		b.Release()
		return
	}
	l.heard.Store(int64(b.Arrival))
	l.bytesIn.Add(uint64(len(b.Payload())))
	s := &l.in[slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Capture != 0 && !b.Is(packet.Repaired) {
		d := b.Arrival.Sub(b.Capture)
		if s.delay == 0 {
			s.delay = d
		}
		s.delay += (d - s.delay) / 16
	}
	s.b.push(b, b.Arrival)
}

func (l *Link) lost() (sum uint64) {
	for i := range l.in {
		l.in[i].mu.Lock()
		sum += l.in[i].b.lost
		l.in[i].mu.Unlock()
	}
	return sum
}

// boundBy makes a slot of the peer feed a source.
func (l *Link) boundBy(m *bind) {
	k := layerKey{m.key(), track.Layer(m.Layer)}
	b := binding{first: m.FirstSlotSequence, origin: m.OriginSequence, tsOffset: m.TimestampOffset, gen: m.Epoch,
		rate: codec.Parse(m.Codec).ClockRate(), key: k}
	if s := l.offered[k.Key]; s != nil && s.remote.src != nil && slices.Contains(s.ann.Layers, m.Layer) {
		b.up = s.remote.src.Up(k.Layer)
	}
	s := &l.in[m.Slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != k {
		s.delay = 0
	}
	s.key, s.bound = k, true
	s.b.bind(b, packet.Now())
}

// unboundBy empties a slot of the peer and lets it have the slot back.
func (l *Link) unboundBy(m *unbind) {
	s := &l.in[m.Slot]
	s.mu.Lock()
	s.b.unbind()
	s.bound = false
	s.mu.Unlock()
	l.send(&unbound{Slot: m.Slot})
}
