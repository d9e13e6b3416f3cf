package session

import (
	"context"
	"errors"
	"time"

	"github.com/pion/rtcp"

	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

const (
	mediaWithin   = 5 * time.Second // to make or answer an offer
	maxCandidates = 64              // that may come before the answer
)

// down is the connection on which a page hears and sees: slots that are negotiated once and bound by the layout.
type down struct {
	peer       *rtc.Peer
	candidates []protocol.MediaCandidate // before the answer

	sub   *relay.Subscriber // nil before the answer
	kinds []track.Kind
	mids  []string
	bound []want // by slot
	left  []want
}

func (d *down) table() protocol.Bound { return table(d.kinds, d.mids, d.bound, d.left) }

func (d *down) close() {
	if d.sub != nil {
		d.sub.Close() // before the peer: the relay writes to no closed one
	}
	_ = d.peer.Close()
}

// mayPlay reports whether the page is given anything at all. What it is given says the layout.
func (s *Session) mayPlay() error {
	switch {
	case s.role != auth.Classroom && s.role != auth.Teacher:
		return protocol.Errorf(protocol.Forbidden, "this page plays nothing")
	case s.role == auth.Classroom && !s.holds():
		return protocol.Errorf(protocol.RoomTaken, "another screen plays this room")
	}
	return nil
}

// mayNegotiate bounds what a page can make its box work: a connection costs more than any other request.
func (s *Session) mayNegotiate() error {
	if !s.offers.take(time.Now(), 1, offersPerSecond, offersBurst) {
		return protocol.Errorf(protocol.TooMany, "at most %d negotiation a second", offersPerSecond)
	}
	return nil
}

// mediaDown offers the page its slots, or takes its answer.
func mediaDown(ctx context.Context, s *Session, m protocol.MediaDown) (any, error) {
	if err := s.mayPlay(); err != nil {
		return nil, err
	}
	if m.SDP != "" {
		return nil, s.answered(m.SDP)
	}
	if err := s.mayNegotiate(); err != nil {
		return nil, err
	}
	if s.down != nil {
		s.down.close()
		s.down = nil
	}
	ctx, cancel := context.WithTimeout(ctx, mediaWithin)
	defer cancel()
	d := &down{}
	p, offer, err := s.srv.cfg.Engine.SendPage(ctx, rtc.PageOptions{Name: s.id})
	if err != nil {
		return nil, mediaError(err)
	}
	d.peer, s.down = p, d
	p.OnState(func(st rtc.State) { s.post(func() { s.downState(d, st) }) })
	return protocol.SDP{SDP: offer}, nil
}

// answered completes the slots with the page's answer, the first one or that of a restart.
func (s *Session) answered(sdp string) error {
	d := s.down
	if d == nil {
		return protocol.Errorf(protocol.WrongState, "no offer was made; ask for one")
	}
	if err := d.peer.SetAnswer(sdp); err != nil {
		return mediaError(err)
	}
	for _, c := range d.candidates {
		_ = d.peer.AddCandidate(c.MID, c.Candidate) // one that cannot be used is passed over
	}
	d.candidates = nil
	if d.sub != nil {
		return nil
	}
	slots := d.peer.Slots()
	sub, err := s.srv.cfg.Relay.Subscribe(relay.SubscriberConfig{Name: s.id, Slots: slots})
	if err != nil {
		return err
	}
	d.sub, d.bound = sub, make([]want, len(slots))
	for _, c := range slots {
		d.kinds, d.mids = append(d.kinds, c.Kind), append(d.mids, c.MID)
	}
	d.peer.OnRTCP(func(slot int, p []rtcp.Packet) { sub.HandleRTCP(slot, p) })
	s.bind()
	return nil
}

// downState follows the connection. Slots are bound at once, so that what must come over the uplink is on its way, and again when it can
// be sent: from the cached keyframe.
func (s *Session) downState(d *down, st rtc.State) {
	if s.down != d {
		return
	}
	switch st {
	case rtc.Connected:
		for i, w := range d.bound {
			if d.sub != nil && w.key.Source != "" && d.kinds[i] == track.Video {
				s.srv.bindSlot(d.sub, i, w)
			}
		}
	case rtc.Closed:
		d.close()
		s.down = nil
	}
}

// bind brings the slots to what the layout wants now.
func (s *Session) bind() {
	d := s.down
	if d == nil || d.sub == nil {
		return
	}
	wants := layout(s.state, viewer{page: s.page, room: s.room, plays: s.page == protocol.PageClass && s.holds(), lead: s.leads(), remote: s.remote,
		layout: s.here().layout, films: s.films()})
	next, left := assign(d.kinds, d.bound, wants)
	if !changed(d.bound, next) && !changed(d.left, left) {
		return
	}
	for i := range next {
		old := d.bound[i]
		switch {
		case next[i].key == old.key && next[i].size == old.size:
		case next[i].key.Source == "":
			d.sub.Unbind(i)
		default:
			s.srv.bindSlot(d.sub, i, next[i])
		}
	}
	d.bound, d.left = next, left
	s.tell(d.table())
}

func changed(a, b []want) bool {
	if len(a) != len(b) {
		return true
	}
	for i := range a {
		if a[i] != b[i] {
			return true
		}
	}
	return false
}

// mediaCandidate brings a candidate of either connection.
func mediaCandidate(_ context.Context, s *Session, m protocol.MediaCandidate) (any, error) {
	var p *rtc.Peer
	switch {
	case m.PC == "up" && s.up != nil:
		p = s.up.peer
	case m.PC == "down" && s.down != nil && s.down.sub == nil:
		if len(s.down.candidates) < maxCandidates {
			s.down.candidates = append(s.down.candidates, m)
		}
		return nil, nil
	case m.PC == "down" && s.down != nil:
		p = s.down.peer
	default:
		return nil, protocol.Errorf(protocol.WrongState, "there is no such connection")
	}
	_ = p.AddCandidate(m.MID, m.Candidate) // as above
	return nil, nil
}

// mediaRestart offers an ICE restart of the connection that we offered; of the other one the page makes the offer itself.
func mediaRestart(ctx context.Context, s *Session, m protocol.MediaRestart) (any, error) {
	if m.PC != "down" || s.down == nil || s.down.sub == nil {
		return nil, protocol.Errorf(protocol.WrongState, "there is no such connection to restart; send a new offer")
	}
	if err := s.mayNegotiate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, mediaWithin)
	defer cancel()
	offer, err := s.down.peer.OfferRestart(ctx)
	if err != nil {
		return nil, err
	}
	return protocol.SDP{SDP: offer}, nil
}

// mediaError turns what media/rtc and media/relay say into what a page is told.
func mediaError(err error) error {
	var bad *rtc.OfferError
	var codec *rtc.CodecError
	var conflict *relay.CodecError
	switch {
	case errors.As(err, &bad):
		return protocol.Errorf(protocol.Malformed, "%s", bad.Text)
	case errors.As(err, &codec):
		return protocol.Errorf(protocol.NoCodec, "%s", codec)
	case errors.As(err, &conflict):
		return protocol.Errorf(protocol.NoCodec, "%s", conflict)
	case errors.Is(err, rtc.ErrNothing):
		return protocol.Errorf(protocol.Malformed, "nothing is offered")
	}
	return err
}

// closeMedia ends both connections.
func (s *Session) closeMedia() {
	if s.up != nil {
		s.up.close()
		s.up = nil
	}
	if s.down != nil {
		s.down.close()
		s.down = nil
	}
}
