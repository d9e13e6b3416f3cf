// Package boxes knows the boxes below this one by their own last word, and the calls for somebody to look (叫人看一眼) of this box and of
// those. The frames are box, boxes and call.told of signaling/protocol.
//
// The Roster owns the rows (bucket "boxes") and this box's own call (key "call"). A row is outside input: it says something of its own box
// and of nobody else, its words are never shown but as text, and where a child stands is what the parent's own records say. Calls are on
// disk before anybody is told that they are kept; the rest of a row is written once a second at most.
//
// New starts nothing; everything that is sent or written without being asked for happens in Run and ends with its ctx.
package boxes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

const (
	tellEvery  = 10 * time.Second // a box says how it is at most this often
	passGap    = time.Second      // between two writes, and between two tellings of calls
	repeat     = 5 * time.Minute  // the own row is told again though it is the same
	callsEvery = 10 * time.Second // between two calls of one box that are believed
	doneShown  = 24 * time.Hour   // how long the room is told that its call was dealt with
	mostCalls  = 6                // of this box in callsSpan
	callsSpan  = time.Hour

	rowsBurst = 600 // rows of one link at once: all that a child may tell, twice
	rowsRate  = 30  // and in a second, in the mean
)

var (
	// ErrTooOften refuses a call because there were mostCalls of them in the last hour.
	ErrTooOften = errors.New("too many calls from this room")
	// ErrNoCall means that there is no such call, or not any more.
	ErrNoCall = errors.New("no such call")
)

// Finding is one thing that is wrong with a box.
type Finding struct {
	Code     string    `json:"code"`
	Severity string    `json:"severity"`
	Since    time.Time `json:"since,omitzero"`
}

// Call is a room's request that somebody look at it.
type Call struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
	From  string    `json:"from"`           // protocol.CallFromPage and its sisters
	Code  string    `json:"code,omitempty"` // of the sentence that the person saw
	State string    `json:"state"`          // protocol.CallOpen and its sisters
	At    time.Time `json:"at"`             // of the state
	By    string    `json:"by,omitempty"`   // who at this box said so
}

// ended reports whether nobody waits for anybody any more.
func (c *Call) ended() bool {
	return c == nil || c.State == protocol.CallDone || c.State == protocol.CallBack
}

// rank orders the states: a call only rises.
func rank(state string) int {
	switch state {
	case protocol.CallSeen:
		return 1
	case protocol.CallDone, protocol.CallBack:
		return 2
	}
	return 0
}

// row is what is kept of a box below.
type row struct {
	Via       string    `json:"via"` // the child that told it; the box itself where it is one
	Name      string    `json:"name"`
	Campus    string    `json:"campus"`
	Classroom string    `json:"classroom,omitempty"`
	Version   string    `json:"version,omitempty"`
	Verdict   string    `json:"verdict,omitempty"`
	Findings  []Finding `json:"findings,omitempty"`
	Online    bool      `json:"online,omitempty"`
	Seen      time.Time `json:"seen,omitzero"`
	Told      time.Time `json:"told"`
	Call      *Call     `json:"call,omitempty"`
}

// own is this box's own call, and which parent has it.
type own struct {
	Call Call   `json:"call"`
	Told string `json:"told,omitempty"` // box id of the parent that answered
}

var (
	rows  = store.TableOf[row](store.BucketBoxes)
	calls = store.TableOf[own](store.BucketBox)
)

// Self is how this box is now.
type Self struct {
	Name, Campus, Classroom, Version string

	Verdict  string // "" before the first look
	Findings []Finding
}

// Config is what the roster needs to know of its box.
type Config struct {
	Store *store.Store
	Box   string // box id
	Log   *slog.Logger
	Self  func() Self
}

// Roster is the boxes below one box. Its methods may be used from any goroutine.
type Roster struct {
	cfg  Config
	wake chan struct{} // 1: there is something to write or to tell

	write sync.Mutex // held over a write to the disk

	mu     sync.Mutex // held for memory only
	peers  map[string]*peer
	rows   map[string]row       // by box id
	dirty  map[string]bool      // rows that are to be written or, not being there, removed
	owed   map[string]bool      // rows whose call is to be answered once it is written
	called map[string]time.Time // when a box's last call was believed
	mine   *own
	mineAt []time.Time      // of the last own calls
	unsaid bool             // mine is to be written
	audits []store.AuditRow // are to be written with what they tell of
	urgent bool             // a call has changed: the parent is told now

	// Of Run's goroutine.
	told   map[string][]byte // what the parent was told of each box, as sent
	toldAt time.Time         // of the own row
	listed []byte
	to     *peer // the parent that was told
}

// peer is a link that is up.
type peer struct {
	id     string
	parent bool
	send   func(frame []byte) error

	tokens  float64
	at      time.Time
	dropped bool // something was, and it was said in the log
}

// New reads what is kept.
func New(cfg Config) (*Roster, error) {
	r := &Roster{
		cfg: cfg, wake: make(chan struct{}, 1), peers: map[string]*peer{}, rows: map[string]row{}, dirty: map[string]bool{}, owed: map[string]bool{},
		called: map[string]time.Time{}, told: map[string][]byte{},
	}
	err := cfg.Store.View(func(tx *store.Tx) error {
		all, err := rows.All(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			r.rows[one.Key] = one.Value
		}
		mine, err := calls.Get(tx, store.KeyCall)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		r.mine = &mine
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read boxes: %w", err)
	}
	return r, nil
}

// Run writes and tells until ctx ends; what is not written by then is written.
func (r *Roster) Run(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	last := time.Now()
	for {
		select {
		case now := <-tick.C:
			r.pass(now, true)
			last = now
		case now := <-soon.C:
			r.pass(now, false)
			last = now
		case <-r.wake:
			soon.Reset(max(0, passGap-time.Since(last)))
		case <-ctx.Done():
			return r.save()
		}
	}
}

// nudge has Run look soon.
func (r *Roster) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// LinkUp says that the lesson channel to another box is open; send must not block. down says that it is closed.
func (r *Roster) LinkUp(box string, parent bool, send func(frame []byte) error) (down func()) {
	p := &peer{id: box, parent: parent, send: send, tokens: rowsBurst, at: time.Now()}
	r.mu.Lock()
	r.peers[box] = p
	r.urgent = r.urgent || parent
	r.mu.Unlock()
	r.nudge()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.peers[box] == p {
			delete(r.peers, box)
		}
	}
}

// parentLocked is the link to the parent; nil without one.
func (r *Roster) parentLocked() *peer {
	for _, p := range r.peers {
		if p.parent {
			return p
		}
	}
	return nil
}

// pass writes what is new, answers calls and tells the parent: everything that has changed on a tick or when a call has.
func (r *Roster) pass(now time.Time, tick bool) {
	if tick {
		if err := r.tidy(); err != nil {
			r.cfg.Log.Warn("boxes not tidied", "err", err)
		}
	}
	if err := r.save(); err != nil {
		r.cfg.Log.Warn("boxes not written", "err", err)
		return // nobody is told of what is not kept
	}
	r.mu.Lock()
	parent, urgent := r.parentLocked(), r.urgent
	r.urgent = false
	r.mu.Unlock()
	if parent == nil {
		r.to = nil
		return
	}
	if tick || urgent || r.to != parent {
		r.tell(parent, now)
	}
}

// tidy forgets the rows of boxes whose child is none any more, and an own call that was dealt with long ago.
func (r *Roster) tidy() error {
	children, err := r.cfg.Store.Children()
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, c := range children {
		ours[c.ID] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, one := range r.rows {
		if !ours[one.Via] || one.Via != id && ours[id] {
			delete(r.rows, id)
			r.dirty[id] = true
		}
	}
	for id := range r.called {
		if _, ok := r.rows[id]; !ok {
			delete(r.called, id)
		}
	}
	if r.mine != nil && r.mine.Call.State == protocol.CallDone && time.Since(r.mine.Call.At).Abs() > doneShown {
		r.mine, r.unsaid = nil, true
	}
	return nil
}

// cut makes a text fit for a frame: no sign that nobody sees, and no more than most.
func cut(s string, most int) string {
	s = strings.Map(func(c rune) rune {
		if !unicode.IsGraphic(c) {
			return -1
		}
		return c
	}, s)
	for i := range s {
		if most--; most < 0 {
			return s[:i]
		}
	}
	return s
}

// frameOf is a row as it is told.
func frameOf(id string, one row, online bool, call *Call) protocol.BoxState {
	m := protocol.BoxState{
		Box: id, Name: cmp.Or(cut(one.Name, 64), id), Campus: cmp.Or(cut(one.Campus, 64), "?"), Classroom: cut(one.Classroom, 64), Version: cut(one.Version, 64),
		Verdict: one.Verdict, Findings: []protocol.BoxFinding{}, Online: online, Seen: protocol.At(one.Seen),
	}
	for _, f := range one.Findings[:min(len(one.Findings), protocol.MaxFindings)] {
		m.Findings = append(m.Findings, protocol.BoxFinding{Code: f.Code, Severity: f.Severity, Since: max(0, protocol.At(f.Since))})
	}
	if call != nil {
		m.Call = &protocol.Call{ID: call.ID, Since: max(0, protocol.At(call.Since)), From: call.From, Code: call.Code, State: call.State}
	}
	return m
}
