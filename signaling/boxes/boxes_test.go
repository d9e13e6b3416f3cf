package boxes

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// Ids of boxes have 16 characters.
const (
	county = "county0000000000"
	core   = "core000000000000"
	north  = "north00000000000"
	south  = "south00000000000"
	far    = "far0000000000000"
)

// box is one box of a test with its roster.
type box struct {
	*Roster
	t    testing.TB
	id   string
	st   *store.Store
	self Self
}

func open(t testing.TB, id string) *box {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	b := &box{t: t, id: id, st: st, self: Self{Name: "tk-" + id, Campus: id, Version: "1.0", Verdict: protocol.VerdictGood}}
	b.again()
	return b
}

// again is the box after a power cut: all that is left is on the disk.
func (b *box) again() {
	b.t.Helper()
	r, err := New(Config{Store: b.st, Box: b.id, Log: slog.New(slog.DiscardHandler), Self: func() Self { return b.self }})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Roster = r
}

// invite makes child a child of b, in a room that b names.
func (b *box) invite(child, campus, classroom string) {
	b.t.Helper()
	if err := b.st.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, child, store.Child{ID: child, Name: "called " + child, CampusID: campus, Classroom: classroom, Joined: time.Now()})
	}); err != nil {
		b.t.Fatal(err)
	}
}

// join makes parent the parent of b.
func (b *box) join(parent *box) {
	b.t.Helper()
	parent.invite(b.id, b.self.Campus, b.self.Classroom)
	if err := b.st.Update(func(tx *store.Tx) error {
		return store.Parents.Put(tx, store.KeyParent, store.Parent{ID: parent.id, Name: "the parent"})
	}); err != nil {
		b.t.Fatal(err)
	}
}

// link connects two boxes and lets them talk until both are silent; cut ends it.
func link(parent, child *box) (cut func()) {
	carry := func(to *box, from string, fromParent bool) func([]byte) error {
		return func(frame []byte) error {
			m, err := protocol.DecodeFrame(frame)
			if err == nil {
				err = to.Frame(from, fromParent, m)
			}
			if err != nil {
				to.t.Errorf("%s does not take %s: %v", to.id, frame, err)
			}
			return nil
		}
	}
	up := child.LinkUp(parent.id, true, carry(parent, child.id, false))
	down := parent.LinkUp(child.id, false, carry(child, parent.id, true))
	settle(parent, child)
	return func() { up(); down() }
}

// settle has every box do once and again what Run would do within its seconds.
func settle(all ...*box) {
	for range 4 {
		for _, b := range all {
			b.pass(time.Now(), true)
		}
	}
}

// entry is what b shows of a box.
func (b *box) entry(id string) Entry {
	b.t.Helper()
	all, err := b.List()
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Box == id })
	if i < 0 {
		b.t.Fatalf("%s does not show %s: %+v", b.id, id, all)
	}
	return all[i]
}

func (b *box) audits(action string) (n int) {
	b.t.Helper()
	all, err := b.st.Audits(100)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range all {
		if a.Action == action {
			n++
		}
	}
	return n
}

var somebody = Who{"wang", "technician"}

func TestTheCoreKnowsItsBoxes(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.self.Classroom = "三(2)班"
	n.join(c)
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	n.self.Verdict, n.self.Findings = protocol.VerdictWorks, []Finding{{"camera-unplugged", "warning", since}, {"not-known-here", "warning", time.Now().Add(time.Hour)}}
	if e := c.entry(north); e.Online || e.Verdict != "" || !e.Told.IsZero() {
		t.Errorf("before it ever came: %+v", e)
	}
	cut := link(c, n)
	e := c.entry(north)
	if !e.Online || e.Verdict != protocol.VerdictWorks || len(e.Findings) != 2 || !e.Findings[0].Since.Equal(since) || e.Findings[1].Code != "not-known-here" || e.Findings[1].Since.After(time.Now()) || e.Version != "1.0" {
		t.Errorf("%+v", e)
	}
	if e.Name != "called "+north || e.Campus != north || e.Classroom != "三(2)班" {
		t.Errorf("its place is its own word: %+v", e)
	}
	n.self.Verdict, n.self.Findings = protocol.VerdictGood, nil
	settle(n, c)
	if e = c.entry(north); e.Verdict != protocol.VerdictGood || len(e.Findings) != 0 {
		t.Errorf("after the cure: %+v", e)
	}
	n.self.Verdict = protocol.VerdictDown
	n.self.Findings = make([]Finding, 40)
	for i := range n.self.Findings {
		n.self.Findings[i] = Finding{fmt.Sprintf("f-%d", i), "error", since}
	}
	settle(n, c)
	if e = c.entry(north); len(e.Findings) != protocol.MaxFindings || e.Findings[0].Code != "f-0" {
		t.Errorf("%d findings were told", len(e.Findings))
	}
	cut()
	c.again()
	if e = c.entry(north); e.Online || e.Verdict != protocol.VerdictDown || e.Told.IsZero() {
		t.Errorf("its last word after a power cut here: %+v", e)
	}
	if own := c.entry(core); !own.Own || !own.Online || own.Verdict != protocol.VerdictGood {
		t.Errorf("%+v", own)
	}
}

// TestUnchangedIsNotToldAgain: a row goes over when it differs, and now and then.
func TestUnchangedIsNotToldAgain(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	var kinds []string
	n.LinkUp(core, true, func(frame []byte) error {
		m, err := protocol.DecodeFrame(frame)
		kinds = append(kinds, protocol.Kind(m))
		return err
	})
	now := time.Now()
	n.pass(now, false)
	for range 20 {
		now = now.Add(tellEvery)
		n.pass(now, true)
	}
	if want := []string{"box", "boxes"}; !slices.Equal(kinds, want) {
		t.Errorf("told %q, want %q", kinds, want)
	}
	n.pass(now.Add(repeat), true)
	if len(kinds) != 3 {
		t.Errorf("after %v: %q", repeat, kinds)
	}
	n.LinkUp(core, true, func(frame []byte) error { kinds = append(kinds, "anew"); return nil })
	n.pass(now, false)
	if len(kinds) != 5 || kinds[4] != "anew" {
		t.Errorf("a new link: %q", kinds)
	}
}

func TestACallIsKeptUntilItIsDealtWith(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	state := func() string {
		call, had, ok := n.Mine()
		if !ok {
			return "none"
		}
		return fmt.Sprintf("%s had=%v", call.State, had)
	}
	want := func(when, room string, above bool, aboveState string) {
		t.Helper()
		if got := state(); got != room {
			t.Errorf("%s: the room is told %q, want %q", when, got, room)
		}
		if e := c.entry(north); (e.Call != nil) != above || above && e.Call.State != aboveState {
			t.Errorf("%s: the core shows %+v, want %v %s", when, e.Call, above, aboveState)
		}
	}
	call, err := n.Raise(protocol.CallFromPage, "camera-unplugged", somebody)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := n.Raise(protocol.CallFromScreen, "", somebody); err != nil || again != call {
		t.Errorf("pressed twice: %+v, %v", again, err)
	}
	want("without a link", "open had=false", false, "")
	n.again()
	want("after a power cut", "open had=false", false, "")
	link(c, n)
	want("with the link", "open had=true", true, protocol.CallOpen)
	if e := c.entry(north); e.Call.Code != "camera-unplugged" || e.Call.From != protocol.CallFromPage || !e.Call.Since.Equal(call.Since.Truncate(time.Millisecond)) {
		t.Errorf("%+v", e.Call)
	}
	c.again()
	n.again()
	want("after a power cut on both sides", "open had=true", true, protocol.CallOpen)

	// The person answers while the room is away.
	if err := c.Answer(north, "another", protocol.CallSeen, somebody); !errors.Is(err, ErrNoCall) {
		t.Errorf("another call: %v", err)
	}
	for range 2 {
		if err := c.Answer(north, call.ID, protocol.CallSeen, somebody); err != nil {
			t.Fatal(err)
		}
	}
	want("answered while it is away", "open had=true", true, protocol.CallSeen)
	cut := link(c, n)
	want("and back", "seen had=true", true, protocol.CallSeen)
	if err := c.Answer(north, call.ID, protocol.CallDone, somebody); err != nil {
		t.Fatal(err)
	}
	want("dealt with", "done had=true", false, "")
	cut()
	n.again()
	c.again()
	link(c, n)
	want("dealt with, after a power cut", "done had=true", false, "")
	if a, b, d := n.audits(store.AuditCall), c.audits(store.AuditCallSeen), c.audits(store.AuditCallDone); a != 1 || b != 1 || d != 1 {
		t.Errorf("rows in the audit: %d %d %d", a, b, d)
	}
	next, err := n.Raise(protocol.CallFromPage, "", somebody)
	if err != nil || next.ID == call.ID {
		t.Fatalf("another one: %+v, %v", next, err)
	}
	c.called = map[string]time.Time{} // 10 s later
	settle(n, c)
	want("another one", "open had=true", true, protocol.CallOpen)
}

// TestACallIsToldUntilItIsAnswered: a frame that came to nothing is not the last.
func TestACallIsToldUntilItIsAnswered(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	told := 0
	n.LinkUp(core, true, func(frame []byte) error {
		if m, err := protocol.DecodeFrame(frame); err != nil {
			return err
		} else if b, ok := m.(protocol.BoxState); ok && b.Call != nil {
			told++
		}
		return nil
	})
	call, err := n.Raise(protocol.CallFromPage, "", somebody)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for range 3 {
		n.pass(now, true)
	}
	if told != 3 {
		t.Errorf("told %d times in three ticks without an answer", told)
	}
	if err := n.Frame(core, true, protocol.CallTold{Box: north, ID: call.ID, State: protocol.CallGot, At: protocol.At(now)}); err != nil {
		t.Fatal(err)
	}
	n.pass(now, true)
	if told != 3 {
		t.Error("told again after the answer")
	}
	if err := n.TakeBack(somebody); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n.pass(now, true)
	}
	if told != 5 {
		t.Errorf("taken back, and told %d times in two ticks", told-3)
	}
}

func TestACallTakenBack(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	cut := link(c, n)
	if err := n.TakeBack(somebody); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Raise(protocol.CallFromPage, "", somebody); err != nil {
		t.Fatal(err)
	}
	settle(n, c)
	if e := c.entry(north); e.Call == nil {
		t.Fatal("it did not come")
	}
	cut()
	if err := n.TakeBack(somebody); err != nil {
		t.Fatal(err)
	}
	if call, had, ok := n.Mine(); !ok || !had || call.State != protocol.CallBack {
		t.Errorf("while the core does not know: %+v %v %v", call, had, ok)
	}
	n.again()
	if e := c.entry(north); e.Call == nil {
		t.Error("the core forgot it by itself")
	}
	link(c, n)
	if e := c.entry(north); e.Call != nil {
		t.Errorf("taken back, and still shown: %+v", e.Call)
	}
	if _, _, ok := n.Mine(); ok {
		t.Error("the core knows, and the room still keeps it")
	}
	if n := n.audits(store.AuditCallBack); n != 1 {
		t.Errorf("%d rows in the audit", n)
	}
}

// TestAForgottenCallStays: a box whose disk was set back does not end its call by silence.
func TestAForgottenCallStays(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	link(c, n)
	if _, err := n.Raise(protocol.CallFromPage, "", somebody); err != nil {
		t.Fatal(err)
	}
	settle(n, c)
	n.mine = nil
	n.self.Verdict = protocol.VerdictDown
	settle(n, c)
	if e := c.entry(north); e.Call == nil || e.Verdict != protocol.VerdictDown {
		t.Errorf("%+v", e)
	}
}

func TestCallsAreFew(t *testing.T) {
	n := open(t, north)
	for i := range mostCalls {
		if _, err := n.Raise(protocol.CallFromScreen, "", somebody); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
		if err := n.TakeBack(somebody); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Raise(protocol.CallFromScreen, "", somebody); !errors.Is(err, ErrTooOften) {
		t.Errorf("one more: %v", err)
	}
	n.mineAt[0] = n.mineAt[0].Add(-callsSpan)
	if _, err := n.Raise(protocol.CallFromScreen, "", somebody); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	if e := n.entry(north); e.Call == nil {
		t.Error("a box without a parent looks after itself, and does not show it")
	}
}

// TestWhatIsNotKeptIsNotAnswered closes the core's disk under it.
func TestWhatIsNotKeptIsNotAnswered(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	link(c, n)
	if _, err := n.Raise(protocol.CallFromPage, "", somebody); err != nil {
		t.Fatal(err)
	}
	n.pass(time.Now(), true) // the core has it in memory only
	c.st.Close()
	c.pass(time.Now(), true)
	if _, had, _ := n.Mine(); had {
		t.Error("the room is told that the core has it")
	}
	for range 2 {
		if err := c.Answer(north, n.mine.Call.ID, protocol.CallSeen, somebody); err == nil {
			t.Error("a person is told that it is kept")
		}
	}
	n.TakeBack(somebody)
	n.st.Close()
	n.mine = nil
	was := len(n.mineAt)
	if _, err := n.Raise(protocol.CallFromPage, "", somebody); err == nil {
		t.Error("raised on a closed disk")
	}
	if len(n.mineAt) != was {
		t.Error("a call that was not kept counts among the few of an hour")
	}
	if n.mine != nil || len(n.Roster.audits) > 0 {
		t.Errorf("and kept in memory: %+v %+v", n.mine, n.Roster.audits)
	}
}

// TestACountySeesBeyondItsCores, and its word goes down the way the row came up.
func TestACountySeesBeyondItsCores(t *testing.T) {
	top, c, n := open(t, county), open(t, core), open(t, north)
	c.join(top)
	n.join(c)
	n.self.Verdict, n.self.Findings = protocol.VerdictWorks, []Finding{{"too-hot", "warning", time.Now().Add(-time.Minute)}}
	cutTop := link(top, c)
	cut := link(c, n)
	call, err := n.Raise(protocol.CallFromPhone, "mic-missing", somebody)
	if err != nil {
		t.Fatal(err)
	}
	settle(n, c, top)
	e := top.entry(north)
	if e.Via != core || !e.Online || e.Verdict != protocol.VerdictWorks || len(e.Findings) != 1 || e.Call == nil || e.Name != "called "+north {
		t.Fatalf("%+v", e)
	}
	if err := top.Answer(north, call.ID, protocol.CallSeen, somebody); err != nil {
		t.Fatal(err)
	}
	settle(top, c, n)
	if mine, _, _ := n.Mine(); mine.State != protocol.CallSeen || c.entry(north).Call.State != protocol.CallSeen {
		t.Errorf("the room has %+v, the core %+v", mine, c.entry(north).Call)
	}
	if err := c.Answer(north, call.ID, protocol.CallDone, somebody); err != nil {
		t.Fatal(err)
	}
	settle(c, n, top)
	if mine, _, _ := n.Mine(); mine.State != protocol.CallDone || top.entry(north).Call != nil {
		t.Errorf("dealt with: the room has %+v, the county %+v", mine, top.entry(north).Call)
	}
	cut()
	settle(c, top)
	if e = top.entry(north); e.Online {
		t.Error("the core lost it, the county has it online")
	}
	cut = link(c, n)
	settle(c, top)
	if e = top.entry(north); !e.Online {
		t.Error("it is back, and the county does not know")
	}
	cutTop()
	if top.entry(core).Online || top.entry(north).Online {
		t.Error("the core is away, and it or what is beyond it is shown online")
	}
	cut()
	// The core gives the box up: the county forgets it.
	if err := c.st.Update(func(tx *store.Tx) error { return store.Children.Delete(tx, north) }); err != nil {
		t.Fatal(err)
	}
	link(top, c)
	if all, err := top.List(); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	top.again()
	if all, err := top.List(); err != nil || len(all) != 2 {
		t.Errorf("from the disk: %+v, %v", all, err)
	}
}

// say has a child say something, as it came over its link.
func (b *box) say(child string, m protocol.Message) error {
	b.t.Helper()
	frame, err := protocol.Encode(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if m, err = protocol.DecodeFrame(frame); err != nil {
		b.t.Fatal(err)
	}
	return b.Frame(child, false, m)
}

func state(id string) protocol.BoxState {
	return protocol.BoxState{Box: id, Name: "x", Campus: "y", Findings: []protocol.BoxFinding{}, Online: true, Verdict: protocol.VerdictDown}
}

func TestNobodySpeaksForOthers(t *testing.T) {
	c := open(t, core)
	c.invite(north, "north", "")
	c.invite(south, "south", "")
	silent := func([]byte) error { return nil }
	c.LinkUp(north, false, silent)
	c.LinkUp(south, false, silent)
	if err := c.say(south, state(far)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, from string
		m          protocol.Message
		good       bool
	}{
		{"itself", north, state(north), true},
		{"one below it", north, state("below00000000000"), true},
		{"the core", north, state(core), false},
		{"its sister", north, state(south), false},
		{"one below its sister", north, state(far), false},
		{"a stranger's row", "stranger00000000", state("stranger00000000"), false},
		{"the parent's answer", north, protocol.CallTold{Box: core, ID: "a", State: protocol.CallDone}, false},
	} {
		if err := c.say(tt.from, tt.m); (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := c.Frame(north, true, state(north)); err == nil {
		t.Error("a parent's row is taken")
	}
	if e := c.entry(south); e.Verdict != "" {
		t.Errorf("its sister spoke for it: %+v", e)
	}
	if err := c.say(north, protocol.Boxes{Boxes: []string{}}); err != nil {
		t.Fatal(err)
	}
	if e := c.entry(far); e.Via != south {
		t.Errorf("another child forgot it: %+v", e)
	}
	if all, _ := c.List(); len(all) != 4 {
		t.Errorf("%d boxes after north forgot its own, want 4", len(all))
	}
	// A call of another id, at once, does not take the place of the first.
	first := state(north)
	first.Call = &protocol.Call{ID: "a", Since: 1, From: protocol.CallFromPage, State: protocol.CallOpen}
	second := first
	second.Call = &protocol.Call{ID: "b", From: protocol.CallFromPage, State: protocol.CallOpen}
	if err := errors.Join(c.say(north, first), c.say(north, second)); err != nil {
		t.Fatal(err)
	}
	if e := c.entry(north); e.Call == nil || e.Call.ID != "a" || time.Since(e.Call.Since) > time.Minute {
		t.Errorf("%+v", e.Call)
	}
}

// TestAnAbsentChildKeepsItsOwn: what a child told of stays its own while its link is down, the call on the disk too. Another may tell of it
// once that child is withdrawn, and a box that is invited here speaks for itself from then on, beginning with nothing.
func TestAnAbsentChildKeepsItsOwn(t *testing.T) {
	c := open(t, core)
	c.invite(north, "north", "")
	c.invite(south, "south", "")
	silent := func([]byte) error { return nil }
	cut := c.LinkUp(south, false, silent)
	c.LinkUp(north, false, silent)
	calling := func(call string) protocol.BoxState {
		m := state(far)
		m.Call = &protocol.Call{ID: call, Since: 1, From: protocol.CallFromPage, State: protocol.CallOpen}
		return m
	}
	if err := c.say(south, calling("a")); err != nil {
		t.Fatal(err)
	}
	cut()
	delete(c.called, far) // long ago
	if err := c.say(north, calling("b")); err == nil {
		t.Error("its sister's row was taken while she was away")
	}
	c.pass(time.Now(), true)
	c.again()
	c.LinkUp(north, false, silent)
	if err := c.say(north, calling("b")); err == nil {
		t.Error("and after a restart")
	}
	if e := c.entry(far); e.Via != south || e.Call == nil || e.Call.ID != "a" {
		t.Errorf("%+v, call %+v", e, e.Call)
	}
	if err := c.st.Update(func(tx *store.Tx) error { return store.Children.Delete(tx, south) }); err != nil {
		t.Fatal(err)
	}
	if err := c.say(north, calling("b")); err != nil || c.entry(far).Via != north {
		t.Errorf("she is withdrawn: %v, %+v", err, c.entry(far))
	}
	c.invite(far, "far", "")
	c.LinkUp(far, false, silent)
	if err := c.say(far, state(far)); err != nil {
		t.Fatal(err)
	}
	if e := c.entry(far); e.Via != "" || e.Call != nil {
		t.Errorf("invited, it has the call that another told of: %+v", e.Call)
	}
	if err := c.say(north, calling("c")); err == nil {
		t.Error("another speaks for an invited box")
	}
}

func TestAChildIsBounded(t *testing.T) {
	c := open(t, core)
	c.invite(north, "north", "")
	c.LinkUp(north, false, func([]byte) error { return nil })
	refused := 0
	for i := range 2 * rowsBurst {
		if c.say(north, state(fmt.Sprintf("b%015d", i))) != nil {
			refused++
		}
	}
	if n := len(c.rows); n != protocol.MaxBelow || refused == 0 {
		t.Errorf("%d rows, %d refused", n, refused)
	}
	if refused > rowsBurst {
		t.Errorf("%d were looked at", refused)
	}
	p := c.peers[north]
	p.at = p.at.Add(-time.Minute)
	if err := c.say(north, state(north)); err != nil || c.entry(north).Verdict != protocol.VerdictDown {
		t.Errorf("a minute later: %v", err)
	}
}

func TestWorstFirst(t *testing.T) {
	now := time.Now()
	call := func(state string, ago time.Duration) *Call { return &Call{State: state, Since: now.Add(-ago)} }
	all := []Entry{
		{Box: "waits longest", Call: call(protocol.CallOpen, time.Hour)},
		{Box: "waits", Online: true, Call: call(protocol.CallOpen, time.Minute)},
		{Box: "down", Online: true, Verdict: protocol.VerdictDown},
		{Box: "away for a week", LastSeen: now.Add(-7 * 24 * time.Hour)},
		{Box: "away for two days", LastSeen: now.Add(-48 * time.Hour), Verdict: protocol.VerdictDown},
		{Box: "two problems", Online: true, Verdict: protocol.VerdictWorks, Findings: make([]Finding, 2)},
		{Box: "one problem", Online: true, Verdict: protocol.VerdictWorks, Findings: make([]Finding, 1)},
		{Box: "away since noon", LastSeen: now.Add(-time.Hour)},
		{Box: "seen", Online: true, Campus: "a", Verdict: protocol.VerdictGood, Call: call(protocol.CallSeen, time.Hour)},
		{Box: "well", Online: true, Campus: "b"},
	}
	got := slices.Clone(all)
	slices.Reverse(got)
	slices.SortStableFunc(got, func(a, b Entry) int { return worse(a, b, now) })
	for i := range all {
		if got[i].Box != all[i].Box {
			t.Errorf("place %d: %s, want %s", i, got[i].Box, all[i].Box)
		}
	}
}

func TestAWithdrawnBoxIsForgotten(t *testing.T) {
	c, n := open(t, core), open(t, north)
	n.join(c)
	cut := link(c, n)
	cut()
	if err := c.st.Update(func(tx *store.Tx) error { return store.Children.Delete(tx, north) }); err != nil {
		t.Fatal(err)
	}
	if all, err := c.List(); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	settle(c)
	c.again()
	if len(c.rows) != 0 {
		t.Errorf("still on the disk: %+v", c.rows)
	}
}

// FuzzChild plays a child that sends anything: what is known of others stays, and all is bounded.
func FuzzChild(f *testing.F) {
	c := open(f, core)
	c.invite(north, "north", "三(2)班")
	c.invite(south, "south", "")
	c.LinkUp(south, false, func([]byte) error { return nil })
	if err := c.say(south, state(south)); err != nil {
		f.Fatal(err)
	}
	with := state(north)
	with.Call = &protocol.Call{ID: "a", Since: 1, From: protocol.CallFromPage, State: protocol.CallBack}
	for _, m := range []protocol.Message{state(north), state(south), state(far), with, protocol.Boxes{Boxes: []string{far, south, core}}, protocol.CallTold{Box: south, ID: "a", State: protocol.CallDone}} {
		frame, err := protocol.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := protocol.DecodeFrame(frame)
		if err != nil {
			return
		}
		c.LinkUp(north, false, func(frame []byte) error { _, err := protocol.DecodeFrame(frame); return err })
		c.t = t
		_ = c.Frame(north, false, m)
		if e := c.entry(south); e.Verdict != protocol.VerdictDown || e.Call != nil || e.Via != "" || e.Name != "called "+south {
			t.Errorf("%s did this to its sister: %+v", frame, e)
		}
		if e := c.entry(north); e.Name != "called "+north || e.Campus != "north" || e.Classroom != "三(2)班" || len(e.Findings) > protocol.MaxFindings {
			t.Errorf("%s: %+v", frame, e)
		}
		all, err := c.entries()
		if err != nil || len(all) > 3+protocol.MaxBelow {
			t.Errorf("%d boxes, %v", len(all), err)
		}
		for _, e := range all { // what came is passed on, and the next box can read it
			one := row{Name: e.Name, Campus: e.Campus, Classroom: e.Classroom, Version: e.Version, Verdict: e.Verdict, Findings: e.Findings, Seen: e.LastSeen}
			again, err := protocol.Encode(frameOf(e.Box, one, e.Online, e.last))
			if err == nil {
				_, err = protocol.DecodeFrame(again)
			}
			if err != nil {
				t.Errorf("%s: %v", frame, err)
			}
		}
	})
}

func TestCut(t *testing.T) {
	for _, tt := range []struct{ s, want string }{{"", ""}, {"ab", "ab"}, {"三(2)班", "三(2)班"}, {"a\u200bb\u202ec\n", "abc"}, {strings.Repeat("字", 70), strings.Repeat("字", 64)}} {
		if got := cut(tt.s, 64); got != tt.want {
			t.Errorf("cut(%q) = %q", tt.s, got)
		}
	}
}
