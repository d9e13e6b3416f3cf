package probe

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unsafe"
)

// Structures and numbers of include/uapi/sound/asound.h, on machines of 64 bits.

type alsaID struct {
	Number, Interface, Device, Subdevice uint32
	Name                                 [44]byte
	Index                                uint32
}

type alsaList struct {
	Offset, Space, Used, Count uint32
	IDs                        unsafe.Pointer
	_                          [50]byte
}

type alsaInfo struct {
	ID             alsaID
	Type, Access   uint32
	Count          uint32
	Owner          int32
	Min, Max, Step int64
	_              [128 - 24 + 64]byte
}

type alsaValue struct {
	ID       alsaID
	Indirect uint32
	_        uint32
	Values   [128]int64
	_        [128]byte
}

const (
	soundIoctls   = 'U'
	elementList   = 0x10
	elementInfo   = 0x11
	elementRead   = 0x12
	typeBoolean   = 1
	typeInteger   = 2
	mixerElements = 2 // SNDRV_CTL_ELEM_IFACE_MIXER
	mostElements  = 256
)

func (system) Mixer(card int) ([]Control, error) {
	d, err := openDevice(fmt.Sprintf("/dev/snd/controlC%d", card))
	if err != nil {
		return nil, err
	}
	defer d.close()
	ids := make([]alsaID, mostElements)
	list := alsaList{Space: mostElements, IDs: unsafe.Pointer(&ids[0])}
	if err := call(d, read|write, soundIoctls, elementList, &list); err != nil {
		return nil, fmt.Errorf("controls of card %d: %w", card, err)
	}
	m := mixer{}
	for _, id := range ids[:min(list.Used, mostElements)] {
		if id.Interface != mixerElements {
			continue
		}
		info := alsaInfo{ID: id}
		value := alsaValue{ID: id}
		if call(d, read|write, soundIoctls, elementInfo, &info) != nil || call(d, read|write, soundIoctls, elementRead, &value) != nil {
			continue
		}
		name, _, _ := bytes.Cut(id.Name[:], []byte{0})
		if n := min(int(info.Count), len(value.Values)); n > 0 {
			m.element(string(name), id.Index, info.Type == typeBoolean, int(info.Min), int(info.Max), value.Values[:n])
		}
	}
	return m.controls(), nil
}

// mixer gathers elements such as "Mic Capture Volume" and "Mic Capture Switch" into one control.
type mixer map[string]*Control

func (m mixer) element(name string, index uint32, boolean bool, least, most int, values []int64) {
	base, what, ok := cutLastWord(name)
	if !ok || what != "Volume" && what != "Switch" || (what == "Switch") != boolean {
		return
	}
	capture := false
	if b, ok := strings.CutSuffix(base, " Capture"); ok {
		base, capture = b, true
	} else if base == "Capture" {
		capture = true
	} else {
		base = strings.TrimSuffix(base, " Playback")
	}
	key := fmt.Sprint(base, capture, index)
	c := m[key]
	if c == nil {
		c = &Control{Name: base, Capture: capture}
		m[key] = c
	}
	best := values[0] // the loudest channel
	for _, v := range values {
		best = max(best, v)
	}
	if boolean {
		c.Switch, c.On = true, best != 0
	} else {
		c.Min, c.Max, c.Volume = least, most, int(best)
	}
}

func cutLastWord(s string) (before, last string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

func (m mixer) controls() []Control {
	out := make([]Control, 0, len(m))
	for _, c := range m {
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
