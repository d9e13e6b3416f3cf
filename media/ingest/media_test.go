package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	pionmedia "github.com/pion/webrtc/v4/pkg/media"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
	"tongke/media/udp"
)

// box is a real relay and engine behind a real HTTP server, all on loopback.
type box struct {
	*Server
	t       *testing.T
	url     string
	relay   *relay.Relay
	lessons *fakeLessons
}

func newBox(t *testing.T) *box {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("TONGKE_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	split := udp.Split(ln)
	engine, err := rtc.New(rtc.Config{UDP: conn, TCP: split.ICE(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, relay: relay.New(relay.Config{Log: log, Batch: conn}), lessons: &fakeLessons{known: map[string]bool{"math": true}, in: map[string]int{}}}
	b.Server = New(Config{Engine: engine, Relay: b.relay, Box: "box1", Authorize: authorize, Lessons: b.lessons, Limits: DefaultLimits(), Log: log})
	web := httptest.NewServer(b.Server)
	b.url = web.URL

	ctx, cancel := context.WithCancel(context.Background())
	relayed, stopRelay := context.WithCancel(context.Background())
	var wg, relays sync.WaitGroup
	wg.Go(func() { _ = split.Run(ctx) })
	wg.Go(func() { _ = b.Run(ctx) })
	relays.Go(func() { _ = b.relay.Run(relayed) })
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
		cancel()
		wg.Wait()
		stopRelay()
		relays.Wait()
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// client is a WHIP or WHEP client made of pion.
type client struct {
	t        *testing.T
	pc       *webrtc.PeerConnection
	base     string
	token    string
	location string
	etag     string
	answer   string

	packets [2]atomic.Int64 // received, by kind
	mimes   sync.Map        // kind → mime type received
	plis    atomic.Int64
}

func newClient(t *testing.T, change func(*webrtc.SettingEngine)) *client {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	s.SetICETimeouts(2*time.Second, 20*time.Second, 200*time.Millisecond)
	if change != nil {
		change(&s)
	}
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, pc: pc}
	t.Cleanup(c.close)
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		kind := track.Audio
		if remote.Kind() == webrtc.RTPCodecTypeVideo {
			kind = track.Video
		}
		for {
			if _, _, err := remote.ReadRTP(); err != nil {
				return
			}
			c.packets[kind].Add(1)
			c.mimes.Store(kind, remote.Codec().MimeType)
		}
	})
	return c
}

func (c *client) close() { _ = c.pc.GracefulClose() }

// H264 that a relay takes for pictures: real parameter sets, and slices of which only the headers are read.
var (
	sps   = []byte{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	pps   = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
	slice = func(nal, head byte) []byte { return append([]byte{nal, head}, bytes.Repeat([]byte{0x55}, 600)...) }
)

func frame(nals ...[]byte) []byte {
	var out []byte
	for _, n := range nals {
		out = append(append(out, 0, 0, 0, 1), n...)
	}
	return out
}

// publish adds sound and pictures of 25 frames/s, and sends them until the client is closed. bframes makes every third picture a B-frame.
func (c *client) publish(mime string, bframes bool) {
	c.t.Helper()
	capability := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000}
	if mime == webrtc.MimeTypeH264 {
		capability.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	}
	video, err := webrtc.NewTrackLocalStaticSample(capability, "v", "s")
	if err != nil {
		c.t.Fatal(err)
	}
	audio, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "a", "s")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, l := range []webrtc.TrackLocal{audio, video} {
		tr, err := c.pc.AddTransceiverFromTrack(l, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			c.t.Fatal(err)
		}
		if l == webrtc.TrackLocal(video) { // a static track has one codec, and cannot follow the answer's choice
			if err := tr.SetCodecPreferences([]webrtc.RTPCodecParameters{{RTPCodecCapability: capability, PayloadType: 96}}); err != nil {
				c.t.Fatal(err)
			}
		}
		sender := tr.Sender()
		go func() { // ends when the connection is closed
			for {
				pkts, _, err := sender.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range pkts {
					if strings.Contains(strings.ToLower(fmt.Sprintf("%T", p)), "pictureloss") {
						c.plis.Add(1)
					}
				}
			}
		}()
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { send(stop, mime, video, audio, bframes) })
	c.t.Cleanup(func() { close(stop); wg.Wait() })
}

func send(stop chan struct{}, mime string, video, audio *webrtc.TrackLocalStaticSample, bframes bool) {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		picture := frame(slice(0x41, 0x9a))
		switch {
		case mime == webrtc.MimeTypeVP8 && i%25 == 0:
			picture = append([]byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00}, bytes.Repeat([]byte{1}, 500)...)
		case mime == webrtc.MimeTypeVP8:
			picture = append([]byte{0x11, 0, 0}, bytes.Repeat([]byte{1}, 500)...)
		case i%25 == 0:
			picture = frame(sps, pps, slice(0x65, 0x88))
		case bframes && i%3 == 0:
			picture = frame(slice(0x01, 0xa8)) // first_mb 0, slice_type 1
		}
		_ = video.WriteSample(pionmedia.Sample{Data: picture, Duration: 40 * time.Millisecond}) // not connected yet, or closed
		for range 2 {
			_ = audio.WriteSample(pionmedia.Sample{Data: []byte{0xfc, 1, 2, 3}, Duration: 20 * time.Millisecond})
		}
	}
}

// watchOnly adds what a subscriber has.
func (c *client) watchOnly(videos int) {
	c.t.Helper()
	kinds := []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio}
	for range videos {
		kinds = append(kinds, webrtc.RTPCodecTypeVideo)
	}
	for _, k := range kinds {
		if _, err := c.pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// offer makes and sets the offer, with candidates unless late.
func (c *client) offer(late bool) string {
	c.t.Helper()
	gathered := webrtc.GatheringCompletePromise(c.pc)
	o, err := c.pc.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(o); err != nil {
		c.t.Fatal(err)
	}
	<-gathered
	sdp := c.pc.LocalDescription().SDP
	if late {
		var kept strings.Builder
		for line := range strings.Lines(sdp) {
			if !strings.HasPrefix(line, "a=candidate") && !strings.HasPrefix(line, "a=end-of") {
				kept.WriteString(line)
			}
		}
		return kept.String()
	}
	return sdp
}

func (c *client) request(method, url, typ, body string, header ...string) *http.Response {
	c.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if typ != "" {
		r.Header.Set("Content-Type", typ)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp
}

// dial POSTs the offer and sets the answer.
func (c *client) dial(b *box, path, token string, late bool) *client {
	c.t.Helper()
	c.token, c.base = token, b.url
	r := c.request("POST", b.url+path, typeSDP, c.offer(late))
	body := text(c.t, r)
	if r.StatusCode != 201 {
		c.t.Fatalf("%s: %d %s", path, r.StatusCode, body)
	}
	c.location, c.etag, c.answer = b.url+r.Header.Get("Location"), r.Header.Get("ETag"), body
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: body}); err != nil {
		c.t.Fatalf("set answer: %v\n%s", err, body)
	}
	return c
}

// flows waits for n more packets of each kind.
func (c *client) flows(n int64) {
	c.t.Helper()
	from := [2]int64{c.packets[0].Load(), c.packets[1].Load()}
	began := time.Now()
	for time.Since(began) < 10*time.Second {
		if c.packets[0].Load() >= from[0]+n && c.packets[1].Load() >= from[1]+n {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.t.Fatalf("after %v: %d sound and %d picture packets more, want %d", time.Since(began),
		c.packets[0].Load()-from[0], c.packets[1].Load()-from[1], n)
}

func (c *client) mime() string {
	m, _ := c.mimes.Load(track.Video)
	s, _ := m.(string)
	return s
}

func TestPublishAndWatch(t *testing.T) {
	for _, mime := range []string{webrtc.MimeTypeH264, webrtc.MimeTypeVP8} {
		t.Run(mime, func(t *testing.T) {
			b := newBox(t)
			pub := newClient(t, nil)
			pub.publish(mime, false)
			pub.dial(b, "/whip/physics", "pub-a", false) // the lesson is made
			if !strings.Contains(pub.answer, "a=recvonly") || strings.Contains(pub.answer, "a=send") {
				t.Errorf("answer to a publisher:\n%s", pub.answer)
			}
			sub := newClient(t, nil)
			sub.watchOnly(1)
			sub.dial(b, "/whep/physics", "sub-a", false)
			if strings.Count(sub.answer, "a=sendonly") != 2 {
				t.Errorf("answer to a subscriber:\n%s", sub.answer)
			}
			sub.flows(20)
			if !strings.EqualFold(sub.mime(), mime) {
				t.Errorf("received %s", sub.mime())
			}
			if n := b.Subscribers("physics"); n != 1 {
				t.Errorf("%d subscribers", n)
			}
			if r := sub.request("DELETE", sub.location, "", ""); r.StatusCode != 200 {
				t.Errorf("DELETE: %d", r.StatusCode)
			}
			if r := pub.request("DELETE", pub.location, "", ""); r.StatusCode != 200 {
				t.Errorf("DELETE: %d", r.StatusCode)
			}
			if r := pub.request("DELETE", pub.location, "", ""); r.StatusCode != 404 {
				t.Errorf("second DELETE: %d", r.StatusCode)
			}
			eventually(t, func() bool { return len(b.relay.Sources()) == 0 })
			if s := b.Stats(); s.Publishers+s.Subscribers != 0 || b.lessons.present("physics/teacher") != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestWatchBeforePublish(t *testing.T) {
	b := newBox(t)
	sub := newClient(t, nil)
	sub.watchOnly(1)
	sub.dial(b, "/whep/math", "sub-a", false)
	pub := newClient(t, nil)
	pub.publish(webrtc.MimeTypeVP8, false)
	pub.dial(b, "/whip/math", "pub-a", false)
	sub.flows(20)
}

func TestBoardIsTheSecondPicture(t *testing.T) {
	b := newBox(t)
	board := newClient(t, nil)
	board.publish(webrtc.MimeTypeH264, false)
	board.dial(b, "/whip/math?source=board", "pub-a", false)
	pupils := newClient(t, nil)
	pupils.publish(webrtc.MimeTypeH264, false)
	pupils.dial(b, "/whip/math?source=pupils", "pub-a", false)
	eventually(t, func() bool { return len(b.relay.Sources()) == 2 })
	for _, s := range b.relay.Sources() {
		if s.Kind != track.Video || s.Key.Origin != "box1" {
			t.Errorf("%+v: board and pupils bring no sound", s)
		}
	}
	one, two := newClient(t, nil), newClient(t, nil)
	one.watchOnly(1)
	one.dial(b, "/whep/math", "sub-a", false)
	two.watchOnly(3)
	two.dial(b, "/whep/math", "sub-b", false)
	eventually(t, func() bool { return two.packets[track.Video].Load() > 20 })
	if n := one.packets[track.Video].Load(); n != 0 {
		t.Errorf("%d packets for the teacher's place, who is not there", n)
	}
	if a := two.packets[track.Audio].Load(); a != 0 {
		t.Errorf("%d sound packets", a)
	}
}

func TestReplaceWithoutAGap(t *testing.T) {
	b := newBox(t)
	first := newClient(t, nil)
	first.publish(webrtc.MimeTypeH264, false)
	first.dial(b, "/whip/math", "pub-a", false)
	sub := newClient(t, nil)
	sub.watchOnly(1)
	sub.dial(b, "/whep/math", "sub-a", false)
	sub.flows(20)

	rival := newClient(t, nil)
	rival.publish(webrtc.MimeTypeH264, false)
	rival.token = "pub-b"
	expect(t, rival.request("POST", b.url+"/whip/math", typeSDP, rival.offer(false)), 409, "source-taken")

	second := newClient(t, nil)
	second.publish(webrtc.MimeTypeH264, false)
	second.dial(b, "/whip/math", "pub-a", false)
	expect(t, first.request("GET", first.location, "", ""), 404, "session-unknown")
	sub.flows(20)
	eventually(t, func() bool { return b.Stats().Publishers == 1 })
	sub.flows(20)
	eventually(t, func() bool { return first.pc.ConnectionState() == webrtc.PeerConnectionStateClosed })
	if n := b.lessons.present("math/teacher"); n != 1 {
		t.Errorf("%d present", n)
	}
}

func TestLateCandidatesAndRestart(t *testing.T) {
	b := newBox(t)
	pub := newClient(t, nil)
	pub.publish(webrtc.MimeTypeH264, false)
	pub.dial(b, "/whip/math", "pub-a", true)
	sub := newClient(t, nil)
	sub.watchOnly(1)
	sub.dial(b, "/whep/math", "sub-a", true)
	for _, c := range []*client{pub, sub} {
		r := c.request("PATCH", c.location, typeFragment, ownFragment(t, c.pc), "If-Match", c.etag)
		expect(t, r, 204, "")
	}
	sub.flows(20)

	for _, c := range []*client{pub, sub} {
		restartICE(t, c)
		sub.flows(20)
		restartICE(t, c)
		sub.flows(20)
	}
}

// restartICE does what a client does when its network has changed.
func restartICE(t *testing.T, c *client) {
	t.Helper()
	gathered := webrtc.GatheringCompletePromise(c.pc)
	o, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	<-gathered
	r := c.request("PATCH", c.location, typeFragment, ownFragment(t, c.pc), "If-Match", "*")
	body := text(t, r)
	if r.StatusCode != 200 || r.Header.Get("ETag") == c.etag {
		t.Fatalf("restart: %d %q", r.StatusCode, body)
	}
	c.etag = r.Header.Get("ETag")
	f, err := parseFragment(body)
	if err != nil || f.ufrag == "" || len(f.candidates) == 0 {
		t.Fatalf("%v in %q", err, body)
	}
	var answer strings.Builder
	for line := range strings.Lines(c.answer) {
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = "a=ice-ufrag:" + f.ufrag + "\r\n"
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = "a=ice-pwd:" + f.pwd + "\r\n"
		}
		answer.WriteString(line)
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.String()}); err != nil {
		t.Fatal(err)
	}
	old := c.request("PATCH", c.location, typeFragment, "a=end-of-candidates\r\n", "If-Match", `"old"`)
	expect(t, old, 412, "etag-stale")
}

func TestTCPOnly(t *testing.T) {
	b := newBox(t)
	tcp := func(s *webrtc.SettingEngine) { s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4}) }
	pub := newClient(t, tcp)
	pub.publish(webrtc.MimeTypeH264, false)
	pub.dial(b, "/whip/math", "pub-a", false)
	sub := newClient(t, tcp)
	sub.watchOnly(1)
	sub.dial(b, "/whep/math", "sub-a", false)
	sub.flows(20)
}

func TestCodecOfTheLesson(t *testing.T) {
	b := newBox(t)
	pub := newClient(t, nil)
	pub.publish(webrtc.MimeTypeVP8, false)
	pub.dial(b, "/whip/math", "pub-a", false)
	eventually(t, func() bool { return b.relay.LessonCodec("math") == codec.VP8 })
	c := newClient(t, nil)
	c.token = "pubsub-c"
	sdp := load(t, "obs-publish.sdp") // H264 alone
	expect(t, c.request("POST", b.url+"/whip/math?source=board", typeSDP, sdp), 422, "codec-mismatch")
	expect(t, c.request("POST", b.url+"/whep/math", typeSDP, strings.ReplaceAll(sdp, "sendonly", "recvonly")), 422, "codec-mismatch")
	// A client that has both is answered with the lesson's.
	r := c.request("POST", b.url+"/whip/math?source=board", typeSDP, load(t, "chromium-publish.sdp"))
	if body := text(t, r); r.StatusCode != 201 || strings.Contains(body, "H264") || !strings.Contains(body, "VP8") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

func TestWatchedBeforeTheCodecWasKnown(t *testing.T) {
	b := newBox(t)
	c := newClient(t, nil)
	c.token = "sub-a"
	h264 := strings.ReplaceAll(load(t, "obs-publish.sdp"), "sendonly", "recvonly")
	r := c.request("POST", b.url+"/whep/math", typeSDP, h264)
	expect(t, r, 201, "")
	both := c.request("POST", b.url+"/whep/math", typeSDP, load(t, "firefox-watch.sdp"))
	pub := newClient(t, nil)
	pub.publish(webrtc.MimeTypeVP8, false)
	pub.dial(b, "/whip/math", "pub-a", false)
	eventually(t, func() bool { return b.Subscribers("math") == 1 })
	expect(t, c.request("GET", b.url+r.Header.Get("Location"), "", ""), 410, "codec-mismatch")
	expect(t, c.request("GET", b.url+both.Header.Get("Location"), "", ""), 204, "")
}

func TestBFramesEndThePublication(t *testing.T) {
	b := newBox(t)
	pub := newClient(t, nil)
	pub.publish(webrtc.MimeTypeH264, true)
	pub.dial(b, "/whip/math", "pub-a", false)
	eventually(t, func() bool { return b.Stats().Publishers == 0 })
	r := pub.request("GET", pub.location, "", "")
	body := text(t, r)
	if r.StatusCode != 410 || !strings.Contains(body, "请关闭 B 帧") || !strings.Contains(body, "turn B-frames off") || !strings.Contains(body, `"b-frames"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

func TestLeavingEndsTheSession(t *testing.T) {
	b := newBox(t)
	pub := newClient(t, nil)
	pub.publish(webrtc.MimeTypeH264, false)
	pub.dial(b, "/whip/math", "pub-a", false)
	sub := newClient(t, nil)
	sub.watchOnly(1)
	sub.dial(b, "/whep/math", "sub-a", false)
	sub.flows(5)
	sub.close() // DTLS close_notify
	eventually(t, func() bool { return b.Stats().Subscribers == 0 })
	pub.close()
	eventually(t, func() bool { return b.Stats().Publishers == 0 && len(b.relay.Sources()) == 0 })
}

// Offers of real programs are answered, and answers never name what was not offered.
func TestForeignOffers(t *testing.T) {
	b := newBox(t)
	c := newClient(t, nil)
	c.token = "pubsub-a"
	for _, f := range []struct{ file, path string }{
		{"chromium-publish.sdp", "/whip/l1"}, {"gstreamer-publish.sdp", "/whip/l2"}, {"obs-publish.sdp", "/whip/l3"},
		{"aiortc-publish.sdp", "/whip/l4"}, {"aiortc-watch.sdp", "/whep/math"}, {"firefox-watch.sdp", "/whep/math"},
	} {
		r := c.request("POST", b.url+f.path, typeSDP, load(t, f.file))
		body := text(t, r)
		if r.StatusCode != 201 || strings.Count(body, "\nm=") != 2 || strings.Count(body, "a=rtcp-mux-only\r\n") != 2 || strings.Contains(body, "m=video 0 ") || !strings.Contains(body, "a=candidate:") {
			t.Errorf("%s: %d\n%s", f.file, r.StatusCode, body)
		}
	}
	bad := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
	expect(t, c.request("POST", b.url+"/whip/l5", typeSDP, bad), 400, "sdp-malformed")
}

// ownFragment is what a client tells of its ICE session.
func ownFragment(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	f, err := parseFragment(strings.Split(pc.LocalDescription().SDP, "m=video")[0])
	if err != nil {
		t.Fatal(err)
	}
	return "a=mid:0\r\n" + fragmentOf(rtc.Credentials{Ufrag: f.ufrag, Pwd: f.pwd, Candidates: f.candidates})
}
