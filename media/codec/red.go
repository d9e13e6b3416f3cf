package codec

import "encoding/binary"

// Limits of a redundant block's header (RFC 2198 §3): 14 bits of timestamp offset, 10 bits of length.
const (
	maxREDOffset = 1<<14 - 1
	maxREDLength = 1<<10 - 1
)

// REDPrimary is the newest block of a RED payload, a slice of payload and not a copy. False when the headers and lengths do not fit.
func REDPrimary(payload []byte) ([]byte, bool) {
	headers, redundant, ok := redLayout(payload)
	if !ok {
		return nil, false
	}
	return payload[headers+redundant:], true
}

// redLayout gives the bytes that all headers and all redundant blocks take. What remains is the primary block, never empty.
func redLayout(payload []byte) (headers, redundant int, ok bool) {
	for headers < len(payload) {
		if payload[headers]&0x80 == 0 { // F: the last header, one byte
			headers++
			return headers, redundant, headers+redundant < len(payload)
		}
		if len(payload) < headers+4 {
			break
		}
		redundant += int(binary.BigEndian.Uint16(payload[headers+2:]) & maxREDLength)
		headers += 4
	}
	return 0, 0, false
}

// REDSetPayloadType writes the hop's Opus payload type into each block header of a payload that the caller owns: inner payload types
// are only valid on one hop, and a receiver drops blocks whose type it did not negotiate. False, and nothing changed, when the payload
// is not RED.
func REDSetPayloadType(payload []byte, pt uint8) bool {
	headers, _, ok := redLayout(payload)
	if !ok {
		return false
	}
	for i := 0; i < headers; i += 4 {
		payload[i] = payload[i]&0x80 | pt&0x7f
	}
	return true
}

// REDBlock is one block of a RED payload. Its payload is a slice of the packet.
type REDBlock struct {
	Offset  uint32 // how much older than the packet's timestamp, in its clock's units; 0 for the primary block
	Payload []byte
}

// REDBlocks walks the blocks of a RED payload, the oldest first and the primary one last.
type REDBlocks struct {
	headers []byte
	data    []byte
}

// Blocks begins a walk. A payload that is not RED has no blocks.
func Blocks(payload []byte) REDBlocks {
	headers, _, ok := redLayout(payload)
	if !ok {
		return REDBlocks{}
	}
	return REDBlocks{headers: payload[:headers], data: payload[headers:]}
}

// Next is the next block, false after the last. A redundant block may be empty.
func (b *REDBlocks) Next() (REDBlock, bool) {
	switch {
	case len(b.headers) == 0:
		return REDBlock{}, false
	case len(b.headers) == 1:
		b.headers = nil
		return REDBlock{Payload: b.data}, true
	}
	v := binary.BigEndian.Uint32(b.headers)
	n := int(v & maxREDLength)
	block := REDBlock{Offset: v >> 10 & maxREDOffset, Payload: b.data[:n]}
	b.headers, b.data = b.headers[4:], b.data[n:]
	return block, true
}

// REDPack appends to dst a RED payload of primary and the redundant blocks, the oldest first, all of payload type pt. A redundant block
// that its header cannot describe is left out: it is only redundancy. An empty primary block appends nothing.
func REDPack(dst []byte, pt uint8, primary []byte, redundant ...REDBlock) []byte {
	if len(primary) == 0 {
		return dst
	}
	for _, r := range redundant {
		if r.fits() {
			dst = append(dst, pt|0x80, byte(r.Offset>>6), byte(r.Offset<<2)|byte(len(r.Payload)>>8), byte(len(r.Payload)))
		}
	}
	dst = append(dst, pt&0x7f)
	for _, r := range redundant {
		if r.fits() {
			dst = append(dst, r.Payload...)
		}
	}
	return append(dst, primary...)
}

func (r REDBlock) fits() bool {
	return r.Offset > 0 && r.Offset <= maxREDOffset && len(r.Payload) > 0 && len(r.Payload) <= maxREDLength
}
