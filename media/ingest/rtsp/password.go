package rtsp

import (
	"context"
	"sync"
	"time"
)

// passwordRests are how long a refused password is not shown again. Cameras lock out who shows wrong ones: some after five tries and for half
// an hour, some until a person unlocks them.
var passwordRests = []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute}

// password guards the password of one camera, for all its streams: until the camera has taken it one stream shows it at a time, and a refused
// one rests.
type password struct {
	turn chan struct{} // one place: who shows it while nobody knows whether it is right

	mu      sync.Mutex
	known   bool          // the camera has taken it
	refused int           // times since then
	until   time.Time     // when it may be shown again
	lifted  chan struct{} // closed when a person has put something right: nobody rests any longer
}

func newPassword() *password {
	return &password{turn: make(chan struct{}, 1), lifted: make(chan struct{})}
}

// show calls ask, which shows the password, or returns the fault of a password that rests.
func (p *password) show(ctx context.Context, ask func() error) error {
	if !p.taken() {
		select {
		case p.turn <- struct{}{}:
			defer func() { <-p.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if left := p.rest(); left > 0 {
		return fault(NoPassword, "it was refused, and is tried again in %v or when a person asks", left.Round(time.Second))
	}
	err := ask()
	if ctx.Err() == nil {
		p.answered(err)
	}
	return err
}

func (p *password) taken() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

// answered notes what the camera said.
func (p *password) answered(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.known, p.refused, p.until = true, 0, time.Time{}
	case explain(err).Code == NoPassword:
		p.known, p.until = false, time.Now().Add(passwordRests[min(p.refused, len(passwordRests)-1)])
		p.refused++
	}
}

// rest is how long the password is not shown.
func (p *password) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.until))
}

// lift has everybody try again who rests, and no password rest longer than one that another has shown does.
func (p *password) lift(other *password) {
	other.mu.Lock()
	known, refused, until := other.known, other.refused, other.until
	other.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known, p.refused, p.until = known, refused, until
	close(p.lifted)
	p.lifted = make(chan struct{})
}

// wait returns when d has passed or the rest was lifted, false with ctx.
func (p *password) wait(ctx context.Context, d time.Duration) bool {
	p.mu.Lock()
	lifted := p.lifted
	p.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-lifted:
	case <-ctx.Done():
		return false
	}
	return true
}
