package doctor

import (
	"slices"
	"strings"
)

// plain are the sentences of findings that cannot be said without their figures, for who knows the code alone.
var plain = map[string]Words{
	"cable-slow": {"网线只通了低速", "The cable carries little"},
	"power-cuts": {"断过电", "Power was cut"},
}

// Said is what a finding's code means and what to do about it, without figures; ok is false for a code that is not in the table.
func Said(code string) (text, hint Words, ok bool) {
	i := slices.IndexFunc(table, func(r rule) bool { return r.code == code })
	if i < 0 {
		return Words{}, Words{}, false
	}
	r := table[i]
	if w, there := plain[code]; there {
		return w, r.hint, true
	}
	return Words{bare(r.text.ZH, "（", "）"), bare(r.text.EN, " (", ")")}, r.hint, true
}

// bare leaves out what stands in brackets for a figure.
func bare(s, open, closing string) string {
	before, rest, ok := strings.Cut(s, open)
	if !ok || !strings.Contains(rest, "%") {
		return s
	}
	_, after, _ := strings.Cut(rest, closing)
	return before + after
}
