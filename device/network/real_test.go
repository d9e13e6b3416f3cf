package network

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReal changes an interface of this machine: REALNETWORK="networkmanager eth0" or "networkd eth0", in a machine that may be spoilt. What
// is there before must be dhcp, or nothing.
func TestReal(t *testing.T) {
	which, name, ok := strings.Cut(os.Getenv("REALNETWORK"), " ")
	if !ok {
		t.Skip("REALNETWORK is not set: no interface of this machine is changed")
	}
	run := func(ctx context.Context, stdin []byte, argv ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env, cmd.Stdin = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, bytes.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		t.Logf("%q: %v\n%s", argv, err, out)
		if err != nil {
			err = errors.Join(err, errors.New(string(out)))
		}
		return out, err
	}
	var m Manager = NetworkManager{Run: run}
	if which == "networkd" {
		m = Networkd{Root: os.DirFS("/"), Ask: DefaultFiles().Ask}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	has := func(want string, there bool) {
		t.Helper()
		for range 100 {
			i, err := net.InterfaceByName(name)
			if err != nil {
				t.Fatal(err)
			}
			addrs, err := i.Addrs()
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(addrs, func(a net.Addr) bool { return a.String() == want }) == there {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("%s there: want %v", want, there)
	}
	told, managed, err := m.Told(ctx, name, false)
	t.Logf("told %+v %v %v", told, managed, err)
	if !managed || err != nil {
		t.Fatal("not managed")
	}
	before, err := m.Before(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Name: name, Mode: Static, Address: netip.MustParsePrefix("192.168.77.20/24"), Gateway: netip.MustParseAddr("192.168.77.1"), DNS: []netip.Addr{netip.MustParseAddr("192.168.77.1")}}
	if err := m.Try(ctx, s); err != nil {
		t.Fatal(err)
	}
	has("192.168.77.20/24", true)
	if told, _, err = m.Told(ctx, name, false); err != nil || told.Mode != Static {
		t.Errorf("told %+v %v", told, err)
	}
	if err := m.Undo(ctx, name, before); err != nil {
		t.Error(err)
	}
	has("192.168.77.20/24", false)
	for _, address := range []string{"192.168.77.21/24", "192.168.77.22/24"} { // the second takes the first one's place
		s.Address = netip.MustParsePrefix(address)
		if err := m.Try(ctx, s); err != nil {
			t.Fatal(err)
		}
		has(address, true)
		if err := m.Keep(ctx, s, before); err != nil {
			t.Fatal(err)
		}
		if before, err = m.Before(ctx, name); err != nil {
			t.Fatal(err)
		}
		if err := m.Undo(ctx, name, before); err != nil { // nothing waits any more
			t.Error(err)
		}
		has(address, true)
	}
	has("192.168.77.21/24", false)
}
