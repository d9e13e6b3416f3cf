package probe

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var cpuFolder = regexp.MustCompile(`^cpu[0-9]+$`)

func (t tree) cpu(uptime time.Duration) CPU {
	info := t.lines("proc/cpuinfo")
	c := CPU{}
	for _, l := range info {
		k, v, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}
		switch strings.TrimSpace(k) {
		case "processor":
			c.Cores++
		case "model name", "Model Name": // loongson writes it with capitals
			if c.Name == "" {
				c.Name = clean(v)
			}
		}
	}
	const base = "sys/devices/system/cpu"
	for _, n := range t.names(base) {
		if !cpuFolder.MatchString(n) {
			continue
		}
		most, now := t.int(path.Join(base, n, "cpufreq/cpuinfo_max_freq"))/1000, t.int(path.Join(base, n, "cpufreq/scaling_max_freq"))/1000
		if most > c.MaxMHz {
			c.MaxMHz, c.AllowedMHz = most, now
		}
		ms := t.int(path.Join(base, n, "thermal_throttle/package_throttle_total_time_ms"))
		if ms > 0 && int64(ms) <= uptime.Milliseconds() { // counters wrap
			c.Throttled = max(c.Throttled, time.Duration(ms)*time.Millisecond)
		}
	}
	first, _, _ := strings.Cut(t.text("proc/loadavg"), " ")
	c.Load, _ = strconv.ParseFloat(first, 64)
	return c
}

// Sensors of processors, by hwmon name; board sensors and disks have their own scales.
var processorSensor = map[string]bool{"coretemp": true, "k10temp": true, "zenpower": true, "cpu_thermal": true, "soc_thermal": true, "loongson2_thermal": true,
	"via_cputemp": true, "zhaoxin_cputemp": true}

// Zones of processors, by the beginning of their type.
var processorZones = []string{"x86_pkg_temp", "cpu", "soc", "bigcore", "littlecore", "TCPU"}

// thermal takes the hottest of the processor's sensors. A value outside −20 to 125 °C is a sensor that is not there: processors switch
// themselves off at 100 to 115 °C, and a zone of a part without power reads 127 and more.
func (t tree) thermal() Thermal {
	var out Thermal
	take := func(milli, critical int64) {
		if c := float64(milli) / 1000; c > -20 && c < 125 && c != 0 && (!out.Known || c > out.Celsius) {
			out.Known, out.Celsius = true, c
		}
		if c := float64(critical) / 1000; c > 60 && c < 150 && (out.Critical == 0 || c < out.Critical) {
			out.Critical = c
		}
	}
	const mon = "sys/class/hwmon"
	for _, h := range t.names(mon) {
		if !processorSensor[t.text(path.Join(mon, h, "name"))] {
			continue
		}
		for _, f := range t.names(path.Join(mon, h)) {
			if s, ok := strings.CutSuffix(f, "_input"); ok && strings.HasPrefix(s, "temp") {
				v, _ := t.number(path.Join(mon, h, f))
				crit, _ := t.number(path.Join(mon, h, s+"_crit"))
				take(v, crit)
			}
		}
	}
	const zones = "sys/class/thermal"
	for _, z := range t.names(zones) {
		kind := t.text(path.Join(zones, z, "type"))
		for _, p := range processorZones {
			if strings.HasPrefix(kind, p) {
				v, _ := t.number(path.Join(zones, z, "temp"))
				take(v, t.criticalTrip(path.Join(zones, z)))
				break
			}
		}
	}
	return out
}

func (t tree) criticalTrip(zone string) int64 {
	for _, f := range t.names(zone) {
		if s, ok := strings.CutSuffix(f, "_type"); ok && strings.HasPrefix(s, "trip_point_") && t.text(path.Join(zone, f)) == "critical" {
			v, _ := t.number(path.Join(zone, s+"_temp"))
			return v
		}
	}
	return 0
}

func (t tree) memory() Memory {
	f := t.fields("proc/meminfo")
	kib := func(key string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(f[key], "kB")), 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return 0
		}
		return n << 10
	}
	m := Memory{Total: kib("MemTotal"), Available: kib("MemAvailable"), SwapTotal: kib("SwapTotal"), SwapFree: kib("SwapFree")}
	if _, ok := f["MemAvailable"]; !ok {
		m.Available = kib("MemFree") + kib("Cached")
	}
	for _, l := range t.lines("proc/pressure/memory") { // Documentation/accounting/psi.rst
		if rest, ok := strings.CutPrefix(l, "some "); ok {
			for f := range strings.FieldsSeq(rest) {
				if v, ok := strings.CutPrefix(f, "avg60="); ok {
					p, _ := strconv.ParseFloat(v, 64)
					m.Stalled = min(max(p, 0), 100) / 100
				}
			}
		}
	}
	return m
}
