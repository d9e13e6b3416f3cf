package join

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/signaling/store"
)

const (
	maxPairs     = 5 // begun within PairLife and not answered by a person
	addressPairs = 3 // of them, from one address
)

// Pending is a box that waits to be compared.
type Pending struct {
	ID      string
	Name    string // what the box calls itself
	Address string // where it comes from
	Digits  string
	Since   time.Time
	Expires time.Time
}

// PairAnswer is what a person at the parent says of it.
type PairAnswer struct {
	Same      bool
	Campus    string // of the new box; "" = Name is the school
	Classroom string
	Name      string // of the box; "" = its own
	Replaces  string // id of the box whose place it takes, "" = none
	By        By     // who says it
}

// pairs are the pairings at the parent. They live in memory: a restart ends them, and the child begins again.
type pairs struct {
	mu   sync.Mutex
	list []*pair   // in the order of their beginning
	told time.Time // when it was last said that there are too many
}

// pair is one. It stays in the list for its whole life however it ended, unless a person answered it.
type pair struct {
	id      string
	name    string
	address string
	child   *x509.Certificate
	commit  []byte
	nonce   []byte // of this end
	digits  string // "" until the child has revealed
	began   time.Time
	gone    bool // the child cancelled
	said    bool // a person answered
	refused bool
	grant   *Grant
}

// tidyLocked forgets what is over.
func (p *pairs) tidyLocked(now time.Time) {
	p.list = slices.DeleteFunc(p.list, func(one *pair) bool { return now.Sub(one.began).Abs() > PairLife })
}

// tellLocked says who holds all the places, once a minute: whoever begins and never reveals holds one that no person sees.
func (p *pairs) tellLocked(log *slog.Logger, now time.Time) {
	if now.Sub(p.told).Abs() < time.Minute {
		return
	}
	p.told = now
	var from []string
	for _, one := range p.list {
		if !one.said {
			from = append(from, one.address)
		}
	}
	log.Warn("too many boxes ask to be compared", "addresses", from)
}

// findLocked finds a pairing of the box that asks; another's is as good as none.
func (p *pairs) findLocked(id string, peer *x509.Certificate) *pair {
	p.tidyLocked(time.Now())
	for _, one := range p.list {
		if one.id == id && peer != nil && one.child.Equal(peer) && !one.gone {
			return one
		}
	}
	return nil
}

// PairBegin takes a child's commitment. peer is the certificate its end of TLS showed.
func (h *Host) PairBegin(remote string, peer *x509.Certificate, req PairCommit) (PairNonce, error) {
	if len(req.Commit) != 32 || !place(req.Name) {
		return PairNonce{}, ErrRequest
	}
	if peer == nil {
		return PairNonce{}, ErrMismatch
	}
	id, ok := h.Identity.IDOf(peer)
	if !ok {
		return PairNonce{}, ErrMismatch
	}
	if err := h.Store.View(func(tx *store.Tx) error { return h.refuseLoop(tx, id) }); err != nil {
		return PairNonce{}, err
	}
	random := make([]byte, nonceSize+10)
	if _, err := rand.Read(random); err != nil {
		return PairNonce{}, err
	}
	one := &pair{
		id: strings.ToLower(base32.StdEncoding.EncodeToString(random[nonceSize:])), name: req.Name, address: hostOf(remote),
		child: peer, commit: slices.Clone(req.Commit), nonce: random[:nonceSize:nonceSize], began: time.Now(),
	}
	h.pairs.mu.Lock()
	defer h.pairs.mu.Unlock()
	h.pairs.tidyLocked(one.began)
	open, near := 0, 0
	for _, o := range h.pairs.list {
		if o.said {
			continue
		}
		open++
		if o.address == one.address {
			near++
		}
	}
	if open >= maxPairs || near >= addressPairs {
		h.pairs.tellLocked(h.Log, one.began)
		return PairNonce{}, ErrPairings
	}
	h.pairs.list = append(h.pairs.list, one)
	return PairNonce{one.id, one.nonce}, nil
}

// PairReveal takes the child's number; from then on people see the digits here.
func (h *Host) PairReveal(id string, peer *x509.Certificate, req PairReveal) error {
	h.pairs.mu.Lock()
	defer h.pairs.mu.Unlock()
	one := h.pairs.findLocked(id, peer)
	if one == nil {
		return ErrNoPairing
	}
	if len(req.Nonce) != nonceSize || !same(one.commit, pairCommit(peer, h.Identity.Certificate, req.Nonce)) {
		one.gone = true
		return ErrMismatch
	}
	one.digits = pairDigits(peer, h.Identity.Certificate, req.Nonce, one.nonce)
	h.Log.Info("box asks to be compared", "peer", one.name, "address", one.address)
	return nil
}

// PairAsk tells a child how its pairing stands.
func (h *Host) PairAsk(id string, peer *x509.Certificate) (PairState, error) {
	h.pairs.mu.Lock()
	defer h.pairs.mu.Unlock()
	one := h.pairs.findLocked(id, peer)
	switch {
	case one == nil:
		return PairState{}, ErrNoPairing
	case one.refused:
		return PairState{State: PairRefused}, nil
	case one.grant != nil:
		return PairState{State: PairAccepted, Grant: one.grant}, nil
	}
	return PairState{State: PairCompare}, nil
}

// PairCancel is the child's end of it.
func (h *Host) PairCancel(id string, peer *x509.Certificate) error {
	h.pairs.mu.Lock()
	defer h.pairs.mu.Unlock()
	one := h.pairs.findLocked(id, peer)
	if one == nil {
		return ErrNoPairing
	}
	one.gone = true // and still counts: beginning anew must not be a new guess for nothing
	return nil
}

// Pairings are the boxes that wait for a person's word, the oldest first.
func (h *Host) Pairings() []Pending {
	h.pairs.mu.Lock()
	defer h.pairs.mu.Unlock()
	h.pairs.tidyLocked(time.Now())
	out := []Pending{}
	for _, one := range h.pairs.list {
		if one.digits != "" && !one.gone && !one.said {
			out = append(out, Pending{one.id, one.name, one.address, one.digits, one.began, one.began.Add(PairLife)})
		}
	}
	return out
}

// PairAnswer is the word of a person at the parent: the child is written down, or refused.
func (h *Host) PairAnswer(id string, a PairAnswer) (store.Child, error) {
	if a.Campus == "" {
		a.Campus, a.Name = a.Name, ""
	}
	h.pairs.mu.Lock()
	h.pairs.tidyLocked(time.Now())
	i := slices.IndexFunc(h.pairs.list, func(one *pair) bool { return one.id == id && one.digits != "" && !one.gone && !one.said })
	if i < 0 {
		h.pairs.mu.Unlock()
		return store.Child{}, ErrNoPairing
	}
	one := h.pairs.list[i]
	if !a.Same {
		one.said, one.refused = true, true
		h.pairs.mu.Unlock()
		h.Log.Warn("digits differ, box refused", "peer", one.name, "address", one.address)
		return store.Child{}, nil
	}
	child, grant, err := h.admit(one, a)
	if err == nil {
		one.said, one.grant = true, &grant
	}
	h.pairs.mu.Unlock()
	if err != nil {
		return store.Child{}, err
	}
	h.joined(child, a.Replaces)
	return child, nil
}

// admit writes a compared child down.
func (h *Host) admit(one *pair, a PairAnswer) (child store.Child, grant Grant, err error) {
	meta, err := h.Store.EnsureMeta()
	if err != nil {
		return child, grant, err
	}
	id, ok := h.Identity.IDOf(one.child)
	if !ok {
		return child, grant, ErrMismatch
	}
	at := place3{a.Campus, a.Classroom, a.Name}
	err = h.Store.Update(func(tx *store.Tx) error {
		if err := h.refuseLoop(tx, id); err != nil {
			return err
		}
		if at, err = takeOver(tx, a.Replaces, id, at, a.By); err != nil {
			return err
		}
		if at.name == "" {
			at.name = one.name
		}
		if !at.valid() {
			return ErrPlace
		}
		if at.name, err = freeName(tx, at.name, id); err != nil {
			return err
		}
		child = store.Child{ID: id, Name: at.name, CampusID: at.campus, Classroom: at.classroom, Pin: h.Identity.Pin(one.child), Joined: time.Now().UTC()}
		return store.Children.Put(tx, id, child)
	})
	return child, Grant{
		Request: one.commit, Certificate: h.Identity.Certificate.Raw, Name: h.Name(),
		AllianceID: meta.AllianceID, AllianceName: meta.AllianceName, CampusID: at.campus, Classroom: at.classroom,
		BoxName: at.name, URLs: h.URLs(),
	}, err
}

// hostOf is a remote address without its port, for people.
func hostOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
