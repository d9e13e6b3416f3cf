package cascade

import (
	"slices"

	"tongke/media/codec"
	"tongke/media/packet"
)

// add takes over a connection whose descriptions are exchanged.
func (n *Node) add(l *Link) {
	l.born = packet.Now()
	n.links[l] = struct{}{}
	if err := l.start(); err != nil {
		n.log.Warn("uplink cannot start", "peer", l.peer.Name, "err", err)
		n.endLink(l, byeShutdown)
	}
}

// move brings a link into the state that e leads to.
func (n *Node) move(l *Link, e linkEvent) bool {
	next, ok := transition(l.state, e)
	if !ok {
		return false
	}
	n.log.Info("uplink "+next.String(), "peer", l.peer.Name, "rung", l.rung.String(), "event", e.String(), "dialled", l.dialled)
	l.state = next
	return true
}

// opened makes a link usable: channels are open and the peer answers.
func (n *Node) opened(l *Link) {
	if !n.move(l, eventOpened) {
		return
	}
	now := packet.Now()
	l.upAt = now
	n.birth++
	l.birth = n.birth
	p := n.state(l.peer)
	p.parent = l.dialled
	p.links++
	if l.dialled {
		n.dial.won(l, now)
		if old := n.uplink; old != nil && old != l {
			old.relieve = now.Add(overlapFor)
			n.announceAll(old)
		}
		n.uplink = l
		n.pathChanged()
	}
	n.announceAll(l)
	n.reroute()
	n.peerChanged(l.peer.ID)
}

// endLink closes a link for good. reason "" says nothing to the peer, which has said it or is gone.
func (n *Node) endLink(l *Link, reason string) {
	if !n.move(l, eventEnded) {
		return
	}
	now := packet.Now()
	delete(n.links, l)
	l.stopMedia()
	if reason != "" && l.send(&bye{Reason: reason, Alternatives: n.alternativesFor(reason)}) {
		n.dying = append(n.dying, dying{l, now.Add(byeLingers)})
	} else {
		n.shut(l)
	}
	p := n.state(l.peer)
	p.in += l.bytesIn.Load()
	p.out += l.bytesOut.Load()
	p.lost += l.lost()
	for _, s := range l.offered {
		s.remote.drop(s, now, false)
	}
	if l.attempt != nil {
		n.dial.over(l.attempt, nil)
	}
	if n.uplink == l {
		n.fallBack()
	}
	n.peerChanged(l.peer.ID)
}

// relieveOlder closes what a child has left behind without a word. What is still opening ends by itself.
func (n *Node) relieveOlder(l *Link) {
	for other := range n.links {
		if other.peer.ID == l.peer.ID && other.birth < l.birth && !other.dialled && other.state != stateOpening {
			n.endLink(other, byeSuperseded)
		}
	}
}

// fallBack takes the link that the lost one was about to relieve, if it is still there.
func (n *Node) fallBack() {
	n.uplink = nil
	for l := range n.links {
		if l.dialled && (l.state == stateUp || l.state == stateDead) && (n.uplink == nil || preferred(l, n.uplink)) {
			n.uplink = l
		}
	}
	if l := n.uplink; l != nil {
		l.relieve = 0
		n.announceAll(l)
	}
	n.pathChanged()
	n.reroute()
}

func (n *Node) alternativesFor(reason string) []string {
	if reason == byeShutdown && n.cfg.Alternatives != nil {
		if a := n.cfg.Alternatives(); len(a) <= 8 {
			return a
		}
	}
	return []string{}
}

// peerChanged finds the best link of a peer again and tells of the peer's coming or going.
func (n *Node) peerChanged(id string) {
	var best *Link
	for l := range n.links {
		if l.peer.ID == id && (l.state == stateUp || l.state == stateDead) && (best == nil || preferred(l, best)) {
			best = l
		}
	}
	n.mu.Lock()
	if best == nil || best.state != stateUp {
		delete(n.best, id)
	} else {
		n.best[id] = best
	}
	n.mu.Unlock()
	p := n.peers[id]
	up := best != nil && best.state == stateUp
	if p == nil || p.up == up {
		return
	}
	p.up = up
	if n.cfg.OnPeer != nil {
		e := PeerEvent{Peer: p.peer, Up: up, Parent: p.parent}
		if best != nil && best.dialled {
			e.DesiredVersion = best.hello.DesiredVersion
		}
		n.cfg.OnPeer(e)
	}
}

// preferred reports whether a is to be used rather than b: what is up, then what is newer.
func preferred(a, b *Link) bool {
	if (a.state == stateUp) != (b.state == stateUp) {
		return a.state == stateUp
	}
	return a.birth > b.birth
}

// pathChanged finds the path to the root again and tells the children.
func (n *Node) pathChanged() {
	path := []string{n.cfg.ID}
	if n.uplink != nil {
		path = append(path, n.uplink.hello.Path...)
	}
	if slices.Equal(path, n.path) {
		return
	}
	n.path = path
	for l := range n.links {
		if !l.dialled && (l.state == stateUp || l.state == stateDead) {
			l.send(n.hello(l.peer))
		}
	}
}

// codecsSince1 are the codecs that version 1 did not begin with. A source of one is announced to whom names it in its hello: an older box
// would take the announcement for a broken message, and close the link.
var codecsSince1 = []codec.Codec{codec.PCMA, codec.PCMU}

func capabilityOf(c codec.Codec) string { return "codec:" + c.String() }

func capabilities() []string {
	out := []string{}
	for _, c := range codecsSince1 {
		out = append(out, capabilityOf(c))
	}
	return out
}

// takes reports whether the peer's release knows a codec.
func (m *hello) takes(c codec.Codec) bool {
	return !slices.Contains(codecsSince1, c) || slices.Contains(m.Capabilities, capabilityOf(c))
}

// hello is what this box says of itself. A path that is too long is told as far as it may be: the child finds five boxes and leaves.
func (n *Node) hello(to Peer) *hello {
	h := &hello{
		Version: version, Capabilities: capabilities(), Path: slices.Clone(n.path[:min(len(n.path), maxBoxes)]),
		Alliance: n.cfg.Alliance, Campus: n.cfg.Campus,
	}
	if n.cfg.DesiredVersion != nil {
		h.DesiredVersion = n.cfg.DesiredVersion(to)
	}
	return h
}

// joinable says why a peer with this path can be no parent of ours: its code, or "".
func joinable(self string, parentPath []string) string {
	switch {
	case slices.Contains(parentPath, self):
		return byeLoop
	case len(parentPath) >= maxBoxes:
		return byeTooDeep
	}
	return ""
}
