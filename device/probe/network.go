package probe

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

const netClass = "sys/class/net"

// reject marks a route that says "unreachable" (RTF_REJECT, include/uapi/linux/route.h).
const reject = 0x200

// Kinds of interface (include/uapi/linux/if_arp.h).
const (
	ethernet = 1
	rawIP    = 65534 // modems of telephone networks
)

func (t tree) network(calls Calls) Network {
	n := Network{Known: t.has(netClass)}
	addrs := calls.Addresses()
	signal := t.wirelessSignal()
	for _, name := range t.names(netClass) {
		at := t.real(path.Join(netClass, name))
		kind := t.int(at + "/type")
		if strings.Contains(at, "/devices/virtual/") || kind != ethernet && kind != rawIP { // bridges, tunnels, loopback
			continue
		}
		l := Link{
			Name: clean(name), MAC: t.text(at + "/address"), Permanent: t.text(at+"/addr_assign_type") == "0",
			Wireless: t.has(at+"/wireless") || t.has(at+"/phy80211"),
			Carrier:  t.carrier(at),
			Errors:   int64(t.int(at+"/statistics/rx_crc_errors") + t.int(at+"/statistics/tx_errors")),
		}
		flags, _ := t.number(at + "/flags")
		l.Up = flags&1 != 0 // IFF_UP
		var ok bool
		if l.Losses, ok = t.count(at + "/carrier_down_count"); !ok { // before Linux 4.16
			n, _ := t.count(at + "/carrier_changes")
			l.Losses = n / 2
		}
		l.Addresses, l.SignalDBM = t.addressesOf(at, name, addrs, 0), signal[name]
		if s := t.int(at + "/speed"); s > 0 && s < 1<<20 {
			l.SpeedMbps = s
		}
		l.HalfDuplex = t.text(at+"/duplex") == "half"
		n.Links = append(n.Links, l)
	}
	n.Gateway, n.GatewayVia = t.gateway()
	n.Routed = slices.ContainsFunc(addrs[n.GatewayVia], lasting)
	for _, l := range t.lines("etc/resolv.conf") {
		if f := strings.Fields(l); len(f) == 2 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil {
				n.Resolvers = append(n.Resolvers, a)
			}
		}
	}
	return n
}

// carrier asks the state of operation where a driver does not tell of its carrier (RFC 2863; Documentation/networking/operstates.rst).
func (t tree) carrier(at string) bool {
	c := t.text(at + "/carrier")
	return c == "1" || c == "" && t.text(at+"/operstate") == "up"
}

// wirelessSignal reads the level column of /proc/net/wireless, in dBm.
func (t tree) wirelessSignal() map[string]int {
	out := map[string]int{}
	for _, l := range t.lines("proc/net/wireless") {
		name, rest, ok := strings.Cut(strings.TrimSpace(l), ":")
		f := strings.Fields(rest)
		if !ok || len(f) < 3 {
			continue
		}
		if dbm, err := strconv.Atoi(strings.TrimSuffix(f[2], ".")); err == nil && dbm < 0 && dbm > -130 {
			out[name] = dbm
		}
	}
	return out
}

// gateway is the default route of lowest metric: version 4 first, because a school's IPv6 seldom reaches anything.
func (t tree) gateway() (netip.Addr, string) {
	best, via, least := netip.Addr{}, "", -1
	for _, l := range t.lines("proc/net/route") {
		f := strings.Fields(l)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		if flags, err := strconv.ParseUint(f[3], 16, 32); err == nil && flags&reject != 0 {
			continue
		}
		raw, err1 := strconv.ParseUint(f[2], 16, 32)
		metric, err2 := strconv.Atoi(f[6])
		if err1 != nil || err2 != nil || least >= 0 && metric >= least {
			continue
		}
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(raw)) // printed in the machine's order; big-endian machines are no target
		best, via, least = netip.AddrFrom4(b), f[0], metric
	}
	if least >= 0 {
		return best, via
	}
	for _, l := range t.lines("proc/net/ipv6_route") {
		f := strings.Fields(l)
		if len(f) < 10 || f[0] != strings.Repeat("0", 32) || f[1] != "00" || f[9] == "lo" {
			continue
		}
		if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 && !slices.Equal(b, make([]byte, 16)) {
			return netip.AddrFrom16([16]byte(b)), f[9]
		}
	}
	return netip.Addr{}, ""
}

// addressesOf gathers the addresses of a link and of the bridges, bonds and VLANs over it.
func (t tree) addressesOf(at, name string, addrs map[string][]netip.Prefix, depth int) []netip.Prefix {
	out := slices.Clone(addrs[name])
	if depth == 3 {
		return out
	}
	for _, f := range t.names(at) {
		if upper, ok := strings.CutPrefix(f, "upper_"); ok {
			out = append(out, t.addressesOf(t.real(path.Join(netClass, upper)), upper, addrs, depth+1)...)
		}
	}
	return out
}

// lasting is an address that others can answer to, not one of the machine's own invention.
func lasting(p netip.Prefix) bool {
	return p.Addr().IsGlobalUnicast() && !p.Addr().IsLinkLocalUnicast()
}

// Uplinked reports whether some link has carrier and an address that others can answer to, or packets leave by something over one, such as
// PPP over Ethernet.
func (n Network) Uplinked() bool { return n.Routed || slices.ContainsFunc(n.Links, Link.Usable) }

// Usable reports whether a link has carrier and an address that is not of its own invention.
func (l Link) Usable() bool {
	return l.Carrier && slices.ContainsFunc(l.Addresses, lasting)
}

// ports are the listening sockets: state 0A of TCP, 07 of UDP.
func (t tree) ports() []Port {
	var out []Port
	for _, file := range []string{"tcp", "tcp6", "udp", "udp6"} {
		state := "0A"
		if strings.HasPrefix(file, "udp") {
			state = "07"
		}
		for _, l := range t.lines("proc/net/" + file) {
			f := strings.Fields(l)
			if len(f) < 8 || f[3] != state {
				continue
			}
			addr, ok := socketAddr(f[1])
			uid, err := strconv.Atoi(f[7])
			if ok && err == nil {
				out = append(out, Port{Network: strings.TrimSuffix(file, "6"), Addr: addr, UID: uid})
			}
		}
	}
	return out
}

// socketAddr reads 0100007F:1F90: words of four bytes in the machine's order.
func socketAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}
