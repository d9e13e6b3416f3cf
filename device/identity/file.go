package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// halfSuffix marks files being written; what a kill leaves of them is removed at the next start.
const halfSuffix = ".half"

// writeFile puts data at path so that a kill or power cut leaves the old file or the new one: written beside, synced, renamed, and the
// folder synced so that the name is on disk too.
func writeFile(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+halfSuffix) // 0600 by CreateTemp
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(mode); err != nil && runtime.GOOS != "windows" {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // a folder cannot be synced there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func removeHalfFiles(dir string) error {
	halves, err := filepath.Glob(filepath.Join(dir, "*"+halfSuffix))
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
