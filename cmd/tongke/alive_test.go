package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAskAll: one part that hangs, or refuses, keeps the sign of life back, and its name is told.
func TestAskAll(t *testing.T) {
	well := func(context.Context) error { return nil }
	hang := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Hour); return nil }
	for _, tt := range []struct {
		name  string
		store func(context.Context) error
		want  string
	}{
		{"all well", well, ""},
		{"the store hangs", hang, "store does not answer"},
		{"the store is broken", func(context.Context) error { return errors.New("bad page") }, "store: bad page"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), aliveLimit)
				defer cancel()
				began := time.Now()
				err := askAll(ctx, map[string]func(context.Context) error{"relay": well, "http": well, "store": tt.store})
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || time.Since(began) > aliveLimit {
					t.Errorf("%v after %v, want %q", err, time.Since(began), tt.want)
				}
				time.Sleep(2 * time.Hour) // what hung ends
			})
		})
	}
}

// TestSilence: whoever refuses is alive, whoever does not answer is not.
func TestSilence(t *testing.T) {
	if err := silence(context.DeadlineExceeded); err == nil {
		t.Error("waiting in vain is an answer")
	}
	if err := silence(errors.New("connection refused")); err != nil {
		t.Errorf("a refusal is no answer: %v", err)
	}
}
