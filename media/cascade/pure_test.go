package cascade

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/media/packet"
	"tongke/media/track"
)

type sunk struct{ got []string }

func (s *sunk) Push(b *packet.Buffer) {
	s.got = append(s.got, fmt.Sprintf("%d@%d/%d", b.Seq, b.Timestamp, b.Gen))
	b.Release()
}

func buf(seq uint64, ts uint32, at time.Duration) *packet.Buffer {
	b := packet.Get()
	b.Seq, b.Timestamp, b.Arrival = seq, ts, packet.Time(at)
	return b
}

func TestAlign(t *testing.T) {
	for _, tt := range []struct{ first, highest, want uint64 }{
		{131070, 65530, 65534}, {131073, 65537, 65537}, {5, 65540, 65541}, {65535, 65536, 65535}, {65536 + 3, 2, 3},
		{65535, 2, 65535}, {1<<48 - 1, 1 << 20, 1<<20 - 1}, {0, 1<<20 + 5, 1 << 20}, {40000, 40000 + 32768, 40000}, {7, 0, 7},
	} {
		if got := align(tt.first, tt.highest); got != tt.want {
			t.Errorf("align(%d, %d) = %d, want %d", tt.first, tt.highest, got, tt.want)
		}
	}
}

func TestBindings(t *testing.T) {
	a, b := &sunk{}, &sunk{}
	type step func(s *bindings)
	bindTo := func(to pusher, first, origin uint64, off uint32, gen uint32) step {
		return func(s *bindings) {
			s.bind(binding{first: first, origin: origin, tsOffset: off, gen: gen, rate: 90000, up: to}, packet.Time(time.Second))
		}
	}
	push := func(seq uint64, ts uint32) step {
		return func(s *bindings) { s.push(buf(seq, ts, time.Second), packet.Time(time.Second)) }
	}
	unbind := func(s *bindings) { s.unbind() }
	expire := func(at time.Duration) step { return func(s *bindings) { s.expire(packet.Time(at)) } }
	for _, tt := range []struct {
		name  string
		steps []step
		a, b  string
		lost  uint64
	}{
		{"bind first", []step{bindTo(a, 131070, 900, 0, 1), push(65534, 10), push(65535, 10), push(65537, 20)}, "900@10/1 901@10/1 903@20/1", "", 0},
		{"packet first", []step{push(65534, 10), push(65535, 10), bindTo(a, 131070, 900, 0, 1)}, "900@10/1 901@10/1", "", 0},
		{"the README's example", []step{push(65530, 5), bindTo(a, 131070, 900, 0, 1), push(65534, 10), push(65536, 30), bindTo(b, 131073, 5000, 0, 2),
			push(65537, 7), push(65535, 20), expire(2 * time.Second)}, "900@10/1 902@30/1 901@20/1", "5000@7/2", 1},
		{"offset wraps", []step{bindTo(a, 1, 1, 1<<32-5, 1), push(1, 0), push(2, 3)}, "1@5/1 2@8/1", "", 0},
		{"after unbind the next is waited for", []step{bindTo(a, 1, 1, 0, 1), push(1, 0), unbind, push(2, 9), bindTo(b, 2, 70, 0, 1)}, "1@0/1", "70@9/1", 0},
		{"late of the former after unbind", []step{bindTo(a, 1, 1, 0, 1), push(3, 0), unbind, push(2, 0), push(4, 9), expire(2 * time.Second)}, "3@0/1 2@0/1", "", 1},
		{"restart is waited for", []step{bindTo(a, 1, 1, 0, 1), push(1, 0), push(2, 1<<31), bindTo(b, 2, 500, 0, 2)}, "1@0/1", "500@2147483648/2", 0},
		{"no restart after all", []step{bindTo(a, 1, 1, 0, 1), push(1, 0), push(2, 1<<31), push(3, 1<<31+9), expire(2 * time.Second), push(4, 1<<31+18)},
			"1@0/1 2@2147483648/1 3@2147483657/1 4@2147483666/1", "", 0},
		{"before every binding", []step{push(10, 0), bindTo(a, 10, 1, 0, 1), push(9, 0)}, "1@0/1", "", 1},
		{"rebind of the same first", []step{bindTo(a, 1, 1, 0, 1), push(1, 0), bindTo(b, 1, 9, 0, 1), push(2, 0)}, "1@0/1", "10@0/1", 0},
		{"nobody", []step{bindTo(nil, 1, 1, 0, 1), push(1, 0), push(2, 0)}, "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a.got, b.got = nil, nil
			var s bindings
			for _, f := range tt.steps {
				f(&s)
			}
			if got := strings.Join(a.got, " "); got != tt.a {
				t.Errorf("a got %q, want %q", got, tt.a)
			}
			if got := strings.Join(b.got, " "); got != tt.b {
				t.Errorf("b got %q, want %q", got, tt.b)
			}
			if s.lost != tt.lost {
				t.Errorf("%d lost, want %d", s.lost, tt.lost)
			}
			s.close()
		})
	}
}

func TestHoldIsBounded(t *testing.T) {
	var s bindings
	for i := range uint64(1000) {
		s.push(buf(i+1, 0, 0), 0)
	}
	if len(s.held) != maxHeld || s.lost != 1000-maxHeld {
		t.Errorf("%d held, %d lost", len(s.held), s.lost)
	}
	s.expire(packet.Time(holdFor))
	if len(s.held) != 0 || s.lost != 1000 {
		t.Errorf("after %s: %d held, %d lost", holdFor, len(s.held), s.lost)
	}
}

func TestLateSpeechIsNoRestart(t *testing.T) {
	to := &sunk{}
	var s bindings
	s.bind(binding{first: 1, origin: 1, rate: 48000, up: to}, 0)
	s.push(buf(1, 0, 0), 0)
	// A minute of silence: the timestamp runs on with the clock.
	s.push(buf(2, 48000*60, time.Minute), packet.Time(time.Minute))
	if len(to.got) != 2 {
		t.Errorf("got %v", to.got)
	}
}

func TestSlots(t *testing.T) {
	k := func(source string, n int) layerKey {
		return layerKey{track.Key{Lesson: "l", Origin: fmt.Sprint(n), Source: source}, ""}
	}
	show := func(steps []step) string {
		var out []string
		for _, s := range steps {
			switch {
			case s.slot < 0:
				out = append(out, "deny "+s.key.Source+s.key.Origin+" "+s.code)
			case s.unbind:
				out = append(out, fmt.Sprintf("unbind %d", s.slot))
			default:
				out = append(out, fmt.Sprintf("bind %d %s%s", s.slot, s.key.Source, s.key.Origin))
			}
		}
		return strings.Join(out, ", ")
	}
	tb := newSlotTable([]track.Kind{track.Audio, track.Video, track.Video})
	want := func(source string, n int) {
		kind, _ := track.KindOf(source)
		tb.want(k(source, n), kind, priorityOf(source), true)
	}
	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"one", func() { want("pupils", 1) }, "bind 1 pupils1"},
		{"again", func() { want("pupils", 1) }, ""},
		{"voice has its own", func() { want("voice", 1) }, "bind 0 voice1"},
		{"two", func() { want("teacher", 1) }, "bind 2 teacher1"},
		{"no room, same priority", func() { want("pupils", 2) }, "deny pupils2 full"},
		{"told once", func() {}, ""},
		{"board pushes pupils out", func() { want("board", 1) }, "deny pupils1 full, unbind 1"},
		{"not before the answer", func() {}, ""},
		{"answer", func() { tb.freed(1) }, "bind 1 board1"},
		{"second voice waits", func() { want("voice", 2) }, "deny voice2 full"},
		{"teacher leaves", func() { tb.unwant(k("teacher", 1)) }, "unbind 2"},
		{"first pupils back", func() { tb.freed(2) }, "bind 2 pupils1"},
		{"pupils 1 leaves", func() { tb.unwant(k("pupils", 1)) }, "unbind 2"},
		{"pupils 1 comes back before the answer", func() { want("pupils", 1) }, "deny pupils1 full"},
		{"pupils 2 was longer here", func() { tb.freed(2) }, "bind 2 pupils2"},
		{"source not there", func() { tb.want(k("voice", 1), track.Audio, 1, false) }, "unbind 0"},
		{"stranger's answer", func() { tb.freed(1); tb.freed(63) }, ""},
		{"then voice 2", func() { tb.freed(0) }, "bind 0 voice2"},
	} {
		tt.do()
		if got := show(tb.plan()); got != tt.want {
			t.Fatalf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got, ok := tb.bound(1); !ok || got != k("board", 1) {
		t.Errorf("slot 1 carries %v, %v", got, ok)
	}
	if _, ok := tb.bound(64); ok {
		t.Error("slot 64 carries something")
	}
}

// exchange simulates one ping over a way of the given lengths, the peer's clock ahead by ahead.
func exchange(c *clock, now packet.Time, there, back, ahead time.Duration) (packet.Time, bool) {
	q := c.request(now)
	q.typ, q.t2, q.t3 = 2, now.Add(there+ahead), now.Add(there+ahead+time.Millisecond)
	at := now.Add(there + back + time.Millisecond)
	return at, c.response(q, at)
}

func TestClock(t *testing.T) {
	const ahead = -3 * time.Hour
	var c clock
	now := packet.Time(1e18)
	if _, ok := c.offset(); ok {
		t.Fatal("offset known before any answer")
	}
	for i := range 100 {
		queue := time.Duration(i%10) * 7 * time.Millisecond // only on the way there
		if _, ok := exchange(&c, now, 10*time.Millisecond+queue, 10*time.Millisecond, ahead); !ok {
			t.Fatal("answer refused")
		}
		now = now.Add(pingEvery)
	}
	if off, ok := c.offset(); !ok || off != ahead {
		t.Errorf("offset %s, %v, want %s", off, ok, ahead)
	}
	if c.rtt < 20*time.Millisecond || c.rtt > 90*time.Millisecond {
		t.Errorf("rtt %s", c.rtt)
	}
	// The path changes for the worse: the old minimum is forgotten after the window.
	for range 140 {
		exchange(&c, now, 50*time.Millisecond, 50*time.Millisecond, ahead+2*time.Millisecond)
		now = now.Add(pingEvery)
	}
	if off, _ := c.offset(); off != ahead+2*time.Millisecond {
		t.Errorf("offset %s after the window, want %s", off, ahead+2*time.Millisecond)
	}
	if len(c.samples) > 130 {
		t.Errorf("%d samples kept", len(c.samples))
	}
	q := c.request(now)
	q.typ = 2
	for _, bad := range []pingMessage{{typ: 2}, {typ: 2, id: q.id + 1, t1: q.t1}, {typ: 2, id: q.id, t1: q.t1 + 1},
		{typ: 2, id: q.id, t1: q.t1, t2: 0, t3: packet.Time(time.Hour)}} {
		if c.response(bad, now.Add(time.Millisecond)) {
			t.Errorf("%+v is taken", bad)
		}
	}
	if c.response(q, now.Add(time.Millisecond)) {
		t.Error("an answer is taken after a false one to the same question")
	}
}

func TestRound(t *testing.T) {
	show := func(p []planned) string {
		var out []string
		for _, x := range p {
			out = append(out, fmt.Sprintf("%d%s%s@%d", x.parent, strings.TrimPrefix(x.url, "https://"), x.rung, x.after.Milliseconds()))
		}
		return strings.Join(out, " ")
	}
	one := []reach{{urls: []string{"https://a"}, proxied: []bool{true}}}
	two := []reach{{urls: []string{"https://a", "https://b"}, proxied: make([]bool, 2)}, {urls: []string{"https://c"}, proxied: make([]bool, 1)}}
	for _, tt := range []struct {
		name string
		got  []planned
		want string
	}{
		{"one", round(one, reach{}, nil, false), "0audp@0 0atunnel@1000 0aproxy@1500"},
		{"what worked", round(one, reach{}, &target{0, "https://a", rungProxy}, false), "0audp@0 0aproxy@0 0atunnel@1000"},
		{"died", round(one, reach{}, &target{0, "https://a", rungUDP}, true), "0audp@0 0atunnel@0 0aproxy@300"},
		{"two, died", round(two, reach{}, nil, true), "0audp@0 0atunnel@0 0budp@300 0btunnel@300 1cudp@300 1ctunnel@300"},
		{"two", round(two, reach{}, nil, false), "0audp@0 0budp@300 0atunnel@1000 1cudp@1000 0btunnel@1300 1ctunnel@2000"},
		{"alternatives", round(one, reach{urls: []string{"https://z"}, proxied: []bool{false}}, nil, false), "-1zudp@0 0audp@0 -1ztunnel@1000 0atunnel@1000 0aproxy@1500"},
		{"better than a tunnel", better(round(one, reach{}, nil, false), target{0, "https://a", rungTunnel}), "0audp@0"},
		{"better than the second parent", better(round(two, reach{}, nil, false), target{1, "https://c", rungUDP}), "0audp@0 0budp@300 0atunnel@1000 0btunnel@1300"},
		{"nothing better", better(round(two, reach{}, nil, false), target{0, "https://b", rungUDP}), ""},
		{"better than an alternative", better(round(one, reach{}, nil, false), target{-1, "https://z", rungUDP}), "0audp@0 0atunnel@1000 0aproxy@1500"},
	} {
		if got := show(tt.got); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		busy, refused bool
		want          []float64
	}{
		{true, false, []float64{0.5, 1, 2, 2, 2, 2, 2, 2}},
		{false, false, []float64{0.5, 1, 2, 4, 8, 15, 15, 15}},
		{true, true, []float64{2, 2}},
		{false, true, []float64{15, 15}},
	} {
		for n, want := range tt.want {
			if got := backoff(n, tt.busy, tt.refused).Seconds(); got != want {
				t.Errorf("backoff(%d, %v, %v) = %v, want %v", n, tt.busy, tt.refused, got, want)
			}
		}
	}
	if got := backoff(1<<30, true, false); got != 2*time.Second {
		t.Errorf("after a year: %s", got)
	}
}

func TestProbePause(t *testing.T) {
	for deaths, want := range [][]int{{2, 4, 8, 16, 32, 60, 60}, {10, 20, 40, 60, 60}, {20, 40, 80, 120, 120}, {40, 80}, {80}, {160, 320, 640, 960}, {160}} {
		for k, want := range want {
			if got := probePause(k, deaths); got != time.Duration(want)*time.Second {
				t.Errorf("look %d after %d deaths: %s, want %d s", k, deaths, got, want)
			}
		}
	}
	if got := probePause(1<<30, 0); got != time.Minute {
		t.Errorf("after a year: %s", got)
	}
}

func TestDead(t *testing.T) {
	for _, tt := range []struct {
		heard, answered, checked time.Duration
		want                     bool
	}{
		{0, 0, time.Hour, false}, {1499 * time.Millisecond, 2999 * time.Millisecond, time.Hour, false}, {1500 * time.Millisecond, 0, 0, true},
		{0, 3 * time.Second, 3 * time.Second, true},
		{0, 7 * time.Second, 2 * time.Second, false}, // answers wait behind what was lost
		{0, 8 * time.Second, 0, true},                // and here nothing but checks passes
	} {
		if got := dead(tt.heard, tt.answered, tt.checked); got != tt.want {
			t.Errorf("dead(%s, %s, %s) = %v", tt.heard, tt.answered, tt.checked, got)
		}
	}
}

func TestTransition(t *testing.T) {
	allowed := map[string]linkState{
		"opening opened": stateUp, "up silent": stateDead, "dead heard": stateUp,
		"opening ended": stateClosed, "up ended": stateClosed, "dead ended": stateClosed,
	}
	for s := stateOpening; s <= stateClosed; s++ {
		for e := eventOpened; e <= eventEnded; e++ {
			next, ok := transition(s, e)
			want, isAllowed := allowed[s.String()+" "+e.String()]
			if ok != isAllowed || (ok && next != want) || (!ok && next != s) {
				t.Errorf("%s %s → %s, %v", s, e, next, ok)
			}
		}
	}
}

func TestJoinable(t *testing.T) {
	for _, tt := range []struct {
		path []string
		want string
	}{
		{[]string{boxB}, ""}, {[]string{boxB, boxA, boxC}, byeLoop}, {[]string{boxA}, byeLoop},
		{slices.Repeat([]string{boxB}, 4), ""}, {slices.Repeat([]string{boxB}, 5), byeTooDeep},
	} {
		if got := joinable(boxA, tt.path); got != tt.want {
			t.Errorf("joinable(%v) = %q, want %q", tt.path, got, tt.want)
		}
	}
}
