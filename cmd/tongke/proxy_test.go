package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestJoinThroughProxy joins by the configured HTTP proxy, as in a school whose network lets nothing else out.
func TestJoinThroughProxy(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		asked.Add(1)
		connectBoth(w, r)
	}))
	defer proxy.Close()
	dir := t.TempDir()
	core := runBox(t, filepath.Join(dir, "core"))
	at, err := readAddresses(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "member.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "[uplink]\nproxy = %q\n", proxy.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	member := launch(t, filepath.Join(dir, "member"), "run", "--config", config, "--data", filepath.Join(dir, "member"), "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	member.waitReady()
	code, out, errs := tongke(t, "invite", "--data", core.dir, "--campus", "sanhe")
	if code != 0 {
		t.Fatalf("invite: exit %d: %s", code, errs)
	}
	code, out, errs = tongke(t, "join", "--data", member.dir, "https://"+at.Listen[0], strings.TrimSpace(out))
	if code != 0 || !strings.HasPrefix(out, "joined tk-") {
		t.Fatalf("join: exit %d, %s%s", code, out, errs)
	}
	if asked.Load() == 0 {
		t.Error("the proxy was not asked")
	}
	eventually(t, 10*time.Second, "the uplink", func() bool { return uplinkUp(member.dir) })
}

// connectBoth is the work of CONNECT (RFC 9110 §9.3.6).
func connectBoth(w http.ResponseWriter, r *http.Request) {
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer to.Close()
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprint(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { io.Copy(to, c); to.Close() }() // ends with either side
	io.Copy(c, to)
}
