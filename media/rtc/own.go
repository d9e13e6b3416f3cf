package rtc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/track"
)

// What we offer ourselves, on uplinks and to pages.
var (
	ownVoice = []payloadType{
		{pt: 63, codec: codec.RED, apt: 111, fmtp: "111/111", feedback: audioFeedback},
		{pt: 111, codec: codec.Opus, fmtp: "minptime=10;useinbandfec=1", feedback: audioFeedback},
	}
	ownAudio = append(slices.Clone(ownVoice), staticVoice...)
	ownVideo = []payloadType{
		{pt: 102, codec: codec.H264, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", feedback: videoFeedback},
		{pt: 103, codec: codec.H264, rtx: true, apt: 102, fmtp: "apt=102"},
		{pt: 96, codec: codec.VP8, feedback: videoFeedback},
		{pt: 97, codec: codec.VP8, rtx: true, apt: 96, fmtp: "apt=96"},
	}
	// staticVoice is G.711 under the numbers that it has everywhere (RFC 3551 table 4), for what comes from network cameras.
	staticVoice = []payloadType{
		{pt: 8, codec: codec.PCMA, feedback: audioFeedback},
		{pt: 0, codec: codec.PCMU, feedback: audioFeedback},
	}
	ownExtensions = extensions{twcc: 1, capture: 2}
)

// add puts n m-lines of our own on d.
func (d *description) add(n int, kind track.Kind, send bool) {
	for range n {
		s := &section{mid: strconv.Itoa(len(d.sections)), kind: kind, media: kind.String(), send: send, recv: !send, ext: ownExtensions, codecs: ownAudio}
		if kind == track.Video {
			s.codecs = ownVideo
		}
		d.sections = append(d.sections, s)
	}
	d.usableMLines = len(d.sections)
}

// SetAnswer completes OfferUplink, SendPage or OfferRestart with the other side's answer.
func (p *Peer) SetAnswer(answer string) error {
	if p.offered == nil {
		return errors.New("peer has made no offer")
	}
	d, err := readDescription(answer, p.offered.role, nil)
	if err != nil {
		return err
	}
	p.restart.Lock()
	defer p.restart.Unlock()
	if err := d.answers(p.offered); err != nil {
		return err
	}
	again := p.remote != nil
	if again {
		err = d.keeps(p.remote)
	} else {
		p.take(d)
	}
	if err != nil {
		return err
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: d.canonical()}); err != nil {
		return badOffer("answer is refused: %s", oneLine(err.Error()))
	}
	p.remote = d
	if again {
		return nil
	}
	return p.bindSenders()
}

// take makes the answer's choice of formats that of the slots, before the first packet can come.
func (p *Peer) take(d *description) {
	out := 0
	for _, s := range d.sections {
		if s.send {
			p.out[out].s = s
			out++
		}
	}
	p.recv.open(d)
}

// answers refuses an answer that does not fit our offer.
func (d *description) answers(offered *description) error {
	if d.setup == "actpass" {
		return badOffer("answer does not choose a DTLS role (RFC 8842 §5.3)")
	}
	if len(d.sections) != len(offered.sections) {
		return badOffer("answer has %d m-lines, the offer %d", len(d.sections), len(offered.sections))
	}
	for i, s := range d.sections {
		ours := offered.sections[i]
		if s.reject || s.mid != ours.mid || s.kind != ours.kind || s.send != ours.send || s.recv != ours.recv || s.data != ours.data {
			return badOffer("answer's m-line %q is not what was offered", s.mid)
		}
		if s.recv && s.ssrc == 0 {
			return badOffer("answer's m-line %q declares no SSRC", s.mid)
		}
	}
	return d.checkBundle()
}

// keeps refuses a later answer that would change what slots carry, or whom the connection is with.
func (d *description) keeps(former *description) error {
	if d.fingerprint != former.fingerprint {
		return badOffer("answer comes from another connection")
	}
	for i, s := range d.sections {
		if !slices.EqualFunc(s.codecs, former.sections[i].codecs, func(a, b payloadType) bool {
			return a.pt == b.pt && a.codec == b.codec && a.rtx == b.rtx && a.apt == b.apt
		}) || s.ext != former.sections[i].ext {
			return badOffer("answer's m-line %q has other formats than before", s.mid)
		}
	}
	return nil
}

// OfferRestart makes an offer that restarts ICE on a connection that we offered; SetAnswer completes it. Slots, streams and keys stay.
func (p *Peer) OfferRestart(ctx context.Context) (string, error) {
	if p.offered == nil {
		return "", errors.New("restart ICE: only the offering side can offer it")
	}
	p.restart.Lock()
	defer p.restart.Unlock()
	if p.remote == nil {
		return "", errors.New("restart ICE: the first offer has not been answered")
	}
	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return "", fmt.Errorf("restart ICE: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("restart ICE: %w", err)
	}
	if err := wait(ctx, gathered); err != nil {
		return "", fmt.Errorf("restart ICE: %w", err)
	}
	p.mu.Lock()
	p.candidates = 0
	p.mu.Unlock()
	return tidy(p.pc.LocalDescription().SDP, p.offered.role), nil
}
