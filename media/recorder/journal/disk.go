package journal

import (
	"os"

	"tongke/media/durable"
)

// Disk is what a Writer asks of the file system beside removing; journaltest has one that fails on demand.
type Disk interface {
	// Create makes a new file, 0600, that only the caller writes.
	Create(path string) (File, error)
	// Rename puts a file at its place, over what is there, and syncs the folder.
	Rename(from, to string) error
}

// File is an open segment.
type File interface {
	Write(p []byte) (int, error)
	Datasync() error // all written data, and the length, are on the disk when it returns nil
	Truncate(size int64) error
	Preallocate(size int64) // asks for room without changing the length; a hint
	Close() error
}

type system struct{}

func (system) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return systemFile{f}, nil
}

func (system) Rename(from, to string) error { return durable.Rename(from, to) }

type systemFile struct{ *os.File }

func (f systemFile) Datasync() error        { return datasync(f.File) }
func (f systemFile) Preallocate(size int64) { preallocate(f.File, size) }
