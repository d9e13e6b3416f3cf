package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tongke/media/durable"
)

// segments lists the numbers of a journal's segments, rising.
func segments(dir string) ([]uint32, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint32
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentExt)
		if !ok || len(name) != 8 {
			continue
		}
		if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			numbers = append(numbers, uint32(n))
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// tidy removes what a power cut left half done. The caller holds the writer's lock, or knows that nobody writes.
func tidy(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	removed := false
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(e.Name()) {
		case halfExt:
		case deadExt:
			if err := zeroFile(path); err != nil {
				return err
			}
		default:
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		removed = true
	}
	if removed {
		return durable.SyncFolder(dir)
	}
	return nil
}

// unfinished reports whether there is something to tidy.
func unfinished(dir string) bool {
	for _, ext := range []string{halfExt, deadExt} {
		if left, err := filepath.Glob(filepath.Join(dir, "*"+ext)); err == nil && len(left) > 0 {
			return true
		}
	}
	return false
}

func tidyLocked(dir string) error {
	l, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	return errors.Join(tidy(dir), l.Close())
}

// deleting reports whether the recording is marked as deleted.
func deleting(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, deletedMark))
	return err == nil
}

// Remove deletes a whole journal: marked first, so that a power cut does not bring half of it back, then its keys, then its files and
// what was derived from them. Nobody may be writing it.
func Remove(dir string, keys Keys) error {
	l, err := lock(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove journal: %w", err)
	}
	defer l.Close()
	if err := remove(dir, keys); err != nil {
		return fmt.Errorf("remove journal: %w", err)
	}
	return nil
}

func remove(dir string, keys Keys) error {
	mark, err := os.OpenFile(filepath.Join(dir, deletedMark), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(mark.Sync(), mark.Close())
	}
	if err == nil {
		err = durable.SyncFolder(dir)
	}
	if err == nil {
		err = keys.EraseLesson(filepath.Base(dir))
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == deletedMark { // the last to go
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(dir))
}

// Tidy finishes what a power cut interrupted in the journals under root: deletions and rewritings. Journals being written are left alone.
// It reads no segment.
func Tidy(root string, keys Keys) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidy recordings: %w", err)
	}
	var errs []error
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if !e.IsDir() || locked(filepath.Join(dir, lockName)) {
			continue
		}
		switch {
		case deleting(dir):
			err = Remove(dir, keys)
		case unfinished(dir):
			err = tidyLocked(dir)
		default:
			continue
		}
		if err != nil && !errors.Is(err, ErrLocked) {
			errs = append(errs, fmt.Errorf("tidy %s: %w", e.Name(), err))
		}
	}
	return errors.Join(errs...)
}
