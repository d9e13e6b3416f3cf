package codec

// maxOpusSamples is 120 ms at 48 kHz, the longest packet (RFC 6716 §3.2.5).
const maxOpusSamples = 5760

// OpusSamples is how much sound an Opus packet holds, in samples at 48 kHz (which are RTP clock ticks); 0 when it is no Opus packet.
func OpusSamples(payload []byte) int {
	if len(payload) == 0 {
		return 0
	}
	// RFC 6716 §3.1: five bits of configuration, one of stereo, two of frame count.
	toc := payload[0]
	config := int(toc >> 3)
	var samples int
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		samples = [...]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		samples = 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		samples = 120 << (config & 3)
	}
	switch toc & 3 {
	case 1, 2:
		samples *= 2
	case 3:
		if len(payload) < 2 {
			return 0
		}
		samples *= int(payload[1] & 0x3f)
	}
	if samples > maxOpusSamples {
		return 0
	}
	return samples
}

// OpusSilent is a hint that a packet holds nothing but the encoder's sign of silence: with DTX it sends at most two bytes.
func OpusSilent(payload []byte) bool { return len(payload) > 0 && len(payload) <= 2 }
