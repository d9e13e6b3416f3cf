// Package journaltest has a disk that fails on demand, for whoever tests what a journal does then.
package journaltest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tongke/media/recorder/journal"
)

// Disk is the system's file system with faults. The zero value has none.
type Disk struct {
	mu     sync.Mutex
	create error
	write  error
	sync   error
	stall  time.Duration // of each sync
	faults int           // operations left that fail; -1: all
	failed int
}

// Fail has the next n operations fail, all for n < 0: create, write and sync where the error is not nil.
func (d *Disk) Fail(n int, create, write, sync error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.create, d.write, d.sync = n, create, write, sync
}

// Full is a disk without room.
func (d *Disk) Full() { d.Fail(-1, syscall.ENOSPC, syscall.ENOSPC, syscall.ENOSPC) }

// ReadOnly is a file system that was mounted anew, read-only.
func (d *Disk) ReadOnly() { d.Fail(-1, syscall.EROFS, syscall.EROFS, syscall.EROFS) }

// Heal ends all faults.
func (d *Disk) Heal() {
	d.Fail(0, nil, nil, nil)
	d.Stall(0)
}

// Stall has each sync take that long.
func (d *Disk) Stall(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stall = t
}

// Failed counts the operations that failed.
func (d *Disk) Failed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// fault is what happens to the next operation of a kind.
func (d *Disk) fault(of func(*Disk) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := of(d)
	if err == nil || d.faults == 0 {
		return nil
	}
	if d.faults > 0 {
		d.faults--
	}
	d.failed++
	return err
}

// Create implements journal.Disk.
func (d *Disk) Create(path string) (journal.File, error) {
	if err := d.fault(func(d *Disk) error { return d.create }); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{f, d}, nil
}

// Rename implements journal.Disk.
func (d *Disk) Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

type file struct {
	*os.File
	d *Disk
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.d.fault(func(d *Disk) error { return d.write }); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *file) Datasync() error {
	f.d.mu.Lock()
	stall := f.d.stall
	f.d.mu.Unlock()
	time.Sleep(stall)
	return f.d.fault(func(d *Disk) error { return d.sync }) // what is really on the disk is the power-cut rig's question
}

func (f *file) Preallocate(int64) {}
