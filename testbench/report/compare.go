package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Change is a figure of a stream in two reports.
type Change struct {
	Scenario, Stream, Measure string
	Old, New                  float64
	Worse, Better             bool // by more than what two runs of the same differ
}

// The figures that are compared, and from which difference on they count: a share of the old one, and at least so much.
var compared = []struct {
	measure      string
	share, least float64
}{
	{"latencyMs.p50", 0.2, 2}, {"latencyMs.p95", 0.3, 10}, {"jitterMs.p95", 0.5, 5}, {"lossAfterPct", 0.2, 0.3}, {"concealedPct", 0.25, 0.5},
	{"freezes.totalMs", 0.3, 300}, {"freezes.maxMs", 0.3, 200}, {"recoveryMs", 0.3, 500},
}

// Comparison is two reports beside each other.
type Comparison struct {
	Changes      []Change // that count, the worst first
	Same         int      // figures that do not
	Gone, Fresh  []string // scenarios of the old report alone, of the new one alone
	Broken       []string // scenarios that passed and do not any more
	Mended       []string // and the other way round
	SeedsDiffer  bool
	OldVersion   string
	OldMachine   string
	MachineMoved bool
}

// Compare puts a report beside an older one.
func Compare(old, now *Report) *Comparison {
	c := &Comparison{SeedsDiffer: old.Seed != now.Seed, OldVersion: old.Version, OldMachine: old.Machine, MachineMoved: old.Machine != now.Machine}
	before := map[string]*Scenario{}
	for i := range old.Scenarios {
		before[old.Scenarios[i].Name] = &old.Scenarios[i]
	}
	for i := range now.Scenarios {
		n := &now.Scenarios[i]
		o := before[n.Name]
		if o == nil {
			c.Fresh = append(c.Fresh, n.Name)
			continue
		}
		delete(before, n.Name)
		switch {
		case o.Passed && !n.Passed:
			c.Broken = append(c.Broken, n.Name)
		case !o.Passed && n.Passed:
			c.Mended = append(c.Mended, n.Name)
		}
		c.scenario(o, n)
	}
	for name := range before {
		c.Gone = append(c.Gone, name)
	}
	slices.Sort(c.Gone)
	slices.SortStableFunc(c.Changes, func(a, b Change) int { return cmp.Compare(b.weight(), a.weight()) })
	return c
}

// weight orders changes: worse ones first, and by how much.
func (c Change) weight() float64 {
	w := math.Abs(math.Log((c.New + 1) / (c.Old + 1)))
	if !c.Worse {
		return -1 / (1 + w)
	}
	return w
}

func (c *Comparison) scenario(o, n *Scenario) {
	streams := map[string]*Stream{}
	for i := range o.Streams {
		streams[o.Streams[i].Name()] = &o.Streams[i]
	}
	for i := range n.Streams {
		s := &n.Streams[i]
		was := streams[s.Name()]
		if was == nil {
			continue
		}
		for _, m := range compared {
			a, _ := was.Value(m.measure)
			b, _ := s.Value(m.measure)
			d := b - a
			if math.IsNaN(d) || math.Abs(d) <= max(m.least, m.share*math.Abs(a)) {
				c.Same++
				continue
			}
			c.Changes = append(c.Changes, Change{n.Name, s.Name(), m.measure, a, b, d > 0, d < 0})
		}
	}
}

// Table writes the comparison for a terminal.
func (c *Comparison) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n与以前比较 compared with tongke %s, %s\n", c.OldVersion, c.OldMachine)
	list := func(word string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(&b, "  %s: %s\n", word, strings.Join(names, ", "))
		}
	}
	if c.SeedsDiffer {
		b.WriteString("  种子不同，丢的包不一样 another seed: other packets were lost\n")
	}
	list("没通过了 passed before, fails now", c.Broken)
	list("通过了 failed before, passes now", c.Mended)
	list("以前没有 not measured before", c.Fresh)
	list("这次没测 not measured now", c.Gone)
	for _, x := range c.Changes {
		sign := "↑ 变差 worse "
		if x.Better {
			sign = "↓ 变好 better"
		}
		fmt.Fprintf(&b, "  %s %-12s %-24s %-16s %9.2f → %9.2f\n", sign, x.Scenario, x.Stream, x.Measure, x.Old, x.New)
	}
	fmt.Fprintf(&b, "  %d 项没有变化 figures did not change\n", c.Same)
	_, err := io.WriteString(w, b.String())
	return err
}
