package store

import (
	"os"
	"path/filepath"
	"runtime"
)

// WriteFile puts a small file into the data directory, 0600: written beside, synced, renamed, the folder synced.
func (s *Store) WriteFile(name string, data []byte) (err error) {
	path := filepath.Join(s.dir, name)
	f, err := os.CreateTemp(s.dir, name+".*.half") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
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
	return syncDir(s.dir)
}

// RemoveFile removes a file of the data directory; one that is not there is already removed.
func (s *Store) RemoveFile(name string) error {
	err := os.Remove(filepath.Join(s.dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(s.dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
