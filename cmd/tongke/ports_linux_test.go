package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wrapped starts a daemon by way of a command that ends in executing its arguments in its own place.
func wrapped(t *testing.T, dir string, by []string, args ...string) *process {
	t.Helper()
	all := append(slices.Clone(by), "bash", "-c", `exec -a tongke "$@"`, "bash", self(t), "run", "--config", os.DevNull, "--data", dir)
	p := begin(t, dir, exec.CommandContext(t.Context(), all[0], append(all[1:], args...)...))
	eventually(t, 20*time.Second, "ready", func() bool { return strings.Contains(p.stderr(), "msg=ready ") })
	return p
}

// open lists what a process's network accepts: TCP sockets that listen and all UDP sockets that are not connected.
func (p *process) open() (addrs []string) {
	p.t.Helper()
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "net", proto))
		if err != nil {
			p.t.Fatal(err)
		}
		defer f.Close()
		for in := bufio.NewScanner(f); in.Scan(); {
			fields := strings.Fields(in.Text())
			// proc_net_tcp(5): "0A" is TCP_LISTEN; an unconnected UDP socket is "07".
			if len(fields) < 4 || fields[3] != "0A" && fields[3] != "07" {
				continue
			}
			ip, port, _ := strings.Cut(fields[1], ":")
			raw, err := hex.DecodeString(ip)
			if err != nil {
				p.t.Fatal(err)
			}
			for i := 0; i < len(raw); i += 4 { // each word in the machine's order
				slices.Reverse(raw[i : i+4])
			}
			n, err := strconv.ParseUint(port, 16, 16)
			if err != nil {
				p.t.Fatal(err)
			}
			addrs = append(addrs, fmt.Sprintf("%s %s", strings.TrimSuffix(proto, "6"), net.JoinHostPort(net.IP(raw).String(), strconv.Itoa(int(n)))))
		}
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// Only the ports that README.md names are open, when the box has nothing to do, when it has a child and a lesson, and at the child.
func TestOpenPorts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: a network of its own needs root")
	}
	core := wrapped(t, t.TempDir(), []string{"unshare", "--net", "sh", "-c",
		`ip link set lo up && ip link add lan0 type veth peer name lan1 && ip link set lan1 up && ip addr add 10.1.2.3/24 dev lan0 && ip link set lan0 up && exec "$@"`, "sh"})
	want := []string{"tcp 127.0.0.1:8080", "tcp [::]:443", "tcp [::]:8443", "udp [::]:443", "udp [::]:8443"}
	if got := core.open(); !slices.Equal(got, want) {
		t.Errorf("open %q, want %q", got, want)
	}
	ask(t, core.dir, "POST", "/api/v1/lessons", map[string]any{"id": "l1", "title": "音乐", "campuses": "all", "record": "keep"}, nil)
	// The child stands in the same network, on other ports.
	child := wrapped(t, t.TempDir(), []string{"nsenter", "--net", "--target", strconv.Itoa(core.cmd.Process.Pid)}, "--listen", "127.0.0.1:9443", "--local", "127.0.0.1:9080")
	code, out, errs := tongke(t, "invite", "--data", core.dir, "--campus", "north")
	if code != 0 {
		t.Fatal(errs)
	}
	if code, _, errs := tongke(t, "join", "--data", child.dir, "https://127.0.0.1:8443", strings.TrimSpace(out)); code != 0 {
		t.Fatal(errs)
	}
	eventually(t, 20*time.Second, "the uplink", func() bool { return uplinkUp(child.dir) })
	both := append(slices.Clone(want), "tcp 127.0.0.1:9080", "tcp 127.0.0.1:9443", "udp 127.0.0.1:9443")
	uplinks := 0
	for _, at := range core.open() {
		_, port, _ := strings.Cut(at, "127.0.0.1:")
		if n, err := strconv.Atoi(port); err == nil && n > 10000 && strings.HasPrefix(at, "udp") {
			uplinks++ // the child's own end of the link, as any program has one that sends by UDP
		} else if !slices.Contains(both, at) {
			t.Errorf("%s is open", at)
		}
	}
	if uplinks != 1 {
		t.Errorf("%d UDP ports for one uplink", uplinks)
	}
}
