package rtc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"tongke/media/packet"
)

// AddCandidate takes one candidate of the other side that came after its description: the value of an SDP candidate line, with or
// without "a=" and "candidate:". "" says that no more will come. mid is that of any m-line: all share one transport. Candidates of a
// kind that we cannot read are passed over, as are those past a bound.
func (p *Peer) AddCandidate(mid, line string) error {
	line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "a="), "candidate:")
	if strings.ContainsAny(line, "\r\n") {
		return badOffer("candidate has more than one line")
	}
	p.mu.Lock()
	p.candidates++
	n := p.candidates
	p.mu.Unlock()
	if n > maxCandidates {
		return nil
	}
	if line != "" {
		if _, err := ice.UnmarshalCandidate(line); err != nil {
			return nil
		}
	}
	if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: line, SDPMid: &mid}); err != nil {
		return fmt.Errorf("add candidate: %w", err)
	}
	return nil
}

// Credentials are one side's part of an ICE session.
type Credentials struct {
	Ufrag, Pwd string
	Candidates []string // values of candidate lines, with "candidate:"
}

// RestartICE takes the other side's new credentials (RFC 8839 §4.4.1.1.1, RFC 9725 §4.3.3) and returns ours, with all our candidates.
// Slots, streams and keys stay.
func (p *Peer) RestartICE(ctx context.Context, remote Credentials) (Credentials, error) {
	if err := checkCredentials(remote.Ufrag, remote.Pwd); err != nil {
		return Credentials{}, err
	}
	if p.offered != nil {
		return Credentials{}, errors.New("restart ICE: only the answering side can")
	}
	p.restart.Lock()
	defer p.restart.Unlock()
	d := *p.remote
	if d.ufrag == remote.Ufrag && d.pwd == remote.Pwd {
		return p.localCredentials()
	}
	d.ufrag, d.pwd, d.candidates, d.ended = remote.Ufrag, remote.Pwd, nil, false
	for _, c := range remote.Candidates {
		d.addCandidate(strings.TrimPrefix(strings.TrimPrefix(c, "a="), "candidate:"))
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: d.canonical()}); err != nil {
		return Credentials{}, fmt.Errorf("restart ICE: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return Credentials{}, fmt.Errorf("restart ICE: %w", err)
	}
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return Credentials{}, fmt.Errorf("restart ICE: %w", err)
	}
	if err := wait(ctx, gathered); err != nil {
		return Credentials{}, fmt.Errorf("restart ICE: %w", err)
	}
	p.remote = &d
	p.mu.Lock()
	p.candidates = 0
	p.mu.Unlock()
	return p.localCredentials()
}

func (p *Peer) localCredentials() (Credentials, error) {
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(p.pc.LocalDescription().SDP); err != nil {
		return Credentials{}, fmt.Errorf("read own description: %w", err)
	}
	var c Credentials
	for _, m := range parsed.MediaDescriptions {
		for _, a := range m.Attributes {
			switch a.Key {
			case "ice-ufrag":
				c.Ufrag = a.Value
			case "ice-pwd":
				c.Pwd = a.Value
			case "candidate":
				if w := strings.Fields(a.Value); len(w) > 1 && w[1] == "1" { // pion lists each for RTCP too, which is muxed
					c.Candidates = append(c.Candidates, "candidate:"+a.Value)
				}
			}
		}
	}
	return c, nil
}

func (p *Peer) iceTransport() *webrtc.ICETransport { return p.pc.SCTP().Transport().ICETransport() }

// measureRTT is what ICE's own checks measured last; 0 when nothing did.
func (p *Peer) measureRTT() time.Duration {
	s, ok := p.iceTransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(s.CurrentRoundTripTime * float64(time.Second))
}

// RTT is the round trip time of the path as ICE measured it last; 0 when it has not.
func (p *Peer) RTT() time.Duration { return p.measureRTT() }

// Answers counts the other side's answers to ICE's checks on the path of the moment: while it rises, packets pass both ways. 0 before there
// is a path.
func (p *Peer) Answers() uint64 {
	t := p.iceTransport()
	switch t.State() { // before these pion is still making what the figures are read from
	case webrtc.ICETransportStateConnected, webrtc.ICETransportStateCompleted, webrtc.ICETransportStateDisconnected:
	default:
		return 0
	}
	s, _ := t.GetSelectedCandidatePairStats()
	return s.ResponsesReceived
}

// Checks counts ICE's checks of the chosen path, two a second that nobody sends again (RFC 8445 §11, RFC 7675), and the answers to them. It
// gathers all of the connection's figures: not for a hot path.
func (p *Peer) Checks() (asked, answered uint64) {
	if p.Answers() == 0 {
		return 0, 0
	}
	p.figures.Lock()
	defer p.figures.Unlock()
	if p.shutting {
		return 0, 0
	}
	for _, s := range p.pc.GetStats() {
		if c, ok := s.(webrtc.ICECandidatePairStats); ok && c.Nominated {
			asked += c.RequestsSent
			answered += c.ResponsesReceived
		}
	}
	return asked, answered
}

// Path is the way that packets take.
type Path struct {
	Network       string // "udp" or "tcp"; a tunnel is udp to an address of media/udp's own
	Local, Remote netip.AddrPort
}

// Path is the way of the moment; false when there is none.
func (p *Peer) Path() (Path, bool) {
	pair, err := p.iceTransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Local == nil || pair.Remote == nil {
		return Path{}, false
	}
	local, err1 := netip.ParseAddr(pair.Local.Address)
	remote, err2 := netip.ParseAddr(pair.Remote.Address)
	if err1 != nil || err2 != nil {
		return Path{}, false
	}
	return Path{
		Network: pair.Local.Protocol.String(),
		Local:   netip.AddrPortFrom(local, pair.Local.Port),
		Remote:  netip.AddrPortFrom(remote, pair.Remote.Port),
	}, true
}

// LastSeen is when RTP, RTCP or a message on a channel last came; 0 before the first. ICE's own checks do not count: a path may carry
// them and nothing else.
func (p *Peer) LastSeen() packet.Time { return packet.Time(p.lastSeen.Load()) }

// Stats are a connection's figures since its beginning.
type Stats struct {
	BytesSent, BytesReceived     uint64 // all that ICE carried, without IP and UDP headers
	PacketsSent, PacketsReceived uint64 // RTP
	Dropped                      uint64 // RTP that found no way out
	Malformed                    uint64 // RTP that could not be read
}

// Stats are the figures of the moment.
func (p *Peer) Stats() Stats {
	t := p.iceTransport().Stats()
	r := p.recv
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{
		BytesSent: t.BytesSent, BytesReceived: t.BytesReceived,
		PacketsSent: p.sent.packets.Load(), PacketsReceived: r.packets,
		Dropped: p.sent.dropped.Load(), Malformed: r.bad,
	}
}

// SetClockOffset sets what must be added to the other side's clock to get this box's, measured both ways. Without it the offset is
// estimated from sender reports, wrong by the shortest one-way delay.
func (p *Peer) SetClockOffset(d time.Duration) {
	p.recv.mu.Lock()
	defer p.recv.mu.Unlock()
	p.recv.clock.fix(d)
}
