package cascade

import (
	"net/netip"
	"testing"
	"time"

	"tongke/media/track"
)

func TestCandidatesOfADescription(t *testing.T) {
	sdp := "v=0\r\nm=audio 9 X\r\na=candidate:1 1 udp 5 127.0.0.1 1 typ host\r\na=candidate:2 1 tcp 4 127.0.0.1 1 typ host tcptype passive\r\na=mid:0\r\n" +
		"m=video 9 X\r\na=candidate:1 1 udp 5 127.0.0.1 1 typ host\r\na=end-of-candidates\r\n"
	if got, want := withoutCandidates(sdp), "v=0\r\nm=audio 9 X\r\na=mid:0\r\nm=video 9 X\r\na=end-of-candidates\r\n"; got != want {
		t.Errorf("without: %q, want %q", got, want)
	}
	one := "a=candidate:1 1 udp 2130706431 192.0.2.1 77 typ host\r\n"
	want := "v=0\r\nm=audio 9 X\r\n" + one + "a=mid:0\r\nm=video 9 X\r\n" + one + "a=end-of-candidates\r\n"
	if got := onlyCandidate(sdp, netip.MustParseAddrPort("192.0.2.1:77")); got != want {
		t.Errorf("only: %q, want %q", got, want)
	}
}

// All of a link's media takes the way that Via names, and none does when that way is shut.
func TestMediaGoesVia(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	w := wireTo(t, core)
	_ = member.node.call(func() { member.node.cfg.Via = w.udpAddr })
	core.invite(member)
	member.node.SetParents([]Parent{{Peer: core.peer(), Pin: core.key.pin, URLs: []string{w.url}}})
	settle(t, member, core)
	got := member.watch(core.publish("l1", track.Teacher).key)
	eventually(t, 3*time.Second, "media", func() bool { return got.count() > 50 })
	if r := member.stats(core).Rung; r != "udp" {
		t.Errorf("rung %q, want udp", r)
	}
	w.cut(true)
	time.Sleep(300 * time.Millisecond)
	n := got.count()
	time.Sleep(500 * time.Millisecond)
	if more := got.count() - n; more != 0 {
		t.Errorf("%d packets by another way", more)
	}
	w.cut(false)
	eventually(t, 5*time.Second, "media again", func() bool { return got.count() > n+20 })
}
