package main

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"tongke/device/identity"
	"tongke/media/cascade"
	"tongke/signaling/store"
)

// newNode makes this box's place in the tree out of what the store knows of its parent and children.
func (d *daemon) newNode(meta store.Meta) (*cascade.Node, error) {
	cfg := cascade.Config{
		ID: d.box.ID(), Alliance: meta.AllianceID, Campus: meta.CampusID,
		Log:       d.log.With("part", "cascade"),
		Relay:     d.relay,
		Engine:    d.engine,
		UDP:       d.ends[0].udp,
		ClientTLS: d.box.ClientTLS,
		Peers:     d.childOf,
		Visible:   d.lessons.visible,
		MayTake:   d.mayTake,
		Busy:      d.lessons.live,
		OnLesson: func(p cascade.Peer, frame []byte) {
			if err := d.registry.Frame(p.ID, frame); err != nil {
				d.log.Warn("lesson frame refused", "peer", p.Name, "err", err)
			}
		},
		OnPeer: d.peerChanged,
		Proxy:  d.cfg.Uplink.proxy(),
		Via:    d.cfg.bench.via,
	}
	return cascade.New(cfg)
}

// childOf recognises a child by its key: the certificate may be a new one, the key is the one that joined.
func (d *daemon) childOf(cs *tls.ConnectionState) (cascade.Peer, bool) {
	id, err := identity.PeerID(cs)
	if err != nil {
		return cascade.Peer{}, false
	}
	c, err := d.store.Child(id)
	if err != nil || c.Pin != identity.Pin(cs.PeerCertificates[0]) {
		return cascade.Peer{}, false
	}
	meta, err := d.store.Meta()
	if err != nil {
		return cascade.Peer{}, false
	}
	return cascade.Peer{ID: c.ID, Name: c.Name, Alliance: meta.AllianceID, Campus: c.CampusID}, true
}

// peerChanged follows a box that came or went. The node calls it from one goroutine, which therefore owns d.down.
func (d *daemon) peerChanged(e cascade.PeerEvent) {
	id := e.Peer.ID
	if down := d.down[id]; down != nil {
		down()
		delete(d.down, id)
	}
	if e.Up {
		if _, err := d.store.Child(id); !e.Parent && errors.Is(err, store.ErrNotFound) { // withdrawn while it was coming up
			d.node.Drop(id)
			return
		}
		send := func(frame []byte) error { return d.node.SendLesson(id, frame) }
		away := d.roster.LinkUp(id, e.Parent, send) // first: the registry hands on what came early
		lessons := d.registry.LinkUp(id, e.Parent, send)
		d.down[id] = func() { lessons(); away() }
	}
	if e.Parent {
		d.uplink() // notes since when
	} else {
		d.noteChild(id)
	}
}

// useParent tells the node which parents there are now.
func (d *daemon) useParent() error {
	d.parent.use.Lock() // or who read first and dials last would dial a parent that was left since
	defer d.parent.use.Unlock()
	p, ok, err := d.store.Parent()
	if err != nil || !ok {
		d.parent.set("")
		d.node.SetParents(nil)
		return err
	}
	d.parent.set(p.ID)
	meta, err := d.store.Meta()
	if err != nil {
		return err
	}
	d.node.SetPlace(meta.AllianceID, meta.CampusID)
	urls := d.cfg.bench.urls(append(append([]string(nil), p.URLs...), d.cfg.Uplink.Alternatives...))
	d.node.SetParents([]cascade.Parent{{
		Peer: cascade.Peer{ID: p.ID, Name: p.Name, Alliance: p.AllianceID}, Pin: p.Pin, URLs: urls,
	}})
	return nil
}

// links are the figures of /metrics: one line a box name, also when a box was replaced by another of that name.
func (d *daemon) links() []linkFigures {
	at := map[string]int{}
	var out []linkFigures
	for _, p := range d.node.Stats().Peers {
		i, seen := at[p.Peer.Name]
		if !seen {
			i = len(out)
			at[p.Peer.Name] = i
			out = append(out, linkFigures{peer: p.Peer.Name})
		}
		f := &out[i]
		f.up = f.up || p.Up
		f.tracksIn += p.TracksIn
		f.tracksOut += p.TracksOut
		f.bytesIn += p.BytesIn
		f.bytesOut += p.BytesOut
		if p.Up || f.rttSeconds == 0 {
			f.rttSeconds = p.RTT
		}
	}
	return out
}

// noteChild has it written down that a child came or went. It never blocks: with 64 waiting the note is lost, and the next one is as good.
func (d *daemon) noteChild(id string) {
	select {
	case d.seen <- id:
	default:
	}
}

// noteChildren writes down when children were last seen, because the disk may be slow and links must not wait for it.
func (d *daemon) noteChildren(ctx context.Context) error {
	for {
		select {
		case id := <-d.seen:
			if err := d.store.ChildSeen(id, time.Now().UTC()); err != nil && !errors.Is(err, store.ErrNotFound) { // withdrawn
				d.log.Warn("child not noted", "box", id, "err", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}
