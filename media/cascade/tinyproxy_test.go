package cascade

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/media/track"
)

// proxySource is where a proxied connection comes from, so that a gate can tell it from a direct one.
const proxySource = "127.0.0.2"

// TestTunnelByTinyproxy goes through a proxy that is not ours, with a password, where there is no other way out.
func TestTunnelByTinyproxy(t *testing.T) {
	core := newBox(t, "core")
	w := wireTo(t, core)
	w.cut(true) // no UDP, and no direct way
	gate := gateTo(t, strings.TrimPrefix(core.url, "https://"))
	member := newBox(t, "member", withProxy(tinyproxy(t)))
	parent := w.through(member, core)
	parent.URLs = []string{"https://" + gate}
	member.node.SetParents([]Parent{parent})
	t.Logf("up by tinyproxy after %s", settle(t, member, core))
	if r := member.stats(core).Rung; r != "proxy" {
		t.Errorf("rung %q, want proxy", r)
	}
	voice := core.publish("l1", track.Voice)
	heard := member.watch(voice.key)
	eventually(t, 5*time.Second, "voice through tinyproxy", func() bool { return heard.count() > 50 })
}

// tinyproxy runs the Debian package's program until the test ends, and returns its URL with the password.
func tinyproxy(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("tinyproxy")
	if err != nil {
		t.Fatal("tinyproxy is missing: apt-get install tinyproxy")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().(*net.TCPAddr)
	ln.Close()
	conf := filepath.Join(t.TempDir(), "tinyproxy.conf")
	text := fmt.Sprintf("Port %d\nListen 127.0.0.1\nBind %s\nTimeout 60\nAllow 127.0.0.1\nBasicAuth class secret\n", at.Port, proxySource)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-d", "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, 10*time.Second, "tinyproxy", func() bool {
		c, err := net.Dial("tcp", at.String())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return "http://class:secret@" + at.String()
}

// gateTo lets only proxied connections through to target.
func gateTo(t *testing.T, target string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends when ln is closed
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil || in.RemoteAddr().(*net.TCPAddr).IP.String() != proxySource {
				in.Close()
				if err == nil {
					out.Close()
				}
				continue
			}
			wg.Go(func() { join(in, bufio.NewReader(in), out) })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}
