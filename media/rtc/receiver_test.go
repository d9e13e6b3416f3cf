package rtc

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// bench is a receiving peer without a connection: packets are written where SRTP would write them.
type bench struct {
	t    testing.TB
	p    *Peer
	rtp  map[uint32]*stream
	got  []*packet.Buffer
	ins  []*Incoming
	buf  []byte
	rtcp map[uint32]*stream
}

func newBench(t testing.TB, d *description, local bool) *bench {
	b := &bench{t: t, rtp: map[uint32]*stream{}, rtcp: map[uint32]*stream{}, buf: make([]byte, 1500)}
	e := &Engine{log: slog.New(slog.DiscardHandler), peers: map[*Peer]struct{}{}}
	b.p = e.newPeer("", local)
	b.p.recv.onTrack = func(in *Incoming) { b.ins = append(b.ins, in) }
	b.p.recv.open(d)
	return b
}

func (b *bench) write(h rtp.Header, payload []byte) {
	b.t.Helper()
	h.Version = 2
	s := b.rtp[h.SSRC]
	if s == nil {
		s = b.p.newStream(packetio.RTPBufferPacket, h.SSRC).(*stream)
		b.rtp[h.SSRC] = s
	}
	n, err := (&rtp.Packet{Header: h, Payload: payload}).MarshalTo(b.buf)
	if err != nil {
		b.t.Fatal(err)
	}
	s.Write(b.buf[:n])
	b.p.recv.serve(packet.Now())
	for _, in := range b.ins {
		in.SetSink(func(p *packet.Buffer) { b.got = append(b.got, p) })
	}
	b.ins = nil
}

// connect gives the peer a connection that keeps what is written to it.
func (b *bench) connect() (asked *[]rtcp.Packet) {
	b.t.Helper()
	all := &interceptor.Registry{}
	asked = &[]rtcp.Packet{}
	all.Add(asking{asked})
	pc, err := webrtc.NewAPI(webrtc.WithInterceptorRegistry(all)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { pc.Close() })
	b.p.pc = pc
	b.p.ready.Store(true)
	return asked
}

// asking keeps the RTCP that a connection is to send.
type asking struct{ list *[]rtcp.Packet }

func (a asking) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &keeping{list: a.list}, nil
}

type keeping struct {
	interceptor.NoOp
	list *[]rtcp.Packet
}

func (k *keeping) BindRTCPWriter(interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(func(p []rtcp.Packet, _ interceptor.Attributes) (int, error) {
		*k.list = append(*k.list, p...)
		return len(p), nil
	})
}

func (b *bench) report(sr *rtcp.SenderReport) {
	raw, err := sr.Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	b.p.newStream(packetio.RTCPBufferPacket, sr.SSRC).(*stream).Write(raw)
}

// videoSection is an m-line of H264 with retransmissions.
func videoSection(mid string, ssrc, rtx uint32, rids ...string) *section {
	return &section{
		mid: mid, kind: track.Video, media: "video", recv: true, ssrc: ssrc, rtxSSRC: rtx, rids: rids,
		ext: extensions{twcc: 1, capture: 2, mid: 3, rid: 4, rrid: 5},
		codecs: []payloadType{
			{pt: 102, codec: codec.H264, feedback: videoFeedback},
			{pt: 103, codec: codec.H264, rtx: true, apt: 102},
		},
	}
}

func audioSection(mid string) *section {
	return &section{
		mid: mid, kind: track.Audio, media: "audio", recv: true, ext: extensions{twcc: 1, mid: 3},
		codecs: []payloadType{{pt: 63, codec: codec.RED, apt: 111}, {pt: 111, codec: codec.Opus}},
	}
}

func osn(seq uint16, payload []byte) []byte {
	return append([]byte{byte(seq >> 8), byte(seq)}, payload...)
}

func TestReceiverTellsStreamsApart(t *testing.T) {
	d := &description{sections: []*section{audioSection("a"), videoSection("v", 20, 21), videoSection("w", 0, 0, "q", "f")}}
	ext := func(id uint8, value string, more ...string) rtp.Header {
		var h rtp.Header
		h.SetExtension(id, []byte(value))
		for i := 0; i+1 < len(more); i += 2 {
			h.SetExtension(more[i][0]-'0', []byte(more[i+1]))
		}
		return h
	}
	b := newBench(t, d, true)
	send := func(h rtp.Header, ssrc uint32, pt uint8, seq uint16, payload []byte, want string, wantSeq uint64) {
		t.Helper()
		b.got = nil
		h.SSRC, h.PayloadType, h.SequenceNumber = ssrc, pt, seq
		b.write(h, payload)
		if want == "" {
			if len(b.got) != 0 {
				t.Errorf("SSRC %d, number %d: a packet came out", ssrc, seq)
			}
			return
		}
		if len(b.got) != 1 {
			t.Errorf("SSRC %d, number %d: %d packets", ssrc, seq, len(b.got))
			return
		}
		to := b.rtp[ssrc].route.in
		if got := to.MID + string(to.RID); got != want || b.got[0].Seq != wantSeq {
			t.Errorf("SSRC %d: went to %s as %d, want %s, %d", ssrc, got, b.got[0].Seq, want, wantSeq)
		}
	}
	slice := frame(false, 1)
	send(rtp.Header{}, 10, 111, 5, []byte{1}, "a", 5)                         // only one m-line has the payload type
	send(rtp.Header{}, 10, 63, 6, []byte{111, 1}, "a", 6)                     // sound changes between RED and Opus
	send(rtp.Header{}, 20, 102, 7, slice, "v", 7)                             // declared
	send(rtp.Header{}, 21, 103, 900, osn(8, slice), "v", 8)                   // declared retransmission
	send(rtp.Header{}, 21, 103, 901, osn(8, slice), "", 0)                    // twice
	send(rtp.Header{}, 21, 103, 902, nil, "", 0)                              // a probe
	send(rtp.Header{}, 30, 102, 1, slice, "", 0)                              // two m-lines have the payload type
	send(ext(3, "w"), 30, 102, 2, slice, "", 0)                               // which layer?
	send(ext(3, "w", "4", "q"), 30, 102, 3, slice, "wq", 3)                   // MID and RID
	send(rtp.Header{}, 30, 102, 4, slice, "wq", 4)                            // known from now on
	send(ext(3, "w", "4", "f"), 31, 102, 65535, slice, "wf", 65535)           // the other layer
	send(ext(3, "w", "4", "x"), 32, 102, 1, slice, "", 0)                     // a layer that was not offered
	send(rtp.Header{}, 40, 103, 1, osn(1, slice), "", 0)                      // whose?
	send(ext(3, "w", "5", "f"), 41, 103, 1, osn(0, slice), "wf", 65536)       // RRID
	send(rtp.Header{}, 41, 103, 2, osn(1, slice), "wf", 65537)                // known from now on
	send(ext(3, "w", "5", "q"), 42, 103, 1, osn(5, slice), "wq", 5)           // a retransmission may be the newest
	send(rtp.Header{}, 20, 96, 9, slice, "", 0)                               // a payload type that was not agreed
	send(rtp.Header{}, 20, 111, 9, slice, "", 0)                              // sound on a picture's stream
	send(ext(3, "w", "4", "q"), 50, 102, 30000, slice, "wq", 30000)           // a new SSRC in an old one's place
	send(rtp.Header{}, 30, 102, 5, slice, "", 0)                              // whose stream is over
	send(rtp.Header{}, 0, 102, 5, nil, "", 0)                                 // libwebrtc's probes before media
	send(rtp.Header{}, 20, 102, 10, make([]byte, packet.MaxPayload), "v", 10) // as long as may be
	send(rtp.Header{}, 20, 102, 11, make([]byte, packet.MaxPayload+1), "", 0) // longer
}

func TestReceiverUplinkKnowsDeclaredStreamsOnly(t *testing.T) {
	d := &description{sections: []*section{videoSection("0", 20, 21), videoSection("1", 30, 31)}}
	b := newBench(t, d, false)
	for _, in := range b.p.Incoming() {
		in.SetSink(func(p *packet.Buffer) { b.got = append(b.got, p) })
	}
	b.write(rtp.Header{SSRC: 30, PayloadType: 102, SequenceNumber: 1}, frame(false, 1))
	b.write(rtp.Header{SSRC: 99, PayloadType: 102, SequenceNumber: 1}, frame(false, 1))
	if len(b.got) != 1 || b.rtp[30].route.in.Slot != 1 || b.rtp[99].route.in != nil {
		t.Errorf("%d packets", len(b.got))
	}
}

func TestReceiverLeavesPaddingOut(t *testing.T) {
	b := newBench(t, &description{sections: []*section{videoSection("v", 20, 21)}}, true)
	for seq := range uint16(6) {
		h := rtp.Header{SSRC: 20, PayloadType: 102, SequenceNumber: 65533 + seq}
		payload := frame(false, int(seq))
		if seq == 2 || seq == 3 {
			h.Padding, h.PaddingSize, payload = true, 100, nil
		}
		b.write(h, payload)
	}
	var seqs []uint64
	for _, p := range b.got {
		seqs = append(seqs, p.Seq)
	}
	if len(seqs) != 4 || seqs[0] != 65533 || seqs[3] != 65536 {
		t.Errorf("numbers %v", seqs)
	}
	if n := len(b.p.recv.incoming[0].log.missing); n != 0 {
		t.Errorf("%d packets are missed", n)
	}
}

func TestReceiverFlags(t *testing.T) {
	b := newBench(t, &description{sections: []*section{videoSection("v", 20, 21)}}, true)
	for _, c := range []struct {
		name    string
		seq     uint16
		ts      uint32
		marker  bool
		payload []byte
		want    packet.Flags
	}{
		{"keyframe", 1, 0, false, frame(true, 1), packet.Keyframe | packet.FrameStart},
		{"its second packet", 2, 0, true, []byte{0x65, 0x08, 1, 2}, packet.Marker},
		{"next frame", 3, 3000, false, frame(false, 3), packet.FrameStart},
		{"its second slice", 4, 3000, true, frame(false, 4), packet.Marker},
	} {
		b.got = nil
		b.write(rtp.Header{SSRC: 20, PayloadType: 102, SequenceNumber: c.seq, Timestamp: c.ts, Marker: c.marker}, c.payload)
		if len(b.got) != 1 || b.got[0].Flags != c.want {
			t.Errorf("%s: flags %b, want %b", c.name, b.got[0].Flags, c.want)
		}
	}
	b.got = nil
	b.write(rtp.Header{SSRC: 20, PayloadType: 102, SequenceNumber: 6, Timestamp: 9000}, frame(false, 6))
	b.write(rtp.Header{SSRC: 21, PayloadType: 103, SequenceNumber: 1, Timestamp: 6000, Marker: true}, osn(5, frame(true, 5)))
	if len(b.got) != 2 || b.got[1].Flags != packet.Repaired|packet.Keyframe|packet.FrameStart|packet.Marker || b.got[1].Seq != 5 {
		t.Errorf("repaired: %+v", b.got[1])
	}
}

func TestReceiverCapture(t *testing.T) {
	b := newBench(t, &description{sections: []*section{audioSection("a"), videoSection("v", 20, 21)}}, true)
	theirs := packet.Time(5000 * int64(time.Second)) // their clock when ours says now
	now := packet.Now()
	at := func(d time.Duration) packet.Time { return theirs.Add(d) }
	seq := uint16(0)
	write := func(ts uint32, capture packet.Time) packet.Time {
		t.Helper()
		b.got = nil
		seq++
		h := rtp.Header{SSRC: 20, PayloadType: 102, SequenceNumber: seq, Timestamp: ts}
		if capture != 0 {
			h.SetExtension(2, binary.BigEndian.AppendUint64(nil, capture.NTP()))
		}
		b.write(h, frame(false, 1))
		if len(b.got) != 1 {
			t.Fatalf("%d packets", len(b.got))
		}
		return b.got[0].Capture
	}
	check := func(got packet.Time, want time.Duration) {
		t.Helper()
		if d := got.Sub(now) - want; got == 0 || d < -20*time.Millisecond || d > 200*time.Millisecond { // the reports take a moment to be made
			t.Errorf("captured at %v from now, want %v", got.Sub(now), want)
		}
	}
	if got := write(0, 0); got != 0 {
		t.Errorf("captured at %v, before anything is known", got)
	}
	b.report(&rtcp.SenderReport{SSRC: 20, NTPTime: at(0).NTP(), RTPTime: 9000})
	check(write(9000-4500, 0), -50*time.Millisecond)
	check(write(0, at(-400*time.Millisecond)), -400*time.Millisecond)
	check(write(6000, 0), -400*time.Millisecond+time.Second/15)
	if got := write(900000, 0); got > packet.Now() {
		t.Errorf("captured %v after it came", got.Sub(packet.Now()))
	}
	b.p.SetClockOffset(now.Sub(theirs) - 100*time.Millisecond)
	check(write(9000, 0), -400*time.Millisecond-100*time.Millisecond+time.Second/10)
}

func TestReceiverFeedback(t *testing.T) {
	b := newBench(t, &description{sections: []*section{videoSection("v", 20, 21), audioSection("a")}}, true)
	for _, seq := range []uint16{65534, 65535, 2, 4} {
		var h rtp.Header
		h.SetExtension(1, []byte{byte(seq >> 8), byte(seq)})
		h.SSRC, h.PayloadType, h.SequenceNumber = 20, 102, seq
		b.write(h, frame(false, int(seq)))
	}
	b.write(rtp.Header{SSRC: 10, PayloadType: 111, SequenceNumber: 1}, []byte{1})
	b.write(rtp.Header{SSRC: 10, PayloadType: 111, SequenceNumber: 9}, []byte{1})
	r := b.p.recv
	b.p.ready.Store(true)
	now := packet.Now()
	nacks := r.nacks(now, nil)
	if len(nacks) != 1 {
		t.Fatalf("%d requests, want one: sound is not repaired", len(nacks))
	}
	n := nacks[0].(*rtcp.TransportLayerNack)
	if n.MediaSSRC != 20 || len(n.Nacks) != 1 || n.Nacks[0].PacketID != 0 || n.Nacks[0].LostPackets != 1|1<<2 {
		t.Errorf("request %+v", n)
	}
	reports := r.reports(now, nil)
	if len(reports) != 1 || len(reports[0].(*rtcp.ReceiverReport).Reports) != 2 {
		t.Errorf("reports %+v", reports)
	}
	fb := r.twcc.BuildFeedbackPacket()
	if len(fb) != 1 || fb[0].(*rtcp.TransportLayerCC).BaseSequenceNumber != 65534 || fb[0].(*rtcp.TransportLayerCC).PacketStatusCount != 7 {
		t.Errorf("transport feedback %+v", fb)
	}
	in := r.incoming[0]
	in.RequestKeyframe(false)
	in.RequestKeyframe(false)
	pli := r.requests(now, nil)
	if len(pli) != 1 || pli[0].(*rtcp.PictureLossIndication).MediaSSRC != 20 {
		t.Errorf("requests %+v", pli)
	}
	in.section.codecs[0].feedback = []string{"ccm fir"}
	in.RequestKeyframe(true)
	if fir := r.requests(now, nil); len(fir) != 1 || fir[0].(*rtcp.FullIntraRequest).FIR[0].SSRC != 20 {
		t.Errorf("requests %+v", fir)
	}
}

// A gap in a picture is asked for when it is seen, and again when its answer should have come; one in the sound is not.
func TestReceiverAsksAtOnce(t *testing.T) {
	d := &description{sections: []*section{audioSection("0"), videoSection("1", 11, 12)}}
	d.sections[0].ssrc = 10
	b := newBench(t, d, false)
	r := b.p.recv
	r.incoming[0].SetSink(func(p *packet.Buffer) { b.got = append(b.got, p) })
	for _, seq := range []uint16{1, 5, 9} {
		b.write(rtp.Header{SSRC: 10, PayloadType: 111, SequenceNumber: seq}, []byte{1})
	}
	if len(b.got) == 0 || b.got[0].Codec != codec.Opus {
		t.Fatalf("%d packets of sound came", len(b.got))
	}
	b.write(rtp.Header{SSRC: 11, PayloadType: 102, SequenceNumber: 1}, frame(false, 1))
	if _, missing := r.retryIn(0); missing || r.gap {
		t.Fatal("asks for what is not missing")
	}
	b.write(rtp.Header{SSRC: 11, PayloadType: 102, SequenceNumber: 3}, frame(false, 1))
	if !r.gap {
		t.Fatal("nobody is woken by a gap")
	}
	select {
	case <-b.p.wake:
	default:
		t.Error("nobody is woken by a gap")
	}
	now := packet.Now()
	asked := b.connect()
	r.serve(now)
	if len(*asked) != 1 || (*asked)[0].(*rtcp.TransportLayerNack).MediaSSRC != 11 {
		t.Fatalf("asks %v", *asked)
	}
	if r.serve(now.Add(time.Millisecond)); len(*asked) != 1 {
		t.Errorf("asks again %v", *asked)
	}
	if in, missing := r.retryIn(now); !missing || in != firstRTT+firstRTT/4 {
		t.Errorf("asks again after %s, %v", in, missing)
	}
	if r.serve(now.Add(firstRTT + firstRTT/4)); len(*asked) != 2 {
		t.Errorf("asks %d times, want 2", len(*asked))
	}
	b.write(rtp.Header{SSRC: 11, PayloadType: 102, SequenceNumber: 2}, frame(false, 1))
	if out := r.nacks(now.Add(time.Second), nil); len(out) != 0 || r.gap || r.retry != 0 {
		t.Errorf("asks %v for what has come", out)
	}
}

func TestReceiverBoundsStreams(t *testing.T) {
	b := newBench(t, &description{sections: []*section{videoSection("v", 20, 21)}}, true)
	for i := range uint32(maxStreams + 1) {
		b.p.newStream(packetio.RTPBufferPacket, 1000+i)
	}
	if b.p.Reason() != ErrStreams {
		t.Errorf("reason %v", b.p.Reason())
	}
}

// TestReceiverAllocatesNothing is the path of each packet: from SRTP's buffer to a filled buffer at the sink.
func TestReceiverAllocatesNothing(t *testing.T) {
	b, write := receivePath(t)
	if n := testing.AllocsPerRun(2000, write); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	_ = b
}

func receivePath(t testing.TB) (*bench, func()) {
	b := newBench(t, &description{sections: []*section{videoSection("v", 20, 21)}}, true)
	var h rtp.Header
	h.SetExtension(1, []byte{0, 0})
	h.SSRC, h.PayloadType = 20, 102
	payload := append(frame(false, 1), make([]byte, 1195)...)
	b.write(h, payload)
	in := b.p.recv.incoming[0]
	in.sink.Store(nil)
	in.SetSink(func(p *packet.Buffer) { p.Release() })
	s := b.rtp[20]
	raw, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	raw[0] |= 2 << 6
	twcc := len(raw) - len(payload) - 3
	seq := uint16(0)
	return b, func() {
		seq++
		binary.BigEndian.PutUint16(raw[2:], seq)
		binary.BigEndian.PutUint32(raw[4:], uint32(seq/8)*3000)
		binary.BigEndian.PutUint16(raw[twcc:], seq)
		s.Write(raw)
	}
}

func BenchmarkReceive(b *testing.B) {
	_, write := receivePath(b)
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}
