package lesson

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// TestRightsAsWritten holds the table of requests in the protocol's README against the rules.
func TestRightsAsWritten(t *testing.T) {
	data, err := os.ReadFile("../protocol/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "## 4. Requests")
	text, _, _ = strings.Cut(text, "## 5.")
	kind := regexp.MustCompile("`([a-z]+(?:[.-][a-z]+)?)`")
	seen := map[string]bool{"hello": true, "bye": true} // in §2
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.Contains(cells[1], "`") {
			continue
		}
		for _, m := range kind.FindAllStringSubmatch(cells[1], -1) {
			r, ok := rules[m[1]]
			if !ok {
				t.Errorf("%s is written and has no rule", m[1])
				continue
			}
			seen[m[1]] = true
			compare(t, m[1], r, cells[len(cells)-4], cells[len(cells)-3], cells[len(cells)-2])
		}
	}
	for kind := range rules {
		if !seen[kind] {
			t.Errorf("%s is not written", kind)
		}
	}
}

func compare(t *testing.T, kind string, r rule, who, when, effect string) {
	t.Helper()
	for _, role := range []auth.Role{auth.Teacher, auth.Assistant, auth.Classroom, auth.Inspector, auth.Technician, auth.Administrator} {
		want := never
		if regexp.MustCompile(`(^|[ ,;])` + string(role) + `($|[ ,;:])`).MatchString(who) {
			want = may
			if strings.Contains(who, string(role)+" (lead") {
				want = leads
			}
		}
		if r.who[role] != want {
			t.Errorf("%s by %s: the rule says %d, the text %d", kind, role, r.who[role], want)
		}
	}
	var want phases
	switch when = strings.TrimSpace(when); when {
	case "any":
		want = always
	case "not ended":
		want = whenOpen
	default:
		for p := range strings.SplitSeq(when, ", ") {
			want = append(want, protocol.Phase(p))
		}
	}
	if !slices.Equal(r.when, want) {
		t.Errorf("%s: the rule says %v, the text %v", kind, r.when, want)
	}
	if local := strings.HasPrefix(strings.TrimSpace(effect), "(room)"); local != r.local {
		t.Errorf("%s stays in the room: the rule says %v, the text %v", kind, r.local, local)
	}
}
