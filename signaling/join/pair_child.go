package join

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tongke/signaling/store"
)

const (
	pairAsk    = 500 * time.Millisecond // how often a child asks whether the parent's operator has said anything
	pairByeFor = 2 * time.Second        // how long a child may take to tell that it gave up
)

// PairView is how the child's pairing stands.
type PairView struct {
	ID        string
	State     string
	Digits    string
	Confirmed bool  // a person here said that they are the same
	Err       error // why it failed
	Name      string
	Parent    string // box id
	Expires   time.Time
}

// PairerConfig is what a Pairer needs of its box.
type PairerConfig struct {
	Store    *store.Store
	Identity Identity
	TLS      *tls.Config                           // shows this box's identity certificate
	Proxy    func(*http.Request) (*url.URL, error) // nil: none
	Name     func() string                         // of this box
	Adopted  func(name string) error               // told when the box has a parent; may be nil
	Log      *slog.Logger
}

// Pairer is the child's side of pairings, one at a time. Run does the work; the other methods may be called from any goroutine.
type Pairer struct {
	cfg   PairerConfig
	begun chan *pairing

	mu      sync.Mutex
	current *pairing
}

// pairing is one attempt. Its fields are guarded by the Pairer's mu.
type pairing struct {
	address string
	replace bool
	view    PairView
	said    chan bool // 1: what a person here said
	cancel  chan struct{}
	over    bool
}

// NewPairer makes a Pairer.
func NewPairer(cfg PairerConfig) *Pairer {
	return &Pairer{cfg: cfg, begun: make(chan *pairing, 1)}
}

// Begin starts to join the parent at address. ErrPairing if one is under way, ErrJoined if there is a parent and replace is not set.
func (p *Pairer) Begin(address string, replace bool) (id string, err error) {
	if _, err := parseAddress(address); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := MayJoin(p.cfg.Store, replace); err != nil {
		return "", err
	}
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	one := &pairing{address: address, replace: replace, said: make(chan bool, 1), cancel: make(chan struct{})}
	one.view = PairView{ID: hex.EncodeToString(random), State: PairLooking, Expires: time.Now().Add(PairLife)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil && !p.current.over {
		return "", ErrPairing
	}
	select {
	case p.begun <- one:
	default: // the last one is still being put away
		return "", ErrPairing
	}
	p.current = one
	return one.view.ID, nil
}

// View is the present pairing, or the last one.
func (p *Pairer) View() PairView {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return PairView{State: PairIdle}
	}
	return p.current.view
}

// Say is the word of a person at this end, once the digits are shown.
func (p *Pairer) Say(id string, same bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.current
	if one == nil || one.over || one.view.ID != id || one.view.State != PairCompare || one.view.Confirmed {
		return ErrNoPairing
	}
	select {
	case one.said <- same:
		one.view.Confirmed = same
	default:
	}
	return nil
}

// Cancel ends the present pairing, or forgets the last one.
func (p *Pairer) Cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.current; one != nil && !one.over {
		one.over = true
		close(one.cancel)
	}
	p.current = nil
}

// Run pairs until ctx ends.
func (p *Pairer) Run(ctx context.Context) error {
	for {
		select {
		case one := <-p.begun:
			p.pair(ctx, one)
		case <-ctx.Done():
			return nil
		}
	}
}

// pair is one attempt from its beginning to its end.
func (p *Pairer) pair(ctx context.Context, one *pairing) {
	ctx, cancel := context.WithTimeout(ctx, PairLife)
	defer cancel()
	go func() { // ends with ctx
		select {
		case <-one.cancel:
			cancel()
		case <-ctx.Done():
		}
	}()
	joined, err := p.exchange(ctx, one)
	if err == nil {
		err = p.adopt(ctx, one, joined)
	}
	if err == nil && p.cfg.Adopted != nil {
		err = p.cfg.Adopted(joined.BoxName)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one.over = true
	v := &one.view
	v.Err = err
	switch {
	case err == nil:
		v.State, v.Name, v.Parent = PairAccepted, joined.BoxName, joined.Parent.ID
	case errors.Is(err, ErrRefused):
		v.State = PairRefused
	case errors.Is(err, ErrPairExpired), errors.Is(err, context.DeadlineExceeded):
		v.State, v.Err = PairExpired, ErrPairExpired
	default:
		v.State = PairFailed
	}
	p.cfg.Log.Info("pairing ended", "state", v.State, "err", err)
}

// adopt writes the parent down, unless the pairing was cancelled: under the lock, so that a Cancel comes before it and wins, or after it and
// has nothing left to cancel.
func (p *Pairer) adopt(ctx context.Context, one *pairing, joined Joined) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.over {
		return context.Canceled
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return Adopt(p.cfg.Store, joined, one.replace)
}

func (p *Pairer) exchange(ctx context.Context, one *pairing) (Joined, error) {
	j, end, err := newJoiner(p.cfg.Proxy, one.address, p.cfg.Identity, p.cfg.TLS, p.cfg.Name())
	if err != nil {
		return Joined{}, err
	}
	defer end()
	seen, err := j.look(ctx)
	if err != nil {
		return Joined{}, err
	}
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return Joined{}, err
	}
	commit := pairCommit(p.cfg.Identity.Certificate, seen, nonce)
	var theirs PairNonce
	if err := j.tell(ctx, http.MethodPost, "", PairCommit{commit, j.name}, seen, &theirs); err != nil {
		return Joined{}, err
	}
	if len(theirs.Nonce) != nonceSize || !place(theirs.ID) {
		return Joined{}, ErrRequest
	}
	path := "/" + theirs.ID
	defer func() { // a person at the parent need not look at what is over; to one that was answered it makes no difference
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), pairByeFor)
		defer cancel()
		_ = j.tell(bye, http.MethodDelete, path, nil, seen, nil)
	}()
	if err := j.tell(ctx, http.MethodPost, path, PairReveal{nonce}, seen, &struct{}{}); err != nil {
		return Joined{}, err
	}
	p.show(one, pairDigits(p.cfg.Identity.Certificate, seen, nonce, theirs.Nonce))
	grant, err := p.wait(ctx, one, j, path, seen)
	if err != nil {
		return Joined{}, err
	}
	return j.granted(grant, commit, seen)
}

func (p *Pairer) show(one *pairing, digits string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.view.State, one.view.Digits = PairCompare, digits
}

// wait returns when people at both ends have said that the digits are the same.
func (p *Pairer) wait(ctx context.Context, one *pairing, j *joiner, path string, seen *x509.Certificate) (Grant, error) {
	tick := time.NewTicker(pairAsk)
	defer tick.Stop()
	here := false
	for {
		var at PairState
		err := j.tell(ctx, http.MethodGet, path, nil, seen, &at)
		switch {
		case errors.Is(err, ErrNoPairing):
			return Grant{}, ErrPairExpired
		case errors.Is(err, ErrMismatch):
			return Grant{}, err
		case err == nil && at.State == PairRefused:
			return Grant{}, ErrRefused
		case err == nil && at.State == PairAccepted && at.Grant != nil && here:
			return *at.Grant, nil
		} // a line that is away for a moment is asked again
		select {
		case same := <-one.said:
			if !same {
				return Grant{}, ErrRefused
			}
			here = true
		case <-tick.C:
		case <-ctx.Done():
			return Grant{}, ctx.Err()
		}
	}
}

// tell sends one message of a pairing and reads its answer, which must come from who was seen.
func (j *joiner) tell(ctx context.Context, method, path string, in any, seen *x509.Certificate, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	data, cert, status, err := j.do(ctx, method, "/api/v1/pair"+path, body)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if !cert.Equal(seen) {
		return ErrMismatch
	}
	if status/100 != 2 {
		return refused(data, status)
	}
	if out == nil {
		return nil
	}
	if err := strict(data, out); err != nil {
		return fmt.Errorf("%w: its answer makes no sense", ErrUnreachable)
	}
	return nil
}
