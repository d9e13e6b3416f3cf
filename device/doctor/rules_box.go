package doctor

import (
	"fmt"
	"strings"
	"time"
)

func configWrong(in *Input) ([]any, string, bool) {
	return nil, strings.Join(in.Facts.ConfigFaults, "; "), len(in.Facts.ConfigFaults) > 0
}

// portTaken: the daemon does not run, and somebody listens where it would.
func portTaken(in *Input) ([]any, string, bool) {
	if in.Facts.Running != No {
		return nil, "", false
	}
	for _, p := range in.Machine.Ports {
		for _, want := range in.Facts.Ports {
			if p.Addr.Port() == want {
				return nil, fmt.Sprintf("%s %v belongs to user %d", p.Network, p.Addr, p.UID), true
			}
		}
	}
	return nil, "", false
}

func dataNewer(in *Input) ([]any, string, bool) { return nil, "", in.Facts.DataNewer == Yes }

func notRunning(in *Input) ([]any, string, bool) { return nil, "", in.Facts.Running == No }

func copied(in *Input) ([]any, string, bool) { return nil, "", !in.History.Copied.IsZero() }

// rolledBack is told for a week: a reset card does it at each boot.
func rolledBack(in *Input) ([]any, string, bool) {
	at := in.History.RolledBack
	return nil, at.Format(time.DateTime), !at.IsZero() && in.Machine.At.Sub(at) < 7*24*time.Hour
}

func diskFailing(in *Input) ([]any, string, bool) {
	d := in.Machine.Disk
	switch {
	case d.Over:
		return nil, d.Name + " says itself that its spare blocks are gone", true
	case d.WearPercent > 100: // JEDEC 84-B51: 0x0B, exceeded its maximum estimated life
		return nil, d.Name + " has exceeded its life", true
	case d.Errors > 0:
		return nil, fmt.Sprintf("%s remembers %d errors", d.FileSystem, d.Errors), true
	}
	return nil, "", false
}

func diskReadOnly(in *Input) ([]any, string, bool) {
	return nil, tellDisk(in), in.Machine.Disk.ReadOnly
}

// fullBelow is where nothing can be kept any more: the database needs room for its pages.
const fullBelow = 100 << 20

func diskFull(in *Input) ([]any, string, bool) {
	d := in.Machine.Disk
	return nil, tellDisk(in), d.Total > 0 && d.Free < fullBelow
}

func diskNearlyFull(in *Input) ([]any, string, bool) {
	d := in.Machine.Disk
	return nil, tellDisk(in), d.Total > 0 && float64(d.Free) < in.Profile.Thresholds.DiskFreeGiB*(1<<30)
}

func diskWorn(in *Input) ([]any, string, bool) {
	w := in.Machine.Disk.WearPercent
	return []any{w}, in.Machine.Disk.Model, w >= in.Profile.Thresholds.WearPercent
}

func diskSlow(in *Input) ([]any, string, bool) {
	d := in.Machine.Disk
	return nil, fmt.Sprintf("a write waits %v", d.WriteWait), d.WriteWait > in.Profile.Thresholds.WriteWait()
}

func tooHot(in *Input) ([]any, string, bool) {
	t := in.Machine.Thermal
	limit := in.Profile.Thresholds.Temperature
	if t.Critical > 0 {
		limit = min(limit, t.Critical-5)
	}
	return []any{t.Celsius}, tellHeat(in), t.Known && t.Celsius >= limit
}

// throttled: for a share of the uptime, or by a cap that stands now on a warm machine. On a cool one somebody saves power.
func throttled(in *Input) ([]any, string, bool) {
	c, up := in.Machine.CPU, in.Machine.Uptime
	long := c.Throttled > 10*time.Second && c.Throttled*100 > up*time.Duration(in.Profile.Thresholds.ThrottledPct)
	warm := in.Machine.Thermal.Known && in.Machine.Thermal.Celsius > in.Profile.Thresholds.Temperature-15
	capped := warm && c.MaxMHz > 0 && c.AllowedMHz > 0 && c.AllowedMHz*3 < c.MaxMHz*2
	return nil, fmt.Sprintf("slowed for %v, may run at %d of %d MHz", c.Throttled.Truncate(time.Second), c.AllowedMHz, c.MaxMHz), long || capped
}

func memoryLow(in *Input) ([]any, string, bool) {
	m := in.Machine.Memory
	return nil, tellMemory(in), m.Total > 0 && (m.Available > 0 && m.Available>>20 < int64(in.Profile.Thresholds.MemoryMiB) || m.Stalled > 0.1)
}

// A box that is as old as this, without an update, is less likely than a clock in the far future.
const oldestBox = 8 * 365 * 24 * time.Hour

// clockUnset: the clock shows a time before this program was made or long after it, and nobody has corrected it yet.
func clockUnset(in *Input) ([]any, string, bool) {
	f := in.Facts
	early := !f.Built.IsZero() && in.Machine.At.Before(f.Built.Add(-24*time.Hour)) // a day: built in another time zone
	late := !f.Built.IsZero() && in.Machine.At.Sub(f.Built) > oldestBox
	off := f.ClockKnown && f.ClockOffset.Abs().Seconds() > in.Profile.Thresholds.ClockSeconds
	return nil, fmt.Sprintf("shows %v, away by %v", in.Machine.At.Format(time.DateTime), f.ClockOffset), early || late || off
}

// clockWrong: the clock is right now, and the one on the board that should have kept it is far away. Boards that keep local time are off
// by whole hours, fourteen at most.
func clockWrong(in *Input) ([]any, string, bool) {
	c := in.Machine.Clock
	return nil, "the board's clock shows " + c.RTCTime.Format(time.DateTime), c.RTC && !c.RTCTime.IsZero() && in.Machine.At.Sub(c.RTCTime).Abs() > 15*time.Hour
}

// powerCuts tells of today, else of yesterday.
func powerCuts(in *Input) ([]any, string, bool) {
	now := in.Machine.At.Local()
	for i, day := range []Words{{"今天", "today"}, {"昨天", "yesterday"}} {
		if n := in.History.PowerCuts[now.AddDate(0, 0, -i).Format(time.DateOnly)]; n >= in.Profile.Thresholds.PowerCutsADay {
			return []any{day, n}, "", true
		}
	}
	return nil, "", false
}

func tellDisk(in *Input) string {
	d := in.Machine.Disk
	if d.Total == 0 {
		return ""
	}
	s := fmt.Sprintf("%s %s, %.1f of %.1f GiB free", d.Name, d.Kind, float64(d.Free)/(1<<30), float64(d.Total)/(1<<30))
	if d.WearPercent >= 0 {
		s += fmt.Sprintf(", %d%% worn", d.WearPercent)
	}
	if d.ReadOnly {
		s += ", read-only"
	}
	return s
}

func tellHeat(in *Input) string {
	if !in.Machine.Thermal.Known {
		return ""
	}
	return fmt.Sprintf("%.0f ℃", in.Machine.Thermal.Celsius)
}

func tellMemory(in *Input) string {
	m := in.Machine.Memory
	return fmt.Sprintf("%d of %d MiB free", m.Available>>20, m.Total>>20)
}
