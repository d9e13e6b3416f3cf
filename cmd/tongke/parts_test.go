package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPartsEndInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(slog.New(slog.DiscardHandler))
		var ended []string
		for _, name := range []string{"relay", "engine", "https"} {
			p.start(name, func(ctx context.Context) error {
				<-ctx.Done()
				ended = append(ended, name) // one after the other, so nothing guards it
				return nil
			})
		}
		if !p.end() {
			t.Error("not in time")
		}
		if want := []string{"https", "engine", "relay"}; !slices.Equal(ended, want) {
			t.Errorf("ended %v, want %v", ended, want)
		}
	})
}

// TestPartsThatHang has more parts than the stop may wait for, none of which ends.
func TestPartsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(slog.New(slog.DiscardHandler))
		release := make(chan struct{})
		for range 8 {
			p.start("deaf", func(context.Context) error { <-release; return nil })
		}
		began := time.Now()
		if p.end() {
			t.Error("said to have ended in time")
		}
		if took := time.Since(began); took != partsLimit {
			t.Errorf("took %v, want %v", took, partsLimit)
		}
		close(release)
	})
}

func TestPartThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(slog.New(slog.DiscardHandler))
		p.start("good", func(ctx context.Context) error { <-ctx.Done(); return nil })
		p.start("bad", func(context.Context) error { return errors.New("broken") })
		p.start("gone", func(context.Context) error { return nil })
		err := <-p.failed
		if !strings.Contains(err.Error(), "bad: broken") && !strings.Contains(err.Error(), "gone: ended by itself") {
			t.Errorf("got %v", err)
		}
		if !p.end() {
			t.Error("not in time")
		}
	})
}
