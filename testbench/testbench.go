// Package testbench judges the product from outside, with media that is really encoded and peers that are not the product's own pages.
//
//	lesson/    the synthetic lesson: its container, its frame stamps; lesson/make draws, reads aloud and encodes it
//	peer/      headless clients: a teacher that publishes by WHIP, a classroom that watches by WHEP and measures
//	peer/bare/ the least relay of stock pion, to measure beside and to test peers and pages against
//	browser/   a real Chromium and Firefox for tests, and the pages that publish and watch with frame stamps
//	foreign/   clients that we did not write: aiortc, Firefox
//	testdata/  the made lesson (see make-lesson.sh)
package testbench

import (
	_ "embed"

	"tongke/testbench/lesson"
)

var (
	//go:embed testdata/camera.clip
	cameraClip []byte
	//go:embed testdata/board.clip
	boardClip []byte
	//go:embed testdata/voice.clip
	voiceClip []byte
)

// Lesson is the synthetic lesson that this binary carries: one loop of the teacher's camera, the board and the voice.
func Lesson() (*lesson.Lesson, error) {
	return lesson.Parse(cameraClip, boardClip, voiceClip)
}
