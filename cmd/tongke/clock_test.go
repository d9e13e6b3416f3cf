package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tongke/media/cascade"
	"tongke/signaling/join"
	"tongke/signaling/store"
)

func TestClockOffset(t *testing.T) {
	var c clockKeeper
	morning := time.Date(2026, 9, 1, 8, 30, 0, 0, time.UTC)
	const ahead = 8 * time.Hour
	for _, tt := range []struct {
		name          string
		after, clock  time.Duration // of the morning; what the box's clock is ahead
		known         bool          // the parent says the time
		parent, wants time.Duration // what the parent's clock is ahead
	}{
		{"the parent was not heard yet", 1 * time.Second, ahead, false, 0, 0},
		{"it says the time", 3 * time.Second, ahead, true, 0, -ahead},
		{"it is away", 40 * time.Second, ahead, false, 0, -ahead},
		{"the network has told the time", 40*time.Second + 1, 0, false, 0, 0},
		{"the parent agrees", 50 * time.Second, 0, true, time.Second, 0},
		{"somebody sets the clock wrong", 50*time.Second + 1, -time.Hour, false, 0, 0},
		{"the parent says so", 52 * time.Second, -time.Hour, true, 0, time.Hour},
		{"some seconds are no matter", 54 * time.Second, 20 * time.Second, true, 0, 0},
	} {
		now := morning.Add(tt.after)
		if tt.known {
			c.take(now.Add(tt.clock), now.Add(tt.parent), tt.after, false)
		}
		if got := c.offset(now.Add(tt.clock), tt.after); got.Round(time.Second) != tt.wants {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.wants)
		}
	}
}

// TestAParentWhoseClockIsWrong: a box that knows the time from a time server believes no other parent, also when it believed it before.
func TestAParentWhoseClockIsWrong(t *testing.T) {
	var c clockKeeper
	now := time.Date(2026, 9, 1, 8, 30, 0, 0, time.UTC)
	c.take(now, now.Add(-8*time.Hour), time.Second, false)
	if got := c.offset(now, time.Second); got != -8*time.Hour {
		t.Errorf("before the network told the time: %v", got)
	}
	now = now.Add(time.Second)
	c.take(now, now.Add(-8*time.Hour), 2*time.Second, true)
	if got := c.offset(now, 2*time.Second); got != 0 {
		t.Errorf("it follows its parent by %v", got)
	}
}

// TestAParentThatGotTheTimeLater: its link's clock is still eight hours ahead, and its clock is right.
func TestAParentThatGotTheTimeLater(t *testing.T) {
	var p parentTime
	now := time.Now()
	right, media := now.Add(time.Hour), now.Add(9*time.Hour)
	heard := join.Heard{Time: right, At: now, Error: time.Second}
	late := join.Heard{Time: right.Add(time.Hour), At: now, Error: time.Minute}
	for _, tt := range []struct {
		name  string
		take  bool
		id    string
		heard join.Heard
		media time.Time
		after time.Duration
		want  time.Time
	}{
		{"it was not asked", false, "core", join.Heard{}, media, 0, time.Time{}},
		{"it did not answer", true, "core", join.Heard{}, media, 0, media},
		{"nor is the link measured", false, "core", join.Heard{}, time.Time{}, 0, time.Time{}},
		{"its answer took a minute", true, "core", late, media, 0, media},
		{"it says what time it is", true, "core", heard, media, 0, right},
		{"an hour later", false, "core", join.Heard{}, media, time.Hour, right.Add(time.Hour)},
		{"it does not answer any more", true, "core", join.Heard{}, media, 2 * time.Hour, right.Add(2 * time.Hour)},
		{"another parent", false, "other", join.Heard{}, media, 0, time.Time{}},
		{"which says nothing", true, "other", join.Heard{}, media, 0, media},
	} {
		if tt.take {
			p.take(tt.id, tt.heard)
		}
		if got, ok := p.right(tt.id, tt.media, now.Add(tt.after)); !got.Equal(tt.want) || ok == tt.want.IsZero() {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, ok, tt.want)
		}
	}
}

// TestTheTimeComesWithTheAddresses: what a parent answers over HTTP counts more than the clock of its link.
func TestTheTimeComesWithTheAddresses(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.Write([]byte(`{"urls":[]}`))
	}))
	t.Cleanup(s.Close)
	var d daemon
	links := []cascade.PeerStats{{Parent: true, Up: true, RTT: 0.01, ClockOffset: (9 * time.Hour).Seconds()}}
	wants := func(links []cascade.PeerStats, want time.Duration, known bool) {
		t.Helper()
		right, ok := d.timeAt("core", links)
		if ok != known || ok && (time.Until(right)-want).Abs() > time.Minute {
			t.Errorf("%v from now, %v; want %v, %v", time.Until(right), ok, want, known)
		}
	}
	wants(links, 0, false)
	d.theirs.take("core", join.Heard{})
	wants(links, 9*time.Hour, true)
	dial := join.Dial{Parent: store.Parent{ID: "core", URLs: []string{s.URL}}, TLS: s.Client().Transport.(*http.Transport).TLSClientConfig}
	if err := d.swapAddresses(t.Context(), dial, false); err != nil {
		t.Fatal(err)
	}
	wants(links, time.Hour, true)
	links[0].Up = false
	wants(links, 0, false)
}
