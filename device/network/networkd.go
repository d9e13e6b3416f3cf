package network

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"tongke/device/durable"
)

// Networkd is systemd-networkd. Its state is read from the files it keeps in /run/systemd/netif; its configuration is written by the
// helper, because only root may.
type Networkd struct {
	Root fs.FS // of the machine
	// Ask has the helper do something and waits for its answer. nil: there is no helper on this machine.
	Ask func(ctx context.Context, r Request) error
}

// What the helper is asked for.
const (
	askTry  = "try"
	askKeep = "keep"
	askUndo = "undo"
)

// Request is what the daemon asks of the helper.
type Request struct {
	ID       string   `json:"id"` // random: the answer is to this one
	Do       string   `json:"do"`
	Name     string   `json:"name"`
	Settings Settings `json:"settings"`
}

// Answer is what the helper did.
type Answer struct {
	ID    string `json:"id"`
	Error string `json:"error,omitempty"`
}

// Name is as people know it.
func (Networkd) Name() string { return "systemd-networkd" }

// Running reports whether it keeps its state here.
func (n Networkd) Running() bool {
	_, err := fs.Stat(n.Root, "run/systemd/netif/state")
	return err == nil
}

// Told reads the state of the link and the file that configures it.
func (n Networkd) Told(_ context.Context, name string, _ bool) (t Told, managed bool, err error) {
	if !validName(name) {
		return t, false, nil
	}
	index := strings.TrimSpace(n.read("sys/class/net/" + name + "/ifindex"))
	if index == "" || strings.Trim(index, "0123456789") != "" {
		return t, false, nil
	}
	link := assignments(n.read("run/systemd/netif/links/" + index))
	switch link["ADMIN_STATE"] {
	case "", "unmanaged", "initialized", "pending":
		return t, false, nil
	}
	t.DNS = addresses(strings.Fields(link["DNS"]))
	file := path.Clean("/" + link["NETWORK_FILE"])
	if strings.HasSuffix(file, ".network") {
		t.Mode = modeOf(n.read(file[1:]))
	}
	return t, true, nil
}

const mostFile = 64 << 10

func (n Networkd) read(name string) string {
	f, err := n.Root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, mostFile))
	if err != nil {
		return ""
	}
	return string(doc)
}

// assignments are the KEY=value lines of a state file.
func assignments(doc string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(doc) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			out[key] = value
		}
	}
	return out
}

// modeOf reads a .network file (systemd.network(5)).
func modeOf(doc string) string {
	section, mode := "", ""
	for line := range strings.Lines(doc) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		key, value = strings.TrimSpace(key), strings.ToLower(strings.TrimSpace(value))
		switch {
		case section == "[Network]" && key == "DHCP" && (value == "yes" || value == "ipv4" || value == "true" || value == "both" || value == "v4" || value == "1" || value == "on"):
			return DHCP
		case (section == "[Network]" || section == "[Address]") && key == "Address" && value != "":
			mode = Static
		}
	}
	return mode
}

// Before needs nothing: what was there is not touched.
func (Networkd) Before(context.Context, string) (string, error) { return "", nil }

// errWifi: networkd leaves radios to others.
var errWifi = &Fault{"wifi-not-managed", "ssid", "这台设备上不能在网页里设无线，请插网线。", "Wi-Fi cannot be set by this page on this box; use a cable."}

// Try has the helper write a file in /run.
func (n Networkd) Try(ctx context.Context, s Settings) error {
	if s.SSID != "" {
		return errWifi
	}
	return n.ask(ctx, Request{Do: askTry, Name: s.Name, Settings: s})
}

// Keep has it write the same in /etc.
func (n Networkd) Keep(ctx context.Context, s Settings, _ string) error {
	return n.ask(ctx, Request{Do: askKeep, Name: s.Name, Settings: s})
}

// Undo has it remove what was tried.
func (n Networkd) Undo(ctx context.Context, name, _ string) error {
	return n.ask(ctx, Request{Do: askUndo, Name: name})
}

func (n Networkd) ask(ctx context.Context, r Request) error {
	if n.Ask == nil {
		return errors.New("no helper on this machine")
	}
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	r.ID = hex.EncodeToString(id)
	return n.Ask(ctx, r)
}

// Files are where the daemon and the helper meet. The request is the daemon's, in its runtime directory; the answer is root's, where the
// daemon cannot write.
type Files struct {
	Request, Answer string
}

// DefaultFiles are those of the package's units.
func DefaultFiles() Files {
	return Files{Request: "/run/tongke/network-request.json", Answer: "/run/tongke-network/answer.json"}
}

// askAgain is when a request is written once more: a path unit overlooks one that comes while the helper of the last is ending.
const askAgain = time.Second

// Ask writes a request, which a path unit starts the helper for, and waits for the answer.
func (f Files) Ask(ctx context.Context, r Request) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(f.Request, doc, 0o644); err != nil { // without secrets, for a root that has no other rights than its name
		return fmt.Errorf("ask the network helper: %w", err)
	}
	defer os.Remove(f.Request)
	tick, again := time.NewTicker(50*time.Millisecond), time.NewTicker(askAgain)
	defer tick.Stop()
	defer again.Stop()
	for {
		var a Answer
		if doc, err := readSmall(f.Answer); err == nil && json.Unmarshal(doc, &a) == nil && a.ID == r.ID {
			if a.Error != "" {
				return fmt.Errorf("network helper: %.300s", a.Error)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-again.C:
			if err := durable.WriteFile(f.Request, doc, 0o644); err != nil {
				return fmt.Errorf("ask the network helper: %w", err)
			}
		case <-ctx.Done():
			return fmt.Errorf("network helper does not answer: %w", ctx.Err())
		}
	}
}

// readSmall reads a file that is no link and no pipe, and is not long.
func readSmall(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|plainOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	doc, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(doc) > mostFile {
		err = fmt.Errorf("%s is too long", name)
	}
	return doc, err
}
