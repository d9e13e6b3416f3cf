package network

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tongke/device/durable"
)

// Helper is the part that runs as root, once for each request.
type Helper struct {
	Files Files
	Etc   string // /etc/systemd/network
	Runs  string // /run/systemd/network
	Run   Runner
}

// Serve does what the request asks and answers. Nothing of the request is believed: it is understood anew as if a person had typed it.
func (h Helper) Serve(ctx context.Context) error {
	doc, err := readSmall(h.Files.Request)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // taken back already
		}
		return fmt.Errorf("read request: %w", err)
	}
	r, err := parseRequest(doc)
	if err != nil {
		return err
	}
	a := Answer{ID: r.ID}
	did := h.do(ctx, r)
	if did != nil {
		a.Error = did.Error()
	}
	out, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return errors.Join(did, durable.WriteFile(h.Files.Answer, out, 0o644))
}

// parseRequest understands a request or refuses it.
func parseRequest(doc []byte) (Request, error) {
	var r Request
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("request: %w", err)
	}
	if len(r.ID) != 16 || strings.Trim(r.ID, "0123456789abcdef") != "" {
		return r, errors.New("request: its id is none")
	}
	if !validName(r.Name) {
		return r, errors.New("request: its interface has no possible name")
	}
	switch r.Do {
	case askUndo:
		r.Settings = Settings{}
		return r, nil
	case askTry, askKeep:
	default:
		return r, fmt.Errorf("request: %.20q is nothing that is done here", r.Do)
	}
	w := Wish{Name: r.Name, Mode: r.Settings.Mode}
	if r.Settings.Address.IsValid() {
		w.Address = r.Settings.Address.String()
	}
	if r.Settings.Gateway.IsValid() {
		w.Gateway = r.Settings.Gateway.String()
	}
	for _, a := range r.Settings.DNS {
		w.DNS = append(w.DNS, a.String())
	}
	s, err := Understand(w, false)
	r.Settings = s
	return r, err
}

// paths of our files: networkd takes the first by name that matches, so ours stand before all that packages and people usually write.
func (h Helper) paths(name string) (tried, kept string) {
	return filepath.Join(h.Runs, "04-tongke-"+name+".network"), filepath.Join(h.Etc, "05-tongke-"+name+".network")
}

func (h Helper) do(ctx context.Context, r Request) error {
	tried, kept := h.paths(r.Name)
	switch r.Do {
	case askTry:
		err := os.MkdirAll(h.Runs, 0o755) // #nosec G301 -- networkd reads it under its own user
		if err != nil {
			return err
		}
		if err := durable.WriteFile(tried, Render(r.Settings), 0o644); err != nil {
			return err
		}
	case askKeep:
		if err := durable.WriteFile(kept, Render(r.Settings), 0o644); err != nil {
			return err
		}
		return durable.Remove(tried) // both say the same: nothing is to be reloaded
	case askUndo:
		if err := durable.Remove(tried); err != nil {
			return err
		}
	}
	if _, err := h.Run(ctx, nil, "networkctl", "reload"); err != nil {
		return errManager("networkctl reload", err)
	}
	if _, err := h.Run(ctx, nil, "networkctl", "reconfigure", r.Name); err != nil {
		return errManager("networkctl reconfigure", err)
	}
	return nil
}

// Render writes settings as a .network file (systemd.network(5)). Everything in it has been understood before, so nothing needs quoting.
func Render(s Settings) []byte {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	fmt.Fprintf(w, "# Written by tongke for the page of the device; taken out of use by removing it.\n[Match]\nName=%s\n\n[Network]\n", s.Name)
	if s.Mode == DHCP {
		fmt.Fprint(w, "DHCP=ipv4\n")
	} else {
		fmt.Fprintf(w, "DHCP=no\nAddress=%s\n", s.Address)
		if s.Gateway.IsValid() {
			fmt.Fprintf(w, "Gateway=%s\n", s.Gateway)
		}
	}
	fmt.Fprint(w, "IPv6AcceptRA=yes\n")
	for _, a := range s.DNS {
		fmt.Fprintf(w, "DNS=%s\n", a)
	}
	if s.Mode == DHCP && len(s.DNS) > 0 {
		fmt.Fprint(w, "\n[DHCPv4]\nUseDNS=no\n")
	}
	w.Flush()
	return b.Bytes()
}
