package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/device/durable"
)

// childDir names the folder in which a child process of the kill test opens identities until it is killed.
const childDir = "TONGKE_IDENTITY_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		for i := 0; ; i++ {
			if _, err := Open(filepath.Join(dir, fmt.Sprint(i)), ""); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Println(i)
		}
	}
	os.Exit(m.Run())
}

func open(t *testing.T, dir string) *Box {
	t.Helper()
	b, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIDIsFixed(t *testing.T) {
	pub := make(ed25519.PublicKey, ed25519.PublicKeySize) // SHA-256 of 32 zero bytes begins 66687aadf862bd776c8f; by Python
	if got, want := ID(pub), "csm7nbfrcayqev4f"; got != want {
		t.Errorf("ID = %s, want %s", got, want)
	}
}

func TestSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	if a.ID() != b.ID() || a.Pin() != b.Pin() {
		t.Errorf("identity changed: %s %s, then %s %s", a.ID(), a.Pin(), b.ID(), b.Pin())
	}
	if !a.Certificate().Leaf.Equal(b.Certificate().Leaf) {
		t.Error("identity certificate changed")
	}
	if string(a.CACertificate()) != string(b.CACertificate()) {
		t.Error("site CA changed")
	}
	if !a.server.Leaf.Equal(b.server.Leaf) {
		t.Error("server certificate was issued again without need")
	}
	if id, ok := IDOf(a.Certificate().Leaf); !ok || id != a.ID() {
		t.Errorf("IDOf = %s %v, want %s", id, ok, a.ID())
	}
	if _, ok := IDOf(a.server.Leaf); ok {
		t.Error("the server certificate was taken for an identity certificate")
	}
	if got, want := a.DefaultName(), "tk-"+a.ID()[:4]; got != want {
		t.Errorf("DefaultName = %s, want %s", got, want)
	}
	for _, name := range []string{boxKeyFile, caFile, serverFile} {
		st, err := os.Stat(filepath.Join(dir, folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, st.Mode().Perm())
		}
	}
}

func TestDamagedKeysAreNeverReplaced(t *testing.T) {
	for _, name := range []string{boxKeyFile, caFile} {
		for what, data := range map[string][]byte{"empty": {}, "cut": []byte("-----BEGIN PRIVATE KEY-----\nMC4C"), "noise": []byte("\x00\xff\x00")} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := t.TempDir()
				open(t, dir)
				path := filepath.Join(dir, folder, name)
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				_, err := Open(dir, "")
				if err == nil {
					t.Fatal("opened")
				}
				for _, want := range []string{path, "damaged", "backup"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
				if got, _ := os.ReadFile(path); string(got) != string(data) {
					t.Error("the damaged file was written over")
				}
			})
		}
	}
}

func TestDamagedServerCertificateIsIssuedAgain(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	path := filepath.Join(dir, folder, serverFile)
	if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	if err := b.server.Leaf.CheckSignatureFrom(b.ca.Leaf); err != nil {
		t.Error(err)
	}
}

func TestReadableKeyIsTightened(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	path := filepath.Join(dir, folder, boxKeyFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want 600", st.Mode().Perm())
	}
}

func TestUnwritableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(file, "data"), "")
	if err == nil || !strings.Contains(err.Error(), "data directory cannot be written") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestServerCertificateFollows(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	addresses := []string{"192.168.1.5", "fd00::5"}
	b := open(t, t.TempDir())
	b.now = func() time.Time { return now }
	b.addresses = func() []string { return append([]string(nil), addresses...) }
	b.SetName("core-room")
	steps := []struct {
		name   string
		change func()
		issued bool
	}{
		{"addresses of this test", func() {}, true},
		{"nothing changed", func() { now = now.Add(time.Hour) }, false},
		{"a new address", func() { now = now.Add(time.Hour); addresses = append(addresses, "10.0.0.9") }, true},
		{"an address went away", func() { now = now.Add(time.Hour); addresses = addresses[:1] }, false},
		{"a new name", func() { b.SetName("room-2") }, true},
		{"a name in Chinese", func() { b.SetName("三(2)班") }, false},
		{"nearly a year later", func() { now = now.Add(330 * 24 * time.Hour) }, true},
		{"clock back to 1970", func() { now = time.Unix(100, 0) }, true},
		{"still 1970", func() { now = now.Add(time.Hour) }, false},
		{"clock set again", func() { now = time.Date(2036, 9, 1, 8, 0, 0, 0, time.UTC) }, true},
	}
	for _, s := range steps {
		before := b.reissued
		s.change()
		c, err := b.serverCertificate()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := b.reissued != before; got != s.issued {
			t.Errorf("%s: issued %v, want %v", s.name, got, s.issued)
		}
		at := now
		if at.Before(clockFloor) {
			at = clockFloor
		}
		pool := b.Trust()
		for _, name := range []string{"localhost", "127.0.0.1", "::1", "192.168.1.5", b.DefaultName() + ".local"} {
			if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: at}); err != nil {
				t.Errorf("%s: %s: %v", s.name, name, err)
			}
		}
		if life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore); life > 398*24*time.Hour {
			t.Errorf("%s: lives %v, browsers take 398 days", s.name, life)
		}
	}
}

func TestFullDiskServesFromMemory(t *testing.T) {
	b := open(t, t.TempDir())
	if err := os.RemoveAll(b.dir); err != nil { // every write fails from here on
		t.Fatal(err)
	}
	b.SetName("other")
	c, err := b.serverCertificate()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Leaf.VerifyHostname("other"); err != nil {
		t.Error(err)
	}
}

func serve(t *testing.T, b *Box) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", b.ServerTLS())
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := PeerID(r.TLS)
		if err != nil {
			id = "guest"
		}
		io.WriteString(w, id)
	}), ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { srv.Serve(ln); close(done) }() // ends with Close below
	t.Cleanup(func() { srv.Close(); <-done })
	return "https://" + ln.Addr().String()
}

func get(t *testing.T, url string, c *tls.Config) (string, *tls.ConnectionState, error) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: c}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp.TLS, err
}

func TestTwoBoxesProveThemselves(t *testing.T) {
	core, member, other := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	url := serve(t, core)

	got, cs, err := get(t, url, member.ClientTLS(core.Pin()))
	if err != nil || got != member.ID() {
		t.Errorf("core saw %q, %v; want %s", got, err, member.ID())
	}
	if cs != nil {
		if id, err := PeerID(cs); err != nil || id != core.ID() {
			t.Errorf("member saw %q, %v; want %s", id, err, core.ID())
		}
	}
	if _, _, err := get(t, url, member.ClientTLS(other.Pin())); !errors.Is(err, ErrPin) {
		t.Errorf("another pin: %v, want ErrPin", err)
	}
	if got, _, err := get(t, url, &tls.Config{RootCAs: core.Trust()}); err != nil || got != "guest" {
		t.Errorf("a browser got %q, %v", got, err)
	}
	// A box that shows a certificate which is no identity certificate is refused in the handshake.
	c := member.ClientTLS(core.Pin())
	c.Certificates = []tls.Certificate{member.server}
	if got, _, err := get(t, url, c); err == nil {
		t.Errorf("a foreign client certificate was let in as %q", got)
	}
}

func TestHostAddressesAreAddresses(t *testing.T) {
	for _, a := range hostAddresses() {
		if net.ParseIP(a) == nil {
			t.Errorf("%q", a)
		}
	}
}

// TestKilledWhileMaking kills a process that makes identities at random instants; each must open afterwards.
func TestKilledWhileMaking(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for round := range 8 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond) // a real process has no fake clock
		cmd.Process.Kill()
		cmd.Wait()
		made, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range made {
			path := filepath.Join(dir, d.Name())
			if _, err := Open(path, ""); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
			if halves, _ := filepath.Glob(filepath.Join(path, folder, "*"+durable.Half)); len(halves) > 0 {
				t.Errorf("left: %v", halves)
			}
		}
	}
}
