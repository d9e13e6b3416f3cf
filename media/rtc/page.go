package rtc

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/track"
)

// A page uses two connections. On one it publishes: it offers, and offers again when a microphone, a camera or the board comes or goes
// (ReceivePage, Renegotiate). On the other it is given a fixed set of slots that we offer once (SendPage), so that a change of what it
// shows is a message and never a negotiation.

// The slots of a page: voices, then pictures: eleven campuses, the teacher or the own pupils, and the board.
const (
	PageAudio = 4
	PageVideo = 13
)

// ErrAnother is an offer that does not belong to the connection it came for: the page was loaded anew.
var ErrAnother error = &OfferError{"offer comes from another connection"}

// Line is an m-line of a publishing page, as it was last answered.
type Line struct {
	MID    string
	Kind   track.Kind
	Codec  codec.Codec   // Opus, or the one video codec
	Layers []track.Layer // in the page's order, which is lowest first; one "" without simulcast
}

// Lines are the m-lines on which a publishing page sends now.
func (p *Peer) Lines() []Line {
	p.recv.mu.Lock()
	defer p.recv.mu.Unlock()
	var all []Line
	for _, s := range p.recv.sections {
		l := Line{MID: s.mid, Kind: s.kind, Codec: codec.Opus, Layers: []track.Layer{""}}
		if s.kind == track.Video {
			l.Codec = s.codecs[0].codec
		}
		if len(s.rids) > 0 {
			l.Layers = nil
		}
		for _, rid := range s.rids {
			l.Layers = append(l.Layers, track.Layer(rid))
		}
		all = append(all, l)
	}
	return all
}

// ReceivePage answers the first offer of a page that publishes. Each of its m-lines is told apart by Incoming.MID.
func (e *Engine) ReceivePage(ctx context.Context, offer string, o ReceiveOptions) (*Peer, string, error) {
	return e.receive(ctx, offer, page, o)
}

// Renegotiate answers a later offer of a page that publishes: m-lines may have come, rest (inactive), or be gone, and with new credentials
// ICE is restarted. What goes on is not disturbed. video is as in ReceiveOptions.
func (p *Peer) Renegotiate(ctx context.Context, offer string, video []codec.Codec) (string, error) {
	d, err := readDescription(offer, page, video)
	if err != nil {
		return "", err
	}
	if err := d.checkBundle(); err != nil {
		return "", err
	}
	p.restart.Lock()
	defer p.restart.Unlock()
	if p.remote == nil || p.remote.role != page {
		return "", errors.New("this connection is not a publishing page's")
	}
	if d.fingerprint != p.remote.fingerprint {
		return "", ErrAnother
	}
	if len(d.sections) < len(p.remote.sections) {
		return "", badOffer("offer has %d m-lines, the former one had %d (RFC 8829 §5.2.2)", len(d.sections), len(p.remote.sections))
	}
	restarted := d.ufrag != p.remote.ufrag || d.pwd != p.remote.pwd
	p.recv.reopen(d)
	answer, err := p.answer(ctx, d)
	if err == nil && restarted {
		p.mu.Lock()
		p.candidates = 0
		p.mu.Unlock()
	}
	return answer, err
}

// reopen takes the m-lines of a later description: streams of m-lines that rest or are gone end.
func (r *receiver) reopen(d *description) {
	r.mu.Lock()
	r.sections = nil
	byMID := map[string]*section{}
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
		if s.recv {
			r.sections = append(r.sections, s)
			byMID[s.mid] = s
		}
	}
	var over []*Incoming
	for _, in := range r.incoming {
		s := byMID[in.MID]
		if s == nil || s.kind != in.Kind || in.RID != "" && !slices.Contains(s.rids, string(in.RID)) || in.Kind == track.Video && s.codecs[0].codec != in.Codec {
			in.end()
			over = append(over, in)
			continue
		}
		in.section = s
	}
	r.incoming = slices.DeleteFunc(r.incoming, func(in *Incoming) bool { return in.over })
	r.mu.Unlock()
	for _, in := range over {
		in.flush()
	}
}

// PageOptions say what is given to a page.
type PageOptions struct {
	Name         string
	Audio, Video int // slots; both 0: PageAudio and PageVideo
	OnState      func(State)
}

// SendPage makes the connection of a page that hears and shows, and its offer, sound before pictures. The peer lives from now on; SetAnswer
// completes it, End or Close gives it up. Slots are valid after SetAnswer.
func (e *Engine) SendPage(ctx context.Context, o PageOptions) (*Peer, string, error) {
	if o.Audio == 0 && o.Video == 0 {
		o.Audio, o.Video = PageAudio, PageVideo
	}
	layout := &description{role: sends, setup: "actpass"}
	layout.add(o.Audio, track.Audio, true)
	layout.add(o.Video, track.Video, true)
	p := e.newPeer(o.Name, false)
	p.onState, p.offered = o.OnState, layout
	p.addSenders(layout)
	if err := p.connect(layout, browserTimes, netip.AddrPort{}); err != nil {
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

// registerLater lets a page bring later what its first offer did not have: a page may begin with its voice alone.
func registerLater(m *webrtc.MediaEngine, d *description) error {
	var have [2]bool
	for _, s := range d.sections {
		have[s.kind] = have[s.kind] || !s.reject
	}
	for kind, codecs := range map[track.Kind][]payloadType{track.Audio: ownVoice, track.Video: ownVideo} {
		for _, p := range codecs {
			if have[kind] {
				break
			}
			if err := m.RegisterCodec(p.pion(), pionKind(kind)); err != nil {
				return err
			}
		}
		for _, uri := range []string{uriTWCC, uriCapture, uriMID, uriRID, uriRRID} {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, pionKind(kind)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rest makes an answered m-line inactive.
func rest(m *sdp.MediaDescription) {
	for i := range m.Attributes {
		if m.Attributes[i].Key == "recvonly" {
			m.Attributes[i].Key = "inactive"
		}
	}
}
