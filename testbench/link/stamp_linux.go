package link

import (
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tongke/media/packet"
)

// stampSpace is what the control message of a kernel stamp needs.
var stampSpace = unix.CmsgSpace(16)

// stamped asks the kernel to say when each datagram came, so that a late reader does not count as delay.
func stamped(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }); err != nil {
		return err
	}
	return set
}

// arrival is the kernel's stamp on our clock, or now.
func arrival(control []byte) packet.Time {
	now, wall := packet.Now(), time.Now().UnixNano()
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16 {
			at := int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
			if late := time.Duration(wall - at); late >= 0 && late < time.Second { // else somebody has set the clock
				return now.Add(-late)
			}
		}
		control = rest
	}
	return now
}
