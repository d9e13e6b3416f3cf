package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"tongke/device/doctor"
	"tongke/device/probe"
	"tongke/device/profile"
	"tongke/signaling/api"
	"tongke/signaling/protocol"
)

// States of a full check.
const (
	checkIdle    = "idle"
	checkRunning = "running"
	checkDone    = "done"
	checkWaiting = "waiting-for-end"
)

// What only a person in the room knows.
const (
	askScreen  = "screen-seen"
	askSpeaker = "speaker-heard"
	askClap    = "clap"
)

const (
	answerWait = 3 * time.Minute // a person who went away
	lessonPoll = time.Second     // how often the end of a lesson is looked for
)

// fullCheck looks at one part of the box after the other and asks the person for what only a person knows.
//
//	idle ──start──▶ running ──────▶ done ──start──▶ running
//	  └──start in a lesson──▶ waiting-for-end ──its end──▶ running
//	                          running ──a lesson begins──▶ waiting-for-end
type fullCheck struct {
	machine func() (probe.Machine, profile.Choice, error)
	facts   func(ctx context.Context, now bool) doctor.Facts // now: the network is asked, else only the daemon's parts
	input   func(probe.Machine, doctor.Facts) doctor.Input
	learn   func(func(*doctor.Facts))
	take    func(doctor.Report, doctor.Facts)
	lesson  func() (live bool, until time.Time)
	test    func(ctx context.Context, do []string) (protocol.SelfTested, error) // by the page on the screen beside the box
	endTest func()
	cameras func(ctx context.Context, pictures bool) // connects those of the network
	since   func(now time.Time) time.Time            // when the installation began
	now     func() time.Time

	start   chan struct{} // 1
	answers chan checkAnswer

	mu    sync.Mutex
	state api.DeviceCheck
	began time.Time
}

type checkAnswer struct {
	ask string
	yes bool
}

func newFullCheck() *fullCheck {
	return &fullCheck{
		now: time.Now, start: make(chan struct{}, 1), answers: make(chan checkAnswer, 1),
		state: api.DeviceCheck{State: checkIdle, Items: []api.DeviceCheckItem{}},
	}
}

// State is how far it is.
func (c *fullCheck) State() api.DeviceCheck {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Items = slices.Clone(s.Items)
	return s
}

// Start begins, unless it runs already.
func (c *fullCheck) Start(wait bool) error {
	live, until := c.lesson()
	if live && !wait {
		return api.ErrInLesson(until)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.State == checkRunning || c.state.State == checkWaiting {
		return nil
	}
	c.state = api.DeviceCheck{State: checkRunning, Items: []api.DeviceCheckItem{}}
	if live {
		c.state.State = checkWaiting
	}
	select {
	case c.start <- struct{}{}:
	default: // it begins already
	}
	return nil
}

// Answer passes on what the person says. What was not asked is refused.
func (c *fullCheck) Answer(ask string, yes bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.state.Items, func(i api.DeviceCheckItem) bool { return i.State == "asking" && i.Ask == ask }) {
		return &api.DeviceError{Status: http.StatusConflict, Code: "not-asked", Field: "ask", Text: api.Words{ZH: "现在没有问这个。", EN: "That is not the question now."}}
	}
	select {
	case c.answers <- checkAnswer{ask, yes}:
	default: // answered already, by another hand
	}
	return nil
}

// Run checks whenever it is started, until ctx ends.
func (c *fullCheck) Run(ctx context.Context) error {
	for {
		select {
		case <-c.start:
			c.run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// run is one full check.
func (c *fullCheck) run(ctx context.Context) {
	if !c.quiet(ctx) {
		return
	}
	m, choice, err := c.machine()
	if err != nil {
		c.end(doctor.Report{Verdict: doctor.Down, Text: doctor.Words{ZH: "设备看不了自己", EN: "The box cannot look at itself"}})
		return
	}
	t := &checkRun{c: c, ctx: ctx, m: m, choice: choice, facts: c.facts(ctx, false)}
	t.learn(func(f *doctor.Facts) {
		f.ScreenSeen, f.SpeakerHeard, f.MicrophoneHeard, f.Picture = doctor.Unknown, doctor.Unknown, doctor.Unknown, doctor.Unknown
	})
	r := t.judge()
	items := make([]api.DeviceCheckItem, len(r.Checks))
	for i, k := range r.Checks {
		items[i] = api.DeviceCheckItem{Part: k.Part, Name: api.Words(k.Name), State: "pending"}
	}
	c.mu.Lock()
	c.began = c.now()
	c.state = api.DeviceCheck{State: checkRunning, Of: len(items), Items: items}
	c.mu.Unlock()
	for i := range items {
		if !c.quiet(ctx) {
			return
		}
		t.step(i, items[i].Part)
		if ctx.Err() != nil {
			return
		}
	}
	t.again()
	r = t.judge()
	c.take(r, t.facts)
	c.end(r)
}

// quiet waits until no lesson is on; false when the box ends.
func (c *fullCheck) quiet(ctx context.Context) bool {
	tick := time.NewTicker(lessonPoll)
	defer tick.Stop()
	for {
		live, _ := c.lesson()
		c.mu.Lock()
		c.state.State = checkRunning
		if live {
			c.state.State = checkWaiting
		}
		c.mu.Unlock()
		if !live {
			return ctx.Err() == nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

func (c *fullCheck) end(r doctor.Report) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.state
	s.State, s.Verdict, s.Text, s.At = checkDone, string(r.Verdict), api.Words(r.Text), now.UTC()
	begin := c.began
	if c.since != nil {
		begin = c.since(begin)
	}
	s.Minutes = max(1, int((now.Sub(begin)+30*time.Second)/time.Minute))
}

// change changes one line.
func (c *fullCheck) change(i int, f func(*api.DeviceCheckItem)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state.Items[i])
	c.state.N = 0
	for _, k := range c.state.Items {
		if k.State == "ok" || k.State == "bad" {
			c.state.N++
		}
	}
}

// ask asks the person and waits; answered is false when nobody was there, or the box ends. known may answer in the person's place.
func (c *fullCheck) ask(ctx context.Context, i int, what string, known <-chan bool) (yes, answered bool) {
	select {
	case <-c.answers: // a late one to a question before
	default:
	}
	c.change(i, func(k *api.DeviceCheckItem) { k.State, k.Ask = "asking", what })
	defer c.change(i, func(k *api.DeviceCheckItem) { k.State, k.Ask = "running", "" })
	limit := time.NewTimer(answerWait)
	defer limit.Stop()
	for {
		select {
		case a := <-c.answers:
			if a.ask == what {
				return a.yes, true
			}
		case yes := <-known:
			return yes, true
		case <-limit.C:
			return false, false
		case <-ctx.Done():
			return false, false
		}
	}
}
