//go:build !linux

package journal

import (
	"errors"
	"os"
	"syscall"
	"time"
)

func datasync(f *os.File) error { return f.Sync() }

func preallocate(*os.File, int64) {}

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// lock only makes the file: which process writes is then not seen by others.
func lock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }

func locked(string) bool { return false }

func boot() (id [16]byte, up time.Duration) { return id, 0 }
