package join_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/store"
)

// only takes one box's key, as a box's own configuration does.
func only(config *tls.Config, box jointest.Box) *tls.Config {
	config = config.Clone()
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		if !cs.PeerCertificates[0].Equal(box.Certificate) {
			return errors.New("another key")
		}
		return nil
	}
	return config
}

// TestAParentCallsFromAnotherAddress has a parent that moved call a child, which then knows both addresses, the new one first. Nobody else
// can tell it anything.
func TestAParentCallsFromAnotherAddress(t *testing.T) {
	p, box := newParent(t), jointest.New(t)
	got, err := dial(t.Context(), p.url, p.invite(t, join.Invitation{Campus: "north"}), box)
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	if err := join.Adopt(s, got, false); err != nil {
		t.Fatal(err)
	}
	moved := 0
	child := join.NewHost(join.Host{Store: s, Identity: box.Identity, Log: p.Log, Moved: func() { moved++ }})
	url := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in join.Addresses
		json.NewDecoder(r.Body).Decode(&in)
		if err := child.ParentIsHere(r.RemoteAddr, r.TLS.PeerCertificates[0], in.URLs); err != nil {
			var e *join.Error
			errors.As(err, &e)
			w.WriteHeader(404)
			json.NewEncoder(w).Encode(map[string]string{"code": e.Code})
		}
	}), box)
	c, err := p.Store.Child(box.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.NoteAddresses(c, []string{"https://" + closedPort(t), url, "no address/"}); err != nil {
		t.Fatal(err)
	}
	if c, err = p.Store.Child(box.ID); err != nil || len(c.URLs) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}

	third := jointest.New(t)
	if err := join.Call(t.Context(), c, only(third.Client, box), []string{"https://evil.example:8443"}); !errors.Is(err, join.ErrNoBox) {
		t.Errorf("somebody else calls: %v", err)
	}
	if err := join.Call(t.Context(), c, only(p.box.Client, third), []string{"https://192.0.2.7:8443"}); !errors.Is(err, join.ErrUnreachable) {
		t.Errorf("somebody else answers: %v", err)
	}
	if err := join.Call(t.Context(), c, only(p.box.Client, box), []string{"/"}); !errors.Is(err, join.ErrRequest) {
		t.Errorf("no address: %v", err)
	}
	if up, _, _ := s.Parent(); !slices.Equal(up.URLs, got.Parent.URLs) || moved != 0 {
		t.Fatalf("changed to %v", up.URLs)
	}
	for range 2 { // the second time there is nothing new
		if err := join.Call(t.Context(), c, only(p.box.Client, box), []string{"https://192.0.2.7:9443"}); err != nil {
			t.Fatal(err)
		}
	}
	want := append([]string{"https://192.0.2.7:9443", "https://127.0.0.1:9443"}, got.Parent.URLs...)
	if up, _, _ := s.Parent(); !slices.Equal(up.URLs, want) || moved != 1 {
		t.Errorf("%v, told %d times, want %v", up.URLs, moved, want)
	}
}

// TestLearningAddresses: what works stays first, what is told is kept, and what is old goes when there are too many.
func TestLearningAddresses(t *testing.T) {
	many := func(from int) (list []string) {
		for i := range 7 {
			list = append(list, "https://192.0.2."+string(rune('0'+from+i))+":8443")
		}
		return list
	}
	for _, tt := range []struct {
		name        string
		known, told []string
		at          string
		want        []string
	}{
		{"a second one", []string{"https://a:1"}, []string{"https://b:1", "https://a:1"}, "https://a:1", []string{"https://a:1", "https://b:1"}},
		{"it moved", []string{"https://a:1"}, []string{"https://b:1", "https://a:1"}, "", []string{"https://b:1", "https://a:1"}},
		{"nothing new", []string{"https://a:1", "https://b:1"}, []string{"https://b:1"}, "https://a:1", []string{"https://a:1", "https://b:1"}},
		{"too many", append([]string{"https://a:1"}, many(0)...), many(1), "https://a:1", append([]string{"https://a:1"}, many(1)...)},
		{"rubbish", []string{"https://a:1"}, []string{"http://b", "", "/"}, "https://a:1", []string{"https://a:1"}},
		{"it moved and tells too many", []string{"https://a:1", "https://b:1"}, append(many(0), "https://c:1"), "", append(many(0), "https://a:1")},
		{"it answers at what it does not tell", append([]string{"https://a:1"}, "https://b:1"), many(0), "https://b:1", append([]string{"https://b:1"}, append(many(0)[:6], "https://a:1")...)},
		{"it answers at an address of the configuration", []string{"https://a:1"}, many(0), "https://c:1", append([]string{"https://a:1"}, many(0)...)},
	} {
		s := openStore(t)
		err := s.Update(func(tx *store.Tx) error {
			return store.Parents.Put(tx, store.KeyParent, store.Parent{ID: "p", URLs: tt.known, Joined: time.Now()})
		})
		if err != nil {
			t.Fatal(err)
		}
		changed, err := join.Learn(s, "p", tt.told, tt.at)
		up, _, _ := s.Parent()
		if err != nil || !slices.Equal(up.URLs, tt.want) || changed == slices.Equal(tt.known, tt.want) {
			t.Errorf("%s: %v, changed %v, %v; want %v", tt.name, up.URLs, changed, err, tt.want)
		}
		if _, err := join.Learn(s, "another", []string{"https://evil:1"}, ""); !errors.Is(err, join.ErrNoBox) {
			t.Errorf("%s: of another parent: %v", tt.name, err)
		}
	}
}

// TestWhatAPersonChoseStays: whatever a parent tells, and however often it moves, the box still knows the address that was typed.
func TestWhatAPersonChoseStays(t *testing.T) {
	s := openStore(t)
	const chosen = "https://core.example:443"
	err := s.Update(func(tx *store.Tx) error {
		return store.Parents.Put(tx, store.KeyParent, store.Parent{ID: "p", URLs: []string{chosen}})
	})
	if err != nil {
		t.Fatal(err)
	}
	at := ""
	for day := range 20 { // as the temporary addresses of IPv6 change (RFC 8981)
		told := []string{}
		for i := range 8 {
			told = append(told, fmt.Sprintf("https://[2001:db8::%x]:8443", 16*day+i+1))
		}
		if _, err := join.Learn(s, "p", told, at); err != nil {
			t.Fatal(err)
		}
		up, _, err := s.Parent()
		if err != nil || !slices.Contains(up.URLs, chosen) || !slices.Contains(up.URLs, told[0]) || len(up.URLs) > 8 {
			t.Fatalf("day %d: %v, %v", day, up.URLs, err)
		}
		if at != "" && up.URLs[0] != at {
			t.Errorf("day %d: it answered at %s, first is %s", day, at, up.URLs[0])
		}
		at = ""
		if day%2 == 0 {
			at = up.URLs[1]
		}
	}
}

// TestACallPassesWhereNobodyAnswers: an address that takes a connection and says nothing keeps no call from the child's other ones.
func TestACallPassesWhereNobodyAnswers(t *testing.T) {
	p, box := jointest.New(t), jointest.New(t)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	url := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), box)
	c := store.Child{ID: box.ID, URLs: []string{"https://" + mute.Addr().String(), url}}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second) // as long as one address may take
	defer cancel()
	if err := join.Call(ctx, c, only(p.Client, box), []string{"https://192.0.2.7:8443"}); err != nil {
		t.Error(err)
	}
}

// TestAChildThatTellsNewAddressesWithoutEnd: what is over its measure is not written, and others are heard.
func TestAChildThatTellsNewAddressesWithoutEnd(t *testing.T) {
	s := openStore(t)
	h := join.NewHost(join.Host{Store: s, URLs: func() []string { return nil }, Log: slog.New(slog.DiscardHandler)})
	for _, id := range []string{"a", "b"} {
		if err := s.Update(func(tx *store.Tx) error { return store.Children.Put(tx, id, store.Child{ID: id}) }); err != nil {
			t.Fatal(err)
		}
	}
	tell := func(id string, n int) (kept bool) {
		t.Helper()
		url := fmt.Sprintf("https://192.0.2.1:%d", n)
		c, err := s.Child(id)
		if err == nil {
			_, err = h.NoteAddresses(c, []string{url})
		}
		if err == nil {
			c, err = s.Child(id)
		}
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(c.URLs, url)
	}
	kept := 0
	for n := range 500 {
		if tell("a", n+1) {
			kept++
		}
	}
	if kept < 20 || kept > 100 {
		t.Errorf("%d of 500 changes are written", kept)
	}
	if !tell("b", 1) {
		t.Error("another box is not heard")
	}
}
