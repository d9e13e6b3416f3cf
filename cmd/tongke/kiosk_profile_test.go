//go:build unix

package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestTidyProfile: what a power cut leaves of a browser does not stop the next one.
func TestTidyProfile(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, lock  string
		preferences string
		locked      bool
		want        string
	}{
		{"a first start", "", "", false, ""},
		{"a clean end", "", `{"profile":{"exit_type":"Normal"}}`, false, `{"profile":{"exit_type":"Normal"}}`},
		{"a power cut", host + "-4194305", `{"a":12345678901234567890,"profile":{"exit_type":"Crashed","exited_cleanly":false,"name":"x"}}`, false,
			`{"a":12345678901234567890,"profile":{"exit_type":"Normal","exited_cleanly":true,"name":"x"}}`},
		{"half a file", host + "-4194305", `{"profile":{"exit_ty`, false, ""},
		{"nothing but zeros", "", "\x00\x00\x00\x00", false, ""},
		{"a box that was given another name", "another-name-1", `{}`, false, `{}`},
		{"a browser that runs", host + "-" + strconv.Itoa(os.Getpid()), `{}`, true, `{}`},
		{"a list", "", `[]`, false, ""},
		{"no profile", "", `{"profile":3}`, false, `{"profile":3}`},
	} {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		if err := os.Mkdir(at("Default"), 0o700); err != nil {
			t.Fatal(err)
		}
		if tt.lock != "" {
			for name, to := range map[string]string{"SingletonLock": tt.lock, "SingletonCookie": "1", "SingletonSocket": "/tmp/x"} {
				if err := os.Symlink(to, at(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if tt.preferences != "" {
			if err := os.WriteFile(at("Default/Preferences"), []byte(tt.preferences), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tidyProfile(dir, slog.New(slog.DiscardHandler))
		if _, err := os.Readlink(at("SingletonLock")); (err == nil) != tt.locked {
			t.Errorf("%s: locked %v", tt.name, err == nil)
		}
		if _, err := os.Readlink(at("SingletonSocket")); (err == nil) != tt.locked {
			t.Errorf("%s: socket %v", tt.name, err == nil)
		}
		if got, _ := os.ReadFile(at("Default/Preferences")); string(got) != tt.want {
			t.Errorf("%s: settings %s, want %s", tt.name, got, tt.want)
		}
	}
}
