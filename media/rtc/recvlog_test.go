package rtc

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tongke/media/packet"
)

func TestRecvLogExtends(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint16
		want []uint64
		r    []receipt
	}{
		{"in order", []uint16{5, 6, 7}, []uint64{5, 6, 7}, []receipt{fresh, fresh, fresh}},
		{"wrap-around", []uint16{65534, 65535, 0, 1}, []uint64{65534, 65535, 65536, 65537}, []receipt{fresh, fresh, fresh, fresh}},
		{"late over the wrap", []uint16{65535, 1, 0, 65534}, []uint64{65535, 65537, 65536, 65534}, []receipt{fresh, fresh, late, late}},
		{"twice", []uint16{9, 9, 10, 9}, []uint64{9, 9, 10, 9}, []receipt{fresh, again, fresh, again}},
		{"before the beginning", []uint16{1, 65530}, []uint64{1, 0}, []receipt{fresh, tooLate}},
		{"out of the window", []uint16{10000, 12047, 12048, 10000}, []uint64{10000, 12047, 12048, 10000}, []receipt{fresh, fresh, fresh, tooLate}},
		{"edge of the window", []uint16{10000, 12047, 10000}, []uint64{10000, 12047, 10000}, []receipt{fresh, fresh, again}},
		{"far ahead", []uint16{0, 32767, 65534, 32765}, []uint64{0, 32767, 65534, 65536 + 32765}, []receipt{fresh, fresh, fresh, fresh}},
	} {
		var l recvLog
		for i, seq := range c.in {
			ext, r, _ := l.receive(seq, 0)
			if r != c.r[i] || r != tooLate && ext != c.want[i] {
				t.Errorf("%s: packet %d (%d) is %d, %d, want %d, %d", c.name, i, seq, ext, r, c.want[i], c.r[i])
			}
		}
	}
}

func TestRecvLogNacks(t *testing.T) {
	ms := func(n int) packet.Time { return packet.Time(n) * packet.Time(time.Millisecond) }
	var l recvLog
	l.receive(65533, ms(0))
	l.receive(1, ms(1)) // 65534, 65535 and 0 are missing
	rtt := 40 * time.Millisecond
	for _, c := range []struct {
		at   int
		came []uint16
		want []uint16
	}{
		{at: 2, want: []uint16{65534, 65535, 0}},
		{at: 22},
		{at: 40, came: []uint16{65535}},
		{at: 52, want: []uint16{65534, 0}}, // 50 ms, a quarter more than the round trip
		{at: 80, came: []uint16{0, 3}, want: []uint16{2}},
		{at: 103, want: []uint16{65534}},
		{at: 130, want: []uint16{2}},
		{at: 2000},
	} {
		for _, seq := range c.came {
			l.receive(seq, ms(c.at))
		}
		if got := l.nacks(ms(c.at), rtt, nil); !slices.Equal(got, c.want) {
			t.Errorf("at %d ms: asked for %v, want %v", c.at, got, c.want)
		}
	}
	if l.lost != 2 || len(l.missing) != 0 {
		t.Errorf("lost %d, missing %v", l.lost, l.missing)
	}
}

func TestRecvLogGivesUp(t *testing.T) {
	var l recvLog
	l.receive(10, 0)
	l.receive(12, 0)
	asked := 0
	for at := packet.Time(0); at < packet.Time(2*time.Second); at += packet.Time(nackEvery) {
		asked += len(l.nacks(at, time.Millisecond, nil))
	}
	if asked != maxNacks || l.lost != 1 {
		t.Errorf("asked %d times, lost %d, want %d and 1", asked, l.lost, maxNacks)
	}
	if _, _, overflow := l.receive(12+maxMissing+2, 0); !overflow || len(l.missing) != 0 {
		t.Errorf("a gap of more than %d is asked for", maxMissing)
	}
	if _, _, overflow := l.receive(12+maxMissing+2+maxMissing+1, 0); overflow || len(l.missing) != maxMissing {
		t.Errorf("a gap of %d is not asked for", maxMissing)
	}
}

func TestRecvLogLeavesPaddingOut(t *testing.T) {
	var l recvLog
	number := func(seq uint16, padding bool) uint64 {
		ext, r, _ := l.receive(seq, 0)
		if padding {
			if r == fresh {
				l.pad(ext)
			}
			return 0
		}
		return l.number(ext)
	}
	for _, c := range []struct {
		seq     uint16
		padding bool
		want    uint64
	}{
		{65533, false, 65533},
		{65535, true, 0},
		{0, true, 0},
		{65534, false, 65534}, // late, before the padding: its own number
		{1, false, 65535},
		{3, false, 65537},
		{2, true, 0}, // late padding: the gap before 3 has been seen, and stays
		{4, false, 65538},
	} {
		if got := number(c.seq, c.padding); got != c.want {
			t.Errorf("packet %d has number %d, want %d", c.seq, got, c.want)
		}
	}
	// Much padding: the list stays short and the numbers run on.
	next := uint64(65539)
	for seq := uint16(5); seq < 20000; seq++ {
		pad := seq%2 == 0
		if got := number(seq, pad); !pad && got != next {
			t.Fatalf("packet %d has number %d, want %d", seq, got, next)
		} else if !pad {
			next++
		}
	}
	if len(l.padding) > logWindow {
		t.Errorf("%d paddings are remembered", len(l.padding))
	}
}

func TestNackPairs(t *testing.T) {
	type pair struct{ id, mask uint16 }
	for _, c := range []struct {
		in   []uint16
		want []pair
	}{
		{nil, nil},
		{[]uint16{7}, []pair{{7, 0}}},
		{[]uint16{7, 8, 23}, []pair{{7, 1 | 1<<15}}},
		{[]uint16{7, 24}, []pair{{7, 0}, {24, 0}}},
		{[]uint16{65535, 0, 15, 16}, []pair{{65535, 1 | 1<<15}, {16, 0}}},
	} {
		var got []pair
		nackPairs(c.in, func(id, mask uint16) { got = append(got, pair{id, mask}) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}

// TestRecvLogAgainstModel compares with a plain set over random loss, disorder and repetition.
func TestRecvLogAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var l recvLog
		first := uint64(rng.IntN(1 << 16))
		seen := map[uint64]bool{}
		high := first
		for range 3000 {
			ext := high + uint64(rng.IntN(4))
			if rng.IntN(4) == 0 {
				ext = max(first, high-min(high, uint64(rng.IntN(100))))
			}
			got, r, _ := l.receive(uint16(ext), 0)
			if len(seen) == 0 {
				first, high = ext, ext
			}
			want := fresh
			switch {
			case seen[ext]:
				want = again
			case ext < high:
				want = late
			}
			if r != want || got != ext {
				t.Fatalf("packet %d is %d, %d, want %d", ext, got, r, want)
			}
			seen[ext] = true
			high = max(high, ext)
		}
		missing := 0
		for i := first; i < high; i++ {
			if !seen[i] && i+logWindow > high {
				missing++
			}
		}
		kept := 0
		for _, g := range l.missing {
			if seen[g.seq] {
				t.Fatalf("%d is there and asked for", g.seq)
			}
			if g.seq+logWindow > high {
				kept++
			}
		}
		if kept > missing {
			t.Fatalf("%d missing, %d asked for", missing, kept)
		}
	}
}
