package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/device/durable"
	"tongke/device/probe"
)

// FileName is the change that waits for its confirmation, in the data directory.
const FileName = "network-change.json"

const (
	answerFirst = 500 * time.Millisecond // for the answer to leave by the network that is about to change
	undoAgain   = 5 * time.Second        // after an undoing that failed
	applyLimit  = 40 * time.Second       // DHCP and a radio take their time
	readLimit   = 5 * time.Second
)

// The refusals that begin here.
var (
	ErrPending  = &Fault{"change-pending", "", "上一次改动还没确认，等一分钟再改。", "The last change is not confirmed yet; wait a minute."}
	ErrToken    = &Fault{"token-wrong", "token", "没有等确认的改动，可能已经改回去了。", "No such change waits; it may have been taken back."}
	errUndoing  = &Fault{"change-undoing", "", "正在改回原来的设置，几秒后再改。", "The old settings are coming back; change them in some seconds."}
	errTrying   = &Fault{"change-trying", "", "正在改，几秒后再确认。", "The change is being made; confirm in some seconds."}
	errReadOnly = &Fault{"network-not-editable", "", "这台设备的网络不能在网页里改，请在系统里改。", "The network of this box cannot be changed by this page; use the system's own settings."}
	errAddress  = &Fault{"parent-address-invalid", "parent", "核心校地址不对，照这样写：192.168.1.10 或 https://core.example:8443。", "That is no address; write it as 192.168.1.10 or https://core.example:8443."}
	errNoParent = &Fault{"parent-unknown", "parent", "还没加入核心校，先用邀请码加入。", "This box has no parent yet; join one by an invitation."}
)

// Config is what Changes leans on.
type Config struct {
	Dir string // of the state
	Log *slog.Logger
	// Managers are those of this machine that answer now, the preferred first.
	Managers func(ctx context.Context) []Manager
	Links    func() []probe.Link // of this machine
	Gateway  func() (gateway, via string)
	// Parent gives the addresses of the parent, the first one tried first; SetParent replaces them and dials again.
	Parent    func() ([]string, error)
	SetParent func([]string) error
}

// Interface is one of the machine's, for a page.
type Interface struct {
	probe.Link
	Told

	Gateway string
}

// View is the network as it is.
type View struct {
	Interfaces []Interface
	By         string        // the manager; "" nobody, and nothing can be changed
	Pending    time.Duration // until the change that waits is taken back; 0 none waits, or it is being taken back
	Undone     *Fault        // why the last change was taken back, until the next one
}

// Changes tries, keeps and takes back changes. Its methods may be called from any goroutine.
type Changes struct {
	cfg  Config
	wake chan struct{} // 1

	mu     sync.Mutex
	waits  *change // nil: none
	token  string
	until  time.Time
	phase  phase
	why    *Fault // of the undoing
	undone *Fault
}

// phase is how far the change that waits is.
//
//	written ──▶ tried ──confirmed──▶ gone
//	   └─fails──┬─▶ undoing ──▶ gone
//	  a minute ─┘      └─fails: again
type phase int

const (
	written phase = iota
	tried
	undoing
)

var phases = [...]string{written: "written", tried: "tried", undoing: "undoing"}

func (p phase) String() string { return phases[p] }

var notConfirmed = &Fault{"not-confirmed", "", "一分钟内没有确认，已改回原来的设置。", "Nobody confirmed within a minute; the old settings are back."}

// takenBack: a person did not wait for that minute.
var takenBack = &Fault{"taken-back", "", "已手动改回原来的设置。", "Taken back by hand; the old settings are back."}

// change is the file.
type change struct {
	Manager  string   `json:"manager,omitempty"`
	Settings Settings `json:"settings,omitzero"`
	Before   string   `json:"before,omitempty"` // as the manager said

	Parent    string   `json:"parent,omitempty"` // the new address
	OldParent []string `json:"oldParent,omitempty"`

	ByHand bool `json:"byHand,omitempty"` // a person took it back, and the box ended before that was done
}

// New reads what was left unconfirmed when the daemon or the power ended; Run takes it back.
func New(cfg Config) *Changes {
	c := &Changes{cfg: cfg, wake: make(chan struct{}, 1)}
	doc, err := os.ReadFile(c.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		cfg.Log.Warn("unconfirmed change not read", "err", err)
	default:
		w, err := parseChange(doc)
		if err != nil {
			cfg.Log.Warn("unconfirmed change not understood", "err", err)
			_ = os.Remove(c.path()) // of no use to anybody
			break
		}
		c.waits, c.phase, c.why = &w, undoing, notConfirmed
		if w.ByHand {
			c.why = takenBack
		}
		c.wakeUp()
	}
	return c
}

func (c *Changes) path() string { return filepath.Join(c.cfg.Dir, FileName) }

// parseChange reads the file; it was written by us, and is looked at as if it were not.
func parseChange(doc []byte) (change, error) {
	var w change
	if err := json.Unmarshal(doc, &w); err != nil {
		return w, err
	}
	if w.Parent == "" && !validName(w.Settings.Name) {
		return w, errors.New("it names no interface")
	}
	return w, nil
}

func (c *Changes) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run applies changes and takes back what nobody confirms, until ctx ends. A change that waits then is taken back at the next start.
func (c *Changes) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(c.step(ctx))
		select {
		case <-timer.C:
		case <-c.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// step does what is due and returns when to look again.
func (c *Changes) step(ctx context.Context) time.Duration {
	c.mu.Lock()
	w, left := c.waits, time.Until(c.until)
	if w != nil && c.phase == tried && left <= 0 {
		c.phase, c.why = undoing, notConfirmed
	}
	now, why := c.phase, c.why
	c.mu.Unlock()
	switch {
	case w == nil:
		return time.Hour
	case now == written:
		return c.apply(ctx, *w)
	case now == tried:
		return left
	}
	return c.undo(ctx, *w, why)
}

func (c *Changes) apply(ctx context.Context, w change) time.Duration {
	select {
	case <-time.After(answerFirst):
	case <-ctx.Done():
		return time.Hour
	}
	err := c.try(ctx, w)
	if ctx.Err() != nil {
		return time.Hour // the next start takes it back
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == undoing { // a person took it back meanwhile
		return 0
	}
	if err == nil {
		c.cfg.Log.Info("network changed for now", "interface", w.Settings.Name, "parent", w.Parent)
		c.phase = tried
		return 0
	}
	c.cfg.Log.Warn("network not changed", "interface", w.Settings.Name, "err", err)
	if !errors.As(err, &c.why) {
		c.why = refusal(err)
	}
	c.phase = undoing
	return 0
}

// refusal finds words for what a manager said.
func refusal(err error) *Fault {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "not authorized") || strings.Contains(text, "insufficient privileges") || strings.Contains(text, "permission denied"):
		return &Fault{"network-not-allowed", "", "系统不让同课改网络，请装好 polkit 再试。", "The system does not let tongke change the network; install polkit."}
	case strings.Contains(text, "secrets were required") || strings.Contains(text, "802.1x"):
		return &Fault{"password-wrong", "password", "无线密码不对，已改回原来的设置。", "The Wi-Fi password is wrong; the old settings are back."}
	case strings.Contains(text, "not found") && strings.Contains(text, "ssid"):
		return &Fault{"ssid-not-found", "ssid", "找不到这个无线网，离路由器近些再试。", "That Wi-Fi is not in the air; come nearer to its router."}
	case strings.Contains(text, "could not be reserved") || strings.Contains(text, "ip configuration"):
		return &Fault{"no-address", "mode", "没有拿到地址，已改回原来的设置。", "The network gave no address; the old settings are back."}
	}
	return &Fault{"network-failed", "", "没改成，已改回原来的设置。", "It did not work; the old settings are back."}
}

func (c *Changes) try(ctx context.Context, w change) error {
	ctx, cancel := context.WithTimeout(ctx, applyLimit)
	defer cancel()
	if w.Parent != "" {
		return c.cfg.SetParent(append([]string{w.Parent}, slices.DeleteFunc(slices.Clone(w.OldParent), func(u string) bool { return u == w.Parent })...))
	}
	m, err := c.manager(ctx, w.Manager)
	if err != nil {
		return err
	}
	return m.Try(ctx, w.Settings)
}

func (c *Changes) manager(ctx context.Context, name string) (Manager, error) {
	for _, m := range c.cfg.Managers(ctx) {
		if m.Name() == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%s does not answer", name)
}

// undo takes w back; when that fails it is tried again.
func (c *Changes) undo(ctx context.Context, w change, why *Fault) time.Duration {
	if err := c.takeBack(ctx, w); err != nil {
		c.cfg.Log.Warn("network change not taken back yet", "interface", w.Settings.Name, "err", err)
		return undoAgain
	}
	c.cfg.Log.Info("network change taken back", "interface", w.Settings.Name, "parent", w.Parent, "why", why)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked()
	c.undone = why
	return time.Hour
}

func (c *Changes) takeBack(ctx context.Context, w change) error {
	ctx, cancel := context.WithTimeout(ctx, applyLimit)
	defer cancel()
	if w.Parent != "" {
		return c.cfg.SetParent(w.OldParent)
	}
	m, err := c.manager(ctx, w.Manager)
	if err != nil {
		return err
	}
	return m.Undo(ctx, w.Settings.Name, w.Before)
}

// forgetLocked ends the change that waited.
func (c *Changes) forgetLocked() {
	c.waits, c.token, c.phase = nil, "", written
	if err := durable.Remove(c.path()); err != nil {
		c.cfg.Log.Warn("network change not forgotten", "err", err) // at the worst it is taken back once more, which changes nothing
	}
}
