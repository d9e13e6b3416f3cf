package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tongke/media/durable"
)

// tidyProfile makes good what a power cut leaves in the browser's folder, so that the next start asks nobody anything: a lock of a browser
// that is gone (Chromium refuses to start beside one that was made under another host name), a note that it crashed, half a file.
func tidyProfile(dir string, log *slog.Logger) {
	if err := unlockProfile(dir); err != nil {
		log.Warn("lock of the last browser not removed", "err", err)
	}
	for _, name := range []string{"Local State", filepath.Join("Default", "Preferences")} {
		if err := mendSettings(filepath.Join(dir, name)); err != nil {
			log.Warn("settings of the browser not mended", "file", name, "err", err)
		}
	}
}

// unlockProfile removes Chromium's lock, a link to "host-pid", when that process is not there any more.
func unlockProfile(dir string) error {
	to, err := os.Readlink(filepath.Join(dir, "SingletonLock"))
	if err != nil {
		return nil // none, or a system that locks otherwise
	}
	host, _ := os.Hostname()
	if at := strings.LastIndexByte(to, '-'); at >= 0 && to[:at] == host {
		if pid, err := strconv.Atoi(to[at+1:]); err == nil && alive(pid) {
			return nil
		}
	}
	var errs []error
	for _, name := range []string{"SingletonLock", "SingletonCookie", "SingletonSocket"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// mendSettings removes a file that is no JSON, and has the others say that the browser ended in peace.
func mendSettings(path string) error {
	doc, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(doc, &all) != nil {
		return os.Remove(path) // it makes itself a new one
	}
	var profile map[string]json.RawMessage
	if json.Unmarshal(all["profile"], &profile) != nil || profile["exit_type"] == nil || bytes.Equal(profile["exit_type"], []byte(`"Normal"`)) {
		return nil
	}
	profile["exit_type"], profile["exited_cleanly"] = json.RawMessage(`"Normal"`), json.RawMessage(`true`)
	if all["profile"], err = json.Marshal(profile); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	if doc, err = json.Marshal(all); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return durable.Replace(path, doc, 0o600)
}
