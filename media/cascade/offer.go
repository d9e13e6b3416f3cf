package cascade

import (
	"errors"
	"slices"
	"time"

	"tongke/media/relay"
	"tongke/media/track"
)

// sourceChanged takes the relay's word of a source.
func (n *Node) sourceChanged(e relay.SourceEvent) {
	k := e.Info.Key
	if e.Gone {
		delete(n.present, k)
	} else {
		_, there := n.present[k]
		if !there && e.Info.Path == nil {
			// Seconds as a floor, so that it rises over restarts of this box too.
			n.epochs[k] = max(n.epochs[k]+1, uint32(time.Now().Unix()))
		}
		n.present[k] = e.Info
	}
	for l := range n.links {
		n.announceTo(l, k)
	}
}

// announceAll brings all that a peer knows of our sources up to date.
func (n *Node) announceAll(l *Link) {
	for k := range n.present {
		n.announceTo(l, k)
	}
	for k := range l.announced {
		n.announceTo(l, k)
	}
}

// announceTo brings what a peer knows of one source up to date.
func (n *Node) announceTo(l *Link, k track.Key) {
	if l.state != stateUp && l.state != stateDead {
		return
	}
	a, ok := n.announcement(l, k)
	old, told := l.announced[k]
	switch {
	case ok && (!told || !a.equal(old)):
		l.announced[k] = a
		l.send(&a)
		l.sourceReady(k)
	case !ok && told:
		delete(l.announced, k)
		l.send(&withdraw{sourceRef: refOf(k)})
		for w := range l.table.wishes {
			if w.Key == k {
				l.table.unwant(w)
			}
		}
		l.serve()
	}
}

func (a announce) equal(b announce) bool {
	return a.sourceRef == b.sourceRef && slices.Equal(a.Layers, b.Layers) && a.Codec == b.Codec && slices.Equal(a.Path, b.Path) &&
		a.Epoch == b.Epoch && a.Live == b.Live && a.Alliance == b.Alliance && a.Campus == b.Campus
}

// announcement is what a peer may know of a source; ok is false when it may not have it, or has it from elsewhere. On a link that is
// about to be closed nothing is live, so that the peer turns elsewhere while both ways are open.
func (n *Node) announcement(l *Link, k track.Key) (a announce, ok bool) {
	p := l.peer
	info, there := n.present[k]
	if !there || slices.Contains(info.Path, p.ID) || len(info.Path)+1 > maxBoxes || len(info.Layers) == 0 {
		return a, false
	}
	if n.cfg.Visible != nil && !n.cfg.Visible(p, k.Lesson) || n.cfg.MayTake != nil && !n.cfg.MayTake(p, k) {
		return a, false
	}
	if !l.hello.takes(info.Codec) {
		if !l.older {
			l.older = true
			n.log.Warn("peer's release does not take the codec", "peer", p.Name, "lesson", k.Lesson, "track", k.Source, "codec", info.Codec.String())
		}
		return a, false
	}
	a = announce{sourceRef: refOf(k), Codec: info.Codec.String(), Path: append(slices.Clone(info.Path), n.cfg.ID),
		Epoch: n.epochs[k], Live: l.relieve == 0, Alliance: n.cfg.Alliance, Campus: n.cfg.Campus}
	if info.Path != nil {
		r := n.remotes[k]
		if r == nil {
			return a, false
		}
		a.Epoch, a.Alliance, a.Campus = r.ann.Epoch, r.ann.Alliance, r.ann.Campus
		a.Live = a.Live && r.live
	}
	for _, name := range info.Layers[max(0, len(info.Layers)-maxLayers):] {
		a.Layers = append(a.Layers, string(name))
	}
	return a, a.check() == nil
}

// wanted takes a peer's want.
func (l *Link) wanted(m *want) {
	k := layerKey{m.key(), track.Layer(m.Layer)}
	kind, _ := track.KindOf(m.Source)
	a, there := l.announced[k.Key]
	ready := there && slices.Contains(a.Layers, m.Layer)
	if l.table.wishes[k] == nil && len(l.table.wishes) >= maxWants {
		l.violated(byeTooMany, errors.New("too many wants"))
		return
	}
	l.table.want(k, kind, m.Priority, ready)
	if !ready {
		code := denyUnknown
		if _, exists := l.n.present[k.Key]; exists && !there {
			code = denyForbidden
		}
		l.deny(k, code)
	}
	l.serve()
}

func (l *Link) deny(k layerKey, code string) {
	l.send(&deny{sourceRef: refOf(k.Key), Layer: string(k.Layer), Code: code})
}

// sourceReady lets wishes go on that waited for a source or a layer of it.
func (l *Link) sourceReady(k track.Key) {
	layers := l.announced[k].Layers
	for w, wish := range l.table.wishes {
		if w.Key == k {
			wish.ready = slices.Contains(layers, string(w.Layer))
		}
	}
	l.serve()
}

// serve brings slots and wishes together.
func (l *Link) serve() {
	for _, s := range l.table.plan() {
		switch {
		case s.slot < 0:
			l.deny(s.key, s.code)
		case s.unbind:
			l.tokens[s.slot]++
			l.sub.Unbind(s.slot)
			l.send(&unbind{Slot: s.slot})
		default:
			l.tokens[s.slot]++
			slot, token := s.slot, l.tokens[s.slot]
			l.sub.Bind(slot, s.key.Key, relay.BindOptions{Layer: s.key.Layer, FixedLayer: true, OnBound: func(b relay.Bound) {
				// In the relay's goroutine. Through the mailbox, so that it cannot overtake an unbind of the same slot.
				l.n.box.post(func() { l.relayBound(slot, token, b) })
			}})
		}
	}
}

// relayBound tells the peer the constants of a binding.
func (l *Link) relayBound(slot int, token uint64, b relay.Bound) {
	if l.state == stateClosed || l.tokens[slot] != token {
		return
	}
	l.send(&bind{
		Slot: slot, sourceRef: refOf(b.Info.Key), Layer: string(b.Layer), Codec: b.Codec.String(), Epoch: b.Gen,
		FirstSlotSequence: b.FirstSlotSequence & maxSequence, OriginSequence: b.OriginSequence & maxSequence, TimestampOffset: b.TimestampOffset,
	})
}

// Stats are the figures of all peers known since the start, in no order.
func (n *Node) Stats() (st Stats) {
	type parentConn struct {
		at   int
		conn conn
	}
	var up []parentConn
	_ = n.call(func() {
		for id, p := range n.peers {
			ps, best := n.peerStats(id, p)
			if best != nil && p.parent {
				up = append(up, parentConn{len(st.Peers), best.conn})
			}
			st.Peers = append(st.Peers, ps)
		}
		for l := range n.links {
			st.Sources = append(st.Sources, l.delays()...)
		}
	})
	for _, p := range up { // gathered outside the node's goroutine
		st.Peers[p.at].Checks, st.Peers[p.at].Answers = p.conn.Checks()
	}
	return st
}

// peerStats are the figures of a peer, and its best link.
func (n *Node) peerStats(id string, p *peerState) (PeerStats, *Link) {
	ps := PeerStats{Peer: p.peer, Parent: p.parent, Up: p.up, BytesIn: p.in, BytesOut: p.out, Lost: p.lost, Links: p.links}
	var best *Link
	for l := range n.links {
		if l.peer.ID != id {
			continue
		}
		ps.BytesIn += l.bytesIn.Load()
		ps.BytesOut += l.bytesOut.Load()
		ps.Lost += l.lost()
		if l.state != stateOpening && (best == nil || preferred(l, best)) {
			best = l
		}
	}
	if best == nil {
		return ps, nil
	}
	ps.Rung = best.rung.String()
	ps.TracksIn, ps.TracksOut = best.tracks()
	best.clockMu.Lock()
	ps.RTT = best.clock.rtt.Seconds()
	if off, ok := best.clock.offset(); ok {
		ps.ClockOffset = off.Seconds()
	}
	best.clockMu.Unlock()
	return ps, best
}

// tracks counts the slots bound by direction.
func (l *Link) tracks() (in, out int) {
	for i := range l.in {
		l.in[i].mu.Lock()
		if l.in[i].bound {
			in++
		}
		l.in[i].mu.Unlock()
	}
	for i := range l.table.slots {
		if l.table.slots[i].state == slotBound {
			out++
		}
	}
	return in, out
}
