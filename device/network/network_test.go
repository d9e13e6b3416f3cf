package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tongke/device/probe"
)

func TestUnderstand(t *testing.T) {
	static := func(address, gateway string, dns ...string) Wish {
		return Wish{Name: "eth0", Mode: Static, Address: address, Gateway: gateway, DNS: dns}
	}
	for _, tt := range []struct {
		wish Wish
		wifi bool
		code string // "" is good
	}{
		{Wish{Name: "eth0", Mode: DHCP}, false, ""},
		{Wish{Name: "enp1s0f0np0", Mode: DHCP, DNS: []string{"114.114.114.114", ""}}, false, ""},
		{static("192.168.1.20/24", "192.168.1.1", "192.168.1.1", "223.5.5.5"), false, ""},
		{static("192.168.1.20/255.255.255.0", ""), false, ""},
		{static(" 10.0.0.2/8 ", " 10.0.0.1 "), false, ""},
		{static("192.168.1.20", "192.168.1.1"), false, "prefix-missing"},
		{static("", ""), false, "address-invalid"},
		{static("192.168.1/24", ""), false, "address-invalid"},
		{static("192.168.1.300/24", ""), false, "address-invalid"},
		{static("192.168.1.20/33", ""), false, "address-invalid"},
		{static("192.168.1.20/255.0.255.0", ""), false, "address-invalid"},
		{static("fd00::2/64", ""), false, "address-invalid"},
		{static("192.168.1.20/24; reboot", ""), false, "address-invalid"},
		{static("192.168.1.20/7", ""), false, "prefix-invalid"},
		{static("192.168.1.20/31", ""), false, "prefix-invalid"},
		{static("127.0.0.1/8", ""), false, "address-reserved"},
		{static("224.0.0.5/24", ""), false, "address-reserved"},
		{static("0.1.2.3/8", ""), false, "address-reserved"},
		{static("169.254.1.5/16", ""), false, "address-reserved"},
		{static("250.0.0.5/24", ""), false, "address-reserved"},
		{static("192.168.1.0/24", ""), false, "address-is-network"},
		{static("192.168.1.255/24", ""), false, "address-is-broadcast"},
		{static("192.168.1.20/24", "192.168.1"), false, "gateway-invalid"},
		{static("192.168.1.20/24", "192.168.2.1"), false, "gateway-outside"},
		{static("192.168.1.20/24", "192.168.1.255"), false, "gateway-outside"},
		{static("192.168.1.20/24", "192.168.1.20"), false, "gateway-is-address"},
		{static("192.168.1.20/24", "", "8.8.8"), false, "dns-invalid"},
		{static("192.168.1.20/24", "", "fe80::1%eth0"), false, "dns-invalid"},
		{static("192.168.1.20/24", "", "1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"), false, "dns-too-many"},
		{Wish{Name: "eth0", Mode: "auto"}, false, "mode-invalid"},
		{Wish{Name: "eth0", Mode: DHCP, Address: "192.168.1.2/24"}, false, "address-not-wanted"},
		{Wish{Name: "", Mode: DHCP}, false, "interface-unknown"},
		{Wish{Name: "--help", Mode: DHCP}, false, "interface-unknown"},
		{Wish{Name: "../../etc", Mode: DHCP}, false, "interface-unknown"},
		{Wish{Name: "eth0\n[Match]", Mode: DHCP}, false, "interface-unknown"},
		{Wish{Name: "eth0", Mode: DHCP, SSID: "school"}, false, "not-wireless"},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "三河小学", Password: "12345678"}, true, ""},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "open"}, true, ""},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "x", Password: strings.Repeat("aF", 32)}, true, ""},
		{Wish{Name: "wlan0", Mode: DHCP}, true, "ssid-invalid"},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: strings.Repeat("三", 11)}, true, "ssid-invalid"},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "a\nb"}, true, "ssid-invalid"},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "x", Password: "1234567"}, true, "password-invalid"},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "x", Password: "12345678\nquit"}, true, "password-invalid"},
		{Wish{Name: "wlan0", Mode: DHCP, SSID: "x", Password: strings.Repeat("x", 64)}, true, "password-invalid"},
	} {
		_, err := Understand(tt.wish, tt.wifi)
		got := ""
		var f *Fault
		if errors.As(err, &f) {
			got = f.Code
			if f.ZH == "" || f.EN == "" || f.Field == "" {
				t.Errorf("%s has no words or no field", f.Code)
			}
		} else if err != nil {
			t.Errorf("%+v: %v is no Fault", tt.wish, err)
		}
		if got != tt.code {
			t.Errorf("%+v: %q, want %q", tt.wish, got, tt.code)
		}
	}
}

// program answers as nmcli or networkctl would.
type program struct {
	says map[string]string // by the beginning of the joined arguments, the longest first
	ran  []string
	fed  []string // standard inputs
	mu   sync.Mutex
	fail string // what begins so fails with this text behind a bar
}

func (p *program) fails(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = what
}

func (p *program) run(_ context.Context, stdin []byte, argv ...string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := strings.Join(argv, " ")
	p.ran = append(p.ran, line)
	if stdin != nil {
		p.fed = append(p.fed, string(stdin))
	}
	if begin, text, ok := strings.Cut(p.fail, "|"); ok && strings.HasPrefix(line, begin) {
		return nil, errors.New(text)
	}
	best := ""
	for begin := range p.says {
		if strings.HasPrefix(line, begin) && len(begin) > len(best) {
			best = begin
		}
	}
	return []byte(p.says[best]), nil
}

const (
	oldUUID   = "0b5f5fd6-3f8f-3b0b-9b7f-3c6f7a9d2c11"
	triedUUID = "7c1d1b9e-59b1-4f4e-8a55-1f7f0e3f2a42"
	keptUUID  = "2a9e6f0c-8d1e-4a55-b0de-6f1d3f0a7b90"
)

// school is a machine under NetworkManager 1.42, as Debian 12 prints it.
func school() *program {
	return &program{says: map[string]string{
		"nmcli -t -f RUNNING general": "running\n",
		"nmcli -t -f GENERAL.STATE,GENERAL.CON-UUID,IP4.DNS device show eth0": "GENERAL.STATE:100 (connected)\nGENERAL.CON-UUID:" + oldUUID +
			"\nIP4.DNS[1]:192.168.1.1\nIP4.DNS[2]:114.114.114.114\n",
		"nmcli -t -f GENERAL.STATE,GENERAL.CON-UUID,IP4.DNS device show wlan0":                  "GENERAL.STATE:30 (disconnected)\nGENERAL.CON-UUID:--\n",
		"nmcli -t -f GENERAL.STATE,GENERAL.CON-UUID,IP4.DNS device show veth9":                  "GENERAL.STATE:10 (unmanaged)\nGENERAL.CON-UUID:\n",
		"nmcli -t -f ipv4.method,ipv4.dns,802-11-wireless.ssid connection show uuid " + oldUUID: "ipv4.method:auto\nipv4.dns:\n",
		"nmcli -t -e yes -f SIGNAL,SSID device wifi list ifname wlan0":                          "47:school\n82:三河小学\n90:\n60:a\\:b\\\\c\n81:school\nx:bad\n",
		"nmcli -t -e yes -f UUID,NAME connection show":                                          oldUUID + ":Wired connection 1\n" + triedUUID + ":tongke-try-eth0\n" + keptUUID + ":tongke-eth0\n",
	}}
}

func TestNetworkManagerReads(t *testing.T) {
	p := school()
	n := NetworkManager{Run: p.run}
	if !n.Running(t.Context()) {
		t.Error("not running")
	}
	told, managed, err := n.Told(t.Context(), "eth0", false)
	if err != nil || !managed || told.Mode != DHCP || fmt.Sprint(told.DNS) != "[114.114.114.114 192.168.1.1]" {
		t.Errorf("eth0: %+v %v %v", told, managed, err)
	}
	told, managed, err = n.Told(t.Context(), "wlan0", true)
	if err != nil || !managed || told.Mode != "" || strings.Join(told.Networks, "|") != `三河小学|school|a:b\c` {
		t.Errorf("wlan0: %+v %v %v", told, managed, err)
	}
	if _, managed, err = n.Told(t.Context(), "veth9", false); err != nil || managed {
		t.Errorf("veth9: %v %v", managed, err)
	}
	if before, err := n.Before(t.Context(), "eth0"); err != nil || before != oldUUID {
		t.Errorf("before: %q %v", before, err)
	}
	if before, err := n.Before(t.Context(), "wlan0"); err != nil || before != "" {
		t.Errorf("before: %q %v", before, err)
	}
}

func TestNetworkManagerChanges(t *testing.T) {
	p := school()
	n := NetworkManager{Run: p.run}
	s, err := Understand(Wish{Name: "eth0", Mode: Static, Address: "192.168.1.20/24", Gateway: "192.168.1.1", DNS: []string{"223.5.5.5", "2400:3200::1"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Try(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"nmcli connection delete id tongke-try-eth0",
		"nmcli connection add save no type ethernet con-name tongke-try-eth0 ifname eth0 autoconnect yes connection.autoconnect-priority 100" +
			" ipv4.method manual ipv4.addresses 192.168.1.20/24 ipv4.gateway 192.168.1.1 ipv4.dns 223.5.5.5 ipv4.ignore-auto-dns yes ipv6.dns 2400:3200::1",
		"nmcli --wait 25 connection up id tongke-try-eth0 ifname eth0",
	}
	if !slices.Equal(p.ran, want) {
		t.Errorf("try ran\n%s\nwant\n%s", strings.Join(p.ran, "\n"), strings.Join(want, "\n"))
	}
	p.ran = nil
	if err := n.Keep(t.Context(), s, oldUUID); err != nil {
		t.Fatal(err)
	}
	want = []string{
		"nmcli -t -e yes -f UUID,NAME connection show", "nmcli connection modify id tongke-try-eth0 connection.id tongke-eth0",
		"nmcli connection delete uuid " + keptUUID,
	}
	if !slices.Equal(p.ran, want) {
		t.Errorf("keep ran\n%s", strings.Join(p.ran, "\n"))
	}
	p.ran = nil
	if err := n.Undo(t.Context(), "eth0", oldUUID); err != nil {
		t.Fatal(err)
	}
	want = []string{
		"nmcli -t -e yes -f UUID,NAME connection show", "nmcli --wait 0 connection up uuid " + oldUUID + " ifname eth0",
		"nmcli connection delete uuid " + triedUUID,
	}
	if !slices.Equal(p.ran, want) {
		t.Errorf("undo ran\n%s", strings.Join(p.ran, "\n"))
	}
	p.ran = nil
	if err := n.Undo(t.Context(), "eth1", "x; reboot"); err != nil || len(p.ran) != 1 {
		t.Errorf("undo of nothing: %v, ran %q", err, p.ran)
	}
}

// TestPasswordIsNoArgument: other users of the machine can read the arguments of every process.
func TestPasswordIsNoArgument(t *testing.T) {
	p := school()
	s, err := Understand(Wish{Name: "wlan0", Mode: DHCP, SSID: "三河小学", Password: "very secret"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := (NetworkManager{Run: p.run}).Try(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(p.ran, "\n"), "secret") {
		t.Errorf("ran %q", p.ran)
	}
	if len(p.fed) != 1 || !strings.Contains(p.fed[0], "psk very secret\nsave temporary\n") {
		t.Errorf("fed %q", p.fed)
	}
	if doc, err := json.Marshal(change{Settings: s}); err != nil || strings.Contains(string(doc), "secret") {
		t.Errorf("%s %v", doc, err)
	}
}

func TestNetworkdReads(t *testing.T) {
	root := fstest.MapFS{
		"run/systemd/netif/state":            {Data: []byte("OPER_STATE=routable\n")},
		"run/systemd/netif/links/2":          {Data: []byte("# This is private data. Do not parse.\nADMIN_STATE=configured\nOPER_STATE=routable\nNETWORK_FILE=/etc/systemd/network/10-lan.network\nDNS=192.168.1.1 223.5.5.5\n")},
		"run/systemd/netif/links/3":          {Data: []byte("ADMIN_STATE=unmanaged\n")},
		"run/systemd/netif/links/4":          {Data: []byte("ADMIN_STATE=configuring\nNETWORK_FILE=/run/systemd/network/x.network\n")},
		"sys/class/net/eth0/ifindex":         {Data: []byte("2\n")},
		"sys/class/net/eth1/ifindex":         {Data: []byte("3\n")},
		"sys/class/net/eth2/ifindex":         {Data: []byte("4\n")},
		"sys/class/net/eth3/ifindex":         {Data: []byte("../2\n")},
		"etc/systemd/network/10-lan.network": {Data: []byte("[Match]\nName=en*\n\n[Network]\n# DHCP=yes\nAddress = 192.168.1.5/24\n")},
		"run/systemd/network/x.network":      {Data: []byte("[Match]\nName=*\n[DHCP]\nDHCP=no\n[Network]\nDHCP=yes\n")},
	}
	n := Networkd{Root: root}
	if !n.Running() || (Networkd{Root: fstest.MapFS{}}).Running() {
		t.Error("running")
	}
	for name, want := range map[string]string{"eth0": "static [192.168.1.1 223.5.5.5] true", "eth1": " [] false", "eth2": "dhcp [] true", "eth3": " [] false", "eth9": " [] false", "../eth0": " [] false"} {
		told, managed, err := n.Told(t.Context(), name, false)
		if got := fmt.Sprintln(told.Mode, told.DNS, managed); err != nil || strings.TrimRight(got, "\n") != want {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
	}
	if err := n.Try(t.Context(), Settings{Name: "wlan0", SSID: "x"}); !errors.Is(err, errWifi) {
		t.Errorf("Wi-Fi: %v", err)
	}
	if err := n.Try(t.Context(), Settings{Name: "eth0"}); err == nil {
		t.Error("without a helper it was done")
	}
}

// helper is one whose unit is started by hand.
func helper(t *testing.T) (Helper, *program) {
	dir := t.TempDir()
	p := &program{}
	h := Helper{Files: Files{filepath.Join(dir, "request.json"), filepath.Join(dir, "answer.json")}, Etc: filepath.Join(dir, "etc"), Runs: filepath.Join(dir, "run"), Run: p.run}
	if err := os.Mkdir(h.Etc, 0o755); err != nil {
		t.Fatal(err)
	}
	return h, p
}

func TestHelper(t *testing.T) {
	h, p := helper(t)
	n := Networkd{Ask: func(ctx context.Context, r Request) error { // the path unit starts it
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- h.Files.Ask(ctx, r) }() // ends with the answer
		for {
			if _, err := os.Stat(h.Files.Request); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = h.Serve(ctx)
		return <-done
	}}
	s, err := Understand(Wish{Name: "eth0", Mode: Static, Address: "192.168.1.20/24", Gateway: "192.168.1.1", DNS: []string{"223.5.5.5"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	tried, kept := h.paths("eth0")
	is := func(file string, want bool) {
		t.Helper()
		if _, err := os.Stat(file); (err == nil) != want {
			t.Errorf("%s: %v, want it there %v", file, err, want)
		}
	}
	if err := n.Try(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	is(tried, true)
	is(kept, false)
	if want := []string{"networkctl reload", "networkctl reconfigure eth0"}; !slices.Equal(p.ran, want) {
		t.Errorf("ran %q", p.ran)
	}
	doc, _ := os.ReadFile(tried)
	if want := "# Written by tongke for the page of the device; taken out of use by removing it.\n[Match]\nName=eth0\n\n[Network]\nDHCP=no\n" +
		"Address=192.168.1.20/24\nGateway=192.168.1.1\nIPv6AcceptRA=yes\nDNS=223.5.5.5\n"; string(doc) != want {
		t.Errorf("wrote\n%s", doc)
	}
	if modeOf(string(doc)) != Static {
		t.Error("what was written is not read again")
	}
	if err := n.Undo(t.Context(), "eth0", ""); err != nil {
		t.Fatal(err)
	}
	is(tried, false)
	if err := errors.Join(n.Try(t.Context(), Settings{Name: "eth0", Mode: DHCP}), n.Keep(t.Context(), Settings{Name: "eth0", Mode: DHCP}, "")); err != nil {
		t.Fatal(err)
	}
	is(tried, false)
	is(kept, true)
	if doc, _ := os.ReadFile(kept); modeOf(string(doc)) != DHCP {
		t.Errorf("kept\n%s", doc)
	}
	p.fail = "networkctl reload|Access denied"
	if err := n.Try(t.Context(), s); err == nil || !strings.Contains(err.Error(), "Access denied") {
		t.Errorf("a failure told as %v", err)
	}
}

// TestHelperBelievesNothing: the request comes from an unprivileged user.
func TestHelperBelievesNothing(t *testing.T) {
	const good = `{"id":"0123456789abcdef","do":"try","name":"eth0","settings":{"name":"eth0","mode":"static","address":"192.168.1.20/24"}}`
	if _, err := parseRequest([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"try"`, `"rm"`}, {`"0123456789abcdef"`, `"../../../etc/pas"`}, {`"name":"eth0","set`, `"name":"../x","set`}, {`192.168.1.20/24`, `127.0.0.1/8`},
		{`"static"`, `"x"`}, {`"do"`, `"du"`}, {`{"id"`, `["id"`}, {`"name":"eth0","set`, `"name":"eth0\n[x]","set`}, {`"mode"`, `"ssid":"x","mood"`},
	} {
		if r, err := parseRequest([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s was taken as %+v", change[1], r)
		}
	}
	h, _ := helper(t)
	secret := filepath.Join(t.TempDir(), "shadow")
	os.WriteFile(secret, []byte(good), 0o600)
	if err := os.Symlink(secret, h.Files.Request); err != nil {
		t.Fatal(err)
	}
	if err := h.Serve(t.Context()); err == nil {
		t.Error("a link was followed")
	}
	os.Remove(h.Files.Request)
	if err := h.Serve(t.Context()); err != nil {
		t.Errorf("a request that was taken back: %v", err)
	}
	os.WriteFile(h.Files.Request, []byte(strings.Repeat(" ", mostFile)+good), 0o644)
	if err := h.Serve(t.Context()); err == nil {
		t.Error("a long request was read")
	}
}

// desk is Changes over a machine that is made of words.
type desk struct {
	*Changes
	p      *program
	dir    string
	parent []string
}

func newDesk(t *testing.T, dir string, p *program, parent ...string) *desk {
	d := &desk{p: p, dir: dir, parent: parent}
	d.Changes = New(Config{
		Dir: dir, Log: slog.New(slog.DiscardHandler),
		Managers: func(context.Context) []Manager { return []Manager{NetworkManager{Run: p.run}} },
		Links: func() []probe.Link {
			return []probe.Link{{Name: "eth0", Carrier: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24")}}, {Name: "wlan0", Wireless: true}, {Name: "veth9"}}
		},
		Gateway:   func() (string, string) { return "192.168.1.1", "eth0" },
		Parent:    func() ([]string, error) { return d.parent, nil },
		SetParent: func(urls []string) error { d.parent = urls; return nil },
	})
	return d
}

func (d *desk) waits(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(d.dir, FileName))
	return err == nil
}

func (d *desk) did(what string) bool {
	return slices.ContainsFunc(d.p.ran, func(l string) bool { return strings.HasPrefix(l, what) })
}

var wish = Wish{Name: "eth0", Mode: Static, Address: "192.168.1.20/24"}

const (
	up     = "nmcli --wait 25 connection up id tongke-try-eth0"
	back   = "nmcli --wait 0 connection up uuid " + oldUUID
	modify = "nmcli connection modify"
)

func TestUnconfirmedIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := newDesk(t, t.TempDir(), school())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		token, err := d.Change(ctx, wish)
		if err != nil || len(token) != 32 || !d.waits(t) {
			t.Fatalf("%q %v, waits %v", token, err, d.waits(t))
		}
		if _, err := d.Change(ctx, wish); !errors.Is(err, ErrPending) {
			t.Errorf("a second one: %v", err)
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if !d.did(up) || d.did(back) || d.Read(ctx).Pending == 0 {
			t.Fatalf("after 59 s: ran %q", d.p.ran)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		v := d.Read(ctx)
		if !d.did(back) || d.waits(t) || v.Pending != 0 || v.Undone == nil || v.Undone.Code != "not-confirmed" {
			t.Errorf("after 61 s: %+v, ran %q", v, d.p.ran)
		}
		if err := d.Confirm(ctx, token); !errors.Is(err, ErrToken) {
			t.Errorf("a late confirmation: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestTakenBackByHand: it is told so, also when the box is switched off before the old settings are back.
func TestTakenBackByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := newDesk(t, t.TempDir(), school())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		token, err := d.Change(ctx, wish)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		cancel()
		<-done
		if err := d.TakeBack(token); err != nil {
			t.Fatal(err)
		}
		d = newDesk(t, d.dir, d.p)
		if _, err := d.Change(t.Context(), wish); !errors.Is(err, errUndoing) || d.Read(t.Context()).Pending != 0 {
			t.Errorf("while it comes back: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		if v := d.Read(ctx); !d.did(back) || d.waits(t) || v.Undone == nil || v.Undone.Code != "taken-back" {
			t.Errorf("%+v, ran %q", v.Undone, d.p.ran)
		}
		cancel()
		<-done
	})
}

func TestConfirmedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := newDesk(t, t.TempDir(), school())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		token, err := d.Change(ctx, wish)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := d.Confirm(ctx, "wrong"); !errors.Is(err, ErrToken) {
			t.Errorf("a wrong token: %v", err)
		}
		if err := d.Confirm(ctx, token); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if !d.did(modify) || d.did(back) || d.waits(t) {
			t.Errorf("ran %q, waits %v", d.p.ran, d.waits(t))
		}
		cancel()
		<-done
	})
}

// TestKilledInBetween: the daemon, or the machine, ends while a change waits. The next start takes it back before anybody could confirm it.
func TestKilledInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, kill := context.WithCancel(t.Context())
		d := newDesk(t, dir, school(), "https://10.0.0.1:8443")
		done := make(chan error)
		go func() { done <- d.Run(first) }()
		if _, err := d.Change(first, wish); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		kill()
		<-done
		if d.did(back) || !d.waits(t) {
			t.Fatalf("it was taken back at once: %q", d.p.ran)
		}
		ctx, cancel := context.WithCancel(t.Context())
		p := school()
		p.fail = "nmcli connection delete uuid|busy"
		d = newDesk(t, dir, p)
		go func() { done <- d.Run(ctx) }()
		time.Sleep(time.Second)
		synctest.Wait()
		if !d.did(back) || !d.waits(t) {
			t.Errorf("while it fails: %q, waits %v", p.ran, d.waits(t))
		}
		p.fails("")
		time.Sleep(undoAgain + time.Second)
		synctest.Wait()
		if d.waits(t) {
			t.Errorf("still waits: %q", p.ran)
		}
		cancel()
		<-done
	})
}

func TestFailedIsTakenBackAtOnce(t *testing.T) {
	for said, want := range map[string]string{
		"Error: Connection activation failed: IP configuration could not be reserved (no available address, timeout, etc.)": "no-address",
		"Error: Connection activation failed: Secrets were required, but not provided":                                      "password-wrong",
		"Error: Failed to add 'x' connection: Insufficient privileges":                                                      "network-not-allowed",
		"exit status 4": "network-failed",
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p := school()
			p.fail = "nmcli --wait 25 connection up id|" + said
			d := newDesk(t, t.TempDir(), p)
			done := make(chan error)
			go func() { done <- d.Run(ctx) }()
			if _, err := d.Change(ctx, wish); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			v := d.Read(ctx)
			if d.waits(t) || !d.did(back) || v.Undone == nil || v.Undone.Code != want {
				t.Errorf("%s: %+v, ran %q", said, v.Undone, p.ran)
			}
			cancel()
			<-done
		})
	}
}

func TestParentAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := newDesk(t, t.TempDir(), school())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		if _, err := d.ChangeParent("10.0.0.9"); !errors.Is(err, errNoParent) {
			t.Errorf("without a parent: %v", err)
		}
		d.parent = []string{"https://10.0.0.1:8443", "https://core:8443"}
		if _, err := d.ChangeParent("http://x"); !errors.Is(err, errAddress) {
			t.Errorf("not https: %v", err)
		}
		token, err := d.ChangeParent("core")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := strings.Join(d.parent, " "); got != "https://core:8443 https://10.0.0.1:8443" {
			t.Errorf("tried %s", got)
		}
		if err := d.TakeBack(token); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, v := strings.Join(d.parent, " "), d.Read(ctx); got != "https://10.0.0.1:8443 https://core:8443" || d.waits(t) || v.Undone == nil || v.Undone.Code != "taken-back" {
			t.Errorf("taken back to %s: %v", got, v.Undone)
		}
		if token, err = d.ChangeParent("https://[fd00::1]:443/"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := d.Confirm(ctx, token); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := d.parent[0]; got != "https://[fd00::1]:443" {
			t.Errorf("kept %s", got)
		}
		cancel()
		<-done
	})
	for typed, want := range map[string]string{
		"192.168.1.10": "https://192.168.1.10:8443", "core.example:443": "https://core.example:443", "https://core.example": "https://core.example",
		"": "", "https://": "", "https://a b": "", "https://u:p@h": "", "https://h/x": "", "ftp://h": "", "h?x": "", "[::1": "",
	} {
		if got, ok := parentURL(typed); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", typed, got, ok, want)
		}
	}
}

func TestRead(t *testing.T) {
	d := newDesk(t, t.TempDir(), school())
	v := d.Read(t.Context())
	if len(v.Interfaces) != 3 || v.By != "NetworkManager" || v.Interfaces[0].Gateway != "192.168.1.1" || v.Interfaces[0].Mode != DHCP || v.Interfaces[1].Gateway != "" {
		t.Errorf("%+v", v)
	}
	if _, err := d.Change(t.Context(), Wish{Name: "veth9", Mode: DHCP}); !errors.Is(err, errReadOnly) {
		t.Errorf("nobody's interface: %v", err)
	}
	var f *Fault
	if _, err := d.Change(t.Context(), Wish{Name: "eth7", Mode: DHCP}); !errors.As(err, &f) || f.Code != "interface-unknown" {
		t.Errorf("an unknown interface: %v", err)
	}
	os.WriteFile(filepath.Join(d.dir, FileName), []byte("\x00\x00"), 0o600)
	if d = newDesk(t, d.dir, school()); d.waits(t) || d.Read(t.Context()).Pending != 0 {
		t.Error("a damaged file waits for ever")
	}
}

func FuzzParsers(f *testing.F) {
	f.Add([]byte("GENERAL.STATE:100 (connected)\nIP4.DNS[1]:192.168.1.1\n"))
	f.Add([]byte("82:a\\:b\\\\\n:\\"))
	f.Add([]byte(`{"id":"0123456789abcdef","do":"try","name":"eth0","settings":{"mode":"static","address":"192.168.1.20/24"}}`))
	f.Add([]byte("[Network]\nDHCP=yes\nAddress=x\n"))
	f.Add([]byte("https://[fd00::1]:443"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		parseFields(doc)
		for _, n := range parseWifi(doc) {
			if len(n) > 32 || n == "" {
				t.Errorf("%q is no name", n)
			}
		}
		if r, err := parseRequest(doc); err == nil && r.Do != askUndo {
			out := string(Render(r.Settings))
			if strings.Count(out, "[") != 2+strings.Count(out, "[DHCPv4]") || strings.ContainsAny(out, "\x00\r`$") || modeOf(out) != r.Settings.Mode {
				t.Errorf("%s renders as %q", doc, out)
			}
		}
		_, _ = parseChange(doc)
		modeOf(string(doc))
		assignments(string(doc))
		if u, ok := parentURL(string(doc)); ok {
			if again, ok := parentURL(u); !ok || again != u {
				t.Errorf("%q becomes %q, and that %q", doc, u, again)
			}
		}
		w := Wish{Name: "eth0", Mode: Static, Address: string(doc)}
		if s, err := Understand(w, false); err == nil && (!s.Address.Addr().Is4() || s.Address.Bits() > 30) {
			t.Errorf("%q becomes %v", doc, s.Address)
		}
	})
}
