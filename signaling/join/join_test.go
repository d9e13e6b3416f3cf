package join_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/store"
)

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// parent is a box that answers over a real TLS connection.
type parent struct {
	*join.Host
	box jointest.Box
	url string
	cut atomic.Int32 // how many answers to join get lost
}

func newParent(t *testing.T) *parent {
	t.Helper()
	p := &parent{box: jointest.New(t)}
	p.Host = join.NewHost(join.Host{
		Store: openStore(t), Identity: p.box.Identity, Log: slog.New(slog.DiscardHandler),
		Name: func() string { return "core-box" },
		URLs: func() []string { return []string{"https://192.0.2.1:8443", "https://core.example:443", "no address"} },
	})
	srv := httptest.NewUnstartedServer(p)
	srv.TLS = p.box.Server.Clone()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *parent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/box":
		json.NewEncoder(w).Encode(map[string]string{"id": p.box.ID})
	case "POST /api/v1/join":
		var req join.Envelope
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			w.WriteHeader(400)
			return
		}
		var peer *x509.Certificate
		if len(r.TLS.PeerCertificates) > 0 {
			peer = r.TLS.PeerCertificates[0]
		}
		answer, err := p.Accept(r.RemoteAddr, peer, req)
		if p.cut.Add(-1) >= 0 {
			conn, _, _ := http.NewResponseController(w).Hijack()
			conn.Close()
			return
		}
		var e *join.Error
		if errors.As(err, &e) {
			w.WriteHeader(403)
			json.NewEncoder(w).Encode(map[string]string{"code": e.Code})
			return
		}
		json.NewEncoder(w).Encode(answer)
	default:
		http.NotFound(w, r)
	}
}

func (p *parent) invite(t *testing.T, in join.Invitation) string {
	t.Helper()
	code, _, err := join.Invite(p.Store, in)
	if err != nil {
		t.Fatal(err)
	}
	return code.String()
}

func dial(ctx context.Context, address, code string, b jointest.Box) (join.Joined, error) {
	return join.Join(ctx, address, code, b.Identity, b.Client, "tk-test")
}

func TestJoin(t *testing.T) {
	p, child := newParent(t), jointest.New(t)
	code := p.invite(t, join.Invitation{Campus: "north", Classroom: "三(2)班"})
	got, err := dial(t.Context(), p.url, strings.ToLower(strings.ReplaceAll(code, "-", "")), child)
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := p.Store.Meta()
	if meta.AllianceID == "" {
		t.Error("no alliance")
	}
	if got.Parent.ID != p.box.ID || got.Parent.Pin != p.box.Pin(p.box.Certificate) || got.Parent.AllianceID != meta.AllianceID ||
		got.Parent.CampusID != "north" || got.Parent.Classroom != "三(2)班" || got.Parent.Name != "core-box" || got.BoxName != "tk-test" {
		t.Errorf("joined %+v", got)
	}
	if want := []string{p.url, "https://192.0.2.1:8443", "https://core.example:443"}; strings.Join(got.Parent.URLs, " ") != strings.Join(want, " ") {
		t.Errorf("urls %v, want %v", got.Parent.URLs, want)
	}
	c, err := p.Store.Child(child.ID)
	if err != nil || c.Pin != child.Pin(child.Certificate) || c.CampusID != "north" || c.Name != "tk-test" {
		t.Errorf("child %+v, %v", c, err)
	}

	s := openStore(t)
	if err := join.Adopt(s, got, false); err != nil {
		t.Fatal(err)
	}
	if m, _ := s.Meta(); m.AllianceID != meta.AllianceID || m.CampusID != "north" || m.BoxName != "tk-test" {
		t.Errorf("meta %+v", m)
	}
	if err := join.MayJoin(s, false); !errors.Is(err, join.ErrJoined) {
		t.Errorf("second join: %v", err)
	}
	if err := join.Adopt(s, got, false); !errors.Is(err, join.ErrJoined) {
		t.Errorf("second join: %v", err)
	}
	if err := join.Adopt(s, got, true); err != nil {
		t.Errorf("replace: %v", err)
	}
	// A second box of that name is told apart.
	other := jointest.New(t)
	if got, err := dial(t.Context(), p.url, p.invite(t, join.Invitation{Campus: "north"}), other); err != nil || got.BoxName != "tk-test-2" {
		t.Errorf("second box %+v, %v", got, err)
	}
}

func TestRefusalsAreToldApart(t *testing.T) {
	p, child := newParent(t), jointest.New(t)
	used := p.invite(t, join.Invitation{Campus: "north"})
	if _, err := dial(t.Context(), p.url, used, child); err != nil {
		t.Fatal(err)
	}
	expired := p.invite(t, join.Invitation{Campus: "north"})
	c, _ := join.ParseCode(expired)
	err := p.Store.Update(func(tx *store.Tx) error {
		inv, err := store.Invitations.Get(tx, c.ID)
		if err != nil {
			return err
		}
		inv.Expires = time.Now().Add(-time.Second)
		return store.Invitations.Put(tx, c.ID, inv)
	})
	if err != nil {
		t.Fatal(err)
	}
	good := p.invite(t, join.Invitation{Campus: "north"})
	wrong, _ := join.ParseCode(good)
	wrong.Key ^= 1
	nobody := "https://" + closedPort(t)
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	above := p.invite(t, join.Invitation{Campus: "north"})
	for _, tt := range []struct {
		name, url, code string
		box             jointest.Box
		want            *join.Error
	}{
		{"not a code", p.url, "hello", child, join.ErrWrong},
		{"wrong key", p.url, wrong.String(), child, join.ErrWrong},
		{"unknown invitation", p.url, "ZZZZ-ZZZZ-ZZZZ-ZZZZ", child, join.ErrWrong},
		{"used", p.url, used, child, join.ErrUsed},
		{"expired", p.url, expired, child, join.ErrExpired},
		{"nobody there", nobody, good, child, join.ErrUnreachable},
		{"another web server", web.URL, good, child, join.ErrUnreachable},
		{"no address", "", good, child, join.ErrUnreachable},
		{"plain http", strings.Replace(p.url, "https", "http", 1), good, child, join.ErrUnreachable},
		{"itself", p.url, above, p.box, join.ErrLoop},
		{"still good", p.url, good, child, nil},
	} {
		_, err := dial(t.Context(), tt.url, tt.code, tt.box)
		if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// TestManInTheMiddle puts a proxy between the two that ends TLS with a certificate of its own, as interception boxes in offices do.
func TestManInTheMiddle(t *testing.T) {
	p, child, third := newParent(t), jointest.New(t), jointest.New(t)
	target, _ := url.Parse(p.url)
	for name, change := range map[string]func(*http.Transport, *http.Request){
		"forwards": func(*http.Transport, *http.Request) {},
		"alters the body": func(tr *http.Transport, r *http.Request) {
			if r.Method == http.MethodPost { // it cannot mark what it altered
				data, _ := io.ReadAll(r.Body)
				var e join.Envelope
				json.Unmarshal(data, &e)
				e.Body = bytes.Replace(e.Body, []byte(`"name"`), []byte(`"Name"`), 1)
				data, _ = json.Marshal(e)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &http.Transport{TLSClientConfig: third.Client.Clone()}
			defer tr.CloseIdleConnections()
			proxy := httputil.NewSingleHostReverseProxy(target)
			proxy.Transport = tr
			proxy.ErrorLog = log.New(io.Discard, "", 0)
			mitm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				change(tr, r)
				proxy.ServeHTTP(w, r)
			}))
			mitm.TLS = third.Server.Clone()
			mitm.StartTLS()
			defer mitm.Close()
			code := p.invite(t, join.Invitation{Campus: "north"})
			want := join.ErrMismatch
			if name != "forwards" {
				want = join.ErrWrong // an altered body is as good as no code
			}
			if _, err := dial(t.Context(), mitm.URL, code, child); !errors.Is(err, want) {
				t.Errorf("through the third party: %v, want %v", err, want)
			}
			if _, err := p.Store.Child(child.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("child after the attack: %v", err)
			}
			if _, err := dial(t.Context(), p.url, code, jointest.New(t)); err != nil {
				t.Errorf("the code afterwards: %v", err)
			}
		})
	}
}

// TestFalseParent answers with what it has: no code, so no mark.
func TestFalseParent(t *testing.T) {
	child, false_ := jointest.New(t), jointest.New(t)
	var answer func(join.Envelope) any
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			json.NewEncoder(w).Encode(map[string]string{"id": "other"})
			return
		}
		var e join.Envelope
		json.NewDecoder(r.Body).Decode(&e)
		json.NewEncoder(w).Encode(answer(e))
	}))
	srv.TLS = false_.Server.Clone()
	srv.StartTLS()
	defer srv.Close()
	for name, f := range map[string]func(join.Envelope) any{
		"sends the child's own mark back": func(e join.Envelope) any { return e },
		"no mark":                         func(e join.Envelope) any { return join.Envelope{Invitation: e.Invitation, Body: []byte(`{}`)} },
	} {
		answer = f
		if got, err := dial(t.Context(), srv.URL, "0123-4567-89AB-CDEF", child); !errors.Is(err, join.ErrMismatch) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	answer = func(join.Envelope) any { return map[string]int{"x": 1} }
	if got, err := dial(t.Context(), srv.URL, "0123-4567-89AB-CDEF", child); !errors.Is(err, join.ErrUnreachable) {
		t.Errorf("nonsense: %+v, %v", got, err)
	}
}

func TestLostAnswer(t *testing.T) {
	p, child := newParent(t), jointest.New(t)
	code := p.invite(t, join.Invitation{Campus: "north"})
	p.cut.Store(2)
	if _, err := dial(t.Context(), p.url, code, child); err != nil {
		t.Fatalf("two lost answers: %v", err)
	}
	if _, err := dial(t.Context(), p.url, code, child); !errors.Is(err, join.ErrUsed) {
		t.Errorf("a new request with the same code: %v", err)
	}
}

// TestARightCodeFromABadNeighbourhood: somebody behind the same address translator types wrong codes without end; the school's box joins.
func TestARightCodeFromABadNeighbourhood(t *testing.T) {
	p, child := newParent(t), jointest.New(t)
	code := p.invite(t, join.Invitation{Campus: "north"})
	wrong := join.Envelope{Invitation: code[:4], MAC: make([]byte, 32)}
	for range 5 {
		if _, err := p.Accept("127.0.0.1:5", nil, wrong); !errors.Is(err, join.ErrWrong) {
			t.Fatal(err)
		}
	}
	if _, err := p.Accept("127.0.0.1:5", nil, wrong); !errors.Is(err, join.ErrTries) {
		t.Errorf("sixth: %v", err)
	}
	if _, err := dial(t.Context(), p.url, code, child); err != nil {
		t.Errorf("the right one: %v", err)
	}
	if _, err := p.Accept("127.0.0.1:5", nil, wrong); !errors.Is(err, join.ErrTries) {
		t.Errorf("and the wrong ones still wait: %v", err)
	}
}

func TestFiveWrongCodesAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := jointest.New(t)
		h := join.NewHost(join.Host{Store: openStore(t), Identity: box.Identity, Log: slog.New(slog.DiscardHandler)})
		for range 5 {
			if _, err := h.Accept("192.0.2.1:5", nil, join.Envelope{Invitation: "ABCD"}); !errors.Is(err, join.ErrWrong) {
				t.Fatal(err)
			}
		}
		if _, err := h.Accept("192.0.2.1:6", nil, join.Envelope{Invitation: "ABCD"}); !errors.Is(err, join.ErrTries) {
			t.Errorf("sixth: %v", err)
		}
		if _, err := h.Accept("192.0.2.2:6", nil, join.Envelope{Invitation: "ABCD"}); !errors.Is(err, join.ErrWrong) {
			t.Errorf("another address: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := h.Accept("192.0.2.1:6", nil, join.Envelope{Invitation: "ABCD"}); !errors.Is(err, join.ErrWrong) {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestInvitations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		for _, in := range []join.Invitation{{}, {Campus: "a/b"}, {Campus: "a\nb"}, {Campus: "三河\u200b小学"}, {Campus: "\u202e学小"}, {Campus: "a", Name: "x\ufeff"}, {Campus: "a\u2028b"}, {Campus: "a\x7f"}, {Campus: strings.Repeat("x", 65)}, {Campus: "a", Name: "a/b"}, {Campus: "a", Classroom: " x"}} {
			if _, _, err := join.Invite(s, in); !errors.Is(err, join.ErrPlace) {
				t.Errorf("%+v: %v", in, err)
			}
		}
		code, inv, err := join.Invite(s, join.Invitation{Campus: "三河小学", Classroom: "三(2)班", Name: "box"})
		if err != nil || inv.ID != code.ID || inv.Expires.Sub(inv.Created) != join.Life {
			t.Fatalf("%+v, %v", inv, err)
		}
		open, err := join.Open(s)
		if err != nil || len(open) != 1 || open[0].Key != nil || open[0].CampusID != "三河小学" {
			t.Errorf("open %+v, %v", open, err)
		}
		if err := join.Withdraw(s, code.ID); err != nil {
			t.Error(err)
		}
		if err := join.Withdraw(s, code.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("second withdrawal: %v", err)
		}
		for range 200 {
			if _, _, err := join.Invite(s, join.Invitation{Campus: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := join.Invite(s, join.Invitation{Campus: "a"}); !errors.Is(err, join.ErrInvitations) {
			t.Errorf("too many: %v", err)
		}
		time.Sleep(join.Life)
		if open, _ := join.Open(s); len(open) != 0 {
			t.Errorf("%d open after their time", len(open))
		}
		if _, _, err := join.Invite(s, join.Invitation{Campus: "a"}); err != nil {
			t.Error(err)
		}
	})
}

func TestCodes(t *testing.T) {
	code, err := join.ParseCode("0123-4567-89AB-CDEF")
	if err != nil || code.ID != "0123" || code.Key != 0x214c74254b635cf {
		t.Fatalf("%+v %#x, %v", code, code.Key, err)
	}
	for _, typed := range []string{"0123456789abcdef", " o123 4567 89ab cdef ", "OI23-4567-89AB-CDEF", "0l23-4567-89ab-cdef", "０１２３－４５６７－８９ａｂ－ＣＤＥＦ", "0123—4567–89ab cdef"} {
		if got, err := join.ParseCode(typed); err != nil || got != code {
			t.Errorf("%q: %+v, %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "0123-4567-89AB-CDE", "0123-4567-89AB-CDEF0", "0123-4567-89AB-CDEU", "0123-4567-89AB-CDE码", strings.Repeat("-", 1000)} {
		if got, err := join.ParseCode(typed); !errors.Is(err, join.ErrWrong) {
			t.Errorf("%q: %+v, %v", typed, got, err)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		c, err := join.NewCode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := join.ParseCode(c.String()); err != nil || back != c || seen[c.String()] {
			t.Fatalf("%s: %+v, %v", c, back, err)
		}
		seen[c.String()] = true
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("0123-4567-89AB-CDEF")
	f.Add("oil-")
	f.Add("０１２３")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := join.ParseCode(s)
		if err != nil {
			return
		}
		if back, err := join.ParseCode(c.String()); err != nil || back != c {
			t.Errorf("%q: %+v, then %+v, %v", s, c, back, err)
		}
	})
}

func FuzzAccept(f *testing.F) {
	box := jointest.New(f)
	s := openStore(f)
	code, _, err := join.Invite(s, join.Invitation{Campus: "a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(code.ID, []byte(`{"certificate":"","seen":"","name":"x","nonce":"MDEyMzQ1Njc4OWFiY2RlZg=="}`), []byte("mac"))
	f.Fuzz(func(t *testing.T, id string, body, mac []byte) {
		h := join.NewHost(join.Host{Store: s, Identity: box.Identity, Log: slog.New(slog.DiscardHandler)})
		if _, err := h.Accept("192.0.2.1:1", box.Certificate, join.Envelope{Invitation: id, Body: body, MAC: mac}); !errors.Is(err, join.ErrWrong) {
			t.Errorf("%v", err)
		}
	})
}
