// Package testbench judges the product from outside, with media that is really encoded and peers that are not the product's own pages.
//
//	lesson/     the synthetic lesson: its container, its frame stamps; lesson/make draws, reads aloud and encodes it
//	peer/       headless clients: a teacher that publishes by WHIP, a classroom that watches by WHEP and measures
//	peer/bare/  the least relay of stock pion, to measure beside and to test peers and pages against
//	link/       a network between two boxes, over real sockets, by a seed
//	scenario/   a lesson of three boxes under the conditions of a file, measured
//	report/     what was measured, as JSON, table and page
//	browser/    a real Chromium and Firefox for tests, and the pages that publish and watch with frame stamps
//	foreign/    clients that we did not write: aiortc, Firefox
//	scenarios/  the conditions and their limits; testdata/ the made lesson (see make-lesson.sh)
//
// A test runs a scenario in a few lines, see the example of Run.
package testbench

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"tongke/testbench/lesson"
	"tongke/testbench/report"
	"tongke/testbench/scenario"
)

var (
	//go:embed testdata/camera.clip
	cameraClip []byte
	//go:embed testdata/board.clip
	boardClip []byte
	//go:embed testdata/voice.clip
	voiceClip []byte
	//go:embed scenarios/*.toml
	scenarioFiles embed.FS
)

// Lesson is the synthetic lesson that this binary carries: one loop of the teacher's camera, the board and the voice.
func Lesson() (*lesson.Lesson, error) {
	return lesson.Parse(cameraClip, boardClip, voiceClip)
}

// media is the lesson with its index, made at the first run.
var media = sync.OnceValues(func() (*scenario.Media, error) {
	l, err := Lesson()
	if err != nil {
		return nil, fmt.Errorf("read the lesson: %w", err)
	}
	return scenario.NewMedia(l), nil
})

// order is that of a list for people: from the easy to the hard.
var order = []string{"clean", "county-fibre", "village-dsl", "loss-5", "loss-20", "burst", "jitter", "outage-25s", "udp-blocked", "bell"}

// ErrUnknownScenario is returned for a name that no embedded scenario has.
var ErrUnknownScenario = errors.New("no such scenario")

// Scenarios are all embedded scenarios.
func Scenarios() ([]*scenario.Scenario, error) {
	var all []*scenario.Scenario
	for _, name := range order {
		s, err := Scenario(name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Scenario is the embedded scenario of this name. A caller may change it: each call reads it anew.
func Scenario(name string) (*scenario.Scenario, error) {
	doc, err := scenarioFiles.ReadFile("scenarios/" + name + ".toml")
	if err != nil {
		return nil, fmt.Errorf("%.60q: %w", name, ErrUnknownScenario)
	}
	s, err := scenario.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("scenarios/%s.toml: %w", name, err)
	}
	return s, nil
}

// Options of Run. The zero value measures the program of the module that the test is in.
type Options struct {
	Program  string        // the tongke program to measure; "": built from source, once in a process
	Seed     uint64        // the same seed loses the same packets
	Length   time.Duration // measured; 0: as long as the scenario says
	Progress func(text string)

	BoxArgs []string // further arguments of each box's tongke run
	KeepDir string   // keeps the boxes' data and logs here
}

// Run runs a scenario in real time and measures it. Broken limits are no error: see the result's Passed and Limits.
func Run(ctx context.Context, s *scenario.Scenario, o Options) (*scenario.Result, error) {
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	return scenario.Run(ctx, s, opts)
}

// Real runs a scenario with Chromium pages in a network namespace behind the emulator: a member's classroom page beside one that watches a
// bare pion relay over the same line. It needs root, Linux and Chromium.
func Real(ctx context.Context, s *scenario.Scenario, o Options) (*report.Pages, error) {
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	return scenario.Real(ctx, s, opts)
}

func (o Options) options() (scenario.Options, error) {
	m, err := media()
	if err != nil {
		return scenario.Options{}, err
	}
	if o.Program == "" {
		if o.Program, err = program(); err != nil {
			return scenario.Options{}, err
		}
	}
	return scenario.Options{Program: o.Program, Media: m, Seed: o.Seed, Length: o.Length, Progress: o.Progress, BoxArgs: o.BoxArgs, KeepDir: o.KeepDir}, nil
}

// program builds tongke beside the build cache, so that it neither stays in the tree nor is left over in a temporary directory.
var program = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "tongke", "bench", "tongke")
	if out, err := exec.Command("go", "build", "-o", path, "tongke/cmd/tongke").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tongke: %w: %s", err, out)
	}
	return path, nil
})
