package main

import (
	"strings"
	"testing"
)

func TestRecordingConfig(t *testing.T) {
	for _, c := range []struct {
		doc, want string
		reserve   int64
	}{
		{`reserve = "20 GB"`, "", 20e9},
		{`reserve = "500MB"`, "", 500e6},
		{`reserve = ""`, "", 0},
		{`reserve = "a lot"`, `recording.reserve: "a lot" is no size, write it as 10 GB`, 0},
		{`reserve = "-1 GB"`, `recording.reserve: "-1 GB" is no size, write it as 10 GB`, 0},
		{`dir = "films"`, `recording.dir: "films" is not a full path, begin it with /`, 0},
		{`retention_days = -1`, "recording.retention_days: -1 is out of range, write 1 to 3650, or 0 for ever", 0},
		{`retention_days = 0`, "", 0},
	} {
		cfg := DefaultConfig()
		var got []string
		for _, f := range parseConfig([]byte("[recording]\n"+c.doc+"\n"), &cfg) {
			got = append(got, f.Error())
		}
		if s := strings.Join(got, "\n"); s != c.want || c.want == "" && cfg.Recording.reserve() != c.reserve {
			t.Errorf("%s: %q, reserve %d", c.doc, s, cfg.Recording.reserve())
		}
	}
	if c := DefaultConfig().Recording; c.recordings("/d") != "/d/recordings" || c.retention().Hours() != 30*24 {
		t.Errorf("defaults: %s, %v", c.recordings("/d"), c.retention())
	}
}
