package store

import (
	"errors"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"tongke/media/durable"
)

// WriteFile puts a small file into the data directory, 0600: written beside, synced, renamed, the folder synced.
func (s *Store) WriteFile(name string, data []byte) error {
	return durable.WriteFile(filepath.Join(s.dir, name), data, 0o600)
}

// RemoveFile removes a file of the data directory; one that is not there is already removed.
func (s *Store) RemoveFile(name string) error { return durable.Remove(filepath.Join(s.dir, name)) }

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
