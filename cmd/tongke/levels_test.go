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

// TestThreeLevels teaches at the core, for one room only, whose box hangs below its campus's box. That room sees and hears the lesson;
// another campus may not, and nothing of the lesson crosses the link to it.
func TestThreeLevels(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four daemons for some seconds")
	}
	dir := t.TempDir()
	core, campus, room, other := runBox(t, filepath.Join(dir, "core")), runBox(t, filepath.Join(dir, "campus")), runBox(t, filepath.Join(dir, "room")), runBox(t, filepath.Join(dir, "other"))
	under(t, core, campus, "--campus", "sanhe", "--name", "sanhe")
	under(t, core, other, "--campus", "wuyang", "--name", "wuyang")
	under(t, campus, room, "--campus", "sanhe", "--classroom", "r1", "--name", "sanhe-r1")

	ctl, err := dialControl(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	spec := map[string]any{"id": "l1", "title": "音乐", "campuses": []string{"sanhe/r1"}}
	if err := ctl.call(t.Context(), "POST", "/api/v1/lessons", spec, nil); err != nil {
		t.Fatal(err)
	}
	_, token, _ := tongke(t, "token", "--data", core.dir, "--lesson", "l1", "--role", "publish")
	clips, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: local(t, core), Lesson: "l1", Token: strings.TrimSpace(token)}, clips, true)
	if err != nil {
		t.Fatal(err)
	}
	background(t, teacher.Run)
	seat, err := peer.NewClassroom(peer.Config{URL: local(t, room), Lesson: "l1"})
	if err != nil {
		t.Fatal(err)
	}
	background(t, seat.Run)
	eventually(t, 15*time.Second, "voice, teacher and board in the room", func() bool {
		s := seat.Stats()
		return s.Voice.Voice > 50 && s.Camera.Frames > 30 && s.Board.Frames > 0
	})

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
	for _, want := range []string{`tongke_cascade_tracks{direction="out",peer="sanhe"} 3`, `tongke_cascade_tracks{direction="out",peer="wuyang"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("core has no %s", want)
		}
	}
}
