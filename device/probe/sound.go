package probe

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

var cardLine = regexp.MustCompile(`^\s*([0-9]+) \[([^\]]+)\]: (\S*) - (.*)$`)

// sound reads the cards from /proc/asound: cards names them, pcm has a line "01-00: name : name : playback 1 : capture 1" a device.
func (t tree) sound(calls Calls) Sound {
	var s Sound
	at := map[int]int{}
	for _, l := range t.lines("proc/asound/cards") {
		m := cardLine.FindStringSubmatch(l)
		if m == nil || m[3] == "Loopback" || m[3] == "Dummy" { // the kernel's toys hear nothing
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		c := Card{Number: n, ID: clean(m[2]), Name: clean(m[4]), USB: m[3] == "USB-Audio"}
		c.HDMI = strings.Contains(strings.ToLower(m[3]), "hdmi")
		if c.USB {
			c.Port = path.Base(t.usbParent(t.real("sys/class/sound/card" + m[1])))
		}
		at[n] = len(s.Cards)
		s.Cards = append(s.Cards, c)
	}
	for _, l := range t.lines("proc/asound/pcm") {
		number, rest, ok := strings.Cut(l, "-")
		n, err := strconv.Atoi(number)
		i, known := at[n]
		if !ok || err != nil || !known {
			continue
		}
		parts := strings.Split(rest, ":")
		for _, p := range parts[1:] {
			switch f := strings.Fields(p); {
			case len(f) == 2 && f[0] == "playback":
				s.Cards[i].Playbacks++
			case len(f) == 2 && f[0] == "capture":
				s.Cards[i].Captures++
			}
		}
	}
	for i := range s.Cards {
		if controls, err := calls.Mixer(s.Cards[i].Number); err == nil {
			s.Cards[i].MixerKnown, s.Cards[i].Controls = true, controls
		}
	}
	return s
}

// Microphones are the cards that hear.
func (s Sound) Microphones() []Card {
	return s.only(func(c Card) bool { return c.Captures > 0 })
}

// Speakers are the cards that speak.
func (s Sound) Speakers() []Card {
	return s.only(func(c Card) bool { return c.Playbacks > 0 })
}

func (s Sound) only(keep func(Card) bool) []Card {
	var out []Card
	for _, c := range s.Cards {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

// Zero reports whether a control lets nothing through: switched off, or at its lowest.
func (c Control) Zero() bool {
	return c.Switch && !c.On || c.Max > c.Min && c.Volume <= c.Min
}
