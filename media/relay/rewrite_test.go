package relay

import (
	"testing"

	"tongke/media/codec"
	"tongke/media/packet"
)

func pkt(seq uint64, ts uint32) *packet.Buffer {
	b := packet.Get()
	b.Seq, b.Timestamp, b.Gen = seq, ts, 1
	return b
}

func TestRewriterNumbers(t *testing.T) {
	tests := []struct {
		name  string
		first uint64 // origin number that the binding begins with
		start uint64 // slot number before it
		in    []uint64
		want  []int // slot number − start, 0 = refused
	}{
		{"in order", 100, 1<<16 | 5, []uint64{100, 101, 102}, []int{1, 2, 3}},
		{"gap stays a gap", 100, 1<<16 | 5, []uint64{100, 103, 104}, []int{1, 4, 5}},
		{"late keeps its place", 100, 1<<16 | 5, []uint64{100, 102, 101}, []int{1, 3, 2}},
		{"twice is refused", 100, 1<<16 | 5, []uint64{100, 101, 101, 100}, []int{1, 2, 0, 0}},
		{"before the binding is refused", 100, 1<<16 | 5, []uint64{100, 99, 101}, []int{1, 0, 2}},
		{"origin wraps 16 bits", 65534, 1<<16 | 5, []uint64{65534, 65535, 65536, 65537}, []int{1, 2, 3, 4}},
		{"slot wraps 16 bits", 7, 1<<17 - 3, []uint64{7, 8, 9, 10}, []int{1, 2, 3, 4}},
		{"late over the wrap", 65534, 1<<17 - 2, []uint64{65534, 65537, 65535, 65536}, []int{1, 4, 2, 3}},
		{"too late", 100, 1<<16 | 5, []uint64{100, 100 + sentWindow + 1, 101}, []int{1, sentWindow + 2, 0}},
		{"far jump clears the window", 100, 1<<16 | 5, []uint64{100, 100 + 5*sentWindow, 99 + 5*sentWindow}, []int{1, 5*sentWindow + 1, 5 * sentWindow}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newRewriter(90000, false)
			w.highest = tt.start
			w.begin(nil, pkt(tt.first, 0), 1)
			for i, seq := range tt.in {
				got, _, ok := w.next(pkt(seq, 0))
				if want := tt.want[i]; ok != (want != 0) || (ok && got != tt.start+uint64(want)) {
					t.Errorf("packet %d (%d): got %d %v, want +%d", i, seq, got-tt.start, ok, want)
				}
			}
		})
	}
}

func TestRewriterTimestamps(t *testing.T) {
	const ms = 90
	w := newRewriter(90000, false)
	w.lastTS = 1<<32 - 10*ms // wraps
	w.begin(nil, pkt(1, 5000), packet.Time(1e9))
	_, ts0, _ := w.next(withArrival(pkt(1, 5000), 1e9))
	_, ts1, _ := w.next(withArrival(pkt(2, 5000+40*ms), 1e9+40e6))
	if ts1-ts0 != 40*ms {
		t.Errorf("inside a binding: step %d, want %d", ts1-ts0, 40*ms)
	}
	// Another source, 100 ms later, with timestamps of its own: the step is the time that passed.
	w.begin(nil, pkt(9000, 77), packet.Time(1e9+140e6))
	_, ts2, _ := w.next(withArrival(pkt(9000, 77), 1e9+140e6))
	if got := ts2 - ts1; got != 100*ms {
		t.Errorf("over a change of source: step %d, want %d", got, 100*ms)
	}
	// A source that begins at the same instant still moves on.
	w.begin(nil, pkt(1, 1), packet.Time(1e9+140e6))
	if _, ts3, _ := w.next(withArrival(pkt(1, 1), 1e9+140e6)); ts3-ts2 != 1 {
		t.Errorf("no time passed: step %d, want 1", ts3-ts2)
	}
}

func withArrival(b *packet.Buffer, at int64) *packet.Buffer {
	b.Arrival = packet.Time(at)
	return b
}

func TestRewriterSqueezesReplay(t *testing.T) {
	w := newRewriter(90000, false)
	w.started, w.lastTS, w.lastAt = true, 1000, 1
	// Four frames of two packets, 3000 ticks apart; the last one is the live edge.
	var all []*packet.Buffer
	for i := range uint64(8) {
		all = append(all, withArrival(pkt(50+i, uint32(i/2)*3000), 1))
	}
	w.beginReplay(nil, all[0], []uint64{50, 52, 54, 56}, all[7], 1)
	var got []uint32
	for _, b := range all {
		_, ts, ok := w.next(b)
		if !ok {
			t.Fatalf("refused %d", b.Seq)
		}
		got = append(got, ts)
	}
	for i := 2; i < 8; i++ {
		want := uint32(0)
		if i%2 == 0 {
			want = squeezeTicks
		}
		if got[i]-got[i-1] != want {
			t.Errorf("packet %d: step %d, want %d (%v)", i, got[i]-got[i-1], want, got)
		}
	}
	if int32(got[0]-1000) <= 0 {
		t.Errorf("replay begins at %d, not after what was sent (1000)", got[0])
	}
	if _, ts, _ := w.next(withArrival(pkt(58, 4*3000), 2)); ts-got[7] != 3000 {
		t.Errorf("after the replay: step %d, want the source's own 3000", ts-got[7])
	}
}

func TestRewriterFind(t *testing.T) {
	w := newRewriter(90000, false)
	w.highest = 1<<17 - 2
	w.begin(nil, pkt(100, 0), 1)
	var first []uint64
	for _, s := range []uint64{100, 101, 103} {
		n, _, _ := w.next(pkt(s, 0))
		first = append(first, n)
	}
	w.begin(nil, pkt(7, 0), 1)
	n, _, _ := w.next(pkt(7, 0))
	for _, tt := range []struct {
		seq    uint64
		origin uint64
		ok     bool
	}{
		{first[0], 100, true}, {first[1], 101, true}, {first[2] - 1, 0, false}, {first[2], 103, true},
		{n, 7, true}, {n + 1, 0, false}, {n - 1100, 0, false},
	} {
		_, origin, ok := w.find(uint16(tt.seq))
		if ok != tt.ok || (ok && origin != tt.origin) {
			t.Errorf("find %d: got %d %v, want %d %v", tt.seq, origin, ok, tt.origin, tt.ok)
		}
	}
}

// FuzzRewriter feeds any order of packets, gaps, and new bindings: no slot number may come out twice, and inside a binding slot and
// origin number keep their distance.
func FuzzRewriter(f *testing.F) {
	f.Add([]byte{1, 1, 1, 2, 0, 200, 255, 1})
	f.Add([]byte{0, 0, 0, 0, 255, 254, 253, 128, 127})
	f.Add([]byte{250, 1, 250, 1, 5, 5, 5, 250})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newRewriter(90000, false)
		seen := map[uint64]bool{}
		seq := uint64(65530)
		at := packet.Time(1e9)
		for _, c := range data {
			at += packet.Time(c) * 1e6
			switch {
			case c == 255:
				seq += 70000
			case c >= 250:
				w.begin(nil, pkt(seq, uint32(seq)), at)
			case c >= 128:
				seq -= min(uint64(c-128), seq-1)
			default:
				seq += uint64(c)
			}
			out, _, ok := w.next(withArrival(pkt(seq, uint32(seq)*3000), int64(at)))
			if !ok {
				continue
			}
			if seen[out] {
				t.Fatalf("slot number %d twice", out)
			}
			seen[out] = true
			if out-seq != w.now.seqOffset {
				t.Fatalf("distance %d, want %d", out-seq, w.now.seqOffset)
			}
			if _, origin, ok := w.find(uint16(out)); !ok || origin != seq {
				t.Fatalf("find(%d) = %d %v, want %d", out, origin, ok, seq)
			}
		}
	})
}

// TestRewriterClocks: a voice that changes between Opus and G.711 goes on by the time that has passed, in units of the clock that it has now, over
// the wrap too; toward a box nothing is changed.
func TestRewriterClocks(t *testing.T) {
	w := newRewriter(48000, false)
	w.lastTS = 1<<32 - 100
	at := func(c codec.Codec, seq uint64, ts uint32, ms int64) *packet.Buffer {
		b := withArrival(pkt(seq, ts), 1e9+ms*1e6)
		b.Codec = c
		return b
	}
	var last uint32
	for i, step := range []struct {
		codec codec.Codec
		begin bool
		ts    uint32
		ms    int64
		want  uint32 // ticks after the one before
	}{
		{codec.RED, true, 7, 0, 0},
		{codec.Opus, false, 7 + 960, 20, 960},
		{codec.PCMA, true, 1<<32 - 80, 60, 40 * 8},
		{codec.PCMA, false, 80, 80, 160},
		{codec.PCMU, true, 5, 180, 100 * 8},
		{codec.Opus, true, 9, 200, 20 * 48},
		{codec.RED, false, 9 + 960, 220, 960},
	} {
		b := at(step.codec, uint64(100+i), step.ts, step.ms)
		if step.begin {
			w.begin(nil, b, b.Arrival)
		}
		_, ts, ok := w.next(b)
		if !ok || i > 0 && ts-last != step.want {
			t.Errorf("step %d: %d ticks, want %d, %v", i, ts-last, step.want, ok)
		}
		if last = ts; w.rate != step.codec.ClockRate() {
			t.Errorf("step %d: clock of %d Hz", i, w.rate)
		}
	}
	w = newRewriter(48000, true)
	b := at(codec.PCMA, 1, 12345, 0)
	w.begin(nil, b, b.Arrival)
	if _, ts, _ := w.next(b); ts != 12345 || w.rate != 8000 {
		t.Errorf("toward a box: %d, clock of %d Hz", ts, w.rate)
	}
}
