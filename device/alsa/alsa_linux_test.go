package alsa

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestIoctlNumbers: the numbers hold the sizes of the structures, so they prove the layouts. The wanted ones are those that strace prints
// for amixer on amd64 and arm64.
func TestIoctlNumbers(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"SNDRV_CTL_IOCTL_ELEM_LIST", callList, 0xc0505510},
		{"SNDRV_CTL_IOCTL_ELEM_INFO", callInfo, 0xc1105511},
		{"SNDRV_CTL_IOCTL_ELEM_READ", callRead, 0xc4c85512},
		{"SNDRV_CTL_IOCTL_ELEM_WRITE", callWrite, 0xc4c85513},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

// kernel answers as the control device of a card does; the offsets are those of asound.h, read as bytes and not by our structures.
type kernel struct {
	t        *testing.T
	elements []Element
	kinds    []uint32 // of elements: 1 boolean, 2 integer, 3 enumerated
	refused  error    // of writing
	written  int
}

func (k *kernel) card() Card { return &control{0, k.call, func() {}} }

func (k *kernel) call(number uintptr, arg unsafe.Pointer) error {
	switch number {
	case 0xc0505510:
		space, ids := *(*uint32)(unsafe.Add(arg, 4)), *(*unsafe.Pointer)(unsafe.Add(arg, 16))
		if int(space) < len(k.elements) {
			k.t.Errorf("room for %d elements", space)
		}
		for i, e := range k.elements {
			id := unsafe.Add(ids, i*64)
			*(*uint32)(id) = e.Number
			*(*uint32)(unsafe.Add(id, 4)) = 2
			copy(unsafe.Slice((*byte)(unsafe.Add(id, 16)), 44), e.Name)
			*(*uint32)(unsafe.Add(id, 60)) = e.Index
		}
		*(*uint32)(unsafe.Add(arg, 8)) = uint32(len(k.elements))
		return nil
	}
	i := slices.IndexFunc(k.elements, func(e Element) bool { return e.Number == *(*uint32)(arg) })
	if i < 0 {
		return unix.ENOENT
	}
	e := &k.elements[i]
	switch number {
	case 0xc1105511:
		*(*uint32)(unsafe.Add(arg, 64)) = k.kinds[i]
		*(*uint32)(unsafe.Add(arg, 68)) = 1
		if e.Writable {
			*(*uint32)(unsafe.Add(arg, 68)) = 3
		}
		*(*uint32)(unsafe.Add(arg, 72)) = uint32(len(e.Values))
		*(*int64)(unsafe.Add(arg, 80)), *(*int64)(unsafe.Add(arg, 88)) = e.Min, e.Max
	case 0xc4c85512:
		copy(unsafe.Slice((*int64)(unsafe.Add(arg, 72)), 128), e.Values)
	case 0xc4c85513:
		if k.refused != nil {
			return k.refused
		}
		k.written++
		copy(e.Values, unsafe.Slice((*int64)(unsafe.Add(arg, 72)), 128))
	default:
		return unix.ENOTTY
	}
	return nil
}

func (k *kernel) add(kind uint32, name string, least, most int64, values ...int64) {
	k.kinds = append(k.kinds, kind)
	k.elements = append(k.elements, Element{Number: uint32(len(k.kinds)) + 10, Name: name, Writable: true, Min: least, Max: most, Values: values})
}

// TestRaise: a card that lets nothing through lets it through, and nothing else of it changes.
func TestRaise(t *testing.T) {
	k := &kernel{t: t}
	k.add(2, "Master Playback Volume", 0, 87, 0, 0)
	k.add(1, "Master Playback Switch", 0, 1, 0, 0)
	k.add(2, "Speaker Playback Volume", -100, 0, -100, -10)
	k.add(2, "PCM Playback Volume", 0, 255, 255)
	k.add(1, "IEC958 Playback Switch", 0, 1, 0)
	k.add(2, "Mic Playback Volume", 0, 31, 0) // the room's own microphone in its own loudspeaker
	k.add(1, "Beep Playback Switch", 0, 1, 0)
	k.add(3, "Auto-Mute Mode", 0, 0, 0)
	k.add(2, "Capture Volume", 0, 63, 0, 5)
	k.add(1, "Capture Switch", 0, 1, 0, 0)
	k.add(2, "Mic Boost Volume", 0, 3, 0)
	k.add(1, "Line Capture Switch", 0, 1, 0)
	k.add(2, "Digital Capture Volume", 0, 120, 0)
	k.elements[12].Writable = false
	for i, want := range [][]int64{{60, 60}, {1, 1}, {-30, -10}, {255}, {1}, {0}, {0}, {0}, {0, 5}, {0, 0}, {0}, {0}, {0}} {
		if i == 0 {
			set, err := Raise(k.card(), false)
			if err != nil || len(set) != 4 || set[0] != "Master Playback Volume" {
				t.Errorf("set %q, %v", set, err)
			}
		}
		if got := k.elements[i].Values; !slices.Equal(got, want) {
			t.Errorf("playback: %s is %v, want %v", k.elements[i].Name, got, want)
		}
	}
	set, err := Raise(k.card(), true)
	if err != nil || !slices.Equal(set, []string{"Capture Volume", "Capture Switch"}) {
		t.Errorf("set %q, %v", set, err)
	}
	for i, want := range [][]int64{{44, 5}, {1, 1}, {0}, {0}, {0}} {
		if got := k.elements[8+i].Values; !slices.Equal(got, want) {
			t.Errorf("capture: %s is %v, want %v", k.elements[8+i].Name, got, want)
		}
	}
	before := k.written
	for _, capture := range []bool{false, true} {
		if set, err := Raise(k.card(), capture); len(set) > 0 || err != nil || k.written != before {
			t.Errorf("once more: set %q, %v", set, err)
		}
	}
}

func TestRaiseNot(t *testing.T) {
	k := &kernel{t: t}
	k.add(1, "Mic Playback Switch", 0, 1, 0)
	if _, err := Raise(k.card(), false); !errors.Is(err, ErrNothing) {
		t.Errorf("a card without a volume: %v", err)
	}
	k.add(1, "Line Capture Switch", 0, 1, 0) // its only way in
	if set, err := Raise(k.card(), true); err != nil || len(set) != 1 {
		t.Errorf("a card with a line only: %q, %v", set, err)
	}
	k.elements[1].Values[0], k.refused = 0, unix.EPERM
	if _, err := Raise(k.card(), true); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("without rights: %v", err)
	}
	if _, err := Open(9999); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no card: %v", err)
	}
}
