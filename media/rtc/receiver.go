package rtc

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// receiver is the receiving half of a peer: it tells streams apart, makes buffers of packets, and writes feedback. Packets come from
// the SRTP session's goroutine, reports from the SRTCP session's, feedback and new tracks leave by the peer's. Nothing is called with
// the lock held.
type receiver struct {
	p       *Peer
	local   bool // what comes is published here; an uplink's packets were looked at where they were published
	onTrack func(*Incoming)
	ssrc    uint32 // ours, as the sender of feedback

	pkt rtp.Packet // scratch of the SRTP goroutine

	mu       sync.Mutex
	sections []*section // that we receive on
	types    [128]wire
	ext      extensions
	by       map[uint32]route
	incoming []*Incoming // of an uplink: one a section, in order; of a publisher: as they begin
	begun    []*Incoming // to be told to onTrack
	asked    bool        // somebody wants a keyframe
	gap      bool        // a packet of a picture is newly missing
	retry    packet.Time // when one that is missing is to be asked for (again); 0: none is
	twcc     *twcc.Recorder
	hasTWCC  bool // something to report
	clock    clockOffset
	rtt      time.Duration
	bframes  int
	ticks    uint

	packets, bad uint64
}

// wire is what a payload type means on this connection.
type wire struct {
	codec codec.Codec
	rtx   bool
	apt   uint8
}

// route says where the packets of an SSRC go.
type route struct {
	in  *Incoming
	rtx bool
}

func newReceiver(p *Peer, local bool) *receiver {
	ssrc := rand.Uint32() // #nosec G404 -- RFC 3550 §8.1: told apart, not secret
	return &receiver{p: p, local: local, ssrc: ssrc, by: map[uint32]route{}, twcc: twcc.NewRecorder(ssrc)}
}

// open takes the m-lines of a description that we receive on.
func (r *receiver) open(d *description) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range d.sections {
		if s.reject || s.data {
			continue
		}
		for _, p := range s.codecs {
			r.types[p.pt&127] = wire{codec: p.codec, rtx: p.rtx, apt: p.apt}
		}
		for _, x := range s.ext.list() {
			*r.ext.field(x.uri) = x.id
		}
		if !s.recv {
			continue
		}
		r.sections = append(r.sections, s)
		if !r.local {
			in := newIncoming(r, s, "", s.ssrc)
			in.Slot = len(r.incoming)
			r.incoming = append(r.incoming, in)
			r.declare(in, s)
		}
	}
}

// declare routes the SSRCs that the description names.
func (r *receiver) declare(in *Incoming, s *section) {
	if s.ssrc != 0 {
		r.by[s.ssrc] = route{in: in}
	}
	if s.rtxSSRC != 0 {
		r.by[s.rtxSSRC] = route{in: in, rtx: true}
	}
}

func (r *receiver) slots() []*Incoming {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.local {
		return nil
	}
	return slices.Clone(r.incoming)
}

// takeRTP takes one packet from the SRTP session's goroutine.
func (r *receiver) takeRTP(s *stream, b []byte, now packet.Time) {
	if err := r.pkt.Unmarshal(b); err != nil {
		// Probes of padding alone have been seen with a length of 0; nothing of them can be used but that they came.
		r.mu.Lock()
		r.bad++
		r.mu.Unlock()
		return
	}
	r.mu.Lock()
	r.packets++
	if r.ext.twcc != 0 {
		if x := r.pkt.GetExtension(r.ext.twcc); len(x) == 2 {
			r.twcc.Record(s.ssrc, uint16(x[0])<<8|uint16(x[1]), int64(now)/1000)
			r.hasTWCC = true
		}
	}
	if s.route.in == nil || s.route.in.over {
		s.route = r.resolve(s.ssrc, &r.pkt)
	}
	in := s.route.in
	var buf *packet.Buffer
	var bframes bool
	gap := false
	if in != nil {
		missing := len(in.log.missing)
		buf = in.take(&r.pkt, s.route.rtx, now)
		bframes = r.local && r.bframes >= maxBFrames
		gap = in.Kind == track.Video && len(in.log.missing) > missing
		r.gap = r.gap || gap
	}
	r.mu.Unlock()
	if gap {
		r.p.poke()
	}

	if bframes {
		r.p.End(ErrBFrames)
	}
	if buf != nil {
		in.deliver(buf)
	}
}

// maxBFrames slices are enough to know; one could be a misread.
const maxBFrames = 3

// resolve finds out what an SSRC is, by the rules of RFC 8843 §9.2: what was declared, then MID and RID, then a payload type that only
// one m-line has.
func (r *receiver) resolve(ssrc uint32, pkt *rtp.Packet) route {
	if to, ok := r.by[ssrc]; ok && !to.in.over {
		return to
	}
	w := r.types[pkt.PayloadType&127]
	if w.codec == codec.None {
		return route{}
	}
	if !r.local {
		return route{} // an uplink declares all
	}
	s := r.sectionOf(ssrc, pkt, w)
	if s == nil {
		return route{}
	}
	rid, to := "", route{rtx: w.rtx}
	if len(s.rids) > 0 {
		id := r.ext.rid
		if w.rtx {
			id = r.ext.rrid
		}
		if id != 0 {
			rid = string(pkt.GetExtension(id))
		}
		if !slices.Contains(s.rids, rid) {
			return route{} // the first packets name it; so will the next
		}
	}
	for _, in := range r.incoming {
		if in.MID == s.mid && in.RID == track.Layer(rid) && !in.over {
			to.in = in
		}
	}
	if w.rtx {
		if to.in != nil {
			r.by[ssrc] = to
		}
		return to
	}
	if to.in != nil {
		to.in.end() // a new SSRC in an old one's place begins anew
	}
	to.in = newIncoming(r, s, track.Layer(rid), ssrc)
	r.incoming = append(slices.DeleteFunc(r.incoming, func(in *Incoming) bool { return in.over }), to.in)
	if ssrc == s.ssrc {
		r.declare(to.in, s)
	}
	r.by[ssrc] = to
	r.begun = append(r.begun, to.in)
	r.p.poke()
	return to
}

// sectionOf finds the m-line of an SSRC that is not routed yet.
func (r *receiver) sectionOf(ssrc uint32, pkt *rtp.Packet, w wire) *section {
	for _, s := range r.sections {
		if ssrc == s.ssrc || ssrc == s.rtxSSRC && ssrc != 0 {
			return s
		}
	}
	if r.ext.mid != 0 {
		if mid := pkt.GetExtension(r.ext.mid); len(mid) > 0 {
			for _, s := range r.sections {
				if s.mid == string(mid) {
					return s
				}
			}
			return nil
		}
	}
	var only *section
	for _, s := range r.sections {
		for _, p := range s.codecs {
			if p.pt == pkt.PayloadType {
				if only != nil {
					return nil
				}
				only = s
			}
		}
	}
	if only != nil && only.ssrc != 0 && !w.rtx {
		return nil // the m-line has its stream; this is none of it
	}
	return only
}

// takeReport takes a sender report from the SRTCP session's goroutine.
func (r *receiver) takeReport(sr *rtcp.SenderReport, now packet.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to, ok := r.by[sr.SSRC]
	if !ok || to.rtx || sr.NTPTime == 0 {
		return
	}
	at := packet.FromNTP(sr.NTPTime)
	r.clock.sample(at, now)
	to.in.capture.report(sr.RTPTime, at)
	to.in.reception.senderReport(sr.NTPTime, now)
}

// serve tells new tracks and sends requests for keyframes, from the peer's goroutine.
func (r *receiver) serve(now packet.Time) {
	r.mu.Lock()
	begun := r.begun
	r.begun = nil
	var out []rtcp.Packet
	if r.asked {
		out = r.requests(now, out)
	}
	if r.p.ready.Load() && (r.gap || r.retry != 0 && now >= r.retry) {
		out = r.nacks(now, out)
	}
	r.mu.Unlock()

	for _, in := range begun {
		if r.onTrack != nil {
			r.onTrack(in)
		}
	}
	r.write(out)
}

// retryIn is how long it is until something is to be asked for; false when nothing is.
func (r *receiver) retryIn(now packet.Time) (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.retry.Sub(now), time.Millisecond), r.retry != 0
}

// close ends every stream.
func (r *receiver) close() {
	r.mu.Lock()
	all := slices.Clone(r.incoming)
	for _, in := range all {
		in.end()
	}
	r.mu.Unlock()
	for _, in := range all {
		in.flush()
	}
}

func (r *receiver) write(pkts []rtcp.Packet) {
	if len(pkts) == 0 || !r.p.ready.Load() {
		return
	}
	if err := r.p.pc.WriteRTCP(pkts); err != nil {
		r.p.log.Debug("feedback was not sent", "err", err)
	}
}
