package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	bolt "go.etcd.io/bbolt"
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

// Snapshot copies the database as it is at one moment into a new file at path, 0600 and synced, while others go on writing.
func (s *Store) Snapshot(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(path)
		}
	}()
	err = s.db.View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(f)
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	return err
}

// Forget removes what must not come to life again on another machine: sign-ins and open invitations.
func (s *Store) Forget() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{BucketSessions, BucketInvitations} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}
