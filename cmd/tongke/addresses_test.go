package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/device/backup"
	"tongke/signaling/store"
)

// TestWhomToCall counts calls over a night in which one box is switched off, one is there, and one never told an address.
func TestWhomToCall(t *testing.T) {
	children := []store.Child{{ID: "off", URLs: []string{"https://a:1"}}, {ID: "on", URLs: []string{"https://b:1"}}, {ID: "old"}}
	due := map[string]nextCall{}
	now := time.Date(2026, 9, 1, 20, 0, 0, 0, time.UTC)
	var calls []time.Duration
	for at := time.Duration(0); at < 10*time.Hour; at += callFirst {
		for _, c := range whomToCall(due, children, map[string]bool{"on": true}, now.Add(at)) {
			if c.ID != "off" {
				t.Fatalf("%s is called", c.ID)
			}
			calls = append(calls, at)
		}
	}
	if len(calls) < 60 || len(calls) > 80 || calls[1] > 10*time.Second {
		t.Errorf("%d calls, the first %v", len(calls), calls[:5])
	}
	here := map[string]bool{"on": true, "off": true, "old": true}
	if list := whomToCall(due, children, here, now); len(list) != 0 || len(due) != 0 {
		t.Errorf("all are there: %v, %v", list, due)
	}
}

func TestStoppedURLs(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Box.Hosts = []string{"hexin.example"}
	cfg.Listen = []string{"192.0.2.1:9443", ":0"}
	if got, want := stoppedURLs(cfg), []string{"https://hexin.example:9443", "https://192.0.2.1:9443"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	cfg.Listen = nil
	if got := stoppedURLs(cfg); len(got) == 0 || got[0] != "https://hexin.example:8443" {
		t.Errorf("%v", got)
	}
}

// TestWhatARestoredBoxIsToldOf: with the old address there is nothing to do; else it says all that can be done, in both languages.
func TestWhatARestoredBoxIsToldOf(t *testing.T) {
	const old, here = "https://192.0.2.1:8443", "https://192.0.2.9:8443"
	for _, tt := range []struct {
		name       string
		f          found
		config     bool
		says, hush []string
	}{
		{
			"the old address", found{backup.Manifest{Name: "核心", URLs: []string{"https://hexin.example:8443", old}}, 3, []string{old}}, false,
			[]string{"look for it: 3, at ", "https://hexin.example:8443 " + old, "by themselves", "自己连回来"}, []string{"Do one of these", "请选一样"},
		},
		{
			"another", found{backup.Manifest{Name: "核心", URLs: []string{old}}, 3, []string{here}}, true,
			[]string{"look for it: 3, at " + old, "is at " + here, "1. ", "2. ", "/device", "核心校的新地址", backup.Config, "有 3 台设备会到 " + old}, nil,
		},
		{"a backup that does not say", found{backup.Manifest{Name: "核心"}, 1, []string{here}}, false, []string{"look for it: 1, at ?", "1. ", "2. "}, nil},
		{"nobody joined it", found{backup.Manifest{Name: "核心"}, 0, []string{here}}, false, []string{"systemctl start tongke"}, []string{"look for it", "1. "}},
	} {
		dir := t.TempDir()
		if tt.config {
			if err := os.WriteFile(filepath.Join(dir, backup.Config), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		words := tt.f.words(dir)
		for _, w := range tt.says {
			if !strings.Contains(words, w) {
				t.Errorf("%s: does not say %q:\n%s", tt.name, w, words)
			}
		}
		for _, w := range tt.hush {
			if strings.Contains(words, w) {
				t.Errorf("%s: says %q:\n%s", tt.name, w, words)
			}
		}
	}
}
