package peer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"tongke/testbench"
	"tongke/testbench/peer"
	"tongke/testbench/peer/bare"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// lessonThrough starts a relay, a teacher and a classroom; they end with the test.
func lessonThrough(t *testing.T, drop bare.Drop) (*httptest.Server, *peer.Teacher, *peer.Classroom) {
	t.Helper()
	relay, err := bare.New(drop)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(relay)
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	cfg := peer.Config{URL: server.URL, Lesson: "music-3", Token: "t"}
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
	wg.Go(func() { _ = teacher.Run(ctx) })   // both return nil when ctx
	wg.Go(func() { _ = classroom.Run(ctx) }) // has ended
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		relay.Close()
		server.Close()
	})
	return server, teacher, classroom
}

// eventually waits until ok, or fails.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", within, what)
}

func TestLessonReachesTheClassroom(t *testing.T) {
	_, teacher, classroom := lessonThrough(t, nil)
	eventually(t, 15*time.Second, "100 pictures, 30 boards and 3 s of voice", func() bool {
		s := classroom.Stats()
		return s.Camera.Frames > 100 && s.Board.Frames > 30 && s.Voice.Voice > 150
	})
	s := classroom.Stats()
	if !teacher.Stats().RED || s.Voice.Codec != "red" || s.Camera.Codec != "h264" {
		t.Errorf("voice comes as %s, camera as %s", s.Voice.Codec, s.Camera.Codec)
	}
	for name, track := range map[string]peer.TrackStats{"voice": s.Voice, "camera": s.Camera, "board": s.Board} {
		if track.LossAfterPercent > 0.5 {
			t.Errorf("%s: %.2f %% lost on loopback", name, track.LossAfterPercent)
		}
		// The bare relay passes no capture times, so this comes from its sender reports.
		if track.LatencyMs.P50 <= 0 || track.LatencyMs.P50 > 100 {
			t.Errorf("%s: latency %+v", name, track.LatencyMs)
		}
		t.Logf("%s: %+v", name, track)
	}
}

func TestLossIsRepaired(t *testing.T) {
	_, _, classroom := lessonThrough(t, func(h *rtp.Header) bool { return h.SequenceNumber%20 == 7 })
	eventually(t, 15*time.Second, "150 pictures", func() bool { return classroom.Stats().Camera.Frames > 150 })
	s := classroom.Stats()
	if b := s.Camera.LossBeforePercent; b < 2 || b > 8 {
		t.Errorf("camera: %.2f %% lost before repair, want about 5", b)
	}
	if a := s.Camera.LossAfterPercent; a > 1 {
		t.Errorf("camera: %.2f %% lost after repair", a)
	}
	if b := s.Voice.LossBeforePercent; b < 2 || b > 8 {
		t.Errorf("voice: %.2f %% lost, want about 5", b)
	}
	// Redundancy brings each lost frame 20 ms later. Where the machine stood still, the camera froze too.
	if c := s.Voice.Concealed; c > s.Voice.Voice/50+uint64(s.Camera.Frozen/(20*time.Millisecond)) {
		t.Errorf("voice: %d of %d frames concealed", s.Voice.Concealed, s.Voice.Voice)
	}
	t.Logf("camera: %+v", s.Camera)
	t.Logf("voice: %+v", s.Voice)
}

func TestPeersComeBack(t *testing.T) {
	var mu sync.Mutex
	var relay *bare.Relay
	start := func() {
		r, err := bare.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		relay = r
		mu.Unlock()
	}
	start()
	current := func() *bare.Relay {
		mu.Lock()
		defer mu.Unlock()
		return relay
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current().ServeHTTP(w, r) }))
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	cfg := peer.Config{URL: server.URL, Lesson: "music-3"}
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
	defer func() {
		cancel()
		wg.Wait()
		current().Close()
		server.Close()
	}()
	eventually(t, 15*time.Second, "the first pictures", func() bool { return classroom.Stats().Camera.Frames > 10 })
	old := current()
	start()
	old.Close()
	before := classroom.Stats()
	eventually(t, 15*time.Second, "pictures from the new relay", func() bool {
		s := classroom.Stats()
		return s.Sessions > before.Sessions && s.Camera.Frames > before.Camera.Frames+10
	})
	s := classroom.Stats()
	if s.Camera.Freezes == 0 {
		t.Error("the outage was no freeze")
	}
	t.Logf("longest freeze %v, %d of %d voice frames concealed", s.Camera.Longest, s.Voice.Concealed, s.Voice.Voice)
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []peer.Config{{}, {URL: "127.0.0.1:8080", Lesson: "a"}, {URL: "ftp://a", Lesson: "a"}, {URL: "http://127.0.0.1:1"}} {
		if _, err := peer.NewClassroom(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.NewHTTPClient(file); err == nil {
		t.Error("a file without a certificate was taken")
	}
}
