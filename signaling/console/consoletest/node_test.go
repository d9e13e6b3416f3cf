package consoletest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestScripts runs what can be said about the pages' scripts without a browser: the client of tongke.v1 and the pure choices.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("no node: apt-get install nodejs")
	}
	files, err := filepath.Glob("*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of scripts: %v", err)
	}
	out, err := exec.Command(node, append([]string{"--test"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
