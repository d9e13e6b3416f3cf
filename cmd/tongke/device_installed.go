package main

import (
	"sync"
	"time"
)

// installedFor is how long the wall screen says that the box is set up: who has done so on a phone looks up once.
const installedFor = 2 * time.Minute

// installed remembers that somebody has just said so. The zero value is never.
type installed struct {
	mu      sync.Mutex
	minutes int
	until   time.Time
}

func (i *installed) set(minutes int, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.minutes, i.until = minutes, now.Add(installedFor)
}

// news is how many minutes it took, 0 when that is old or has never been.
func (i *installed) news(now time.Time) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !now.Before(i.until) {
		return 0
	}
	return i.minutes
}

// Installed tells the wall screen.
func (k *deviceDesk) Installed(minutes int) { k.d.installed.set(minutes, time.Now()) }
