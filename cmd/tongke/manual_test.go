package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestManual: the manual page tells of every command, and of none that there is not.
func TestManual(t *testing.T) {
	doc, err := os.ReadFile("../../firmware-config/package/tongke.1")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(doc), "\n.SH COMMANDS\n")
	list, _, _ = strings.Cut(list, "\n.SH ")
	told := map[string]bool{}
	for block := range strings.SplitSeq(list, ".TP\n") {
		if name, _, ok := strings.Cut(strings.TrimPrefix(block, ".B "), "\n"); ok {
			told[name] = true
		}
	}
	for f := range reflect.TypeFor[commands]().Fields() {
		name := f.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		_, hidden := f.Tag.Lookup("hidden")
		if hidden == told[name] {
			t.Errorf("%s: hidden %v, in the manual %v", name, hidden, told[name])
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("the manual tells of %q, which is no command", name)
	}
}
