package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestDescribe reads the test's own program.
func TestDescribe(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := describe(self, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	again, err := describe(self, "1.2.3")
	if err != nil || !bytes.Equal(doc, again) {
		t.Errorf("two readings differ: %v", err)
	}
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Spec != "1.5" || d.Metadata.Component.Version != "1.2.3" || !strings.HasPrefix(d.Serial, "urn:uuid:") || len(d.Serial) != len("urn:uuid:")+36 {
		t.Errorf("%+v", d)
	}
	if len(d.Components) == 0 || !strings.HasPrefix(d.Components[0].PURL, "pkg:golang/std@1.") {
		t.Errorf("components %+v", d.Components)
	}
	if _, err := describe("main.go", "1"); err == nil {
		t.Error("a text file is a program")
	}
}
