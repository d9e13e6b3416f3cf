package cascade

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/pion/rtcp"

	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
	"tongke/media/udp"
)

// Peer is another box as the invitation made it known.
type Peer struct {
	ID       string // box id
	Name     string // as in figures and logs
	Alliance string // "" = not checked
	Campus   string
}

// Parent is a box that may be dialled.
type Parent struct {
	Peer
	Pin  string   // what ClientTLS takes for the peer's key
	URLs []string // https://host[:port], the most likely first
}

// Config is what a Node needs. Funcs may be nil where that is said; they are called from any goroutine with no lock held and must not
// block, unless it says otherwise.
type Config struct {
	ID       string // this box's
	Alliance string
	Campus   string
	Log      *slog.Logger
	Relay    *relay.Relay
	Engine   *rtc.Engine // for children; nil: this box takes none
	UDP      *udp.Conn   // Engine's, where children's tunnels end

	// ClientTLS makes the TLS side of a dial: the box's identity certificate, and no peer but that with the pin.
	ClientTLS func(pin string) *tls.Config
	// Peers tells whether the key of a child that dials is known, from the certificate in the handshake.
	Peers func(cs *tls.ConnectionState) (Peer, bool)
	// Proxy finds the HTTP proxy for a URL. nil: HTTPS_PROXY and NO_PROXY of the environment.
	Proxy func(*http.Request) (*url.URL, error)

	// Via is where the parent's media is reached instead of at the addresses that it names: a forwarded port, or a link emulator. Our own
	// addresses are not told then; the parent sees where we come from. Zero: ICE chooses.
	Via netip.AddrPort

	// Visible says whether a peer may have the sources of a lesson; call Node.Refresh when its answers change. nil: all may.
	Visible func(p Peer, lesson string) bool
	// MayTake says the same of one source of a lesson that is visible. nil: all may be taken.
	MayTake func(p Peer, k track.Key) bool
	// Busy says that a lesson is on, so that redialling is quick. nil: always.
	Busy func() bool
	// DesiredVersion is the release that a child shall run, "" for none. nil: none.
	DesiredVersion func(p Peer) string
	// Alternatives are other URLs where children may be served while this box is away. nil: none.
	Alternatives func() []string

	// OnLesson takes a lesson frame, which is the callee's. It may block; then this peer's messages wait. nil: dropped.
	OnLesson func(p Peer, frame []byte)
	// OnPeer tells that a peer can be reached or not any more, in order. nil: nobody asks.
	OnPeer func(e PeerEvent)
}

// PeerEvent tells of a peer that came or went. Several links to one peer are one peer.
type PeerEvent struct {
	Peer           Peer
	Up             bool
	Parent         bool   // it is above us
	DesiredVersion string // that it would like us to run; from a parent
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if !isBox(c.ID) {
		errs = append(errs, fmt.Errorf("%q is no box id", c.ID))
	}
	if !isText(c.Alliance) || !isText(c.Campus) {
		errs = append(errs, errors.New("alliance or campus is longer than 64 characters or has control characters"))
	}
	if c.Relay == nil || c.ClientTLS == nil || c.Peers == nil || c.Log == nil {
		errs = append(errs, errors.New("relay, client TLS, peers and log are needed"))
	}
	return errors.Join(errs...)
}

// Stats are the figures of the links, one entry a peer.
type Stats struct {
	Peers   []PeerStats
	Sources []SourceStats
}

// PeerStats are the figures of one peer over all its links since the start.
type PeerStats struct {
	Peer                Peer
	Parent              bool
	Up                  bool
	Rung                string  // "udp", "tunnel", "proxy"; "" when there is no link
	RTT                 float64 // seconds, smoothed; 0 = not known
	ClockOffset         float64 // seconds, peer's clock − ours
	TracksIn, TracksOut int     // slots bound now
	BytesIn, BytesOut   uint64  // RTP payload
	Lost                uint64  // packets that no bind came for
	Links               uint64  // that have been up
	// Checks of the path of the present link to a parent by ICE, two a second that are never sent again: what was asked and not answered was lost on one of
	// its two ways. Both begin at 0 with another link.
	Checks, Answers uint64
}

// SourceStats are the figures of one layer that comes from a peer.
type SourceStats struct {
	Lesson, Origin, Source, Layer string
	Peer                          string
	Delay                         float64 // seconds from capture to arrival here, smoothed; 0 = not known
}

// channel is one of a link's data channels.
type channel uint8

const (
	channelControl channel = iota
	channelLesson
	channelPing
)

// conn is the peer connection under a link: rtc's in the daemon, a fake in tests.
type conn interface {
	Slots() []relay.SlotConfig         // of what we send, sound first
	Start(h handlers)                  // begins delivery; called once
	Send(c channel, data []byte) error // never blocks; data is the callee's
	SetClock(add time.Duration)        // what makes the peer's clock ours, for capture times
	Checks() (asked, answered uint64)  // of the path itself, since the beginning
	Answers() uint64                   // to checks of the path itself; rises while it passes packets both ways
	Close() error                      // may block until the connection is gone
}

// handlers are called from the connection's goroutines, each kind in order.
type handlers struct {
	opened  func() // all channels are open
	message func(c channel, data []byte)
	packet  func(slot int, b *packet.Buffer) // the reference is given away
	rtcp    func(slot int, p []rtcp.Packet)
	ended   func() // the connection is gone for good
}
