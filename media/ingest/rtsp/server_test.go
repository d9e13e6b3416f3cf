package rtsp

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"
)

// A picture's parts: two sizes of sequence parameter sets (x264's), and the first byte of slices (first_mb 0, slice_type 7, 5, 6).
var (
	sps1080 = unhex("674d4028eca03c0113f2e022000003000200000300281e30632c")
	sps720  = unhex("6764001facd9405005bb011000000300100000030140f1831960")
	sps180  = unhex("6742c00bda05067e7c0440000003004000000503c50aa8")
	pps     = unhex("68ce3c80")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// slice is one NAL unit of a picture, n bytes long.
func slice(kind byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0x11 + byte(i%199) // never a start code
	}
	b[0], b[1] = 0x41, 0x98
	switch kind {
	case 'I':
		b[0], b[1] = 0x65, 0x88
	case 'B':
		b[0], b[1] = 0x01, 0x9c
	}
	return b
}

// film is what a stream of the camera shows.
type film struct {
	sps       []byte // in band before each keyframe; nil: only in the description
	size      int    // bytes of a keyframe
	gop       int    // frames between keyframes
	pattern   string // of the frames between, as "P" or "PBB"; "" is P
	codec     string // "" H264
	sound     format.Format
	noMarker  bool
	lose      int // every n-th packet does not come; 0: all come
	soundLose int // as lose, of the sound
	ntpAhead  time.Duration
}

// fakeCamera is a camera: an RTSP server in this process.
type fakeCamera struct {
	t              *testing.T
	user, password string
	methods        []auth.VerifyMethod
	tls            *tls.Config
	tcpOnly        bool
	udpOnly        bool
	address        string
	redirect       string // where DESCRIBE sends to

	mu      sync.Mutex
	shown   int // requests with a password
	asked   int // requests of any kind
	server  *gortsplib.Server
	films   map[string]film
	streams map[string]*gortsplib.ServerStream
	conns   map[*gortsplib.ServerConn]bool
	dials   int
	frozen  bool // nothing is sent
	stop    chan struct{}
	wg      sync.WaitGroup
}

// open starts the camera on a port of its own, or again on the one that it had.
func (f *fakeCamera) open() {
	f.t.Helper()
	listen := "127.0.0.1:0"
	if f.address != "" {
		listen = f.address
	}
	for range 50 {
		s := &gortsplib.Server{
			Handler: f, RTSPAddress: listen, AuthMethods: f.methods, TLSConfig: f.tls,
			Listen: func(network, address string) (net.Listener, error) {
				ln, err := net.Listen(network, address)
				if err == nil {
					f.address = ln.Addr().String()
				}
				return ln, err
			},
		}
		if !f.tcpOnly {
			port := 20000 + 2*rand.IntN(15000)
			s.UDPRTPAddress, s.UDPRTCPAddress = "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(port+1)
		}
		if err := s.Start(); err != nil {
			time.Sleep(10 * time.Millisecond) // a port that another test has, or that is not free again yet
			continue
		}
		f.begin(s)
		return
	}
	f.t.Fatal("no port for the camera")
}

func (f *fakeCamera) begin(s *gortsplib.Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server, f.stop = s, make(chan struct{})
	f.streams, f.conns = map[string]*gortsplib.ServerStream{}, map[*gortsplib.ServerConn]bool{}
	for path, film := range f.films {
		media := []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{film.format()}}}
		if film.sound != nil {
			media = append(media, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{film.sound}})
		}
		stream := &gortsplib.ServerStream{Server: s, Desc: &description.Session{Medias: media}}
		if err := stream.Initialize(); err != nil {
			f.t.Fatal(err)
		}
		f.streams[path] = stream
		f.wg.Go(func() { f.shoot(film, stream, media[0], f.stop) }) // ends with stop
		if g, ok := film.sound.(*format.G711); ok {
			f.wg.Go(func() { f.speak(film, g, stream, media[1], f.stop) }) // ends with stop
		}
	}
}

func (m film) format() format.Format {
	switch m.codec {
	case "H265":
		return &format.H265{PayloadTyp: 96}
	case "MJPEG":
		return &format.MJPEG{}
	}
	h := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	if m.sps == nil {
		h.SPS, h.PPS = sps720, pps
	}
	return h
}

// shoot sends 25 frames a second.
func (f *fakeCamera) shoot(m film, stream *gortsplib.ServerStream, media *description.Media, stop chan struct{}) {
	if m.codec != "" {
		return
	}
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	seq, sent := uint16(65500), 0 // wraps soon
	began := time.Now()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		f.mu.Lock()
		frozen := f.frozen
		f.mu.Unlock()
		if frozen {
			continue
		}
		units, ts := m.picture(n), uint32(n*3600)+4294960000 // wraps soon
		for _, p := range m.cut(units) {
			p.SequenceNumber, p.Timestamp = seq, ts
			seq++
			if sent++; m.lose > 0 && sent%m.lose == 0 {
				continue
			}
			_ = stream.WritePacketRTPWithNTP(media, p, began.Add(time.Duration(n)*40*time.Millisecond+m.ntpAhead))
		}
	}
}

// speak sends 50 packets of sound a second: a byte of the packet's number, then a tone.
func (f *fakeCamera) speak(m film, g *format.G711, stream *gortsplib.ServerStream, media *description.Media, stop chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		f.mu.Lock()
		frozen := f.frozen
		f.mu.Unlock()
		if frozen {
			continue
		}
		p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: g.PayloadTyp, SequenceNumber: uint16(65530 + n), Timestamp: uint32(4294966000 + 160*n)}}
		p.Payload = spoken(byte(n))
		if m.soundLose > 0 && n%m.soundLose == m.soundLose-1 {
			continue
		}
		_ = stream.WritePacketRTPWithNTP(media, p, began.Add(time.Duration(n)*20*time.Millisecond+m.ntpAhead))
	}
}

func spoken(n byte) []byte {
	b := append([]byte{n}, bytes.Repeat([]byte{0xaa, 0xaa, 0x2a, 0x2a}, 40)...)
	return b[:160]
}

// picture is the n-th frame.
func (m film) picture(n int) [][]byte {
	gop := max(m.gop, 1)
	if n%gop == 0 {
		units := [][]byte{slice('I', max(m.size, 100))}
		if m.sps != nil {
			units = append([][]byte{m.sps, pps}, units...)
		}
		return units
	}
	pattern := m.pattern
	if pattern == "" {
		pattern = "P"
	}
	return [][]byte{slice(pattern[(n-1)%len(pattern)], max(m.size/8, 60))}
}

// cut makes packets of 1400 bytes, larger than ours.
func (m film) cut(units [][]byte) (out []*rtp.Packet) {
	add := func(p []byte) {
		out = append(out, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96}, Payload: p})
	}
	for _, u := range units {
		if len(u) <= 1400 {
			add(u)
			continue
		}
		for body, first := u[1:], byte(0x80); len(body) > 0; first = 0 {
			n, last := min(len(body), 1400), byte(0)
			if n == len(body) {
				last = 0x40
			}
			add(append([]byte{u[0]&0x60 | 28, u[0]&0x1f | first | last}, body[:n]...))
			body = body[n:]
		}
	}
	out[len(out)-1].Marker = !m.noMarker
	return out
}

// close takes the camera's power.
func (f *fakeCamera) close() {
	f.mu.Lock()
	s := f.server
	if s == nil {
		f.mu.Unlock()
		return
	}
	f.server = nil
	close(f.stop)
	f.mu.Unlock()
	s.Close()
	f.wg.Wait()
}

// cut drops all connections.
func (f *fakeCamera) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
}

func (f *fakeCamera) freeze(on bool) {
	f.mu.Lock()
	f.frozen = on
	f.mu.Unlock()
}

func (f *fakeCamera) dialled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dials
}

// counts are how many requests came, and how many of them showed a password.
func (f *fakeCamera) counts() (asked, shown int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.shown
}

// url is the address of a stream.
func (f *fakeCamera) url(path string) string {
	scheme := "rtsp://"
	if f.tls != nil {
		scheme = "rtsps://"
	}
	return scheme + f.address + "/" + path
}

func (f *fakeCamera) OnConnOpen(x *gortsplib.ServerHandlerOnConnOpenCtx) {
	f.mu.Lock()
	f.conns[x.Conn] = true
	f.dials++
	f.mu.Unlock()
}

func (f *fakeCamera) OnConnClose(x *gortsplib.ServerHandlerOnConnCloseCtx) {
	f.mu.Lock()
	delete(f.conns, x.Conn)
	f.mu.Unlock()
}

func (f *fakeCamera) let(c *gortsplib.ServerConn, r *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	f.mu.Lock()
	f.asked++
	if len(r.Header["Authorization"]) > 0 {
		f.shown++
	}
	f.mu.Unlock()
	if f.user != "" && !c.VerifyCredentials(r, f.user, f.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.streams[strings.Trim(path, "/")]
	if s == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, s, nil
}

func (f *fakeCamera) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	r, stream, err := f.let(x.Conn, x.Request, x.Path)
	if f.redirect != "" && r.StatusCode == base.StatusOK && strings.Trim(x.Path, "/") != "moved" {
		return &base.Response{StatusCode: base.StatusFound, Header: base.Header{"Location": base.HeaderValue{f.redirect}}}, nil, nil
	}
	return r, stream, err
}

func (f *fakeCamera) OnSetup(x *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if f.udpOnly && x.Transport.Protocol == gortsplib.ProtocolTCP {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	return f.let(x.Conn, x.Request, x.Path)
}

func (f *fakeCamera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}
