package doctor

import (
	"strings"
	"testing"
)

// TestSaid: every code has its sentence without figures, in both languages.
func TestSaid(t *testing.T) {
	for _, r := range table {
		text, hint, ok := Said(r.code)
		if !ok || text.ZH == "" || text.EN == "" || hint != r.hint {
			t.Errorf("%s: %+v %+v %v", r.code, text, hint, ok)
		}
		if s := text.ZH + text.EN; strings.ContainsAny(s, "%（(") {
			t.Errorf("%s: a figure is missing in %q", r.code, s)
		}
		if !strings.Contains(r.text.ZH, "%") && text != r.text {
			t.Errorf("%s: %+v, want %+v", r.code, text, r.text)
		}
	}
	if text, _, _ := Said("too-hot"); text != (Words{"设备太热", "Too hot"}) {
		t.Errorf("%+v", text)
	}
	if _, _, ok := Said("no-such-code"); ok {
		t.Error("a code that nobody made has words")
	}
}
