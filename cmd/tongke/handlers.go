package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"tongke/media/cascade"
	"tongke/signaling/api"
	pages "tongke/signaling/console"
)

// maxURLs bounds the addresses that a child is told at its joining.
const maxURLs = 7

// newAPI puts everything over HTTP together.
func (d *daemon) newAPI() (*api.API, error) {
	screens, err := pages.New(pages.Options{DemoStates: d.cfg.demoStates})
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Log: d.log.With("part", "api"), Auth: d.auth, Store: d.store, Lessons: d.registry, Host: d.newHost(), Pairer: d.pairer,
		BoxID: d.box.ID(), Name: d.name, Version: programVersion(),
		Join: d.join, Backup: d.backup, Healthy: d.healthy, Ready: d.isReady, Parts: d.figures,
		Library:   d.library,
		Outdated:  d.outdated,
		Cameras:   d.cameras,
		Device:    d.desk,
		Boxes:     d.roster,
		Finding:   findingWords,
		Timetable: d.timetable, Online: d.online,
		Mounts: map[string]http.Handler{
			"/ws":         d.sessions,
			"/whip/":      d.ingest,
			"/whep/":      d.ingest,
			"/uplink/v1/": d.node.Handler(),
			"/metrics":    metricsHandler(figures{relay: d.relay.Stats, links: d.links, participants: d.participants, unsynced: d.unsynced}),
			"/":           screens,
		},
	}), nil
}

// join binds this running box to a parent and starts the uplink at once.
func (d *daemon) join(ctx context.Context, url, code string, replace bool) (string, error) {
	name, err := joinInto(ctx, d.store, d.box, d.cfg, url, code, replace)
	if err != nil {
		return "", err
	}
	return name, d.adopted(name)
}

// healthy asks the relay, which does the work, for a sign of life.
func (d *daemon) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	alive := make(chan struct{})
	go func() { d.relay.Stats(); close(alive) }() // ends when the relay answers or has ended
	select {
	case <-alive:
		return nil
	case <-ctx.Done():
		return errors.New("relay does not answer")
	}
}

// online reports whether a box below is connected.
func (d *daemon) online(box string) bool {
	return slices.ContainsFunc(d.node.Stats().Peers, func(p cascade.PeerStats) bool { return p.Peer.ID == box && p.Up })
}

func (d *daemon) isReady() error {
	if !d.ready.Load() {
		return errors.New("starting or ending")
	}
	return nil
}

// figures are what tongke status shows of the parts.
func (d *daemon) figures() map[string]any {
	sockets := map[string]any{}
	for i, e := range d.ends {
		sockets[d.at.Listen[i]] = e.udp.Stats()
	}
	return map[string]any{
		"addresses": d.at,
		"calls":     d.calls.list(),
		"relay":     d.relay.Stats(),
		"ingest":    d.ingest.Stats(),
		"recorder":  d.recorder.Stats(),
		"cascade":   d.node.Stats(),
		"library":   d.library.Stats(),
		"device":    d.device.Report(),
		"cameras":   d.cameras.figures(),
		"selfTest":  d.tests.Kept(),
		"udp":       sockets,
	}
}

// participants counts those who take part in live lessons, by role.
func (d *daemon) participants() map[string]int {
	s := d.ingest.Stats()
	all := map[string]int{"publisher": s.Publishers, "subscriber": s.Subscribers}
	for role, n := range d.sessions.Stats().Roles {
		all[role] += n
	}
	return all
}

// urls are where this box's HTTPS port answers: the configured names first, then the addresses of its interfaces.
func (d *daemon) urls() []string {
	var ends []netip.AddrPort
	for _, e := range d.ends {
		ends = append(ends, e.tcp.Addr().(*net.TCPAddr).AddrPort())
	}
	return boxURLs(d.cfg.Box.Hosts, ends)
}

func boxURLs(hosts []string, ends []netip.AddrPort) []string {
	var all []string
	add := func(host string, port uint16) {
		if len(all) < maxURLs {
			all = append(all, "https://"+net.JoinHostPort(host, strconv.Itoa(int(port))))
		}
	}
	for _, at := range ends {
		for _, h := range hosts {
			add(h, at.Port())
		}
		if !at.Addr().IsUnspecified() {
			add(at.Addr().Unmap().String(), at.Port())
			continue
		}
		for _, a := range hostAddresses() {
			add(a.String(), at.Port())
		}
	}
	return all
}

// hostAddresses are this computer's addresses that another one may reach, IPv4 first because rural networks have little else.
func hostAddresses() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // no address to tell now
	}
	var four, six []netip.Addr
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		ip, _ := netip.AddrFromSlice(n.IP)
		if ip = ip.Unmap(); ip.Is4() {
			four = append(four, ip)
		} else {
			six = append(six, ip)
		}
	}
	return append(four, six...)
}

// listenControl opens the control socket; whoever can open it is the operator, so it is 0600 from the first moment.
func listenControl(dir string) (ln net.Listener, err error) {
	err = withSocketPath(dir, func(path string) error {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left by a daemon that was killed: we hold the store
			return err
		}
		if ln, err = listenPrivate(path); err != nil {
			return err
		}
		ln.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be one of our own descriptors, closed by then
		return nil
	})
	if err != nil {
		return nil, dataFault(dir, err)
	}
	return ln, nil
}
