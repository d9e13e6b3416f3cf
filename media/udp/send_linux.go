package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxControl is the room for one packet-info control message, the IPv6 one being the longer.
const maxControl = 40

// sender puts batches into the kernel with sendmmsg. The arrays are filled for each batch and belong to the one goroutine that
// sends; what they point to stays where it is, since Go does not move the heap.
type sender struct {
	q    *queue
	raw  syscall.RawConn
	six  bool  // an AF_INET6 socket, which takes IPv4 as ::ffff:a.b.c.d
	pins *pins // nil: the source address cannot be chosen

	msgs    [maxBatch]unix.Mmsghdr
	iovs    [maxBatch]unix.Iovec
	names   [maxBatch]unix.RawSockaddrInet6
	control [maxBatch][maxControl]byte
	zones   map[string]uint32 // interface index by name, for link-local peers

	cur  *batch
	call func(fd uintptr) // s.sendAll, kept because a method value allocates
}

func (s *sender) init(q *queue, _ *net.UDPConn, raw syscall.RawConn, p *pins) error {
	s.q, s.raw, s.pins, s.call = q, raw, p, s.sendAll
	s.zones = map[string]uint32{}
	var domain int
	var err error
	if e := raw.Control(func(fd uintptr) { domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN) }); e != nil {
		return e
	}
	s.six = domain == unix.AF_INET6
	return err
}

// send hands b to the kernel. It does not wait: what finds no room is dropped and counted.
func (s *sender) send(b *batch) {
	s.cur = b
	for i := range b.n {
		s.prepare(i, b)
	}
	s.raw.Control(s.call) // fails only on a closed socket
	s.cur = nil
}

func (s *sender) prepare(i int, b *batch) {
	h := &s.msgs[i].Hdr
	s.iovs[i].Base = unsafe.SliceData(b.data[i])
	s.iovs[i].SetLen(len(b.data[i]))
	h.Iov = &s.iovs[i]
	h.SetIovlen(1)
	h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
	h.Namelen = s.name(&s.names[i], b.to[i])
	h.Control = nil
	h.SetControllen(0)
	if from := b.from[i]; s.pins != nil && from.IsValid() && from.Is4() == b.to[i].Addr().Is4() {
		h.Control = &s.control[i][0]
		h.SetControllen(packetInfo(s.control[i][:], from, s.six))
	}
}

// name writes to in the form of the socket's family and returns its length.
func (s *sender) name(sa *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	if !s.six {
		// An IPv6 address has no form here; the zero address family makes the kernel refuse that one datagram.
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		*sa4 = unix.RawSockaddrInet4{}
		if to.Addr().Is4() {
			sa4.Family, sa4.Addr = unix.AF_INET, to.Addr().As4()
			putPort(&sa4.Port, to.Port())
		} else {
			sa4.Family = unix.AF_INET6
		}
		return unix.SizeofSockaddrInet4
	}
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
	putPort(&sa.Port, to.Port())
	if zone := to.Addr().Zone(); zone != "" {
		sa.Scope_id = s.zone(zone)
	}
	return unix.SizeofSockaddrInet6
}

// putPort writes a port in network order.
func putPort(p *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(p))[:], port)
}

func (s *sender) zone(name string) uint32 {
	if i, ok := s.zones[name]; ok {
		return i
	}
	var index uint32
	if n, err := strconv.Atoi(name); err == nil {
		index = uint32(n)
	} else if ifi, err := net.InterfaceByName(name); err == nil {
		index = uint32(ifi.Index)
	}
	if index != 0 && len(s.zones) < 64 {
		s.zones[name] = index
	}
	return index
}

// sendAll is the system call. RawSyscall6 keeps the thread's P: the ordinary path lets the runtime take it back in the middle of a
// batch and costs 2 to 3 µs a packet more. A batch is short enough for that, and MSG_DONTWAIT keeps it from sleeping.
func (s *sender) sendAll(fd uintptr) {
	for i, n := 0, s.cur.n; i < n; {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&s.msgs[i])), uintptr(n-i),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == 0:
			s.q.calls.Add(1)
			s.q.sent.Add(uint64(sent))
			i += int(sent)
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			s.q.full.Add(uint64(n - i))
			return
		case (errno == unix.EINVAL || errno == unix.ENETUNREACH) && s.msgs[i].Hdr.Control != nil:
			// The address to send from is no longer ours (IPv6 and IPv4 say it differently), or not for this destination: let the
			// kernel choose.
			s.pins.forget(s.cur.to[i])
			s.msgs[i].Hdr.Control = nil
			s.msgs[i].Hdr.SetControllen(0)
		default:
			s.q.refused.Add(1)
			i++
		}
	}
}

// setBuffers asks for size bytes in both directions. The FORCE forms go past the limits of sysctl where we have CAP_NET_ADMIN; being
// denied is no error.
func setBuffers(sock *net.UDPConn, raw syscall.RawConn, size int) {
	sock.SetReadBuffer(size)
	sock.SetWriteBuffer(size)
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size)
	})
}
