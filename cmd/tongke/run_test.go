package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

var noKeepAlive = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the tests that need trust make it themselves
	},
}

func TestRunFromStartToStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	began := time.Now()
	p := runBox(t, dir)
	t.Logf("exec to ready: %v", time.Since(began).Round(time.Millisecond))
	a, err := readAddresses(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{"http://" + a.Local, "https://" + a.Listen[0]} {
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			if got := statusOf(base + path); got != http.StatusOK {
				t.Errorf("%s%s: %d", base, path, got)
			}
		}
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v %v, want 0700", st.Mode(), err)
	}
	if st, err := os.Stat(filepath.Join(dir, controlSocket)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v %v, want 0600", st.Mode(), err)
	}
	// Media is on the UDP port of the same number.
	if c, err := net.ListenPacket("udp", a.Listen[0]); err == nil {
		c.Close()
		t.Errorf("UDP %s is not taken", a.Listen[0])
	}
	code, took := p.stop(syscall.SIGTERM)
	if code != 0 || took > 5*time.Second {
		t.Errorf("SIGTERM: exit %d after %v, want 0 within 5 s", code, took)
	}
	if _, err := os.Stat(filepath.Join(dir, addressFile)); err == nil {
		t.Error("addresses.json is left behind")
	}
	t.Logf("SIGTERM to end: %v", took.Round(time.Millisecond))
}

func TestRunEndsWithItsParent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: command(t, "run", "--until-stdin-closes", "--config", os.DevNull, "--data", dir, "--listen", "[::1]:0", "--local", "[::1]:0"),
		dir: dir, done: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stderr = r, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	go func() { p.cmd.Wait(); close(p.done) }() // ends with the process
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.done })
	p.waitReady()
	w.Close()
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		t.Fatal("still running 5 s after its standard input was closed")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d:\n%s", code, p.stderr())
	}
}

// TestRunCannot checks that what keeps a daemon from running is told in one sentence, and that nothing runs on.
func TestRunCannot(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	used := filepath.Join(t.TempDir(), "used")
	runBox(t, used)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   []string
		stderr string
	}{
		{"TCP port taken", []string{"--listen", tcp.Addr().String()}, "port-taken: TCP port"},
		{"UDP port taken", []string{"--listen", udp.LocalAddr().String()}, "port-taken: UDP port"},
		{"local port taken", []string{"--listen", "127.0.0.1:0", "--local", tcp.Addr().String()}, "port-taken: TCP port"},
		{"address of another computer", []string{"--listen", "192.0.2.1:0"}, "address-absent: no network interface of this computer has the address 192.0.2.1:0; choose another with --listen"},
		{"second daemon", []string{"--data", used}, "data-in-use: another tongke is running on the data directory " + used + "; stop it or choose another directory with --data"},
		{"a file for a directory", []string{"--data", file}, "data-unwritable: the data directory " + file + " is not a directory; choose another with --data"},
		{"below a file", []string{"--data", file + "/data"}, "data-unwritable: the data directory " + file + "/data is not a directory; choose another with --data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"run", "--config", os.DevNull, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "d")}
			wantOneSentence(t, overlay(args, tt.args), tt.stderr)
		})
	}
}

// overlay lets later flags replace earlier ones (a repeated --listen would add an address).
func overlay(args, over []string) []string {
	for i := 0; i < len(over); i += 2 {
		for j := range args {
			if args[j] == over[i] {
				args[j+1] = over[i+1]
			}
		}
	}
	return args
}

// wantOneSentence runs tongke and wants exit 2, one English line that begins so, one Chinese line, and nothing more.
func wantOneSentence(t *testing.T, args []string, want string) {
	t.Helper()
	code, out, errs := tongke(t, args...)
	lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	if code != 2 || out != "" || len(lines) != 2 || !strings.HasPrefix(lines[0], "tongke: "+want) || !strings.HasPrefix(lines[1], "同课：") {
		t.Errorf("exit %d, stdout %q, stderr:\n%s\nwant exit 2 and %q", code, out, errs, want)
	}
}

func TestRunDisk(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a small tmpfs needs root on Linux")
	}
	mount := func(t *testing.T, flags uintptr, options string) string {
		dir := t.TempDir()
		if err := mountTmpfs(dir, flags, options); err != nil {
			t.Skipf("SKIPPED: no tmpfs may be mounted here: %v", err)
		}
		t.Cleanup(func() { unmount(dir) })
		return dir
	}
	flags := []string{"run", "--config", os.DevNull, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0", "--data"}
	t.Run("full", func(t *testing.T) {
		for _, kib := range []int{4, 64, 200} {
			dir := mount(t, 0, fmt.Sprintf("size=%dk", kib))
			wantOneSentence(t, append(flags, dir), "disk-full: the disk of the data directory "+dir+" is full; free some space on it or choose another directory with --data")
		}
	})
	t.Run("read-only", func(t *testing.T) {
		dir := mount(t, readOnly, "size=1m")
		wantOneSentence(t, append(flags, dir), "data-unwritable: this user may not write in the data directory "+dir+"; change its owner or choose another with --data")
	})
}

func TestRunKeepsItsIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	id := func(p *process) string {
		_, after, _ := strings.Cut(p.stderr(), "box=")
		id, _, _ := strings.Cut(after, " ")
		return id
	}
	p := runBox(t, dir)
	first := id(p)
	p.cmd.Process.Kill()
	<-p.done
	p = runBox(t, dir)
	if got := id(p); got != first || len(got) != 16 {
		t.Errorf("after kill -9 the box is %q, was %q", got, first)
	}
	p.stop(syscall.SIGINT)
}

// TestRunWithLongPath has a data directory whose control socket's path no socket address can hold.
func TestRunWithLongPath(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: the way round the limit is Linux's /proc")
	}
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 30))
	p := runBox(t, dir)
	if code, out, errs := tongke(t, "status", "--data", dir); code != 0 || !strings.Contains(out, "ready") {
		t.Errorf("status: exit %d, %s%s", code, out, errs)
	}
	p.cmd.Process.Kill() // leaves its socket behind
	<-p.done
	if code, _, errs := tongke(t, "status", "--data", dir); code != 2 || !strings.Contains(errs, "not-running") {
		t.Errorf("status of a killed daemon: exit %d, %s", code, errs)
	}
	runBox(t, dir)
}

// TestRunTwoAddresses serves pages on each of several addresses, IPv4 and IPv6, and media candidates on all of them.
func TestRunTwoAddresses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	runBox(t, dir, "--listen", "127.0.0.1:0", "--listen", "[::1]:0")
	a, err := readAddresses(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Listen) != 3 {
		t.Fatalf("listens on %v, want three addresses", a.Listen)
	}
	for _, l := range a.Listen {
		if got := statusOf("https://" + l + "/healthz"); got != http.StatusOK {
			t.Errorf("%s: %d", l, got)
		}
	}
	_, out, _ := tongke(t, "token", "--data", dir, "--lesson", "l1", "--role", "publish")
	answer := publish(t, "https://"+a.Listen[0], "l1", strings.TrimSpace(out))
	for _, l := range a.Listen {
		_, port, _ := net.SplitHostPort(l)
		for _, network := range []string{" udp ", " tcp "} {
			found := false
			for line := range strings.Lines(answer) {
				found = found || strings.HasPrefix(line, "a=candidate:") && strings.Contains(line, network) && strings.Contains(line, " "+port+" typ host")
			}
			if !found {
				t.Errorf("no%scandidate on port %s in\n%s", network, port, answer)
			}
		}
	}
}

// publish offers a camera by WHIP and returns the answer.
func publish(t *testing.T, base, lesson, token string) string {
	t.Helper()
	offer, err := os.ReadFile(filepath.Join("..", "..", "media", "ingest", "testdata", "obs-publish.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, base+"/whip/"+lesson, bytes.NewReader(offer))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := noKeepAlive.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("publish: %s %v\n%s", res.Status, err, answer)
	}
	return string(answer)
}
