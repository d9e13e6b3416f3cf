package ingest

import (
	"testing"
	"testing/synctest"
	"time"
)

// publisher posts an offer and returns the connection made for it.
func (g *rig) publisher(t *testing.T, token string) *fakePeer {
	t.Helper()
	if r := g.post("/whip/math", token, load(t, "obs-publish.sdp")); r.StatusCode != 201 {
		t.Fatal(text(t, r))
	}
	return g.last()
}

func TestNeverConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		p := g.publisher(t, "pub-a")
		time.Sleep(19 * time.Second)
		if p.count() != 0 {
			t.Error("ended early")
		}
		time.Sleep(2 * time.Second)
		if s := g.Stats(); p.count() != 1 || s.Publishers != 0 || s.Lost != 1 || g.lessons.present("math/teacher") != 0 {
			t.Errorf("closed %d times, %+v", p.count(), s)
		}
		g.publisher(t, "pub-b") // the seat is free
		g.halt()
	})
}

func TestHiccupAndLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		p := g.publisher(t, "pub-a")
		p.x.setConnected(true)
		time.Sleep(time.Hour)
		// pion tells of a loss 5 s after the last packet; 5 s later the radio is back.
		p.x.setConnected(false)
		time.Sleep(5 * time.Second)
		p.x.setConnected(true)
		time.Sleep(time.Minute)
		if p.count() != 0 {
			t.Fatal("a hiccup ended the session")
		}
		p.x.setConnected(false)
		time.Sleep(3 * time.Second)
		p.x.setConnected(false) // told twice: the first counts
		time.Sleep(8 * time.Second)
		if p.count() != 1 || g.Stats().Lost != 1 {
			t.Errorf("a dead session stays: %+v", g.Stats())
		}
		g.halt()
	})
}

func TestClosedByPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		p := g.publisher(t, "pub-a")
		p.x.setConnected(true)
		p.x.setDead()
		synctest.Wait()
		if p.count() != 1 {
			t.Error("not ended at once")
		}
		g.halt()
	})
}

func TestReplacementWithoutMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		a := g.publisher(t, "pub-a")
		a.x.setConnected(true)
		a.x.setStarted()
		b := g.publisher(t, "pub-a")
		time.Sleep(9 * time.Second)
		if a.count() != 0 {
			t.Error("cut before the successor had a chance")
		}
		time.Sleep(2 * time.Second)
		if a.count() != 1 || b.count() != 0 {
			t.Error("the replaced publisher stays")
		}
		// A second return while the first has not connected yet, and the newest fails at once.
		c := g.publisher(t, "pub-a")
		c.x.setDead()
		synctest.Wait()
		time.Sleep(time.Second)
		if b.count() != 1 || c.count() != 1 || g.Stats().Publishers != 0 || g.lessons.present("math/teacher") != 0 {
			t.Errorf("%+v", g.Stats())
		}
		g.halt()
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		p := g.publisher(t, "pub-a")
		g.halt()
		if p.count() != 1 || g.Stats().Publishers != 0 {
			t.Error("Run returned before its sessions had ended")
		}
		r := g.post("/whip/math", "pub-a", load(t, "obs-publish.sdp"))
		expect(t, r, 503, "stopping")
	})
}

func TestReasonsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		loc := g.post("/whip/math", "pub-a", load(t, "obs-publish.sdp")).Header.Get("Location")
		g.CloseLesson("math")
		synctest.Wait()
		expect(t, g.do("GET", loc, ""), 410, "lesson-ended")
		time.Sleep(goneFor + time.Second)
		expect(t, g.do("GET", loc, ""), 404, "session-unknown")
		g.halt()
	})
}

func TestLimits(t *testing.T) {
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	bad := Limits{Publishers: 0, Subscribers: 20000, ConnectWithin: time.Millisecond, LostFor: time.Hour, ReplaceWithin: -1}
	if err := bad.Validate(); err == nil || len(err.(interface{ Unwrap() []error }).Unwrap()) != 5 {
		t.Errorf("%v", err)
	}
}
