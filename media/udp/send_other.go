//go:build !linux

package udp

import (
	"net"
	"syscall"
)

// sender sends a batch one datagram at a time.
type sender struct {
	q    *queue
	sock *net.UDPConn
}

func (s *sender) init(q *queue, sock *net.UDPConn, _ syscall.RawConn, _ *pins) error {
	s.q, s.sock = q, sock
	return nil
}

func (s *sender) send(b *batch) {
	for i := range b.n {
		if _, err := s.sock.WriteToUDPAddrPort(b.data[i], b.to[i]); err != nil {
			s.q.refused.Add(1)
			continue
		}
		s.q.calls.Add(1)
		s.q.sent.Add(1)
	}
}

func setBuffers(sock *net.UDPConn, _ syscall.RawConn, size int) {
	sock.SetReadBuffer(size)
	sock.SetWriteBuffer(size)
}
