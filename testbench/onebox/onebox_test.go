package onebox_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tongke/testbench"
	"tongke/testbench/onebox"
	"tongke/testbench/peer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func TestLessonThroughTheRelay(t *testing.T) {
	var log *slog.Logger
	if os.Getenv("TONGKE_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	box, err := onebox.Start(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}()
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	cfg := peer.Config{URL: box.URL, Lesson: "music-3", Token: "t", Log: log}
	teacher, err := peer.NewTeacher(cfg, l, true)
	if err != nil {
		t.Fatal(err)
	}
	classroom, err := peer.NewClassroom(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = teacher.Run(ctx) })
	wg.Go(func() { _ = classroom.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	end := time.Now().Add(15 * time.Second)
	for s := classroom.Stats(); s.Camera.Frames < 120 || s.Board.Frames < 40 || s.Voice.Voice < 150; s = classroom.Stats() {
		if time.Now().After(end) {
			t.Fatalf("not enough in 15 s: %+v\nteacher %+v", s, teacher.Stats())
		}
		time.Sleep(50 * time.Millisecond)
	}
	s := classroom.Stats()
	for name, track := range map[string]peer.TrackStats{"voice": s.Voice, "camera": s.Camera, "board": s.Board} {
		t.Logf("%s: %+v", name, track)
		if track.LossAfterPercent > 0.5 || track.LatencyMs.P50 > 50 || track.LatencyMs.P50 <= 0 {
			t.Errorf("%s: loss %.2f %%, latency %+v", name, track.LossAfterPercent, track.LatencyMs)
		}
	}
	if s.Voice.Codec != "red" {
		t.Errorf("voice comes as %s", s.Voice.Codec)
	}
}
