package codec

// PPSID is which picture parameter set a NAL unit of that type holds (H.264 §7.3.2.2); false when that cannot be read.
func PPSID(unit []byte) (id uint32, ok bool) {
	if len(unit) < 2 || unit[0]&0x1f != nalPPS {
		return 0, false
	}
	r := bitReader{data: unit[1:]}
	id = r.ue()
	return id, !r.short && id <= 255
}
