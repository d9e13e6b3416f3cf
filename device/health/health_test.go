package health

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tongke/device/probe"
	"tongke/device/probe/probetest"
)

var monday = time.Date(2026, 11, 16, 8, 0, 0, 0, time.Local)

func machine(t *testing.T, name, boot string) probe.Machine {
	t.Helper()
	m := probetest.Load(t, "../probe/testdata", name).Read()
	m.BootID = boot
	return m
}

func start(t *testing.T, dir string, mirrors []string, m probe.Machine, now time.Time) *Log {
	t.Helper()
	l, err := Open(dir, mirrors, m, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestPowerCuts: a week of a school. Only boots that nothing ended count; a daemon that crashed or was updated is not a power cut.
func TestPowerCuts(t *testing.T) {
	dir := t.TempDir()
	at := monday
	day := func(n int) string { return monday.AddDate(0, 0, n).Format(time.DateOnly) }
	// Monday: three cuts. A cut counts at the last sign of life.
	for i, boot := range []string{"a", "b", "c"} {
		l := start(t, dir, nil, machine(t, "n100", boot), at.Add(time.Duration(i)*time.Hour))
		if err := l.Beat(at.Add(time.Duration(i)*time.Hour + 30*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	// Tuesday: the daemon is killed twice and then the machine is shut down.
	at = at.AddDate(0, 0, 1)
	for range 3 {
		start(t, dir, nil, machine(t, "n100", "d"), at)
	}
	l := start(t, dir, nil, machine(t, "n100", "d"), at)
	if err := l.Shutdown(at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	// Wednesday: an update restarts the daemon (a shutdown that was none), then a cut.
	at = at.AddDate(0, 0, 1)
	l = start(t, dir, nil, machine(t, "n100", "e"), at)
	if err := l.Shutdown(at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	start(t, dir, nil, machine(t, "n100", "e"), at.Add(time.Hour))
	// Thursday.
	l = start(t, dir, nil, machine(t, "n100", "f"), at.AddDate(0, 0, 1))
	got := l.History().PowerCuts
	want := map[string]int{day(0): 3, day(2): 1}
	if len(got) != len(want) || got[day(0)] != 3 || got[day(2)] != 1 {
		t.Errorf("power cuts %v, want %v", got, want)
	}
	read, err := Read(dir, machine(t, "n100", "f"))
	if err != nil || read.PowerCuts[day(0)] != 3 {
		t.Errorf("read beside the daemon: %+v %v", read, err)
	}
}

// TestRolledBack: a reset card puts the data directory back to the state of the morning, at each boot.
func TestRolledBack(t *testing.T) {
	disk, mirror := t.TempDir(), t.TempDir()
	m := machine(t, "n100", "a")
	start(t, disk, []string{mirror, filepath.Join(disk, "not-there")}, m, monday)
	frozen, err := os.ReadFile(filepath.Join(disk, FileName))
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, disk, []string{mirror}, m, monday.Add(time.Minute))
	if h := l.History(); !h.RolledBack.IsZero() {
		t.Fatalf("rolled back without cause: %+v", h)
	}
	if err := l.Beat(monday.Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disk, FileName), frozen, 0o600); err != nil { // the card's work
		t.Fatal(err)
	}
	later := monday.Add(24 * time.Hour)
	m.BootID = "b"
	l = start(t, disk, []string{mirror}, m, later)
	if h := l.History(); !h.RolledBack.Equal(later) {
		t.Errorf("rolled back %v, want %v", h.RolledBack, later)
	}
}

// TestRememberedElsewhere: where the card puts back the whole disk, only another box knows better.
func TestRememberedElsewhere(t *testing.T) {
	l := start(t, t.TempDir(), nil, machine(t, "n100", "a"), monday)
	for _, tt := range []struct {
		counter uint64
		want    bool
	}{{0, false}, {1, false}, {57, true}, {57, false}} {
		got, err := l.Elsewhere(tt.counter, monday)
		if err != nil || got != tt.want {
			t.Errorf("a counter of %d elsewhere: %v %v, want %v", tt.counter, got, err, tt.want)
		}
	}
}

// TestErased: after factory-reset the mirror's counter is a leftover, not a rollback.
func TestErased(t *testing.T) {
	mirror := t.TempDir()
	start(t, t.TempDir(), []string{mirror}, machine(t, "n100", "a"), monday)
	if h := start(t, t.TempDir(), []string{mirror}, machine(t, "n100", "b"), monday).History(); !h.RolledBack.IsZero() {
		t.Errorf("%+v", h)
	}
}

// TestCopied: the disk image on another machine, against parts that were merely replaced.
func TestCopied(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*probe.Machine)
		want   bool
	}{
		{"the same machine", func(*probe.Machine) {}, false},
		{"another network card", func(m *probe.Machine) {
			for i := range m.Network.Links {
				m.Network.Links[i].MAC = "02:11:22:33:44:55"
			}
		}, false},
		{"disk in the spare box", func(m *probe.Machine) { m.Network.Links = machine(t, "n5095", "").Network.Links }, false},
		{"image on another box", func(m *probe.Machine) { *m = machine(t, "n5095", "x") }, true},
		{"nothing can be read", func(m *probe.Machine) { m.Network.Links, m.HardwareIDs = nil, nil }, false},
	} {
		dir := t.TempDir()
		start(t, dir, nil, machine(t, "n100", "a"), monday)
		m := machine(t, "n100", "b")
		tt.change(&m)
		l := start(t, dir, nil, m, monday.Add(time.Hour))
		if got := !l.History().Copied.IsZero(); got != tt.want {
			t.Errorf("%s: copied %v, want %v", tt.name, got, tt.want)
		}
		if !tt.want {
			continue
		}
		if err := l.Adopt(m); err != nil {
			t.Fatal(err)
		}
		if h := start(t, dir, nil, m, monday.Add(2*time.Hour)).History(); !h.Copied.IsZero() {
			t.Errorf("%s: still copied after it was adopted", tt.name)
		}
	}
}

// TestDamaged: an emptied or broken file is begun anew.
func TestDamaged(t *testing.T) {
	for _, doc := range []string{"", "{", "null", `{"counter": -1}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		l := start(t, dir, nil, machine(t, "n100", "a"), monday)
		if h := l.History(); len(h.PowerCuts) != 0 {
			t.Errorf("%q: %+v", doc, h)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent"), nil, probe.Machine{}, monday); err == nil {
		t.Error("a directory that is not there: accepted")
	}
}

// TestBounded: a box that boots all day for years keeps a small file, and a clock in 2099 does not erase today.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	var l *Log
	for i := range 300 {
		l = start(t, dir, nil, machine(t, "vm", string(rune('a'+i%26))+time.Duration(i).String()), monday.Add(time.Duration(i)*time.Minute))
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Size() > 64<<10 {
		t.Errorf("%d bytes %v", info.Size(), err)
	}
	if err := l.Beat(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	l = start(t, dir, nil, machine(t, "vm", "last"), monday)
	if n := len(l.History().PowerCuts); n == 0 {
		t.Error("everything forgotten")
	}
}
