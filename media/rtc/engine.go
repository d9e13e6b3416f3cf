package rtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"

	"tongke/media/udp"
)

const (
	// receiveMTU bounds one datagram that pion passes on: an Ethernet frame.
	receiveMTU = 1500

	// replayWindow is how far behind the newest packet a stream's packet may come and still be taken, in packets. Retransmissions have
	// a stream of their own, so this is for disorder alone.
	replayWindow = 1024

	// sctpWindow is the least that may be on its way of data channels, in bytes. pion's own is one packet after each loss, and a lesson's
	// state would then crawl beside media that take a thousand times as much.
	sctpWindow = 16 << 10
	// A candidate that is only known by its checks is chosen after this time, 1 s by default: the others have long had their chance then. Over
	// TCP the first check takes two round trips longer than over UDP, which must win.
	foundWait = 100 * time.Millisecond
)

// Config is what an Engine needs. The engine owns UDP and TCP from New on and closes them.
type Config struct {
	UDP *udp.Conn    // all media
	TCP net.Listener // ICE-TCP (RFC 6544): connections whose first bytes are framed STUN; nil for none
	Log *slog.Logger // nil for silence

	More []Endpoint // further addresses of this box, offered as candidates too; owned like the first
}

// Engine makes peers. It is safe for use by many goroutines. An engine is cheap: a dialling side makes one for each dial, with a socket
// of its own, because two connections over one pair of sockets break each other.
type Engine struct {
	cfg         Config
	log         *slog.Logger
	certificate webrtc.Certificate
	net         *udp.Net

	open sync.Once // makes the muxes when the first peer needs them
	udp  *udp.Mux
	tcp  *ice.TCPMuxDefault
	more []endpoint

	mu     sync.Mutex
	peers  map[*Peer]struct{}
	closed bool
}

// New checks cfg and makes the engine's certificate. It starts nothing.
func New(cfg Config) (*Engine, error) {
	if cfg.UDP == nil {
		return nil, errors.New("rtc: no UDP socket")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	certificate, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("make DTLS certificate: %w", err)
	}
	return &Engine{cfg: cfg, log: cfg.Log, certificate: *certificate, net: udp.NewNet(), peers: map[*Peer]struct{}{}}, nil
}

// newCertificate makes a certificate that is only ever compared with the fingerprint in a description. Its dates are so wide that
// neither a box that runs for years nor one with a wrong clock meets them.
func newCertificate() (*webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return webrtc.NewCertificate(key, x509.Certificate{
		SerialNumber: serial,
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	})
}

// LocalAddr is the address of the UDP socket.
func (e *Engine) LocalAddr() *net.UDPAddr { return e.cfg.UDP.LocalAddr().(*net.UDPAddr) }

// Close ends every peer, waits for them, and closes the sockets. Closing twice is harmless.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	peers := make([]*Peer, 0, len(e.peers))
	for p := range e.peers {
		peers = append(peers, p)
	}
	e.mu.Unlock()

	for _, p := range peers {
		p.End(ErrClosed)
	}
	for _, p := range peers {
		<-p.Done()
	}
	e.open.Do(func() {}) // no mux after this
	var err error
	if e.udp != nil {
		err = e.udp.Close() // closes the socket too
	} else {
		err = e.cfg.UDP.Close()
	}
	switch {
	case e.tcp != nil:
		err = errors.Join(err, e.tcp.Close()) // closes the listener too
	case e.cfg.TCP != nil:
		err = errors.Join(err, e.cfg.TCP.Close())
	}
	return errors.Join(err, e.closeMore())
}

// openMuxes starts pion's readers on the sockets. They end with Close.
func (e *Engine) openMuxes() {
	e.udp = udp.NewMux(e.cfg.UDP)
	if e.cfg.TCP != nil {
		e.tcp = e.tcpMux(e.cfg.TCP)
	}
	for _, m := range e.cfg.More {
		more := endpoint{udp: udp.NewMux(m.UDP)}
		if m.TCP != nil {
			more.tcp = e.tcpMux(m.TCP)
		}
		e.more = append(e.more, more)
	}
}

func (e *Engine) tcpMux(ln net.Listener) *ice.TCPMuxDefault {
	return ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener:                     newListener(ln),
		Logger:                       loggers{e.log}.NewLogger("tcp"),
		ReadBufferSize:               tcpReadBuffer,
		WriteBufferSize:              tcpWriteBuffer,
		FirstStunBindTimeout:         tcpFirst,
		AliveDurationForConnFromStun: tcpFirst,
	})
}

// add lets Close know of p; false when the engine is closed.
func (e *Engine) add(p *Peer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.peers[p] = struct{}{}
	return true
}

func (e *Engine) remove(p *Peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.peers, p)
}

// pathTimes are how soon a silent path is noticed, and how soon what it lost is sent again.
type pathTimes struct {
	keepAlive, disconnected, failed time.Duration
	// handshake is the first resend of a DTLS flight, which doubles. pion's second is a long time for someone who joins a lesson.
	handshake time.Duration
	// message is the longest wait before a lost message of a data channel is sent again, and all behind it waits with it: a link that was
	// cut must not stay silent after it is back.
	message time.Duration
}

var (
	// browserTimes leave a roaming tablet time to find its way back; the failure is final.
	browserTimes = pathTimes{keepAlive: 2 * time.Second, disconnected: 5 * time.Second, failed: 25 * time.Second,
		handshake: 300 * time.Millisecond, message: time.Second}
	// uplinkTimes: both ends are ours, and a lesson hangs on the link. A resend too early costs a kilobyte, one too late a picture.
	uplinkTimes = pathTimes{keepAlive: 500 * time.Millisecond, disconnected: 1500 * time.Millisecond, failed: 8 * time.Second,
		handshake: 150 * time.Millisecond, message: 500 * time.Millisecond}
)

// settings are what differs between connections.
type settings struct {
	times      pathTimes
	activeDTLS bool           // the other side insists on being the server
	tunnel     netip.AddrPort // where valid: the only candidate, this end of a tunnel
	buffers    func(packetio.BufferPacketType, uint32) io.ReadWriteCloser
}

// connection makes a pion connection that knows exactly the codecs and extensions of media.
func (e *Engine) connection(media *webrtc.MediaEngine, c settings) (*webrtc.PeerConnection, error) {
	e.open.Do(e.openMuxes)
	if e.udp == nil {
		return nil, ErrClosed
	}
	mux := e.udpMux()
	if c.tunnel.IsValid() {
		var err error
		if mux, err = e.udp.Tunnel(c.tunnel); err != nil {
			return nil, err
		}
	}
	var s webrtc.SettingEngine
	s.LoggerFactory = loggers{e.log}
	s.BufferFactory = c.buffers
	// As the server we choose, and GCM costs a sixth of CM with SHA-1; some clients know only the last.
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetSRTPReplayProtectionWindow(replayWindow)
	if !c.activeDTLS {
		if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
			return nil, err
		}
	}
	s.SetDTLSRetransmissionInterval(c.times.handshake)
	s.SetDTLSInsecureSkipHelloVerify(true) // ICE has proved the address already: a round trip saved
	s.SetReceiveMTU(receiveMTU)
	s.SetSCTPRTOMax(c.times.message)
	s.SetSCTPMinCwnd(sctpWindow)
	s.SetSCTPMaxMessageSize(maxMessage)
	s.SetICETimeouts(c.times.disconnected, c.times.failed, c.times.keepAlive)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // a .local candidate is passed over; the peer's checks find us
	s.SetPrflxAcceptanceMinWait(foundWait)                 // which is how browsers without a camera are found
	s.SetIncludeLoopbackCandidate(e.loopback())
	s.DisableActiveTCP(true)
	s.SetICEUDPMux(mux)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if tcp := e.allTCP(); tcp != nil && !c.tunnel.IsValid() {
		s.SetICETCPMux(tcp)
		if own := e.listens(); own != nil {
			s.SetIPFilter(own) // concerns TCP alone: the UDP muxes list their addresses themselves
		}
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.SetNet(e.net)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	return api.NewPeerConnection(webrtc.Configuration{
		Certificates: []webrtc.Certificate{e.certificate},
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
		SDPSemantics: webrtc.SDPSemanticsUnifiedPlan,
	})
}
