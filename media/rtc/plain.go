package rtc

import (
	"context"
	"net/netip"

	"tongke/media/codec"
)

// ReceiveOptions say what is taken from a publisher.
type ReceiveOptions struct {
	Name    string          // for the log
	Video   []codec.Codec   // what video may be, best first; nil: H264, VP8
	OnTrack func(*Incoming) // a stream or layer has begun; called from the peer's goroutine. Packets wait a little for SetSink
	OnState func(State)
}

// Receive answers a publisher's offer. The answer holds all our candidates.
func (e *Engine) Receive(ctx context.Context, offer string, o ReceiveOptions) (*Peer, string, error) {
	return e.receive(ctx, offer, receives, o)
}

func (e *Engine) receive(ctx context.Context, offer string, as role, o ReceiveOptions) (*Peer, string, error) {
	d, err := readDescription(offer, as, o.Video)
	if err != nil {
		return nil, "", err
	}
	p := e.newPeer(o.Name, true)
	p.onState = o.OnState
	p.recv.onTrack = o.OnTrack
	p.recv.open(d)
	p.feedback = true
	return p.finish(ctx, d)
}

// SendOptions say what is given to a subscriber.
type SendOptions struct {
	Name    string
	Video   []codec.Codec // the lesson's codec, when it has one; nil: any of ours
	OnState func(State)
}

// Send answers a subscriber's offer. Each m-line on which it wants to receive becomes a slot.
func (e *Engine) Send(ctx context.Context, offer string, o SendOptions) (*Peer, string, error) {
	d, err := readDescription(offer, sends, o.Video)
	if err != nil {
		return nil, "", err
	}
	p := e.newPeer(o.Name, false)
	p.onState = o.OnState
	p.addSenders(d)
	return p.finish(ctx, d)
}

// finish connects p and completes it.
func (p *Peer) finish(ctx context.Context, d *description) (*Peer, string, error) {
	if err := d.checkBundle(); err != nil {
		return nil, "", err
	}
	if err := p.connect(d, browserTimes, netip.AddrPort{}); err != nil {
		return nil, "", err
	}
	return p.complete(ctx, d)
}

// complete answers d and starts p.
func (p *Peer) complete(ctx context.Context, d *description) (*Peer, string, error) {
	answer, err := p.answer(ctx, d)
	if err == nil {
		err = p.bindSenders()
	}
	if err == nil {
		err = p.start()
	}
	if err != nil {
		p.abandon()
		return nil, "", err
	}
	return p, answer, nil
}
