package rtsp

import (
	"errors"
	"math"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

const (
	voiceAgain  = time.Second            // how often a place that another has is tried
	voiceSilent = 500 * time.Millisecond // packets: then it is not loud
	maxMissing  = 3000                   // numbers: a minute; more of them missing, and the camera numbers anew
)

// chooseSound finds the sound that is passed through: G.711 as RFC 3551 §4.5.14 has it, nil where there is none.
func chooseSound(session *description.Session) (*description.Media, *format.G711) {
	for _, m := range session.Medias {
		for _, f := range m.Formats {
			if g, ok := f.(*format.G711); ok && !m.IsBackChannel && g.SampleRate == 8000 && g.ChannelCount == 1 {
				return m, g
			}
		}
	}
	return nil, nil
}

func codecOf(g *format.G711) codec.Codec {
	if g.MULaw {
		return codec.PCMU
	}
	return codec.PCMA
}

// listener gets the packets of a camera's sound in order, from a goroutine of the connection. It must not block for long.
type listener func(c codec.Codec, p *rtp.Packet, arrival, capture packet.Time)

// setupSound begins to receive the sound. A camera that refuses it gives its pictures all the same.
func (s *stream) setupSound(c *gortsplib.Client, session *description.Session, udp *tap, l listener) {
	medium, form := chooseSound(session)
	if medium == nil {
		return
	}
	udp.next(1)
	_, err := c.Setup(session.BaseURL, medium, 0, 0)
	if err != nil {
		s.camera.log.Warn("camera refuses its sound", "code", explain(err).Code)
		return
	}
	kind := codecOf(form)
	c.OnPacketRTP(medium, form, udp.instead(1, form.PayloadTyp, func(p *rtp.Packet) { s.hear(kind, p, l) }))
	c.OnPacketRTCP(medium, s.reports(&s.soundClock))
}

// hear takes one packet of sound. Of a stream that is not live nothing is passed on.
func (s *stream) hear(c codec.Codec, p *rtp.Packet, l listener) {
	now := packet.Now()
	s.mu.Lock()
	live := s.live
	s.soundHeard = now
	capture := s.soundClock.capture(p.Timestamp, &s.camera.clock, now)
	s.mu.Unlock()
	if live {
		l(c, p, now, capture)
	}
}

// wish is what the owner of a camera wants of its sound.
type wish struct {
	key  track.Key // zero: nothing
	open bool
}

// Voice says as which source the camera's sound is published while its pictures are, and whether what it hears may leave now; the zero key:
// not at all. The source is published only while nobody else publishes it. Config.Sound must be set.
func (c *Camera) Voice(key track.Key, open bool) {
	c.mu.Lock()
	was := c.voice
	c.voice = wish{key, open}
	p := c.published
	c.mu.Unlock()
	if p != nil && was.key != key {
		p.mu.Lock()
		p.hush()
		p.mu.Unlock()
	}
}

// Speaking is as what the camera's sound was published last, and not withdrawn; zero: as nothing. Another publisher may have taken its place.
func (c *Camera) Speaking() track.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.speaking
}

// Loudness is how loud the sound is that leaves now, 0 to 100 over 60 dB as the pages measure their microphones: speech is above 40.
func (c *Camera) Loudness() int {
	c.mu.Lock()
	p := c.published
	c.mu.Unlock()
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.voice.source == nil || packet.Now().Sub(p.voice.lastAt) > voiceSilent {
		return 0
	}
	return int(math.Round(min(100, max(0, (10*math.Log10(p.voice.power+1e-9)+60)/60*100))))
}

// voice is a camera's sound at the relay. publication.mu guards it.
type voice struct {
	key    track.Key
	codec  codec.Codec
	source *relay.Source
	up     *relay.Up
	tried  packet.Time

	began  bool
	next   uint16 // the camera's number that is expected
	seq    uint64 // ours
	power  float64
	lastAt packet.Time
}

// sound sends one packet of sound.
func (p *publication) sound(c codec.Codec, pkt *rtp.Packet, arrival, capture packet.Time) {
	p.camera.mu.Lock()
	w := p.camera.voice
	p.camera.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	v := &p.voice
	if p.closed || w.key == (track.Key{}) || len(pkt.Payload) == 0 || !p.speak(w.key, c, arrival) {
		return
	}
	fresh := v.count(pkt.SequenceNumber)
	v.power += (math.Pow(10, codec.G711Level(c, pkt.Payload)/10) - v.power) / 4
	v.lastAt = arrival
	if !fresh || !w.open {
		return
	}
	for at := 0; at < len(pkt.Payload); at += maxPayload { // a sample is a byte, and any part of a packet is one
		part := pkt.Payload[at:min(at+maxPayload, len(pkt.Payload))]
		then := capture
		if capture != 0 {
			then = capture.Add(ticks(int32(at), c.ClockRate()))
		}
		v.up.Push(fill(part, c, 0, v.seq, pkt.Timestamp+uint32(at), arrival, then))
		v.seq++
	}
}

// count follows the camera's numbers; what is missing keeps its place. False for what has been there.
func (v *voice) count(number uint16) bool {
	missing := int16(number - v.next)
	switch {
	case !v.began:
		v.began, v.seq = true, uint64(number)
	case missing < 0 && missing > -tooLate:
		return false
	case missing > 0 && missing < maxMissing:
		v.seq += uint64(missing)
	}
	v.next = number + 1
	return true
}

// speak has the sound published as key. False while another publishes it.
func (p *publication) speak(key track.Key, c codec.Codec, now packet.Time) bool {
	v := &p.voice
	if v.source != nil && v.key == key && v.codec == c {
		return true
	}
	if v.source != nil {
		p.hush()
	}
	if v.tried != 0 && now.Sub(v.tried) < voiceAgain {
		return false
	}
	v.tried = now
	source, err := p.relay.PublishFree(relay.SourceInfo{Key: key, Kind: track.Audio, Codec: c}, maker{p.camera})
	if err != nil {
		if !errors.Is(err, relay.ErrTaken) {
			p.camera.log.Warn("camera's sound is not published", "lesson", key.Lesson, "err", err)
		}
		return false
	}
	p.voice = voice{key: key, codec: c, source: source, up: source.Up("")}
	p.camera.note(func() { p.camera.speaking = key })
	p.camera.log.Info("camera's sound published", "lesson", key.Lesson, "source", key.Source, "codec", c.String())
	return true
}

// hush withdraws the sound. Called with mu held.
func (p *publication) hush() {
	if p.voice.source != nil {
		p.voice.source.Close()
		p.camera.note(func() { p.camera.speaking = track.Key{} })
	}
	p.voice = voice{}
}
