package cascade

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/media/track"
)

// The tests here put a core box and a member box into network namespaces of their own, the member behind a router that masquerades, and cut
// or filter in the router. Each box is this test binary again, which obeys helperEnv and tells what it sees in lines of JSON.

const helperEnv = "TONGKE_CASCADE_HELPER"

// helperConfig tells a box process who it is.
type helperConfig struct {
	Seed   string // of its key
	Host   string
	Parent string // URL; "" for the core
	Peer   string // the other's seed
}

// helperLine is what a box process sees, told every 20 ms; the core's first line has its URL.
type helperLine struct {
	URL     string
	Up      bool
	Rung    string
	Links   uint64
	Voice   int
	Picture int
	Own     int // pupils seen at the core
	RTT     float64
}

func TestHelperBox(t *testing.T) {
	env := os.Getenv(helperEnv)
	if env == "" {
		t.Skip("runs as a box of the namespace tests only")
	}
	var c helperConfig
	if err := json.Unmarshal([]byte(env), &c); err != nil {
		t.Fatal(err)
	}
	own, other := seededKey(t, c.Seed), seededKey(t, c.Peer)
	b := newBoxOn(t, c.Seed, c.Host, func(b *testBox) { b.key = own })
	peer := Peer{ID: other.id, Name: c.Peer, Alliance: "county"}
	line := helperLine{URL: b.url}
	var voice, picture, pupils *watcher
	if c.Parent == "" {
		b.peers[other.pin] = peer
		b.publish("l1", track.Voice)
		b.publish("l1", track.Teacher)
		pupils = b.watch(track.Key{Lesson: "l1", Origin: other.id, Source: track.Pupils})
	} else {
		b.node.SetParents([]Parent{{Peer: peer, Pin: other.pin, URLs: []string{c.Parent}}})
		b.publish("l1", track.Pupils)
		voice = b.watch(track.Key{Lesson: "l1", Origin: other.id, Source: track.Voice})
		picture = b.watch(track.Key{Lesson: "l1", Origin: other.id, Source: track.Teacher})
	}
	enc := json.NewEncoder(os.Stdout)
	stop := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(stop) }() // ends with the process
	for {
		for _, p := range b.node.Stats().Peers {
			line.Up, line.Rung, line.Links, line.RTT = p.Up, p.Rung, p.Links, p.RTT
		}
		if c.Parent == "" {
			line.Own = pupils.count()
		} else {
			line.Voice, line.Picture = voice.count(), picture.count()
		}
		if err := enc.Encode(line); err != nil {
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// boxProcess is a running helper.
type boxProcess struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{}

	mu   sync.Mutex
	line helperLine
}

func (p *boxProcess) now() helperLine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line
}

func startBox(t *testing.T, ns string, c helperConfig) *boxProcess {
	t.Helper()
	env, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", ns, os.Args[0], "-test.run=^TestHelperBox$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), helperEnv+"="+string(env))
	cmd.Stderr = os.Stderr
	p := &boxProcess{cmd: cmd, done: make(chan struct{})}
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(p.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			var l helperLine
			if json.Unmarshal(s.Bytes(), &l) == nil {
				p.mu.Lock()
				p.line = l
				p.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.in.Close()
		<-p.done
		_ = cmd.Wait()
	})
	return p
}

// hall is the network: core — router — member, the member's side masqueraded.
type hall struct {
	t                    *testing.T
	core, router, member string
}

func (h *hall) run(stdin string, args ...string) {
	h.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// in runs a command line in a namespace.
func (h *hall) in(ns, line string) {
	h.t.Helper()
	h.run("", append([]string{"ip", "netns", "exec", ns}, strings.Fields(line)...)...)
}

// drop replaces what the router loses, in nft's words; "" for nothing.
func (h *hall) drop(rule string) {
	h.t.Helper()
	h.run("table inet cut\ndelete table inet cut\ntable inet cut {\nchain f {\ntype filter hook forward priority 0\n"+rule+"\n}\n}\n",
		"ip", "netns", "exec", h.router, "nft", "-f", "-")
}

func newHall(t *testing.T) *hall {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root: run as root to test NAT and outages")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("network namespaces need the programme %s: apt-get install iproute2 nftables", tool)
		}
	}
	id := os.Getpid() % 100000
	h := &hall{t: t, core: fmt.Sprintf("tkc%d", id), router: fmt.Sprintf("tkr%d", id), member: fmt.Sprintf("tkm%d", id)}
	if out, err := exec.Command("ip", "netns", "add", h.core).CombinedOutput(); err != nil {
		t.Skipf("this machine allows no network namespaces: %s", out)
	}
	t.Cleanup(func() {
		for _, ns := range []string{h.core, h.router, h.member} {
			_ = exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	h.run("", "ip", "netns", "add", h.router)
	h.run("", "ip", "netns", "add", h.member)
	for _, ns := range []string{h.core, h.router, h.member} {
		h.in(ns, "ip link set lo up")
	}
	h.run("", "ip", "link", "add", "c0", "netns", h.core, "type", "veth", "peer", "name", "r0", "netns", h.router)
	h.run("", "ip", "link", "add", "m0", "netns", h.member, "type", "veth", "peer", "name", "r1", "netns", h.router)
	for _, l := range []struct{ ns, dev, addr string }{
		{h.core, "c0", "198.51.100.1/24"}, {h.router, "r0", "198.51.100.2/24"},
		{h.router, "r1", "192.168.77.1/24"}, {h.member, "m0", "192.168.77.2/24"},
	} {
		h.in(l.ns, "ip addr add "+l.addr+" dev "+l.dev)
		h.in(l.ns, "ip link set "+l.dev+" up")
	}
	h.in(h.member, "ip route add default via 192.168.77.1") // the core has no way to the member but the router's address
	h.in(h.router, "sysctl -qw net.ipv4.ip_forward=1")
	h.run("table ip nat {\nchain p {\ntype nat hook postrouting priority 100\noifname \"r0\" masquerade\n}\n}\n",
		"ip", "netns", "exec", h.router, "nft", "-f", "-")
	return h
}

// boxes starts both boxes and waits for media in both directions.
func (h *hall) boxes() (core, member *boxProcess) {
	h.t.Helper()
	core = startBox(h.t, h.core, helperConfig{Seed: "core", Peer: "member", Host: "198.51.100.1"})
	eventually(h.t, 10*time.Second, "core runs", func() bool { return core.now().URL != "" })
	member = startBox(h.t, h.member, helperConfig{Seed: "member", Peer: "core", Host: "192.168.77.2", Parent: core.now().URL})
	took := eventually(h.t, 10*time.Second, "media both ways", func() bool {
		m := member.now()
		return m.Voice > 20 && m.Picture > 50 && core.now().Own > 50
	})
	h.t.Logf("media both ways behind NAT %s after the member's start, rung %s, rtt %.1f ms", took.Round(time.Millisecond), member.now().Rung, member.now().RTT*1e3)
	return core, member
}

// recovery is how long after now voice, picture and the way up need to flow.
func recovery(t *testing.T, core, member *boxProcess, within time.Duration) (voice, picture, up time.Duration) {
	t.Helper()
	m, c := member.now(), core.now()
	begin := time.Now()
	eventually(t, within, "media again both ways", func() bool {
		m2, c2, at := member.now(), core.now(), time.Since(begin)
		if voice == 0 && m2.Voice > m.Voice+3 {
			voice = at
		}
		if picture == 0 && m2.Picture > m.Picture+12 {
			picture = at
		}
		if up == 0 && c2.Own > c.Own+12 {
			up = at
		}
		return voice*picture*up != 0
	})
	return voice.Round(time.Millisecond), picture.Round(time.Millisecond), up.Round(time.Millisecond)
}

func TestNAT(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("outages take their time: run without -short")
	}
	h := newHall(t)
	core, member := h.boxes()
	if r := member.now().Rung; r != "udp" {
		t.Errorf("rung %s behind NAT, want udp", r)
	}
	h.drop("meta l4proto udp counter drop")
	voice, picture, up := recovery(t, core, member, 6*time.Second)
	t.Logf("UDP blocked: voice %s, picture %s, way up %s later; rung %s", voice, picture, up, member.now().Rung)
	if max(voice, picture, up) > 5*time.Second*slack {
		t.Error("the tunnel took more than 5 s")
	}
	eventually(t, 5*time.Second, "tunnel", func() bool { return member.now().Rung == "tunnel" })
	h.drop("")
	took := eventually(t, 20*time.Second, "back on UDP", func() bool { return member.now().Rung == "udp" })
	t.Logf("back on UDP %s after it passes again", took.Round(time.Millisecond))

	cuts := []time.Duration{time.Second, 5 * time.Second, 25 * time.Second}
	if os.Getenv("TONGKE_LONG") != "" { // three minutes more
		cuts = append(cuts, 3*time.Minute)
	}
	for _, cut := range cuts {
		h.drop("counter drop")
		time.Sleep(cut)
		h.drop("")
		voice, picture, up := recovery(t, core, member, 5*time.Second)
		t.Logf("cut of %s: voice %s, picture %s, way up %s after the network was back; link %d, rung %s", cut, voice, picture, up,
			member.now().Links, member.now().Rung)
		if max(voice, picture, up) > 3*time.Second*slack {
			t.Errorf("cut of %s: recovery took more than 3 s", cut)
		}
		time.Sleep(2 * time.Second)
	}
}

// seededKey is the key that belongs to a word.
func seededKey(t *testing.T, word string) key {
	t.Helper()
	sum := sha256.Sum256([]byte(word))
	return keyFrom(t, sum[:])
}
