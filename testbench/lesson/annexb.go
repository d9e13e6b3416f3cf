package lesson

import "bytes"

// NALs cuts an Annex B stream (ITU-T H.264 Annex B) at its start codes. The results point into stream and are never empty.
func NALs(stream []byte) [][]byte {
	startCode := []byte{0, 0, 1}
	var nals [][]byte
	at := bytes.Index(stream, startCode)
	for at >= 0 {
		stream = stream[at+len(startCode):]
		at = bytes.Index(stream, startCode)
		nal := stream
		if at >= 0 {
			nal = stream[:at]
		}
		// Zero bytes before a start code belong to it (trailing_zero_8bits), a NAL unit never ends with one.
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			nals = append(nals, nal)
		}
	}
	return nals
}
