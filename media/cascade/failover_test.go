package cascade

import (
	"testing"
	"time"

	"tongke/media/track"
)

// Two parents below one root: when the first dies the second takes over, and the same subscriber goes on.
func TestFailover(t *testing.T) {
	t.Parallel()
	root, first, second, room := newBox(t, "root"), newBox(t, "first"), newBox(t, "second"), newBox(t, "room")
	first.join(root)
	second.join(root)
	settle(t, first, root)
	settle(t, second, root)
	w := wireTo(t, first)
	pFirst := w.through(room, first)
	second.invite(room)
	room.node.SetParents([]Parent{pFirst, {Peer: second.peer(), Pin: second.key.pin, URLs: []string{second.url}}})
	settle(t, room, first)
	// The second parent is reached without the wire.
	_ = room.node.call(func() { room.node.mangleOffer = nil })
	voice, own := root.publish("l1", track.Voice), room.publish("l1", track.Pupils)
	heard, seen := room.watch(voice.key), root.watch(own.key)
	eventually(t, 5*time.Second, "media", func() bool { return heard.count() > 20 && seen.count() > 20 })
	links := room.stats(first).Links
	w.cut(true)
	time.Sleep(100 * time.Millisecond)
	n, m := heard.count(), seen.count()
	took := eventually(t, 6*time.Second, "voice by the second parent", func() bool { return heard.count() > n+5 })
	tookUp := eventually(t, 6*time.Second, "pupils by the second parent", func() bool { return seen.count() > m+5 })
	t.Logf("voice after %s, the way up after %s", took+100*time.Millisecond, took+tookUp+100*time.Millisecond)
	if !room.stats(second).Up {
		t.Error("the second parent is not linked")
	}
	// Back to the first when it can be had again, with no gap.
	w.cut(false)
	eventually(t, 25*time.Second, "first parent again", func() bool { return room.stats(first).Up && room.stats(first).Links > links })
	at := time.Now()
	time.Sleep(2 * time.Second)
	smooth(t, "room", heard, at.Add(-500*time.Millisecond), at.Add(1500*time.Millisecond))
	if room.stats(second).Up {
		t.Error("the second parent is still linked")
	}
	// What an orderly parent says at its end is used at once.
	first.stop()
	n = heard.count()
	took = eventually(t, 3*time.Second, "voice after bye", func() bool { return heard.count() > n+5 })
	t.Logf("voice %s after the parent's end", took)
}

func TestAlternatives(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	core.invite(member)
	// The only URL known is dead; the parent named another in its bye once.
	_ = member.node.call(func() { member.node.dial.alternatives = []string{core.url} })
	_ = member.node.call(func() {
		member.node.dial.parents = []Parent{{Peer: core.peer(), Pin: core.key.pin, URLs: []string{"https://127.0.0.1:1"}}}
	})
	settle(t, member, core)
}
