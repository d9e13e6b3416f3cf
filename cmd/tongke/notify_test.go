//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/store"
)

// TestWrongFileWaits: under a service manager that starts us anew at once, a wrong file is told of six times a minute; at a terminal at once.
func TestWrongFileWaits(t *testing.T) {
	wrong := &fault{exit: exitFailed, code: "config-wrong"}
	for _, tt := range []struct {
		name, socket string
		err          error
		want         time.Duration
	}{
		{"at a terminal", "", wrong, 0},
		{"a wrong file", "/run/x", fmt.Errorf("compose: %w", wrong), configPatience},
		{"after a downgrade", "/run/x", dataFault("/var/lib/tongke", fmt.Errorf("open: %w", store.ErrNewer)), configPatience},
		{"another fault", "/run/x", os.ErrPermission, 0},
	} {
		t.Setenv("NOTIFY_SOCKET", tt.socket)
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			bearWith(tt.err)
			if got := time.Since(began); got != tt.want {
				t.Errorf("%s: waited %v, want %v", tt.name, got, tt.want)
			}
		})
	}
}

// TestServiceManager is the service manager's side of sd_notify(3): told when ready, while alive, and when stopping.
func TestServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n") // short: a socket address has 108 bytes
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "300000")
	p := launch(t, t.TempDir(), "run", "--config", os.DevNull, "--data", filepath.Join(t.TempDir(), "d"), "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	told := func() string {
		t.Helper()
		b := make([]byte, 256)
		sock.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := sock.Read(b)
		if err != nil {
			t.Fatalf("nothing was told: %v", err)
		}
		return string(b[:n])
	}
	counts := map[string]int{}
	for counts["WATCHDOG=1"] < 3 || counts["READY=1"] < 1 {
		counts[told()]++
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for !strings.HasPrefix(told(), "STOPPING=1") {
	}
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
