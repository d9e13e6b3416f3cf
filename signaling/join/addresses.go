package join

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"tongke/signaling/store"
)

// Boxes keep finding each other when addresses change.
//
//   - A child tells its parent where it answers each time its uplink comes up and then each minute, by which it hears what time it is
//     there too. What it is told of the parent's addresses it keeps as the uplink comes up and once an hour. So a second address or a
//     name that the parent got later is known at every school before it is needed.
//   - A parent calls the children that do not come, at the addresses they told, and says where it answers now. That is for the new machine
//     that a backup made the same box again: it has the old one's key and list of children and perhaps not its address. Only a child that
//     the parent can reach hears it (one county's network does, a school behind NAT does not).
//
// Both go over TLS with the keys that joined; nobody else can tell a box of another parent's address.
const (
	// AddressesPath is where a child tells its addresses and asks for the parent's.
	AddressesPath = "/api/v1/below/addresses"
	// HerePath is where a parent tells a child where it is now.
	HerePath = "/api/v1/above/here"

	maxAddresses = 8

	movesBurst = 20 // changes of one child's addresses at once
	movesEvery = 10 * time.Second
)

// moves counts how often children told new addresses: each is a write to the disk, and all writes wait for one another.
type moves struct {
	mu  sync.Mutex
	all map[string]moved
}

type moved struct {
	left float64
	at   time.Time
}

// may reports whether a child may have new ones written now.
func (m *moves) may(child string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	one, known := m.all[child]
	if !known {
		one = moved{movesBurst, now}
	}
	one = moved{min(movesBurst, one.left+max(0, now.Sub(one.at).Seconds())/movesEvery.Seconds()), now}
	ok := one.left >= 1
	if ok {
		one.left--
	}
	m.all[child] = one
	return ok
}

// Addresses are where a box's uplink port answers.
type Addresses struct {
	URLs []string `json:"urls"`
}

// mergeAddresses keeps the order, what is an address, and each once.
func mergeAddresses(lists ...[]string) (urls []string) {
	for _, u := range slices.Concat(lists...) {
		if b, err := parseAddress(u); err == nil && !slices.Contains(urls, b) && len(urls) < maxAddresses {
			urls = append(urls, b)
		}
	}
	return urls
}

// NoteAddresses keeps where a child says it answers, and tells it where this box does.
func (h *Host) NoteAddresses(c store.Child, told []string) (Addresses, error) {
	told = mergeAddresses(told)
	if !slices.Equal(c.URLs, told) {
		if !h.moves.may(c.ID, time.Now()) {
			h.Log.Debug("box below tells new addresses without end", "peer", c.Name)
			return Addresses{URLs: h.URLs()}, nil // it tells them again within the hour
		}
		if err := h.Store.Update(func(tx *store.Tx) error {
			now, err := store.Children.Get(tx, c.ID)
			if errors.Is(err, store.ErrNotFound) {
				return ErrNoBox
			}
			if err != nil {
				return err
			}
			now.URLs = told
			return store.Children.Put(tx, c.ID, now)
		}); err != nil {
			return Addresses{}, err
		}
	}
	return Addresses{URLs: h.URLs()}, nil
}

// TellAddresses tells the parent where this box answers, and returns where the parent does, at which address it did now, and what time it is
// there. A parent without the list, of an older version, says what time it is all the same.
func TellAddresses(ctx context.Context, d Dial, own []string) (told []string, at string, heard Heard, err error) {
	var theirs Addresses
	at, heard, err = d.askAt(ctx, http.MethodPut, AddressesPath, Addresses{URLs: own}, &theirs)
	return theirs.URLs, at, heard, err
}

// Learn keeps addresses that the parent told, beside the ones known before. First comes the one at which it answered now; without one, it
// has called from where it is not known, and those told come first. The one at which it answered and the one that a person chose are kept
// whatever is told: behind an address translator the parent knows neither.
func Learn(s *store.Store, parent string, told []string, at string) (changed bool, err error) {
	err = s.Update(func(tx *store.Tx) error {
		p, err := store.Parents.Get(tx, store.KeyParent)
		if errors.Is(err, store.ErrNotFound) || err == nil && p.ID != parent {
			return ErrNoBox // it left in the meantime
		}
		if err != nil {
			return err
		}
		first := p.URLs[:min(1, len(p.URLs))]
		if p.Chosen == "" && len(first) > 0 {
			p.Chosen = first[0]
		}
		switch {
		case at == "":
			first = nil
		case slices.Contains(p.URLs, at): // and not one of the configuration
			first = []string{at}
		}
		urls := keepAlso(mergeAddresses(first, told, p.URLs), p.Chosen)
		if changed = !slices.Equal(urls, p.URLs); !changed {
			return nil
		}
		p.URLs = urls
		return store.Parents.Put(tx, store.KeyParent, p)
	})
	return changed && err == nil, err
}

// keepAlso puts an address at the end, for the last one where there are too many.
func keepAlso(urls []string, also string) []string {
	if also == "" || slices.Contains(urls, also) {
		return urls
	}
	return append(urls[:min(len(urls), maxAddresses-1)], also)
}

// ParentIsHere takes a parent's call. remote is where it comes from: behind an address translator the parent does not know its own address,
// and the port is most likely the one that it has inside.
func (h *Host) ParentIsHere(remote string, peer *x509.Certificate, told []string) error {
	if peer == nil {
		return ErrNoBox
	}
	p, ok, err := h.Store.Parent()
	if err != nil {
		return err
	}
	if id, is := h.Identity.IDOf(peer); !ok || !is || id != p.ID || h.Identity.Pin(peer) != p.Pin {
		return ErrNoBox
	}
	told = mergeAddresses(told)
	if len(told) == 0 {
		return ErrRequest
	}
	if u, err := url.Parse(told[0]); err == nil && u.Port() != "" {
		// Second, because those after it may be of networks that this box is not in, and each takes its time to fail.
		told = slices.Insert(told, 1, "https://"+net.JoinHostPort(hostOf(remote), u.Port()))
	}
	changed, err := Learn(h.Store, p.ID, told, "")
	if err != nil || !changed {
		return err
	}
	h.Log.Info("parent says where it is", "peer", p.Name, "addresses", told)
	if h.Moved != nil {
		h.Moved()
	}
	return nil
}

// Call tells a child where this box answers, at all its addresses at once: most may be of networks where nobody answers at all. config
// takes that child's key only.
func Call(ctx context.Context, c store.Child, config *tls.Config, own []string) error {
	body, err := json.Marshal(Addresses{URLs: own})
	if err != nil {
		return err
	}
	client, end := newClient(nil, config)
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		data   []byte
		status int
		err    error
	}
	answers := make(chan answer, len(c.URLs))
	for _, base := range c.URLs {
		j := &joiner{base: base, client: client}
		go func() { // ends with the call
			var a answer
			a.data, _, a.status, a.err = j.do(ctx, http.MethodPost, HerePath, body)
			answers <- a
		}()
	}
	last := errors.New("it told no address")
	for range c.URLs {
		switch a := <-answers; {
		case a.err != nil:
			last = a.err
		case a.status/100 != 2:
			return refused(a.data, a.status)
		default:
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, last)
}
