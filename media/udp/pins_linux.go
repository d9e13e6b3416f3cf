package udp

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// newPins asks the kernel to say with each datagram on which address it came, and returns nil when it will not. An AF_INET6
// socket tells IPv4 as ::ffff:a.b.c.d in the IPv6 form (RFC 3542 §6.1), an AF_INET socket has a form of its own.
func newPins(sock *net.UDPConn) *pins {
	raw, err := sock.SyscallConn()
	if err != nil {
		return nil
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		domain, e := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		switch {
		case e != nil:
			set = e
		case domain == unix.AF_INET6:
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		default:
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	})
	if err != nil || set != nil {
		return nil
	}
	return &pins{sock: sock, oob: make([]byte, 128), young: map[netip.AddrPort]netip.Addr{}}
}

// read reads one datagram and tells on which of our addresses it came.
func (p *pins) read(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	p.readMu.Lock() // readers take turns, as they would in the kernel
	defer p.readMu.Unlock()
	n, oobn, _, from, err := p.sock.ReadMsgUDPAddrPort(b, p.oob)
	if err != nil {
		return 0, netip.AddrPort{}, netip.Addr{}, err
	}
	return n, from, arrivedAt(p.oob[:oobn]), nil
}

// cmsgHeader is the size of a control message's header on the 64-bit systems that we build for: length, level, type.
const cmsgHeader = unix.SizeofCmsghdr

// arrivedAt finds the local address in control messages. They come from the kernel, but a short one must not end the process.
func arrivedAt(oob []byte) netip.Addr {
	for len(oob) >= cmsgHeader {
		size := int(binary.NativeEndian.Uint64(oob))
		if size < cmsgHeader || size > len(oob) {
			break
		}
		level, typ := binary.NativeEndian.Uint32(oob[8:]), binary.NativeEndian.Uint32(oob[12:])
		body := oob[cmsgHeader:size]
		switch {
		case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_PKTINFO && len(body) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(body)).Unmap()
		case level == unix.IPPROTO_IP && typ == unix.IP_PKTINFO && len(body) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(body[4:])) // ipi_spec_dst: ours even when the datagram was a broadcast
		}
		oob = oob[min(unix.CmsgSpace(size-cmsgHeader), len(oob)):]
	}
	return netip.Addr{}
}

// packetInfo writes into b the control message that makes a datagram leave from local, and returns its length.
func packetInfo(b []byte, local netip.Addr, six bool) int {
	clear(b)
	size, level, typ := unix.SizeofInet4Pktinfo, uint32(unix.IPPROTO_IP), uint32(unix.IP_PKTINFO)
	if six {
		size, level, typ = unix.SizeofInet6Pktinfo, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		a := local.As16()
		copy(b[cmsgHeader:], a[:])
	} else {
		a := local.As4()
		copy(b[cmsgHeader+4:], a[:])
	}
	binary.NativeEndian.PutUint64(b, uint64(cmsgHeader+size))
	binary.NativeEndian.PutUint32(b[8:], level)
	binary.NativeEndian.PutUint32(b[12:], typ)
	return unix.CmsgSpace(size)
}
