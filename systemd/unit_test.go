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
		{"Service", "WatchdogSec", "30"},
		{"Service", "Restart", "always"},
		{"Service", "User", "tongke"},
		{"Service", "StateDirectory", "tongke"},
		{"Service", "StateDirectoryMode", "0700"},
		{"Service", "NoNewPrivileges", "yes"},
		{"Service", "ProtectSystem", "strict"},
		{"Service", "CapabilityBoundingSet", ""},
		{"Service", "AmbientCapabilities", ""},
		// Nothing of /dev but the sound cards, for their volumes.
		{"Service", "PrivateDevices", "yes"},
		{"Service", "DevicePolicy", "closed"},
		{"Service", "DeviceAllow", "char-alsa rw"},
		{"Service", "BindPaths", "-/dev/snd"},
		{"Service", "SupplementaryGroups", "audio"},
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
	// The checks of a sign of life may take 8 s and come every third of WatchdogSec.
	dog, err := time.ParseDuration(u["Service"]["WatchdogSec"][0] + "s")
	if err != nil || dog < 3*8*time.Second {
		t.Errorf("WatchdogSec=%v %v", dog, err)
	}
}

// TestKioskUnit: what must be there for a wall that nobody tends.
func TestKioskUnit(t *testing.T) {
	u := read(t, "tongke-kiosk.service")
	if got := u["Service"]["ExecStart"]; !slices.Equal(got, []string{"/usr/bin/cage -d -- /usr/bin/tongke kiosk"}) {
		t.Errorf("ExecStart= is %q", got)
	}
	if got := u["Service"]["Restart"]; !slices.Equal(got, []string{"always"}) {
		t.Errorf("Restart= is %q", got)
	}
	if u["Unit"]["StartLimitIntervalSec"] == nil {
		t.Error("a screen that is off for a minute would stop the wall for ever")
	}
}

// units are all of them, with the exposure that each may have, in tenths, as systemd-analyze security counts it.
var units = map[string]string{
	"tongke.service":         "12",
	"tongke-doctor.service":  "25",
	"tongke-network.service": "15",
	"tongke-kiosk.service":   "70", // a browser, its sandbox and a screen
}

// TestNetworkUnits: the helper waits for what the daemon writes, and may write networkd's folders only.
func TestNetworkUnits(t *testing.T) {
	if got := read(t, "tongke-network.path")["Path"]["PathChanged"]; !slices.Equal(got, []string{"/run/tongke/network-request.json"}) {
		t.Errorf("PathChanged= is %q", got)
	}
	u := read(t, "tongke-network.service")["Service"]
	for key, want := range map[string]string{
		"ExecStart": "/usr/bin/tongke network-helper", "CapabilityBoundingSet": "CAP_NET_ADMIN", "ProtectSystem": "strict",
		"ReadWritePaths": "-/etc/systemd/network -/run/systemd/network", "RuntimeDirectory": "tongke-network",
	} {
		if got := u[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s= is %q, want %q", key, got, want)
		}
	}
}

// TestReasons: every block of settings has a comment above it, so that a reader knows what it is for.
func TestReasons(t *testing.T) {
	for name := range units {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(string(doc), "\n\n") {
			first, _, _ := strings.Cut(strings.TrimSpace(block), "\n")
			if !strings.HasPrefix(first, "#") && !strings.HasPrefix(first, "[") {
				t.Errorf("%s: nobody says why: %s", name, first)
			}
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".service") && units[e.Name()] == "" {
			t.Errorf("%s has no limit of exposure here", e.Name())
		}
	}
}

// TestVerify asks systemd itself, where it is installed: the syntax, and how much a unit is exposed.
func TestVerify(t *testing.T) {
	bin, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is missing (apt-get install systemd): the units were not judged by systemd")
	}
	for name, limit := range units {
		out, err := exec.Command(bin, "security", "--offline=yes", "--no-pager", "--threshold="+limit, "./"+name).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
		if path := strings.TrimSuffix(name, ".service") + ".path"; exists(path) {
			out, _ = exec.Command(bin, "verify", "--man=no", "./"+path).CombinedOutput()
			for line := range strings.Lines(string(out)) {
				if !strings.Contains(line, "is not executable: No such file or directory") {
					t.Errorf("systemd-analyze verify: %s", line)
				}
			}
		}
		// What is not installed here is no fault of the unit.
		out, _ = exec.Command(bin, "verify", "--man=no", "./"+name).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "is not executable: No such file or directory") {
				t.Errorf("systemd-analyze verify: %s", line)
			}
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
