package profile_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"tongke/device/probe"
	"tongke/device/probe/probetest"
	"tongke/device/profile"
)

func load(t *testing.T) []profile.Profile {
	t.Helper()
	all, err := profile.Load(os.DirFS("../../firmware-config"), "profiles")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecordedMachines: what each recorded machine is taken for, and why.
func TestRecordedMachines(t *testing.T) {
	all := load(t)
	for name, want := range map[string]struct{ profile, reason string }{
		"n100":     {"n100", `processor "Intel(R) N100" has N100`},
		"n5095":    {"n5095", `processor "Intel(R) Celeron(R) N5095 @ 2.00GHz" has N5095`},
		"ops-i5":   {"ops-i5", `product "OPS-C H410" has OPS`},
		"rk3588":   {"rk3588", `device tree "rockchip,rk3588" has rockchip,rk3588`},
		"old-pc":   {"generic", "no other profile knows Intel(R) Core(TM) i3-4130 CPU @ 3.40GHz"},
		"notebook": {"generic", "no other profile knows AMD Ryzen 5 4600H with Radeon Graphics"},
		"vm":       {"generic", "no other profile knows Intel(R) Xeon(R) Processor @ 2.90GHz"},
	} {
		c, err := profile.Choose(all, probetest.Load(t, "../probe/testdata", name).Read(), "")
		if err != nil || c.Name != want.profile || c.Reason != want.reason {
			t.Errorf("%s is taken for %s (%s) %v, want %s (%s)", name, c.Name, c.Reason, err, want.profile, want.reason)
		}
	}
}

func TestConfigured(t *testing.T) {
	all := load(t)
	c, err := profile.Choose(all, probe.Machine{}, "ops-i5")
	if err != nil || c.Name != "ops-i5" || !strings.Contains(c.Reason, "device.profile") {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := profile.Choose(all, probe.Machine{}, "n99"); !errors.Is(err, profile.ErrUnknown) || !strings.Contains(err.Error(), "n100") {
		t.Errorf("unknown name: %v", err)
	}
}

// TestWords: N100 is not in N1000, and a product of another maker is not an OPS computer.
func TestWords(t *testing.T) {
	all := load(t)
	for cpu, want := range map[string]string{
		"Intel(R) N1000": "generic", "Intel(R) Processor N100": "n100", "intel n97": "n100", "Intel(R) Celeron(R) J4125 CPU @ 2.00GHz": "n5095",
		"Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz": "generic", "": "generic",
	} {
		c, err := profile.Choose(all, probe.Machine{CPU: probe.CPU{Name: cpu}, Model: probe.Model{Product: "Laptops"}}, "")
		if err != nil || c.Name != want {
			t.Errorf("%q: %s %v, want %s", cpu, c.Name, err, want)
		}
	}
}

func TestFaultyProfiles(t *testing.T) {
	for name, doc := range map[string]string{
		"unknown key":     "title = \"x\"\ncolour = 1\n",
		"no title":        "",
		"no such picture": "title = \"x\"\n[capture]\nwidth = 9\n",
		"shell in a flag": "title = \"x\"\n[kiosk]\nflags = [\"--a b\"]\n",
		"foreign sysctl":  "title = \"x\"\n[sysctl]\n\"kernel.panic\" = 1\n",
		"not TOML":        "title = ",
	} {
		if _, err := profile.Load(fstest.MapFS{"p/generic.toml": {Data: []byte(doc)}}, "p"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := profile.Load(fstest.MapFS{"p/n100.toml": {Data: []byte(`title = "x"`)}}, "p"); err == nil {
		t.Error("without a generic profile: accepted")
	}
}
