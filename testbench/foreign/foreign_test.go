package foreign

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/testbench"
	"tongke/testbench/browser"
	"tongke/testbench/onebox"
	"tongke/testbench/peer"
)

const lesson = "music-3"

func box(t *testing.T) *onebox.Box {
	t.Helper()
	b, err := onebox.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// python is Debian's own: aiortc is not installed for any other.
const python = "/usr/bin/python3"

func needAiortc(t *testing.T) {
	t.Helper()
	if err := exec.Command(python, "-c", "import aiortc").Run(); err != nil {
		t.Fatal("no aiortc: apt-get install python3-aiortc")
	}
}

// aiortc runs the client and decodes its one line of JSON.
func aiortc(ctx context.Context, t *testing.T, out any, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, python, append([]string{"aiortc_client.py"}, args...)...)
	cmd.Env = append(append(os.Environ(), "TOKEN=t"), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	line, err := cmd.Output()
	if err != nil {
		t.Errorf("aiortc %s: %v\n%s", args[0], err, stderr.String())
		return
	}
	if err := json.Unmarshal(line, out); err != nil {
		t.Errorf("aiortc %s: %v in %q", args[0], err, line)
	}
}

type sent struct {
	State        string
	Audio, Video int
	Deleted      int
}

type received struct {
	State                                              string
	AudioFrames, Loudest, VideoFrames, Width, Distinct int
	Deleted                                            int
}

// One aiortc publishes VP8 and Opus; another that was there before it, and one that comes later, see and hear it. aiortc never asks for a
// keyframe by itself: who comes later sees a picture only if the box begins with one.
func TestAiortcPublishesAndWatches(t *testing.T) {
	needAiortc(t)
	b := box(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var pub sent
	var early, late received
	var wg sync.WaitGroup
	// All three end by themselves, at the latest with ctx.
	wg.Go(func() { aiortc(ctx, t, &pub, nil, "publish", b.URL+"/whip/"+lesson, "14") })
	for len(b.Relay.Sources()) == 0 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	wg.Go(func() { aiortc(ctx, t, &early, nil, "watch", b.URL+"/whep/"+lesson, "8") })
	time.Sleep(4 * time.Second)
	wg.Go(func() { aiortc(ctx, t, &late, nil, "watch", b.URL+"/whep/"+lesson, "5") })
	wg.Wait()
	t.Logf("published %+v", pub)
	if pub.State != "connected" || pub.Audio < 400 || pub.Video < 50 || pub.Deleted != 200 {
		t.Errorf("published %+v", pub)
	}
	for name, got := range map[string]received{"early": early, "late": late} {
		t.Logf("%s watcher: %+v", name, got)
		if got.State != "connected" || got.Deleted != 200 {
			t.Errorf("%s watcher: %+v", name, got)
		}
		if got.AudioFrames < 120 || got.Loudest < 2000 {
			t.Errorf("%s watcher hears nothing: %+v", name, got)
		}
		if got.VideoFrames < 20 || got.Distinct < 15 || got.Width != 320 {
			t.Errorf("%s watcher sees nothing: %+v", name, got)
		}
	}
}

// A lesson in H264 and with redundant voice, which aiortc does not know: the box unpacks the sound for it.
func TestAiortcWatchesTheLesson(t *testing.T) {
	needAiortc(t)
	b := box(t)
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: b.URL, Lesson: lesson, Token: "teacher"}, l, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		_ = teacher.Run(ctx)
	}()
	defer func() { cancel(); <-done }()
	time.Sleep(2 * time.Second)
	var got received
	aiortc(ctx, t, &got, nil, "watch", b.URL+"/whep/"+lesson, "7")
	t.Logf("watched %+v", got)
	if !teacher.Stats().RED {
		t.Error("the voice was published without redundancy")
	}
	// 720p in Python: what it manages to decode is not the point.
	if got.State != "connected" || got.AudioFrames < 200 || got.Loudest < 1000 || got.VideoFrames < 20 || got.Width != 1280 || got.Distinct < 10 {
		t.Errorf("watched %+v", got)
	}
}

func TestFirefoxPublishesAndWatches(t *testing.T) {
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	b := box(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	r, err := Firefox(ctx, t.TempDir(), Job{Publish: b.URL + "/whip/" + lesson, Watch: b.URL + "/whep/" + lesson, Token: "t", Codec: "VP8", Seconds: 6})
	if err != nil {
		t.Fatal(err)
	}
	r.Stamps.Samples = nil
	t.Logf("%+v", *r)
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	if r.Published.State != "connected" || r.Published.Frames < 50 {
		t.Errorf("published %+v", r.Published)
	}
	if r.Watched.State != "connected" || r.Watched.Frames < 50 || r.Watched.Samples < 100000 || r.Watched.Concealed > r.Watched.Samples/10 {
		t.Errorf("watched %+v", r.Watched)
	}
	if r.Stamps.Distinct < 30 {
		t.Errorf("stamps %+v", r.Stamps)
	}
}
