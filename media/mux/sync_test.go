package mux

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongke/media/codec"
)

// flashes is ten seconds in which the picture turns white for 100 ms and a tone of 100 ms sounds, both at 1 s.
func flashes(t *testing.T) (picture, sound *clip) {
	t.Helper()
	needFFmpeg(t)
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=black:size=64x64:rate=20", "-t", "10", "-vf", "drawbox=color=white:t=fill:enable='between(t,0.99,1.09)'",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-profile:v", "baseline", "-g", "80", "-sc_threshold", "0", "-f", "h264", "-").Output()
	must(t, err)
	picture = &clip{codec: codec.H264, step: 4500, units: accessUnits(out)}
	out, err = exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "aevalsrc='if(between(t,1,1.1),0.8*sin(2*PI*1000*t),0)':s=48000:d=10",
		"-c:a", "libopus", "-b:a", "32k", "-application", "voip", "-f", "ogg", "-").Output()
	must(t, err)
	sound = &clip{codec: codec.Opus, step: 960, units: oggPackets(out)[:500]}
	if len(picture.units) != 200 {
		t.Fatalf("%d pictures", len(picture.units))
	}
	return picture, sound
}

// oggPackets gives the packets behind the two headers.
func oggPackets(b []byte) (out []unit) {
	var packet []byte
	for len(b) > 27 {
		lacing := b[27 : 27+int(b[26])]
		b = b[27+len(lacing):]
		for _, n := range lacing {
			packet = append(packet, b[:n]...)
			if b = b[n:]; n < 255 {
				out = append(out, unit{packet, true})
				packet = nil
			}
		}
	}
	return out[2:]
}

// seen gives when the pictures of a file turn white.
func seen(t *testing.T, path string) (at []time.Duration) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-copyts", "-i", path, "-map", "0:v", "-vf", "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-", "-f", "null", "-").Output()
	must(t, err)
	var now time.Duration
	white := false
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if _, v, ok := strings.Cut(lines.Text(), "pts_time:"); ok {
			s, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			must(t, err)
			now = time.Duration(s * 1e9)
		} else if _, v, ok := strings.Cut(lines.Text(), "YAVG="); ok {
			y, err := strconv.ParseFloat(v, 64)
			must(t, err)
			if y > 128 && !white {
				at = append(at, now)
			}
			white = y > 128
		}
	}
	return at
}

// heard gives when the sound of a file begins after silence.
func heard(t *testing.T, path string) (at []time.Duration) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-copyts", "-i", path, "-map", "0:a", "-af", "aresample=async=1:min_hard_comp=0.01:first_pts=0", "-f", "s16le", "-ac", "1", "-ar", "48000", "-").Output()
	must(t, err)
	quiet := soundScale
	for i := 0; i+1 < len(out); i += 2 {
		v := int16(binary.LittleEndian.Uint16(out[i:]))
		if v > 6000 || v < -6000 {
			if quiet > soundScale/4 {
				at = append(at, time.Duration(i/2)*time.Second/soundScale)
			}
			quiet = 0
		}
		quiet++
	}
	return at
}

// TestSync decodes files and compares what is seen and heard with when it happened, while the media clocks run apart.
func TestSync(t *testing.T) {
	const length, ppm = 8 * time.Minute, 400
	s := newStudio(t)
	picture, sound := flashes(t)
	teacher := &maker{track: teacherTrack, clip: picture, from: 50 * time.Millisecond, to: length, ppm: -ppm, delay: 30 * time.Millisecond, jitter: 30 * time.Millisecond, captureErr: 4 * time.Millisecond}
	voice := &maker{track: voiceTrack, clip: sound, from: 50 * time.Millisecond, to: length, ppm: ppm, delay: 30 * time.Millisecond, jitter: 30 * time.Millisecond, captureErr: 4 * time.Millisecond}
	shots := s.record(t, teacher, voice)
	m := index(t, s.end(t))
	moments := func(shots []shot, unit int) (at []time.Duration) {
		for _, sh := range shots {
			if sh.unit == unit {
				at = append(at, sh.at)
			}
		}
		return at
	}
	for _, format := range []string{MP4, MKV} {
		path := export(t, m, ExportOptions{Format: format})
		for _, k := range []struct {
			name      string
			got, want []time.Duration
		}{{"seen", seen(t, path), moments(shots[0], 20)}, {"heard", heard(t, path), moments(shots[1], 50)}} {
			if len(k.got) != len(k.want) {
				t.Fatalf("%s: %s %d times, want %d", format, k.name, len(k.got), len(k.want))
			}
			errs := make([]time.Duration, len(k.got))
			for i := range k.got {
				errs[i] = k.got[i] - k.want[i]
			}
			least, most := slices.Min(errs), slices.Max(errs)
			t.Logf("%s: %s %v … %v", format, k.name, least, most)
			if least < -11*time.Millisecond || most > 11*time.Millisecond {
				t.Errorf("%s: %s between %v and %v off", format, k.name, least, most)
			}
		}
	}
}
