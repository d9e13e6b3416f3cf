package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tongke/device/alsa"
	"tongke/device/doctor"
	"tongke/device/probe"
	"tongke/signaling/api"
)

// TestVolumeAfterTheStart: what a person has turned up is turned up after the next start; what somebody has turned down later stays so.
func TestVolumeAfterTheStart(t *testing.T) {
	card := &soundCard{elements: []alsa.Element{{Name: "Master Playback Volume", Writable: true, Max: 100, Values: []int64{0}}}}
	dir := t.TempDir()
	begin := func() *deviceDesk {
		d := &daemon{dir: dir, log: slog.New(slog.DiscardHandler), device: &deviceWatch{log: slog.New(slog.DiscardHandler), dir: dir, facts: func() doctor.Facts { return doctor.Facts{} }}}
		k := &deviceDesk{d: d, sound: func() probe.Sound { return probe.Sound{Cards: []probe.Card{{Playbacks: 1}}} }, card: func(int) (alsa.Card, error) { return card, nil }}
		if card.elements[0].Values[0] == 0 {
			d.device.take(doctor.Report{Findings: []doctor.Finding{{Code: "sound-off"}, {Code: "microphone-off"}}}, doctor.Facts{})
		}
		return k
	}
	up := func() int64 { return card.elements[0].Values[0] }
	k := begin()
	if k.againUp(t.Context(), time.Minute); up() != 0 {
		t.Error("nobody had turned it up")
	}
	if _, err := k.OpenVolume(t.Context(), api.VolumeSpeaker); err != nil || up() != alsa.Level {
		t.Fatalf("at %d: %v", up(), err)
	}
	card.elements[0].Values = []int64{0} // switched off at the wall
	k = begin()
	if k.againUp(t.Context(), time.Minute); up() != alsa.Level {
		t.Error("not turned up after the start")
	}
	card.elements[0].Values = []int64{0} // by hand
	k = begin()
	k.againUp(t.Context(), afterBoot+time.Second)
	k.againUp(t.Context(), time.Minute) // and after the next start
	if up() != 0 {
		t.Error("what was turned down by hand was turned up")
	}
	for _, half := range []string{"", `{"speaker":tr`, "\x00\x00"} {
		if err := os.WriteFile(filepath.Join(dir, volumeFile), []byte(half), 0o600); err != nil {
			t.Fatal(err)
		}
		k = begin()
		if k.againUp(t.Context(), time.Minute); up() != 0 {
			t.Errorf("turned up by %q", half)
		}
		if k.noteVolume(api.VolumeMicrophone, true); !slices.Equal([]bool{false, true}, func() []bool { u, _ := readTurnedUp(dir); return []bool{u.Speaker, u.Microphone} }()) {
			t.Errorf("not noted over %q", half)
		}
	}
}
