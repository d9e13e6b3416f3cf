package peer

import (
	"time"

	"tongke/media/packet"
)

// playout models how a voice is heard: a fixed jitter buffer in front of a loudspeaker that wants a frame of 20 ms every 20 ms, whether
// there is one or not. What is not there at its moment is concealed. It is pure: the clock comes in by the arguments.
type playout struct {
	started bool
	base    packet.Time // when tick was or is to be played
	tick    int64       // the next frame to play, in frames since the first one
	first   int64       // unwrapped RTP timestamp of frame 0
	last    int64       // unwrapped newest timestamp
	have    [ringFrames]int64

	total, concealed uint64
}

const (
	jitterBuffer = 60 * time.Millisecond
	voiceFrame   = 20 * time.Millisecond
	voiceTicks   = 960 // of 48 kHz
	ringFrames   = 256 // 5 s
	// A stream that has moved this far from where it was expected (a new publisher, a clock that drifts) is anchored anew.
	reanchor = 500 * time.Millisecond
)

// push takes one frame of 20 ms with its RTP timestamp.
func (p *playout) push(timestamp uint32, at packet.Time) {
	if !p.started {
		p.started = true
		p.first, p.last = int64(timestamp), int64(timestamp)
		p.base = at.Add(jitterBuffer)
		for i := range p.have {
			p.have[i] = -1
		}
	}
	p.advance(at)
	ext := p.last + int64(int32(timestamp-uint32(p.last)))
	p.last = max(p.last, ext)
	frame := (ext - p.first) / voiceTicks
	due := p.base.Add(time.Duration(frame-p.tick) * voiceFrame)
	if early := due.Sub(at); early > jitterBuffer+reanchor || early < -reanchor {
		// Play this frame one jitter buffer from now, on the running grid of 20 ms.
		ahead := int64((at.Add(jitterBuffer).Sub(p.base) + voiceFrame - 1) / voiceFrame)
		p.last = ext
		p.first = ext - (p.tick+ahead)*voiceTicks
		frame = p.tick + ahead
	}
	if frame >= p.tick {
		p.have[frame%ringFrames] = frame
	}
}

// advance plays everything that is due at now.
func (p *playout) advance(now packet.Time) {
	if !p.started {
		return
	}
	for p.base <= now {
		p.total++
		if p.have[p.tick%ringFrames] != p.tick {
			p.concealed++
		}
		p.tick++
		p.base = p.base.Add(voiceFrame)
	}
}
