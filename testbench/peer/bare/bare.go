// Package bare is the least relay that can be built from stock pion: WHIP in, WHEP out, packets copied by webrtc.TrackLocalStaticRTP with
// pion's default interceptors. The product is measured beside it in the same run, and the peers and pages are tested against it. It keeps
// no rights, no limits and no sessions: it is for loopback only.
package bare

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Relay is an http.Handler for /whip/{lesson}[?source=board] and /whep/{lesson}, all one lesson.
type Relay struct {
	api *webrtc.API
	mux *http.ServeMux

	mu     sync.Mutex
	tracks [3]*webrtc.TrackLocalStaticRTP // voice, teacher, board
	pli    [3]func()                      // asks the publisher for a keyframe
	peers  map[string]*webrtc.PeerConnection
}

// Drop says which first transmissions to subscribers are lost on the way.
type Drop func(h *rtp.Header) bool

// New makes a relay; drop may be nil.
func New(drop Drop) (*Relay, error) { return NewOn(nil, drop) }

// NewOn makes a relay whose media all goes by one socket, that its caller closes after it; nil: sockets of its own.
func NewOn(conn net.PacketConn, drop Drop) (*Relay, error) {
	m := &webrtc.MediaEngine{}
	red := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2,
		SDPFmtpLine: "111/111"}, PayloadType: 63}
	if err := m.RegisterCodec(red, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{
			URI: "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"}, kind); err != nil {
			return nil, err
		}
	}
	registry := &interceptor.Registry{}
	if drop != nil {
		registry.Add(dropper{drop: drop}) // first added is next to the network
	}
	if err := webrtc.RegisterDefaultInterceptors(m, registry); err != nil {
		return nil, err
	}
	var s webrtc.SettingEngine
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeQueryOnly)
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	if conn != nil {
		s.SetICEUDPMux(webrtc.NewICEUDPMux(logging.NewDefaultLeveledLoggerForScope("bare", logging.LogLevelDisabled, io.Discard), conn))
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	s.SetICETimeouts(2*time.Second, 4*time.Second, 500*time.Millisecond)
	r := &Relay{api: webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(s)),
		mux: http.NewServeMux(), peers: make(map[string]*webrtc.PeerConnection)}
	r.mux.HandleFunc("POST /whip/{lesson}", func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, r.publish) })
	r.mux.HandleFunc("POST /whep/{lesson}", func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, r.watch) })
	r.mux.HandleFunc("/whip/{lesson}/{id}", r.resource)
	r.mux.HandleFunc("/whep/{lesson}/{id}", r.resource)
	return r, nil
}

// ServeHTTP implements http.Handler.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // the page that measures has an origin of its own
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Allow-Methods", "POST, DELETE")
	w.Header().Set("Access-Control-Expose-Headers", "Location")
	if req.Method == http.MethodOptions {
		return
	}
	r.mux.ServeHTTP(w, req)
}

// Close ends all connections, as a box that stops.
func (r *Relay) Close() {
	r.mu.Lock()
	peers := r.peers
	r.peers = make(map[string]*webrtc.PeerConnection)
	r.mu.Unlock()
	for _, pc := range peers {
		_ = pc.Close()
	}
}

// serve answers one offer; prepare adds what the connection carries.
func (r *Relay) serve(w http.ResponseWriter, req *http.Request, prepare func(pc *webrtc.PeerConnection, source string) error) {
	offer, err := io.ReadAll(io.LimitReader(req.Body, 256<<10))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	pc, err := r.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, "no connection", http.StatusInternalServerError)
		return
	}
	answer, err := func() (string, error) {
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
			return "", err
		}
		if err := prepare(pc, req.URL.Query().Get("source")); err != nil {
			return "", err
		}
		a, err := pc.CreateAnswer(nil)
		if err != nil {
			return "", err
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(a); err != nil {
			return "", err
		}
		<-gathered
		return pc.LocalDescription().SDP, nil
	}()
	if err != nil {
		_ = pc.Close()
		code := http.StatusUnprocessableEntity
		if errors.Is(err, errEarly) {
			code = http.StatusNotFound
		}
		http.Error(w, err.Error(), code)
		return
	}
	id := rand.Text()
	r.mu.Lock()
	r.peers[id] = pc
	r.mu.Unlock()
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			r.mu.Lock()
			delete(r.peers, id)
			r.mu.Unlock()
			_ = pc.Close()
		}
	})
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", req.URL.Path+"/"+id)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

// resource answers for one session: DELETE ends it, anything else asks whether it is there.
func (r *Relay) resource(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	pc := r.peers[req.PathValue("id")]
	if req.Method == http.MethodDelete {
		delete(r.peers, req.PathValue("id"))
	}
	r.mu.Unlock()
	if pc == nil {
		http.NotFound(w, req)
		return
	}
	if req.Method == http.MethodDelete {
		_ = pc.Close()
	}
}

func (r *Relay) publish(pc *webrtc.PeerConnection, source string) error {
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		place := 1
		switch {
		case t.Kind() == webrtc.RTPCodecTypeAudio:
			place = 0
		case source == "board":
			place = 2
		}
		local, err := r.track(place, t.Codec().RTPCodecCapability)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.pli[place] = func() {
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
		}
		r.mu.Unlock()
		for { // ends when pc is closed
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			p.Header.Extension, p.Header.Extensions = false, nil // their numbers belong to the publisher's connection
			if err := local.WriteRTP(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				return
			}
		}
	})
	return nil
}

// track is the local track of a place; it stays when its publisher comes back, so that subscribers stay too.
func (r *Relay) track(place int, c webrtc.RTPCodecCapability) (*webrtc.TrackLocalStaticRTP, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tracks[place]; t != nil && t.Codec().MimeType == c.MimeType {
		return t, nil
	}
	t, err := webrtc.NewTrackLocalStaticRTP(c, [3]string{"voice", "teacher", "board"}[place], "bare")
	if err == nil {
		r.tracks[place] = t
	}
	return t, err
}

var errEarly = errors.New("not everything is published yet")

// watch adds the tracks that are there; who comes before the publishers sees nothing.
func (r *Relay) watch(pc *webrtc.PeerConnection, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range r.tracks[:min(len(r.tracks), len(pc.GetTransceivers()))] { // who offers two places wants no board
		if t == nil {
			return errEarly
		}
		sender, err := pc.AddTrack(t)
		if err != nil {
			return err
		}
		ask := r.pli[i]
		go func() { // ends when pc is closed
			for {
				packets, _, err := sender.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					if _, ok := p.(*rtcp.PictureLossIndication); ok && ask != nil {
						ask()
					}
				}
			}
		}()
	}
	return nil
}

// dropper loses first transmissions; a retransmission has a stream of its own.
type dropper struct {
	interceptor.NoOp
	drop Drop
}

// NewInterceptor implements interceptor.Factory.
func (d dropper) NewInterceptor(string) (interceptor.Interceptor, error) { return &d, nil }

// BindLocalStream implements interceptor.Interceptor.
func (d *dropper) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	if strings.Contains(info.MimeType, "rtx") {
		return next
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if h.SSRC == info.SSRC && d.drop(h) {
			return len(payload), nil
		}
		return next.Write(h, payload, a)
	})
}
