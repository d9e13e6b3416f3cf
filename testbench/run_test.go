package testbench_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"tongke/testbench"
	"tongke/testbench/link"
	"tongke/testbench/scenario"
)

// run runs a scenario for a few seconds.
func run(t *testing.T, name string, o testbench.Options) *scenario.Result {
	t.Helper()
	s, err := testbench.Scenario(name)
	if err != nil {
		t.Fatal(err)
	}
	res, err := testbench.Run(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// fates is what became of each first transmission of the lesson on one link: name and whether it passed.
func fates(res *scenario.Result, member string, from, to uint64) (out []link.Record) {
	for _, r := range res.Records[member] {
		if k := r.ID.Number >> 16; r.Kind == link.RTP && r.Direction == link.Down && r.ID.Transmission == 0 && k >= from && k < to {
			out = append(out, link.Record{ID: r.ID, Verdict: r.Verdict})
		}
	}
	slices.SortFunc(out, func(a, b link.Record) int {
		return cmp.Or(cmp.Compare(a.ID.Stream, b.ID.Stream), cmp.Compare(a.ID.Number, b.ID.Number))
	})
	return out
}

// Two runs of one seed lose the same packets of the lesson, over real sockets and whenever the boxes came up; another seed loses others.
func TestSameSeedLosesTheSamePackets(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three boxes three times")
	}
	var got [3]map[link.Identity]link.Verdict
	var lost [3]int
	for i, seed := range []uint64{5, 5, 6} {
		got[i] = map[link.Identity]link.Verdict{}
		for _, r := range fates(run(t, "loss-20", testbench.Options{Seed: seed, Length: 3 * time.Second}), scenario.Member1, 0, 1<<40) {
			if r.ID.Stream >= 0x100 && r.ID.Stream < 0x200 { // media of the lesson, no retransmissions: these answer what a receiver happens to ask for
				got[i][r.ID] = r.Verdict
				if r.Verdict == link.Lost {
					lost[i]++
				}
			}
		}
	}
	both, differ, others := 0, 0, 0
	for id, v := range got[0] {
		if w, ok := got[1][id]; ok {
			both++
			if v != w {
				differ++
			}
		}
		if w, ok := got[2][id]; ok && v != w {
			others++
		}
	}
	t.Logf("%d packets in both runs, %d lost in the first; with another seed %d have another fate", both, lost[0], others)
	if both < 200 || lost[0] < both/8 {
		t.Fatalf("%d packets in both runs, %d lost", both, lost[0])
	}
	if differ != 0 {
		t.Errorf("%d of %d packets have another fate with the same seed", differ, both)
	}
	if others < both/10 {
		t.Errorf("only %d of %d packets have another fate with another seed", others, both)
	}
}

// The bench notices a relay that is slow or unsteady, also on a busy machine.
func TestSlowRelayIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three boxes twice")
	}
	for _, flag := range []string{"--slow-relay", "--jitter-relay"} {
		res := run(t, "clean", testbench.Options{Seed: 1, Length: 4 * time.Second, BoxArgs: []string{flag, "30ms"}})
		broken := 0
		for _, l := range res.Limits {
			if !l.Passed {
				broken++
				t.Logf("%s: %s", flag, l)
			}
		}
		if res.Passed || broken < 3 {
			t.Errorf("%s 30ms: %d limits were broken, want the most", flag, broken)
		}
	}
}
