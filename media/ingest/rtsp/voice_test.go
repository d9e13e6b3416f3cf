package rtsp

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

var voiceKey = track.Key{Lesson: "l", Origin: "box", Source: track.Voice}

// ear is one who hears the room.
type ear struct {
	mu   sync.Mutex
	got  []packetSeen
	kind []uint8
}

// WriteRTP implements relay.Sink.
func (e *ear) WriteRTP(h *rtp.Header, p []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, packetSeen{h.SequenceNumber, h.Timestamp, h.Marker, bytes.Clone(p)})
	e.kind = append(e.kind, h.PayloadType)
	return nil
}

// WriteRTCP implements relay.Sink.
func (e *ear) WriteRTCP([]rtcp.Packet) error { return nil }

func (e *ear) heard() ([]packetSeen, []uint8) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got), slices.Clone(e.kind)
}

func (e *ear) count() int {
	got, _ := e.heard()
	return len(got)
}

// listens adds one who hears the room's voice.
func (r *room) listens() *ear {
	r.t.Helper()
	e := &ear{}
	sub, err := r.relay.Subscribe(relay.SubscriberConfig{Name: "ear", Slots: []relay.SlotConfig{{
		Kind: track.Audio, SSRC: 2, PayloadTypes: map[codec.Codec]uint8{codec.Opus: 111, codec.PCMA: 8, codec.PCMU: 0}, Sink: e,
	}}})
	if err != nil {
		r.t.Fatal(err)
	}
	sub.Bind(0, voiceKey, relay.BindOptions{})
	return e
}

// voiceIs is the codec of the room's voice at the relay.
func (r *room) voiceIs() codec.Codec {
	for _, info := range r.relay.Sources() {
		if info.Key == voiceKey {
			return info.Codec
		}
	}
	return codec.None
}

func withSound(g *format.G711) map[string]film {
	return map[string]film{"main": {sps: sps720, size: 3000, gop: 10, sound: g}}
}

var alaw = &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}

// TestVoice: the sound of a camera arrives as it left, by each transport, under either law, and when pictures and sound have the same payload
// type; what is lost on the way leaves its place.
func TestVoice(t *testing.T) {
	for _, c := range []struct {
		name      string
		transport string
		sound     format.G711
		lose      int
		want      uint8
	}{
		{"tcp", TCP, *alaw, 0, 8},
		{"udp", UDP, *alaw, 0, 8},
		{"mu-law", TCP, format.G711{MULaw: true, SampleRate: 8000, ChannelCount: 1}, 0, 0},
		{"the pictures' payload type", UDP, format.G711{PayloadTyp: 96, SampleRate: 8000, ChannelCount: 1}, 0, 8},
		{"losses", UDP, *alaw, 5, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			films := withSound(&c.sound)
			f := films["main"]
			f.soundLose = c.lose
			films["main"] = f
			fake := newFake(t, &fakeCamera{films: films})
			r := newRoom(t)
			ear := r.listens()
			cam := New(Config{Name: "a", Main: fake.url("main"), Transport: c.transport, Sound: true}, r.logger())
			cam.Voice(voiceKey, true)
			r.publish(cam)
			until(t, "sound", func() bool { return ear.count() >= 50 })
			got, kinds := ear.heard()
			lost := 0
			for i, p := range got {
				if !bytes.Equal(p.payload, spoken(p.payload[0])) || kinds[i] != c.want {
					t.Fatalf("packet %d of type %d: %x", i, kinds[i], p.payload)
				}
				if i == 0 {
					continue
				}
				d := p.payload[0] - got[i-1].payload[0]
				if uint16(d) != p.seq-got[i-1].seq || uint32(d)*160 != p.ts-got[i-1].ts || d > 2 {
					t.Fatalf("packet %d: %d after the one before, by its number %d, by its time %d", i, d, p.seq-got[i-1].seq, p.ts-got[i-1].ts)
				}
				lost += int(d) - 1
			}
			if (c.lose == 0) != (lost == 0) {
				t.Errorf("%d lost", lost)
			}
			s := cam.Status()
			if st := s.Streams[0]; !st.Hears || st.Sound != g711 || len(st.Notes) != 0 {
				t.Errorf("%+v", st)
			}
			if l := cam.Loudness(); l < 60 || l > 100 {
				t.Errorf("loudness %d of a tone at full scale", l)
			}
		})
	}
}

// TestVoiceGivesWay: the sound is there while it is wanted and nobody else speaks for the room, and leaves while it may.
func TestVoiceGivesWay(t *testing.T) {
	t.Parallel()
	fake := newFake(t, &fakeCamera{tcpOnly: true, films: withSound(alaw)})
	r := newRoom(t)
	ear := r.listens()
	cam := New(Config{Name: "a", Main: fake.url("main"), Sound: true}, r.logger())
	stop := r.publish(cam)
	until(t, "pictures", func() bool { return keyframesIn(r.packets()) > 1 })
	if r.voiceIs() != codec.None || ear.count() != 0 {
		t.Fatal("the sound is published and nobody asked for it")
	}
	cam.Voice(voiceKey, false)
	until(t, "published", func() bool { return r.voiceIs() == codec.PCMA })
	pictures := len(r.packets())
	until(t, "pictures", func() bool { return len(r.packets()) > pictures+12 })
	if n := ear.count(); n != 0 {
		t.Errorf("%d packets left while they may not", n)
	}
	cam.Voice(voiceKey, true)
	until(t, "sound", func() bool { return ear.count() > 5 })

	page, err := r.relay.Publish(relay.SourceInfo{Key: voiceKey, Kind: track.Audio, Codec: codec.Opus}, maker{cam})
	if err != nil {
		t.Fatal(err)
	}
	heard := ear.count()
	pictures = len(r.packets())
	until(t, "pictures", func() bool { return len(r.packets()) > pictures+12 })
	if r.voiceIs() != codec.Opus || ear.count() > heard+1 { // one was on its way
		t.Errorf("the page's voice is %v, %d packets of the camera's came", r.voiceIs(), ear.count()-heard)
	}
	cam.Voice(track.Key{}, false)
	cam.Voice(voiceKey, true) // wanted again while the page still has the place
	pictures = len(r.packets())
	until(t, "pictures", func() bool { return len(r.packets()) > pictures+12 })
	if r.voiceIs() != codec.Opus {
		t.Error("the camera took the page's place")
	}
	page.Close()
	until(t, "the camera's sound again", func() bool { return r.voiceIs() == codec.PCMA })
	cam.Voice(track.Key{}, false)
	if r.voiceIs() != codec.None {
		t.Error("still published")
	}
	cam.Voice(voiceKey, true)
	until(t, "again", func() bool { return r.voiceIs() == codec.PCMA })
	fake.drop()
	until(t, "gone with the pictures", func() bool { return r.voiceIs() == codec.None })
	until(t, "back", func() bool { return r.voiceIs() == codec.PCMA })
	stop()
	if r.voiceIs() != codec.None || cam.Loudness() != 0 {
		t.Error("still there after the end")
	}
}

// TestNoVoice: without the switch nothing is taken, and what cannot be passed through is told.
func TestNoVoice(t *testing.T) {
	for _, c := range []struct {
		name  string
		sound format.Format
		on    bool
		note  Words
	}{
		{"off", alaw, false, noteSound},
		{"none", nil, true, noteNoSound},
		{"another codec", &format.Opus{PayloadTyp: 97, ChannelCount: 2}, true, noteOtherSound},
		{"stereo", &format.G711{PayloadTyp: 97, SampleRate: 8000, ChannelCount: 2}, true, noteOtherSound},
		{"wide", &format.G711{PayloadTyp: 97, SampleRate: 16000, ChannelCount: 1}, true, noteOtherSound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, &fakeCamera{tcpOnly: true, films: map[string]film{"main": {sps: sps720, size: 3000, gop: 10, sound: c.sound}}})
			r := newRoom(t)
			cam := New(Config{Name: "a", Main: fake.url("main"), Sound: c.on}, r.logger())
			cam.Voice(voiceKey, true)
			r.publish(cam)
			until(t, "pictures", func() bool { return keyframesIn(r.packets()) > 2 })
			if s := cam.Status().Streams[0]; len(s.Notes) != 1 || s.Notes[0] != c.note || s.Hears {
				t.Errorf("%+v", s)
			}
			if r.voiceIs() != codec.None {
				t.Error("sound is published")
			}
		})
	}
}

// TestVoiceNumbers: the camera's numbers are followed over their wrap; what comes twice or late is no second packet, what is missing keeps its
// place, and a camera that numbers anew goes on from where it was.
func TestVoiceNumbers(t *testing.T) {
	var v voice
	var got []string
	for _, n := range []uint16{65534, 65535, 65535, 0, 65534, 3, 30000, 30001} {
		if v.count(n) {
			got = append(got, fmt.Sprint(v.seq-65534))
			v.seq++
		}
	}
	if want := []string{"0", "1", "2", "5", "6", "7"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestLongPackets: a camera's packet that would not pass every path is cut, each part with its own time.
func TestLongPackets(t *testing.T) {
	r := newRoom(t)
	ear := r.listens()
	cam := New(Config{Name: "a", Main: "rtsp://192.0.2.1/", Sound: true}, r.logger())
	cam.Voice(voiceKey, true)
	p := &publication{camera: cam, relay: r.relay, layers: map[track.Layer]*outlet{}}
	all := bytes.Repeat([]byte{1, 2, 3, 4, 5}, 500)
	for i := range uint32(2) {
		p.sound(codec.PCMA, &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: i * 2500}, Payload: all}, packet.Now(), 0)
	}
	until(t, "all of it", func() bool { return ear.count() == 6 })
	got, _ := ear.heard()
	var joined []byte
	for i, one := range got {
		if len(one.payload) > maxPayload || one.ts-got[0].ts != uint32(len(joined)) || one.seq != got[0].seq+uint16(i) {
			t.Errorf("packet %d of %d bytes, %d ticks on", i, len(one.payload), one.ts-got[0].ts)
		}
		joined = append(joined, one.payload...)
	}
	if !bytes.Equal(joined, append(slices.Clone(all), all...)) {
		t.Error("the sound was changed")
	}
	p.close()
}

// FuzzSound: whatever a camera sends as sound, its numbers rise and nothing is invented.
func FuzzSound(f *testing.F) {
	f.Add([]byte{0, 1, 1, 2, 0, 1, 255, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		var v voice
		last, first := uint64(0), true
		for ; len(in) >= 2; in = in[2:] {
			if !v.count(uint16(in[0])<<8 | uint16(in[1])) {
				continue
			}
			if !first && (v.seq <= last || v.seq-last > maxMissing) {
				t.Fatalf("%d after %d", v.seq, last)
			}
			last, first = v.seq, false
			v.seq++
		}
	})
}
