package cascade

import (
	"strings"
	"testing"
	"time"

	"tongke/media/track"
)

func TestCuts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		out    time.Duration
		within time.Duration // after the link is back
		links  uint64        // 1: the old path came back
	}{
		{"1 s", time.Second, time.Second, 1},
		{"5 s", 5 * time.Second, 3 * time.Second, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			core, member, sister := newBox(t, "core"), newBox(t, "member"), newBox(t, "sister")
			w := wireTo(t, core)
			member.node.SetParents([]Parent{w.through(member, core)})
			sister.join(core)
			settle(t, member, core)
			settle(t, sister, core)
			teacher, voice := core.publish("l1", track.Teacher), core.publish("l1", track.Voice)
			own := member.publish("l1", track.Pupils)
			got, heard, other, local := member.watch(teacher.key), member.watch(voice.key), sister.watch(teacher.key), member.watch(own.key)
			eventually(t, 3*time.Second, "media", func() bool { return got.count() > 20 && heard.count() > 20 && other.count() > 20 && local.count() > 20 })

			w.cut(true)
			cutAt := time.Now()
			time.Sleep(tt.out)
			if n := len(member.rel.Sources()); n != 3 {
				t.Errorf("member knows %d sources in the cut, want 3", n)
			}
			before, beforeVoice := got.count(), heard.count()
			w.cut(false)
			back := time.Now()
			took := eventually(t, tt.within, "voice again", func() bool { return heard.count() > beforeVoice+5 })
			tookPicture := eventually(t, tt.within+2*time.Second, "picture again", func() bool { return got.count() > before+10 })
			t.Logf("voice %s, picture %s after the link was back; %d links", took, tookPicture, member.stats(core).Links)
			if n := member.stats(core).Links; tt.links != 0 && n != tt.links {
				t.Errorf("%d links, want %d", n, tt.links)
			}
			smooth(t, "sister", other, cutAt, back)
			smooth(t, "member's own", local, cutAt, back)
			time.Sleep(time.Second)
			if n := core.stats(member).TracksOut; n != 2 {
				t.Errorf("%d tracks after recovery, want 2", n)
			}
		})
	}
}

// smooth fails if a watcher had a gap of more than 400 ms, stretched by slack, between two times.
func smooth(t *testing.T, who string, w *watcher, from, to time.Time) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	last := from
	for _, at := range w.at {
		if at.After(from) && at.Before(to) {
			if d := at.Sub(last); d > 400*time.Millisecond*slack {
				t.Errorf("%s: nothing for %s", who, d)
			}
			last = at
		}
	}
	if d := to.Sub(last); d > 400*time.Millisecond*slack {
		t.Errorf("%s: nothing for the last %s", who, d)
	}
}

func TestUDPBlockedFromTheStart(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	w := wireTo(t, core)
	w.noUDP.Store(true)
	member.node.SetParents([]Parent{w.through(member, core)})
	t.Logf("up by the tunnel after %s", settle(t, member, core))
	if r := member.stats(core).Rung; r != "tunnel" {
		t.Errorf("rung %q, want tunnel", r)
	}
	if r := core.stats(member).Rung; r != "tunnel" {
		t.Errorf("core sees rung %q, want tunnel", r)
	}
	teacher := core.publish("l1", track.Teacher)
	got := member.watch(teacher.key)
	eventually(t, 3*time.Second, "media", func() bool { return got.count() > 50 })
}

func TestUDPDiesInLesson(t *testing.T) {
	t.Parallel()
	core, member := newBox(t, "core"), newBox(t, "member")
	w := wireTo(t, core)
	member.node.SetParents([]Parent{w.through(member, core)})
	settle(t, member, core)
	voice := core.publish("l1", track.Voice)
	teacher := core.publish("l1", track.Teacher)
	heard, got := member.watch(voice.key), member.watch(teacher.key)
	eventually(t, 3*time.Second, "media", func() bool { return heard.count() > 20 && got.count() > 20 })
	w.noUDP.Store(true)
	time.Sleep(200 * time.Millisecond)
	n, m := heard.count(), got.count()
	took := eventually(t, 5*time.Second, "voice by the tunnel", func() bool { return heard.count() > n+5 })
	picture := eventually(t, 5*time.Second, "picture by the tunnel", func() bool { return got.count() > m+5 })
	t.Logf("voice after %s, picture after %s", took+200*time.Millisecond, took+picture+200*time.Millisecond)
	if r := member.stats(core).Rung; r != "tunnel" {
		t.Errorf("rung %q, want tunnel", r)
	}
	// UDP comes back: the next look for something better finds it.
	w.noUDP.Store(false)
	eventually(t, 15*time.Second, "back on UDP", func() bool { return member.stats(core).Rung == "udp" })
	n = heard.count()
	eventually(t, time.Second, "voice by UDP", func() bool { return heard.count() > n+20 })
}

func TestOneWayDies(t *testing.T) {
	t.Parallel()
	core, member := newBox(t, "core"), newBox(t, "member")
	w := wireTo(t, core)
	member.node.SetParents([]Parent{w.through(member, core)})
	settle(t, member, core)
	voice := core.publish("l1", track.Voice)
	heard := member.watch(voice.key)
	eventually(t, 3*time.Second, "media", func() bool { return heard.count() > 20 })
	deaf := func(toParent bool, _ []byte) bool { return toParent } // the parent is still heard, but hears nothing
	w.filter.Store(&deaf)
	took := eventually(t, 8*time.Second, "link by the tunnel", func() bool { return member.stats(core).Rung == "tunnel" })
	t.Logf("tunnel after %s", took)
}

func TestTunnelByProxy(t *testing.T) {
	core := newBox(t, "core")
	w := wireTo(t, core)
	w.cut(true) // no direct way
	p := newProxy(t, strings.TrimPrefix(w.url, "https://"), strings.TrimPrefix(core.url, "https://"))
	member := newBox(t, "member", withProxy(p.url))
	member.node.SetParents([]Parent{w.through(member, core)})
	t.Logf("up by the proxy after %s", settle(t, member, core))
	if r := member.stats(core).Rung; r != "proxy" {
		t.Errorf("rung %q, want proxy", r)
	}
	if p.used.Load() == 0 || p.wrong.Load() != 0 {
		t.Errorf("proxy used %d times, %d without the password", p.used.Load(), p.wrong.Load())
	}
	voice := core.publish("l1", track.Voice)
	heard := member.watch(voice.key)
	eventually(t, 3*time.Second, "media", func() bool { return heard.count() > 20 })
}
