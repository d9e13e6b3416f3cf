package rtc

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"tongke/media/packet"
)

// The data channels of an uplink.
const (
	ChannelControl = "control" // ordered, reliable
	ChannelLesson  = "lesson"  // ordered, reliable
	ChannelPing    = "ping"    // asked for as unordered and never sent again; pion keeps a channel that is agreed beforehand in order and repairs it
)

const (
	// maxMessage is the longest message in bytes, which is pion's read buffer.
	maxMessage = 65535
	// maxBuffered bounds what waits for a link that takes nothing, in bytes.
	maxBuffered = 4 << 20
)

// Errors of Channel.Send.
var (
	ErrChannelFull   = errors.New("too much waits on the channel")
	ErrChannelClosed = errors.New("channel is not open")
)

// Channel is one data channel of an uplink.
type Channel struct {
	p     *Peer
	label string
	c     *webrtc.DataChannel

	once   sync.Once
	opened chan struct{}
	on     atomic.Pointer[func([]byte)]
}

// openChannels makes the three channels. Both ends know their numbers, so nothing is negotiated and each is open with the connection.
func (p *Peer) openChannels() error {
	yes, no, none := true, false, uint16(0)
	for i, c := range []struct {
		label string
		init  webrtc.DataChannelInit
	}{
		{ChannelControl, webrtc.DataChannelInit{Ordered: &yes}},
		{ChannelLesson, webrtc.DataChannelInit{Ordered: &yes}},
		{ChannelPing, webrtc.DataChannelInit{Ordered: &no, MaxRetransmits: &none}},
	} {
		id := uint16(i)
		c.init.Negotiated, c.init.ID = &yes, &id
		dc, err := p.pc.CreateDataChannel(c.label, &c.init)
		if err != nil {
			return fmt.Errorf("make channel %s: %w", c.label, err)
		}
		ch := &Channel{p: p, label: c.label, c: dc, opened: make(chan struct{})}
		dc.OnOpen(func() { ch.once.Do(func() { close(ch.opened) }) })
		dc.OnMessage(func(m webrtc.DataChannelMessage) {
			p.lastSeen.Store(int64(packet.Now()))
			if f := ch.on.Load(); f != nil {
				(*f)(m.Data)
			}
		})
		p.channels[c.label] = ch
	}
	return nil
}

// DataChannel is an uplink's channel of that name, nil if there is none.
func (p *Peer) DataChannel(label string) *Channel { return p.channels[label] }

// Label is the channel's name.
func (c *Channel) Label() string { return c.label }

// Opened is closed when messages can be sent. It stays open for ever if the connection never comes up: wait for Peer.Done beside it.
func (c *Channel) Opened() <-chan struct{} { return c.opened }

// OnMessage sets who gets the messages, each to keep. It is called from the channel's reading goroutine. Set it before the other side has
// our description, or messages are lost.
func (c *Channel) OnMessage(f func([]byte)) { c.on.Store(&f) }

// Send queues a message and does not wait.
func (c *Channel) Send(b []byte) error {
	switch {
	case len(b) > maxMessage:
		return fmt.Errorf("message of %d bytes is too long for channel %s", len(b), c.label)
	case c.c.ReadyState() != webrtc.DataChannelStateOpen:
		return ErrChannelClosed
	case c.c.BufferedAmount() > maxBuffered:
		return ErrChannelFull
	}
	if err := c.c.Send(b); err != nil {
		return fmt.Errorf("send on channel %s: %w", c.label, err)
	}
	return nil
}

// Buffered is how many bytes wait to be acknowledged.
func (c *Channel) Buffered() uint64 { return c.c.BufferedAmount() }
