package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tongke/media/library"
	"tongke/signaling/store"
)

// RecordingConfig says where recordings are kept and how long.
type RecordingConfig struct {
	Dir           string `toml:"dir"`
	Reserve       string `toml:"reserve"`
	RetentionDays int    `toml:"retention_days"`
}

const (
	defaultRetention = 30
	maxRetention     = 3650
)

var reserveForm = regexp.MustCompile(`^([1-9][0-9]{0,6}) ?(MB|GB|TB)$`)

// Validate reports every impossible value with its full key and what to write instead.
func (c RecordingConfig) Validate() error {
	var errs []error
	if c.Dir != "" && !filepath.IsAbs(c.Dir) {
		errs = append(errs, fmt.Errorf("recording.dir: %q is not a full path, begin it with /", c.Dir))
	}
	if c.Reserve != "" && !reserveForm.MatchString(c.Reserve) {
		errs = append(errs, fmt.Errorf("recording.reserve: %q is no size, write it as 10 GB", c.Reserve))
	}
	if c.RetentionDays < 0 || c.RetentionDays > maxRetention {
		errs = append(errs, fmt.Errorf("recording.retention_days: %d is out of range, write 1 to %d, or 0 for ever", c.RetentionDays, maxRetention))
	}
	return errors.Join(errs...)
}

// reserve is the size in bytes; 0 lets the library choose.
func (c RecordingConfig) reserve() int64 {
	m := reserveForm.FindStringSubmatch(c.Reserve)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0
	}
	return n * map[string]int64{"MB": 1e6, "GB": 1e9, "TB": 1e12}[strings.ToUpper(m[2])]
}

// recordings is the folder of the journals.
func (c RecordingConfig) recordings(data string) string {
	if c.Dir != "" {
		return c.Dir
	}
	return filepath.Join(data, "recordings")
}

func (c RecordingConfig) retention() time.Duration {
	return time.Duration(c.RetentionDays) * library.Day
}

// newLibrary opens the catalogue of what the recorder keeps.
func (d *daemon) newLibrary() (err error) {
	d.library, err = library.Open(library.Config{
		Dir: d.dir, Recordings: d.cfg.Recording.recordings(d.dir), Keys: d.keys,
		Retention: d.cfg.Recording.retention(), Reserve: d.cfg.Recording.reserve(),
		Deleted: d.recordingDeleted,
		Log:     d.log.With("part", "library"),
	})
	return dataFault(d.dir, err)
}

// runLibrary looks after the recordings until ctx ends; nobody asks for one any more then.
func (d *daemon) runLibrary(ctx context.Context) error {
	return errors.Join(d.library.Run(ctx), d.library.Close())
}

// recordingDeleted notes what the box deleted by itself; what a person deletes is noted with that person, unless a
// power cut came in between.
func (d *daemon) recordingDeleted(p library.Proof) {
	if p.By != library.ByBox && !p.Late {
		return
	}
	err := d.store.Audit(store.AuditRow{
		At: p.At, Action: store.AuditDelete, Who: p.By, Role: "box", Object: p.ID,
		Detail: map[string]string{"title": p.Title, "reason": p.Reason, "keys": strconv.Itoa(p.Keys), "files": strconv.Itoa(p.Files), "bytes": strconv.FormatInt(p.Bytes, 10)},
	})
	if err != nil {
		d.log.Error("deletion of a recording not noted", "lesson", p.ID, "err", err)
	}
}
