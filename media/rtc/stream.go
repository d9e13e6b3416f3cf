package rtc

import (
	"io"
	"sync"

	"github.com/pion/transport/v4/packetio"

	"tongke/media/packet"
)

// maxStreams bounds the SSRCs of one connection, of RTP and RTCP together: an uplink has 38 m-lines with two each, twice.
const maxStreams = 256

// stream stands where pion's SRTP session keeps a queue of one SSRC's decrypted packets. There is no queue: Write takes the packet in the
// session's own goroutine. Read is called by pion alone, for tracks that nobody made, and waits until the end.
type stream struct {
	p    *Peer
	ssrc uint32
	rtcp bool

	once sync.Once
	end  chan struct{}

	// of an RTP stream; touched by the SRTP session's goroutine only
	route route
}

// newStream is pion's BufferFactory: called once for each SSRC, by its reading goroutine or by whoever opens a stream beforehand.
func (p *Peer) newStream(t packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	s := &stream{p: p, ssrc: ssrc, rtcp: t == packetio.RTCPBufferPacket, end: make(chan struct{})}
	p.mu.Lock()
	p.streams = append(p.streams, s)
	n := len(p.streams)
	p.mu.Unlock()
	if n > maxStreams {
		p.End(ErrStreams)
	}
	return s
}

// Write takes one decrypted packet. b is pion's and is not kept.
func (s *stream) Write(b []byte) (int, error) {
	now := packet.Now()
	s.p.lastSeen.Store(int64(now))
	if s.rtcp {
		s.p.takeRTCP(s.ssrc, b, now)
	} else {
		s.p.recv.takeRTP(s, b, now)
	}
	return len(b), nil
}

// Read waits for Close.
func (s *stream) Read([]byte) (int, error) {
	<-s.end
	return 0, io.EOF
}

// Close ends Read. Closing twice is harmless.
func (s *stream) Close() error {
	s.once.Do(func() { close(s.end) })
	return nil
}
