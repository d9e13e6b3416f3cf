// Package lesson holds the synthetic lesson that demo, bench and tests teach: encoded pictures and sound that repeat without a seam.
// A Clip is one track of it. The package reads clips and frame stamps; it starts nothing and owns no files.
package lesson

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tongke/media/codec"
)

// Unit is one encoded video frame (H264 in Annex B, with parameter sets before each keyframe) or one Opus packet.
type Unit struct {
	Data     []byte
	Keyframe bool // a decoder may begin here; true for every Opus packet
}

// Clip is one track of a loop. All units last equally long.
type Clip struct {
	Codec codec.Codec
	Step  uint32 // duration of a unit in ticks of Codec.ClockRate
	Units []Unit
}

// Interval is the duration of a unit.
func (c *Clip) Interval() time.Duration {
	return time.Duration(uint64(c.Step) * uint64(time.Second) / uint64(c.Codec.ClockRate()))
}

// Duration is the length of one round of the loop.
func (c *Clip) Duration() time.Duration {
	return time.Duration(uint64(c.Step) * uint64(len(c.Units)) * uint64(time.Second) / uint64(c.Codec.ClockRate()))
}

// Lesson is what a teacher's classroom makes, in tracks of equal length.
type Lesson struct {
	Camera, Board, Voice *Clip
}

// Parse reads the three clips of a lesson.
func Parse(camera, board, voice []byte) (*Lesson, error) {
	var l Lesson
	for _, c := range []struct {
		name string
		raw  []byte
		clip **Clip
	}{{"camera", camera, &l.Camera}, {"board", board, &l.Board}, {"voice", voice, &l.Voice}} {
		clip, err := ParseClip(c.raw)
		if err != nil {
			return nil, fmt.Errorf("%s clip: %w", c.name, err)
		}
		*c.clip = clip
	}
	return &l, nil
}

// A clip file is, big-endian: the magic, the codec (1 byte), the step (4 bytes), the number of units (4 bytes), for each unit its
// length with the top bit set for a keyframe (4 bytes), then the units one after the other.
const (
	magic       = "TKCLIP1\n"
	headerSize  = len(magic) + 1 + 4 + 4
	keyframeBit = 1 << 31
	maxUnits    = 1 << 20
)

// ErrFormat says that a file is not a clip.
var ErrFormat = errors.New("not a clip")

// ParseClip reads one clip. The units point into raw.
func ParseClip(raw []byte) (*Clip, error) {
	if len(raw) < headerSize || string(raw[:len(magic)]) != magic {
		return nil, ErrFormat
	}
	head := raw[len(magic):]
	c := &Clip{Codec: codec.Codec(head[0]), Step: binary.BigEndian.Uint32(head[1:])}
	count := binary.BigEndian.Uint32(head[5:])
	if c.Codec != codec.H264 && c.Codec != codec.Opus || c.Step == 0 || count == 0 || count > maxUnits {
		return nil, fmt.Errorf("%w: codec %d, step %d, %d units", ErrFormat, c.Codec, c.Step, count)
	}
	index, data := raw[headerSize:], raw[headerSize:]
	if uint64(len(index)) < 4*uint64(count) {
		return nil, fmt.Errorf("%w: index cut short", ErrFormat)
	}
	data = data[4*count:]
	c.Units = make([]Unit, count)
	for i := range c.Units {
		n := binary.BigEndian.Uint32(index[4*i:])
		size := int(n &^ keyframeBit)
		if size > len(data) {
			return nil, fmt.Errorf("%w: unit %d cut short", ErrFormat, i)
		}
		c.Units[i] = Unit{Data: data[:size:size], Keyframe: n&keyframeBit != 0}
		data = data[size:]
	}
	if len(data) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrFormat, len(data))
	}
	return c, nil
}

// AppendTo writes the clip file behind b.
func (c *Clip) AppendTo(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, byte(c.Codec))
	b = binary.BigEndian.AppendUint32(b, c.Step)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Units)))
	for _, u := range c.Units {
		n := uint32(len(u.Data))
		if u.Keyframe {
			n |= keyframeBit
		}
		b = binary.BigEndian.AppendUint32(b, n)
	}
	for _, u := range c.Units {
		b = append(b, u.Data...)
	}
	return b
}
