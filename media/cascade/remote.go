package cascade

import (
	"errors"
	"slices"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/relay"
	"tongke/media/track"
)

// remote is a source of another box as this one knows it: who offers it, and what the relay wants of it. It is the relay's track.Maker
// for that source. Run's goroutine owns it.
type remote struct {
	n        *Node
	key      track.Key
	ann      announce // as published
	src      *relay.Source
	supplies []*supply
	cur      *supply // the one that is asked; may be gone while nobody offers it
	live     bool    // cur is, and its link is up; as announced to others
	wanted   map[track.Layer]bool
	orphan   packet.Time // since when nobody offers it; 0: somebody does
	refused  bool        // the relay does not take it (codec); told once
}

// supply is a link's offer of a remote.
type supply struct {
	remote *remote
	link   *Link
	ann    announce
	asked  map[track.Layer]bool
	retire packet.Time // when its wants end because another supplies
}

// RequestKeyframe asks whoever supplies the layer.
func (r *remote) RequestKeyframe(l track.Layer, _ bool) {
	r.n.box.post(func() {
		for _, s := range r.supplies {
			if slot := s.link.carrying(layerKey{r.key, l}); slot >= 0 {
				s.link.send(&pli{Slot: slot})
			}
		}
	})
}

// Want passes demand on; the relay has delayed its end already.
func (r *remote) Want(l track.Layer, wanted bool) {
	r.n.box.post(func() {
		if r.wanted[l] = wanted; !wanted {
			delete(r.wanted, l)
		}
		r.ask()
	})
}

// carrying is the slot in which the peer sends a layer, −1 for none.
func (l *Link) carrying(k layerKey) int {
	for i := range l.in {
		s := &l.in[i]
		s.mu.Lock()
		yes := s.bound && s.key == k
		s.mu.Unlock()
		if yes {
			return i
		}
	}
	return -1
}

// announcedBy takes a peer's announcement.
func (l *Link) announcedBy(m *announce) {
	n, k := l.n, m.key()
	_, known := track.KindOf(m.Source)
	switch {
	case m.Path[len(m.Path)-1] != l.peer.ID:
		l.violated(byeProtocol, errors.New("announced path does not end at the peer"))
		return
	case slices.Contains(m.Path, n.cfg.ID) || !known:
		return // a loop, or a kind of source of a newer release
	case codec.Parse(m.Codec) == codec.None:
		l.withdrawnBy(k) // a codec of a newer release: as if it were not there
		return
	case l.offered[k] == nil && len(l.offered) >= maxOffered:
		l.violated(byeTooMany, errors.New("too many announcements"))
		return
	}
	r := n.remotes[k]
	if r == nil {
		r = &remote{n: n, key: k, wanted: map[track.Layer]bool{}}
		n.remotes[k] = r
	}
	if r.orphan == 0 && len(r.supplies) > 0 && m.Epoch < r.ann.Epoch {
		return // of a publisher that has been relieved
	}
	s := l.offered[k]
	if s == nil {
		s = &supply{remote: r, link: l, asked: map[track.Layer]bool{}}
		l.offered[k] = s
		r.supplies = append(r.supplies, s)
	}
	s.ann, r.orphan = *m, 0
	r.choose()
}

// withdrawnBy takes a peer's offer of a source back.
func (l *Link) withdrawnBy(k track.Key) {
	if s := l.offered[k]; s != nil {
		delete(l.offered, k)
		s.remote.drop(s, packet.Now(), true)
	}
}

// choose takes the best supply for the one to ask. The former goes on for a while beside it: duplicates are discarded by origin number.
func (r *remote) choose() {
	best := r.cur
	if best != nil && !slices.Contains(r.supplies, best) {
		best = nil
	}
	for _, s := range r.supplies {
		if best == nil || s.better(best) {
			best = s
		}
	}
	if best != nil {
		if r.cur != nil && r.cur != best {
			r.cur.retire = packet.Now().Add(relieveAfter)
		}
		r.cur, best.retire = best, 0
		r.publish()
		r.ask()
	}
	if live := best != nil && best.ann.Live && best.link.state == stateUp; live != r.live {
		r.live = live
		for l := range r.n.links {
			r.n.announceTo(l, r.key)
		}
	}
}

// better reports whether a is to be asked rather than b, which is asked now or came first: what is live on a link that lives and stays, then the
// shorter path (so that routes settle, whatever is announced in a circle), then the newer of two links to the same peer.
func (a *supply) better(b *supply) bool {
	if x, y := a.ann.Live && a.link.lasts(), b.ann.Live && b.link.lasts(); x != y {
		return x
	}
	if x, y := len(a.ann.Path), len(b.ann.Path); x != y {
		return x < y
	}
	return a.link.peer.ID == b.link.peer.ID && a.link.birth > b.link.birth
}

// lasts reports a link that is up and not about to be closed.
func (l *Link) lasts() bool { return l.state == stateUp && l.relieve == 0 }

// reroute chooses again for every source, after a change of links.
func (n *Node) reroute() {
	for _, r := range n.remotes {
		r.choose()
	}
}

// publish brings the relay's knowledge in line with the current announcement.
func (r *remote) publish() {
	a := r.cur.ann
	if r.src != nil && a.Codec == r.ann.Codec && slices.Equal(a.Path, r.ann.Path) {
		if !slices.Equal(a.Layers, r.ann.Layers) {
			r.src.SetLayers(layersOf(a.Layers))
		}
		r.ann = a
		return
	}
	kind, _ := track.KindOf(r.key.Source)
	src, err := r.n.cfg.Relay.Publish(relay.SourceInfo{
		Key: r.key, Kind: kind, Codec: codec.Parse(a.Codec), Layers: layersOf(a.Layers), Path: slices.Clone(a.Path),
	}, r)
	if err != nil {
		if !r.refused {
			r.n.log.Warn("source of another box is not taken", "lesson", r.key.Lesson, "track", r.key.Source, "err", err)
		}
		r.refused = true
		return
	}
	r.src, r.ann, r.refused = src, a, false
	for l := range r.n.links {
		l.repoint(r)
	}
}

// repoint lets running bindings feed a source that was published anew.
func (l *Link) repoint(r *remote) {
	for i := range l.in {
		s := &l.in[i]
		s.mu.Lock()
		k, bound := s.key, s.bound
		s.mu.Unlock()
		if !bound || k.Key != r.key {
			continue
		}
		up := r.src.Up(k.Layer)
		s.mu.Lock()
		for j := range s.b.list {
			if s.b.list[j].key == k {
				s.b.list[j].up = up
			}
		}
		s.mu.Unlock()
	}
}

func layersOf(names []string) []track.Layer {
	out := make([]track.Layer, len(names))
	for i, n := range names {
		out[i] = track.Layer(n)
	}
	return out
}

// ask sends wants and unwants until each supply has been asked for what it shall send.
func (r *remote) ask() {
	now := packet.Now()
	for _, s := range r.supplies {
		over := s != r.cur && now >= s.retire
		for l := range s.asked {
			if over || !r.wanted[l] || !slices.Contains(s.ann.Layers, string(l)) {
				delete(s.asked, l)
				s.link.send(&unwant{sourceRef: refOf(r.key), Layer: string(l)})
			}
		}
		if s != r.cur {
			continue
		}
		for l := range r.wanted {
			if !s.asked[l] && slices.Contains(s.ann.Layers, string(l)) {
				s.asked[l] = true
				s.link.send(&want{sourceRef: refOf(r.key), Layer: string(l), Priority: priorityOf(r.key.Source)})
			}
		}
	}
}

// drop takes an offer back. gone says that the peer took it back itself, and not merely that its link is away: then there is nothing to
// wait for.
func (r *remote) drop(s *supply, now packet.Time, gone bool) {
	r.supplies = slices.DeleteFunc(r.supplies, func(o *supply) bool { return o == s })
	switch {
	case len(r.supplies) > 0:
	case gone:
		r.close()
		delete(r.n.remotes, r.key)
		return
	default:
		r.orphan = now
	}
	r.choose()
}

// tick ends what has only been kept for a while.
func (r *remote) tick(now packet.Time) {
	if r.orphan != 0 && now.Sub(r.orphan) >= graceFor {
		r.close()
		delete(r.n.remotes, r.key)
		return
	}
	if len(r.supplies) > 1 {
		r.ask()
	}
	if r.refused && r.orphan == 0 {
		r.publish() // the lesson's codec may have changed
	}
}

// close takes the source out of the relay's sight; who is bound to it stays so.
func (r *remote) close() {
	if r.src != nil {
		r.src.Close()
		r.src = nil
	}
}

var _ track.Maker = (*remote)(nil)

// delays lists what is known of the ways of packets.
func (l *Link) delays() (out []SourceStats) {
	for i := range l.in {
		s := &l.in[i]
		s.mu.Lock()
		if s.bound {
			out = append(out, SourceStats{Lesson: s.key.Lesson, Origin: s.key.Origin, Source: s.key.Source, Layer: string(s.key.Layer),
				Peer: l.peer.Name, Delay: time.Duration(s.delay).Seconds()})
		}
		s.mu.Unlock()
	}
	return out
}
