package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tongke/device/doctor"
	"tongke/media/durable"
	"tongke/signaling/api"
)

// volumeFile keeps what a person has turned up, in the data directory. A box that is switched off at the wall starts with the volumes of its
// sound card's maker, which may be zero, and nobody is to tap the same key each morning.
const volumeFile = "volume.json"

const (
	volumeEvery = 30 * time.Second
	afterBoot   = 5 * time.Minute // until all cards are there; what is at zero later, somebody has turned down
)

// turnedUp is what a person has turned up here.
type turnedUp struct {
	Speaker    bool `json:"speaker"`
	Microphone bool `json:"microphone"`
}

func (u *turnedUp) of(what string) *bool {
	if what == api.VolumeMicrophone {
		return &u.Microphone
	}
	return &u.Speaker
}

// volumeFindings are those that turning up cures.
var volumeFindings = map[string]string{api.VolumeSpeaker: "sound-off", api.VolumeMicrophone: "microphone-off"}

// readTurnedUp is what is kept; half of a file is nothing.
func readTurnedUp(dir string) (u turnedUp, err error) {
	doc, err := os.ReadFile(filepath.Join(dir, volumeFile))
	if err == nil {
		err = json.Unmarshal(doc, &u)
	}
	if err != nil {
		u = turnedUp{}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return u, err
}

// noteVolume keeps that something is turned up, or is not any more.
func (k *deviceDesk) noteVolume(what string, up bool) {
	k.volume.Lock()
	defer k.volume.Unlock()
	u, err := readTurnedUp(k.d.dir)
	if err == nil && *u.of(what) == up {
		return
	}
	*u.of(what) = up
	doc, err := json.Marshal(u)
	if err == nil {
		err = durable.Replace(filepath.Join(k.d.dir, volumeFile), doc, 0o600)
	}
	if err != nil {
		k.d.log.Warn("volume not remembered", "what", what, "err", err)
	}
}

// keepVolume turns up after a start what a person has turned up before, until ctx ends.
func (k *deviceDesk) keepVolume(ctx context.Context) error {
	tick := time.NewTicker(volumeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.againUp(ctx, time.Since(k.d.device.booted))
		case <-ctx.Done():
			return nil
		}
	}
}

// againUp looks whether something is at zero that was turned up. Later than the start that is somebody's wish, and is forgotten.
func (k *deviceDesk) againUp(ctx context.Context, uptime time.Duration) {
	u, err := readTurnedUp(k.d.dir)
	if err != nil || u == (turnedUp{}) {
		return
	}
	found := k.d.device.Report().Findings
	for what, code := range volumeFindings {
		if !*u.of(what) || !slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Code == code }) {
			continue
		}
		if uptime > afterBoot {
			k.noteVolume(what, false)
			continue
		}
		if v, err := k.OpenVolume(ctx, what); err == nil {
			k.d.log.Info("volume turned up again after the start", "what", what, "set", v.Set)
		}
	}
}
