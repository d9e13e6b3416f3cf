package main

import (
	"bytes"
	"fmt"
	"image"
	"os/exec"
	"strconv"

	"tongke/media/codec"
	"tongke/testbench/lesson"
)

// encode draws count frames and has them encoded as H264 constrained baseline, level 3.1, without B-frames and with parameter sets
// before each keyframe. draw returns the value of the frame's stamp.
func encode(draw func(m *image.RGBA, n int) uint32, count, fps, gop int, quality []string) (*lesson.Clip, error) {
	args := []string{"-v", "error", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", fmt.Sprintf("%dx%d", width, height), "-r", strconv.Itoa(fps), "-i", "-",
		"-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
		"-c:v", "libx264", "-preset", "slow", "-profile:v", "baseline", "-level:v", "3.1", "-threads", "2",
		"-x264-params", fmt.Sprintf("keyint=%d:min-keyint=%d:scenecut=0:bframes=0:ref=1:repeat-headers=1:sliced-threads=0:slices=1:open-gop=0", gop, gop)}
	args = append(append(args, quality...), "-f", "h264", "-")
	cmd := exec.Command("ffmpeg", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for n := range count {
		drawStamp(m, draw(m, n))
		if _, err := in.Write(m.Pix); err != nil {
			break // Wait below tells why
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, stderr.String())
	}
	units := frames(stdout.Bytes())
	if len(units) != count {
		return nil, fmt.Errorf("%d frames encoded, want %d", len(units), count)
	}
	return &lesson.Clip{Codec: codec.H264, Step: codec.H264.ClockRate() / uint32(fps), Units: units}, nil
}

// H264 NAL unit types (ITU-T H.264 table 7-1).
const (
	nalSlice = 1
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
)

// frames cuts an Annex B stream with one slice a frame into frames; what is neither slice nor parameter set (the encoder's own remarks) is left out.
func frames(stream []byte) []lesson.Unit {
	var units []lesson.Unit
	var unit lesson.Unit
	for _, nal := range lesson.NALs(stream) {
		kind := nal[0] & 0x1f
		switch kind {
		case nalSlice, nalIDR, nalSPS, nalPPS:
			unit.Data = append(append(unit.Data, 0, 0, 0, 1), nal...)
		}
		if kind == nalSlice || kind == nalIDR {
			unit.Keyframe = kind == nalIDR
			units = append(units, unit)
			unit = lesson.Unit{}
		}
	}
	return units
}
