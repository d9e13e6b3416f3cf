// Package peer holds headless clients of a box, written on plain pion so that they share no code with what they judge: a Teacher that
// publishes the synthetic lesson by WHIP (RFC 9725), and a Classroom that watches it by WHEP and measures what a room would see and hear.
// Each has a blocking Run that ends with its context; both come back by themselves when the box or the network was away.
package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/packet"
)

// Config says which box and lesson a peer talks to.
type Config struct {
	URL    string // of the box: http://127.0.0.1:8080 or https://box:8443
	Lesson string
	Token  string       // bearer token; may be empty on a box's loopback port
	Client *http.Client // nil: http.DefaultClient; see NewHTTPClient
	Log    *slog.Logger // nil: silent

	// Observe is told of each packet that a classroom took in, nil: nobody asks. It is called with a lock held and must be quick.
	Observe func(o Observation)
	// Sent is told of each packet that a teacher is about to send, nil: nobody asks. It must be quick.
	Sent func(s Sent)
	// Timestamps gives the RTP timestamp of unit 0 of a track ("voice", "camera", "board"), so that a packet's timestamp names its unit in any
	// run; nil: random ones.
	Timestamps func(track string) uint32
}

// Observation is one packet as a classroom took it in.
type Observation struct {
	Kind      string // "voice", "camera", "board"
	Codec     codec.Codec
	Timestamp uint32
	Payload   []byte // valid during the call
	At        packet.Time
	Repair    bool // a retransmission
	Fresh     bool // not seen before
	Shown     int  // pictures that it made decodable
}

// Sent is one packet that a teacher sends.
type Sent struct {
	Track          string // "voice", "camera", "board"
	Unit           int64  // units since the teacher's epoch; its place in the clip is this modulo the clip's length
	Index, Packets int    // this packet's place in the unit
	At             packet.Time
}

func (c Config) validate() (Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return c, fmt.Errorf("url: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return c, fmt.Errorf("url %q: want http://host:port or https://host:port", c.URL)
	}
	if c.Lesson == "" {
		return c, errors.New("lesson: none named")
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	return c, nil
}

// loopback reports whether the box is on this machine, so that no other interface needs to be tried.
func (c Config) loopback() bool {
	u, err := url.Parse(c.URL)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// NewHTTPClient trusts the authorities in caFile (PEM) and no others.
func NewHTTPClient(caFile string) (*http.Client, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate", caFile)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, nil
}

// How a peer notices that its box is gone and comes back. A connection that was cut without a word is given up after iceSilence.
const (
	iceSilence   = 1200 * time.Millisecond
	iceFailed    = 800 * time.Millisecond
	iceKeepalive = 300 * time.Millisecond
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = time.Second
	httpTimeout  = 5 * time.Second
	maxSDP       = 256 << 10
)

// Header extensions that a peer offers.
const (
	captureURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	twccURI    = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	midURI     = "urn:ietf:params:rtp-hdrext:sdes:mid"
)

// Payload types as offered; the box answers with the same ones.
const (
	opusPT = 111
	redPT  = 63
	h264PT = 102
	h264RX = 103
	vp8PT  = 96
	vp8RX  = 97
)

// newAPI is pion with the codecs and extensions of a browser and the interceptors that register adds.
func newAPI(loopback, vp8 bool, register func(*webrtc.MediaEngine, *interceptor.Registry) error) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2,
			SDPFmtpLine: "111/111"}, PayloadType: redPT},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
			SDPFmtpLine: "minptime=10;useinbandfec=1"}, PayloadType: opusPT},
	} {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	feedback := []webrtc.RTCPFeedback{{Type: "transport-cc"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	video := []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", RTCPFeedback: feedback}, PayloadType: h264PT},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=102"}, PayloadType: h264RX},
	}
	if vp8 {
		video = append(video,
			webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
				RTCPFeedback: feedback}, PayloadType: vp8PT},
			webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000,
				SDPFmtpLine: "apt=96"}, PayloadType: vp8RX})
	}
	for _, c := range video {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	for _, uri := range []string{midURI, captureURI, twccURI} {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return nil, err
			}
		}
	}
	r := &interceptor.Registry{}
	if err := register(m, r); err != nil {
		return nil, err
	}
	wide, err := newWideNet()
	if err != nil {
		return nil, err
	}
	var s webrtc.SettingEngine
	s.SetNet(wide)
	s.LoggerFactory = silent()
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(iceSilence, iceFailed, iceKeepalive)
	s.SetIncludeLoopbackCandidate(true)
	if loopback {
		s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r), webrtc.WithSettingEngine(s)), nil
}

// silent keeps pion's own words off standard error, where a peer's program shows its figures: what a lost connection means is told by Stats.
func silent() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}

// statusError is an answer other than 201.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.code, http.StatusText(e.code), e.text)
}

// connect offers pc to endpoint and sets the answer. It returns the resource's address.
func (c Config) connect(ctx context.Context, pc *webrtc.PeerConnection, endpoint string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	gathered := webrtc.GatheringCompletePromise(pc)
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("create offer: %w", err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("set offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	c.authorize(req)
	resp, err := c.Client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSDP))
	if err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != http.StatusCreated {
		return "", &statusError{resp.StatusCode, strings.TrimSpace(string(body))}
	}
	location, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return "", fmt.Errorf("answer names no resource (Location %q)", resp.Header.Get("Location"))
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}); err != nil {
		return location.String(), fmt.Errorf("set answer: %w", err)
	}
	return location.String(), nil
}

func (c Config) authorize(req *http.Request) {
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
}

// leave deletes the resource, so that the box need not wait for a timeout. It works after ctx has ended and never takes long.
func (c Config) leave(ctx context.Context, resource string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, resource, nil)
	if err != nil {
		return
	}
	c.authorize(req)
	if resp, err := c.Client.Do(req); err == nil {
		resp.Body.Close()
	}
}

// repeat calls session again and again until ctx ends, at once after one that had connected, with growing pauses otherwise.
func repeat(ctx context.Context, session func(context.Context) (connected bool, err error), failed func(error)) error {
	pause := firstBackoff
	for {
		connected, err := session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		failed(err)
		if connected {
			pause = firstBackoff
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, lastBackoff)
	}
}

// watchState returns channels that are closed when pc has connected, and when it has been lost.
func watchState(pc *webrtc.PeerConnection) (connected, lost <-chan struct{}) {
	up, down := make(chan struct{}), make(chan struct{})
	var wasUp, wasDown sync.Once // pion calls the handler from a goroutine of its own for each change
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			wasUp.Do(func() { close(up) })
		case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			wasDown.Do(func() { close(down) })
		}
	})
	return up, down
}

// errLost says that a session that had been connected ended.
var errLost = errors.New("connection lost")

// connectTimeout is how long a session that was answered may take until media can flow.
const connectTimeout = 4 * time.Second

// A session in which nothing was heard for silence asks the box whether it still knows it, each time again: a box that was restarted does
// not, and ICE would take longer to notice.
const silence = 500 * time.Millisecond

// session is one answered connection.
type session struct {
	cfg             Config
	resource        string
	connected, lost <-chan struct{}
	heard           *atomic.Int64 // packet.Time of the latest packet from the box
}

// stay waits until the session is connected, calls started, and returns when it is lost or ctx ends.
func (s session) stay(ctx context.Context, started func()) (bool, error) {
	select {
	case <-s.connected:
	case <-s.lost:
		return false, errLost
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(connectTimeout):
		return false, errors.New("answered, but not connected in 4 s")
	}
	started()
	s.heard.Store(int64(packet.Now()))
	tick := time.NewTicker(silence / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if packet.Now().Sub(packet.Time(s.heard.Load())) < silence {
				continue
			}
			if err := s.cfg.known(ctx, s.resource); err != nil {
				return true, err
			}
		case <-s.lost:
			return true, errLost
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
}

// known asks whether the box still has the resource.
func (c Config) known(ctx context.Context, resource string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, resource, nil)
	if err != nil {
		return err
	}
	c.authorize(req)
	resp, err := c.Client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return errLost
	}
	return nil
}
