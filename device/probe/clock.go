package probe

import (
	"path"
	"time"
)

func (t tree) clock(calls Calls) Clock {
	c := Clock{
		Source:       t.text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
		Synchronised: calls.Synchronised() || t.has("run/systemd/timesync/synchronized"),
	}
	// Of several the one that the kernel set its time by: a power manager has a clock too, and that one has no battery.
	for _, r := range t.names("sys/class/rtc") {
		c.RTC = true
		at := path.Join("sys/class/rtc", r)
		when, err := time.Parse("2006-01-02 15:04:05", t.text(at+"/date")+" "+t.text(at+"/time"))
		if chosen := t.text(at+"/hctosys") == "1"; err == nil && (c.RTCTime.IsZero() || chosen) {
			c.RTCTime = when
			if chosen {
				break
			}
		}
	}
	return c
}
