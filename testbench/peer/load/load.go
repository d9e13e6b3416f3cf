// Package load drives a relay in another process with a fixed load and reads what that costs: processor time and memory of the process,
// and how long packets take. Publisher and subscribers are stock pion without interceptors, so that they cost little and favour nobody.
//
// The load is that of one teacher: 25 frames/s of 10 packets with 1187-byte payloads (1199 bytes of RTP), spread over 16 ms of each
// 40 ms as an encoder's pacer does, and 50 packets/s of 120-byte sound. Each packet carries the moment it was sent.
package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	frameRate     = 25
	framePackets  = 10
	packetPayload = 1187
	spread        = 16 * time.Millisecond
	voiceEvery    = 20 * time.Millisecond
	voicePayload  = 120
)

// Target is where the load goes. Publish and Watch may be different boxes.
type Target struct {
	Publish      string // URL of the WHIP endpoint
	PublishToken string
	Watch        string // URL of the WHEP endpoint
	WatchToken   string
	PIDs         []int // processes whose cost is read
}

// Result is what a run has cost.
type Result struct {
	Subscribers int
	Forwarded   uint64        // packets that all subscribers received in the window
	Expected    uint64        // packets sent in the window × subscribers
	CPU         time.Duration // user and system time of all processes in the window
	RSSBefore   uint64        // bytes, before the first subscriber
	RSSAfter    uint64        // bytes, at the end
	P50, P99    time.Duration // from before the publisher's write to after a subscriber's read, pictures only
}

// MicrosPerPacket is processor time per forwarded packet.
func (r Result) MicrosPerPacket() float64 {
	if r.Forwarded == 0 {
		return 0
	}
	return float64(r.CPU.Microseconds()) / float64(r.Forwarded)
}

// MiBPerSubscriber is how much the processes grew for each subscriber.
func (r Result) MiBPerSubscriber() float64 {
	return (float64(r.RSSAfter) - float64(r.RSSBefore)) / float64(r.Subscribers) / (1 << 20)
}

// Run publishes, subscribes n times, lets 2 s pass and measures for d.
func Run(ctx context.Context, t Target, n int, d time.Duration) (Result, error) {
	res := Result{Subscribers: n}
	api, err := newAPI()
	if err != nil {
		return res, err
	}
	pub, err := newPublisher(ctx, api, t)
	if err != nil {
		return res, fmt.Errorf("publish: %w", err)
	}
	defer pub.pc.Close()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { pub.run(ctx) }) // ends with ctx
	time.Sleep(time.Second)
	if res.RSSBefore, err = rss(t.PIDs); err != nil {
		return res, err
	}
	watchers := make([]*watcher, n)
	for i := range watchers {
		if watchers[i], err = newWatcher(ctx, api, t); err != nil {
			return res, fmt.Errorf("subscriber %d: %w", i, err)
		}
		defer watchers[i].pc.Close()
	}
	time.Sleep(2 * time.Second)
	before, err := cpu(t.PIDs)
	if err != nil {
		return res, err
	}
	sent := pub.sent()
	for _, w := range watchers {
		w.reset()
	}
	time.Sleep(d)
	after, err := cpu(t.PIDs)
	if err != nil {
		return res, err
	}
	res.CPU = after - before
	res.Expected = (pub.sent() - sent) * uint64(n)
	total := hdrhistogram.New(1, 10_000_000, 3)
	for _, w := range watchers {
		got, h := w.read()
		res.Forwarded += got
		total.Merge(h)
	}
	res.P50 = time.Duration(total.ValueAtQuantile(50)) * time.Microsecond
	res.P99 = time.Duration(total.ValueAtQuantile(99)) * time.Microsecond
	res.RSSAfter, err = rss(t.PIDs)
	return res, err
}

func newAPI() (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, PayloadType: 111},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, PayloadType: 102},
	} {
		kind := webrtc.RTPCodecTypeVideo
		if c.MimeType == webrtc.MimeTypeOpus {
			kind = webrtc.RTPCodecTypeAudio
		}
		if err := m.RegisterCodec(c, kind); err != nil {
			return nil, err
		}
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(s)), nil
}

// connect offers pc to url and waits until it is connected.
func connect(ctx context.Context, pc *webrtc.PeerConnection, url, token string) error {
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(up) })
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/sdp")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}); err != nil {
		return err
	}
	select {
	case <-up:
		return nil
	case <-time.After(15 * time.Second):
		return errors.New("not connected after 15 s")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clock is where the times in the payloads count from.
var clock = time.Now()

// publisher sends the load.
type publisher struct {
	pc           *webrtc.PeerConnection
	video, voice *webrtc.TrackLocalStaticRTP

	mu    sync.Mutex
	count uint64 // packets
}

func newPublisher(ctx context.Context, api *webrtc.API, t Target) (*publisher, error) {
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	p := &publisher{pc: pc}
	p.video, _ = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000}, "v", "s")
	p.voice, _ = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "a", "s")
	for _, track := range []webrtc.TrackLocal{p.voice, p.video} {
		if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			pc.Close()
			return nil, err
		}
	}
	if err := connect(ctx, pc, t.Publish, t.PublishToken); err != nil {
		pc.Close()
		return nil, err
	}
	return p, nil
}

func (p *publisher) sent() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func (p *publisher) note() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
}

// sps is a parameter set of 640×480 constrained baseline, so that the first packet of each second is a place to begin.
var sps = []byte{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x1e, 0xd0, 0x0f, 0x08, 0x84, 0x6a}

func (p *publisher) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { p.speak(ctx) })
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 102}, Payload: make([]byte, packetPayload)}
	next := time.Now()
	for frame := 0; ctx.Err() == nil; frame++ {
		for i := range framePackets {
			at := next.Add(spread * time.Duration(i) / framePackets)
			time.Sleep(time.Until(at))
			clear(pkt.Payload[:32])
			pkt.Payload[0] = 0x41
			if i == 0 && frame%frameRate == 0 {
				copy(pkt.Payload, sps)
			}
			binary.BigEndian.PutUint64(pkt.Payload[16:], uint64(time.Since(clock)))
			pkt.SequenceNumber++
			pkt.Timestamp = uint32(frame * 90000 / frameRate)
			pkt.Marker = i == framePackets-1
			if p.video.WriteRTP(pkt) != nil {
				return
			}
			p.note()
		}
		next = next.Add(time.Second / frameRate)
	}
}

func (p *publisher) speak(ctx context.Context) {
	tick := time.NewTicker(voiceEvery)
	defer tick.Stop()
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111}, Payload: make([]byte, voicePayload)}
	pkt.Payload[0] = 0x78 // 20 ms, full band
	for {
		select {
		case <-tick.C:
			pkt.SequenceNumber++
			pkt.Timestamp += 960
			if p.voice.WriteRTP(pkt) != nil {
				return
			}
			p.note()
		case <-ctx.Done():
			return
		}
	}
}

// watcher is one subscriber.
type watcher struct {
	pc *webrtc.PeerConnection

	mu      sync.Mutex
	packets uint64
	delay   *hdrhistogram.Histogram
}

func newWatcher(ctx context.Context, api *webrtc.API, t Target) (*watcher, error) {
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	w := &watcher{pc: pc, delay: hdrhistogram.New(1, 10_000_000, 3)}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			pc.Close()
			return nil, err
		}
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buf := make([]byte, 1500)
		for {
			n, _, err := track.Read(buf)
			if err != nil {
				return
			}
			w.note(track.Kind() == webrtc.RTPCodecTypeVideo, buf[:n])
		}
	})
	if err := connect(ctx, pc, t.Watch, t.WatchToken); err != nil {
		pc.Close()
		return nil, err
	}
	return w, nil
}

// note counts a packet, and takes the time of a picture's.
func (w *watcher) note(video bool, b []byte) {
	now := time.Since(clock)
	var h rtp.Header
	n, err := h.Unmarshal(b)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packets++
	if !video || len(b) < n+24 {
		return
	}
	d := now - time.Duration(binary.BigEndian.Uint64(b[n+16:]))
	_ = w.delay.RecordValue(max(d.Microseconds(), 1)) // out of range only after 10 s
}

func (w *watcher) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packets = 0
	w.delay.Reset()
}

func (w *watcher) read() (uint64, *hdrhistogram.Histogram) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.packets, hdrhistogram.Import(w.delay.Export())
}
