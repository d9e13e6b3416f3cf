package join_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
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
		moved       bool
		want        []string
	}{
		{"a second one", []string{"https://a:1"}, []string{"https://b:1", "https://a:1"}, false, []string{"https://a:1", "https://b:1"}},
		{"it moved", []string{"https://a:1"}, []string{"https://b:1", "https://a:1"}, true, []string{"https://b:1", "https://a:1"}},
		{"nothing new", []string{"https://a:1", "https://b:1"}, []string{"https://b:1"}, false, []string{"https://a:1", "https://b:1"}},
		{"too many", append([]string{"https://a:1"}, many(0)...), many(1), false, append([]string{"https://a:1"}, many(1)...)},
		{"rubbish", []string{"https://a:1"}, []string{"http://b", "", "/"}, false, []string{"https://a:1"}},
	} {
		s := openStore(t)
		err := s.Update(func(tx *store.Tx) error {
			return store.Parents.Put(tx, store.KeyParent, store.Parent{ID: "p", URLs: tt.known, Joined: time.Now()})
		})
		if err != nil {
			t.Fatal(err)
		}
		changed, err := join.Learn(s, "p", tt.told, tt.moved)
		up, _, _ := s.Parent()
		if err != nil || !slices.Equal(up.URLs, tt.want) || changed == slices.Equal(tt.known, tt.want) {
			t.Errorf("%s: %v, changed %v, %v; want %v", tt.name, up.URLs, changed, err, tt.want)
		}
		if _, err := join.Learn(s, "another", []string{"https://evil:1"}, true); !errors.Is(err, join.ErrNoBox) {
			t.Errorf("%s: of another parent: %v", tt.name, err)
		}
	}
}
