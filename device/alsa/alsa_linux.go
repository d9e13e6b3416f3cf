package alsa

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Structures and numbers of include/uapi/sound/asound.h, on machines of 64 bits.

type elementID struct {
	Number, Interface, Device, Subdevice uint32
	Name                                 [44]byte
	Index                                uint32
}

type elementList struct {
	Offset, Space, Used, Count uint32
	IDs                        unsafe.Pointer
	_                          [50]byte
}

type elementInfo struct {
	ID             elementID
	Type, Access   uint32
	Count          uint32
	Owner          int32
	Min, Max, Step int64
	_              [128 - 24 + 64]byte
}

type elementValue struct {
	ID       elementID
	Indirect uint32
	_        uint32
	Values   [128]int64
	_        [128]byte
}

const (
	typeBoolean  = 1
	typeInteger  = 2
	accessWrite  = 1 << 1
	mixer        = 2 // SNDRV_CTL_ELEM_IFACE_MIXER
	mostElements = 256
)

// The calls, as ioctl(2) numbers them: both directions, size of the argument, 'U', number.
const (
	callList  = 3<<30 | unsafe.Sizeof(elementList{})<<16 | 'U'<<8 | 0x10
	callInfo  = 3<<30 | unsafe.Sizeof(elementInfo{})<<16 | 'U'<<8 | 0x11
	callRead  = 3<<30 | unsafe.Sizeof(elementValue{})<<16 | 'U'<<8 | 0x12
	callWrite = 3<<30 | unsafe.Sizeof(elementValue{})<<16 | 'U'<<8 | 0x13
)

// control is a Card of this machine. call is ioctl(2) on it; a test is a kernel of its own.
type control struct {
	number int
	call   func(number uintptr, arg unsafe.Pointer) error
	close  func()
}

// Open opens the control device of a card.
func Open(number int) (Card, error) {
	path := fmt.Sprintf("/dev/snd/controlC%d", number)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // enough to look
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &control{number, func(number uintptr, arg unsafe.Pointer) error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), number, uintptr(arg)); e != 0 {
			return e
		}
		return nil
	}, func() { unix.Close(fd) }}, nil
}

// Close is Card's.
func (c *control) Close() { c.close() }

// Elements is Card's. One that cannot be read is passed over.
func (c *control) Elements() ([]Element, error) {
	ids := make([]elementID, mostElements)
	list := elementList{Space: mostElements, IDs: unsafe.Pointer(&ids[0])}
	if err := c.call(callList, unsafe.Pointer(&list)); err != nil {
		return nil, fmt.Errorf("controls of card %d: %w", c.number, err)
	}
	var out []Element
	for _, id := range ids[:min(list.Used, mostElements)] {
		if id.Interface != mixer {
			continue
		}
		info := elementInfo{ID: id}
		value := elementValue{ID: id}
		if c.call(callInfo, unsafe.Pointer(&info)) != nil || info.Type != typeBoolean && info.Type != typeInteger || c.call(callRead, unsafe.Pointer(&value)) != nil {
			continue
		}
		name, _, _ := bytes.Cut(id.Name[:], []byte{0})
		if n := min(int(info.Count), len(value.Values)); n > 0 {
			out = append(out, Element{
				Number: id.Number, Name: string(name), Index: id.Index, Switch: info.Type == typeBoolean, Writable: info.Access&accessWrite != 0,
				Min: info.Min, Max: info.Max, Values: value.Values[:n:n],
			})
		}
	}
	return out, nil
}

// Set is Card's.
func (c *control) Set(e Element, values []int64) error {
	v := elementValue{ID: elementID{Number: e.Number}} // by which alone the kernel finds it
	copy(v.Values[:], values)
	return c.call(callWrite, unsafe.Pointer(&v))
}
