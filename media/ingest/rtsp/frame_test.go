package rtsp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
)

func pkt(seq uint16, ts uint32, marker bool, payload ...byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: ts, Marker: marker}, Payload: payload}
}

func bytesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestFramer: whole pictures come out, broken ones do not.
func TestFramer(t *testing.T) {
	p := slice('P', 20)
	start := bytesOf([]byte{0x5c, 0x81}, p[1:10]) // FU-A of a slice
	end := bytesOf([]byte{0x5c, 0x41}, p[10:])
	for _, c := range []struct {
		name    string
		in      []*rtp.Packet
		want    int // frames
		gaps    int // of them after a gap
		dropped uint64
		lost    uint64
	}{
		{"single", []*rtp.Packet{pkt(1, 1, true, p...)}, 1, 0, 0, 0},
		{"numbers and times wrap", []*rtp.Packet{pkt(65535, 1<<32-1, true, p...), pkt(0, 3599, true, p...)}, 2, 0, 0, 0},
		{"fragments", []*rtp.Packet{pkt(1, 1, false, start...), pkt(2, 1, true, end...)}, 1, 0, 0, 0},
		{"several slices", []*rtp.Packet{pkt(1, 1, false, p...), pkt(2, 1, true, p...)}, 1, 0, 0, 0},
		{"no marker", []*rtp.Packet{pkt(1, 1, false, p...), pkt(2, 2, false, p...), pkt(3, 3, false, p...)}, 2, 0, 0, 0},
		{"duplicate", []*rtp.Packet{pkt(1, 1, true, p...), pkt(1, 1, true, p...), pkt(0, 0, true, p...)}, 1, 0, 0, 0},
		{"fragment lost", []*rtp.Packet{pkt(1, 1, false, start...), pkt(3, 1, true, end...), pkt(4, 2, true, p...)}, 1, 1, 1, 1},
		{"beginning lost", []*rtp.Packet{pkt(1, 1, true, p...), pkt(3, 2, true, end...), pkt(4, 3, true, p...)}, 2, 1, 1, 1},
		{"end and next beginning lost", []*rtp.Packet{pkt(1, 1, false, start...), pkt(4, 2, true, end...), pkt(5, 3, true, p...)}, 1, 1, 2, 2},
		{"whole frame lost", []*rtp.Packet{pkt(1, 1, true, p...), pkt(3, 3, true, p...)}, 2, 1, 0, 1},
		{"fragment goes on with nothing", []*rtp.Packet{pkt(1, 1, true, end...), pkt(2, 2, true, p...)}, 1, 1, 1, 0},
		{"fragment never ends", []*rtp.Packet{pkt(1, 1, false, start...), pkt(2, 1, true, p...)}, 0, 0, 1, 0},
		{"interleaved mode", []*rtp.Packet{pkt(1, 1, true, 25, 0, 0, 1)}, 0, 0, 1, 0},
		{"STAP cut short", []*rtp.Packet{pkt(1, 1, true, 24, 0, 9, 0x41)}, 0, 0, 1, 0},
		{"nothing but SEI and a delimiter", []*rtp.Packet{pkt(1, 1, false, 9, 0x10), pkt(2, 1, true, 6, 1, 1)}, 0, 0, 0, 0},
		{"the camera numbers anew", []*rtp.Packet{pkt(40000, 1, true, p...), pkt(20000, 2, true, p...), pkt(20001, 3, true, p...)}, 3, 1, 0, 0},
		{"empty", []*rtp.Packet{pkt(1, 1, true)}, 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f framer
			n, gaps := 0, 0
			for _, in := range c.in {
				f.take(in, func(one *frame) {
					n++
					if one.gap {
						gaps++
					}
				})
			}
			if n != c.want || gaps != c.gaps || f.dropped != c.dropped || f.lost != c.lost {
				t.Errorf("%d frames (want %d), %d after a gap (%d), %d dropped (%d), %d packets lost (%d)", n, c.want, gaps, c.gaps, f.dropped, c.dropped, f.lost, c.lost)
			}
		})
	}
}

// TestStartCodes: several units that a camera wraps into one payload are told apart, and their parameter sets found.
func TestStartCodes(t *testing.T) {
	var f framer
	var got *frame
	all := bytesOf(sps720, []byte{0, 0, 0, 1}, pps, []byte{0, 0, 1}, slice('I', 50))
	f.take(pkt(1, 1, true, all...), func(one *frame) { got = one })
	if got == nil || !got.key || len(got.units) != 1 || len(got.units[0]) != 50 || !f.decodable() || !bytes.Equal(f.sps, sps720) || !bytes.Equal(f.pps[0], pps) {
		t.Fatalf("%+v", got)
	}
	if w, h := f.size(); w != 1280 || h != 720 {
		t.Errorf("%d × %d", w, h)
	}
}

// TestBounds: a frame without an end takes no more than maxFrame.
func TestBounds(t *testing.T) {
	var f framer
	body := make([]byte, 60000)
	f.take(pkt(0, 1, false, bytesOf([]byte{0x5c, 0x85}, body)...), nil)
	for i := range uint16(200) {
		f.take(pkt(i+1, 1, false, bytesOf([]byte{0x5c, 0x05}, body)...), nil)
	}
	if cap(f.data) > 2*maxFrame || !f.broken {
		t.Errorf("%d bytes kept, broken %v", cap(f.data), f.broken)
	}
}

// TestReordered: pictures that come in another order than they are shown are seen by their timestamps too.
func TestReordered(t *testing.T) {
	var f figures
	for i, ts := range []uint32{0, 10800, 3600, 7200, 21600, 14400, 18000, 32400, 25200} {
		f.see(&frame{timestamp: ts}, 1, packet.Time(i+1))
	}
	if !f.reordered() {
		t.Error("not seen")
	}
	f = figures{}
	for i := range 1000 {
		f.see(&frame{timestamp: uint32(i*3600) + 4294960096, bFrame: i == 500}, 1, packet.Time(i+1))
	}
	if f.reordered() {
		t.Error("seen where there are none")
	}
}

// TestReorder: what comes out of order is put in order, and what does not come is not waited for.
func TestReorder(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint16
		late bool // the last one comes after a while
		want []uint16
	}{
		{"in order", []uint16{65534, 65535, 0, 1}, false, []uint16{65534, 65535, 0, 1}},
		{"swapped", []uint16{65534, 0, 65535, 1}, false, []uint16{65534, 65535, 0, 1}},
		{"twice", []uint16{1, 1, 3, 3, 2, 2, 4}, false, []uint16{1, 2, 3, 4}},
		{"missing, for a moment", []uint16{1, 3, 4}, false, []uint16{1}},
		{"missing", []uint16{1, 3, 4}, true, []uint16{1, 3, 4}},
		{"missing, many after it", []uint16{1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, false, []uint16{1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		{"the camera begins anew", []uint16{1, 2, 30000, 30001}, true, []uint16{1, 2, 30000, 30001}},
	} {
		var r reorder
		var got []uint16
		for i, n := range c.in {
			now := packet.Time(i) * 1e6
			if c.late && i == len(c.in)-1 {
				now += 1e9
			}
			r.take(pkt(n, 1, false, 1), now, func(p *rtp.Packet) { got = append(got, p.SequenceNumber) })
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ in, bare, user, password, shown string }{
		{"rtsp://192.0.2.64/a", "rtsp://192.0.2.64/a", "", "", "rtsp://192.0.2.64/a"},
		{"rtsp://admin:a%40b@192.0.2.64:554/Streaming/Channels/101", "rtsp://192.0.2.64:554/Streaming/Channels/101", "admin", "a@b", "rtsp://192.0.2.64:554/Streaming/Channels/101"},
		{"rtsp://192.0.2.64/user=admin_password=tlJwpbo6_channel=1.sdp?real_stream", "rtsp://192.0.2.64/user=admin_password=tlJwpbo6_channel=1.sdp?real_stream", "", "",
			"rtsp://192.0.2.64/user=admin_password=***_channel=1.sdp?real_stream"},
		{"rtsp://192.0.2.64/a?pwd=x1&b=2", "rtsp://192.0.2.64/a?pwd=x1&b=2", "", "", "rtsp://192.0.2.64/a?pwd=***&b=2"},
		{"nonsense secret", "nonsense secret", "", "", ""},
	} {
		bare, user, password := Split(c.in)
		if bare != c.bare || user != c.user || password != c.password {
			t.Errorf("Split(%q) = %q %q %q", c.in, bare, user, password)
		}
		if got := Mask(c.in); c.shown != "" && got != c.shown {
			t.Errorf("Mask(%q) = %q, want %q", c.in, got, c.shown)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Config{Name: "后墙", Main: "rtsp://192.0.2.64/1", Sub: "rtsps://[2001:db8::1]:322/2", User: "admin", Password: "x", Transport: UDP, Fingerprint: strings.Repeat("AB:", 31) + "AB"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Config){
		"name":        func(c *Config) { c.Name = " a" },
		"url":         func(c *Config) { c.Main = "http://192.0.2.64/" },
		"sub":         func(c *Config) { c.Sub = c.Main },
		"transport":   func(c *Config) { c.Transport = "quic" },
		"user":        func(c *Config) { c.User = "" },
		"password":    func(c *Config) { c.Password = "a\nb" },
		"fingerprint": func(c *Config) { c.Fingerprint = "12" },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want+": ") {
			t.Errorf("%s: %v", want, err)
		}
	}
	c := good
	c.Main = "rtsp://admin:hidden@192.0.2.64/1"
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
}

// TestWords: each fault has its sentences, short enough for the wall screen.
func TestWords(t *testing.T) {
	for code, w := range faults {
		for _, s := range w {
			if s.EN == "" || len([]rune(s.ZH)) > 18 || s.ZH == "" {
				t.Errorf("%s: %q %q", code, s.ZH, s.EN)
			}
		}
	}
}

func TestClock(t *testing.T) {
	const second = packet.Time(1e9)
	var d deviceClock
	c := captureClock{rate: 90000}
	if got := c.capture(1, &d, 100*second); got != 0 {
		t.Errorf("known before anything came: %v", got)
	}
	// A camera that believes it is 1970.
	at, ok := c.report(90000, (50 * second).NTP())
	if !ok {
		t.Fatal("not taken")
	}
	d.sample(at, 1000*second)
	if got := c.capture(90000+45000, &d, 1000*second+600e6); got.Sub(1000*second+500e6).Abs() > 1000 {
		t.Errorf("captured at %v", got)
	}
	if got := c.capture(90000+20*90000, &d, 1000*second); got != 0 {
		t.Errorf("a time that cannot be: %v", got)
	}
	// It is set to the right time; the layers' captures go on as if nothing had been.
	at, _ = c.report(90000+10*90000, (5000 * second).NTP())
	d.sample(at, 1010*second)
	if got := c.capture(90000+10*90000, &d, 1010*second); got.Sub(1010*second).Abs() > 1000 {
		t.Errorf("after the clock was set: %v", got)
	}
	if _, ok := c.report(1, 0); ok {
		t.Error("no time of day is one")
	}
}

// FuzzFramer: whatever a camera sends, frames are cut into payloads that pass every path and put together again are the same.
func FuzzFramer(f *testing.F) {
	seed := func(packets ...[]byte) {
		var all []byte
		for _, p := range packets {
			all = append(binary.BigEndian.AppendUint16(all, uint16(len(p))), p...)
		}
		f.Add(all)
	}
	head := func(seq, ts, marker byte, p []byte) []byte { return append([]byte{seq, ts, marker}, p...) }
	seed(head(0, 0, 0, sps720), head(1, 0, 0, pps), head(2, 0, 1, slice('I', 3000)), head(3, 1, 1, slice('B', 30)))
	seed(head(0, 0, 0, []byte{0x5c, 0x85, 1, 2}), head(2, 0, 1, []byte{0x5c, 0x45, 1, 2}))
	seed(head(0, 0, 1, bytesOf([]byte{24, 0, byte(len(sps720))}, sps720, []byte{0, byte(len(pps))}, pps, []byte{0, 0})))
	seed(head(0, 0, 1, bytesOf(sps720, []byte{0, 0, 0, 1}, pps, []byte{0, 0, 1}, slice('I', 50))))
	seed(head(0, 0, 1, bytesOf([]byte{0x81}, slice('I', 3000)))) // it says of itself that it has errors
	f.Fuzz(func(t *testing.T, in []byte) {
		var fr framer
		var scratch [maxPayload]byte
		for len(in) > 5 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			one := in[2 : 2+n]
			in = in[2+n:]
			if len(one) < 3 {
				continue
			}
			p := pkt(fr.next+uint16(one[0]%3), uint32(one[1])*3600, one[2]&1 == 1, one[3:]...)
			fr.take(p, func(x *frame) { again(t, &fr, x, scratch[:]) })
			if cap(fr.data) > 2*maxFrame || len(fr.pps) > maxPPS {
				t.Fatal("unbounded")
			}
		}
	})
}

// again cuts a frame and puts it together.
func again(t *testing.T, fr *framer, x *frame, scratch []byte) {
	if len(x.units) == 0 || x.key && !fr.decodable() {
		return
	}
	var back framer
	n, got := uint16(0), 0
	packets(fr.sps, fr.pps, x, scratch, func(p []byte, flags packet.Flags) {
		if len(p) == 0 || len(p) > maxPayload {
			t.Fatalf("payload of %d bytes", len(p))
		}
		if (n == 0) != (flags&packet.FrameStart != 0) {
			t.Fatal("FrameStart is not on the first packet alone")
		}
		if flags&packet.Keyframe != 0 && !codec.Inspect(codec.H264, p).Keyframe {
			t.Fatal("a keyframe begins without its parameter sets")
		}
		back.take(pkt(n, 1, flags&packet.Marker != 0, bytes.Clone(p)...), func(y *frame) {
			got++
			if len(y.units) != len(x.units) || y.key != x.key {
				t.Fatalf("%d units became %d", len(x.units), len(y.units))
			}
			for i := range y.units {
				if !bytes.Equal(y.units[i], x.units[i]) {
					t.Fatal("a unit was changed")
				}
			}
		})
		n++
	})
	if got != 1 {
		t.Fatalf("%d frames", got)
	}
}

// FuzzDescription: whatever a camera says of itself, the answer is a stream or a fault, and never the camera's own words.
func FuzzDescription(f *testing.F) {
	f.Add("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z2QAH6zZQFAFuwEQAAADABAAAAMDAPGDGWA=,aM48gA==\r\na=control:trackID=1\r\nm=audio 0 RTP/AVP 8\r\n")
	f.Add("v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n")
	f.Add("v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n")
	f.Add("m=video 0 RTP/AVP 97\r\na=rtpmap:97 <b>/90000\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := sdpunmarshaler.Unmarshal([]byte(text))
		if err != nil {
			return
		}
		var d description.Session
		if d.Unmarshal2(parsed) != nil {
			return
		}
		s := New(Config{Name: "a", Main: "rtsp://192.0.2.1/"}, discard).streams[0]
		medium, h264, err := s.choose(&d)
		if (err == nil) != (medium != nil && h264 != nil) {
			t.Fatalf("%v %v %v", medium, h264, err)
		}
		if h264 != nil {
			s.framer.setSPS(h264.SPS)
			s.framer.setPPS(h264.PPS)
			s.framer.size()
		}
		for _, said := range []string{s.codec, s.sound} {
			if len(said) > 12 || strings.ContainsFunc(said, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("the camera's own words: %q", said)
			}
		}
	})
}
