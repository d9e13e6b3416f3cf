package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
	"tongke/testbench"
	"tongke/testbench/peer"
)

// ask calls a box as its administrator, through the control socket.
func ask(t *testing.T, dir, method, path string, in, out any) {
	t.Helper()
	ctl, err := dialControl(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := ctl.call(t.Context(), method, path, in, out); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// A lesson that is kept goes on in the same recording after a kill -9, with the hole named and less than a second of what had come lost.
func TestRecordingOutlivesAKill(t *testing.T) {
	clips, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	box := runBox(t, dir)
	at, err := readAddresses(dir)
	if err != nil {
		t.Fatal(err)
	}
	code, token, errs := tongke(t, "token", "--data", dir, "--lesson", "l1", "--role", "publish")
	if code != 0 {
		t.Fatalf("token: %s", errs)
	}
	ask(t, dir, http.MethodPost, "/api/v1/lessons", map[string]any{"id": "l1", "title": "音乐", "campuses": "all", "record": "keep"}, nil)
	teacher, err := peer.NewTeacher(peer.Config{URL: local(t, box), Lesson: "l1", Token: strings.TrimSpace(token)}, clips, true)
	if err != nil {
		t.Fatal(err)
	}
	background(t, teacher.Run)

	keys := func() *journal.KeyDir {
		k, err := journal.OpenKeys(filepath.Join(dir, "keys"))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	recording := filepath.Join(dir, "recordings", "l1")
	lasts := func(d time.Duration) func() bool {
		return func() bool {
			r, err := journal.Open(recording, keys())
			return err == nil && r.Duration() >= d
		}
	}
	eventually(t, 30*time.Second, "3 s of recording", lasts(3*time.Second))
	if err := box.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-box.done
	before, err := journal.Open(recording, keys())
	if err != nil {
		t.Fatal(err)
	}
	box = launch(t, dir, "run", "--config", "/dev/null", "--data", dir, "--listen", at.Listen[0], "--local", at.Local)
	box.waitReady()
	eventually(t, 30*time.Second, "3 s more", lasts(before.Duration()+4*time.Second))
	eventually(t, 10*time.Second, "the figure", func() bool {
		return strings.Contains(scrape(t, local(t, box)), "tongke_recorder_unsynced_seconds")
	})
	ask(t, dir, http.MethodPost, "/api/v1/lessons/l1/end", nil, nil)
	eventually(t, 10*time.Second, "the end", func() bool {
		r, err := journal.Open(recording, keys())
		return err == nil && !r.Live()
	})

	r, err := journal.Open(recording, keys())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, e := range r.Events() {
		names[e.Name]++
		if e.Name == journal.EventGap && e.Detail["cause"] == journal.CauseRestart && (e.At > before.Duration() || before.Duration()-e.At > time.Second) {
			t.Errorf("the hole begins at %v, the recording ended at %v", e.At, before.Duration())
		}
	}
	want := map[string]int{journal.EventMode: 1, journal.EventStart: 1, journal.EventGap: 1, journal.EventResume: 1, journal.EventEnd: 1}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", names, want)
	}
	got := map[string]int{}
	if err := r.Packets(0, 1<<62, nil, func(tr journal.Track, _ journal.Packet) error {
		got[tr.Source]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got[track.Teacher] == 0 || got[track.Board] == 0 || got[track.Voice] == 0 || len(got) != 3 {
		t.Errorf("packets %v", got)
	}
	eventually(t, 20*time.Second, "both parts in the library", func() bool {
		var one struct {
			Streams []struct {
				Name string
				AtMs []int64
			}
		}
		ask(t, dir, http.MethodGet, "/api/v1/recordings/l1", nil, &one)
		for _, s := range one.Streams {
			if n := len(s.AtMs); n == 0 || s.AtMs[n-1] < before.Duration().Milliseconds() {
				return false
			}
		}
		return len(one.Streams) == 3
	})
	if i := r.Info(); i.Title != "音乐" || i.Mode != journal.ModeKeep || i.Box == "" {
		t.Errorf("info %+v", i)
	}
}

// A member's box keeps what reaches its classroom anyway: its recording makes the uplink carry nothing more, and nothing any longer.
func TestMemberRecordsWhatFlows(t *testing.T) {
	clips, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	core, member := runBox(t, filepath.Join(dir, "core")), runBox(t, filepath.Join(dir, "member"))
	under(t, core, member, "--campus", "sanhe", "--name", "sanhe")
	code, token, errs := tongke(t, "token", "--data", core.dir, "--lesson", "l1", "--role", "publish")
	if code != 0 {
		t.Fatalf("token: %s", errs)
	}
	ask(t, core.dir, http.MethodPost, "/api/v1/lessons", map[string]any{"id": "l1", "title": "音乐", "campuses": "all", "record": "keep"}, nil)
	teacher, err := peer.NewTeacher(peer.Config{URL: local(t, core), Lesson: "l1", Token: strings.TrimSpace(token)}, clips, true)
	if err != nil {
		t.Fatal(err)
	}
	background(t, teacher.Run)
	carries := func(n int) func() bool {
		return func() bool {
			return strings.Contains(scrape(t, local(t, core)), fmt.Sprintf(`tongke_cascade_tracks{direction="out",peer="sanhe"} %d`, n))
		}
	}
	eventually(t, 20*time.Second, "a recording at the core", func() bool {
		_, err := os.Stat(filepath.Join(core.dir, "recordings", "l1"))
		return err == nil
	})
	if !carries(0)() {
		t.Error("the uplink carries what only a recorder could want")
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	seat, err := peer.NewClassroom(peer.Config{URL: local(t, member), Lesson: "l1"})
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() { defer close(left); _ = seat.Run(ctx) }() // ends with ctx
	eventually(t, 30*time.Second, "the lesson in the classroom", func() bool {
		s := seat.Stats()
		return s.Voice.Voice > 100 && s.Camera.Frames > 60 && s.Board.Frames > 0
	})
	leave()
	<-left
	eventually(t, 15*time.Second, "the end of what nobody watches", carries(0))
	ask(t, core.dir, http.MethodPost, "/api/v1/lessons/l1/end", nil, nil)

	keys, err := journal.OpenKeys(filepath.Join(member.dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	var r *journal.Reader
	eventually(t, 10*time.Second, "the end of the member's recording", func() bool {
		r, err = journal.Open(filepath.Join(member.dir, "recordings", "l1"), keys)
		return err == nil && !r.Live()
	})
	got := map[string]int{}
	for _, tr := range r.Tracks() {
		got[tr.Source] += r.Count(tr.ID).Packets
		if tr.Source == track.Voice && tr.Codec != codec.Opus {
			t.Errorf("voice is kept as %v", tr.Codec)
		}
	}
	if got[track.Voice] < 100 || got[track.Teacher] == 0 || got[track.Board] == 0 || len(got) != 3 {
		t.Errorf("the member has kept %v", got)
	}
	if i := r.Info(); i.Campus != "sanhe" || i.Title != "音乐" {
		t.Errorf("info %+v", i)
	}
}
