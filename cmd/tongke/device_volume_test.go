package main

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"tongke/device/alsa"
	"tongke/device/probe"
	"tongke/signaling/api"
)

// soundCard is one of a machine without a sound card.
type soundCard struct {
	elements []alsa.Element
	refuses  error
	deaf     bool // takes values and keeps its own
	closed   int
}

func (c *soundCard) Elements() ([]alsa.Element, error) { return slices.Clone(c.elements), nil }
func (c *soundCard) Close()                            { c.closed++ }
func (c *soundCard) Set(e alsa.Element, values []int64) error {
	i := slices.IndexFunc(c.elements, func(o alsa.Element) bool { return o.Name == e.Name })
	if c.refuses == nil && !c.deaf {
		c.elements[i].Values = values
	}
	return c.refuses
}

func TestOpenVolume(t *testing.T) {
	muted := func() *soundCard {
		return &soundCard{elements: []alsa.Element{
			{Name: "Master Playback Volume", Writable: true, Max: 100, Values: []int64{0, 0}},
			{Name: "Capture Switch", Switch: true, Writable: true, Max: 1, Values: []int64{0}},
		}}
	}
	bare := &soundCard{}
	locked, deaf := muted(), muted()
	locked.refuses, deaf.deaf = &fs.PathError{Op: "ioctl", Path: "controlC0", Err: fs.ErrPermission}, true
	both := probe.Card{Playbacks: 1, Captures: 1}
	for _, tt := range []struct {
		name  string
		cards []probe.Card
		open  []*soundCard // by number; nil cannot be opened
		want  map[bool]string
	}{
		{"muted", []probe.Card{both}, []*soundCard{muted()}, map[bool]string{false: "", true: ""}},
		{"beside one without a volume", []probe.Card{both, both}, []*soundCard{bare, muted()}, map[bool]string{false: "", true: ""}},
		{"no volume", []probe.Card{both}, []*soundCard{bare}, map[bool]string{false: "volume-none", true: "volume-none"}},
		{"no rights", []probe.Card{both, both}, []*soundCard{bare, locked}, map[bool]string{false: "volume-no-rights", true: "volume-no-rights"}},
		{"no card", nil, nil, map[bool]string{false: "no-speaker", true: "microphone-missing"}},
		{"not to be opened", []probe.Card{both}, []*soundCard{nil}, map[bool]string{false: "volume-failed", true: "volume-failed"}},
		{"keeps its own", []probe.Card{both}, []*soundCard{deaf}, map[bool]string{false: "volume-failed", true: "volume-failed"}},
	} {
		for i := range tt.cards {
			tt.cards[i].Number, tt.cards[i].Name = i, "card"
		}
		open := func(n int) (alsa.Card, error) {
			if tt.open[n] == nil {
				return nil, fs.ErrNotExist
			}
			return tt.open[n], nil
		}
		for _, capture := range []bool{false, true} {
			what := map[bool]string{false: api.VolumeSpeaker, true: api.VolumeMicrophone}[capture]
			_, err := openVolume(probe.Sound{Cards: tt.cards}, capture, open)
			got := ""
			var words *api.DeviceError
			if err != nil && errors.As(volumeWords(err, capture), &words) {
				got = words.Code
			}
			if got != tt.want[capture] {
				t.Errorf("%s: %s: %v, want %q", tt.name, what, err, tt.want[capture])
			}
		}
		for i, c := range tt.open {
			if c != nil && c.closed != 2 && c != bare {
				t.Errorf("%s: card %d closed %d times", tt.name, i, c.closed)
			}
		}
		if tt.name == "muted" && (tt.open[0].elements[0].Values[1] != alsa.Level || tt.open[0].elements[1].Values[0] != 1) {
			t.Errorf("set to %+v", tt.open[0].elements)
		}
	}
}
