// Package store keeps what a box must not forget: who it belongs to, its users, invitations, children, parent and lessons. It is the only
// package that opens tongke.db (bbolt; one process at a time), and all names in that file stand in buckets.go.
//
// Records are JSON and read strictly: an unknown field is an error, not a guess. No slice of the database's memory leaves a transaction.
// What is committed is on disk; a kill at any instant loses at most the transaction that was not answered yet.
package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"tongke/media/durable"
)

// FileName is the database's name in the data directory.
const FileName = "tongke.db"

// lockWait is how long a second opener waits: long enough for a daemon that is just ending its last transaction.
const lockWait = 500 * time.Millisecond

var (
	// ErrLocked means that another process has the store open: usually the daemon, which is then to be asked through its control socket.
	ErrLocked = errors.New("another tongke process has the data directory open")
	// ErrNotFound means that there is no record of that key.
	ErrNotFound = errors.New("not found")
	// ErrNewer means that a newer version of the program wrote the file.
	ErrNewer = errors.New("written by a newer version of tongke")
)

// Store is an open tongke.db.
type Store struct {
	db  *bolt.DB
	dir string
}

// Open opens the store in a data directory and makes it the first time.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory cannot be written: %w", err)
	}
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return create(dir, path)
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return migrated(db, dir)
}

func openFile(path string) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("the store in %s is damaged (%w): put it back from a backup, or delete it and invite this box again", path, err)
	case err != nil:
		return nil, fmt.Errorf("open store: %w", err)
	}
	return db, nil
}

// create makes the file beside its place and renames it when it is whole: a power cut while a bbolt file is first made can leave one that
// does not open. The half file is locked all the while, so of two creators one wins.
func create(dir, path string) (*Store, error) {
	half := path + ".half"
	db, err := openFile(half)
	if err != nil && !errors.Is(err, ErrLocked) { // what a kill left; nothing in it was ever promised
		if rmErr := os.Remove(half); rmErr != nil {
			return nil, err
		}
		db, err = openFile(half)
	}
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err == nil { // another process was first
		db.Close()
		os.Remove(half)
		return Open(dir)
	}
	s, err := migrated(db, dir)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "windows" { // no rename of an open file, no sync of a folder
		if err := s.Close(); err != nil {
			return nil, err
		}
		if err := os.Rename(half, path); err != nil {
			return nil, fmt.Errorf("make store: %w", err)
		}
		return Open(dir)
	}
	if err = db.Sync(); err == nil {
		err = durable.Rename(half, path)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("make store: %w", err)
	}
	return s, nil
}

func migrated(db *bolt.DB, dir string) (*Store, error) {
	if err := migrate(db); err != nil {
		db.Close()
		return nil, fmt.Errorf("store in %s: %w", dir, err)
	}
	return &Store{db: db, dir: dir}, nil
}

// Dir is the data directory.
func (s *Store) Dir() string { return s.dir }

// Close ends the store after running transactions. Closing twice is harmless.
func (s *Store) Close() error { return s.db.Close() }

// Tx is a transaction; it must not be kept after the function it was given to returns.
type Tx struct{ tx *bolt.Tx }

// View reads.
func (s *Store) View(f func(*Tx) error) error {
	return s.db.View(func(tx *bolt.Tx) error { return f(&Tx{tx}) })
}

// Update reads and writes; what it wrote is on disk when it returns nil, and nothing of it when it returns an error.
func (s *Store) Update(f func(*Tx) error) error {
	return s.db.Update(func(tx *bolt.Tx) error { return f(&Tx{tx}) })
}

// Table is a bucket with records of one type.
type Table[T any] struct{ bucket string }

// TableOf gives the records of a bucket their type. The packages that own a record keep its table.
func TableOf[T any](bucket string) Table[T] { return Table[T]{bucket} }

// Get reads one record; ErrNotFound if there is none.
func (t Table[T]) Get(tx *Tx, key string) (T, error) {
	var v T
	data := tx.tx.Bucket([]byte(t.bucket)).Get([]byte(key))
	if data == nil {
		return v, fmt.Errorf("%s %q: %w", t.bucket, key, ErrNotFound)
	}
	if err := decode(data, &v); err != nil {
		return v, fmt.Errorf("%s %q: %w", t.bucket, key, err)
	}
	return v, nil
}

// Put writes one record.
func (t Table[T]) Put(tx *Tx, key string, v T) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s %q: %w", t.bucket, key, err)
	}
	return tx.tx.Bucket([]byte(t.bucket)).Put([]byte(key), data)
}

// Delete removes one record; removing what is not there is harmless.
func (t Table[T]) Delete(tx *Tx, key string) error {
	return tx.tx.Bucket([]byte(t.bucket)).Delete([]byte(key))
}

// Row is a record with its key.
type Row[T any] struct {
	Key   string
	Value T
}

// All reads every record, in the order of the keys.
func (t Table[T]) All(tx *Tx) ([]Row[T], error) {
	var rows []Row[T]
	err := tx.tx.Bucket([]byte(t.bucket)).ForEach(func(k, data []byte) error {
		var v T
		if err := decode(data, &v); err != nil {
			return fmt.Errorf("%s %q: %w", t.bucket, k, err)
		}
		rows = append(rows, Row[T]{string(k), v})
		return nil
	})
	return rows, err
}

// decode is strict: one value, no unknown field. The decoder copies, so nothing of data stays in v.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
