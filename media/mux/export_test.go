package mux

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// export writes a file and checks that it is as long as was said.
func export(t testing.TB, m *Movie, o ExportOptions) string {
	t.Helper()
	f, err := m.File(o)
	must(t, err)
	var b bytes.Buffer
	must(t, f.Write(context.Background(), &b))
	if int64(b.Len()) != f.Size {
		t.Errorf("%s: %d bytes, said %d", o.Format, b.Len(), f.Size)
	}
	path := filepath.Join(t.TempDir(), "lesson"+f.Extension)
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func TestExport(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 8*time.Second)...)
	m := index(t, s.end(t))
	for _, o := range []ExportOptions{
		{Format: MP4}, {Format: MP4, Streams: []string{"teacher"}}, {Format: MP4, Streams: []string{"board", "teacher", "voice"}},
		{Format: MKV}, {Format: MKV, Streams: []string{"voice"}}, {Format: Sound},
	} {
		path := export(t, m, o)
		clean(t, path)
		t.Log(o.Format, o.Streams, probe(t, path))
	}
}

func TestExportVP8(t *testing.T) {
	s := newStudio(t)
	makers := lesson(t, 8*time.Second)
	makers[0].clip, makers[1].clip = encoded(t, codec.VP8, "320x180"), encoded(t, codec.VP8, "640x360")
	s.record(t, makers...)
	m := index(t, s.end(t))
	for _, st := range m.Streams() {
		t.Logf("%s %s %d×%d %v gaps %v", st.Name, st.MIME, st.Width, st.Height, len(st.Fragments), st.Gaps)
		clean(t, file(t, m, st.Name))
	}
	for _, o := range []ExportOptions{{Format: WebM}, {Format: MKV}, {Format: Sound}} {
		path := export(t, m, o)
		clean(t, path)
		t.Log(o.Format, o.Streams, probe(t, path))
	}
}

// TestMarks: players find the chapters, in each format, and nothing else changes.
// TestFewPictures: however few pictures a file has, no two of them fall together at the rate that ffmpeg guesses.
func TestFewPictures(t *testing.T) {
	needFFmpeg(t)
	clip, voice := readClip(t, "camera"), readClip(t, "voice")
	step := time.Duration(clip.step) * time.Second / pictureScale
	for _, n := range []int{4, 5, 7, 10, 12, 15, 17, 20, 23, 26, 29} {
		for _, k := range []time.Duration{1, 2} {
			from := 300*time.Millisecond + k*41*time.Millisecond
			s := newStudio(t)
			s.record(t, &maker{track: teacherTrack, clip: clip, from: from, to: from + time.Duration(n)*step - step/2, delay: 30 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond},
				&maker{track: voiceTrack, clip: voice, from: k * 13 * time.Millisecond, to: 2 * time.Second, delay: 30 * time.Millisecond, jitter: 20 * time.Millisecond, captureErr: 2 * time.Millisecond})
			m := index(t, s.end(t))
			for _, format := range []string{MP4, MKV} {
				clean(t, export(t, m, ExportOptions{Format: format}))
			}
		}
	}
}

func TestMarks(t *testing.T) {
	s := newStudio(t)
	s.record(t, lesson(t, 8*time.Second)...)
	m := index(t, s.end(t))
	marks := []Mark{{0, "上课"}, {5 * time.Second, "缺 2 秒（文件损坏）"}, {3 * time.Second, "三河 " + strings.Repeat("长", 200)}, {time.Hour, "not in it"}}
	for _, o := range []ExportOptions{{Format: MP4, Marks: marks}, {Format: MKV, Marks: marks}, {Format: Sound, Marks: marks}} {
		path := export(t, m, o)
		clean(t, path)
		out, err := exec.Command("ffprobe", "-v", "error", "-show_chapters", "-of", "compact=nk=1:p=0", path).Output()
		must(t, err)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "上课") || !strings.Contains(lines[1], "三河") || !strings.Contains(lines[2], "缺 2 秒（文件损坏）") {
			t.Errorf("%s: %q", o.Format, lines)
		}
		t.Log(o.Format, string(out))
	}
}

// TestSeveralVoices: Matroska holds every voice of the lesson, and the sound alone is as long as the lesson.
func TestSeveralVoices(t *testing.T) {
	s := newStudio(t)
	makers := lesson(t, 12*time.Second)
	for i, campus := range []string{"sanhe", "wuyang", "guanyin"} {
		m := *makers[2]
		m.track = journal.Track{Origin: "box-" + campus, Campus: campus, Room: campus, Source: track.Voice}
		m.from, m.to = time.Duration(2+i)*time.Second, time.Duration(8+i)*time.Second
		makers = append(makers, &m)
	}
	s.record(t, makers...)
	m := index(t, s.end(t))
	path := export(t, m, ExportOptions{Format: MKV})
	clean(t, path)
	if p := probe(t, path); strings.Count(p, "codec_name=opus") != 4 || strings.Count(p, "codec_name=h264") != 2 {
		t.Error(p)
	}
	path = export(t, m, ExportOptions{Format: Sound})
	clean(t, path)
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "default=nk=1:nw=1", path).Output()
	must(t, err)
	length, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if d := m.Duration().Seconds(); err != nil || length < d-0.15 || length > d+0.15 { // the voice begins 100 ms after the journal
		t.Errorf("the sound lasts %v s, the lesson %v: %v", length, d, err)
	}
}
