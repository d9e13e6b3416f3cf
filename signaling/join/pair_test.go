package join_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/store"
)

// pairHandler serves the boxes' side of a pairing as signaling/api does.
func pairHandler(h *join.Host, box string) http.Handler {
	peer := func(r *http.Request) *x509.Certificate {
		if len(r.TLS.PeerCertificates) > 0 {
			return r.TLS.PeerCertificates[0]
		}
		return nil
	}
	answer := func(w http.ResponseWriter, v any, err error) {
		var e *join.Error
		if errors.As(err, &e) {
			w.WriteHeader(403)
			v = map[string]string{"code": e.Code}
		}
		json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/box", func(w http.ResponseWriter, r *http.Request) { answer(w, map[string]string{"id": box}, nil) })
	mux.HandleFunc("POST /api/v1/pair", func(w http.ResponseWriter, r *http.Request) {
		var in join.PairCommit
		json.NewDecoder(r.Body).Decode(&in)
		out, err := h.PairBegin(r.RemoteAddr, peer(r), in)
		answer(w, out, err)
	})
	mux.HandleFunc("POST /api/v1/pair/{id}", func(w http.ResponseWriter, r *http.Request) {
		var in join.PairReveal
		json.NewDecoder(r.Body).Decode(&in)
		answer(w, struct{}{}, h.PairReveal(r.PathValue("id"), peer(r), in))
	})
	mux.HandleFunc("GET /api/v1/pair/{id}", func(w http.ResponseWriter, r *http.Request) {
		out, err := h.PairAsk(r.PathValue("id"), peer(r))
		answer(w, out, err)
	})
	mux.HandleFunc("DELETE /api/v1/pair/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, h.PairCancel(r.PathValue("id"), peer(r)))
	})
	return mux
}

func serveTLS(t *testing.T, h http.Handler, box jointest.Box) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = box.Server.Clone()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

// newPairer is a child whose Run ends with the test.
func newPairer(t *testing.T, box jointest.Box) (*join.Pairer, *store.Store) {
	t.Helper()
	s := openStore(t)
	p := join.NewPairer(join.PairerConfig{
		Store: s, Identity: box.Identity, TLS: box.Client, Name: func() string { return "tk-test" }, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) }) // ends with ctx
	t.Cleanup(func() { cancel(); wg.Wait() })
	return p, s
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 30 s", what)
		}
	}
}

func (p *parent) digits(t *testing.T) join.Pending {
	t.Helper()
	var list []join.Pending
	until(t, "a box asks to be compared", func() bool { list = p.Pairings(); return len(list) > 0 })
	return list[len(list)-1]
}

func begin(t *testing.T, p *join.Pairer, url string) join.PairView {
	t.Helper()
	if _, err := p.Begin(url, false); err != nil {
		t.Fatal(err)
	}
	until(t, "digits or an end", func() bool { return p.View().State != join.PairLooking })
	return p.View()
}

func TestPairing(t *testing.T) {
	p, box := newParent(t), jointest.New(t)
	p.url = serveTLS(t, pairHandler(p.Host, p.box.ID), p.box)
	child, s := newPairer(t, box)
	v := begin(t, child, p.url)
	at := p.digits(t)
	if v.State != join.PairCompare || len(v.Digits) != 7 || v.Digits != at.Digits || at.Name != "tk-test" || at.Address != "127.0.0.1" {
		t.Fatalf("child %+v, parent %+v", v, at)
	}
	if _, err := child.Begin(p.url, false); !errors.Is(err, join.ErrPairing) {
		t.Errorf("a second one beside it: %v", err)
	}
	c, err := p.PairAnswer(at.ID, join.PairAnswer{Same: true, Campus: "north", Classroom: "三(2)班"})
	if err != nil || c.ID != box.ID || c.Pin != box.Pin(box.Certificate) || c.CampusID != "north" || c.Name != "tk-test" {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := p.PairAnswer(at.ID, join.PairAnswer{Same: true, Campus: "north"}); !errors.Is(err, join.ErrNoPairing) {
		t.Errorf("answered twice: %v", err)
	}
	if len(p.Pairings()) != 0 {
		t.Errorf("still asked for: %+v", p.Pairings())
	}
	if err := child.Say("another", true); !errors.Is(err, join.ErrNoPairing) {
		t.Errorf("another pairing confirmed: %v", err)
	}
	if err := child.Say(v.ID, true); err != nil {
		t.Fatal(err)
	}
	until(t, "the child's end", func() bool { return child.View().State != join.PairCompare })
	if v := child.View(); v.State != join.PairAccepted || v.Name != "tk-test" || v.Parent != p.box.ID {
		t.Errorf("%+v", v)
	}
	meta, _ := p.Store.Meta()
	up, ok, _ := s.Parent()
	if m, _ := s.Meta(); !ok || up.ID != p.box.ID || up.Pin != p.box.Pin(p.box.Certificate) || up.AllianceID != meta.AllianceID || m.Classroom != "三(2)班" || up.URLs[0] != p.url {
		t.Errorf("parent %+v", up)
	}
	if _, err := child.Begin(p.url, false); !errors.Is(err, join.ErrJoined) {
		t.Errorf("joined already: %v", err)
	}
}

func TestPairingIsRefused(t *testing.T) {
	for name, refuse := range map[string]func(*parent, *join.Pairer, join.Pending) error{
		"at the parent": func(p *parent, _ *join.Pairer, at join.Pending) error {
			_, err := p.PairAnswer(at.ID, join.PairAnswer{})
			return err
		},
		"at the child": func(_ *parent, c *join.Pairer, _ join.Pending) error { return c.Say(c.View().ID, false) },
	} {
		p, box := newParent(t), jointest.New(t)
		p.url = serveTLS(t, pairHandler(p.Host, p.box.ID), p.box)
		child, s := newPairer(t, box)
		begin(t, child, p.url)
		at := p.digits(t)
		if err := refuse(p, child, at); err != nil {
			t.Fatal(name, err)
		}
		until(t, name, func() bool { return child.View().State == join.PairRefused })
		until(t, name+": nobody asks at the parent", func() bool { return len(p.Pairings()) == 0 })
		if _, ok, _ := s.Parent(); ok {
			t.Error(name, "joined")
		}
		if _, err := p.Store.Child(box.ID); !errors.Is(err, store.ErrNotFound) {
			t.Error(name, err)
		}
	}
}

func TestPairingIsCancelled(t *testing.T) {
	p, box := newParent(t), jointest.New(t)
	p.url = serveTLS(t, pairHandler(p.Host, p.box.ID), p.box)
	child, _ := newPairer(t, box)
	begin(t, child, p.url)
	p.digits(t)
	child.Cancel()
	if v := child.View(); v.State != join.PairIdle {
		t.Errorf("%+v", v)
	}
	until(t, "the parent forgets it", func() bool { return len(p.Pairings()) == 0 })
	nobody := "https://" + closedPort(t)
	var v join.PairView
	until(t, "the next one begins", func() bool { _, err := child.Begin(nobody, false); return err == nil })
	until(t, "nobody there", func() bool { v = child.View(); return v.State == join.PairFailed })
	if !errors.Is(v.Err, join.ErrUnreachable) {
		t.Error(v.Err)
	}
}

// TestPairingIsCancelledAtTheLastMoment cancels when both ends have said yes and the grant is here: what was cancelled does not join.
func TestPairingIsCancelledAtTheLastMoment(t *testing.T) {
	p, box := newParent(t), jointest.New(t)
	child, s := newPairer(t, box)
	cancelled := make(chan struct{})
	boxes := pairHandler(p.Host, p.box.ID)
	p.url = serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete { // the child's last word, which it sends with the grant in its hand
			child.Cancel()
			close(cancelled)
		}
		boxes.ServeHTTP(w, r)
	}), p.box)
	v := begin(t, child, p.url)
	if _, err := p.PairAnswer(p.digits(t).ID, join.PairAnswer{Same: true, Campus: "north"}); err != nil {
		t.Fatal(err)
	}
	if err := child.Say(v.ID, true); err != nil {
		t.Fatal(err)
	}
	<-cancelled
	if _, err := child.Begin("https://"+closedPort(t), false); err != nil {
		t.Fatal(err)
	}
	until(t, "the next one is over, and so the first", func() bool { return child.View().State == join.PairFailed })
	if up, ok, err := s.Parent(); ok || err != nil {
		t.Errorf("joined %+v, %v", up, err)
	}
}

// TestPairingThroughAThirdParty forwards every byte between two TLS connections: the commitment names the wrong certificate.
func TestPairingThroughAThirdParty(t *testing.T) {
	p, box, third := newParent(t), jointest.New(t), jointest.New(t)
	p.url = serveTLS(t, pairHandler(p.Host, p.box.ID), p.box)
	target, _ := url.Parse(p.url)
	proxy := httputil.NewSingleHostReverseProxy(target)
	tr := &http.Transport{TLSClientConfig: third.Client.Clone()}
	defer tr.CloseIdleConnections()
	proxy.Transport = tr
	child, _ := newPairer(t, box)
	if v := begin(t, child, serveTLS(t, proxy, third)); v.State != join.PairFailed || !errors.Is(v.Err, join.ErrMismatch) {
		t.Errorf("%+v", v)
	}
	if len(p.Pairings()) != 0 {
		t.Error("asked for at the parent")
	}
}

// TestPairingWithAThirdParty has somebody in the middle who pairs with each end under a certificate of its own, in the best order it can
// choose: it knows the parent's digits before it draws its number for the child. The digits differ, and what it tells the child is not
// believed before a person there has compared.
func TestPairingWithAThirdParty(t *testing.T) {
	p, box, third := newParent(t), jointest.New(t), jointest.New(t)
	p.url = serveTLS(t, pairHandler(p.Host, p.box.ID), p.box)
	liar := join.NewHost(join.Host{
		Store: openStore(t), Identity: third.Identity, Log: slog.New(slog.DiscardHandler),
		Name: func() string { return "core-box" }, URLs: func() []string { return nil },
	})
	up, _ := newPairer(t, third)
	above := begin(t, up, p.url)
	child, s := newPairer(t, box)
	below := begin(t, child, serveTLS(t, pairHandler(liar, p.box.ID), third))
	if above.State != join.PairCompare || below.State != join.PairCompare {
		t.Fatalf("%+v, %+v", above, below)
	}
	if above.Digits == below.Digits {
		t.Errorf("both show %s", above.Digits)
	}
	if at := p.digits(t); at.Digits != above.Digits {
		t.Errorf("the parent shows %s", at.Digits)
	}
	if _, err := liar.PairAnswer(liar.Pairings()[0].ID, join.PairAnswer{Same: true, Campus: "north"}); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	until(t, "the child has asked again and again", func() bool { return time.Since(asked) > 1200*time.Millisecond })
	if v := child.View(); v.State != join.PairCompare {
		t.Errorf("the child believed it: %+v", v)
	}
	if _, ok, _ := s.Parent(); ok {
		t.Error("joined")
	}
	if err := child.Say(below.ID, false); err != nil {
		t.Fatal(err)
	}
	until(t, "refused", func() bool { return child.View().State == join.PairRefused })
}

// directly begins a pairing with a host and reveals it, without a connection.
func directly(t *testing.T, h *join.Host, parent, child jointest.Box, from string) (id string, err error) {
	t.Helper()
	nonce := make([]byte, 32)
	c, p := sha256.Sum256(child.Certificate.Raw), sha256.Sum256(parent.Certificate.Raw)
	commit := sha256.Sum256(append(append(append([]byte("tongke-pair/1 commit\x00"), c[:]...), p[:]...), nonce...))
	n, err := h.PairBegin(from, child.Certificate, join.PairCommit{Commit: commit[:], Name: "x"})
	if err != nil {
		return "", err
	}
	return n.ID, h.PairReveal(n.ID, child.Certificate, join.PairReveal{Nonce: nonce})
}

func TestFivePairingsInFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := jointest.New(t)
		h := join.NewHost(join.Host{
			Store: openStore(t), Identity: box.Identity, Log: slog.New(slog.DiscardHandler), Name: func() string { return "core" }, URLs: func() []string { return nil },
		})
		children := make([]jointest.Box, 6)
		for i := range children {
			children[i] = jointest.New(t)
		}
		from := func(i int) string { return fmt.Sprintf("192.0.2.%d:1", i) }
		var first string
		for i := range 5 {
			id, err := directly(t, h, box, children[i], from(i))
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = id
			}
		}
		for i := range 3 { // giving up makes no room: each was a guess
			if err := h.PairCancel(h.Pairings()[0].ID, children[i].Certificate); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := directly(t, h, box, children[5], from(5)); !errors.Is(err, join.ErrPairings) {
			t.Errorf("sixth: %v", err)
		}
		if _, err := h.PairAsk(first, children[1].Certificate); !errors.Is(err, join.ErrNoPairing) {
			t.Errorf("another box's: %v", err)
		}
		if _, err := h.PairAnswer(h.Pairings()[0].ID, join.PairAnswer{}); err != nil { // a person's answer does
			t.Fatal(err)
		}
		if _, err := directly(t, h, box, children[5], from(5)); err != nil {
			t.Errorf("after an answer: %v", err)
		}
		time.Sleep(join.PairLife + time.Second)
		if n := len(h.Pairings()); n != 0 {
			t.Errorf("%d after their time", n)
		}
		for i := range 4 {
			want := error(nil)
			if i == 3 {
				want = join.ErrPairings
			}
			if _, err := directly(t, h, box, children[i], from(7)); !errors.Is(err, want) {
				t.Errorf("%d from one address: %v", i+1, err)
			}
		}
		if _, err := directly(t, h, box, box, from(8)); !errors.Is(err, join.ErrLoop) {
			t.Errorf("itself: %v", err)
		}
		if _, err := h.PairBegin(from(9), nil, join.PairCommit{Commit: make([]byte, 32), Name: "x"}); !errors.Is(err, join.ErrMismatch) {
			t.Errorf("no certificate: %v", err)
		}
		for _, in := range []join.PairCommit{{}, {Commit: make([]byte, 31), Name: "x"}, {Commit: make([]byte, 32), Name: "a/b"}} {
			if _, err := h.PairBegin(from(9), children[0].Certificate, in); !errors.Is(err, join.ErrRequest) {
				t.Errorf("%+v: %v", in, err)
			}
		}
	})
}

// TestWhoHoldsThePlacesIsToldOf: somebody begins pairings and never reveals, so no person sees what to answer. The log says from where.
func TestWhoHoldsThePlacesIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := jointest.New(t)
		var said strings.Builder
		h := join.NewHost(join.Host{Store: openStore(t), Identity: box.Identity, Log: slog.New(slog.NewTextHandler(&said, nil))})
		child := jointest.New(t)
		for i, from := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.2:1", "192.0.2.2:2", "192.0.2.3:1", "192.0.2.4:1"} {
			_, err := h.PairBegin(from, child.Certificate, join.PairCommit{Commit: make([]byte, 32), Name: "x"})
			if errors.Is(err, join.ErrPairings) != (i >= 5) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if n := strings.Count(said.String(), "too many boxes"); n != 1 || !strings.Contains(said.String(), "192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.2") {
			t.Errorf("said %d times: %s", n, said.String())
		}
	})
}

// TestReplacing puts a new box into the place of an old one in each of the three ways.
func TestReplacing(t *testing.T) {
	p := newParent(t)
	var gone []string
	online := map[string]bool{}
	p.Host.Left = func(id string) { gone = append(gone, id) }
	p.Host.Online = func(id string) bool { return online[id] }
	p.Host.Planned = func(campus string) []string { return []string{"四(1)班", "四(2)班", "四(1)班", "a/b"} }
	old := func(classroom string, away time.Duration) string {
		t.Helper()
		b := jointest.New(t)
		err := p.Store.Update(func(tx *store.Tx) error {
			return store.Children.Put(tx, b.ID, store.Child{ID: b.ID, Name: "old-" + classroom, CampusID: "north", Classroom: classroom, Pin: "x", LastSeen: time.Now().Add(-away)})
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.ID
	}

	// By an invitation.
	one, first := old("三(1)班", time.Hour), jointest.New(t)
	got, err := dial(t.Context(), p.url, p.invite(t, join.Invitation{Replaces: one, By: join.By{Name: "李芳", Role: "administrator"}}), first)
	if err != nil || got.Parent.Classroom != "三(1)班" || got.Parent.CampusID != "north" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := p.Store.Child(one); !errors.Is(err, store.ErrNotFound) || strings.Join(gone, "") != one {
		t.Errorf("old box: %v, told %v", err, gone)
	}
	if _, _, err := join.Invite(p.Store, join.Invitation{Replaces: one}); !errors.Is(err, join.ErrNoBox) {
		t.Errorf("replace what is not there: %v", err)
	}

	// By digits.
	two, box := old("三(2)班", time.Hour), jointest.New(t)
	id, err := directly(t, p.Host, p.box, box, "192.0.2.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := p.PairAnswer(id, join.PairAnswer{Same: true, Replaces: two, By: join.By{Name: "王强", Role: "administrator"}}); err != nil || c.Classroom != "三(2)班" || c.CampusID != "north" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := p.Store.Child(two); !errors.Is(err, store.ErrNotFound) || gone[1] != two {
		t.Errorf("old box: %v, told %v", err, gone)
	}

	// By the new box, after it joined.
	c, err := p.ChildOf(box.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	three, fresh, here := old("三(3)班", time.Hour), old("三(4)班", time.Minute), old("四(2)班", time.Hour)
	online[here] = true
	rooms, err := p.Rooms(c)
	if err != nil {
		t.Fatal(err)
	}
	var offered []string
	for _, r := range rooms {
		offered = append(offered, r.Classroom+"="+r.Box)
	}
	for _, want := range []string{"三(3)班=" + three, "三(4)班=" + fresh, "四(1)班="} {
		if !strings.Contains(strings.Join(offered, " "), want) {
			t.Errorf("%q is not among %v", want, offered)
		}
	}
	for _, tt := range []struct {
		wish join.RoomWish
		want error
	}{
		{join.RoomWish{ReplaceBox: here}, join.ErrOccupied},
		{join.RoomWish{ReplaceBox: fresh}, join.ErrOccupied},
		{join.RoomWish{ReplaceBox: "nobody"}, join.ErrNoBox},
		{join.RoomWish{ReplaceBox: c.ID}, join.ErrNoBox},
		{join.RoomWish{Classroom: "四(2)班"}, join.ErrOccupied},
		{join.RoomWish{Classroom: "a/b"}, join.ErrPlace},
		{join.RoomWish{Classroom: "四(1)班"}, nil},
		{join.RoomWish{ReplaceBox: three}, nil},
	} {
		if _, err := p.TakeRoom(c, tt.wish); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.wish, err, tt.want)
		}
	}
	if c, _ := p.Store.Child(box.ID); c.Classroom != "三(3)班" || gone[2] != three {
		t.Errorf("%+v, told %v", c, gone)
	}

	// And without a new one.
	if _, err := p.Withdraw(box.ID, join.By{Name: "operator", Role: "operator"}); err != nil || gone[3] != box.ID {
		t.Errorf("%v, told %v", err, gone)
	}
	if _, err := p.ChildOf(box.Certificate); !errors.Is(err, join.ErrNoBox) {
		t.Errorf("withdrawn: %v", err)
	}
	if _, err := p.Withdraw(box.ID, join.By{}); !errors.Is(err, join.ErrNoBox) {
		t.Errorf("withdrawn twice: %v", err)
	}

	// Each has left its row.
	rows, err := p.Store.Audits(100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, r := range rows {
		told = append(told, strings.Join([]string{r.Action, r.Who, r.Role, r.Campus, r.Object, r.Detail["classroom"], r.Detail["replaced by"]}, " "))
	}
	want := []string{ // the newest first
		"box.withdraw operator operator north " + box.ID + " 三(3)班 ",
		"box.withdraw " + c.Name + " box north " + three + " 三(3)班 " + box.ID,
		"box.withdraw 王强 administrator north " + two + " 三(2)班 " + box.ID,
		"box.withdraw 李芳 administrator north " + one + " 三(1)班 " + first.ID,
	}
	if !slices.Equal(told, want) {
		t.Errorf("the audit says\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// TestNobodyIsAwayLongerThanItWasLookedFor: a parent that was off for a night knows of no box where it was meanwhile, so for ten minutes
// after its start no box takes the room of another.
func TestNobodyIsAwayLongerThanItWasLookedFor(t *testing.T) {
	for _, tt := range []struct {
		up   time.Duration // how long the parent runs
		want error
	}{
		{time.Minute, join.ErrOccupied},
		{time.Hour, nil},
	} {
		box := jointest.New(t)
		h := join.NewHost(join.Host{
			Store: openStore(t), Identity: box.Identity, Log: slog.New(slog.DiscardHandler), Online: func(string) bool { return false },
			Name: func() string { return "core" }, URLs: func() []string { return nil }, Began: time.Now().Add(-tt.up),
		})
		old := store.Child{ID: "old", Name: "old", CampusID: "north", Classroom: "三(1)班", LastSeen: time.Now().Add(-12 * time.Hour)}
		asks := store.Child{ID: "new", Name: "new", CampusID: "north"}
		err := h.Store.Update(func(tx *store.Tx) error {
			return errors.Join(store.Children.Put(tx, old.ID, old), store.Children.Put(tx, asks.ID, asks))
		})
		if err != nil {
			t.Fatal(err)
		}
		rooms, err := h.Rooms(asks)
		if err != nil || len(rooms) != 1 || time.Duration(rooms[0].AwaySeconds)*time.Second > tt.up+time.Minute {
			t.Errorf("up for %v: %+v, %v", tt.up, rooms, err)
		}
		if _, err := h.TakeRoom(asks, join.RoomWish{ReplaceBox: old.ID}); !errors.Is(err, tt.want) {
			t.Errorf("up for %v: %v, want %v", tt.up, err, tt.want)
		}
	}
}

// TestAskingTheParent goes over TLS to the second address, and not to somebody with another key.
func TestAskingTheParent(t *testing.T) {
	p, box := newParent(t), jointest.New(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+join.KeyPath, func(w http.ResponseWriter, r *http.Request) {
		if _, err := p.ChildOf(r.TLS.PeerCertificates[0]); err != nil {
			w.WriteHeader(404)
			json.NewEncoder(w).Encode(map[string]string{"code": "box-unknown"})
			return
		}
		json.NewEncoder(w).Encode(join.BoxKey{Key: []byte("k")})
	})
	pinned := box.Client.Clone()
	pinned.VerifyConnection = func(cs tls.ConnectionState) error {
		if !cs.PeerCertificates[0].Equal(p.box.Certificate) {
			return errors.New("another key")
		}
		return nil
	}
	d := join.Dial{Parent: store.Parent{URLs: []string{"https://" + closedPort(t), serveTLS(t, mux, jointest.New(t)), serveTLS(t, mux, p.box)}}, TLS: pinned}
	if _, err := join.TechnicianKey(t.Context(), d); !errors.Is(err, join.ErrNoBox) {
		t.Errorf("not joined: %v", err)
	}
	if _, err := dial(t.Context(), p.url, p.invite(t, join.Invitation{Campus: "north"}), box); err != nil {
		t.Fatal(err)
	}
	if key, err := join.TechnicianKey(t.Context(), d); err != nil || string(key) != "k" {
		t.Errorf("%q, %v", key, err)
	}
	d.Parent.URLs = d.Parent.URLs[:2]
	if _, err := join.TechnicianKey(t.Context(), d); !errors.Is(err, join.ErrUnreachable) {
		t.Errorf("only others: %v", err)
	}
}
