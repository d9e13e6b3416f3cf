// Package durable puts files on disk so that a kill or a power cut leaves the old file or the new one, and never half of one.
//
// There is one in media and one in device, the same to the byte, because neither part imports the other or a third; a test of testbench
// holds them together. signaling and cmd use the one of media.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Half ends the names of files that are being written. What a kill leaves of them nobody needs.
const Half = ".half"

const (
	halfLife    = time.Hour // a file that is being written is younger, by far
	sweepEvery  = time.Hour // how often the same folder is looked through
	mostFolders = 512       // whose last look is remembered; of more some are looked through oftener
)

// halves are the names that Replace gives, and no others: other files end in Half too, and their owners look after them.
var halves = regexp.MustCompile(`^\..+\.[0-9]+\` + Half + `$`)

// swept remembers when a folder was last looked through.
var swept = struct {
	sync.Mutex
	at map[string]time.Time
}{at: map[string]time.Time{}}

// WriteFile puts a small file at its place, over what is there: written beside, synced, renamed, the folder synced. When it returns nil the
// file is there after a power cut too.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := Replace(path, data, mode); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// Replace is WriteFile without the last step: a power cut soon after may bring the old file back, whole. It is for what is written often,
// or again at the next start.
func Replace(path string, data []byte, mode fs.FileMode) (err error) {
	sweep(filepath.Dir(path))
	// Hidden, so that nobody who reads a folder by its names takes it for one of them. 0600 until it has its mode.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+Half)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil && runtime.GOOS != "windows" {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// sweep removes what kills left half written in a folder. It does what it can: the next look finds the rest.
func sweep(dir string) {
	now := time.Now()
	swept.Lock()
	last, known := swept.at[dir]
	due := !known || now.Sub(last) >= sweepEvery
	if due {
		if len(swept.at) >= mostFolders {
			clear(swept.at)
		}
		swept.at[dir] = now
	}
	swept.Unlock()
	if !due {
		return
	}
	entries, _ := os.ReadDir(dir) // whoever writes there is told what is wrong with it
	for _, e := range entries {
		if !e.Type().IsRegular() || !halves.MatchString(e.Name()) {
			continue
		}
		if st, err := e.Info(); err == nil && now.Sub(st.ModTime()) > halfLife {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Rename puts a file that is synced at its place, over what is there, and syncs the folder.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// Remove removes a file and syncs the folder; one that is not there is removed already.
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes new names in a folder, and removals, last over a power cut. Windows and some file systems cannot, and then nobody can.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir) // #nosec G304 -- the caller's own folder
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // fsync(2): the file system has no such thing
		err = nil
	}
	return errors.Join(err, d.Close())
}
