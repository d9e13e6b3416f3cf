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
	for _, r := range t.names("sys/class/rtc") {
		c.RTC = true
		at := path.Join("sys/class/rtc", r)
		if when, err := time.Parse("2006-01-02 15:04:05", t.text(at+"/date")+" "+t.text(at+"/time")); err == nil {
			c.RTCTime = when
			break
		}
	}
	return c
}
