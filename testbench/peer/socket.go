package peer

import (
	"fmt"
	"net"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// socketBuffer is asked for, in bytes. A line that stood for a second brings 150 packets at once, which is more than Linux keeps by itself:
// what a peer loses in its own socket would be counted against the box.
const socketBuffer = 2 << 20

// wideNet opens sockets with room for a burst.
type wideNet struct{ *stdnet.Net }

func newWideNet() (transport.Net, error) {
	n, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return wideNet{n}, nil
}

// ListenUDP implements transport.Net.
func (n wideNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.Net.ListenUDP(network, at)
	if err == nil {
		_ = c.SetReadBuffer(socketBuffer) // as much as the system grants
	}
	return c, err
}
