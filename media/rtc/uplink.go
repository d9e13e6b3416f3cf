package rtc

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pion/webrtc/v4"

	"tongke/media/track"
)

// UplinkOptions are the same at both ends of a link. Down is toward the child, up toward the parent.
type UplinkOptions struct {
	Name                 string
	AudioDown, VideoDown int // slots, said by the child; all four 0: 8, 24, 2, 6
	AudioUp, VideoUp     int
	Tunnel               netip.AddrPort // this end's address of a tunnel of the engine's socket, which is then the only way; zero: none
	OnState              func(State)
}

// defaultUplink has the slots that every box offers.
var defaultUplink = UplinkOptions{AudioDown: 8, VideoDown: 24, AudioUp: 2, VideoUp: 6}

// OfferUplink makes the child's end of a link and its offer: first the m-lines that it receives on, sound before pictures, then those it
// sends on, then the channels. The peer lives from now on; SetAnswer completes it, End or Close gives it up. Slots and Incoming are valid
// after SetAnswer.
func (e *Engine) OfferUplink(ctx context.Context, o UplinkOptions) (*Peer, string, error) {
	if o.AudioDown == 0 && o.VideoDown == 0 && o.AudioUp == 0 && o.VideoUp == 0 {
		o.AudioDown, o.VideoDown, o.AudioUp, o.VideoUp = defaultUplink.AudioDown, defaultUplink.VideoDown, defaultUplink.AudioUp, defaultUplink.VideoUp
	}
	if n := o.AudioDown + o.VideoDown + o.AudioUp + o.VideoUp + 1; n > maxSections {
		return nil, "", fmt.Errorf("uplink of %d m-lines, the limit is %d", n, maxSections)
	}
	layout := uplinkLayout(o)
	p := e.newPeer(o.Name, false)
	p.onState, p.feedback, p.offered = o.OnState, true, layout
	p.addSenders(layout)
	if err := p.connect(layout, uplinkTimes, o.Tunnel); err != nil {
		return nil, "", err
	}
	offer, err := p.offer(ctx, layout)
	if err == nil {
		err = p.start()
	}
	if err != nil {
		p.abandon()
		return nil, "", err
	}
	return p, offer, nil
}

// offer puts the m-lines of layout on the connection.
func (p *Peer) offer(ctx context.Context, layout *description) (string, error) {
	out := p.out
	for _, s := range layout.sections {
		var err error
		switch {
		case s.data:
			err = p.openChannels()
		case s.send:
			// AddTrack and ReplaceTrack would take any free m-line of the kind.
			_, err = p.pc.AddTransceiverFromTrack(out[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			out = out[1:]
		default:
			_, err = p.pc.AddTransceiverFromKind(pionKind(s.kind), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		}
		if err != nil {
			return "", fmt.Errorf("add m-line %s: %w", s.mid, err)
		}
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("set offer: %w", err)
	}
	if err := wait(ctx, gathered); err != nil {
		return "", err
	}
	return tidy(p.pc.LocalDescription().SDP, layout.role), nil
}

// AnswerUplink makes the parent's end of a link from the child's offer.
func (e *Engine) AnswerUplink(ctx context.Context, offer string, o UplinkOptions) (*Peer, string, error) {
	d, err := readDescription(offer, both, nil)
	if err != nil {
		return nil, "", err
	}
	for _, s := range d.sections {
		if s.recv && s.ssrc == 0 {
			return nil, "", badOffer("m-line %q declares no SSRC", s.mid)
		}
	}
	if err := d.checkBundle(); err != nil {
		return nil, "", err
	}
	p := e.newPeer(o.Name, false)
	p.onState, p.feedback = o.OnState, true
	p.addSenders(d)
	p.recv.open(d)
	if err := p.connect(d, uplinkTimes, o.Tunnel); err != nil {
		return nil, "", err
	}
	if err := p.openChannels(); err != nil {
		p.abandon()
		return nil, "", err
	}
	return p.complete(ctx, d)
}

// uplinkLayout is the child's offer as our own description: what it looks like from here.
func uplinkLayout(o UplinkOptions) *description {
	d := &description{role: both, setup: "actpass"}
	d.add(o.AudioDown, track.Audio, false)
	d.add(o.VideoDown, track.Video, false)
	d.add(o.AudioUp, track.Audio, true)
	d.add(o.VideoUp, track.Video, true)
	d.sections = append(d.sections, &section{mid: strconv.Itoa(len(d.sections)), media: "application", data: true})
	d.usableMLines = len(d.sections)
	return d
}
