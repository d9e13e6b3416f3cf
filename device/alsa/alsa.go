// Package alsa reads and sets the volumes and switches of sound cards, as alsamixer does, by the ioctls of the kernel's control device. It
// owns no state: a card is opened, asked or set, and closed.
package alsa

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Level is where Raise sets a volume, in percent of its range: audible in a classroom, and far from the end where cheap amplifiers and
// microphones distort.
const Level = 70

// ErrNothing: the card has no volume or switch of the wanted kind.
var ErrNothing = errors.New("no volume to set")

// Card is an opened control device. Its methods are called from one goroutine.
type Card interface {
	// Elements are the card's mixer elements with what they are set to.
	Elements() ([]Element, error)
	// Set sets the channels of an element.
	Set(e Element, values []int64) error
	Close()
}

// Element is one row of volumes or switches of a card, one a channel.
type Element struct {
	Number   uint32 // the kernel's
	Name     string // "Mic Capture Volume"
	Index    uint32 // tells those of one name apart
	Switch   bool   // 1 lets through
	Writable bool
	Min, Max int64
	Values   []int64
}

// Control takes an element's name apart: "Mic Capture Volume" is the volume of the control Mic, on the way in. ok is false for what is
// neither a volume nor a switch.
func (e Element) Control() (name string, capture, ok bool) {
	name, what, cut := cutLast(e.Name)
	if !cut || what != "Volume" && what != "Switch" || (what == "Switch") != e.Switch {
		return "", false, false
	}
	if base, found := strings.CutSuffix(name, " Capture"); found {
		return base, true, true
	}
	if name == "Capture" {
		return name, true, true
	}
	return strings.TrimSuffix(name, " Playback"), false, true
}

func cutLast(s string) (before, last string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// Main returns the volumes that everything played passes, in the order in which a card has one of them. A card's others may rest at zero.
func Main() []string {
	return []string{"Master", "PCM", "DAC", "Digital", "Speaker", "Front", "Line Out", "Headset", "Headphone"}
}

// digital outputs have a switch and no volume; on HDMI it is often found off.
var digital = []string{"IEC958", "HDMI"}

func plays(name string) bool {
	return slices.Contains(Main(), name) || slices.Contains(digital, name)
}

// hears reports whether a control stands in the way of a microphone. Others, such as Line and CD, are inputs of their own; on old codecs
// switching one on switches the microphone off.
func hears(name string) bool {
	return !Boost(name) && (strings.Contains(name, "Mic") || slices.Contains([]string{"Capture", "ADC", "Digital", "Headset"}, name))
}

// Boost reports whether a control is an amplifier behind the volume, which may well be at zero.
func Boost(name string) bool { return strings.Contains(name, "Boost") }

// Raise lets sound through a card, out of it or with capture into it: what is switched off is switched on, and volumes are raised to Level,
// never lowered. On the way in only those at their lowest are: too loud a microphone distorts, which nobody can repair. It returns the
// names of what it has set, none if all was well, or ErrNothing.
func Raise(c Card, capture bool) (set []string, err error) {
	all, err := c.Elements()
	if err != nil {
		return nil, err
	}
	pick := func(may func(name string) bool) (out []Element) {
		for _, e := range all {
			if name, in, ok := e.Control(); ok && in == capture && e.Writable && may(name) {
				out = append(out, e)
			}
		}
		return out
	}
	var wanted []Element
	if !capture {
		wanted = pick(plays)
	} else if wanted = pick(hears); len(wanted) == 0 {
		wanted = pick(func(name string) bool { return !Boost(name) })
	}
	if len(wanted) == 0 {
		return nil, ErrNothing
	}
	for _, e := range wanted {
		values := e.raised(capture)
		if slices.Equal(values, e.Values) {
			continue
		}
		if err := c.Set(e, values); err != nil {
			return set, fmt.Errorf("set %s: %w", e.Name, err)
		}
		set = append(set, e.Name)
	}
	return set, nil
}

// raised are the values of an element that lets sound through.
func (e Element) raised(capture bool) []int64 {
	out := slices.Clone(e.Values)
	level := e.Min + (e.Max-e.Min)*Level/100
	for i, v := range out {
		switch {
		case e.Switch:
			out[i] = 1
		case v <= e.Min || !capture:
			out[i] = max(v, level)
		}
	}
	return out
}
