package rtc

import (
	"errors"
	"net"
	"slices"

	"github.com/pion/ice/v4"

	"tongke/media/udp"
)

// Endpoint is a further address that an engine's peers may be reached at. TCP may be nil.
type Endpoint struct {
	UDP *udp.Conn
	TCP net.Listener
}

// endpoint is an Endpoint in use.
type endpoint struct {
	udp *udp.Mux
	tcp *ice.TCPMuxDefault // nil: none
}

// closeMore closes the further sockets, in use or not.
func (e *Engine) closeMore() error {
	var errs []error
	for i, m := range e.cfg.More {
		if i >= len(e.more) { // no peer was ever made
			errs = append(errs, m.UDP.Close())
			if m.TCP != nil {
				errs = append(errs, m.TCP.Close())
			}
			continue
		}
		errs = append(errs, e.more[i].udp.Close())
		if e.more[i].tcp != nil {
			errs = append(errs, e.more[i].tcp.Close())
		}
	}
	return errors.Join(errs...)
}

// udpMux is the engine's mux, or all of them as one.
func (e *Engine) udpMux() ice.UDPMux {
	if len(e.more) == 0 {
		return e.udp
	}
	all := udpMuxes{e.udp}
	for _, m := range e.more {
		all = append(all, m.udp)
	}
	return all
}

// allTCP is the same for ICE-TCP; nil for none.
func (e *Engine) allTCP() ice.TCPMux {
	var all []ice.TCPMux
	if e.tcp != nil {
		all = append(all, e.tcp)
	}
	for _, m := range e.more {
		if m.tcp != nil {
			all = append(all, m.tcp)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return ice.NewMultiTCPMuxDefault(all...)
}

// udpMuxes is several muxes as one. pion's own keeps the addresses of its birth, and an ICE restart after a change of address finds none.
type udpMuxes []*udp.Mux

// GetConn opens a candidate's connection at the mux that has its address.
func (ms udpMuxes) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	for _, m := range ms {
		for _, a := range m.GetListenAddresses() {
			if a.String() == addr.String() {
				return m.GetConn(ufrag, addr)
			}
		}
	}
	return nil, net.ErrClosed // the address went away meanwhile
}

// RemoveConnByUfrag forgets the connections of an ICE session.
func (ms udpMuxes) RemoveConnByUfrag(ufrag string) {
	for _, m := range ms {
		m.RemoveConnByUfrag(ufrag)
	}
}

// GetListenAddresses lists all host candidates, those of the first endpoint first.
func (ms udpMuxes) GetListenAddresses() []net.Addr {
	var all []net.Addr
	for _, m := range ms {
		all = append(all, m.GetListenAddresses()...)
	}
	return all
}

// Close does nothing: the engine closes each mux.
func (ms udpMuxes) Close() error { return nil }

// listens is a filter of own addresses for ICE-TCP, which pion otherwise offers on every interface; nil when a listener is on the
// wildcard.
func (e *Engine) listens() func(net.IP) bool {
	var own []net.IP
	for _, ln := range append([]net.Listener{e.cfg.TCP}, moreTCP(e.cfg.More)...) {
		if ln == nil {
			continue
		}
		at, ok := ln.Addr().(*net.TCPAddr)
		if !ok || len(at.IP) == 0 || at.IP.IsUnspecified() {
			return nil
		}
		own = append(own, at.IP)
	}
	return func(ip net.IP) bool { return slices.ContainsFunc(own, ip.Equal) }
}

func moreTCP(more []Endpoint) (all []net.Listener) {
	for _, m := range more {
		all = append(all, m.TCP)
	}
	return all
}

// loopback reports whether peers on this machine may be met: whoever listens on loopback or on everything.
func (e *Engine) loopback() bool {
	if meetsLoopback(e.cfg.UDP) {
		return true
	}
	for _, m := range e.cfg.More {
		if meetsLoopback(m.UDP) {
			return true
		}
	}
	return false
}

func meetsLoopback(c *udp.Conn) bool {
	ip := c.LocalAddr().(*net.UDPAddr).IP
	return len(ip) == 0 || ip.IsUnspecified() || ip.IsLoopback()
}
