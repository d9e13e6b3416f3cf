package codec

// Info is what one look at a payload tells. Whoever has it need not parse the payload again.
type Info struct {
	// Keyframe: a decoder that begins with this packet misses nothing. For H264 that is the packet that carries the SPS, never the
	// slice after it, so forwarding that begins here has the parameter sets; for VP8 the first packet of a keyframe.
	Keyframe bool

	// Intra: the picture data of a keyframe begins in this packet. A publisher that shows Intra but never Keyframe sends no
	// parameter sets in band, and nobody who joins later can decode it.
	Intra bool

	// FrameStart: a hint that a frame begins here. Exact for VP8. In H264 the delimiter, each parameter set and the first slice of a
	// frame all have it, so the first one after a change of timestamp counts.
	FrameStart bool

	// BFrame: a slice that refers to later pictures, which WebRTC receivers do not put back in order.
	BFrame bool

	// Width and Height in pixels as the keyframe says; 0 where this packet does not say.
	Width, Height int
}

// Inspect looks at one RTP payload without its padding. What cannot be understood, and sound, gives the zero Info.
func Inspect(c Codec, payload []byte) Info {
	switch c {
	case H264:
		return inspectH264(payload)
	case VP8:
		return inspectVP8(payload)
	}
	return Info{}
}
