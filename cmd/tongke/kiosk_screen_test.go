//go:build linux

package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tongke/device/probe/probetest"
)

// cables is the tree of a recorded machine whose screens are plugged in and out.
type cables struct {
	mu   sync.Mutex
	tree fstest.MapFS
}

func recorded(t *testing.T, machine string) *cables {
	t.Helper()
	return &cables{tree: probetest.Load(t, "../../device/probe/testdata", machine).Tree}
}

// Open is fs.FS.
func (c *cables) Open(name string) (fs.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tree.Open(name)
}

// ReadLink is fs.ReadLinkFS.
func (c *cables) ReadLink(name string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tree.ReadLink(name)
}

// Lstat is fs.ReadLinkFS.
func (c *cables) Lstat(name string) (fs.FileInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tree.Lstat(name)
}

// set writes the files of a socket that the kernel changes, as it does: a name of another file copies that file.
func (c *cables) set(socket string, files map[string][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.tree {
		dir, base := filepath.Split(name)
		if text, ok := files[base]; ok && strings.HasSuffix(dir, "-"+socket+"/") {
			c.tree[name] = &fstest.MapFile{Data: text, Mode: 0o444}
		}
	}
}

func (c *cables) edid(t *testing.T, socket string) []byte {
	t.Helper()
	for name, f := range c.tree {
		if strings.HasSuffix(name, "-"+socket+"/edid") && len(f.Data) >= 128 {
			return f.Data
		}
	}
	t.Fatalf("%s has no EDID", socket)
	return nil
}

func (c *cables) pull(socket string) {
	c.set(socket, map[string][]byte{"status": []byte("disconnected\n"), "edid": nil})
}

func (c *cables) plug(socket string, edid []byte) {
	c.set(socket, map[string][]byte{"status": []byte("connected\n"), "edid": edid})
}

// TestScreens: what is done with the HDMI cable, and whether browser and compositor are to begin anew.
func TestScreens(t *testing.T) {
	const socket, other = "HDMI-A-1", "DP-1"
	for _, tt := range []struct {
		name string
		do   func(c *cables, edid, another []byte)
		want bool
	}{
		{"nothing", func(*cables, []byte, []byte) {}, false},
		{"its source is changed", func(c *cables, edid, _ []byte) {
			c.pull(socket)
			time.Sleep(2 * time.Second)
			c.plug(socket, edid)
		}, false},
		{"off for the night, and on", func(c *cables, edid, _ []byte) {
			c.pull(socket)
			time.Sleep(10 * time.Minute)
			c.plug(socket, edid)
		}, true},
		{"pulled out", func(c *cables, _, _ []byte) { c.pull(socket) }, false},
		{"a loose plug", func(c *cables, edid, _ []byte) {
			c.pull(socket)
			time.Sleep(5 * time.Second)
			for range 5 {
				time.Sleep(time.Second)
				c.plug(socket, edid)
				time.Sleep(time.Second)
				c.pull(socket)
			}
		}, false},
		{"a loose plug that holds at last", func(c *cables, edid, _ []byte) {
			for range 5 {
				c.pull(socket)
				time.Sleep(4 * time.Second)
				c.plug(socket, edid)
				time.Sleep(time.Second)
			}
		}, true},
		{"into the other socket", func(c *cables, edid, _ []byte) {
			c.pull(socket)
			c.plug(other, edid)
		}, true},
		{"another panel", func(c *cables, _, another []byte) { c.plug(socket, another) }, true},
		{"a second screen", func(c *cables, _, another []byte) { c.plug(other, another) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := recorded(t, "n100")
				s := thisScreen()
				s.root = c
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- s.watch(ctx, slog.New(slog.DiscardHandler)) }()
				time.Sleep(10*time.Second + time.Millisecond) // beside the ticks
				tt.do(c, c.edid(t, socket), recorded(t, "ops-i5").edid(t, "DP-1"))
				time.Sleep(10 * time.Second)
				cancel()
				if err := <-ended; errors.Is(err, errScreen) != tt.want || err != nil && !tt.want {
					t.Errorf("%v, want an end %v", err, tt.want)
				}
			})
		})
	}
}

// TestScreensAwait: a panel that is switched on with the box is waited for; without one the browser starts all the same, and begins anew
// with the panel. A machine that knows nothing of screens waits for none.
func TestScreensAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := recorded(t, "n100")
		edid := c.edid(t, "HDMI-A-1")
		c.pull("HDMI-A-1")
		s := thisScreen()
		s.root = c
		began := time.Now()
		s.await(t.Context(), screenWait)
		if took := time.Since(began); took != screenWait {
			t.Errorf("without a screen it waits %v", took)
		}
		ended := make(chan error, 1)
		go func() { ended <- s.watch(t.Context(), slog.New(slog.DiscardHandler)) }()
		time.Sleep(time.Minute)
		c.plug("HDMI-A-1", edid)
		if err := <-ended; !errors.Is(err, errScreen) {
			t.Errorf("with a screen at last: %v", err)
		}
		for _, root := range []fs.FS{c, fstest.MapFS{}} {
			s.root, began = root, time.Now()
			if s.await(t.Context(), screenWait); time.Since(began) != 0 {
				t.Errorf("it waits %v for what is there", time.Since(began))
			}
		}
		s.root = fstest.MapFS{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.watch(ctx, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("without graphics: %v", err)
		}
	})
}

func TestScreenScale(t *testing.T) {
	c := recorded(t, "n100")
	edid := append([]byte{}, c.edid(t, "HDMI-A-1")...)
	for _, tt := range []struct {
		width, height byte // cm
		want          string
	}{{190, 107, "1"}, {165, 93, "1.12"}, {143, 80, "1.3"}, {121, 68, "1.5"}, {60, 34, ""}, {0, 0, ""}, {16, 9, ""}} {
		e := append([]byte{}, edid...)
		e[21], e[22] = tt.width, tt.height
		e[54+12], e[54+13], e[54+14] = 0, 0, 0 // the preferred mode says no size of its own
		e[127] = 0
		var sum byte
		for _, b := range e[:128] {
			sum += b
		}
		e[127] = -sum
		c.plug("HDMI-A-1", e)
		if got := (&screens{root: c}).scale(); got != tt.want {
			t.Errorf("%d × %d cm: %q, want %q", tt.width, tt.height, got, tt.want)
		}
	}
	c.pull("HDMI-A-1")
	if got := (&screens{root: c}).scale(); got != "" {
		t.Errorf("no screen: %q", got)
	}
}

// TestScreenEndsBrowser: with another screen the browser ends, and so does the kiosk, with whose end the unit starts compositor and browser
// anew.
func TestScreenEndsBrowser(t *testing.T) {
	dir := t.TempDir()
	started, browser := filepath.Join(dir, "started"), filepath.Join(dir, "browser")
	if err := os.WriteFile(browser, []byte("#!/bin/sh\n: >"+started+"\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := recorded(t, "n100")
	edid := c.edid(t, "HDMI-A-1")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	go func() { // ends with what it waits for, or with ctx
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				c.plug("DP-1", edid)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	k := kioskCmd{Browser: browser, Limit: time.Minute}
	if err := k.show(ctx, "http://127.0.0.1:1/class", nil, &screens{root: c, every: time.Millisecond}, slog.New(slog.DiscardHandler)); !errors.Is(err, errScreen) {
		t.Fatalf("ended by %v", err)
	}
}
