package udp

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
)

// synthetic is RFC 6666's discard-only prefix and discardPort RFC 863's port: what is sent there goes nowhere in any network.
var synthetic = netip.MustParsePrefix("100::/64")

const discardPort = 9

// ParentAddr is the address of the parent's end of every tunnel: the candidate that it presents (Mux.Tunnel) and the remote address
// under which a child adds its tunnel.
var ParentAddr = netip.AddrPortFrom(netip.MustParseAddr("100::1"), discardPort)

// IsSynthetic reports whether a is in the range of tunnels' addresses.
func IsSynthetic(a netip.Addr) bool { return synthetic.Contains(a) }

// RandomAddr returns a synthetic address that nobody else has: a child draws one to present as its own candidate and tells it to the
// parent, which adds the tunnel under it.
func RandomAddr() netip.AddrPort {
	a := synthetic.Addr().As16()
	rand.Read(a[8:])
	if id := binary.BigEndian.Uint64(a[8:]); id < 1<<32 { // the low ones are for constants like ParentAddr
		a[8] |= 1
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a), discardPort)
}
