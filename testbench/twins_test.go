package testbench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestTwins: what media and device both need and can have from nobody else stands in both, the same to the byte. A cure goes into both.
func TestTwins(t *testing.T) {
	for _, pair := range [][2]string{{"../media/durable", "../device/durable"}} {
		files, err := filepath.Glob(filepath.Join(pair[0], "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		if others, err := filepath.Glob(filepath.Join(pair[1], "*")); err != nil || len(others) != len(files) {
			t.Errorf("%v beside %v, %v", others, files, err)
		}
		for _, f := range files {
			one, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			other, err := os.ReadFile(filepath.Join(pair[1], filepath.Base(f)))
			if err != nil || !bytes.Equal(one, other) {
				t.Errorf("%s is not the same in %s: %v", f, pair[1], err)
			}
		}
	}
}
