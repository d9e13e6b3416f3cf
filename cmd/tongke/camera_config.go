package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tongke/media/ingest/rtsp"
	"tongke/signaling/session"
	"tongke/signaling/store"
)

// CameraConfig is one network camera of the file: [[camera]].
type CameraConfig struct {
	Name         string `toml:"name"`
	URL          string `toml:"url"`
	Sub          string `toml:"sub"`
	As           string `toml:"as"`
	Transport    string `toml:"transport"`
	User         string `toml:"user"`
	PasswordFile string `toml:"password_file"`
	Fingerprint  string `toml:"fingerprint"`
	Sound        bool   `toml:"sound"`
}

// camerasAs are what a camera can be for.
var camerasAs = []string{session.AsCamera, session.AsPupils, session.AsBoard}

// maxPassword bounds what is read of a password file.
const maxPassword = 1024

// validateCameras reports every impossible value with its full key: camera[2].url is the second camera's.
func validateCameras(all []CameraConfig) error {
	var errs []error
	if len(all) > store.MaxCameras {
		errs = append(errs, fmt.Errorf("camera: %d are too many, write at most %d", len(all), store.MaxCameras))
	}
	names := map[string]bool{}
	for i, c := range all {
		key := fmt.Sprintf("camera[%d].", i+1)
		for _, err := range unjoin(c.media("").Validate()) {
			errs = append(errs, fmt.Errorf("%s%w", key, err))
		}
		if c.As != "" && !slices.Contains(camerasAs, c.As) {
			errs = append(errs, fmt.Errorf("%sas: %q is none, write camera, pupils or board", key, c.As))
		}
		if c.PasswordFile != "" && !filepath.IsAbs(c.PasswordFile) {
			errs = append(errs, fmt.Errorf("%spassword_file: %q is not a full path, begin it with /", key, c.PasswordFile))
		}
		if c.PasswordFile != "" && c.User == "" {
			errs = append(errs, fmt.Errorf("%suser: there is a password file and no user, write the user as well", key))
		}
		if c.Name != "" && names[c.Name] {
			errs = append(errs, fmt.Errorf("%sname: %q stands there twice, choose another name", key, c.Name))
		}
		names[c.Name] = true
	}
	return errors.Join(errs...)
}

// media is the camera as media/ingest/rtsp takes it.
func (c CameraConfig) media(password string) rtsp.Config {
	return rtsp.Config{Name: c.Name, Main: c.URL, Sub: c.Sub, User: c.User, Password: password, Transport: c.Transport, Fingerprint: c.Fingerprint, Sound: c.Sound}
}

// password reads the file that holds it: one line.
func (c CameraConfig) password() (string, error) {
	if c.PasswordFile == "" {
		return "", nil
	}
	doc, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password of camera %q: %w", c.Name, rootCause(err))
	}
	if len(doc) > maxPassword {
		return "", fmt.Errorf("password of camera %q: the file is too long", c.Name)
	}
	return strings.TrimRight(string(doc), "\r\n"), nil
}
