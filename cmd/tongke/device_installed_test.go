package main

import (
	"testing"
	"time"
)

func TestInstalledIsNews(t *testing.T) {
	var i installed
	now := time.Now()
	if i.news(now) != 0 {
		t.Error("news of nothing")
	}
	i.set(7, now)
	for after, want := range map[time.Duration]int{0: 7, installedFor - 1: 7, installedFor: 0, time.Hour: 0} {
		if got := i.news(now.Add(after)); got != want {
			t.Errorf("after %v: %d, want %d", after, got, want)
		}
	}
}
