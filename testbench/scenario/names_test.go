package scenario

import (
	"os"
	"sync"
	"testing"

	"tongke/media/codec"
	"tongke/testbench/lesson"
	"tongke/testbench/link"
	"tongke/testbench/peer"
)

var media = sync.OnceValues(func() (*Media, error) {
	var raw [3][]byte
	for i, name := range []string{"camera", "board", "voice"} {
		var err error
		if raw[i], err = os.ReadFile("../testdata/" + name + ".clip"); err != nil {
			return nil, err
		}
	}
	l, err := lesson.Parse(raw[0], raw[1], raw[2])
	if err != nil {
		return nil, err
	}
	return NewMedia(l), nil
})

func testMedia(t *testing.T) *Media {
	t.Helper()
	m, err := media()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPacketsAreNamedByTimestamp(t *testing.T) {
	m := testMedia(t)
	for source, step := range map[int]uint32{voice: 960, camera: 3000, board: 7500, answer: 960} {
		n := newNamer(m)
		seq := uint16(65533)
		for _, k := range []int64{0, 1, 2, 700, 701, 9000} {
			for i := range 3 {
				h := link.Header{PayloadType: 102, SSRC: 9, Sequence: seq, Timestamp: timestampOf(source) + uint32(k)*step}
				u, rtx, ok := unitOf(n.Name(h, 0))
				if want := (unit{source, k, i}); !ok || rtx || u != want {
					t.Errorf("%+v: %+v, want %+v", h, u, want)
				}
				seq++
			}
		}
		h := link.Header{PayloadType: 103, SSRC: 10, Sequence: 5, Timestamp: timestampOf(source) + 9000*step}
		for again := range uint32(3) {
			id := n.Name(h, 0)
			if u, rtx, ok := unitOf(id); !ok || !rtx || u.k != 9000 || u.source != source || id.Transmission != again {
				t.Errorf("retransmission %d: %+v", again, id)
			}
		}
		// The same packet on the next connection is its second transmission.
		id := n.Name(link.Header{PayloadType: 102, SSRC: 11, Sequence: 77, Timestamp: timestampOf(source)}, 0)
		if id.Transmission != 1 {
			t.Errorf("sent again: %+v", id)
		}
	}
	if _, _, ok := unitOf(newNamer(m).Name(link.Header{PayloadType: 96, SSRC: 1, Timestamp: 12345}, 0)); ok {
		t.Error("a packet of something else was taken for the lesson's")
	}
}

// A room's packets are found by what they carry, whatever the hop has done to their timestamps, over two rounds of the loop.
func TestPacketsAreFoundByContent(t *testing.T) {
	m := testMedia(t)
	l := newLedger(m)
	r, observe := l.room(Member1)
	const moved = 0xfedcba98
	want := map[unit]bool{}
	var before []codec.REDBlock
	for k := int64(0); k < 2600; k++ { // voice: 1250 units a round
		l.noteSent(voice, peer.Sent{Track: "voice", Unit: k, At: at0(float64(20 * k))})
		data := m.clips[voice].Units[k%1250].Data
		if k%10 != 3 { // each tenth is lost, and carried by the next
			observe(peer.Observation{Kind: "voice", Codec: codec.RED, Timestamp: timestampOf(voice) + uint32(k)*960 + moved,
				Payload: codec.REDPack(nil, 111, data, before...), At: at0(float64(20*k + 5)), Fresh: true})
		}
		before = []codec.REDBlock{{Offset: 960, Payload: data}}
		want[unit{voice, k, 0}] = true
	}
	found := map[unit]bool{}
	for _, a := range r.arrivals {
		found[a.unit] = true
		if !want[a.unit] {
			t.Fatalf("found %+v, which was not sent", a.unit)
		}
	}
	if missing := len(want) - len(found); missing > 3 { // silence at the beginning cannot be told apart yet
		t.Errorf("%d of %d frames of voice were not found", missing, len(want))
	}
	n := 0
	for k := int64(0); k < 1000; k++ { // camera: 750 units a round
		for i, p := range peer.Packetize(m.clips[camera].Units[k%750].Data) {
			l.noteSent(camera, peer.Sent{Track: "camera", Unit: k, Index: i, At: at0(float64(33 * k))})
			n++
			observe(peer.Observation{Kind: "camera", Codec: codec.H264, Timestamp: timestampOf(camera) + uint32(k)*3000 + moved, Payload: p,
				At: at0(float64(33*k + 5)), Fresh: true})
		}
	}
	count := 0
	for _, a := range r.arrivals {
		if a.source == camera {
			count++
			if _, sent := l.sent[a.unit]; !sent {
				t.Fatalf("found %+v, which was not sent", a.unit)
			}
		}
	}
	if count < n-3 {
		t.Errorf("%d of %d packets of the camera were found", count, n)
	}
}
