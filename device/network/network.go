// Package network says how the machine is connected and changes that through whoever manages it: NetworkManager (by nmcli) or
// systemd-networkd (by a helper that may write its files). It owns network-change.json in the data directory, which holds a change that
// nobody has confirmed.
//
// Whoever changes a box's network over that network may cut himself off. So a change is first only tried: in memory of NetworkManager, or
// in /run for networkd, where a power cut takes it away. Unless it is confirmed within Patience it is taken back, also when the daemon was
// killed in between. What was there before is never touched: our setting stands before it and goes again.
package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Patience is how long a change waits for its confirmation.
const Patience = 60 * time.Second

// Modes of an interface.
const (
	DHCP   = "dhcp"
	Static = "static"
)

// Fault is what is wrong with a change, for the person who typed it.
type Fault struct {
	Code   string // kebab-case and stable
	Field  string // of the change; "" none
	ZH, EN string // what is, and what to do
}

func (f *Fault) Error() string { return f.ZH + " " + f.EN }

// Wish is how an interface shall be, as typed.
type Wish struct {
	Name, Mode       string
	Address, Gateway string
	DNS              []string
	SSID, Password   string
}

// Settings are a wish that was understood.
type Settings struct {
	Name    string       `json:"name"`
	Mode    string       `json:"mode"`
	Address netip.Prefix `json:"address,omitzero"`
	Gateway netip.Addr   `json:"gateway,omitzero"`
	DNS     []netip.Addr `json:"dns,omitempty"`
	SSID    string       `json:"ssid,omitempty"`

	Password string `json:"-"` // never written by us: NetworkManager keeps it
}

const mostDNS = 3 // resolv.conf(5) takes no more

// Understand reads a wish for an interface; wifi says that it is one without a cable. Errors are *Fault.
func Understand(w Wish, wifi bool) (Settings, error) {
	s := Settings{Name: w.Name, Mode: w.Mode}
	if !validName(w.Name) {
		return s, &Fault{"interface-unknown", "name", "没有这张网卡，请从列表里选。", "There is no such interface; choose one of the list."}
	}
	switch w.Mode {
	case DHCP:
		if w.Address != "" || w.Gateway != "" {
			return s, &Fault{"address-not-wanted", "address", "自动获取时不用填地址，请清空，或改选固定地址。", "With an automatic address leave the address empty, or choose a fixed one."}
		}
	case Static:
		if err := s.address(w); err != nil {
			return s, err
		}
	default:
		return s, &Fault{"mode-invalid", "mode", "请选自动获取（dhcp）或固定地址（static）。", "Choose dhcp or static."}
	}
	if err := s.resolvers(w.DNS); err != nil {
		return s, err
	}
	return s, s.wireless(w, wifi)
}

func (s *Settings) address(w Wish) error {
	text := strings.TrimSpace(w.Address)
	if text != "" && !strings.Contains(text, "/") {
		return &Fault{"prefix-missing", "address", "地址后面要写掩码，比如 192.168.1.20/24。", "Write the mask behind the address, as 192.168.1.20/24."}
	}
	p, ok := parsePrefix(text)
	if !ok {
		return &Fault{"address-invalid", "address", "地址不对，照这样写：192.168.1.20/24。", "That is no IPv4 address; write it as 192.168.1.20/24."}
	}
	a := p.Addr()
	switch {
	case p.Bits() < 8 || p.Bits() > 30:
		return &Fault{"prefix-invalid", "address", "掩码不对，一般是 /24（255.255.255.0）。", "The mask is wrong; it usually is /24 (255.255.255.0)."}
	case !a.IsGlobalUnicast() || a.As4()[0] == 0 || a.As4()[0] >= 240: // 240/4 is reserved, RFC 1112 §4
		return &Fault{"address-reserved", "address", "这个地址不能给设备用，请问学校要一个。", "No box can have this address; ask the school for one."}
	case a == p.Masked().Addr():
		return &Fault{"address-is-network", "address", "这是网段的号，不是设备的地址，最后一位换一个。", "That is the network's own number; change its last part."}
	case a == broadcast(p):
		return &Fault{"address-is-broadcast", "address", "这是广播地址，最后一位换一个。", "That is the broadcast address; change its last part."}
	}
	s.Address = p
	if text = strings.TrimSpace(w.Gateway); text == "" {
		return nil // a parent in the same network needs none
	}
	g, err := netip.ParseAddr(text)
	switch {
	case err != nil || !g.Is4():
		return &Fault{"gateway-invalid", "gateway", "网关不对，照这样写：192.168.1.1。", "That is no gateway; write it as 192.168.1.1."}
	case g == a:
		return &Fault{"gateway-is-address", "gateway", "网关和设备的地址一样，网关是路由器的地址。", "The gateway is the router's address, not the box's own."}
	case !p.Contains(g) || g == p.Masked().Addr() || g == broadcast(p):
		return &Fault{"gateway-outside", "gateway", "网关不在这个网段里，请核对地址、掩码和网关。", "The gateway is not in that network; check address, mask and gateway."}
	}
	s.Gateway = g
	return nil
}

func (s *Settings) resolvers(list []string) error {
	for _, text := range list {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return &Fault{"dns-invalid", "dns", "DNS 不对，照这样写：114.114.114.114，或者不填。", "That is no DNS server; write it as 114.114.114.114, or leave it empty."}
		}
		if !slices.Contains(s.DNS, a) {
			s.DNS = append(s.DNS, a)
		}
	}
	if len(s.DNS) > mostDNS {
		return &Fault{"dns-too-many", "dns", "DNS 最多填 3 个。", "No more than 3 DNS servers."}
	}
	return nil
}

func (s *Settings) wireless(w Wish, wifi bool) error {
	if !wifi {
		if w.SSID != "" || w.Password != "" {
			return &Fault{"not-wireless", "ssid", "这是有线网卡，不用填无线名和密码。", "This interface has a cable; leave the Wi-Fi's name and password empty."}
		}
		return nil
	}
	if n := len(w.SSID); n < 1 || n > 32 || !utf8.ValidString(w.SSID) || strings.ContainsFunc(w.SSID, control) { // IEEE 802.11 §9.4.2.2
		return &Fault{"ssid-invalid", "ssid", "请选一个无线网，或写它的名字（最多 32 个字节）。", "Choose a Wi-Fi, or write its name (32 bytes at most)."}
	}
	if p := w.Password; p != "" && !validKey(p) {
		return &Fault{"password-invalid", "password", "无线密码是 8 到 63 个英文字母、数字或符号。", "A Wi-Fi password has 8 to 63 letters, digits or signs."}
	}
	s.SSID, s.Password = w.SSID, w.Password
	return nil
}

// validKey: IEEE 802.11 annex J.4: 8 to 63 characters of printable ASCII, or the key itself as 64 hexadecimal digits.
func validKey(p string) bool {
	if len(p) == 64 {
		return strings.Trim(p, "0123456789abcdefABCDEF") == ""
	}
	if len(p) < 8 || len(p) > 63 || strings.TrimSpace(p) != p {
		return false
	}
	return !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' })
}

func control(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// validName: what the kernel takes for an interface (dev_valid_name), less what has a meaning to shells, paths and files.
func validName(s string) bool {
	if s == "" || len(s) > 15 || s[0] == '-' || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// parsePrefix reads 192.168.1.20/24 and 192.168.1.20/255.255.255.0.
func parsePrefix(s string) (netip.Prefix, bool) {
	host, mask, _ := strings.Cut(s, "/")
	a, err := netip.ParseAddr(strings.TrimSpace(host))
	if err != nil || !a.Is4() {
		return netip.Prefix{}, false
	}
	mask = strings.TrimSpace(mask)
	if m, err := netip.ParseAddr(mask); err == nil && m.Is4() {
		b := m.As4()
		n := binary.BigEndian.Uint32(b[:])
		bits := 0
		for n&(1<<31) != 0 {
			n <<= 1
			bits++
		}
		if n != 0 {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, bits), true
	}
	p, err := netip.ParsePrefix(a.String() + "/" + mask)
	return p, err == nil
}

func broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|(1<<(32-p.Bits())-1))
	return netip.AddrFrom4(b)
}

// Runner runs a program with arguments, never a shell, and returns its standard output. stdin may be nil.
type Runner func(ctx context.Context, stdin []byte, argv ...string) ([]byte, error)

// Told is what a manager knows of an interface beyond what the kernel says.
type Told struct {
	Mode     string // DHCP, Static or "" unknown
	DNS      []netip.Addr
	SSID     string
	Networks []string // in the air, the strongest first
}

// Manager is who configures interfaces on this machine.
type Manager interface {
	Name() string
	// Told says what it knows of an interface; managed is false for one that it leaves alone.
	Told(ctx context.Context, name string, wifi bool) (t Told, managed bool, err error)
	// Before names what is there now, for Undo.
	Before(ctx context.Context, name string) (string, error)
	// Try applies settings so that a power cut takes them away; an error leaves Undo to the caller.
	Try(ctx context.Context, s Settings) error
	// Keep makes what was tried last. before is what Before said.
	Keep(ctx context.Context, s Settings, before string) error
	// Undo takes back what was tried; it may be called when nothing was.
	Undo(ctx context.Context, name, before string) error
}

// errManager wraps what a manager's program said.
func errManager(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
