package probe

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Structures and numbers of include/uapi/linux/videodev2.h.

type v4l2Capability struct {
	Driver       [16]byte
	Card         [32]byte
	BusInfo      [32]byte
	Version      uint32
	Capabilities uint32
	DeviceCaps   uint32
	_            [3]uint32
}

type v4l2FmtDesc struct {
	Index, Type, Flags uint32
	Description        [32]byte
	PixelFormat        uint32
	MbusCode           uint32
	_                  [3]uint32
}

type v4l2FrameSize struct {
	Index, PixelFormat, Type uint32
	// One size: width, height. A range: least, most and step of the width, then of the height.
	Sides [6]uint32
	_     [2]uint32
}

type v4l2FrameInterval struct {
	Index, PixelFormat, Width, Height, Type uint32
	Numerator, Denominator                  uint32
	_                                       [4]uint32
	_                                       [2]uint32
}

const (
	v4l2Capture   = 1
	capCapture    = 0x00000001
	capMemToMem   = 0x00008000
	capDeviceCaps = 0x80000000
	sizeDiscrete  = 1
	mostFormats   = 64 // of each level: a driver that never ends its list must not keep us
	videoIoctls   = 'V'
	queryCap      = 0
	enumFormats   = 2
	enumSizes     = 74
	enumIntervals = 75
)

func (system) Formats(node string) ([]Format, error) {
	d, err := openDevice("/dev/" + node)
	if err != nil {
		return nil, err
	}
	defer d.close()
	var c v4l2Capability
	if err := call(d, read, videoIoctls, queryCap, &c); err != nil {
		return nil, fmt.Errorf("ask %s what it is: %w", node, err)
	}
	caps := c.Capabilities
	if caps&capDeviceCaps != 0 {
		caps = c.DeviceCaps // of this node, not of the whole device
	}
	if caps&capCapture == 0 || caps&capMemToMem != 0 {
		return nil, nil
	}
	var out []Format
	for i := range uint32(mostFormats) {
		f := v4l2FmtDesc{Index: i, Type: v4l2Capture}
		if err := call(d, read|write, videoIoctls, enumFormats, &f); err != nil {
			if errors.Is(err, unix.EINVAL) {
				break // the list is over
			}
			return out, fmt.Errorf("formats of %s: %w", node, err)
		}
		out = append(out, Format{FourCC: fourCC(f.PixelFormat), Sizes: d.sizes(f.PixelFormat)})
	}
	return out, nil
}

func fourCC(v uint32) string {
	return string([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24 & 0x7f)})
}

func (d device) sizes(format uint32) []Size {
	var out []Size
	for i := range uint32(mostFormats) {
		s := v4l2FrameSize{Index: i, PixelFormat: format}
		if call(d, read|write, videoIoctls, enumSizes, &s) != nil {
			break
		}
		width, height := s.Sides[0], s.Sides[1]
		if s.Type != sizeDiscrete { // the largest of a range
			width, height = s.Sides[1], s.Sides[4]
		}
		out = append(out, Size{Width: int(width), Height: int(height), FPS: d.rate(format, width, height)})
		if s.Type != sizeDiscrete {
			break
		}
	}
	return out
}

// rate is the highest rate of a size; 0 when the driver does not say.
func (d device) rate(format, width, height uint32) float64 {
	best := 0.0
	for i := range uint32(mostFormats) {
		v := v4l2FrameInterval{Index: i, PixelFormat: format, Width: width, Height: height}
		if call(d, read|write, videoIoctls, enumIntervals, &v) != nil {
			break
		}
		if v.Numerator > 0 {
			best = max(best, float64(v.Denominator)/float64(v.Numerator))
		}
		if v.Type != sizeDiscrete {
			break
		}
	}
	return best
}
