package relay

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

var voice = track.Key{Lesson: "l", Origin: "core", Source: track.Voice}

// ear is a sink that keeps reports.
type ear struct {
	sink
	said []rtcp.SenderReport
}

func (e *ear) WriteRTCP(pkts []rtcp.Packet) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range pkts {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			e.said = append(e.said, *sr)
		}
	}
	return nil
}

// say publishes a voice of a codec and lets it say so many packets of 20 ms.
func say(t *testing.T, r *Relay, c codec.Codec, packets int) {
	t.Helper()
	u := publish(t, r, SourceInfo{Key: voice, Kind: track.Audio, Codec: c}, &maker{}).Up("")
	for i := range packets {
		b := packet.Get()
		b.Seq, b.Timestamp, b.Codec, b.Arrival = uint64(9+i), 77+uint32(i)*c.ClockRate()/50, c, packet.Now()
		b.Capture = b.Arrival - 5e6
		b.SetPayload([]byte{0xfc, 1, 2, 3})
		u.Push(b)
		time.Sleep(20 * time.Millisecond)
	}
	synctest.Wait()
}

// TestVoiceChangesItsCodec: a room's voice goes from a page's Opus to a camera's G.711 and back in one slot. Who takes both hears all of it under
// numbers and times that run on, and gets a report of the new clock; who takes Opus alone hears that, and the rest is counted by its reason.
func TestVoiceChangesItsCodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		both, opus := &ear{}, &ear{}
		for s, types := range map[*ear]map[codec.Codec]uint8{
			both: {codec.Opus: 111, codec.PCMA: 8, codec.PCMU: 0}, opus: {codec.Opus: 111},
		} {
			sub, err := r.Subscribe(SubscriberConfig{Name: "test", Slots: []SlotConfig{{Kind: track.Audio, SSRC: mediaSSRC, CaptureExt: 4, PayloadTypes: types, Sink: s}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sub.Close)
			sub.Bind(0, voice, BindOptions{})
		}
		reports, clock := 0, uint32(0)
		for i, c := range []codec.Codec{codec.Opus, codec.PCMA, codec.PCMU, codec.Opus} {
			say(t, r, c, 20)
			heads, _ := both.got()
			reported := both.reported()
			if len(heads) != 20*(i+1) {
				t.Fatalf("%v: %d packets in all", c, len(heads))
			}
			for j, h := range heads[20*i:] {
				want := map[codec.Codec]uint8{codec.Opus: 111, codec.PCMA: 8, codec.PCMU: 0}[c]
				if h.PayloadType != want {
					t.Fatalf("%v: payload type %d", c, h.PayloadType)
				}
				if k := 20*i + j; k > 0 && (h.SequenceNumber != heads[k-1].SequenceNumber+1 || h.Timestamp-heads[k-1].Timestamp != c.ClockRate()/50) {
					t.Fatalf("%v: packet %d: number %d after %d, %d ticks later", c, k, h.SequenceNumber, heads[k-1].SequenceNumber, h.Timestamp-heads[k-1].Timestamp)
				}
			}
			if heads[20*i].GetExtension(4) == nil {
				t.Errorf("%v: the first packet has no capture time", c)
			}
			if c.ClockRate() != clock && len(reported) == reports || len(reported) == 0 {
				t.Fatalf("%v: no report of the new clock", c)
			}
			reports, clock = len(reported), c.ClockRate()
			last := reported[reports-1]
			// The report's timestamp is that of its moment: not further than its age from the last packet's, in ticks of this clock.
			if d := int32(last.RTPTime - heads[len(heads)-1].Timestamp); d > int32(c.ClockRate()) || d < -int32(c.ClockRate()) {
				t.Errorf("%v: a report %d ticks away", c, d)
			}
		}
		if heads, _ := opus.got(); len(heads) != 40 {
			t.Errorf("who takes Opus alone got %d packets, want 40", len(heads))
		}
		if n := r.Stats().Dropped["codec"]; n != 40 {
			t.Errorf("%d packets counted as of a codec that is not taken, want 40", n)
		}
	})
}

func (e *ear) reported() []rtcp.SenderReport {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]rtcp.SenderReport(nil), e.said...)
}

// TestPublishFree: who gives way takes no place that is taken, and is taken the place of.
func TestPublishFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		info := SourceInfo{Key: voice, Kind: track.Audio, Codec: codec.PCMA}
		camera, err := r.PublishFree(info, &maker{})
		if err != nil {
			t.Fatal(err)
		}
		page := publish(t, r, SourceInfo{Key: voice, Kind: track.Audio, Codec: codec.Opus}, &maker{})
		if _, err := r.PublishFree(info, &maker{}); !errors.Is(err, ErrTaken) {
			t.Errorf("%v, want ErrTaken", err)
		}
		camera.Close() // relieved: of no effect
		synctest.Wait()
		if s := r.Sources(); len(s) != 1 || s[0].Codec != codec.Opus {
			t.Errorf("%+v", s)
		}
		page.Close()
		if _, err := r.PublishFree(info, &maker{}); err != nil {
			t.Error(err)
		}
	})
}
