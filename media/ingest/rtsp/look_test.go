package rtsp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongke/media/packet"
)

// TestRefusedPassword: a wrong password is shown once, by one of two streams, and again only when a person has put it right.
func TestRefusedPassword(t *testing.T) {
	t.Parallel()
	fake := newFake(t, &fakeCamera{tcpOnly: true, user: "admin", password: "right", films: map[string]film{"main": {sps: sps720, size: 6000, gop: 10}, "sub": {sps: sps180, size: 900, gop: 10}}})
	r := newRoom(t)
	cfg := Config{Name: "a", Main: fake.url("main"), Sub: fake.url("sub"), User: "admin", Password: "wrong-but-secret"}
	cam := New(cfg, r.logger())
	stop := r.publish(cam)
	until(t, "both streams refused", func() bool {
		s := cam.Status()
		return s.Streams[0].Fault != nil && s.Streams[1].Fault != nil
	})
	if _, shown := fake.counts(); shown != 1 {
		t.Errorf("shown %d times", shown)
	}
	if s := cam.Status(); s.State != Failing || s.Fault.Code != NoPassword || !strings.Contains(s.Fault.Detail+s.Streams[0].Fault.Detail, "tried again in 5m") && !strings.Contains(s.Fault.Detail+s.Streams[0].Fault.Detail, "tried again in 4m") {
		t.Errorf("status %+v, %v", s, s.Fault)
	}
	// A look between lessons, and another lesson, do not show it either.
	stop()
	cam.Look(t.Context())
	stop = r.publish(cam)
	until(t, "refused again", func() bool { return cam.Status().State == Failing })
	if found := cam.Try(t.Context()); found.OK || found.Fault.Code != NoPassword {
		t.Errorf("found %+v", found)
	}
	if _, shown := fake.counts(); shown != 1 {
		t.Errorf("shown %d times while it rests", shown)
	}
	// The camera's owner has set it to what is written here, and somebody has pressed the key that tries it.
	fake.mu.Lock()
	fake.password = cfg.Password
	fake.mu.Unlock()
	tried := New(cfg, r.logger())
	if found := tried.Probe(t.Context()); !found.OK {
		t.Fatalf("found %+v", found)
	}
	cam.Learn(tried)
	until(t, "pictures at once", func() bool { return cam.Status().State == Live })
	stop()
	r.clean(&fakeCamera{password: cfg.Password})
}

// TestPasswordRests: each refusal rests longer, up to half an hour, and one that is taken forgets them all.
func TestPasswordRests(t *testing.T) {
	refused := func() error { return fault(NoPassword, "status 401") }
	synctest.Test(t, func(t *testing.T) {
		p := newPassword()
		if err := p.show(t.Context(), func() error { return fault(Unreachable, "") }); explain(err).Code != Unreachable || p.rest() != 0 {
			t.Errorf("a silent camera: %v, rests %v", err, p.rest())
		}
		for _, want := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
			if err := p.show(t.Context(), refused); err == nil || p.rest() != want {
				t.Errorf("rests %v, want %v: %v", p.rest(), want, err)
			}
			time.Sleep(want - time.Second)
			if err := p.show(t.Context(), func() error { t.Error("shown while it rests"); return nil }); explain(err).Code != NoPassword {
				t.Errorf("while it rests: %v", err)
			}
			time.Sleep(time.Second)
		}
		if err := p.show(t.Context(), func() error { return nil }); err != nil || !p.taken() {
			t.Errorf("taken: %v", err)
		}
		if _ = p.show(t.Context(), refused); p.rest() != 5*time.Minute || p.taken() {
			t.Errorf("refused after it was taken: rests %v", p.rest())
		}
		// Who waits for its turn goes away with its context.
		ctx, cancel := context.WithCancel(t.Context())
		p.turn <- struct{}{}
		cancel()
		if err := p.show(ctx, refused); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// TestRedirect: a camera may name another path of itself; to another host, port or scheme nobody follows it, and no password goes there.
func TestRedirect(t *testing.T) {
	t.Parallel()
	thief := newFake(t, &fakeCamera{films: map[string]film{"moved": {sps: sps720, size: 6000, gop: 10}}, user: "admin", password: "right"})
	port := thief.address[strings.LastIndex(thief.address, ":"):]
	own := selfSigned(t)
	for _, c := range []struct {
		name string
		to   string // "" itself, at another path
		tls  *tls.Config
		want string
	}{
		{"another path", "", nil, ""},
		{"another port", thief.url("moved"), nil, Elsewhere},
		{"another host", "rtsp://localhost" + port + "/moved", nil, Elsewhere},
		{"another scheme", "rtsps://CAMERA/moved", nil, Elsewhere},
		{"a scheme that is none", "http://CAMERA/moved", nil, Elsewhere},
		{"out of the sealed connection", "rtsp://CAMERA/moved", own, Elsewhere},
		{"nonsense", "::", nil, Elsewhere},
		{"itself, for ever", "rtsp://CAMERA/main", nil, Elsewhere},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, &fakeCamera{tcpOnly: true, films: map[string]film{"main": {sps: sps720, size: 6000, gop: 10}, "moved": {sps: sps720, size: 6000, gop: 10}}, user: "admin", password: "right", tls: c.tls})
			if fake.redirect = strings.Replace(c.to, "CAMERA", fake.address, 1); c.to == "" {
				fake.redirect = fake.url("moved")
			}
			cfg := Config{Name: "a", Main: fake.url("main"), User: "admin", Password: "right", Transport: TCP}
			if c.tls != nil {
				sum := sha256.Sum256(c.tls.Certificates[0].Certificate[0])
				cfg.Fingerprint = hex.EncodeToString(sum[:])
			}
			cam := New(cfg, discard)
			cam.Look(t.Context())
			if f := cam.Status().Fault; (f == nil) != (c.want == "") || f != nil && (f.Code != c.want || f.Text.ZH == "") {
				t.Errorf("a look says %v", f)
			}
			if c.want != "" {
				found := New(cfg, discard).Probe(t.Context())
				if found.OK || found.Fault.Code != c.want {
					t.Errorf("found %+v", found)
				}
			}
		})
	}
	if asked, shown := thief.counts(); asked != 0 || shown != 0 || thief.dialled() != 0 {
		t.Errorf("the other camera was dialled %d times and asked %d times, %d with a password", thief.dialled(), asked, shown)
	}
}

// selfSigned is the certificate that a camera makes for itself.
func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
}

// TestLook: what is known of a camera that nobody asks for, without a picture being taken.
func TestLook(t *testing.T) {
	t.Parallel()
	fake := newFake(t, &fakeCamera{tcpOnly: true, films: map[string]film{"main": {sps: sps720, size: 6000, gop: 10}, "hevc": {codec: "H265"}}})
	for _, c := range []struct{ name, main, sub, want, small string }{
		{"well", fake.url("main"), "", "", ""},
		{"H.265", fake.url("hevc"), "", HEVC, ""},
		{"path", fake.url("other"), "", NoPath, ""},
		{"away", "rtsp://127.0.0.1:9/x", "", Unreachable, ""},
		{"not sealed, as the address says", strings.Replace(fake.url("main"), "rtsp:", "rtsps:", 1), "", NotUnderstood, ""},
		{"the sub stream alone", fake.url("main"), fake.url("other"), "", NoPath},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cam := New(Config{Name: "a", Main: c.main, Sub: c.sub}, discard)
			if !cam.Status().Looked.IsZero() {
				t.Error("looked before anybody did")
			}
			cam.Look(t.Context())
			s := cam.Status()
			if s.State != Off || s.Looked.IsZero() || (s.Fault == nil) != (c.want == "") || s.Fault != nil && s.Fault.Code != c.want {
				t.Errorf("status %+v, fault %v", s, s.Fault)
			}
			if f := s.Streams[0].Fault; c.small != "" && (f == nil || f.Code != c.small) {
				t.Errorf("sub stream %+v", s.Streams[0])
			}
			for _, st := range s.Streams {
				if st.FPS != 0 || st.Width != 0 {
					t.Errorf("a picture was taken: %+v", st)
				}
			}
		})
	}
	// A description does not show B-frames, so a camera that had them has them until somebody tries it.
	cam := New(Config{Name: "a", Main: fake.url("main")}, discard)
	cam.streams[0].fault = fault(BFrames, "")
	if cam.Look(t.Context()); cam.Status().Fault == nil || cam.Status().Fault.Code != BFrames {
		t.Errorf("after a look: %+v", cam.Status())
	}
	if found := cam.Try(t.Context()); !found.OK || cam.Status().Fault != nil || cam.Status().Streams[0].Width != 1280 {
		t.Errorf("after a try: %+v, %+v", found, cam.Status())
	}
}

// TestRareKeyframes: a camera that sends one every ten seconds is told of, whenever in between one begins to look, and so is the wait.
func TestRareKeyframes(t *testing.T) {
	at := func(seconds float64) packet.Time {
		return packet.Time(0).Add(time.Duration((1 + seconds) * float64(time.Second)))
	}
	for _, c := range []struct {
		name string
		keys []float64 // seconds after the first frame
		want bool
	}{
		{"at once, then none", []float64{0}, true},
		{"after five seconds", []float64{5}, true},
		{"every two seconds", []float64{1, 3, 5, 7}, false},
		{"at once and after six", []float64{0, 6}, true},
		{"the first after three", []float64{3, 5, 7}, false},
	} {
		var f figures
		for n := range 200 { // 8 s
			now := float64(n) / 25
			key := false
			for _, k := range c.keys {
				key = key || k == now
			}
			f.see(&frame{timestamp: uint32(n * 3600), key: key}, 100, at(now))
		}
		if got := f.between(at(8)); (got > rareAfter) != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	s := newStream(New(Config{Name: "a", Main: "rtsp://192.0.2.1/1"}, discard), "", "")
	s.trying, s.began, s.heard = TCP, packet.Now()-packet.Time(3*time.Second), packet.Now()
	if got := s.seen().WaitSeconds; got < 3 {
		t.Errorf("waits %v s", got)
	}
	if s.live = true; s.seen().WaitSeconds != 0 {
		t.Error("waits while live")
	}
}

// TestCertificate: a camera that signs its own certificate is refused with the fingerprint to compare, and known by it afterwards; another one
// in its place is not, and gets no password.
func TestCertificate(t *testing.T) {
	t.Parallel()
	own := selfSigned(t)
	fake := newFake(t, &fakeCamera{tcpOnly: true, films: usual(), user: "admin", password: "right", tls: own})
	sum := sha256.Sum256(own.Certificates[0].Certificate[0])
	print, other := hex.EncodeToString(sum[:]), strings.Repeat("ab", sha256.Size)
	for _, c := range []struct{ name, fingerprint, want string }{
		{"unknown", "", Certificate},
		{"another", other, Certificate},
		{"its own", print, ""},
		{"its own, as its page writes it", strings.ToUpper(strings.Join(pairs(print), ":")), ""},
	} {
		_, shown := fake.counts()
		cam := New(Config{Name: "a", Main: fake.url("main"), User: "admin", Password: "right", Fingerprint: c.fingerprint}, discard)
		cam.Look(t.Context())
		f := cam.Status().Fault
		if (f == nil) != (c.want == "") || f != nil && (f.Code != c.want || f.Detail != "sha256 "+print) {
			t.Errorf("%s: %v", c.name, f)
		}
		if _, now := fake.counts(); (now == shown) != (c.want != "") {
			t.Errorf("%s: the password was shown %d times", c.name, now-shown)
		}
	}
}

// pairs cuts a text into pieces of two.
func pairs(s string) (out []string) {
	for i := 0; i < len(s); i += 2 {
		out = append(out, s[i:i+2])
	}
	return out
}
