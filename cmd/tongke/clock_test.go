package main

import (
	"testing"
	"time"
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
