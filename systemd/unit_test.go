// Package systemd holds the units that run a box, and what must hold of them.
package systemd

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// read returns the settings of a unit by section; a key may have several values.
func read(t *testing.T, name string) map[string]map[string][]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]map[string][]string{}
	section := ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			out[section] = map[string][]string{}
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || out[section] == nil {
				t.Fatalf("%s: %q is no setting", name, line)
			}
			out[section][key] = append(out[section][key], value)
		}
	}
	return out
}

func TestDaemonUnit(t *testing.T) {
	u := read(t, "tongke.service")
	for _, want := range []struct{ section, key, value string }{
		{"Service", "Type", "notify"},
		{"Service", "Restart", "always"},
		{"Service", "DynamicUser", "yes"},
		{"Service", "StateDirectory", "tongke"},
		{"Service", "NoNewPrivileges", "yes"},
		{"Service", "ProtectSystem", "strict"},
		{"Service", "CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"},
		{"Install", "WantedBy", "multi-user.target"},
	} {
		if got := u[want.section][want.key]; !slices.Equal(got, []string{want.value}) {
			t.Errorf("%s= is %q, want %q", want.key, got, want.value)
		}
	}
	// A stop may take 5 s; systemd must wait longer.
	stop, err := time.ParseDuration(u["Service"]["TimeoutStopSec"][0] + "s")
	if err != nil || stop <= 5*time.Second {
		t.Errorf("TimeoutStopSec=%v %v, want more than the daemon's 5 s", stop, err)
	}
}

// TestVerify asks systemd itself, where it is installed.
func TestVerify(t *testing.T) {
	bin, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is missing (apt-get install systemd): the unit's syntax was not judged by systemd")
	}
	out, err := exec.Command(bin, "security", "--offline=yes", "--threshold=25", "./tongke.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
