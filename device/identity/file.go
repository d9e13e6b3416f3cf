package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"tongke/device/durable"
)

// removeHalfFiles removes what a kill left of files that were being written.
func removeHalfFiles(dir string) error {
	halves, err := filepath.Glob(filepath.Join(dir, "*"+durable.Half))
	if err != nil {
		return err
	}
	for _, path := range halves {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// readPrivate reads a key file and takes away what others could do with it (a restored backup is often 0644).
func readPrivate(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "windows" {
		return data, nil
	}
	if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, fmt.Errorf("others can read %s: %w", path, err)
		}
	}
	return data, nil
}
