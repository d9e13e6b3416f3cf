package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"tongke/device/alsa"
	"tongke/device/probe"
	"tongke/signaling/api"
)

// volumeFault is an error with words for the person who wanted to hear something.
func volumeFault(code, zh, en string) error {
	return &api.DeviceError{Status: http.StatusConflict, Code: code, Text: api.Words{ZH: zh, EN: en}}
}

// OpenVolume turns up what plays or hears, and judges the machine anew.
func (k *deviceDesk) OpenVolume(ctx context.Context, what string) (api.DeviceVolume, error) {
	v := api.DeviceVolume{What: what, Percent: alsa.Level}
	var err error
	v.Set, err = openVolume(k.sound(), what == api.VolumeMicrophone, k.card)
	if err != nil {
		k.d.log.Warn("volume not turned up", "what", what, "err", err)
		return v, volumeWords(err, what == api.VolumeMicrophone)
	}
	k.noteVolume(what, true)
	k.d.device.look(ctx)
	return v, nil
}

// readSound reads the sound cards of this machine.
func readSound() probe.Sound { return probe.ReadSound(os.DirFS("/"), probe.System()) }

var errNoCard = errors.New("no such sound card")

// openVolume lets sound through all cards that speak, or with capture that hear. One card that can be set is enough.
func openVolume(s probe.Sound, capture bool, open func(int) (alsa.Card, error)) ([]string, error) {
	cards := s.Speakers()
	if capture {
		cards = s.Microphones()
	}
	set := []string{}
	errs := []error{}
	for _, c := range cards {
		names, err := raise(c.Number, capture, open)
		for _, n := range names {
			set = append(set, c.Name+": "+n)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	switch {
	case len(cards) == 0:
		return nil, errNoCard
	case len(errs) == len(cards):
		return nil, errors.Join(errs...)
	}
	return set, nil
}

// raise sets one card, and reads it again: some drivers take a value and keep their own.
func raise(number int, capture bool, open func(int) (alsa.Card, error)) ([]string, error) {
	c, err := open(number)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	set, err := alsa.Raise(c, capture)
	if err != nil || len(set) == 0 {
		return set, err
	}
	again, err := alsa.Raise(c, capture)
	if err == nil && len(again) == len(set) {
		err = errKept
	}
	return set, err
}

var errKept = errors.New("the card keeps its own values")

// volumeWords says to the person what kept the box from it.
func volumeWords(err error, capture bool) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return volumeFault("volume-no-rights", "同课没有权限调音量，请把用户 tongke 加进 audio 组。", "tongke may not set the volume; add its user to the group audio.")
	case errors.Is(err, errNoCard) && capture:
		return volumeFault("microphone-missing", "没找到话筒，插紧话筒的线再试。", "No microphone found; push its cable in and try again.")
	case errors.Is(err, errNoCard):
		return volumeFault("no-speaker", "没找到喇叭，插紧大屏的 HDMI 线或音箱再试。", "No speaker found; push in the screen's HDMI cable or the speaker's, and try again.")
	case errors.Is(err, alsa.ErrNothing) && capture:
		return volumeFault("volume-none", "这个话筒没有可调的音量，看它自己的开关。", "This microphone has no volume here; look at its own switch.")
	case errors.Is(err, alsa.ErrNothing):
		return volumeFault("volume-none", "这里没有音量可调，请调大屏或音箱自己的音量。", "There is no volume here; use the screen's or the speaker's own.")
	}
	return volumeFault("volume-failed", "没调成。关电再开；还不行请换设备。", "It could not be set. Switch off and on; else replace the box.")
}
