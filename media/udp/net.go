package udp

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// Net is the host's network for pion, telling its interfaces as they are now; pion's own is a snapshot from the start of the
// process, and an ICE restart after a change of address finds nothing. It lists what a candidate can be made of: interfaces that are
// up and have a carrier (an idle container bridge has none), without link-local IPv6 addresses, which browsers do not take as candidates.
type Net struct {
	stdnet.Net
}

var _ transport.Net = (*Net)(nil)

// NewNet returns the host's network.
func NewNet() *Net { return new(Net) }

// Interfaces reads the list of usable interfaces.
func (n *Net) Interfaces() ([]*transport.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("read network interfaces: %w", err)
	}
	var list []*transport.Interface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away in between
		}
		t := transport.NewInterface(i)
		kept := false
		for _, a := range addrs {
			if ip, ok := a.(*net.IPNet); ok && candidate(ip.IP) {
				t.AddAddress(a)
				kept = true
			}
		}
		if kept {
			list = append(list, t)
		}
	}
	return list, nil
}

// InterfaceByIndex finds a usable interface by its index.
func (n *Net) InterfaceByIndex(index int) (*transport.Interface, error) {
	return n.find(func(i *transport.Interface) bool { return i.Index == index }, fmt.Sprintf("index=%d", index))
}

// InterfaceByName finds a usable interface by its name.
func (n *Net) InterfaceByName(name string) (*transport.Interface, error) {
	return n.find(func(i *transport.Interface) bool { return i.Name == name }, name)
}

func (n *Net) find(is func(*transport.Interface) bool, what string) (*transport.Interface, error) {
	list, err := n.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if is(i) {
			return i, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", transport.ErrInterfaceNotFound, what)
}

// candidate reports whether a host candidate can be made of ip (RFC 8445 §5.1.1.1).
func candidate(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return false
	}
	a = a.Unmap()
	if a.Is6() && a.IsLinkLocalUnicast() || IsSynthetic(a) {
		return false
	}
	return a.IsGlobalUnicast() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

// usable lists the addresses that candidates can be made of, each once, in the order of the interfaces, of the families asked for.
func usable(four, six bool) ([]netip.Addr, error) {
	list, err := NewNet().Interfaces()
	if err != nil {
		return nil, err
	}
	seen := map[netip.Addr]bool{}
	var addrs []netip.Addr
	for _, i := range list {
		as, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, n := range as {
			a, _ := netip.AddrFromSlice(n.(*net.IPNet).IP)
			a = a.Unmap()
			if seen[a] || a.Is4() && !four || a.Is6() && !six {
				continue
			}
			seen[a] = true
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}
