package network

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tongke/device/durable"
	"tongke/device/probe"
)

// Change begins to try a wish and returns what confirms it.
func (c *Changes) Change(ctx context.Context, w Wish) (token string, err error) {
	i := slices.IndexFunc(c.cfg.Links(), func(l probe.Link) bool { return l.Name == w.Name })
	if i < 0 {
		w.Name = "" // told as one that nobody has
	}
	s, err := Understand(w, i >= 0 && c.cfg.Links()[i].Wireless)
	if err != nil {
		return "", err
	}
	for _, m := range c.cfg.Managers(ctx) {
		ctx, cancel := context.WithTimeout(ctx, readLimit)
		defer cancel()
		if _, managed, err := m.Told(ctx, s.Name, s.SSID != ""); err != nil || !managed {
			continue
		}
		before, err := m.Before(ctx, s.Name)
		if err != nil {
			return "", err
		}
		return c.begin(change{Manager: m.Name(), Settings: s, Before: before}, s.Password)
	}
	return "", errReadOnly
}

// ChangeParent begins to try another address of the parent, whose key stays the one that joined.
func (c *Changes) ChangeParent(typed string) (token string, err error) {
	address, ok := parentURL(typed)
	if !ok {
		return "", errAddress
	}
	old, err := c.cfg.Parent()
	if err != nil {
		return "", err
	}
	if len(old) == 0 {
		return "", errNoParent
	}
	return c.begin(change{Parent: address, OldParent: old}, "")
}

// parentURL makes https://host:port of what a person typed.
func parentURL(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "://") {
		s = "https://" + s
		if u, err := url.Parse(s); err == nil && u.Port() == "" {
			u.Host += ":8443"
			s = u.String()
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(u.Host) > 261 || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"'<>\^{|}`+"`", r) }) {
		return "", false
	}
	return "https://" + u.Host, true
}

// begin writes down what is to be taken back, then has Run apply it.
func (c *Changes) begin(w change, password string) (string, error) {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.waits != nil && c.phase == undoing:
		return "", errUndoing
	case c.waits != nil:
		return "", ErrPending
	}
	w.Settings.Password = password
	c.waits = &w
	if err := c.noteLocked(); err != nil {
		c.waits = nil
		return "", fmt.Errorf("write down the change: %w", err)
	}
	c.token, c.until, c.phase, c.undone = hex.EncodeToString(secret), time.Now().Add(Patience), written, nil
	c.wakeUp()
	return c.token, nil
}

// noteLocked writes down the change that waits, without its password.
func (c *Changes) noteLocked() error {
	doc, err := json.Marshal(c.waits)
	if err != nil {
		return err
	}
	return durable.WriteFile(c.path(), doc, 0o600)
}

// Confirm keeps the change whose token this is.
func (c *Changes) Confirm(ctx context.Context, token string) error {
	c.mu.Lock()
	defer c.mu.Unlock() // also against the undoing: whoever is first decides
	if c.waits == nil || c.token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(c.token)) != 1 || !time.Now().Before(c.until) || c.phase == undoing {
		return ErrToken
	}
	if c.phase == written {
		return errTrying
	}
	w := *c.waits
	if w.Parent == "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readLimit)
		defer cancel()
		m, err := c.manager(ctx, w.Manager)
		if err != nil {
			return err
		}
		if err := m.Keep(ctx, w.Settings, w.Before); err != nil {
			return err
		}
	}
	c.cfg.Log.Info("network change kept", "interface", w.Settings.Name, "parent", w.Parent)
	c.forgetLocked()
	c.wakeUp()
	return nil
}

// TakeBack ends the minute of the change that waits; an empty token is for whoever may do without.
func (c *Changes) TakeBack(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waits == nil || token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.token)) != 1 {
		return ErrToken
	}
	if c.phase != undoing {
		c.phase, c.why = undoing, takenBack
		w := *c.waits // Run may be reading the old one
		w.ByHand = true
		c.waits = &w
		if err := c.noteLocked(); err != nil {
			c.cfg.Log.Warn("not written down that a person took the change back", "err", err) // at the worst the next start says that nobody confirmed
		}
	}
	c.wakeUp()
	return nil
}

// Read says how the machine is connected.
func (c *Changes) Read(ctx context.Context) View {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var v View
	managers := c.cfg.Managers(ctx)
	gateway, via := c.cfg.Gateway()
	for _, l := range c.cfg.Links() {
		i := Interface{Link: l}
		if l.Name == via {
			i.Gateway = gateway
		}
		for _, m := range managers {
			told, managed, err := m.Told(ctx, l.Name, l.Wireless)
			if err == nil && managed {
				i.Told = told
				if v.By == "" {
					v.By = m.Name()
				}
				break
			}
		}
		v.Interfaces = append(v.Interfaces, i)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waits != nil && c.phase != undoing {
		v.Pending = max(time.Until(c.until), time.Second)
	}
	v.Undone = c.undone
	return v
}
