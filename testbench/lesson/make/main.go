// Command make draws, reads aloud and encodes the synthetic lesson of testbench/testdata. It needs ffmpeg, espeak-ng and the Noto CJK
// fonts; testbench/make-lesson.sh calls it. Nothing else needs those: the made files are part of the repository.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"tongke/media/codec"
	"tongke/testbench/lesson"
)

// The loop: 25 s hold a whole number of frames of both pictures, of voice packets, of slides and of keyframe distances.
const (
	seconds     = 25
	width       = lesson.StampWidth
	height      = lesson.StampHeight
	cameraFPS   = 30
	cameraGOP   = 30
	boardFPS    = 12
	boardGOP    = 20 // 1.67 s; three of them make a slide
	slideFrames = 60
	sampleRate  = 48000
)

func main() {
	out := flag.String("out", "testbench/testdata", "folder for the clips")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "make lesson:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	voice, err := makeVoice()
	if err != nil {
		return fmt.Errorf("voice: %w", err)
	}
	board, err := newBoard()
	if err != nil {
		return fmt.Errorf("board: %w", err)
	}
	camera, err := newCamera()
	if err != nil {
		return fmt.Errorf("camera: %w", err)
	}
	boardClip, err := encode(board.draw, seconds*boardFPS, boardFPS, boardGOP, []string{"-crf", "25", "-tune", "stillimage"})
	if err != nil {
		return fmt.Errorf("encode board: %w", err)
	}
	cameraClip, err := encode(camera.draw, seconds*cameraFPS, cameraFPS, cameraGOP,
		[]string{"-crf", "21", "-maxrate", "900k", "-bufsize", "600k"})
	if err != nil {
		return fmt.Errorf("encode camera: %w", err)
	}
	for name, c := range map[string]*lesson.Clip{
		"camera": cameraClip,
		"board":  boardClip,
		"voice":  {Codec: codec.Opus, Step: sampleRate / 50, Units: voice},
	} {
		file := c.AppendTo(nil)
		if err := os.WriteFile(filepath.Join(out, name+".clip"), file, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s: %d units, %v, %d bytes, %d kb/s\n", name, len(c.Units), c.Duration(), len(file), len(file)*8/seconds/1000)
	}
	return nil
}
