package mux

import (
	"encoding/binary"
	"fmt"
)

// Ogg pages (RFC 3533) of Opus (RFC 7845).
const (
	oggSerial  = 1
	oggPage    = 50  // packets: a second, usually
	oggLacing  = 255 // lacing values a page
	oggBegin   = 2
	oggEnd     = 4
	oggHeadLen = 27

	oggComments = 60_000 // bytes, so that they fit one page
)

// oggCRC is the table of polynomial 0x04c11db7, not reflected.
var oggCRC = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&(1<<31) != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

// oggPages collects packets into pages.
type oggPages struct {
	number  uint32
	granule uint64 // samples up to the end of what is collected
	lacing  []byte
	packets int
	size    int
	data    []byte // nil while only sizes are counted
}

// fits says whether a packet of n bytes still goes into the page.
func (p *oggPages) fits(n int) bool {
	return p.packets < oggPage && len(p.lacing)+n/255+1 <= oggLacing
}

func (p *oggPages) add(n int, data []byte, samples int) {
	for range n / 255 {
		p.lacing = append(p.lacing, 255)
	}
	p.lacing = append(p.lacing, byte(n%255))
	p.packets++
	p.size += n
	p.granule += uint64(samples)
	p.data = append(p.data, data...)
}

// length is that of the page as collected.
func (p *oggPages) length() int { return oggHeadLen + len(p.lacing) + p.size }

// page writes the page and begins the next.
func (p *oggPages) page(flags byte) []byte {
	b := append(make([]byte, 0, p.length()), "OggS\x00"...)
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint64(b, p.granule)
	b = binary.LittleEndian.AppendUint32(b, oggSerial)
	b = binary.LittleEndian.AppendUint32(b, p.number)
	b = append(b, 0, 0, 0, 0, byte(len(p.lacing)))
	b = append(append(b, p.lacing...), p.data...)
	crc := uint32(0)
	for _, x := range b {
		crc = crc<<8 ^ oggCRC[byte(crc>>24)^x]
	}
	binary.LittleEndian.PutUint32(b[22:], crc)
	p.next()
	return b
}

func (p *oggPages) next() {
	p.number++
	p.lacing, p.data, p.packets, p.size = p.lacing[:0], p.data[:0], 0, 0
}

// planOgg lays out one voice.
func (f *File) planOgg() error {
	head := oggHead(f.marks)
	p := oggPages{number: 2}
	size := len(head)
	c := cursor{part: &f.parts[0]}
	for c.more() {
		s, _ := c.take()
		if !p.fits(s.size) {
			size += p.length()
			p.next()
		}
		p.add(s.size, nil, int(s.duration))
	}
	if c.err != nil {
		return c.err
	}
	f.Size = int64(size + p.length())
	f.write = func(o *output) error {
		if err := o.write(head); err != nil {
			return err
		}
		p := oggPages{number: 2}
		c := cursor{part: &f.parts[0], reader: f.reader}
		for c.more() {
			at := c.time()
			s, data := c.take()
			if !p.fits(s.size) {
				if err := o.write(p.page(0)); err != nil {
					return err
				}
				o.reached(at)
			}
			p.add(s.size, data, int(s.duration))
		}
		if c.err != nil {
			return c.err
		}
		if err := o.write(p.page(oggEnd)); err != nil {
			return err
		}
		o.reached(f.Duration)
		return nil
	}
	return nil
}

// oggHead is the two pages before the sound. Chapters are comments, as VorbisComment users agreed on (CHAPTER001=00:00:00.000).
func oggHead(marks []Mark) []byte {
	p := oggPages{}
	id := opusHead()
	p.add(len(id), id, 0)
	b := p.page(oggBegin)
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(writer)))
	tags = append(tags, writer...)
	var comments [][]byte
	size := 0
	for i, m := range marks {
		at := m.At.Milliseconds()
		time := fmt.Appendf(nil, "CHAPTER%03d=%02d:%02d:%02d.%03d", i, at/3600000, at/60000%60, at/1000%60, at%1000)
		name := fmt.Appendf(nil, "CHAPTER%03dNAME=%s", i, m.Text)
		if size += len(time) + len(name) + 8; size > oggComments {
			break
		}
		comments = append(comments, time, name)
	}
	tags = binary.LittleEndian.AppendUint32(tags, uint32(len(comments)))
	for _, c := range comments {
		tags = append(binary.LittleEndian.AppendUint32(tags, uint32(len(c))), c...)
	}
	p.add(len(tags), tags, 0)
	return append(b, p.page(0)...)
}
