package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// TestDaemonLeavesNothing starts and ends a daemon in this process, twice on the same data.
func TestDaemonLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := filepath.Join(t.TempDir(), "data")
	cfg := DefaultConfig()
	cfg.Listen, cfg.Local = []string{"127.0.0.1:0", "[::1]:0"}, "127.0.0.1:0"
	for range 2 {
		d, err := openDaemon(cfg, dir, &console{in: os.Stdin, out: io.Discard, err: io.Discard}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.start(); err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{"http://" + d.at.Local, "https://" + d.at.Listen[0], "https://" + d.at.Listen[1]} {
			if got := statusOf(url + "/readyz"); got != 200 {
				t.Errorf("%s/readyz: %d", url, got)
			}
		}
		if !d.close() {
			t.Error("a part did not end in time")
		}
	}
	noKeepAlive.CloseIdleConnections()
}
