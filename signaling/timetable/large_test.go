package timetable

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The longest file that is taken is read, compared and searched for conflicts while a person waits.
func TestLargestFileIsReadInTime(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for i := range maxRows - 1 {
		fmt.Fprintf(&b, "%d,%d,,全,数学,,,,师%d,校%d/1,校%d/2；校%d/3,,,,2026-09-01,2027-10-15\n", 1+i%5, 1+i/5%3, i/15, i/15, i/15, i/15)
	}
	began := time.Now()
	next, p := read(t, b.String(), strings.Replace(bells, "2027/4/30", "2028/4/30", 1))
	if len(p.Faults) > 0 || p.Added != maxRows-1 {
		t.Fatalf("%d added, faults %+v", p.Added, p.Faults[:min(3, len(p.Faults))])
	}
	took := time.Since(began)
	t.Logf("%d lines of %d weeks in %v", len(next.Entries), next.Term.Week(next.Term.Until), took)
	if took > 20*time.Second { // 0.5 s on an idle machine
		t.Errorf("took %v", took)
	}
}
