package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/testbench"
	"tongke/testbench/peer"
)

// TestThreeLevels teaches at the core, for one room only, whose box hangs below its campus's box, and for a campus that hangs below another
// one. Those see and hear the lesson; another campus may not, and nothing of the lesson crosses the link to it.
func TestThreeLevels(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four daemons for some seconds")
	}
	dir := t.TempDir()
	core, campus, room, other := runBox(t, filepath.Join(dir, "core")), runBox(t, filepath.Join(dir, "campus")), runBox(t, filepath.Join(dir, "room")), runBox(t, filepath.Join(dir, "other"))
	far := runBox(t, filepath.Join(dir, "far"))
	under(t, core, campus, "--campus", "sanhe", "--name", "sanhe")
	under(t, core, other, "--campus", "wuyang", "--name", "wuyang")
	under(t, campus, room, "--campus", "sanhe", "--classroom", "r1", "--name", "sanhe-r1")
	under(t, campus, far, "--campus", "guanyin", "--name", "guanyin")

	ctl, err := dialControl(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	clips, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []struct {
		id, member string
		at         *process
	}{{"l1", "sanhe/r1", room}, {"l2", "guanyin", far}} {
		spec := map[string]any{"id": l.id, "title": "音乐", "campuses": []string{l.member}}
		if err := ctl.call(t.Context(), "POST", "/api/v1/lessons", spec, nil); err != nil {
			t.Fatal(err)
		}
		_, token, _ := tongke(t, "token", "--data", core.dir, "--lesson", l.id, "--role", "publish")
		teacher, err := peer.NewTeacher(peer.Config{URL: local(t, core), Lesson: l.id, Token: strings.TrimSpace(token)}, clips, true)
		if err != nil {
			t.Fatal(err)
		}
		background(t, teacher.Run)
		seat, err := peer.NewClassroom(peer.Config{URL: local(t, l.at), Lesson: l.id})
		if err != nil {
			t.Fatal(err)
		}
		background(t, seat.Run)
		eventually(t, 15*time.Second, "voice, teacher and board at "+l.member, func() bool {
			s := seat.Stats()
			return s.Voice.Voice > 50 && s.Camera.Frames > 30 && s.Board.Frames > 0
		})
	}

	offer, err := os.ReadFile(filepath.Join("..", "..", "media", "ingest", "testdata", "aiortc-watch.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := noKeepAlive.Post(local(t, other)+"/whep/l1", "application/sdp", strings.NewReader(string(offer)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a campus that does not attend: %s, want 403", res.Status)
	}
	metrics := scrape(t, local(t, core))
	for _, want := range []string{`tongke_cascade_tracks{direction="out",peer="sanhe"} 6`, `tongke_cascade_tracks{direction="out",peer="wuyang"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("core has no %s", want)
		}
	}
}
