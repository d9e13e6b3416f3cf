package probe

import (
	"fmt"
	"sort"

	"tongke/device/alsa"
)

// Mixer asks the card's control device.
func (system) Mixer(card int) ([]Control, error) {
	c, err := alsa.Open(card)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	all, err := c.Elements()
	if err != nil {
		return nil, err
	}
	return controls(all), nil
}

// controls gathers elements such as "Mic Capture Volume" and "Mic Capture Switch" into one control.
func controls(all []alsa.Element) []Control {
	known := map[string]*Control{}
	for _, e := range all {
		name, capture, ok := e.Control()
		if !ok {
			continue
		}
		key := fmt.Sprint(name, capture, e.Index)
		c := known[key]
		if c == nil {
			c = &Control{Name: name, Capture: capture}
			known[key] = c
		}
		best := e.Values[0] // the loudest channel
		for _, v := range e.Values {
			best = max(best, v)
		}
		if e.Switch {
			c.Switch, c.On = true, best != 0
		} else {
			c.Min, c.Max, c.Volume = int(e.Min), int(e.Max), int(best)
		}
	}
	out := make([]Control, 0, len(known))
	for _, c := range known {
		out = append(out, *c)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Capture != out[j].Capture {
			return !out[i].Capture
		}
		return out[i].Name < out[j].Name
	})
	return out
}
