//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

// newPins returns nil: this platform's packet information is not used, the kernel chooses the source by its routes.
func newPins(*net.UDPConn) *pins { return nil }

func (p *pins) read(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	n, from, err := p.sock.ReadFromUDPAddrPort(b)
	return n, from, netip.Addr{}, err
}
