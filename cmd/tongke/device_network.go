package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"tongke/device/network"
	"tongke/device/probe"
	"tongke/signaling/api"
	"tongke/signaling/store"
)

// newNetwork puts the changes of the network together with the daemon's parts.
func (d *daemon) newNetwork() *network.Changes {
	return network.New(network.Config{
		Dir: d.dir, Log: d.log.With("part", "network"),
		Managers: managers,
		Links:    func() []probe.Link { return probe.ReadNetwork(os.DirFS("/"), probe.System()).Links },
		Gateway: func() (string, string) {
			n := probe.ReadNetwork(os.DirFS("/"), probe.System())
			if !n.Gateway.IsValid() {
				return "", ""
			}
			return n.Gateway.String(), n.GatewayVia
		},
		Parent: func() ([]string, error) {
			p, _, err := d.store.Parent()
			return p.URLs, err
		},
		SetParent: func(urls []string) error {
			err := d.store.Update(func(tx *store.Tx) error { // read here: what came in between is not to be lost, nor a parent to come back
				p, err := store.Parents.Get(tx, store.KeyParent)
				if err != nil {
					return err
				}
				p.URLs, p.Chosen = slices.Clone(urls), ""
				return store.Parents.Put(tx, store.KeyParent, p)
			})
			if errors.Is(err, store.ErrNotFound) {
				return nil // it left in the meantime
			}
			if err != nil {
				return err
			}
			return d.useParent()
		},
	})
}

// managers of this machine that answer now. NetworkManager first: where both run, it has what networkd does not.
func managers(ctx context.Context) (all []network.Manager) {
	if nm := (network.NetworkManager{Run: runProgram}); nm.Running(ctx) {
		all = append(all, nm)
	}
	nd := network.Networkd{Root: os.DirFS("/")}
	files := network.DefaultFiles()
	if _, err := os.Stat(helperUnit); err == nil && nd.Running() {
		nd.Ask = files.Ask
		all = append(all, nd)
	}
	return all
}

// helperUnit is there when the package is, which brings the helper.
const helperUnit = "/usr/lib/systemd/system/tongke-network.path"

// runProgram is a network.Runner: fixed places to look for programs, a language that can be read, no shell.
func runProgram(ctx context.Context, stdin []byte, argv ...string) ([]byte, error) {
	path, err := findProgram(argv[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, argv[1:]...) // #nosec G204 -- a program of the system, its arguments are values that were understood
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%w: %.300s", err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

func findProgram(name string) (string, error) {
	for _, dir := range []string{"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"} {
		if st, err := os.Stat(dir + name); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return dir + name, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// notManaged: who to turn to where neither manager has the interface.
var notManaged = &api.Words{
	ZH: "这台设备的网络不归 NetworkManager 或 systemd-networkd 管，请在系统里改。",
	EN: "Neither NetworkManager nor systemd-networkd manages this box's network; use the system's own settings.",
}

// Network says how the machine is connected.
func (k *deviceDesk) Network(ctx context.Context) (api.DeviceNetwork, error) {
	v := k.network.Read(ctx)
	n := api.DeviceNetwork{Interfaces: []api.NetworkInterface{}, Editable: v.By != "", By: v.By}
	if !n.Editable {
		n.Why = notManaged
	}
	p, joined, err := k.d.store.Parent()
	if err != nil {
		return n, err
	}
	if joined && len(p.URLs) > 0 {
		n.Parent = p.URLs[0]
	}
	if v.Pending > 0 {
		n.Pending = &api.NetworkPending{PendingSeconds: int((v.Pending + time.Second - 1) / time.Second)}
	}
	if v.Undone != nil {
		n.Undone = &api.Words{ZH: v.Undone.ZH, EN: v.Undone.EN}
	}
	for _, i := range v.Interfaces {
		n.Interfaces = append(n.Interfaces, showInterface(i))
	}
	return n, nil
}

func showInterface(i network.Interface) api.NetworkInterface {
	out := api.NetworkInterface{
		Name: i.Name, Kind: "wired", Up: i.Carrier, Mode: i.Mode, Addresses: []string{}, Gateway: i.Gateway, DNS: []string{},
		SSID: i.SSID, SignalDBM: i.SignalDBM, SpeedMbps: i.SpeedMbps, MAC: i.MAC, Networks: i.Networks,
	}
	if i.Wireless {
		out.Kind = "wifi"
	}
	for _, a := range i.Addresses {
		if !a.Addr().IsLinkLocalUnicast() {
			out.Addresses = append(out.Addresses, a.String())
		}
	}
	for _, a := range i.DNS {
		out.DNS = append(out.DNS, a.String())
	}
	return out
}

// SetNetwork begins to try a change. A lesson over that network would break, so it waits.
func (k *deviceDesk) SetNetwork(ctx context.Context, n api.NetworkChange) (api.NetworkPending, error) {
	if err := k.d.inLesson(); err != nil {
		return api.NetworkPending{}, err
	}
	var token string
	var err error
	switch wish := (network.Wish{Name: n.Name, Mode: n.Mode, Address: n.Address, Gateway: n.Gateway, DNS: n.DNS, SSID: n.SSID, Password: n.Password}); {
	case n.Parent == "":
		token, err = k.network.Change(ctx, wish)
	case n.Name == "" && n.Mode == "":
		token, err = k.network.ChangeParent(n.Parent)
	default:
		err = &network.Fault{Code: "one-at-a-time", Field: "parent", ZH: "网卡和核心校地址请分两次改。", EN: "Change the interface and the parent's address one after the other."}
	}
	if err != nil {
		return api.NetworkPending{}, networkFault(err)
	}
	return api.NetworkPending{PendingSeconds: int(network.Patience / time.Second), Token: token}, nil
}

// ConfirmNetwork keeps it.
func (k *deviceDesk) ConfirmNetwork(ctx context.Context, token string) error {
	return networkFault(k.network.Confirm(ctx, token))
}

// UndoNetwork takes it back at once.
func (k *deviceDesk) UndoNetwork(token string) error { return networkFault(k.network.TakeBack(token)) }

// networkFault is an error of the network as HTTP tells it.
func networkFault(err error) error {
	var f *network.Fault
	if !errors.As(err, &f) {
		return err
	}
	status := http.StatusBadRequest
	switch f.Code {
	case network.ErrToken.Code:
		status = http.StatusForbidden
	case network.ErrPending.Code, "network-not-editable", "parent-unknown", "change-trying", "change-undoing":
		status = http.StatusConflict
	}
	return &api.DeviceError{Status: status, Code: f.Code, Field: f.Field, Text: api.Words{ZH: f.ZH, EN: f.EN}}
}
