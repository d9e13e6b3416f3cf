package rtsp

import (
	"bytes"
	"encoding/binary"

	"github.com/pion/rtp"

	"tongke/media/codec"
)

// NAL unit types (ITU-T H.264 table 7-1) and RTP payload structures (RFC 6184 §5.2).
const (
	nalSlice = 1
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
	nalSTAPA = 24
	nalFUA   = 28
)

const (
	maxFrame = 4 << 20 // bytes: a keyframe of 4K at the highest rate of a camera is below 2 MB
	maxUnits = 256     // in one frame
	maxPPS   = 16
	maxSet   = 512  // bytes of one parameter set; no encoder comes near
	tooLate  = 1000 // numbers back that a packet can be late; beyond it the numbers began anew
)

// frame is a whole picture. Its units are valid until the next packet is taken.
type frame struct {
	timestamp uint32
	units     [][]byte // slices alone, without start codes
	key       bool     // an IDR picture
	bFrame    bool
	gap       bool // something before it is missing
}

// framer puts the packets of one H264 stream together into frames, and drops those of which something is missing. It takes packets in
// the order of their numbers, copies what it keeps, and its memory is bounded. The zero value is ready. It is pure.
type framer struct {
	started bool
	next    uint16 // number that should come
	lost    uint64 // packets
	dropped uint64 // frames

	begun     bool // a frame is being put together
	timestamp uint32
	data      []byte
	ends      []int // of units in data
	open      bool  // the last unit still gets fragments
	broken    bool
	gap       bool // told with the next frame

	sps []byte
	pps [][]byte // in the order in which they came

	units [][]byte // scratch
}

// take adds a packet and calls emit for each frame that is whole now, at most twice.
func (f *framer) take(pkt *rtp.Packet, emit func(*frame)) {
	if f.started {
		switch d := int16(pkt.SequenceNumber - f.next); {
		case d < -tooLate:
			f.miss(pkt) // the camera numbers anew
		case d < 0:
			return // a duplicate, or too late
		case d > 0:
			f.lost += uint64(d)
			f.miss(pkt)
		}
	}
	f.started, f.next = true, pkt.SequenceNumber+1
	if f.begun && pkt.Timestamp != f.timestamp {
		f.finish(emit) // a camera that sets no marker
	}
	if !f.begun {
		f.begun, f.timestamp = true, pkt.Timestamp
	}
	f.add(pkt.Payload)
	if pkt.Marker {
		f.finish(emit)
	}
}

// miss notes that packets are missing before pkt. Of the frame in hand its end may be among them; of pkt's frame its beginning, unless
// pkt looks like one.
func (f *framer) miss(pkt *rtp.Packet) {
	f.gap = true
	if f.begun {
		f.broken = true
		if pkt.Timestamp == f.timestamp {
			return
		}
		f.finish(nil)
	}
	if !codec.Inspect(codec.H264, pkt.Payload).FrameStart {
		f.begun, f.timestamp, f.broken = true, pkt.Timestamp, true
	}
}

// add takes one payload apart (RFC 6184 §5.6 to §5.8).
func (f *framer) add(p []byte) {
	if f.broken || len(p) == 0 {
		return
	}
	t := p[0] & 0x1f
	if f.open && t != nalFUA {
		f.broken = true // the end of a fragmented unit never came
		return
	}
	switch {
	case t > 0 && t < nalSTAPA:
		f.append(p)
		f.close()
	case t == nalSTAPA:
		for rest := p[1:]; len(rest) > 2; {
			n := int(binary.BigEndian.Uint16(rest))
			if n == 0 {
				break // padding of some cameras
			}
			if n > len(rest)-2 {
				f.broken = true
				return
			}
			f.append(rest[2 : 2+n])
			f.close()
			rest = rest[2+n:]
		}
	case t == nalFUA:
		f.fragment(p)
	default:
		f.broken = true // interleaved mode, which was not negotiated
	}
}

func (f *framer) fragment(p []byte) {
	if len(p) < 2 {
		f.broken = true
		return
	}
	first, last := p[1]&0x80 != 0, p[1]&0x40 != 0
	if first == f.open {
		f.broken = true // a beginning within a unit, or a continuation of nothing
		return
	}
	if first {
		f.open = true
		f.append([]byte{p[0]&0xe0 | p[1]&0x1f})
	}
	f.append(p[2:])
	if last {
		f.open = false
		f.close()
	}
}

func (f *framer) append(p []byte) {
	if len(f.data)+len(p) > maxFrame {
		f.broken = true
		return
	}
	f.data = append(f.data, p...)
}

func (f *framer) close() {
	if len(f.ends) >= maxUnits {
		f.broken = true
		return
	}
	f.ends = append(f.ends, len(f.data))
}

// finish ends the frame in hand. With emit nil it is dropped.
func (f *framer) finish(emit func(*frame)) {
	broken := f.broken || f.open || emit == nil
	var one frame
	if !broken {
		one = f.whole()
		broken = f.broken
	}
	switch {
	case broken:
		f.dropped++
		f.gap = true
	case len(one.units) > 0:
		one.gap, f.gap = f.gap, false
		emit(&one)
	}
	f.begun, f.broken, f.open = false, false, false
	f.data, f.ends = f.data[:0], f.ends[:0]
}

// whole makes a frame of the units: parameter sets are remembered, pictures kept, and what only the camera's maker needs (SEI, filler,
// delimiters) left out. It has no units where there is no picture in it.
func (f *framer) whole() frame {
	one := frame{timestamp: f.timestamp}
	f.units = f.units[:0]
	from := 0
	for _, end := range f.ends {
		unit := f.data[from:end]
		from = end
		for len(unit) > 0 {
			var now []byte
			now, unit = cutStartCode(unit)
			f.sort(now, &one)
		}
	}
	one.units = f.units
	return one
}

// sort puts one unit where it belongs. One that says of itself that it has errors (RFC 6184 §5.3, F) breaks the frame.
func (f *framer) sort(unit []byte, one *frame) {
	if len(unit) < 2 {
		return
	}
	if unit[0]&0x80 != 0 {
		f.broken = true
		return
	}
	switch unit[0] & 0x1f {
	case nalSPS:
		f.setSPS(unit)
	case nalPPS:
		f.setPPS(unit)
	case nalSlice, nalIDR:
		if len(f.units) >= maxUnits {
			return
		}
		one.key = one.key || unit[0]&0x1f == nalIDR
		one.bFrame = one.bFrame || codec.Inspect(codec.H264, unit).BFrame
		f.units = append(f.units, unit)
	}
}

// setSPS remembers a sequence parameter set; another one than before makes the picture parameter sets void (H.264 §7.4.1.2.1).
func (f *framer) setSPS(unit []byte) {
	if len(unit) < 4 || len(unit) > maxSet {
		return
	}
	if !bytes.Equal(f.sps, unit) {
		f.sps, f.pps = bytes.Clone(unit), nil
	}
}

func (f *framer) setPPS(unit []byte) {
	if len(unit) > maxSet {
		return
	}
	id, ok := codec.PPSID(unit)
	if !ok {
		return
	}
	for i, old := range f.pps {
		if was, _ := codec.PPSID(old); was == id {
			if !bytes.Equal(old, unit) {
				f.pps[i] = bytes.Clone(unit)
			}
			return
		}
	}
	if len(f.pps) < maxPPS {
		f.pps = append(f.pps, bytes.Clone(unit))
	}
}

// decodable reports whether the parameter sets that a keyframe needs are known.
func (f *framer) decodable() bool { return len(f.sps) > 0 && len(f.pps) > 0 }

// size is the picture's, as the sequence parameter set says; 0, 0 where it is not known.
func (f *framer) size() (width, height int) {
	i := codec.Inspect(codec.H264, f.sps)
	return i.Width, i.Height
}

// cutStartCode returns the unit before the first start code and what follows it. Inside a unit there is none (H.264 §7.4.1.1), but some
// cameras put several units with start codes between them into one payload.
func cutStartCode(b []byte) (unit, rest []byte) {
	i := bytes.Index(b, []byte{0, 0, 1})
	if i < 0 {
		return b, nil
	}
	return bytes.TrimRight(b[:i], "\x00"), b[i+3:]
}
