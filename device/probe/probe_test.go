package probe_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tongke/device/probe"
	"tongke/device/probe/probetest"
)

// summary is what a technician would write down of a machine.
func summary(m probe.Machine) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s / %s / %s, %s", m.Model.Vendor, m.Model.Product, m.Model.Board, m.System)
	line("cpu %q %d cores %d of %d MHz, throttled %v, %.0f °C critical %.0f", m.CPU.Name, m.CPU.Cores, m.CPU.AllowedMHz, m.CPU.MaxMHz, m.CPU.Throttled, m.Thermal.Celsius, m.Thermal.Critical)
	line("memory %d of %d MiB", m.Memory.Available>>20, m.Memory.Total>>20)
	d := m.Disk
	line("disk %s %s %q %d GB, %s free %d of %d GiB ro=%v worn %d over=%v errors %d write %v", d.Name, d.Kind, d.Model, d.Size/1e9, d.FileSystem, d.Free>>30, d.Total>>30, d.ReadOnly, d.WearPercent, d.Over, d.Errors, d.WriteWait.Round(time.Millisecond))
	for _, l := range m.Network.Links {
		line("link %s wifi=%v up=%v carrier=%v %d Mb/s losses %d signal %d permanent=%v %v usable=%v", l.Name, l.Wireless, l.Up, l.Carrier, l.SpeedMbps, l.Losses, l.SignalDBM, l.Permanent, l.Addresses, l.Usable())
	}
	line("gateway %v by %s, resolvers %v", m.Network.Gateway, m.Network.GatewayVia, m.Network.Resolvers)
	for _, c := range m.Cameras {
		w, h := c.Largest(24)
		line("camera %s %q %s:%s port %s %.0f Mb/s h264=%v %dx%d", c.Device, c.Name, c.Vendor, c.Product, c.Port, c.USBMbps, c.H264, w, h)
	}
	for _, c := range m.Sound.Cards {
		line("card %d %s %q usb=%v port %s hears %d speaks %d hdmi=%v controls %d", c.Number, c.ID, c.Name, c.USB, c.Port, c.Captures, c.Playbacks, c.HDMI, len(c.Controls))
	}
	for _, s := range m.Displays {
		if s.Connected {
			line("screen %s %q %dx%d %.1f inch internal=%v", s.Name, s.Screen, s.Width, s.Height, float64(s.InchTenth)/10, s.Internal)
		}
	}
	line("clock %s rtc=%v synchronised=%v", m.Clock.Source, m.Clock.RTC, m.Clock.Synchronised)
	line("ports %d", len(m.Ports))
	line("ids %q", m.HardwareIDs)
	return b.String()
}

// TestMachines compares what is read of each recorded machine with testdata/NAME.txt; UPDATE=1 writes them, for a person to read.
func TestMachines(t *testing.T) {
	for _, m := range probetest.All(t, "testdata") {
		t.Run(m.Name, func(t *testing.T) {
			got := summary(m.Read())
			file := "testdata/" + m.Name + ".txt"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestThisMachine reads the machine that runs the test, whatever it is.
func TestThisMachine(t *testing.T) {
	began := time.Now()
	m := probe.Read(os.DirFS("/"), probe.System(), probe.Options{DataDir: t.TempDir()})
	if m.CPU.Cores < 1 || m.Memory.Total == 0 || m.Disk.Total == 0 || m.BootID == "" || m.Uptime == 0 {
		t.Errorf("not even that much was read: %+v", m)
	}
	t.Logf("in %v:\n%s", time.Since(began), summary(m))
}

// TestNothing: a root without a single file, as in a sandbox that hides everything, is a machine of which nothing is known.
func TestNothing(t *testing.T) {
	m := &probetest.Machine{Name: "nothing", Tree: fstest.MapFS{}}
	m.Set(".calls/now", "2026-11-20T02:31:12Z")
	got := m.Read()
	if got.Disk.WearPercent != -1 || got.Thermal.Known || len(got.Network.Links) != 0 || got.Disk.Total != 0 {
		t.Errorf("%+v", got)
	}
}

// TestSandboxed: where devices may not be opened, cameras and microphones are still seen.
func TestSandboxed(t *testing.T) {
	for _, m := range probetest.All(t, "testdata") {
		open := m.Read()
		delete(m.Tree, ".calls/formats/video0")
		m.Remove(t, `^\.calls/(formats|mixer)/|^\.calls/statfs`)
		closed := m.Read()
		if len(open.Cameras) != len(closed.Cameras) {
			t.Errorf("%s: %d cameras when they may be asked, %d when not", m.Name, len(open.Cameras), len(closed.Cameras))
		}
		if len(open.Sound.Microphones()) != len(closed.Sound.Microphones()) {
			t.Errorf("%s: microphones differ", m.Name)
		}
	}
}

// FuzzFile gives any of the files that are read any content: a kernel from the future, a dying disk, a USB device with a made-up name.
func FuzzFile(f *testing.F) {
	files := []string{
		"proc/cpuinfo", "proc/meminfo", "proc/self/mountinfo", "proc/diskstats", "proc/net/route", "proc/net/ipv6_route", "proc/net/wireless",
		"proc/net/tcp", "proc/net/tcp6", "proc/asound/cards", "proc/asound/pcm", "proc/uptime", "proc/loadavg", "proc/pressure/memory",
		"etc/resolv.conf", "etc/os-release", "sys/class/net/enp2s0/speed", "sys/class/thermal/thermal_zone1/temp",
		"sys/class/drm/card0-HDMI-A-1/edid", "sys/block/mmcblk0/device/life_time", "sys/class/rtc/rtc0/date",
	}
	m := probetest.Load(f, "testdata", "n5095")
	for i, name := range files {
		if file := m.Tree[name]; file != nil {
			f.Add(i, file.Data)
		} else {
			f.Add(i, []byte("0"))
		}
	}
	f.Fuzz(func(t *testing.T, which int, doc []byte) {
		m := probetest.Load(t, "testdata", "n5095")
		name := files[uint(which)%uint(len(files))]
		m.Set(name, string(doc))
		got := m.Read()
		for _, c := range got.Cameras {
			if strings.ContainsAny(c.Name, "\n\x1b") {
				t.Errorf("camera %q", c.Name)
			}
		}
		if got.Memory.Total < 0 || got.CPU.Throttled < 0 || got.Disk.WriteWait < 0 || got.Uptime < 0 {
			t.Errorf("negative: %+v", got)
		}
	})
}
