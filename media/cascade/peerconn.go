package cascade

import (
	"errors"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/rtc"
)

// peerConn is a link's connection made of rtc's.
type peerConn struct {
	peer    *rtc.Peer
	closers []func() error // what was made for this connection alone
	wg      sync.WaitGroup
}

func newPeerConn() *peerConn { return &peerConn{} }

var labels = [...]string{channelControl: controlLabel, channelLesson: lessonLabel, channelPing: pingLabel}

// Start begins delivery.
func (c *peerConn) Start(h handlers) {
	c.peer.OnRTCP(func(slot int, p []rtcp.Packet) { h.rtcp(slot, p) })
	for _, in := range c.peer.Incoming() {
		slot := in.Slot
		in.SetSink(func(b *packet.Buffer) { h.packet(slot, b) })
	}
	for ch, label := range labels {
		c.peer.DataChannel(label).OnMessage(func(data []byte) { h.message(channel(ch), data) })
	}
	c.wg.Go(func() { // ends with the connection
		for _, label := range labels {
			select {
			case <-c.peer.DataChannel(label).Opened():
			case <-c.peer.Done():
				h.ended()
				return
			}
		}
		h.opened()
		<-c.peer.Done()
		h.ended()
	})
}

func (c *peerConn) Slots() []relay.SlotConfig { return c.peer.Slots() }

func (c *peerConn) Send(ch channel, data []byte) error {
	return c.peer.DataChannel(labels[ch]).Send(data)
}

func (c *peerConn) SetClock(add time.Duration) { c.peer.SetClockOffset(add) }

func (c *peerConn) Answers() uint64 { return c.peer.Answers() }

func (c *peerConn) Checks() (asked, answered uint64) { return c.peer.Checks() }

// Close ends the connection first and then its sockets.
func (c *peerConn) Close() error {
	var errs []error
	if c.peer != nil {
		errs = append(errs, c.peer.Close())
	}
	for _, f := range c.closers {
		errs = append(errs, f())
	}
	c.wg.Wait()
	return errors.Join(errs...)
}
